"""The queries, by dialect. They are written by hand: a box's introspection has defaults that no library accepts.

One unknown field makes a box refuse the whole request. It names the field; :meth:`Documents.learn` leaves it out from
then on, and remembers it.
"""

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from stash_pipeline.stash.selection import Tree, merge, parse, render
from stash_pipeline.stashbox.endpoints import Dialect, Entity

TYPES: Final[Mapping[Entity, str]] = {"scenes": "Scene", "performers": "Performer", "studios": "Studio", "tags": "Tag"}
TARGETS: Final[Mapping[Entity, str]] = {entity: name.upper() for entity, name in TYPES.items()}
"""The target types of edits."""

_FIND: Final[Mapping[Entity, tuple[str, str]]] = {
    "scenes": ("findScene", "ID!"),
    "performers": ("findPerformer", "ID!"),
    "studios": ("findStudio", "ID"),
    "tags": ("findTag", "ID"),
}
LOOKUP: Final = "findScenesBySceneFingerprints"

_IMAGES: Final = "images{id url width height}"
_URLS: Final = "urls{url site{id name}}"
_BODY: Final = "tattoos{location description} piercings{location description}"
_PERFORMER: Final = (
    "id name disambiguation aliases gender birth_date death_date ethnicity country eye_color hair_color height "
    f"breast_type career_start_year career_end_year {_BODY} deleted merged_ids merged_into_id"
)

_SELECTIONS: Final[Mapping[Dialect, Mapping[str, str]]] = {
    "stash-box": {
        "Scene": f"id title code details director duration release_date production_date {_URLS} {_IMAGES} "
        "studio{id name parent{id name}} tags{id name} "
        "performers{as performer{id name disambiguation aliases gender}} "
        "fingerprints{algorithm hash duration submissions reports created updated} deleted created updated",
        "Performer": f"{_PERFORMER} cup_size band_size waist_size hip_size {_URLS} {_IMAGES} created updated",
        "Studio": f"id name aliases {_URLS} parent{{id name}} {_IMAGES} deleted created updated",
        "Tag": "id name description aliases category{id name group} deleted created updated",
    },
    # what Stash itself asks there, and the fields that the other boxes need to tell what became of an object
    "theporndb": {
        "Scene": f"id title code details director duration date urls{{url type}} {_IMAGES} "
        "studio{id name parent{id name}} tags{id name} "
        "performers{as performer{id name disambiguation aliases gender}} "
        "fingerprints{algorithm hash duration submissions} deleted created updated",
        "Performer": f"{_PERFORMER} measurements{{band_size cup_size waist hip}} urls{{url type}} {_IMAGES} "
        "created updated",
        "Studio": f"id name aliases urls{{url type}} parent{{id name}} {_IMAGES} deleted created updated",
        "Tag": "id name description aliases deleted created updated",
    },
}

LISTED: Final = "id title code release_date duration deleted studio{id name} performers{performer{id name}}"
"""Of a scene in a list, of which there may be thousands."""

_CHILDREN: Final[Mapping[str, Mapping[str, str]]] = {
    "Scene": {
        "studio": "Studio", "tags": "Tag", "performers": "PerformerAppearance", "fingerprints": "Fingerprint",
        "images": "Image", "urls": "URL",
    },
    "PerformerAppearance": {"performer": "Performer"},
    "Performer": {
        "tattoos": "BodyModification", "piercings": "BodyModification", "images": "Image", "urls": "URL",
        "measurements": "Measurements", "birthdate": "FuzzyDate",
    },
    "Studio": {"parent": "Studio", "images": "Image", "urls": "URL"},
    "Tag": {"category": "TagCategory"},
    "URL": {"site": "Site"},
    "Query": {},
}  # fmt: skip

_INSTEAD: Final[Mapping[tuple[str, str], str]] = {
    ("Scene", "release_date"): "date",
    ("Performer", "birth_date"): "birthdate{date accuracy}",
    ("URL", "site"): "type",
}
"""What is selected where a box lacks a field."""

_INDISPENSABLE: Final = frozenset({"id", "hash", "algorithm"})

_MISSING: Final[Mapping[Dialect, frozenset[str]]] = {
    "stash-box": frozenset(),
    "theporndb": frozenset(
        {"Query.queryEdits", "Query.queryScenes", "Scene.release_date", "Scene.production_date", "URL.site",
         "Fingerprint.reports", "Tag.category", "Performer.cup_size", "Performer.band_size", "Performer.waist_size",
         "Performer.hip_size"}
    ),
}  # fmt: skip
"""What a dialect lacks, or answers with something else: ThePornDB's queryScenes ignores its filters."""

_UNKNOWN_FIELD: Final = re.compile(r"Cannot query field [\"'`](\w+)[\"'`] on type [\"'`](\w+)[\"'`]")


class Documents:
    """The queries for one box; any thread may use them."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._missing = set(_MISSING[dialect])
        self._trees = {name: parse(text) for name, text in _SELECTIONS[dialect].items()}
        self._listed = parse(LISTED)
        self._lock = threading.Lock()

    @property
    def missing(self) -> list[str]:
        """The queries and fields that the box lacks, such as ``Fingerprint.reports``."""
        with self._lock:
            return sorted(self._missing)

    def has(self, query: str) -> bool:
        """Whether the box has a query, as far as is known."""
        with self._lock:
            return f"Query.{query}" not in self._missing

    def learn(self, messages: Iterable[str]) -> list[str]:
        """Leaves out the fields that a refusal names.

        Returns:
            these fields; empty if it names none, or one without which the answer is useless.
        """
        pairs = {(kind, field) for text in messages for field, kind in _UNKNOWN_FIELD.findall(text)}
        usable = [(kind, field) for kind, field in pairs if field not in _INDISPENSABLE or kind == "Query"]
        if not usable or len(usable) < len(pairs):
            return []
        with self._lock:
            for kind, field in sorted(usable):
                self._missing.add(f"{kind}.{field}")
                self._trees = {name: _without(tree, name, kind, field) for name, tree in self._trees.items()}
                self._listed = _without(self._listed, "Scene", kind, field)
        return sorted(f"{kind}.{field}" for kind, field in usable)

    def find(self, entity: Entity, number: int) -> str:
        """The query for so many objects by id: variables and aliases ``i0``, ``i1``, …"""
        query, id_type = _FIND[entity]
        variables = ", ".join(f"$i{n}: {id_type}" for n in range(number))
        aliases = "\n".join(f"  i{n}: {query}(id: $i{n}) {{ ...Fields }}" for n in range(number))
        return f"query Find({variables}) {{\n{aliases}\n}}\n{self._fragment(TYPES[entity])}"

    def lookup(self) -> str:
        """The query for the scenes with given fingerprints."""
        return (
            "query Lookup($fingerprints: [[FingerprintQueryInput!]!]!) {\n"
            f"  {LOOKUP}(fingerprints: $fingerprints) {{ ...Fields }}\n}}\n{self._fragment('Scene')}"
        )

    def scenes(self, *, counted: bool) -> str:
        """The query for a page of scenes; the count is a statement of its own in the box."""
        with self._lock:
            fields = render(self._listed, 2)
        return (
            "query Scenes($input: SceneQueryInput!) {\n"
            f"  queryScenes(input: $input) {{ {'count ' if counted else ''}scenes {{\n{fields}\n  }} }}\n}}\n"
        )

    def merges(self, entity: Entity, number: int) -> str:
        """The query for the applied merges of so many objects: variables and aliases ``i0``, ``i1``, …"""
        name = TYPES[entity]
        variables = ", ".join(f"$i{n}: EditQueryInput!" for n in range(number))
        aliases = "\n".join(f"  i{n}: queryEdits(input: $i{n}) {{ edits {{ ...Merge }} }}" for n in range(number))
        return (
            f"query Merges({variables}) {{\n{aliases}\n}}\n"
            "fragment Merge on Edit {\n"
            f"  closed target {{ ... on {name} {{ id deleted }} }} merge_sources {{ ... on {name} {{ id }} }}\n}}\n"
        )

    def _fragment(self, name: str) -> str:
        with self._lock:
            tree = self._trees[name]
        return f"fragment Fields on {name} {{\n{render(tree, 1)}\n}}\n"


VERSION: Final = "query Version { version { version } }"


def me(fields: Sequence[str]) -> str:
    """The query for the user of the key."""
    return f"query Me {{ me {{ {' '.join(fields)} }} }}"


def _without(tree: Tree, name: str, kind: str, field: str) -> Tree:
    """The tree of a type without one field of one type, or with what is selected instead."""
    result: Tree = {}
    for member, inner in tree.items():
        if name == kind and member == field:
            replacement = _INSTEAD.get((kind, field))
            if replacement:
                merge(result, parse(replacement))
            continue
        child = _CHILDREN.get(name, {}).get(member)
        subtree = _without(inner, child, kind, field) if inner and child else inner
        if subtree or not inner:
            result[member] = subtree
    return result
