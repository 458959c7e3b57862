"""What a server's own introspection says: its types, fields, arguments. Nothing is assumed of a release."""

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
        type_name: of its type, unwrapped. arguments: as ``name: spelling``.
        spelled: its type with lists and what is never null, ``[Tag!]!``.
    """

    type_name: str
    arguments: dict[str, str]
    deprecated: bool
    spelled: str = ""


@dataclass(frozen=True)
class TypeInfo:
    """One type: its fields, the fields of an input, the members of an interface or union."""

    name: str
    kind: str
    fields: dict[str, FieldInfo] = field(default_factory=dict)
    inputs: frozenset[str] = frozenset()
    members: tuple[str, ...] = ()


_NAME: Final = re.compile(r"[_A-Za-z][_0-9A-Za-z]{0,126}")
"""Of types, fields and arguments: they become part of our own queries."""

_CUT: Final = "?"
"""A type inside more lists than the query follows."""

_WRAPPED: Final = 8
"""Lists and non-nulls around a type, more than any schema has."""


class _Introspection:
    """Reads an introspection; whatever is not as the specification of GraphQL says is an error with its place."""

    def __init__(self, source: str) -> None:
        self.source = source

    def _part(self, value: Any, path: str) -> Part:
        return Part(value, self.source, path)

    def object(self, value: Any, path: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise self._part(value, path).wrong("an object")
        return value

    def list(self, value: Any, path: str) -> Sequence[Any]:
        """A list, or none where it is null."""
        if value is None:
            return ()
        if not isinstance(value, list):
            raise self._part(value, path).wrong("a list")
        return value

    def name(self, value: Any, path: str) -> str:
        found = self.object(value, path).get("name")
        if not isinstance(found, str) or not _NAME.fullmatch(found):
            raise self._part(found, f"{path}/name").wrong("a name")
        return found

    def unwrapped(self, reference: Any, path: str) -> str:
        for _ in range(_WRAPPED):
            inner = self.object(reference, path).get("ofType")
            if not inner:
                return _CUT if self._is_cut(reference) else self.name(reference, path)
            reference = inner
        raise self._part(reference, path).wrong("a type inside fewer others")

    @staticmethod
    def _is_cut(reference: dict[str, Any]) -> bool:
        return not reference.get("ofType") and reference.get("kind") in ("LIST", "NON_NULL")

    def spelled(self, reference: Any, path: str, depth: int = 0) -> str:
        kind = self.object(reference, path).get("kind")
        if depth == _WRAPPED:
            raise self._part(reference, path).wrong("a type inside fewer others")
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
            raise self._part(kind, f"{path}/kind").wrong("a kind")
        return TypeInfo(
            name,
            kind,
            {
                self.name(one, f"{path}/fields"): self.field(one, f"{path}/fields/{one['name']}")
                for one in self.list(value.get("fields"), f"{path}/fields")
            },
            frozenset(
                self.name(one, f"{path}/inputFields")
                for one in self.list(value.get("inputFields"), f"{path}/inputFields")
            ),
            tuple(
                self.name(one, f"{path}/possibleTypes")
                for one in self.list(value.get("possibleTypes"), f"{path}/possibleTypes")
            ),
        )


class ServerSchema:
    """The types of one server, from the ``data`` of :data:`INTROSPECTION`."""

    def __init__(self, data: dict[str, Any], source: str = "The server answered introspection") -> None:
        """Reads it.

        Raises:
            UnexpectedResponseError: if it is not what an introspection is.
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
        """The fields of a type; empty if the server does not know the type."""
        info = self.types.get(type_name)
        return info.fields if info else {}

    def query(self, name: str) -> FieldInfo | None:
        """The query field of that name, if the server has it."""
        return self.fields(self.query_type).get(name)

    def inputs(self, type_name: str) -> frozenset[str]:
        """The fields of an input type."""
        info = self.types.get(type_name)
        return info.inputs if info else frozenset()
