"""Answers GraphQL requests to a box.

Contains parsing, validation and execution, with what a box does differently from a Stash server: roles, errors with
locations, and ThePornDB's own. HTTP is in ``http``.
"""

import ast
import re
from collections import OrderedDict
from collections.abc import Mapping
from functools import cache
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    get_location,
    parse,
    validate,
)

from stash_pipeline.simulator.box import edits, finding, fingerprints, querying, resolvers, searching
from stash_pipeline.simulator.box.context import BoxContext, Loader
from stash_pipeline.simulator.box.releases import BoxRelease
from stash_pipeline.simulator.box.schema import ANONYMOUS, build_box_schema
from stash_pipeline.simulator.database import Row
from stash_pipeline.simulator.engine import Answer
from stash_pipeline.simulator.error_messages import syntax_error, validation_error, variable_error
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.execution import Execution, Path, PlannedField

_CACHED_DOCUMENTS = 256


def _for_readers(load: Loader) -> Loader:
    def authorized(ctx: BoxContext, rows: list[Row], arguments: dict[str, Any], selected: frozenset[str]) -> list[Any]:
        if ctx.user is None:
            raise AnswerError(ctx.release.not_authorized)
        return load(ctx, rows, arguments, selected)

    return authorized


def _refuse(ctx: BoxContext, *_: Any) -> list[Any]:
    raise AnswerError(ctx.release.not_authorized)


@cache
def _all_loaders() -> dict[tuple[str, str], Loader]:
    loaders: dict[tuple[str, str], Loader] = {}
    for module in (resolvers, fingerprints, finding, querying, searching, edits):
        loaders.update(module.LOADERS)
    for key, load in loaders.items():
        if key[0] == "Query" and key[1] not in ANONYMOUS:
            loaders[key] = _for_readers(load)
    for name in build_box_schema(BoxRelease("newest", (999, 0, 0))).mutation_type.fields:  # type: ignore[union-attr]
        loaders["Mutation", name] = _refuse
    return loaders


class _BoxExecution(Execution):
    """An operation of a box, whose fields are executed at the same time, and whose errors have locations."""

    concurrent = True

    def _refused(self, error: AnswerError, path: Path, plan: PlannedField) -> None:
        for key in error.argument:
            path = (path, key)
        self._fail(str(error), path)
        node = plan.nodes[0]
        assert isinstance(self.context, BoxContext)
        if self.context.release.locates_errors and not error.argument and node.loc is not None:
            location = get_location(node.loc.source, node.loc.start)
            self.errors[-1]["locations"] = [{"line": location.line, "column": location.column}]


class BoxEngine:
    """The GraphQL engine of one simulated box."""

    def __init__(self, release: BoxRelease) -> None:
        self.release = release
        self.schema = build_box_schema(release)
        self._documents: OrderedDict[str, DocumentNode | list[dict[str, Any]]] = OrderedDict()

    def document(self, query: str) -> DocumentNode | list[dict[str, Any]]:
        """A parsed and valid document, or its errors."""
        known = self._documents.get(query)
        if known is not None:
            return known
        result: DocumentNode | list[dict[str, Any]]
        try:
            result = parse(query)
            errors = validate(self.schema, result)
            if errors:
                result = [self._invalid(error) for error in errors]
        except GraphQLSyntaxError as error:
            result = [syntax_error(error)]
        self._documents[query] = result
        while len(self._documents) > _CACHED_DOCUMENTS:
            self._documents.popitem(last=False)
        return result

    def _invalid(self, error: GraphQLError) -> dict[str, Any]:
        worded = validation_error(error, suggest=True)
        if "used in position expecting type" in error.message and error.locations:
            # the place where the variable is used, not where it is defined
            used = error.locations[-1]
            worded["locations"] = [{"line": used.line, "column": used.column}]
        return worded

    def answer(
        self,
        ctx: BoxContext,
        query: str,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
    ) -> Answer:
        """Execute one request."""
        document = self.document(query)
        if isinstance(document, list):
            return self._rejected(document)
        execution = _BoxExecution(self.schema, document, variables, operation_name or None, ctx, _all_loaders())
        if execution.variable_errors:
            return self._rejected([_variable_error(error) for error in execution.variable_errors])
        body = execution.run()
        if self.release.is_tpdb and "errors" in body:
            body["errors"] = [_of_lighthouse(error) for error in body["errors"]]
        return Answer(_with_pythons_false(body) if "__schema" in query or "__type(" in query else body)

    def _rejected(self, errors: list[dict[str, Any]]) -> Answer:
        if self.release.is_tpdb:
            return Answer({"errors": [{**error, "extensions": {"category": "graphql"}} for error in errors]})
        return Answer({"errors": errors, "data": None}, rejected=True)


_INVALID_VALUE = re.compile(r"^Variable '\$(\w+)' got invalid value (.*) at '\1(.*?)'; (.*)$", re.DOTALL)


def _variable_error(error: GraphQLError) -> dict[str, Any]:
    """An error in the value of a variable, with the path of the part that is invalid."""
    worded = variable_error(error)
    match = _INVALID_VALUE.match(error.message)
    if match is None:
        return worded
    path = [int(part) if part.isdigit() else part for part in re.findall(r"\w+", match[3])]
    kind = re.search(r"does not exist in '(\w+)' enum", match[4])
    if kind:
        worded["message"] = f"{ast.literal_eval(match[2])} is not a valid {kind[1]}"
    elif "not to be None" in match[4]:
        worded["message"] = "cannot be null"
    return {**worded, "path": ["variable", match[1], *path]}


def _of_lighthouse(error: dict[str, Any]) -> dict[str, Any]:
    unauthorized = error["message"] == "not authorized"
    message = "Unauthenticated." if unauthorized else error["message"]
    return {**error, "message": message, "extensions": {"category": "authentication" if unauthorized else "internal"}}


def _with_pythons_false(value: Any) -> Any:
    """An introspection in which the default value false is spelled as the schema of a box spells it: False."""
    if isinstance(value, dict):
        return {
            key: "False" if key == "defaultValue" and element == "false" else _with_pythons_false(element)
            for key, element in value.items()
        }
    return [_with_pythons_false(element) for element in value] if isinstance(value, list) else value


def fields_of(document: DocumentNode | list[dict[str, Any]], name: str | None) -> tuple[bool, list[FieldNode]]:
    """Whether an operation is a mutation, and its fields, for the log of requests."""
    if isinstance(document, list):
        return False, []
    for node in document.definitions:
        if isinstance(node, OperationDefinitionNode) and name in (None, "", node.name.value if node.name else None):
            fields = [selection for selection in node.selection_set.selections if isinstance(selection, FieldNode)]
            return node.operation is OperationType.MUTATION, fields
    return False, []
