"""Answers GraphQL requests.

Contains parsing and validation (cached, because pipelines repeat their documents) and execution. HTTP is in ``http``.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import orjson
from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    parse,
    specified_rules,
    validate,
)

from stash_pipeline.simulator.context import RequestContext
from stash_pipeline.simulator.error_messages import (
    NoDeprecatedInputs,
    syntax_error,
    validation_error,
    variable_error,
)
from stash_pipeline.simulator.execution import Execution, Prepared
from stash_pipeline.simulator.registry import all_loaders
from stash_pipeline.simulator.releases import Release
from stash_pipeline.simulator.schema import build_schema

_CACHED_DOCUMENTS = 512
_CACHED_QUERIES = 256

Document = DocumentNode | list[dict[str, Any]]
"""A parsed and validated document, or its errors."""


@dataclass
class Answer:
    """A response body; `rejected` if the request was not executed."""

    body: dict[str, Any]
    rejected: bool = False


class Engine:
    """The GraphQL engine of one simulated server; `without` are mutations that it does not have."""

    def __init__(self, release: Release, without: tuple[str, ...] = ()) -> None:
        self.schema = build_schema(release, without)
        self._rules = [*specified_rules, *([] if release.since(29) else [NoDeprecatedInputs])]
        self._documents = _documents.setdefault(self.schema, OrderedDict())
        self._prepared = _prepared.setdefault(self.schema, OrderedDict())

    def _document(self, query: str) -> Document:
        cached = self._documents.get(query)
        if cached is not None:
            return cached
        result: Document
        try:
            result = parse(query)
            errors = validate(self.schema, result, self._rules)
            if errors:
                result = [validation_error(error) for error in errors]
        except GraphQLSyntaxError as error:
            result = [syntax_error(error)]
        self._documents[query] = result
        while len(self._documents) > _CACHED_DOCUMENTS:
            self._documents.popitem(last=False)
        return result

    def is_mutation(self, query: str, operation_name: str | None) -> bool:
        """Whether this request is a mutation."""
        document = self._document(query)
        if isinstance(document, list):
            return False
        operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
        chosen = [
            operation
            for operation in operations
            if operation_name is None or (operation.name is not None and operation.name.value == operation_name)
        ]
        return any(operation.operation is OperationType.MUTATION for operation in chosen)

    def answer(
        self,
        ctx: RequestContext,
        query: str,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
    ) -> Answer:
        """Execute one request."""
        document = self._document(query)
        if isinstance(document, list):
            return Answer({"errors": document, "data": None}, rejected=True)
        cache_key = id(self.schema), query
        if cache_key in _introspections and not variables:
            return Answer(orjson.loads(_introspections[cache_key][0]))
        key = _key(query, variables, operation_name)
        prepared = self._prepared.get(key) if key else None
        execution = Execution(self.schema, document, variables, operation_name or None, ctx, all_loaders(), prepared)
        if execution.variable_errors:
            errors = [variable_error(error) for error in execution.variable_errors]
            return Answer({"errors": errors, "data": None}, rejected=True)
        answer = Answer(execution.run())
        if key and prepared is None and execution.is_query:
            self._prepared[key] = execution.prepared
            while len(self._prepared) > _CACHED_QUERIES:
                self._prepared.popitem(last=False)
        if _only_introspects(document):
            _introspections[cache_key] = orjson.dumps(answer.body), self.schema
        return answer


# validating a query takes as long as executing it; servers of the same release share the results
_documents: WeakKeyDictionary[GraphQLSchema, OrderedDict[str, Document]] = WeakKeyDictionary()

# planning a query takes a quarter of the time of executing it
_prepared: WeakKeyDictionary[GraphQLSchema, "OrderedDict[_Key, Prepared]"] = WeakKeyDictionary()
_Key = tuple[str, bytes, str | None]


def _key(query: str, variables: Mapping[str, Any] | None, operation_name: str | None) -> _Key | None:
    """What identifies a query with its variables; None if they have no usual form."""
    try:
        return query, orjson.dumps(variables or {}), operation_name
    except TypeError:
        return None


# the introspection of a schema never changes, and takes as long as reading a small library; stored as bytes, so that
# modifying a response does not modify the next one
_introspections: dict[tuple[int, str], tuple[bytes, GraphQLSchema]] = {}


def _only_introspects(document: DocumentNode) -> bool:
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    fields = [selection for operation in operations for selection in operation.selection_set.selections]
    return all(isinstance(field, FieldNode) and field.name.value == "__schema" for field in fields)
