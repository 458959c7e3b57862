"""Statements about one stash-box that a run evaluates after it has read it."""

from datetime import datetime, timedelta
from typing import Final

from stash_pipeline.stashbox.endpoints import same_endpoint_sql
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import CheckOutcome
from stash_pipeline.warehouse.stashbox.due import SINGULAR, followed_ids
from stash_pipeline.warehouse.stashbox.tables import ENTITIES

_LISTED: Final = 50

_DEAD: Final = """
SELECT '{entity}' AS entity, i.name, x.{singular}_id, d.id, d.status, d.successor_id
FROM stash.{singular}_stash_ids AS x
JOIN ops.instances AS i ON i.id = x.instance_id AND i.removed_at IS NULL
JOIN ops.stashbox_endpoints AS e ON e.id = %(endpoint)s AND {same}
JOIN stashbox.{entity} AS d ON d.endpoint_id = e.id AND d.id = lower(x.stash_id) AND d.status <> 'active'"""


def ids_are_live(connection: Connection, endpoint_id: int) -> CheckOutcome:
    """Servers link no object to a record that the box has merged, deleted or lost."""
    same = same_endpoint_sql("x.endpoint", "e.url")
    union = "\nUNION ALL".join(
        _DEAD.format(entity=entity, singular=singular, same=same) for entity, singular in SINGULAR.items()
    )
    rows = connection.execute(
        f"SELECT u.*, count(*) OVER () FROM ({union}) AS u ORDER BY 1, 2, 3 LIMIT {_LISTED}", {"endpoint": endpoint_id}
    ).fetchall()
    total = rows[0][-1] if rows else 0
    lines = [
        f"{entity} {name}:{identifier}: {key} is {status}" + (f" into {successor}" if successor else "")
        for entity, name, identifier, key, status, successor, _ in rows
    ]
    return CheckOutcome(
        not total,
        {"ids": total, "examples": "\n".join(lines) or "none"},
        f"{total:,} objects on servers are linked to records that the box no longer has." if total else None,
    )


def documents_are_fresh(connection: Connection, endpoint_id: int, days: float, now: datetime) -> CheckOutcome:
    """Every record that is kept up to date was read within the setting."""
    metadata: dict[str, int | str] = {}
    outdated = 0
    for entity in ENTITIES:
        row = connection.execute(
            f"SELECT count(*) FILTER (WHERE d.fetched_at IS NULL OR d.fetched_at < %(before)s), min(d.fetched_at)\n"
            f"FROM ({followed_ids(entity)}\n) AS followed\n"
            f"LEFT JOIN stashbox.{entity} AS d ON d.endpoint_id = %(endpoint)s AND d.id = followed.id",
            {"endpoint": endpoint_id, "before": now - timedelta(days=days)},
        ).fetchone()
        assert row is not None
        outdated += row[0]
        metadata[f"{entity}_outdated"] = row[0]
        metadata[f"{entity}_oldest"] = row[1].isoformat(timespec="minutes") if row[1] else "none"
    sentence = f"{outdated:,} records are older than {days:g} days; the next runs read them." if outdated else None
    return CheckOutcome(not outdated, metadata, sentence)


LOST_SHARE: Final = 0.01
LOST_LEAST: Final = 5


def answers_are_kept(asked: int, lost: int) -> CheckOutcome:
    """Hashes that had scenes on the box still have some.

    Args:
        asked: questions of a run that had an answer before. lost: those that have none now.
    """
    failed = lost >= LOST_LEAST and lost > LOST_SHARE * asked
    sentence = (
        f"The box returned no scene for {lost:,} of {asked:,} sets of hashes that had scenes before; look whether it "
        "works, and whether the key still has the role READ."
        if failed
        else None
    )
    return CheckOutcome(not failed, {"asked_again": asked, "lost": lost}, sentence)
