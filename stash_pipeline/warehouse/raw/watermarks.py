"""Up to when the mirror knows a server, in the server's own time: where a reading of changes has to begin.

A server stamps what is edited with its wall clock, and compares stamps as text, without a look at the offset
(``docs/convergence.md``). So the moments kept here are the server's (of the ``Date`` of its answers), and what is
asked for is a wall clock: that moment, in the offset last seen, less an overlap.
"""

from datetime import datetime, timedelta, timezone
from typing import Final

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.tables import partition

WIDEST: Final = timedelta(hours=26)
"""Between the wall clocks of any two offsets that there are."""

SETTLING: Final = timedelta(minutes=2)
"""Stamps have whole seconds, and an edit may wait for its transaction: for so long one stamp may mean two states."""


def record_watermark(
    connection: Connection, instance_id: int, entity: str, read_at: datetime, missing: int = 0
) -> None:
    """Notes that a kind is as the server had it at that moment."""
    connection.execute(
        "INSERT INTO ops.read_watermarks (instance_id, entity, read_at, missing) VALUES (%s, %s, %s, %s)\n"
        "ON CONFLICT (instance_id, entity) DO UPDATE SET read_at = excluded.read_at, missing = excluded.missing",
        [instance_id, entity, read_at, missing],
    )


def advance_clock(connection: Connection, instance_id: int, entity: str, read_at: datetime) -> None:
    """The same after a reading that did not see everything: what was missing is still missing."""
    connection.execute(
        "UPDATE ops.read_watermarks SET read_at = %s WHERE instance_id = %s AND entity = %s",
        [read_at, instance_id, entity],
    )


def clocks(connection: Connection, instance_id: int) -> dict[str, tuple[datetime, int]]:
    """Per kind: the moment up to which it is known, and how many objects are missing."""
    rows = connection.execute(
        "SELECT entity, read_at, missing FROM ops.read_watermarks WHERE instance_id = %s", [instance_id]
    )
    return {entity: (read_at, missing) for entity, read_at, missing in rows}


def utc_offset(connection: Connection, instance_id: int) -> timedelta:
    """The offset of the newest stamp that was seen; UTC before there is any."""
    row = connection.execute("SELECT utc_offset FROM ops.instances WHERE id = %s", [instance_id]).fetchone()
    return timedelta(seconds=(row[0] if row else 0) or 0)


def record_utc_offset(connection: Connection, instance_id: int, offset: timedelta) -> None:
    """Notes the offset of the newest stamp that was seen."""
    seconds = int(offset.total_seconds())
    connection.execute(
        "UPDATE ops.instances SET utc_offset = %s WHERE id = %s AND utc_offset IS DISTINCT FROM %s",
        [seconds, instance_id, seconds],
    )


def wall_clock(moment: datetime, offset: timedelta, overlap: timedelta) -> str:
    """What to compare stamps with: RFC 3339 without an offset, so that a stamp in the same second is greater."""
    local = moment.astimezone(timezone.utc) + offset - overlap
    return local.strftime("%Y-%m-%dT%H:%M:%S")


def unsettled(connection: Connection, instance_id: int, entity: str, read_at: datetime) -> set[int]:
    """Live objects whose stamp was so fresh when the kind was last read that it may stand for a newer state."""
    rows = connection.execute(
        f"SELECT id FROM {partition('raw.' + entity, instance_id)}\n"
        "WHERE instance_id = %s AND deleted_at IS NULL AND server_updated_at BETWEEN %s AND %s",
        [instance_id, read_at - SETTLING, read_at + WIDEST],
    )
    return {row[0] for row in rows}


def moment_of(stamp: str | None) -> datetime | None:
    """The moment of a stamp as the server spells it, with its offset; None if it is none."""
    if stamp is None:
        return None
    text = stamp[:-1] + "+00:00" if stamp.endswith("Z") else stamp
    try:
        # Python 3.10 reads three or six digits of a second, servers write none to nine
        whole, dot, rest = text.partition(".")
        moment = datetime.fromisoformat(whole + rest.lstrip("0123456789") if dot else text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
