"""Search documents, as SQL per entity.

The documents of an entity are made by one statement, of all its records or of those in :data:`WANTED`. Tags, studios,
performers and groups come first: the documents that refer to them take names, aliases and ancestors from theirs.
Texts are sorted by their bytes: no collation differs between servers.
"""

from typing import Final

from stash_pipeline.search.documents import COLUMNS

WANTED: Final = "pg_temp.search_wanted"
"""(id, instance_id, object_id): the documents of one entity to make again; of markers with the server's id."""

MADE: Final = "pg_temp.search_made"
"""The documents of one entity as they are now, without their revision."""

TAGGED: Final = "pg_temp.search_tagged"
"""(owner, id, own): the tags of the documents and all ancestors; own ones are those of the documents themselves."""

ORDER: Final = ("tags", "studios", "performers", "groups", "galleries", "images", "scenes", "scene_markers")
"""The entities in the order in which documents are made."""

SINGULAR: Final = {
    "tags": "tag",
    "studios": "studio",
    "performers": "performer",
    "groups": "group",
    "galleries": "gallery",
    "images": "image",
    "scenes": "scene",
}

DOCUMENT: Final = tuple(name for name in COLUMNS if name not in ("entity", "revision"))
"""The columns of :data:`MADE`."""

# --- values -------------------------------------------------------------------------------------------------


def _milliseconds(seconds: str) -> str:
    """Seconds of a server as milliseconds; null if they are not a time."""
    return f"CASE WHEN {seconds} BETWEEN 0 AND 1e12 THEN round({seconds} * 1000)::bigint END"


def _day(column: str) -> str:
    """A date; null if it is none of the calendar that programs know."""
    return f"CASE WHEN {column} BETWEEN '0001-01-01' AND '9999-12-31' THEN {column} END"


def _moment(column: str) -> str:
    return f"CASE WHEN {column} BETWEEN '0002-01-01' AND '9998-12-31' THEN {column} END"


def _empty(expression: str, kind: str = "text") -> str:
    return f"coalesce({expression}, '{{}}'::{kind}[])"


def _distinct(expression: str, condition: str = "") -> str:
    """Sorted texts that are not empty, each once."""
    return f"array_agg(DISTINCT {expression} COLLATE \"C\") FILTER (WHERE {condition}{expression} <> '')"


_HOST: Final = (
    "regexp_replace(lower(substring(x.url FROM '^(?:[A-Za-z][A-Za-z0-9+.-]*:)?/{0,2}(?:[^/?#@]*@)?([^/?#:@]+)')),"
    " '^www\\.', '')"
)
_LAST_PART: Final = r"substring(o.path FROM '([^/\\]+)[/\\]*$')"

MARKER_ID: Final = "md5(i.uuid::text || '/scene_markers/' || k.id)::uuid"
"""Of a marker ``k`` of an instance ``i``."""

_TAGS_OF_MARKER: Final = """LATERAL (
        SELECT k.primary_tag_id AS tag_id
        UNION ALL
        SELECT x.tag_id FROM stash.marker_tags AS x WHERE x.instance_id = k.instance_id AND x.marker_id = k.id
    ) AS y ON true"""


MARKERS_OF_TAG: Final = """(
        SELECT k.instance_id, k.id, k.primary_tag_id AS tag_id FROM stash.scene_markers AS k
        UNION ALL
        SELECT x.instance_id, x.marker_id, x.tag_id FROM stash.marker_tags AS x
    )"""
"""(instance_id, id, tag_id): markers, to be found by their tags."""


def _records_of_tags(everything: bool) -> str:
    """Joins the tags of markers ``k``, as records ``t``: of a few markers one after the other, of all at once."""
    of_all = f"{MARKERS_OF_TAG} AS y ON y.instance_id = k.instance_id AND y.id = k.id"
    return (
        f"    JOIN {of_all if everything else _TAGS_OF_MARKER}\n"
        "    JOIN catalog.members AS t ON t.entity = 'tags' AND t.instance_id = k.instance_id AND t.id = y.tag_id"
    )


# --- tags ---------------------------------------------------------------------------------------------------


def tagged_statement(entity: str, *, everything: bool) -> str:
    """Makes :data:`TAGGED`."""
    create = "CREATE TEMP TABLE search_tagged ON COMMIT DROP AS\n"
    if entity == "tags":
        return (
            f"{create}WITH RECURSIVE above (owner, id) AS (\n"
            f"    SELECT w.id, w.id FROM {'catalog.tags' if everything else WANTED} AS w\n"
            "    UNION\n"
            "    SELECT a.owner, p.parent_id FROM above AS a JOIN catalog.tag_parents AS p ON p.tag_id = a.id\n"
            ")\nSELECT owner, id, owner = id AS own FROM above"
        )
    if entity == "scene_markers":
        source = (
            f"SELECT {MARKER_ID} AS owner, t.canonical_id AS tag_id\n"
            f"    FROM {_markers(everything)}\n{_records_of_tags(everything)}"
        )
    else:
        singular = SINGULAR[entity]
        source = (
            f"SELECT x.{singular}_id AS owner, x.tag_id\n"
            f"    FROM catalog.{singular}_tags AS x{_of('x', singular + '_id', everything)}"
        )
    return (
        f"{create}SELECT x.owner, a.id, bool_or(a.id = x.tag_id) AS own\nFROM (\n    {source}\n) AS x\n"
        "JOIN search.documents AS t ON t.id = x.tag_id\nCROSS JOIN unnest(t.all_tag_ids) AS a (id)\nGROUP BY 1, 2"
    )


def _of(alias: str, column: str, everything: bool) -> str:
    return "" if everything else f" JOIN {WANTED} AS w ON w.id = {alias}.{column}"


def _markers(everything: bool) -> str:
    """Markers ``k`` with their instances ``i``."""
    markers = "stash.scene_markers AS k JOIN ops.instances AS i ON i.id = k.instance_id"
    if everything:
        return markers
    return (
        f"{WANTED} AS w JOIN stash.scene_markers AS k ON k.instance_id = w.instance_id AND k.id = w.object_id\n"
        "    JOIN ops.instances AS i ON i.id = k.instance_id"
    )


def _tags() -> str:
    """Ids and names of tags, own ones first."""
    names = 'array_agg(n.title ORDER BY NOT t.own, n.title COLLATE "C")'
    return f"""
LEFT JOIN (
    SELECT t.owner AS id, array_agg(t.id ORDER BY t.id) FILTER (WHERE t.own) AS tag_ids,
        array_agg(t.id ORDER BY t.id) AS all_tag_ids,
        CASE WHEN count(DISTINCT n.title) = count(*) THEN {names}
        ELSE ARRAY(SELECT u.v FROM unnest({names}) WITH ORDINALITY AS u (v, n) GROUP BY u.v ORDER BY min(u.n)) END
            AS tags
    FROM {TAGGED} AS t JOIN search.documents AS n ON n.id = t.id
    GROUP BY t.owner
) AS t ON t.id = r.id
LEFT JOIN (
    SELECT t.owner AS id, {_distinct("a.alias")} AS tag_aliases
    FROM {TAGGED} AS t JOIN catalog.tag_aliases AS a ON a.tag_id = t.id
    GROUP BY t.owner
) AS ta ON ta.id = r.id"""


_OF_TAGGED: Final = {
    "tags": _empty("t.tags"),
    "tag_aliases": _empty("ta.tag_aliases"),
    "tag_ids": _empty("t.tag_ids", "uuid"),
    "all_tag_ids": _empty("t.all_tag_ids", "uuid"),
}

# --- parts --------------------------------------------------------------------------------------------------


def _members(entity: str, everything: bool) -> str:
    return f"""
LEFT JOIN (
    SELECT m.canonical_id AS id, array_agg(DISTINCT m.instance_id) AS instance_ids
    FROM catalog.members AS m{_of("m", "canonical_id", everything)}
    WHERE m.entity = '{entity}' GROUP BY 1
) AS m ON m.id = r.id"""


def _aliases(entity: str, everything: bool) -> str:
    owner = f"{SINGULAR[entity]}_id"
    return f"""
LEFT JOIN (
    SELECT x.{owner} AS id, {_distinct("x.alias")} AS aliases
    FROM catalog.{SINGULAR[entity]}_aliases AS x{_of("x", owner, everything)} GROUP BY 1
) AS a ON a.id = r.id"""


def _hosts(entity: str, everything: bool) -> str:
    owner = f"{SINGULAR[entity]}_id"
    return f"""
LEFT JOIN (
    SELECT x.{owner} AS id, {_distinct("h.host")} AS hosts
    FROM catalog.{SINGULAR[entity]}_urls AS x{_of("x", owner, everything)}
    CROSS JOIN LATERAL (SELECT {_HOST}) AS h (host)
    GROUP BY 1
) AS u ON u.id = r.id"""


def _files(entity: str, everything: bool) -> str:
    owner = f"{SINGULAR[entity]}_id"
    return f"""
LEFT JOIN (
    SELECT x.{owner} AS id, {_distinct("f.basename")} AS files,
        (array_agg(f.basename ORDER BY x.is_primary DESC NULLS LAST, x.instance_id, x.file_id)
            FILTER (WHERE f.basename <> ''))[1] AS file,
        nullif(max(least(f.width, f.height)), 0) AS height,
        max({_milliseconds("f.duration")}) AS duration,
        least(sum(f.size), {2**63 - 1})::bigint AS size,
        {_distinct("lower(f.video_codec)")} AS video_codecs
    FROM catalog.{SINGULAR[entity]}_files AS x{_of("x", owner, everything)}
    JOIN stash.files AS f ON f.instance_id = x.instance_id AND f.id = x.file_id
    GROUP BY 1
) AS f ON f.id = r.id"""


_OF_FILES: Final = {
    "files": _empty("f.files"),
    "height": "f.height",
    "duration": "f.duration",
    "size": "f.size",
    "video_codecs": _empty("f.video_codecs"),
}


def _people(entity: str, everything: bool) -> str:
    owner = f"{SINGULAR[entity]}_id"
    source = (
        f"FROM catalog.{SINGULAR[entity]}_performers AS x{_of('x', owner, everything)}\n"
        "    JOIN search.documents AS p ON p.id = x.performer_id"
    )
    return f"""
LEFT JOIN (
    SELECT x.{owner} AS id, array_agg(p.id ORDER BY p.id) AS performer_ids, {_distinct("p.title")} AS people,
        {_distinct("p.genders[1]")} AS genders
    {source} GROUP BY 1
) AS p ON p.id = r.id
LEFT JOIN (
    SELECT x.{owner} AS id, {_distinct("a.alias")} AS people_aliases
    {source} CROSS JOIN unnest(p.aliases) AS a (alias) GROUP BY 1
) AS pa ON pa.id = r.id"""


def _of_people(creator: str) -> dict[str, str]:
    """People with a director or photographer after them, unless they are one of them."""
    people = _empty("p.people")
    return {
        "people": f"CASE WHEN {creator} <> '' AND {creator} <> ALL ({people}) THEN {people} || {creator}"
        f" ELSE {people} END",
        "people_aliases": _empty("pa.people_aliases"),
        "performer_ids": _empty("p.performer_ids", "uuid"),
        "genders": _empty("p.genders"),
    }


_STUDIO: Final = "\nLEFT JOIN search.documents AS s ON s.id = r.studio_id AND s.entity = 'studios'"

_OF_STUDIO: Final = {
    "studios": "CASE WHEN s.title <> '' THEN s.title || s.studios ELSE coalesce(s.studios, '{}'::text[]) END",
    "studio_aliases": _empty("s.aliases || s.studio_aliases"),
    "studio_id": "s.id",
    "studio_ids": _empty("s.studio_ids", "uuid"),
}


def _stash_box(entity: str) -> str:
    linked = f"EXISTS (SELECT FROM catalog.{SINGULAR[entity]}_stash_ids AS x WHERE x.{SINGULAR[entity]}_id = r.id)"
    if entity != "scenes":
        return f"CASE WHEN {linked} THEN 'linked' ELSE 'none' END"
    return f"CASE WHEN {linked} OR b.linked THEN 'linked' WHEN b.candidate THEN 'candidate' ELSE 'none' END"


def _candidates(everything: bool) -> str:
    return f"""
LEFT JOIN (
    SELECT m.canonical_id AS id, bool_or(c.action IN ('automatic', 'accepted')) AS linked,
        bool_or(c.action = 'review') AS candidate
    FROM catalog.members AS m{_of("m", "canonical_id", everything)}
    JOIN matches.stashbox_candidates AS c ON c.instance_id = m.instance_id AND c.scene_id = m.id
    WHERE m.entity = 'scenes' GROUP BY 1
) AS b ON b.id = r.id"""


def _groups(everything: bool) -> str:
    return f"""
LEFT JOIN (
    SELECT x.scene_id AS id, array_agg(g.id ORDER BY g.id) AS group_ids, {_distinct("g.title")} AS groups
    FROM catalog.scene_groups AS x{_of("x", "scene_id", everything)}
    JOIN search.documents AS g ON g.id = x.group_id
    GROUP BY 1
) AS g ON g.id = r.id"""


def _markers_of_scenes(everything: bool) -> str:
    scenes = f"catalog.members AS m{_of('m', 'canonical_id', everything)}"
    return f"""
LEFT JOIN (
    SELECT x.id, {_distinct("x.text")} AS markers
    FROM (
        SELECT m.canonical_id AS id, k.title AS text
        FROM {scenes}
        JOIN stash.scene_markers AS k ON k.instance_id = m.instance_id AND k.scene_id = m.id
        WHERE m.entity = 'scenes'
        UNION ALL
        SELECT m.canonical_id, n.title
        FROM {scenes}
        JOIN stash.scene_markers AS k ON k.instance_id = m.instance_id AND k.scene_id = m.id
    {_records_of_tags(everything)}
        JOIN search.documents AS n ON n.id = t.canonical_id
        WHERE m.entity = 'scenes'
    ) AS x GROUP BY x.id
) AS k ON k.id = r.id"""


_FOLDERS: Final = """
LEFT JOIN (
    SELECT m.canonical_id AS id, (array_agg(o.name ORDER BY m.instance_id, m.id))[1] AS folder, {names} AS folders
    FROM catalog.members AS m{of}
    JOIN stash.galleries AS y ON y.instance_id = m.instance_id AND y.id = m.id
    JOIN stash.folders AS z ON z.instance_id = y.instance_id AND z.id = y.folder_id
    CROSS JOIN LATERAL (SELECT {name}) AS o (name)
    WHERE m.entity = 'galleries' AND o.name <> '' GROUP BY 1
) AS o ON o.id = r.id"""


# --- entities -----------------------------------------------------------------------------------------------


def made_statement(entity: str, *, everything: bool) -> str:
    """Makes :data:`MADE` of all records of an entity, or of the wanted ones; needs :data:`TAGGED`."""
    if entity == "scene_markers":
        return _made_markers(everything)
    values, joins = _PARTS[entity](everything)
    values = {
        "instance_ids": _empty("m.instance_ids", "integer"),
        "created_at": _moment("r.created_at"),
        "updated_at": _moment("r.updated_at"),
        **values,
    }
    wanted = "" if everything else f"\nJOIN {WANTED} AS w ON w.id = r.id"
    return (
        f"CREATE TEMP TABLE search_made ON COMMIT DROP AS\nSELECT {_columns(values)}\n"
        f"FROM catalog.{entity} AS r{wanted}{_members(entity, everything)}{joins}"
    )


def _columns(values: dict[str, str]) -> str:
    unknown = set(values) - set(DOCUMENT)
    assert not unknown, unknown
    return ",\n    ".join(f"{values.get(name, _DEFAULTS[name])} AS {name}" for name in DOCUMENT)


_TEXTS: Final = ("title", "disambiguation", "code", "details")
_UUID_LISTS: Final = ("studio_ids", "performer_ids", "tag_ids", "all_tag_ids", "group_ids")
_TEXT_LISTS: Final = (
    "aliases", "files", "hosts", "people", "people_aliases", "tags", "tag_aliases", "studios", "studio_aliases",
    "groups", "markers", "genders", "video_codecs",
)  # fmt: skip
_DEFAULTS: Final = {
    "id": "r.id",
    "instance_ids": "'{}'::integer[]",
    **dict.fromkeys(_TEXTS, "''"),
    **dict.fromkeys(_UUID_LISTS, "'{}'::uuid[]"),
    **dict.fromkeys(_TEXT_LISTS, "'{}'::text[]"),
    **dict.fromkeys(("studio_id", "scene_id"), "NULL::uuid"),
    **dict.fromkeys(("duration", "size", "plays", "o_count", "seconds"), "NULL::bigint"),
    **dict.fromkeys(("height", "rating"), "NULL::integer"),
    **dict.fromkeys(("organized", "favorite", "has_markers"), "NULL::boolean"),
    **dict.fromkeys(("created_at", "updated_at"), "NULL::timestamptz"),
    "date": "NULL::date",
    "stash_box": "NULL::text",
}

Parts = tuple[dict[str, str], str]


def _tag(everything: bool) -> Parts:
    return (
        {
            "title": "coalesce(r.name, '')",
            "aliases": _empty("a.aliases"),
            "details": "coalesce(r.description, '')",
            "tags": _empty("t.tags"),
            "tag_aliases": _empty("ta.tag_aliases"),
            "tag_ids": "ARRAY[r.id]",
            "all_tag_ids": "t.all_tag_ids",
            "favorite": "r.favorite",
            "stash_box": _stash_box("tags"),
        },
        _aliases("tags", everything)
        + f"""
LEFT JOIN (
    SELECT t.owner AS id, array_agg(t.id ORDER BY t.id) AS all_tag_ids,
        {_distinct("n.name", "NOT t.own AND ")} AS tags
    FROM {TAGGED} AS t JOIN catalog.tags AS n ON n.id = t.id GROUP BY 1
) AS t ON t.id = r.id
LEFT JOIN (
    SELECT t.owner AS id, {_distinct("a.alias")} AS tag_aliases
    FROM {TAGGED} AS t JOIN catalog.tag_aliases AS a ON a.tag_id = t.id WHERE NOT t.own GROUP BY 1
) AS ta ON ta.id = r.id""",
    )


def _studio(everything: bool) -> Parts:
    above = f"""
LEFT JOIN (
    WITH RECURSIVE above (owner, id, depth) AS (
        SELECT r.id, r.parent_studio_id, 1
        FROM catalog.studios AS r{_of("r", "id", everything)} WHERE r.parent_studio_id IS NOT NULL
        UNION ALL
        SELECT a.owner, r.parent_studio_id, a.depth + 1
        FROM above AS a JOIN catalog.studios AS r ON r.id = a.id WHERE r.parent_studio_id IS NOT NULL
    ) CYCLE id SET is_cycle USING path
    SELECT a.owner AS id, array_agg(a.id ORDER BY a.depth) AS studio_ids,
        array_agg(n.name ORDER BY a.depth) FILTER (WHERE n.name <> '') AS studios,
        array_agg(a.id) AS parent_ids
    FROM above AS a JOIN catalog.studios AS n ON n.id = a.id
    WHERE NOT a.is_cycle AND a.id <> a.owner GROUP BY 1
) AS s ON s.id = r.id
LEFT JOIN LATERAL (
    SELECT {_distinct("x.alias")} AS studio_aliases
    FROM catalog.studio_aliases AS x WHERE x.studio_id = ANY (s.parent_ids)
) AS sa ON s.id IS NOT NULL"""
    return {
        "title": "coalesce(r.name, '')",
        "aliases": _empty("a.aliases"),
        "details": "coalesce(r.details, '')",
        "hosts": _empty("u.hosts"),
        **_OF_TAGGED,
        "studios": _empty("s.studios"),
        "studio_aliases": _empty("sa.studio_aliases"),
        "studio_id": "r.id",
        "studio_ids": "r.id || coalesce(s.studio_ids, '{}'::uuid[])",
        "rating": "r.rating100",
        "organized": "r.organized",
        "favorite": "r.favorite",
        "stash_box": _stash_box("studios"),
    }, _aliases("studios", everything) + _hosts("studios", everything) + _tags() + above


def _performer(everything: bool) -> Parts:
    return {
        "title": "coalesce(r.name, '')",
        "disambiguation": "coalesce(r.disambiguation, '')",
        "aliases": _empty("a.aliases"),
        "details": "coalesce(r.details, '')",
        "hosts": _empty("u.hosts"),
        **_OF_TAGGED,
        "performer_ids": "ARRAY[r.id]",
        "genders": "CASE WHEN r.gender <> '' THEN ARRAY[r.gender] ELSE '{}'::text[] END",
        "date": _day("r.birthdate"),
        "rating": "r.rating100",
        "favorite": "r.favorite",
        "stash_box": _stash_box("performers"),
    }, _aliases("performers", everything) + _hosts("performers", everything) + _tags()


def _group(everything: bool) -> Parts:
    return {
        "title": "coalesce(r.name, '')",
        # one text on servers
        "aliases": "ARRAY(SELECT DISTINCT trim(a.alias) COLLATE \"C\" FROM regexp_split_to_table(r.aliases, '[,;]')"
        " AS a (alias) WHERE trim(a.alias) <> '' ORDER BY 1)",
        "details": "coalesce(r.synopsis, '')",
        "hosts": _empty("u.hosts"),
        "people": "CASE WHEN r.director <> '' THEN ARRAY[r.director] ELSE '{}'::text[] END",
        **_OF_TAGGED,
        **_OF_STUDIO,
        "group_ids": "ARRAY[r.id]",
        "date": _day("r.date"),
        "duration": _milliseconds("r.duration"),
        "rating": "r.rating100",
    }, _hosts("groups", everything) + _tags() + _STUDIO


def _gallery(everything: bool) -> Parts:
    folders = _FOLDERS.format(
        names=_distinct("o.name"),
        of=_of("m", "canonical_id", everything),
        name=_LAST_PART.replace("o.path", "z.path"),
    )
    return {
        "title": "coalesce(nullif(r.title, ''), f.file, o.folder, '')",
        "code": "coalesce(r.code, '')",
        "details": "coalesce(r.details, '')",
        "hosts": _empty("u.hosts"),
        **_of_people("r.photographer"),
        **_OF_TAGGED,
        **_OF_STUDIO,
        **_OF_FILES,
        "files": f"{_empty('f.files')} || {_empty('o.folders')}",
        "date": _day("r.date"),
        "rating": "r.rating100",
        "organized": "r.organized",
    }, (
        _files("galleries", everything)
        + folders
        + _hosts("galleries", everything)
        + _people("galleries", everything)
        + _tags()
        + _STUDIO
    )  # fmt: skip


def _image(everything: bool) -> Parts:
    return {
        "title": "coalesce(nullif(r.title, ''), f.file, '')",
        "code": "coalesce(r.code, '')",
        "details": "coalesce(r.details, '')",
        "hosts": _empty("u.hosts"),
        **_of_people("r.photographer"),
        **_OF_TAGGED,
        **_OF_STUDIO,
        **_OF_FILES,
        "date": _day("r.date"),
        "rating": "r.rating100",
        "o_count": "r.o_counter",
        "organized": "r.organized",
    }, _files("images", everything) + _hosts("images", everything) + _people("images", everything) + _tags() + _STUDIO


def _scene(everything: bool) -> Parts:
    return {
        "title": "coalesce(nullif(r.title, ''), f.file, '')",
        "code": "coalesce(r.code, '')",
        "details": "coalesce(r.details, '')",
        "hosts": _empty("u.hosts"),
        **_of_people("r.director"),
        **_OF_TAGGED,
        **_OF_STUDIO,
        **_OF_FILES,
        "groups": _empty("g.groups"),
        "group_ids": _empty("g.group_ids", "uuid"),
        "markers": _empty("k.markers"),
        "scene_id": "r.id",
        "date": _day("r.date"),
        "rating": "r.rating100",
        "plays": "r.play_count",
        "o_count": "r.o_counter",
        "organized": "r.organized",
        "has_markers": "k.id IS NOT NULL",
        "stash_box": _stash_box("scenes"),
    }, (
        _files("scenes", everything)
        + _hosts("scenes", everything)
        + _people("scenes", everything)
        + _tags()
        + _STUDIO
        + _groups(everything)
        + _markers_of_scenes(everything)
        + _candidates(everything)
    )  # fmt: skip


_PARTS: Final = {
    "tags": _tag,
    "studios": _studio,
    "performers": _performer,
    "groups": _group,
    "galleries": _gallery,
    "images": _image,
    "scenes": _scene,
}

_SECONDS: Final = f"coalesce({_milliseconds('k.seconds')}, 0)"
_END: Final = f"CASE WHEN k.end_seconds >= k.seconds THEN {_milliseconds('k.end_seconds')} END"


def _made_markers(everything: bool) -> str:
    """A marker has the people, the studio and the date of its scene to be filtered by, but not their names."""
    values = {
        "title": "coalesce(nullif(r.title, ''), n.title, '')",
        **_OF_TAGGED,
        "instance_ids": "ARRAY[r.instance_id]",
        "studio_id": "c.studio_id",
        "studio_ids": _empty("c.studio_ids", "uuid"),
        "performer_ids": _empty("c.performer_ids", "uuid"),
        "group_ids": _empty("c.group_ids", "uuid"),
        "scene_id": "r.scene_id",
        "genders": _empty("c.genders"),
        "date": "c.date",
        "duration": "r.end_seconds - r.seconds",
        "seconds": "r.seconds",
        "created_at": _moment("r.created_at"),
        "updated_at": _moment("r.updated_at"),
    }
    return (
        f"CREATE TEMP TABLE search_made ON COMMIT DROP AS\nSELECT {_columns(values)},\n"
        "    r.instance_id, r.end_seconds\nFROM (\n"
        f"    SELECT {MARKER_ID} AS id, k.instance_id, k.title, {_SECONDS} AS seconds, {_END} AS end_seconds,\n"
        "        m.canonical_id AS scene_id, p.canonical_id AS tag_id, k.created_at, k.updated_at\n"
        f"    FROM {_markers(everything)}\n"
        "    LEFT JOIN catalog.members AS m"
        " ON m.entity = 'scenes' AND m.instance_id = k.instance_id AND m.id = k.scene_id\n"
        "    LEFT JOIN catalog.members AS p"
        " ON p.entity = 'tags' AND p.instance_id = k.instance_id AND p.id = k.primary_tag_id\n"
        ") AS r\n"
        "LEFT JOIN search.documents AS c ON c.id = r.scene_id AND c.entity = 'scenes'\n"
        f"LEFT JOIN search.documents AS n ON n.id = r.tag_id AND n.entity = 'tags'{_tags()}"
    )
