"""The GraphQL schema of a release, built from the schema history.

Contains types, fields and arguments. The values of fields come from ``resolvers``.
"""

import json
from collections.abc import Callable
from functools import cache, lru_cache
from importlib import resources
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    TypeNode,
    parse_type,
)

from stash_pipeline.simulator.releases import Release, Version, parse_version, schema_history

# The files of a library share an interface; the history only lists their fields.
_FILE_TYPES = ("VideoFile", "ImageFile", "GalleryFile", "BasicFile")
_UNIONS = {"VisualFile": ("VideoFile", "ImageFile")}


def _plain(value: Any) -> Any:
    return value


def _scalars() -> dict[str, GraphQLNamedType]:
    standard: list[GraphQLNamedType] = [
        GraphQLString,
        GraphQLInt,
        GraphQLFloat,
        GraphQLBoolean,
        GraphQLID,
    ]
    own = [
        GraphQLScalarType(name, serialize=_plain, parse_value=_plain)
        for name in ("Time", "Timestamp", "Map", "BoolMap", "Any", "Int64", "Upload", "PluginConfigMap")
    ]
    return {scalar.name: scalar for scalar in [*standard, *own]}


@cache
def _parsed(text: str) -> TypeNode:
    """A parsed type; the history repeats few different texts."""
    return parse_type(text)


@cache
def _supplement() -> dict[str, Any]:
    text = (resources.files("stash_pipeline.simulator.data") / "supplement.json").read_text("utf-8")
    types: dict[str, Any] = json.loads(text)["types"]
    return types


def _named(node: TypeNode) -> str:
    while isinstance(node, (NonNullTypeNode, ListTypeNode)):
        node = node.type
    assert isinstance(node, NamedTypeNode)
    return node.name.value


class _SchemaBuilder:
    def __init__(self, version: Version) -> None:
        self.version = version
        self.types: dict[str, GraphQLNamedType] = _scalars()
        self.sources = {**schema_history()["types"], **_supplement()}
        self.fields = {name: self._current_fields(source["fields"]) for name, source in self.sources.items()}
        self._drop_unresolvable()

    def _current_fields(self, fields: dict[str, list[dict[str, Any]]]) -> dict[str, dict[str, Any]]:
        current = {}
        for name, entries in fields.items():
            for entry in entries:
                since = parse_version(entry.get("from", "v0.0.0"))
                until = parse_version(entry["until"]) if "until" in entry else (1000, 0, 0)
                if since <= self.version <= until:
                    current[name] = entry
        return current

    def _exists(self, text: str) -> bool:
        name = _named(_parsed(text))
        if name in _UNIONS:
            return all(self.fields.get(member) for member in _UNIONS[name])
        return name in self.types or bool(self.fields.get(name))

    def _drop_unresolvable(self) -> None:
        # The history contains the types of a library, not those of scrapers, jobs and plugins:
        # a field of an unknown type is omitted.
        for name, fields in self.fields.items():
            if self.sources[name]["kind"] == "enum":
                continue
            for field in list(fields):
                needed = [fields[field]["t"], *fields[field].get("args", {}).values()]
                if not all(self._exists(text) for text in needed):
                    del fields[field]

    def reference(self, text: str) -> Any:
        return self._from_node(_parsed(text))

    def _from_node(self, node: TypeNode) -> Any:
        if isinstance(node, NonNullTypeNode):
            return GraphQLNonNull(self._from_node(node.type))
        if isinstance(node, ListTypeNode):
            return GraphQLList(self._from_node(node.type))
        return self.named(_named(node))

    def named(self, name: str) -> GraphQLNamedType:
        if name not in self.types:
            self.types[name] = self._make(name)
        return self.types[name]

    def _make(self, name: str) -> GraphQLNamedType:
        if name in _UNIONS:
            members = [self.named(member) for member in _UNIONS[name]]
            return GraphQLUnionType(name, members, resolve_type=_row_type)  # type: ignore[arg-type]
        kind = self.sources[name]["kind"]
        if kind == "enum":
            return GraphQLEnumType(name, {value: GraphQLEnumValue(value) for value in self.fields[name]})
        if kind == "input_object":
            return GraphQLInputObjectType(name, self._lazily(self._input_fields, name))
        if kind == "interface":
            return GraphQLInterfaceType(name, self._lazily(self._output_fields, name), resolve_type=_row_type)
        interfaces = [self.named("BaseFile")] if name in _FILE_TYPES else []
        return GraphQLObjectType(
            name,
            self._lazily(self._output_fields, name),
            interfaces=interfaces,  # type: ignore[arg-type]
        )

    @staticmethod
    def _lazily(make: Callable[[str], Any], name: str) -> Callable[[], Any]:
        return lambda: make(name)

    def _input_fields(self, name: str) -> dict[str, GraphQLInputField]:
        return {
            field: GraphQLInputField(
                self.reference(entry["t"]),
                # Older releases had no deprecated input fields: introspection always lists them all.
                deprecation_reason=_reason(entry, field) if self.version >= (0, 29, 0) else None,
            )
            for field, entry in self.fields[name].items()
        }

    def _output_fields(self, name: str) -> dict[str, GraphQLField]:
        return {
            field: GraphQLField(
                self.reference(entry["t"]),
                args={
                    argument: GraphQLArgument(self.reference(text)) for argument, text in entry.get("args", {}).items()
                },
                deprecation_reason=_reason(entry, field),
            )
            for field, entry in self.fields[name].items()
        }


def _reason(entry: dict[str, Any], field: str) -> str | None:
    return f"{field} has a successor" if entry.get("deprecated") else None


def _row_type(value: Any, *_: Any) -> str:
    return str(value["__typename"])


@lru_cache(maxsize=32)
def build_schema(release: Release, without: tuple[str, ...] = ()) -> GraphQLSchema:
    """The executable schema of one release, without the given mutations."""
    builder = _SchemaBuilder(release.version)
    for name in without:
        builder.fields["Mutation"].pop(name, None)
    query, mutation = builder.named("Query"), builder.named("Mutation")
    assert isinstance(query, GraphQLObjectType)
    assert isinstance(mutation, GraphQLObjectType)
    files = [builder.named(name) for name in _FILE_TYPES if builder.fields.get(name)]
    subscription = builder.named("Subscription") if builder.fields.get("Subscription") else None
    assert subscription is None or isinstance(subscription, GraphQLObjectType)
    return GraphQLSchema(query=query, mutation=mutation, subscription=subscription, types=files)
