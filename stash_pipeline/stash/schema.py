"""A server's schema: types, fields and arguments as its own introspection reports them, whatever its release."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from stash_pipeline.stash.decoding import Part

INTROSPECTION = """
query Introspection {
  __schema {
    queryType { name }
    mutationType { name }
    types {
      name
      kind
      possibleTypes { name }
      inputFields { name }
      fields(includeDeprecated: true) {
        name
        isDeprecated
        args { name type { ...TypeName } }
        type { ...TypeName }
      }
    }
  }
}
fragment TypeName on __Type { kind name ofType { kind name ofType { kind name ofType { kind name } } } }
"""


@dataclass(frozen=True)
class FieldInfo:
    """One field of an object type.

    Attributes:
        type_name: its type, unwrapped. arguments: name to type, as GraphQL writes it.
        spelled: its type as GraphQL writes it, ``[Tag!]!``.
    """

    type_name: str
    arguments: dict[str, str]
    deprecated: bool
    spelled: str = ""


@dataclass(frozen=True)
class TypeInfo:
    """One type: its fields, the fields of an input type, the members of an interface or union."""

    name: str
    kind: str
    fields: dict[str, FieldInfo] = field(default_factory=dict)
    inputs: frozenset[str] = frozenset()
    members: tuple[str, ...] = ()


_NAME: Final = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,126}")
"""Names of types, fields and arguments. They become part of our own queries."""

_CUT: Final = "?"
"""A type that is wrapped more deeply than the query follows."""

_WRAPPED: Final = 8
"""Maximum number of lists and non-nulls around a type; no schema has as many."""


class _Introspection:
    """Reads an introspection. Anything that violates the GraphQL specification is an error with its path."""

    def __init__(self, source: str) -> None:
        self.source = source

    def _part(self, value: Any, path: str) -> Part:
        return Part(value, self.source, path)

    def object(self, value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._part(value, path).unexpected("an object")
        return value

    def list(self, value: Any, path: str) -> Sequence[Any]:
        """A list; empty if the value is null."""
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self._part(value, path).unexpected("a list")
        return value

    def name(self, value: Any, path: str) -> str:
        name = self.object(value, path).get("name")
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise self._part(name, f"{path}/name").unexpected("a name")
        return name

    def unwrapped(self, reference: Any, path: str) -> str:
        for _ in range(_WRAPPED):
            inner = self.object(reference, path).get("ofType")
            if not inner:
                return _CUT if self._is_cut(reference) else self.name(reference, path)
            reference = inner
        raise self._part(reference, path).unexpected("a type with fewer wrappers")

    @staticmethod
    def _is_cut(reference: dict[str, Any]) -> bool:
        return not reference.get("ofType") and reference.get("kind") in ("LIST", "NON_NULL")

    def spelled(self, reference: Any, path: str, depth: int = 0) -> str:
        kind = self.object(reference, path).get("kind")
        if depth == _WRAPPED:
            raise self._part(reference, path).unexpected("a type with fewer wrappers")
        if self._is_cut(reference):
            return _CUT
        if kind == "NON_NULL":
            return self.spelled(reference.get("ofType"), path, depth + 1) + "!"
        if kind == "LIST":
            return "[" + self.spelled(reference.get("ofType"), path, depth + 1) + "]"
        return self.name(reference, path)

    def field(self, value: dict[str, Any], path: str) -> FieldInfo:
        arguments = {
            self.name(argument, path): self.spelled(argument.get("type"), f"{path}/args")
            for argument in self.list(value.get("args"), f"{path}/args")
        }
        kind = value.get("type")
        return FieldInfo(
            self.unwrapped(kind, f"{path}/type"),
            arguments,
            value.get("isDeprecated") is True,
            self.spelled(kind, f"{path}/type"),
        )

    def type(self, value: Any, path: str) -> TypeInfo:
        name = self.name(value, path)
        kind = value.get("kind")
        if not isinstance(kind, str) or not _NAME.fullmatch(kind):
            raise self._part(kind, f"{path}/kind").unexpected("a kind")
        return TypeInfo(
            name,
            kind,
            {
                self.name(entry, f"{path}/fields"): self.field(entry, f"{path}/fields/{entry['name']}")
                for entry in self.list(value.get("fields"), f"{path}/fields")
            },
            frozenset(
                self.name(entry, f"{path}/inputFields")
                for entry in self.list(value.get("inputFields"), f"{path}/inputFields")
            ),
            tuple(
                self.name(entry, f"{path}/possibleTypes")
                for entry in self.list(value.get("possibleTypes"), f"{path}/possibleTypes")
            ),
        )


class ServerSchema:
    """The types of one server, from the ``data`` of :data:`INTROSPECTION`."""

    def __init__(self, data: dict[str, Any], source: str = "The server answered introspection") -> None:
        """Reads it.

        Raises:
            UnexpectedResponseError: if ``data`` is not a valid introspection.
        """
        reader = _Introspection(source)
        schema = reader.object(data.get("__schema"), "__schema")
        self.query_type = reader.name(schema.get("queryType"), "__schema/queryType")
        mutations = schema.get("mutationType")
        self.mutation_type = reader.name(mutations, "__schema/mutationType") if mutations else "Mutation"
        types = Part(schema.get("types"), source, "__schema/types").items()
        self.types: dict[str, TypeInfo] = {}
        for entry in types:
            info = reader.type(entry.value, entry.path)
            self.types[info.name] = info

    def fields(self, type_name: str) -> dict[str, FieldInfo]:
        """The fields of a type; empty if the server does not have the type."""
        info = self.types.get(type_name)
        return info.fields if info else {}

    def query(self, name: str) -> FieldInfo | None:
        """The query field of that name, if the server has it."""
        return self.fields(self.query_type).get(name)

    def inputs(self, type_name: str) -> frozenset[str]:
        """The fields of an input type."""
        info = self.types.get(type_name)
        return info.inputs if info else frozenset()
