"""What became of an object that is gone: where the server's state tells that another one has what was its own.

A merge leaves no trace of itself in Stash. But files, stash ids and names move: a merged scene's files belong to the
survivor, a merged tag's name is an alias of it. Where exactly one live object has most of that, it is noted in
``raw.<kind>.merged_into``.
"""

from collections.abc import Iterable

from stash_pipeline.stash.entities import BY_NAME
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.tables import partition

# Each finds (id of the gone, successor) among {gone}, once per piece of evidence.

_FILES = """
    SELECT g.id, t.{owner} AS successor
    FROM {gone} AS g
    CROSS JOIN LATERAL jsonb_array_elements_text(g.document->'files') AS e(value)
    JOIN {files} AS t ON t.instance_id = %(i)s AND t.file_id = e.value::bigint"""

_STASH_IDS = """
    SELECT g.id, t.{owner} AS successor
    FROM {gone} AS g
    CROSS JOIN LATERAL jsonb_array_elements(g.document->'stash_ids') AS e(value)
    JOIN {stash_ids} AS t
        ON t.instance_id = %(i)s AND t.stash_id = e.value->>'stash_id' AND t.endpoint = e.value->>'endpoint'"""

_ALIAS = """
    SELECT g.id, t.{owner} AS successor
    FROM {gone} AS g
    JOIN {aliases} AS t ON t.instance_id = %(i)s AND lower(t.alias) = lower(g.document->>'name')"""

# the file was found anew, under another id, before the old one was cleaned away
_CONTENT = """
    SELECT g.id, t.{owner} AS successor
    FROM {gone} AS g
    CROSS JOIN LATERAL jsonb_array_elements_text(g.document->'files') AS e(value)
    JOIN {raw_files} AS f ON f.instance_id = %(i)s AND f.id = e.value::bigint AND f.deleted_at IS NOT NULL
    CROSS JOIN LATERAL jsonb_array_elements(f.document->'fingerprints') AS p(value)
    JOIN {fingerprints} AS q
        ON q.instance_id = %(i)s AND q.type = p.value->>'type' AND q.value = p.value->>'value'
       AND q.type IN ('oshash', 'md5')
    JOIN {files} AS t ON t.instance_id = %(i)s AND t.file_id = q.file_id"""

_EVIDENCE: dict[str, tuple[str, ...]] = {
    "scenes": (_FILES, _STASH_IDS, _CONTENT),
    "images": (_FILES, _CONTENT),
    "galleries": (_FILES, _CONTENT),
    "performers": (_STASH_IDS, _ALIAS),
    "studios": (_STASH_IDS, _ALIAS),
    "tags": (_ALIAS, _STASH_IDS),
}
"""Per kind, the strongest first."""

_NOTE = """
WITH gone AS MATERIALIZED (
    SELECT id, document FROM {raw}
    WHERE instance_id = %(i)s AND revision > %(since)s AND deleted_at IS NOT NULL AND merged_into IS NULL
),
evidence AS ({evidence}
),
ranked AS (
    SELECT id, successor, rank() OVER (PARTITION BY id ORDER BY count(*) DESC) AS place
    FROM evidence GROUP BY id, successor
),
best AS (
    SELECT id, min(successor) AS successor FROM ranked WHERE place = 1 GROUP BY id HAVING count(*) = 1
)
UPDATE {raw} AS r SET merged_into = b.successor FROM best AS b WHERE r.instance_id = %(i)s AND r.id = b.id
"""


def note_successors(connection: Connection, instance_id: int, since: int, kinds: Iterable[str]) -> dict[str, int]:
    """Notes the successors of what was tombstoned after a revision; entities and joins must hold the present state.

    Returns:
        per kind how many were found.
    """
    found: dict[str, int] = {}
    for kind in kinds:
        singular = BY_NAME[kind].singular
        names = {"raw": partition("raw." + kind, instance_id), "owner": f"{singular}_id", "gone": "gone"}
        for name in ("files", "stash_ids", "aliases"):
            names[name] = partition(f"stash.{singular}_{name}", instance_id)
        names["fingerprints"] = partition("stash.file_fingerprints", instance_id)
        names["raw_files"] = partition("raw.files", instance_id)
        for evidence in _EVIDENCE.get(kind, ()):
            sql = _NOTE.format(evidence=evidence.format(**names), **names)
            noted = connection.execute(sql, {"i": instance_id, "since": since}).rowcount
            if noted:
                found[kind] = found.get(kind, 0) + noted
    return found
