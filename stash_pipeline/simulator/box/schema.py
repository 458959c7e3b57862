"""The GraphQL schema of a box.

Contains types, fields and arguments, built from ``data/box_schema.json``, and what ThePornDB has of them. The values of
fields come from ``resolvers``.
"""

import json
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from graphql import GraphQLScalarType, GraphQLSchema, GraphQLUnionType, build_schema

from stash_pipeline.simulator.box.releases import BoxRelease
from stash_pipeline.simulator.releases import Version, parse_version

Fields = dict[str, str]
"""The fields of a type, with their arguments and types in SDL."""

ANONYMOUS = {"me", "getConfig"}
"""The queries that need no role."""

_TPDB_QUERIES = {
    "searchScene",
    "searchPerformer",
    "findScene",
    "findPerformer",
    "findStudio",
    "findTag",
    "findScenesBySceneFingerprints",
    "queryScenes",
    "queryPerformers",
    "queryTags",
    "me",
}
_TPDB_LACKS = {
    "Fingerprint": {"reports", "user_submitted", "user_reported"},
    "Performer": {"scene_count", "edits", "merged_ids", "merged_into_id", "studios", "scenes", "is_favorite"},
    "Scene": {"edits"},
    "Site": {"category", "highlighted", "icon"},
    "Studio": {"performers", "sub_studios", "is_favorite"},
    "Tag": {"edits", "category"},
    "TagQueryInput": {"category_id"},
}
# Filters take plain values, and sorting has no default.
_TPDB_CHANGES = {
    "SceneQueryInput": {
        "date": ": String",
        "production_date": ": String",
        "code": ": String",
        "alias": ": String",
        "studios": ": [ID!]",
        "tags": ": [ID!]",
        "performers": ": [ID!]",
        "fingerprints": ": [String!]",
        "direction": ": SortDirectionEnum!",
        "sort": ": SceneSortEnum!",
    },
    "PerformerQueryInput": {
        "disambiguation": ": String",
        "country": ": String",
        "birthdate": ": String",
        "deathdate": ": String",
        "birth_year": ": Int",
        "age": ": Int",
        "direction": ": SortDirectionEnum!",
        "sort": ": PerformerSortEnum!",
    },
    "TagQueryInput": {"direction": ": SortDirectionEnum!", "sort": ": TagSortEnum!"},
}


@cache
def _history() -> dict[str, Any]:
    text = (resources.files("stash_pipeline.simulator.data") / "box_schema.json").read_text("utf-8")
    types: dict[str, Any] = json.loads(text)["types"]
    return types


def _fields(history: dict[str, list[dict[str, str]]], version: Version) -> Fields:
    fields = {}
    for name, entries in history.items():
        for entry in entries:
            since = parse_version(entry.get("from", "v0.0.0"))
            until = parse_version(entry["until"]) if "until" in entry else (1000, 0, 0)
            if since <= version <= until:
                fields[name] = entry.get("sdl", "")
    return fields


def _of_tpdb(name: str, fields: Fields) -> Fields:
    if name == "Query":
        return {field: _undeprecated(text, field) for field, text in fields.items() if field in _TPDB_QUERIES}
    kept = {field: text for field, text in fields.items() if field not in _TPDB_LACKS.get(name, ())}
    return {**kept, **_TPDB_CHANGES.get(name, {})}


def _definition(kind: str, name: str, fields: Fields) -> str:
    if kind == "scalar":
        return f"scalar {name}"
    if kind == "union":
        return f"union {name} = {' | '.join(fields)}"
    # A box lists all fields of inputs, even if deprecated ones are not asked for.
    deprecated = _deprecated if kind == "type" else _undeprecated
    lines = "\n".join(f"  {field}{deprecated(text, field)}" for field, text in fields.items())
    return f"{kind} {name} {{\n{lines}\n}}"


def _deprecated(text: str, field: str) -> str:
    return text.replace("@deprecated", f'@deprecated(reason: "{field} has a successor")')


def _undeprecated(text: str, _: str) -> str:
    return text.replace(" @deprecated", "")


def _plain(value: Any) -> Any:
    return value


def _row_type(value: Any, *_: Any) -> str:
    return str(value["__typename"])


@lru_cache(maxsize=16)
def build_box_schema(release: BoxRelease) -> GraphQLSchema:
    """The executable schema of one release."""
    types = {}
    for name, source in _history().items():
        fields = _fields(source["fields"], release.version)
        if release.is_tpdb:
            fields = _of_tpdb(name, fields)
        if fields or source["kind"] == "scalar":
            types[name] = _definition(source["kind"], name, fields)
    schema = build_schema("\n".join(types.values()))
    for kind in schema.type_map.values():
        # What is wrong with a value is found, and said, by the field that uses it.
        if isinstance(kind, GraphQLScalarType) and kind.name in (
            "Date",
            "FingerprintHash",
            "Time",
            "Upload",
        ):
            kind.serialize = kind.parse_value = _plain  # type: ignore[method-assign]
        elif isinstance(kind, GraphQLUnionType):
            kind.resolve_type = _row_type
    return schema
