"""What a server's own introspection says: its types, fields, arguments. Nothing is assumed of a release."""

from dataclasses import dataclass, field
from typing import Any

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


def _unwrapped(reference: dict[str, Any]) -> str:
    while reference.get("ofType"):
        reference = reference["ofType"]
    return str(reference["name"])


def _spelled(reference: dict[str, Any] | None) -> str:
    if reference is None:
        # deeper than was asked
        return "?"
    kind = reference["kind"]
    if kind == "NON_NULL":
        return _spelled(reference.get("ofType")) + "!"
    if kind == "LIST":
        return "[" + _spelled(reference.get("ofType")) + "]"
    return str(reference["name"])


class ServerSchema:
    """The types of one server, from the ``data`` of :data:`INTROSPECTION`."""

    def __init__(self, data: dict[str, Any]) -> None:
        schema = data["__schema"]
        self.query_type: str = schema["queryType"]["name"]
        self.mutation_type: str = (schema.get("mutationType") or {}).get("name", "Mutation")
        self.types: dict[str, TypeInfo] = {}
        for entry in schema["types"]:
            fields = {
                f["name"]: FieldInfo(
                    _unwrapped(f["type"]),
                    {a["name"]: _spelled(a["type"]) for a in f["args"]},
                    bool(f.get("isDeprecated")),
                    _spelled(f["type"]),
                )
                for f in entry.get("fields") or []
            }
            self.types[entry["name"]] = TypeInfo(
                entry["name"],
                entry["kind"],
                fields,
                frozenset(i["name"] for i in entry.get("inputFields") or []),
                tuple(m["name"] for m in entry.get("possibleTypes") or []),
            )

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
