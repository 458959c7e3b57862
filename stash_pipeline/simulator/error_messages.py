"""Errors of syntax, validation and variables, in the server's wording.

Rewords the errors of graphql-core. Errors of execution are not affected.
"""

import re
from typing import Any

from graphql import FieldNode, GraphQLError, GraphQLSyntaxError, ValidationRule, Visitor, get_location, parse, visit


class NoDeprecatedInputs(ValidationRule):
    """Before v0.29, introspection has no argument for deprecated input fields and arguments."""

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        """Reject the argument that graphql-core supports and the server does not."""
        parent = self.context.get_parent_type()
        if parent is None or (parent.name, node.name.value) not in _WITHOUT_ARGUMENTS:
            return
        for argument in node.arguments:
            self.report_error(
                GraphQLError(
                    f"Unknown argument '{argument.name.value}' on field '{parent.name}.{node.name.value}'.",
                    argument,
                )
            )


_WITHOUT_ARGUMENTS = {("__Type", "inputFields"), ("__Field", "args"), ("__Directive", "args")}
_HINT = re.compile(r" Did you mean .*$", re.DOTALL)
_QUOTED = re.compile(r"'([^']*)'")


def _first_location(error: GraphQLError) -> list[dict[str, int]]:
    locations = error.locations or []
    return [{"line": location.line, "column": location.column} for location in locations[:1]]


def _enclosing_field(error: GraphQLError) -> list[dict[str, int]]:
    """The location of the field around an argument, which is the location that the server reports."""
    argument = error.nodes[0] if error.nodes else None
    if argument is None or error.source is None or argument.loc is None:
        return _first_location(error)
    document = parse(error.source)
    best: list[int] = []

    class _Fields(Visitor):
        def enter_field(self, node: FieldNode, *_: Any) -> None:
            assert node.loc is not None
            assert argument is not None and argument.loc is not None
            if node.loc.start <= argument.loc.start <= node.loc.end:
                best.append(node.loc.start)

    visit(document, _Fields())
    if not best:
        return _first_location(error)
    location = get_location(error.source, max(best))
    return [{"line": location.line, "column": location.column}]


def syntax_error(error: GraphQLSyntaxError) -> dict[str, Any]:
    """A syntax error in the document."""
    message = error.message.removeprefix("Syntax Error: ").removesuffix(".")
    return {
        "message": message,
        "locations": _first_location(error),
        "extensions": {"code": "GRAPHQL_PARSE_FAILED"},
    }


def validation_error(error: GraphQLError, suggest: bool = False) -> dict[str, Any]:
    """A validation error of the document; it may suggest names that exist."""
    message = _QUOTED.sub(r'"\1"', error.message)
    unknown_argument = message.startswith("Unknown argument ")
    if not suggest and message.startswith(("Cannot query field ", "Unknown argument ")):
        message = _HINT.sub("", message)
    return {
        "message": message,
        "locations": _enclosing_field(error) if unknown_argument else _first_location(error),
        "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"},
    }


def variable_error(error: GraphQLError) -> dict[str, Any]:
    """An error in the values of variables."""
    name = re.search(r"\$(\w+)", error.message)
    message = _QUOTED.sub(r'"\1"', error.message)
    if name and "was not provided" in message:
        message = "must be defined"
    return {
        "message": message,
        "path": ["variable", name.group(1)] if name else [],
        "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"},
    }
