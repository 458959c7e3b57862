"""Which documents of a stash-box are due to be read again."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from stash_pipeline.stashbox.endpoints import same_endpoint_sql
from stash_pipeline.warehouse.connect import Connection

_ID: Final = re.compile(r"[0-9a-f-]{1,64}")

SINGULAR: Final[Mapping[str, str]] = {
    "scenes": "scene", "performers": "performer", "studios": "studio", "tags": "tag",
}  # fmt: skip
"""Of the entities that a Stash server links to a box."""


def is_id(value: str) -> bool:
    """Whether a text can be an id of a box; servers store whatever people typed."""
    return bool(_ID.fullmatch(value))


IS_ASKED_ABOUT: Final = "i.removed_at IS NULL AND i.use_stash_boxes"
"""Whether boxes may learn ids and hashes of an instance ``i``."""

_LINKED: Final = f"""
SELECT DISTINCT lower(x.stash_id) AS id
FROM stash.{{singular}}_stash_ids AS x
JOIN ops.instances AS i ON i.id = x.instance_id AND {IS_ASKED_ABOUT}
JOIN ops.stashbox_endpoints AS e ON e.id = %(endpoint)s AND {{same}}
WHERE lower(x.stash_id) ~ '^[0-9a-f-]{{{{1,64}}}}$'"""

_CANDIDATES: Final = f"""
UNION SELECT c.box_scene_id FROM matches.stashbox_candidates AS c
JOIN ops.instances AS i ON i.id = c.instance_id AND {IS_ASKED_ABOUT}
WHERE c.endpoint_id = %(endpoint)s AND c.action <> 'reject'"""

_DECIDED: Final = f"""
UNION SELECT c.stashbox_id FROM matches.decisions AS c
JOIN ops.instances AS i ON i.uuid = c.left_instance AND {IS_ASKED_ABOUT}
JOIN ops.stashbox_endpoints AS e
    ON e.id = %(endpoint)s AND {same_endpoint_sql("e.url", "c.stashbox_url")}
WHERE c.entity = 'scenes' AND c.stashbox_id IS NOT NULL AND c.withdrawn_at IS NULL"""

_WITH_SUCCESSORS: Final = """
WITH own (id) AS ({own}
)
SELECT own.id FROM own
UNION SELECT d.successor_id FROM own JOIN stashbox.{entity} AS d ON d.endpoint_id = %(endpoint)s AND d.id = own.id
WHERE d.successor_id IS NOT NULL"""


def followed_ids(entity: str) -> str:
    """The query for the ids whose documents are kept up to date: linked ones, candidates,
    what people decided about, and the successors of all these."""
    same = same_endpoint_sql("x.endpoint", "e.url")
    own = _LINKED.format(singular=SINGULAR[entity], same=same)
    if entity == "scenes":
        own += _CANDIDATES + _DECIDED
    return _WITH_SUCCESSORS.format(own=own, entity=entity)


def due_documents(connection: Connection, endpoint_id: int, entity: str, *, before: datetime) -> list[str]:
    """Ids to read: those that were never read, then those that were read longest ago.

    Args:
        before: what was read before this time is due again.
    """
    rows = connection.execute(
        f"SELECT followed.id FROM ({followed_ids(entity)}\n) AS followed\n"
        f"LEFT JOIN stashbox.{entity} AS d ON d.endpoint_id = %(endpoint)s AND d.id = followed.id\n"
        "WHERE d.fetched_at IS NULL OR d.fetched_at < %(before)s\n"
        "ORDER BY d.fetched_at NULLS FIRST, followed.id",
        {"endpoint": endpoint_id, "before": before},
    )
    return [row[0] for row in rows]


def ids_without_successor(connection: Connection, endpoint_id: int, entity: str, ids: Sequence[str]) -> list[str]:
    """Those of some ids that are deleted, and of which no successor is known."""
    rows = connection.execute(
        f"SELECT id FROM stashbox.{entity}\n"
        "WHERE endpoint_id = %s AND id = ANY(%s) AND status = 'deleted' AND successor_id IS NULL ORDER BY id",
        [endpoint_id, list(ids)],
    )
    return [row[0] for row in rows]
