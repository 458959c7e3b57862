"""From the text of a GraphQL request to its answer.

Here: parsing and validating (with a cache, pipelines repeat their documents) and running.
Not here: HTTP.
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
from stash_pipeline.simulator.execution import Execution
from stash_pipeline.simulator.registry import all_loaders
from stash_pipeline.simulator.releases import Release
from stash_pipeline.simulator.schema import build_schema
from stash_pipeline.simulator.wording import (
    NoDeprecatedInputs,
    syntax_error,
    validation_error,
    variable_error,
)

_CACHED_DOCUMENTS = 512

Document = DocumentNode | list[dict[str, Any]]
"""A document that was parsed and validated, or what is wrong with it."""


@dataclass
class Answer:
    """A response body; `rejected` when the request was not run at all."""

    body: dict[str, Any]
    rejected: bool = False


class Engine:
    """The GraphQL side of one simulated server; `without` are mutations that it does not have."""

    def __init__(self, release: Release, without: tuple[str, ...] = ()) -> None:
        self.schema = build_schema(release, without)
        self._rules = [*specified_rules, *([] if release.since(29) else [NoDeprecatedInputs])]
        self._documents = _documents.setdefault(self.schema, OrderedDict())

    def _document(self, query: str) -> Document:
        known = self._documents.get(query)
        if known is not None:
            return known
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
        """Would this request change anything?"""
        document = self._document(query)
        if isinstance(document, list):
            return False
        operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
        chosen = [
            one
            for one in operations
            if operation_name is None or (one.name is not None and one.name.value == operation_name)
        ]
        return any(one.operation is OperationType.MUTATION for one in chosen)

    def answer(
        self,
        ctx: RequestContext,
        query: str,
        variables: Mapping[str, Any] | None = None,
        operation_name: str | None = None,
    ) -> Answer:
        """Run one request."""
        document = self._document(query)
        if isinstance(document, list):
            return Answer({"errors": document, "data": None}, rejected=True)
        asked = id(self.schema), query
        if asked in _introspections and not variables:
            return Answer(orjson.loads(_introspections[asked][0]))
        execution = Execution(self.schema, document, variables, operation_name or None, ctx, all_loaders())
        if execution.variable_errors:
            errors = [variable_error(error) for error in execution.variable_errors]
            return Answer({"errors": errors, "data": None}, rejected=True)
        answer = Answer(execution.run())
        if _only_introspects(document):
            _introspections[asked] = orjson.dumps(answer.body), self.schema
        return answer


# validating a query takes as long as answering it; servers of one release share what they know of it
_documents: WeakKeyDictionary[GraphQLSchema, OrderedDict[str, Document]] = WeakKeyDictionary()

# a schema always says the same of itself, and saying it takes as long as a whole small library; as bytes, so that
# whoever changes an answer does not change the next one
_introspections: dict[tuple[int, str], tuple[bytes, GraphQLSchema]] = {}


def _only_introspects(document: DocumentNode) -> bool:
    operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    fields = [selection for one in operations for selection in one.selection_set.selections]
    return all(isinstance(field, FieldNode) and field.name.value == "__schema" for field in fields)
