"""``ops.cadence``: how often each server is asked and compared, and the results of comparisons without a run."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.sync.cadence import Compared
from stash_pipeline.warehouse.connect import Connection

Outcome = Literal["equal", "differs", "failed", "stopped"]
"""Failed: it may pass by itself. Stopped: a run would stop, too, and its error is for a person."""


@dataclass(frozen=True)
class Cadence:
    """The row of one instance, with what its runs add.

    Attributes:
        was_read: whether all entities were read completely before; otherwise there is nothing to compare with.
        compared: for the decision when it is compared next.
        outcome, detail: of the last comparison, unless a complete read was made since.
        last_run: when its last successful run ended. last_complete: that of a reconcile or sweep.
        fruitless: whether the last two complete reconciles changed nothing.
        asked_every, asked_reason: how often the server is asked, as `changes_sensor` chose it.
        compared_at: when the last comparison without a run ended. equal_at: when one last found nothing.
    """

    instance_id: int
    was_read: bool
    compared: Compared
    outcome: Outcome | None = None
    detail: str | None = None
    last_run: datetime | None = None
    last_complete: datetime | None = None
    fruitless: bool = False
    asked_every: float | None = None
    asked_reason: str | None = None
    compared_at: datetime | None = None
    equal_at: datetime | None = None


# a read of some entities is no complete one. The duration of a complete read stands in until a comparison was measured
_CADENCES = """
SELECT i.id, (SELECT count(*) FROM ops.row_counts c WHERE c.instance_id = i.id AND c.table_name = ANY(%(tables)s)),
    c.asked_every, c.asked_reason, c.compared_at, c.outcome, c.detail, c.lane, c.seconds, c.blocked_seconds, c.balance,
    coalesce(c.failures, 0), c.equal_at, r.last_run, r.last_complete, r.seconds, r.spent,
    coalesce(r.changed[1] = 0 AND r.changed[2] = 0, false) AS fruitless
FROM ops.instances i
LEFT JOIN ops.cadence c ON c.instance_id = i.id
LEFT JOIN LATERAL (
    SELECT max(finished_at) AS last_run,
        max(finished_at) FILTER (WHERE complete) AS last_complete,
        (array_agg(seconds ORDER BY finished_at DESC) FILTER (WHERE complete AND mode = 'reconcile'))[1] AS seconds,
        array_agg(changed ORDER BY finished_at DESC) FILTER (WHERE complete AND mode = 'reconcile') AS changed,
        sum(seconds) FILTER (WHERE mode = 'reconcile' AND finished_at > coalesce(c.compared_at, '-infinity')
            AND finished_at > now() - make_interval(mins => %(minutes)s)) AS spent
    FROM (
        SELECT finished_at, mode, seconds, mode IN ('reconcile', 'sweep') AND entities ?& %(entities)s AS complete, (
                SELECT sum((e.value->>'inserted')::bigint + (e.value->>'updated')::bigint
                    + (e.value->>'removed')::bigint)
                FROM jsonb_each(entities) AS e
            ) AS changed
        FROM ops.sync_runs
        WHERE instance_id = i.id AND status = 'succeeded' AND mode <> 'objects'
    ) AS runs
) r ON true
WHERE i.removed_at IS NULL
"""


def cadences(connection: Connection, longest_minutes: int) -> dict[int, Cadence]:
    """The cadence of every instance, by its id.

    Args:
        longest_minutes: reconciles before that have no influence any more.
    """
    names = list(BY_NAME)
    parameters = {"tables": [f"raw.{name}" for name in names], "entities": names, "minutes": longest_minutes}
    result = {}
    for row in connection.execute(_CADENCES, parameters).fetchall():
        (
            instance_id, counted, asked_every, asked_reason, compared_at, outcome, detail, lane, seconds, blocked,
            balance, failures, equal_at, last_run, last_complete, run_seconds, spent,
            fruitless,
        ) = row  # fmt: skip
        moments = [moment for moment in (compared_at, last_complete) if moment is not None]
        superseded = compared_at is None or (last_complete is not None and last_complete > compared_at)
        compared = Compared(
            at=max(moments, default=None),
            seconds=run_seconds if seconds is None else seconds,
            blocked=blocked,
            lane=lane,
            balance=balance,
            balance_at=compared_at,
            spent=spent or 0.0,
            failures=0 if superseded else failures,
        )
        result[instance_id] = Cadence(
            instance_id,
            counted >= len(names),
            compared,
            None if superseded else outcome,
            None if superseded else detail,
            last_run,
            last_complete,
            fruitless,
            asked_every,
            asked_reason,
            compared_at,
            equal_at,
        )
    return result


def record_asking(connection: Connection, instance_id: int, seconds: float, reason: str) -> None:
    """Records how often a server is asked for changes, and why."""
    connection.execute(
        "INSERT INTO ops.cadence (instance_id, asked_every, asked_reason) SELECT id, %s, %s FROM ops.instances\n"
        "WHERE id = %s ON CONFLICT (instance_id) DO UPDATE SET asked_every = excluded.asked_every,\n"
        "    asked_reason = excluded.asked_reason",
        [seconds, reason, instance_id],
    )


def record_comparison(
    connection: Connection,
    instance_id: int,
    *,
    outcome: Outcome,
    detail: str | None,
    lane: str,
    seconds: float,
    typical: float | None,
    blocked: float | None,
    balance: float | None,
    revision: int,
    form: bytes | None,
) -> None:
    """Records the result of a comparison; the caller holds the instance's lock.

    Args:
        seconds: that it took. typical: that a comparison takes which finds nothing. blocked: of them, to create a
            snapshot. balance: that is left; None if no share is set.
        revision: of the instance. form: of the snapshot, if there was one.
    """
    connection.execute(
        "INSERT INTO ops.cadence AS c (instance_id, compared_at, outcome, detail, lane, last_seconds, seconds,\n"
        "    blocked_seconds, balance, failures, equal_at, equal_revision, equal_form)\n"
        "SELECT id, now(), %(outcome)s, %(detail)s, %(lane)s, %(last)s, %(typical)s, %(blocked)s, %(balance)s,\n"
        "    %(failed)s::int, CASE WHEN %(equal)s THEN now() END, %(revision)s, %(form)s\n"
        "FROM ops.instances WHERE id = %(id)s\n"
        "ON CONFLICT (instance_id) DO UPDATE SET compared_at = excluded.compared_at, outcome = excluded.outcome,\n"
        "    detail = excluded.detail, lane = excluded.lane, last_seconds = excluded.last_seconds,\n"
        "    seconds = excluded.seconds, blocked_seconds = excluded.blocked_seconds, balance = excluded.balance,\n"
        "    failures = CASE WHEN %(failed)s THEN c.failures + 1 ELSE 0 END,\n"
        "    equal_at = coalesce(excluded.equal_at, c.equal_at),\n"
        "    equal_revision = CASE WHEN %(equal)s THEN excluded.equal_revision ELSE c.equal_revision END,\n"
        "    equal_form = CASE WHEN %(equal)s THEN excluded.equal_form ELSE c.equal_form END",
        {
            "id": instance_id,
            "outcome": outcome,
            "detail": detail,
            "lane": lane,
            "last": round(seconds, 3),
            "typical": None if typical is None else round(typical, 3),
            "blocked": None if blocked is None else round(blocked, 3),
            "balance": None if balance is None else round(balance, 3),
            "failed": outcome in ("failed", "stopped"),
            "equal": outcome == "equal",
            "revision": revision if outcome == "equal" else None,
            "form": form if outcome == "equal" else None,
        },
    )
