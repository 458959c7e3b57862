"""SQL that reads what is compared of objects: one JSON array per object.

Every query reads all objects of an entity, or some. Of some objects, lists are gathered by the
key of their table, so that a few objects cost a few index lookups; of all, every table is read once.
"""

from dataclasses import dataclass
from typing import Final

from stash_pipeline.stashbox.endpoints import endpoint_key_sql, same_endpoint_sql

_SOME: Final = "unnest(%(instances)s::integer[], %(ids)s::bigint[]) AS w(instance_id, id)"

_STASH_IDS = """
SELECT {first}array_agg(k.endpoint) AS endpoints, array_agg(k.stash_id) AS stash_ids
FROM (
    -- servers keep endpoints as people typed them, and ids that the box has merged into others
    SELECT x.instance_id, x.{singular}_id AS id, {endpoint} AS endpoint, coalesce((
        SELECT d.successor_id FROM ops.stashbox_endpoints AS e
        JOIN stashbox.{entity} AS d ON d.endpoint_id = e.id AND d.id = lower(x.stash_id)
        WHERE {same_endpoint}
    ), x.stash_id) AS stash_id
    FROM stash.{singular}_stash_ids AS x{of_one}{matched}
) AS k{kept}{grouped}"""

_MATCHED = f"""
    UNION SELECT c.instance_id, c.scene_id, {endpoint_key_sql("e.url")}, c.box_scene_id
    FROM matches.stashbox_candidates AS c JOIN ops.stashbox_endpoints AS e ON e.id = c.endpoint_id
    WHERE c.action IN ('automatic', 'accepted'){{of_one}}"""

_NOT_REJECTED = f"""
WHERE NOT EXISTS (
    SELECT FROM matches.stashbox_candidates AS c JOIN ops.stashbox_endpoints AS e ON e.id = c.endpoint_id
    WHERE c.instance_id = k.instance_id AND c.scene_id = k.id AND c.action = 'rejected'
      AND c.box_scene_id = lower(k.stash_id) AND ({endpoint_key_sql("e.url")}) = k.endpoint
)"""

_FILES = """array_agg(f.id ORDER BY f.id) AS file_ids,
    array_agg(f.path ORDER BY f.id) AS paths,
    array_agg(f.duration ORDER BY f.id) AS durations,
    array_agg(h.oshash ORDER BY f.id) AS oshashes,
    array_agg(h.md5 ORDER BY f.id) AS md5s,
    array_agg(h.phash ORDER BY f.id) AS phashes"""

_HASHES_OF_A_FILE = """
LEFT JOIN {lateral}(
    SELECT {first}min(p.value) FILTER (WHERE p.type = 'oshash') AS oshash,
        min(p.value) FILTER (WHERE p.type = 'md5') AS md5,
        min(p.phash) AS phash
    FROM stash.file_fingerprints AS p{end}
) AS h ON {on}"""


@dataclass(frozen=True)
class _Lists:
    """Joins the lists of objects ``o``.

    Attributes:
        some: gathers them per object by the key of their table; otherwise reads each table once.
    """

    some: bool

    def of(self, table: str, owner: str, name: str, values: str, joins: str = "") -> str:
        """The values of an object in a table ``x`` of objects ``owner``."""
        end = f"\nWHERE x.instance_id = o.instance_id AND x.{owner} = o.id"
        if not self.some:
            end = f"\nGROUP BY x.instance_id, x.{owner}"
        first = "" if self.some else f"x.instance_id, x.{owner} AS id, "
        return self._joined(name, f"SELECT {first}{values}\nFROM stash.{table} AS x{joins}{end}")

    def column(self, table: str, owner: str, column: str, name: str) -> str:
        """The values of one column."""
        return self.of(table, owner, f"{name}_list", f"array_agg(x.{column}) AS {name}")

    def stash_ids(self, singular: str) -> str:
        """The stash ids; of a scene with those that were matched, without those that were rejected."""
        of_one = f"\n    WHERE x.instance_id = o.instance_id AND x.{singular}_id = o.id" if self.some else ""
        matched = kept = ""
        if singular == "scene":
            of_one_scene = "\n      AND c.instance_id = o.instance_id AND c.scene_id = o.id" if self.some else ""
            matched, kept = _MATCHED.format(of_one=of_one_scene), _NOT_REJECTED
        query = _STASH_IDS.format(
            first="" if self.some else "k.instance_id, k.id, ",
            entity=f"{singular}s",
            singular=singular,
            endpoint=endpoint_key_sql("x.endpoint"),
            same_endpoint=same_endpoint_sql("e.url", "x.endpoint"),
            of_one=of_one,
            matched=matched,
            kept=kept,
            grouped="" if self.some else "\nGROUP BY k.instance_id, k.id",
        )
        return self._joined("ids", query)

    def parents_of_tags(self) -> str:
        """The names of the parents of a tag."""
        joins = "\nJOIN stash.tags AS p ON p.instance_id = x.instance_id AND p.id = x.parent_id"
        return self.of("tag_parents", "tag_id", "parents_list", "array_agg(p.name) AS parents", joins)

    def performers_of_scenes(self) -> str:
        """The names of the performers of a scene."""
        joins = "\nJOIN stash.performers AS p ON p.instance_id = x.instance_id AND p.id = x.performer_id"
        return self.of("scene_performers", "scene_id", "performers_list", "array_agg(p.name) AS performers", joins)

    def files(self, table: str, owner: str) -> str:
        """The files of a scene, with their hashes, in the order of their ids."""
        hashes = _HASHES_OF_A_FILE.format(
            lateral="LATERAL " if self.some else "",
            first="" if self.some else "p.instance_id, p.file_id, ",
            end=" WHERE p.instance_id = f.instance_id AND p.file_id = f.id"
            if self.some
            else "\n    GROUP BY p.instance_id, p.file_id",
            on="true" if self.some else "h.instance_id = f.instance_id AND h.file_id = f.id",
        )
        joins = f"\nJOIN stash.files AS f ON f.instance_id = x.instance_id AND f.id = x.file_id{hashes}"
        return self.of(table, owner, "files", _FILES, joins)

    def hashed_files(self, table: str, owner: str) -> str:
        """The checksums and paths of the files of an image or a gallery."""
        joins = (
            "\nJOIN stash.files AS f ON f.instance_id = x.instance_id AND f.id = x.file_id"
            "\nLEFT JOIN stash.file_fingerprints AS h"
            "\n    ON h.instance_id = f.instance_id AND h.file_id = f.id AND h.type = 'md5'"
        )
        values = "array_agg(h.value) FILTER (WHERE h.value IS NOT NULL) AS md5s, array_agg(f.path) AS paths"
        return self.of(table, owner, "files", values, joins)

    def _joined(self, name: str, query: str) -> str:
        indented = query.strip().replace("\n", "\n    ")
        if self.some:
            return f"\nLEFT JOIN LATERAL (\n    {indented}\n) AS {name} ON true"
        return f"\nLEFT JOIN (\n    {indented}\n) AS {name} ON {name}.instance_id = o.instance_id AND {name}.id = o.id"


def _studio(column: str) -> str:
    return f"\nLEFT JOIN stash.studios AS studio ON studio.instance_id = o.instance_id AND studio.id = o.{column}"


def _queries(lists: _Lists) -> dict[str, tuple[str, str]]:
    """Per entity the columns, and the joins of an object ``o``."""
    return {
        "performers": (
            "o.name, o.disambiguation, o.gender, o.birthdate_text, aliases, urls, ids.endpoints, ids.stash_ids",
            lists.column("performer_aliases", "performer_id", "alias", "aliases")
            + lists.column("performer_urls", "performer_id", "url", "urls")
            + lists.stash_ids("performer"),
        ),
        "studios": (
            "o.name, aliases, urls, ids.endpoints, ids.stash_ids, studio.name",
            lists.column("studio_aliases", "studio_id", "alias", "aliases")
            + lists.column("studio_urls", "studio_id", "url", "urls")
            + lists.stash_ids("studio")
            + _studio("parent_studio_id"),
        ),
        "tags": (
            "o.name, aliases, ids.endpoints, ids.stash_ids, parents",
            lists.column("tag_aliases", "tag_id", "alias", "aliases")
            + lists.stash_ids("tag")
            + lists.parents_of_tags(),
        ),
        "groups": (
            "o.name, o.aliases, o.date_text, o.director, urls, studio.name",
            lists.column("group_urls", "group_id", "url", "urls") + _studio("studio_id"),
        ),
        "scenes": (
            "o.title, o.code, o.date_text, studio.name, urls, ids.endpoints, ids.stash_ids, performers,\n"
            "    files.file_ids, files.paths, files.durations, files.oshashes, files.md5s, files.phashes",
            lists.column("scene_urls", "scene_id", "url", "urls")
            + lists.stash_ids("scene")
            + _studio("studio_id")
            + lists.performers_of_scenes()
            + lists.files("scene_files", "scene_id"),
        ),
        "galleries": (
            "o.title, o.date_text, urls, files.md5s, files.paths",
            lists.column("gallery_urls", "gallery_id", "url", "urls")
            + lists.hashed_files("gallery_files", "gallery_id"),
        ),
        "images": ("files.md5s, files.paths", lists.hashed_files("image_files", "image_id")),
    }


_OF_SOME: Final = _queries(_Lists(some=True))
_OF_ALL: Final = _queries(_Lists(some=False))

ENTITIES: Final = tuple(_OF_ALL)
"""The entities that are matched, in the order in which they follow."""


def features_query(entity: str, *, some: bool) -> str:
    """The query for the features of an entity: a JSON array per object, which begins with its instance and its id.

    JSON, because an array of Postgres takes several times as long to read.

    Args:
        some: of the objects that the parameters ``instances`` and ``ids`` name.
    """
    columns, joins = (_OF_SOME if some else _OF_ALL)[entity]
    source = f"{_SOME} JOIN stash.{entity} AS o USING (instance_id, id)" if some else f"stash.{entity} AS o"
    return f"SELECT json_build_array(o.instance_id, o.id, {columns})::text\nFROM {source}{joins}"
