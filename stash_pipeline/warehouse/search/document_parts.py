"""What documents of several entities have, as SQL: joins of a record ``r``, and the columns that come of them."""

from typing import Final

from stash_pipeline.warehouse.search.document_columns import SINGULAR, distinct, empty, join_stale, milliseconds

_HOST: Final = (
    "regexp_replace(lower(substring(x.url FROM '^(?:[A-Za-z][A-Za-z0-9+.-]*:)?/{0,2}(?:[^/?#@]*@)?([^/?#:@]+)')),"
    " '^www\\.', '')"
)


def members(entity: str, everything: bool) -> str:
    """The servers that have a record."""
    return f"""
LEFT JOIN (
    SELECT m.canonical_id AS id, array_agg(DISTINCT m.instance_id) AS instance_ids
    FROM catalog.members AS m{join_stale("m", "canonical_id", everything)}
    WHERE m.entity = '{entity}' GROUP BY 1
) AS m ON m.id = r.id"""


_NAMES: Final = {
    "tags": "name", "studios": "name", "performers": "name", "groups": "name", "galleries": "title",
    "images": "title", "scenes": "title",
}  # fmt: skip


def other_names(entity: str, everything: bool) -> str:
    """The names that servers have for a record and that the record does not have: (id, alias)."""
    name = _NAMES[entity]
    return f"""
    SELECT r.id, o.{name} AS alias
    FROM catalog.{entity} AS r{join_stale("r", "id", everything)}
    JOIN catalog.members AS m ON m.entity = '{entity}' AND m.canonical_id = r.id
    JOIN stash.{entity} AS o ON o.instance_id = m.instance_id AND o.id = m.id
    WHERE r.objects > 1 AND o.{name} IS DISTINCT FROM r.{name}"""


def all_aliases(entity: str, everything: bool) -> str:
    """Aliases of records and what they are called elsewhere: (id, alias)."""
    listed = ""
    if entity in ("tags", "studios", "performers"):
        owner = f"{SINGULAR[entity]}_id"
        listed = f"""
    SELECT x.{owner} AS id, x.alias
    FROM catalog.{SINGULAR[entity]}_aliases AS x{join_stale("x", owner, everything)}
    UNION ALL"""
    elif entity == "groups":
        # one text on servers
        listed = f"""
    SELECT r.id, trim(x.alias) AS alias
    FROM catalog.groups AS r{join_stale("r", "id", everything)}
    CROSS JOIN regexp_split_to_table(r.aliases, '[,;]') AS x (alias)
    UNION ALL"""
    return listed + other_names(entity, everything)


def aliases(entity: str, everything: bool) -> str:
    """Its aliases, and what other servers call it."""
    return f"""
LEFT JOIN (
    SELECT x.id, {distinct("x.alias")} AS aliases
    FROM ({all_aliases(entity, everything)}
    ) AS x GROUP BY 1
) AS a ON a.id = r.id"""


def hosts(entity: str, everything: bool) -> str:
    """The hosts of its urls."""
    owner = f"{SINGULAR[entity]}_id"
    return f"""
LEFT JOIN (
    SELECT x.{owner} AS id, {distinct("h.host")} AS hosts
    FROM catalog.{SINGULAR[entity]}_urls AS x{join_stale("x", owner, everything)}
    CROSS JOIN LATERAL (SELECT {_HOST}) AS h (host)
    GROUP BY 1
) AS u ON u.id = r.id"""


def files(entity: str, everything: bool) -> str:
    """Its files, the primary one, and what all of them come to."""
    owner = f"{SINGULAR[entity]}_id"
    return f"""
LEFT JOIN (
    SELECT x.{owner} AS id, {distinct("f.basename")} AS files,
        (array_agg(f.basename ORDER BY x.is_primary DESC NULLS LAST, x.instance_id, x.file_id)
            FILTER (WHERE f.basename <> ''))[1] AS file,
        nullif(max(least(f.width, f.height)), 0) AS height,
        max({milliseconds("f.duration")}) AS duration,
        least(sum(f.size), {2**63 - 1})::bigint AS size,
        {distinct("lower(f.video_codec)")} AS video_codecs
    FROM catalog.{SINGULAR[entity]}_files AS x{join_stale("x", owner, everything)}
    JOIN stash.files AS f ON f.instance_id = x.instance_id AND f.id = x.file_id
    GROUP BY 1
) AS f ON f.id = r.id"""


OF_FILES: Final = {
    "files": empty("f.files"),
    "height": "f.height",
    "duration": "f.duration",
    "size": "f.size",
    "video_codecs": empty("f.video_codecs"),
}


def people(entity: str, everything: bool) -> str:
    """Its performers."""
    owner = f"{SINGULAR[entity]}_id"
    source = (
        f"FROM catalog.{SINGULAR[entity]}_performers AS x{join_stale('x', owner, everything)}\n"
        "    JOIN search.documents AS p ON p.id = x.performer_id"
    )
    return f"""
LEFT JOIN (
    SELECT x.{owner} AS id, array_agg(p.id ORDER BY p.id) AS performer_ids, {distinct("p.title")} AS people,
        {distinct("p.genders[1]")} AS genders
    {source} GROUP BY 1
) AS p ON p.id = r.id
LEFT JOIN (
    SELECT x.{owner} AS id, {distinct("a.alias")} AS people_aliases
    {source} CROSS JOIN unnest(p.aliases) AS a (alias) GROUP BY 1
) AS pa ON pa.id = r.id"""


def of_people(creator: str) -> dict[str, str]:
    """People with a director or photographer after them, unless they are one of them."""
    people = empty("p.people")
    return {
        "people": f"CASE WHEN {creator} <> '' AND {creator} <> ALL ({people}) THEN {people} || {creator}"
        f" ELSE {people} END",
        "people_aliases": empty("pa.people_aliases"),
        "performer_ids": empty("p.performer_ids", "uuid"),
        "genders": empty("p.genders"),
    }


STUDIO: Final = "\nLEFT JOIN search.documents AS s ON s.id = r.studio_id AND s.entity = 'studios'"

OF_STUDIO: Final = {
    "studios": "CASE WHEN s.title <> '' THEN s.title || s.studios ELSE coalesce(s.studios, '{}'::text[]) END",
    "studio_aliases": empty("s.aliases || s.studio_aliases"),
    "studio_id": "s.id",
    "studio_ids": empty("s.studio_ids", "uuid"),
}


def stash_box(entity: str) -> str:
    """Whether stash-boxes have it; of scenes, needs the candidates ``b``."""
    linked = f"EXISTS (SELECT FROM catalog.{SINGULAR[entity]}_stash_ids AS x WHERE x.{SINGULAR[entity]}_id = r.id)"
    if entity != "scenes":
        return f"CASE WHEN {linked} THEN 'linked' ELSE 'none' END"
    return f"CASE WHEN {linked} OR b.linked THEN 'linked' WHEN b.candidate THEN 'candidate' ELSE 'none' END"
