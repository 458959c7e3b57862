"""Read watermarks: the time up to which each entity was read, by the server's clock, where the next read starts.

A server sets ``updated_at`` from its wall clock, and compares timestamps as text, ignoring the offset
(``docs/convergence.md``). The watermarks are therefore the server's times (the header ``Date``), and queries ask for a
wall-clock time: the watermark in the last known offset, minus an overlap.
"""

from datetime import datetime, timedelta, timezone
from typing import Final

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.partition_names import partition

WIDEST: Final = timedelta(hours=26)
"""The largest difference between wall clocks in two time zones."""

SETTLING: Final = timedelta(minutes=2)
"""For this long one timestamp can mean two states: timestamps have whole seconds, and edits wait for transactions."""


def record_watermark(
    connection: Connection, instance_id: int, entity: str, read_at: datetime, missing: int = 0
) -> None:
    """Records that an entity matched the server at that moment."""
    connection.execute(
        "INSERT INTO ops.read_watermarks (instance_id, entity, read_at, missing) VALUES (%s, %s, %s, %s)\n"
        "ON CONFLICT (instance_id, entity) DO UPDATE SET read_at = excluded.read_at, missing = excluded.missing",
        [instance_id, entity, read_at, missing],
    )


def advance_watermark(connection: Connection, instance_id: int, entity: str, read_at: datetime) -> None:
    """Records the same after an incremental read, which keeps the number of missing objects."""
    connection.execute(
        "UPDATE ops.read_watermarks SET read_at = %s WHERE instance_id = %s AND entity = %s",
        [read_at, instance_id, entity],
    )


def read_watermarks(connection: Connection, instance_id: int) -> dict[str, tuple[datetime, int]]:
    """Per entity: the time up to which it was read, and the number of missing objects."""
    rows = connection.execute(
        "SELECT entity, read_at, missing FROM ops.read_watermarks WHERE instance_id = %s", [instance_id]
    )
    return {entity: (read_at, missing) for entity, read_at, missing in rows}


def utc_offset(connection: Connection, instance_id: int) -> timedelta:
    """The offset of the newest known timestamp; UTC if there is none."""
    row = connection.execute("SELECT utc_offset FROM ops.instances WHERE id = %s", [instance_id]).fetchone()
    return timedelta(seconds=(row[0] if row else 0) or 0)


def record_utc_offset(connection: Connection, instance_id: int, offset: timedelta) -> None:
    """Records the offset of the newest known timestamp."""
    seconds = int(offset.total_seconds())
    connection.execute(
        "UPDATE ops.instances SET utc_offset = %s WHERE id = %s AND utc_offset IS DISTINCT FROM %s",
        [seconds, instance_id, seconds],
    )


def wall_clock(moment: datetime, offset: timedelta, overlap: timedelta) -> str:
    """The time to compare timestamps with: RFC 3339 without an offset, so that one in the same second is greater."""
    local = moment.astimezone(timezone.utc) + offset - overlap
    return local.strftime("%Y-%m-%dT%H:%M:%S")


def unsettled(connection: Connection, instance_id: int, entity: str, read_at: datetime) -> set[int]:
    """Live objects whose timestamp was so recent at the last read that it can stand for a newer state."""
    rows = connection.execute(
        f"SELECT id FROM {partition('raw.' + entity, instance_id)}\n"
        "WHERE instance_id = %s AND deleted_at IS NULL AND server_updated_at BETWEEN %s AND %s",
        [instance_id, read_at - SETTLING, read_at + WIDEST],
    )
    return {row[0] for row in rows}


def moment_of(stamp: str | None) -> datetime | None:
    """Parses a timestamp of the server, with its offset; None if it is invalid."""
    if stamp is None:
        return None
    text = stamp[:-1] + "+00:00" if stamp.endswith("Z") else stamp
    try:
        # Python 3.10 parses three or six digits of a second, servers write none to nine
        seconds, dot, rest = text.partition(".")
        moment = datetime.fromisoformat(seconds + rest.lstrip("0123456789") if dot else text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
