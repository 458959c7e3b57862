"""Executes a validated GraphQL operation level by level.

graphql-core parses, validates, coerces and introspects. It would call a Python function per field and row, which is too
slow for thousands of rows. This module loads every field once for all rows of its level, so a relation costs one SQL
statement per page. Null propagation and error paths follow the GraphQL specification; error texts are those of the
server.

The values of fields come from ``resolvers``, the texts of validation errors from ``error_messages``.
"""

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from graphql import (
    DocumentNode,
    ExecutionContext,
    FieldNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLString,
    GraphQLUnionType,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    execute,
)
from graphql.execution.collect_fields import collect_fields, collect_sub_fields
from graphql.execution.execute import assert_valid_execution_arguments
from graphql.execution.values import get_argument_values

from stash_pipeline.simulator.context import SelectedFields
from stash_pipeline.simulator.database import Row
from stash_pipeline.simulator.errors import AnswerError
from stash_pipeline.simulator.timestamps import answered

# The server reads these once per request, so they are stale after several mutations in one request.
_REMEMBERED = {
    ("Scene", "play_count"),
    ("Scene", "o_counter"),
    ("Scene", "last_played_at"),
    ("Scene", "play_history"),
    ("Scene", "o_history"),
    ("Performer", "custom_fields"),
}
# The database cannot be copied from within a transaction.
_OUTSIDE_TRANSACTIONS = {"backupDatabase"}
Path = tuple[Any, ...] | None  # linked: (parent path, key)
_FAILED: Any = object()  # a null caused by an error; it propagates to the next nullable field

AnyLoader = Callable[[Any, list[Row], dict[str, Any], SelectedFields], list[Any]]
"""A loader of any server, which knows the class of its context."""


class Executing(Protocol):
    """The context of one request, as its execution uses it."""

    row_cache: dict[Any, Row]

    def transaction(self) -> AbstractContextManager[None]:
        """All or nothing: what a mutation writes."""

    @property
    def marshals_nulls(self) -> bool:
        """Whether nulls are found while the response is written, which the message shows."""


@dataclass(slots=True)
class PlannedField:
    """A selected field, with everything that is the same for all rows."""

    key: str
    name: str
    type: Any
    loader: AnyLoader | None
    arguments: dict[str, Any]
    nodes: list[FieldNode]
    leaf: bool
    selected: SelectedFields


@dataclass(slots=True)
class Prepared:
    """What all executions of one query with the same variables share: a client repeats its pages and counts."""

    built: ExecutionContext
    roots: dict[str, list[FieldNode]]
    # by type and id of the nodes, which the plans keep alive
    plans: dict[tuple[str, int], list[PlannedField]]


def _go_float(value: Any) -> Any:
    number = float(value)
    return int(number) if number.is_integer() and abs(number) < 1e6 else number


_NULL = "the requested element is null which the schema does not allow"

_SERIALIZERS: dict[str, Callable[[Any], Any]] = {
    "ID": str,
    "Boolean": bool,
    "Float": _go_float,
    "Time": answered,
    "Int": int,
    "Int64": int,
}


class Execution:
    """One operation of one request.

    Args:
        prepared: by an earlier execution with the same document and variables. Not of mutations, whose loaders modify
            their arguments.

    Attributes:
        concurrent: all fields of a query are executed, even if one has made the whole response null.
    """

    concurrent = False

    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        variables: Mapping[str, Any] | None,
        operation_name: str | None,
        context: Executing,
        loaders: Mapping[tuple[str, str], AnyLoader],
        prepared: Prepared | None = None,
    ) -> None:
        self.schema, self.document, self.variables = schema, document, variables
        self.context, self.loaders = context, loaders
        self.errors: list[dict[str, Any]] = []
        self.variable_errors: list[GraphQLError] = []
        self._remembered: dict[tuple[str, str], dict[int, Any]] = {}
        if prepared is None:
            assert_valid_execution_arguments(schema, document, dict(variables or {}))
            built = ExecutionContext.build(
                schema, document, raw_variable_values=dict(variables or {}), operation_name=operation_name
            )
            if isinstance(built, list):
                self.variable_errors = built
                return
            prepared = Prepared(built, self._roots(built), {})
        self.prepared = prepared
        self.built = prepared.built

    @property
    def operation(self) -> OperationDefinitionNode:
        """The operation to execute."""
        return self.built.operation

    @property
    def is_query(self) -> bool:
        """Whether the operation only reads."""
        return self.operation.operation is OperationType.QUERY

    def _roots(self, built: ExecutionContext) -> dict[str, list[FieldNode]]:
        root = {OperationType.QUERY: self.schema.query_type, OperationType.MUTATION: self.schema.mutation_type}.get(
            built.operation.operation
        )
        if root is None:
            return {}
        selected = built.operation.selection_set
        return collect_fields(self.schema, built.fragments, built.variable_values, root, selected)

    def run(self) -> dict[str, Any]:
        """Executes the operation; returns {"data": …}, preceded by "errors" if there are any."""
        kind = self.operation.operation
        if kind is OperationType.SUBSCRIPTION:
            self._fail("subscriptions are only served over a websocket", None)
            return {"errors": self.errors, "data": None}
        root = self.schema.mutation_type if kind is OperationType.MUTATION else self.schema.query_type
        assert root is not None
        data: dict[str, Any] | None = {}
        for key, nodes in self.prepared.roots.items():
            name = nodes[0].name.value
            if name.startswith("__"):
                data[key] = self._introspect(nodes)  # type: ignore[index]
                continue
            # Fields are executed sequentially, each in its own transaction: aliased mutations are independent.
            self.context.row_cache.clear()
            value = self._root_field(root, key, nodes, kind is OperationType.MUTATION)
            if value is _FAILED and isinstance(root.fields[name].type, GraphQLNonNull):
                data = None
            elif data is not None:
                data[key] = None if value is _FAILED else value
            if data is None and kind is not OperationType.MUTATION and not self.concurrent:
                break
        return {"errors": self.errors, "data": data} if self.errors else {"data": data}

    def _root_field(self, root: GraphQLObjectType, key: str, nodes: list[FieldNode], writes: bool) -> Any:
        (plan,) = self._planned((root.name, id(nodes)), lambda: [self._plan_field(root, key, nodes)])
        path = (None, key)
        if plan.loader is None:
            self._fail(f"{plan.name} is not simulated", path)
            return _FAILED
        try:
            if writes and plan.name not in _OUTSIDE_TRANSACTIONS:
                with self.context.transaction():
                    value = plan.loader(self.context, [{}], plan.arguments, plan.selected)[0]
            else:
                value = plan.loader(self.context, [{}], plan.arguments, plan.selected)[0]
        except AnswerError as error:
            self._refused(error, path, plan)
            return _FAILED if isinstance(plan.type, GraphQLNonNull) else None
        except sqlite3.Error as error:
            self._fail(str(error), path)
            return _FAILED if isinstance(plan.type, GraphQLNonNull) else None
        return self._complete(plan.type, [value], plan, [path])[0]

    def _introspect(self, nodes: list[FieldNode]) -> Any:
        only = OperationDefinitionNode(
            operation=OperationType.QUERY,
            name=None,
            variable_definitions=self.operation.variable_definitions,
            directives=(),
            selection_set=SelectionSetNode(selections=tuple(nodes)),
        )
        fragments = tuple(self.built.fragments.values())
        result = execute(
            self.schema,
            DocumentNode(definitions=(only, *fragments)),
            variable_values=self.variables,  # type: ignore[arg-type]
        )
        data = result.data or {}  # type: ignore[union-attr]
        return next(iter(data.values()), None)

    def _plan(self, parent: GraphQLObjectType, nodes: list[FieldNode]) -> list[PlannedField]:
        def make() -> list[PlannedField]:
            built = self.built
            collected = collect_sub_fields(self.schema, built.fragments, built.variable_values, parent, nodes)
            return [self._plan_field(parent, key, field_nodes) for key, field_nodes in collected.items()]

        return self._planned((parent.name, id(nodes)), make)

    def _planned(self, key: tuple[str, int], make: Callable[[], list[PlannedField]]) -> list[PlannedField]:
        plan = self.prepared.plans.get(key)
        if plan is None:
            plan = self.prepared.plans[key] = make()
        return plan

    def _plan_field(self, parent: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> PlannedField:
        name = nodes[0].name.value
        if name == "__typename":
            return PlannedField(key, name, GraphQLNonNull(GraphQLString), None, {}, nodes, True, frozenset())
        definition = parent.fields[name]
        arguments = get_argument_values(definition, nodes[0], self.built.variable_values) if definition.args else {}
        inner = definition.type
        while isinstance(inner, (GraphQLNonNull, GraphQLList)):
            inner = inner.of_type
        leaf = isinstance(inner, (GraphQLScalarType, GraphQLEnumType))
        selected = (
            frozenset(collect_sub_fields_names(self, inner, nodes))
            if isinstance(inner, GraphQLObjectType)
            else frozenset({"*"})
        )
        loader = self.loaders.get((parent.name, name))
        return PlannedField(key, name, definition.type, loader, arguments, nodes, leaf, selected)

    def _complete(self, kind: Any, values: list[Any], plan: PlannedField, paths: list[Path]) -> list[Any]:
        if isinstance(kind, GraphQLNonNull):
            results = self._complete(kind.of_type, values, plan, paths)
            for index, result in enumerate(results):
                if result is None:
                    results[index] = _FAILED
                    # for an existing object, the error below it was already reported
                    if values[index] is None or isinstance(kind.of_type, GraphQLScalarType):
                        self._refuse(values[index], paths[index])
            return results
        if isinstance(kind, GraphQLList):
            return self._complete_list(kind.of_type, values, plan, paths)
        if isinstance(kind, GraphQLObjectType):
            return self._objects(kind, values, plan, paths)
        if isinstance(kind, (GraphQLInterfaceType, GraphQLUnionType)):
            return self._abstract(values, plan, paths)
        convert = _SERIALIZERS.get(kind.name)
        if convert is None:
            return list(values)
        return [None if value is None else convert(value) for value in values]

    def _complete_list(self, item: Any, values: list[Any], plan: PlannedField, paths: list[Path]) -> list[Any]:
        flat: list[Any] = []
        for value in values:
            if value is not None:
                flat.extend(value)
        if plan.leaf:
            leaf = item.of_type if isinstance(item, GraphQLNonNull) else item
            done = self._complete(leaf, flat, plan, [None] * len(flat))
            if leaf is not item and None in done:
                done = self._without_nulls(done, flat, values, paths)
        else:
            flat_paths: list[Path] = []
            for value, path in zip(values, paths, strict=True):
                if value is not None:
                    flat_paths.extend((path, index) for index in range(len(value)))
            done = self._complete(item, flat, plan, flat_paths)
        strict = isinstance(item, GraphQLNonNull)
        broken = any(result is _FAILED for result in done)
        results: list[Any] = []
        start = 0
        for value in values:
            if value is None:
                results.append(None)
                continue
            part = done[start : start + len(value)]
            start += len(value)
            if broken and any(result is _FAILED for result in part):
                results.append(None if strict else [None if result is _FAILED else result for result in part])
            else:
                results.append(part)
        return results

    def _without_nulls(self, done: list[Any], flat: list[Any], values: list[Any], paths: list[Path]) -> list[Any]:
        """Reports each null in lists of leaves that must not contain nulls."""
        places = ((path, index) for value, path in zip(values, paths, strict=True) for index in range(len(value or ())))
        for position, place in enumerate(places):
            if done[position] is None:
                self._refuse(flat[position], place)
        return [_FAILED if result is None else result for result in done]

    def _refuse(self, value: Any, path: Path) -> None:
        """Reports a null that the schema does not allow: a missing value, or a time that was never set."""
        self._fail(_NULL if value is not None and self.context.marshals_nulls else "must not be null", path)

    def _abstract(self, values: list[Any], plan: PlannedField, paths: list[Path]) -> list[Any]:
        results: list[Any] = [None] * len(values)
        by_type: dict[str, list[int]] = {}
        for index, value in enumerate(values):
            if value is not None:
                by_type.setdefault(value["__typename"], []).append(index)
        for name, indexes in by_type.items():
            kind = self.schema.type_map[name]
            assert isinstance(kind, GraphQLObjectType)
            done = self._objects(kind, [values[i] for i in indexes], plan, [paths[i] for i in indexes])
            for index, result in zip(indexes, done, strict=True):
                results[index] = result
        return results

    def _objects(self, kind: GraphQLObjectType, values: list[Any], plan: PlannedField, paths: list[Path]) -> list[Any]:
        # A row with many parents (a tag, a folder) is resolved once and shared.
        distinct: dict[int, int] = {}
        rows: list[Row] = []
        row_paths: list[Path] = []
        for value, path in zip(values, paths, strict=True):
            if value is not None and id(value) not in distinct:
                distinct[id(value)] = len(rows)
                rows.append(value)
                row_paths.append(path)
        done = self._select(kind, rows, plan.nodes, row_paths) if rows else []
        return [None if value is None else done[distinct[id(value)]] for value in values]

    def _select(self, kind: GraphQLObjectType, rows: list[Row], nodes: list[FieldNode], paths: list[Path]) -> list[Any]:
        results: list[Any] = [{} for _ in rows]
        failed: set[int] = set()
        for plan in self._plan(kind, nodes):
            if plan.name == "__typename":
                for result in results:
                    result[plan.key] = kind.name
                continue
            values = self._load(kind, plan, rows, paths)
            if values is None:
                if isinstance(plan.type, GraphQLNonNull):
                    failed.update(range(len(rows)))
                for result in results:
                    result[plan.key] = None
                continue
            if plan.leaf and not isinstance(plan.type, GraphQLNonNull):
                done = self._complete(plan.type, values, plan, paths)
            else:
                done = self._complete(plan.type, values, plan, [(path, plan.key) for path in paths])
            for index, value in enumerate(done):
                if value is _FAILED:
                    failed.add(index)
                results[index][plan.key] = value
        for index in failed:
            results[index] = None
        return results

    def _load(
        self, kind: GraphQLObjectType, plan: PlannedField, rows: list[Row], paths: list[Path]
    ) -> list[Any] | None:
        if plan.loader is None:
            name = plan.name
            return [row[name] for row in rows]
        try:
            if (kind.name, plan.name) in _REMEMBERED:
                return self._load_once(kind.name, plan, rows)
            return plan.loader(self.context, rows, plan.arguments, plan.selected)
        except AnswerError as error:
            self._refused(error, (paths[error.row or 0], plan.key), plan)
            return None

    def _load_once(self, kind: str, plan: PlannedField, rows: list[Row]) -> list[Any]:
        remembered = self._remembered.setdefault((kind, plan.name), {})
        new = [row for row in rows if row["id"] not in remembered]
        if new:
            assert plan.loader is not None
            values = plan.loader(self.context, new, plan.arguments, plan.selected)
            remembered.update((row["id"], value) for row, value in zip(new, values, strict=True))
        return [remembered[row["id"]] for row in rows]

    def _refused(self, error: AnswerError, path: Path, plan: PlannedField) -> None:
        """Reports that a field cannot be resolved."""
        self._fail(str(error), path)

    def _fail(self, message: str, path: Path) -> None:
        keys: list[Any] = []
        while path:
            path, key = path
            keys.append(key)
        self.errors.append({"message": message, "path": keys[::-1]} if keys else {"message": message})


def collect_sub_fields_names(execution: Execution, kind: GraphQLObjectType, nodes: list[FieldNode]) -> list[str]:
    """The names of the fields selected below these nodes."""
    collected = collect_sub_fields(
        execution.schema, execution.built.fragments, execution.built.variable_values, kind, nodes
    )
    return [field_nodes[0].name.value for field_nodes in collected.values()]
