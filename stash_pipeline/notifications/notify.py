"""One round: stores causes that are new, forgets those that ended, and sends what is due.

``ops.notifications`` has one row per cause, so that each is sent once, whichever process does the round. A cause that
ended and comes back is sent again. An attempt is counted before it is made: if a process is killed in between, it is
sent once more after a pause.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Final

from stash_pipeline.errors import UserError
from stash_pipeline.notifications.causes import IMPORTED, UNREACHABLE, Cause, causes
from stash_pipeline.notifications.quiet_hours import quiet_hours
from stash_pipeline.notifications.sending import addresses, send
from stash_pipeline.notifications.templates import RESOLVED, text_of, text_of_cause
from stash_pipeline.settings import Settings
from stash_pipeline.warehouse.connect import Connection

_MOST_ATTEMPTS: Final = 6
_FIRST_WAIT: Final = 60
_AT_ONCE: Final = 20
_KEEP_DAYS: Final = 30

_RAISE: Final = """
INSERT INTO ops.notifications AS n (cause, kind, subject, title, body, resolved_at, next_attempt_at)
VALUES (%(cause)s, %(kind)s, %(subject)s, %(title)s, %(body)s, CASE WHEN %(event)s THEN now() END,
    now() + make_interval(secs => %(wait)s))
ON CONFLICT (cause) DO UPDATE SET
    title = excluded.title, body = excluded.body, raised_at = now(), sent_at = NULL, resolved_at = NULL, attempts = 0,
    next_attempt_at = excluded.next_attempt_at, error = NULL
WHERE n.resolved_at IS NOT NULL AND NOT %(event)s
RETURNING cause"""

_RESOLVE: Final = """
UPDATE ops.notifications SET resolved_at = now() WHERE resolved_at IS NULL AND NOT cause = ANY(%s)
RETURNING cause, kind, subject, title, sent_at IS NOT NULL"""

# what ended before it was sent is not sent, but events are; an old event is no news
_CLAIM: Final = """
UPDATE ops.notifications AS n
SET attempts = attempts + 1, next_attempt_at = now() + make_interval(secs => %(first)s * 2 ^ least(attempts, 10))
WHERE n.cause = (
    SELECT cause FROM ops.notifications
    WHERE sent_at IS NULL AND attempts < %(most)s AND next_attempt_at <= now()
        AND (resolved_at IS NULL
            OR (kind = 'imported' OR cause LIKE '%%:resolved') AND raised_at > now() - interval '1 day')
    ORDER BY raised_at, cause LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING cause, title, body"""


@dataclass
class Round:
    """What a round did.

    Attributes:
        raised, resolved: causes that are new, and that ended.
        sent: titles. problems: why something could not be sent.
        quiet: whether nothing was sent because of the quiet hours.
    """

    raised: list[str] = field(default_factory=list)
    resolved: list[str] = field(default_factory=list)
    sent: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    quiet: bool = False

    def sentence(self) -> str:
        """The round in one line."""
        parts = [f"sent {', '.join(self.sent)}"] if self.sent else []
        parts += [f"not sent: {'; '.join(dict.fromkeys(self.problems))}"] if self.problems else []
        parts += ["quiet hours"] if self.quiet else []
        parts += [f"resolved {', '.join(self.resolved)}"] if self.resolved else []
        return "; ".join(parts) or "Nothing to send."


def notify(
    connection: Connection,
    settings: Settings,
    unreachable: Mapping[str, str] | None = None,
    *,
    now: Callable[[], datetime] = lambda: datetime.now(timezone.utc),
) -> Round:
    """One round.

    Args:
        connection: in autocommit mode.
        unreachable: the error of each server that does not respond; None if that is not known.

    Raises:
        UserError: if the addresses or templates are not usable.
    """
    urls = addresses(settings)
    present = causes(connection, settings, unreachable or {})
    if unreachable is None:
        rows = connection.execute(
            "SELECT cause, subject FROM ops.notifications WHERE kind = %s AND resolved_at IS NULL", [UNREACHABLE]
        )
        present += [Cause(cause, UNREACHABLE, subject) for cause, subject in rows.fetchall()]
    done = Round()
    # news that nobody wanted must not be sent once an address is configured
    present = [cause for cause in present if urls or cause.kind != IMPORTED]
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(hashtext('stash_pipeline notifications'))")
        for cause in present:
            if _raise(connection, settings, cause):
                done.raised.append(cause.key)
        _resolve(connection, settings, [cause.key for cause in present], done)
        connection.execute(
            "DELETE FROM ops.notifications WHERE resolved_at < now() - make_interval(days => %s)", [_KEEP_DAYS]
        )
    quiet = settings.notify_quiet_hours
    done.quiet = bool(urls and quiet and quiet_hours(quiet).contain(now()))
    if urls and not done.quiet:
        _send_due(connection, urls, done)
    return done


def send_test(settings: Settings) -> None:
    """Sends a test to every address.

    Raises:
        UserError: if there is none, or one does not accept it.
    """
    urls = addresses(settings)
    if not urls:
        raise UserError(
            "No address is configured; set STASH_PIPELINE_NOTIFY_URLS, for example to mailto:// or ntfy://."
        )
    problems = send(urls, *text_of("test", {}, settings.notify_templates))
    if problems:
        raise UserError(f"The test was not delivered: {'; '.join(problems)}. Check the addresses and the network.")


def _raise(connection: Connection, settings: Settings, cause: Cause) -> bool:
    title, body = text_of_cause(cause, settings.notify_templates)
    row = connection.execute(
        _RAISE,
        {
            "cause": cause.key,
            "kind": cause.kind,
            "subject": cause.subject,
            "title": title,
            "body": body,
            "event": cause.event,
            # a server that restarts is no news
            "wait": settings.notify_unreachable_minutes * 60 if cause.kind == UNREACHABLE else 0,
        },
    ).fetchone()
    return row is not None


def _resolve(connection: Connection, settings: Settings, present: list[str], done: Round) -> None:
    for cause, kind, subject, title, sent in connection.execute(_RESOLVE, [present]).fetchall():
        done.resolved.append(cause)
        if sent and settings.notify_resolved:
            values = {"title": title, "kind": kind, "subject": subject}
            text = text_of(RESOLVED, values, settings.notify_templates)
            connection.execute("DELETE FROM ops.notifications WHERE cause = %s", [f"{cause}:resolved"])
            connection.execute(
                "INSERT INTO ops.notifications (cause, kind, subject, title, body, resolved_at)\n"
                "VALUES (%s, %s, %s, %s, %s, now())",
                [f"{cause}:resolved", kind, subject, *text],
            )


def _send_due(connection: Connection, urls: list[str], done: Round) -> None:
    for _ in range(_AT_ONCE):
        row = connection.execute(_CLAIM, {"first": _FIRST_WAIT, "most": _MOST_ATTEMPTS}).fetchone()
        if row is None:
            return
        cause, title, body = row
        problems = send(urls, title, body)
        done.problems += problems
        error = "; ".join(problems) or None
        if len(problems) < len(urls):
            # who got it must not get it again because of another address
            done.sent.append(title)
            connection.execute(
                "UPDATE ops.notifications SET sent_at = now(), error = %s WHERE cause = %s", [error, cause]
            )
        else:
            connection.execute("UPDATE ops.notifications SET error = %s WHERE cause = %s", [error, cause])
