"""Query plans: the entity specification, reduced to what a given server's introspection shows.

A field is requested by the newest spelling that the server has. The plan records the fields that the server does not
have, and the fields of the server that the specification does not have.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from stash_pipeline.stash.entities import EMBEDDED_SELECTIONS, ENTITIES, SILENT_BEFORE
from stash_pipeline.stash.errors import InvalidResponseError
from stash_pipeline.stash.fields import Entity, Field, JoinTable, Spelling
from stash_pipeline.stash.schema import ServerSchema
from stash_pipeline.stash.selection import Tree, cut, merge, parse, render, without_fields


@dataclass(frozen=True)
class ListShape:
    """What the server's schema guarantees about a list.

    Attributes:
        path: of the list in its object, as the server spells it.
        required: the list is never null. elements_required: no element is null.
    """

    path: str
    required: bool
    elements_required: bool


@dataclass(frozen=True)
class PlannedField:
    """A field of the document, and the spelling that this server has for it."""

    field: Field
    spelling: Spelling
    trees: tuple[Tree | None, ...]
    """One tree per selection of the spelling, without unsupported fields; None for a missing optional part."""
    shape: ListShape | None = None
    """Set if the server has the field as a list."""


@dataclass
class QueryPlan:
    """How one entity is read from one server.

    Attributes:
        query: the query field; ``""`` if the entity is only embedded in others.
        result: the field of the query's result with the list; ``""`` if the result is the list itself.
        filter_argument, filter_type: name and type of the argument for the entity's own filter, if there is one.
        id_filter: the entity's filter supports ``id``, so keyset pagination is possible.
        ids_argument: the query has an argument ``ids: [ID!]``.
        filters: the fields of the entity's own filter.
        carried: the selection of embedded files, if files have no query of their own.
        silent_fields: fields that can change silently in this release, and not in newer ones.
        missing_fields: fields of the specification that the server does not have.
        unmapped_fields: fields of the server that the specification does not have.
    """

    entity: Entity
    type_name: str
    query: str
    result: str
    filter_argument: str = ""
    filter_type: str = ""
    id_filter: bool = False
    ids_argument: bool = False
    tree: Tree = field(default_factory=dict)
    fields: list[PlannedField] = field(default_factory=list)
    missing_fields: list[str] = field(default_factory=list)
    unmapped_fields: list[str] = field(default_factory=list)
    filters: frozenset[str] = frozenset()
    carried: Tree = field(default_factory=dict)
    silent_fields: frozenset[str] = frozenset()

    @property
    def carries_files(self) -> bool:
        """Files are read from objects of this entity, which embed them."""
        return bool(self.carried)

    @property
    def by_id(self) -> bool:
        """Objects can be requested by id."""
        return self.ids_argument or self.id_filter

    @property
    def pages_are_ranges(self) -> bool:
        """A page has all objects of its entity between its first and its last id, and no other entities."""
        return (self.id_filter or self.ids_argument) and not self.entity.whole and not self.carries_files

    def cut_to(self, names: Collection[str], *, carry: bool) -> "QueryPlan":
        """The same plan with only these fields of the document.

        Args:
            carry: embedded files are still read.
        """
        fields = [planned for planned in self.fields if planned.field.name in names]
        tree: Tree = {"id": {}}
        for planned in fields:
            for part in planned.trees:
                merge(tree, part or {})
        carried = self.carried if carry else {}
        tree = merge(tree, carried)
        return replace(self, fields=fields, tree=tree, carried=carried, missing_fields=[], unmapped_fields=[])

    def page_document(self, *, without: Collection[str] = ()) -> str:
        """The query for a page, by ``$filter`` and, if there is one, the entity's own ``$entity_filter``.

        Args:
            without: the server's fields to omit.
        """
        if self.entity.whole:
            return f"query Mirror {{\n  {self.query} {{\n{render(self.tree)}\n  }}\n}}\n"
        declared, passed = "$filter: FindFilterType", "filter: $filter"
        if self.filter_argument:
            declared += f", $entity_filter: {self.filter_type}"
            passed += f", {self.filter_argument}: $entity_filter"
        return self._document(declared, passed, without_fields(self.tree, without))

    def ids_document(self, *, without: Collection[str] = ()) -> str:
        """The query for objects by ``$ids``, without a count. ``without`` as above."""
        declared = "$ids: [ID!], $filter: FindFilterType"
        return self._document(declared, "ids: $ids, filter: $filter", without_fields(self.tree, without))

    def listing_document(self, *, filtered: bool = False, count: bool = True) -> str:
        """The query for a page of ids, with the server's count; ``filtered`` adds ``$entity_filter``."""
        declared, passed = "$filter: FindFilterType", "filter: $filter"
        if filtered:
            declared += f", $entity_filter: {self.filter_type}"
            passed += f", {self.filter_argument}: $entity_filter"
        return self._document(declared, passed, {"id": {}}, count=count)

    def _document(self, declared: str, passed: str, tree: Tree, *, count: bool = False) -> str:
        body = ("    count\n" if count else "") + f"    {self.result} {{\n{render(tree, 3)}\n    }}"
        return f"query Mirror({declared}) {{\n  {self.query}({passed}) {{\n{body}\n  }}\n}}\n"


def plan_entity(entity: Entity, schema: ServerSchema, *, embedded_files: bool) -> QueryPlan:
    """Reduces the specification of one entity to what ``schema`` has.

    Args:
        schema: the server's introspection.
        embedded_files: files have no query of their own; they are read with scenes, images and galleries.
    """
    query = result = type_name = filter_argument = filter_type = ""
    ids_argument = False
    filters: frozenset[str] = frozenset()
    for number, (name, result_field) in enumerate(entity.queries):
        info = schema.query(name)
        if info is None:
            continue
        query, result = name, result_field
        type_name = schema.fields(info.type_name)[result].type_name if result else info.type_name
        if entity.filter_arguments:
            candidate = entity.filter_arguments[number]
            if candidate in info.arguments:
                filter_argument, filter_type = candidate, info.arguments[candidate]
                filters = schema.inputs(filter_type.rstrip("!"))
        ids_argument = info.arguments.get("ids") == "[ID!]"
        break
    else:
        type_name = next((t for t in entity.types if t in schema.types), entity.types[0])
    plan = QueryPlan(entity, type_name, query, result, filter_argument, filter_type, "id" in filters, ids_argument)
    plan.filters = filters
    if not query and not entity.embedded_in:
        plan.missing_fields.append(entity.name)
        return plan
    _choose_spellings(plan, schema)
    if embedded_files and entity.name in EMBEDDED_SELECTIONS:
        _carry_files(plan, schema)
    if not entity.single:
        plan.tree = {"id": {}, **plan.tree}
    _record_unmapped(plan, schema)
    return plan


def _choose_spellings(plan: QueryPlan, schema: ServerSchema) -> None:
    members = schema.types[plan.type_name].members if plan.type_name in schema.types else ()
    for spec in plan.entity.fields:
        for spelling in spec.spellings:
            if spelling.unless in schema.fields(plan.type_name):
                # not missing: the server has its successor
                break
            if isinstance(spec.form, JoinTable) and (spelling.read is None or "{" in spelling.selections[0]):
                _check_list(parse(spelling.selections[0]), schema, plan.type_name)
            trees = [
                _cut_for(parse(selection), schema, plan.type_name, members, plan.missing_fields, plan.entity.name)
                for selection in spelling.selections
            ]
            if trees[0] is None or (None in trees and not spelling.optional_parts):
                continue
            for tree in trees:
                if tree is not None:
                    merge(plan.tree, tree)
            shape = _list_shape(trees[0], schema, plan.type_name)
            plan.fields.append(PlannedField(spec, spelling, tuple(trees), shape))
            break
        else:
            plan.missing_fields.append(f"{plan.entity.name}.{spec.name}")


def _check_list(tree: Tree, schema: ServerSchema, type_name: str) -> None:
    """Checks that a path of the specification leads to a list, as far as the server has it.

    Raises:
        InvalidResponseError: if it does not. The field could not be read, and would look empty.
    """
    path = type_name
    while tree:
        name, inner = next(iter(tree.items()))
        info = schema.fields(type_name).get(name)
        if info is None:
            if schema.fields(type_name):
                return
            break
        if "[" in info.spelled:
            return
        path, type_name, tree = f"{path}.{name}", info.type_name, inner
    raise InvalidResponseError(
        f"The server's schema says that {path} is not a list, but it is one in every known release. Does a proxy "
        "change the server's responses?"
    )


def _list_shape(tree: Tree, schema: ServerSchema, type_name: str) -> ListShape | None:
    """The first list on the path into a tree; None if there is no list."""
    required, path = True, []
    while tree:
        name, inner = next(iter(tree.items()))
        if name.startswith("..."):
            # members that do not have the field omit it
            required, type_name, tree = False, name[3:], inner
            continue
        info = schema.fields(type_name).get(name)
        if info is None:
            return None
        path.append(name)
        required = required and info.spelled.endswith("!")
        bare = info.spelled.rstrip("!")
        if bare.startswith("["):
            return ListShape(".".join(path), required, bare[1:-1].endswith("!"))
        type_name, tree = info.type_name, inner
    return None


def _cut_for(
    tree: Tree, schema: ServerSchema, type_name: str, members: tuple[str, ...], missing_fields: list[str], where: str
) -> Tree | None:
    """``tree`` on an object type, or on those members of an interface that have it; None if none of them has it."""
    root = next(iter(tree))
    if root == "__typename":
        return tree
    missing: list[str] = []
    if root in schema.fields(type_name):
        result = cut(tree, schema, type_name, where, missing)
        if not result:
            return None
        missing_fields.extend(missing)
        return result
    fragments = {
        f"...{member}": cut(tree, schema, member, where, missing) for member in members if root in schema.fields(member)
    }
    return fragments or None


def _carry_files(plan: QueryPlan, schema: ServerSchema) -> None:
    for spelling in EMBEDDED_SELECTIONS[plan.entity.name]:
        trees = [parse(selection) for selection in spelling.selections]
        if next(iter(trees[0])) in schema.fields(plan.type_name):
            for tree in trees:
                merge(plan.carried, cut(tree, schema, plan.type_name, plan.entity.name, plan.missing_fields))
            merge(plan.tree, plan.carried)
            return


def _record_unmapped(plan: QueryPlan, schema: ServerSchema) -> None:
    if plan.entity.single:
        return
    selections = [s for field in plan.entity.fields for spelling in field.spellings for s in spelling.selections]
    spelled = {"id"}.union(*(parse(selection) for selection in selections))
    for name, info in schema.fields(plan.type_name).items():
        is_known = name in spelled or name in plan.entity.ignored or name.endswith("_count")
        if not is_known and not info.deprecated:
            plan.unmapped_fields.append(f"{plan.entity.name}.{name}")


def plan_library(schema: ServerSchema) -> dict[str, QueryPlan]:
    """The plans of all entities for one server."""
    embedded = schema.query("findFiles") is None
    plans = {entity.name: plan_entity(entity, schema, embedded_files=embedded) for entity in ENTITIES}
    for type_name, field_name, entities in SILENT_BEFORE:
        if field_name not in schema.fields(type_name):
            for name, fields in entities.items():
                plans[name].silent_fields |= {*fields}
    return plans
