"""The vocabulary of the entity specification: how a field is requested, and where it is stored.

The specification itself is in ``entities``. What a given server supports of it is in ``query_plan.py``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

ScalarType = Literal[
    "text", "integer", "bigint", "double precision", "boolean", "timestamptz", "partial_date", "path", "jsonb"
]


@dataclass(frozen=True)
class Spelling:
    """One spelling of a field: what to select, and how to read the response.

    Attributes:
        selections: GraphQL selections, each starting with the field that must exist (``"tags{id}"``).
        read: gets the values of these fields in order and returns the value for the document. Without it, the
            single value is used unchanged.
        optional_parts: fields that the server does not have are omitted and read as None. Otherwise a missing field
            rules out this spelling.
        unless: the successor of this field. This spelling is not used if the server has the successor.
    """

    selections: tuple[str, ...]
    read: Callable[..., Any] | None = None
    optional_parts: bool = False
    unless: str | None = None


Index = Literal["", "values", "hash", "hash of lower"]
"""How a column is indexed. B-tree entries hold at most 2704 bytes, so free text has a hash index (equality only)."""


@dataclass(frozen=True)
class Scalar:
    """A typed column. ``partial_date`` is stored in three columns: the date, its text, its precision."""

    type: ScalarType
    index: Index = ""


@dataclass(frozen=True)
class Reference:
    """The id of one other object, as column ``<field>_id`` with a foreign key to ``stash.<target>``.

    ``late`` marks the reference that closes a cycle (files are in folders, folders are in zip files). The initial load
    fills it in once the target exists.
    """

    target: str
    late: bool = False


@dataclass(frozen=True)
class Column:
    """A column of a join table, read from ``key`` of each record (default: the column's own name)."""

    name: str
    type: str
    key: str | None = None
    index: Index = ""


@dataclass(frozen=True)
class Derived:
    """A column of a join table that the element itself does not have.

    Attributes:
        sql: the expression. ``{name}`` stands for the element's own column of that name, as text. Literal braces are
            doubled.
    """

    name: str
    type: str
    sql: str
    comment: str
    index: Index = ""


@dataclass(frozen=True)
class JoinTable:
    """A list that is stored in its own table, one row per element, owned by the object that has the list.

    Attributes:
        table: name of the join table in schema ``stash``.
        columns: the columns besides instance and owner. A single column without ``key`` holds the element
            itself; several columns hold the keys of each element.
        primary_key: the columns that, with instance and owner, identify a row.
        target: the entity that ``target_column`` refers to, if any.
        ordinal: name of the column for the element's position (from 0), or None.
        primary_flag: name of a boolean column that is true for the first element, or None.
        owner_column: the owner's id column; default is the owner's singular name + ``_id``.
        sort: the server's order has no meaning, so the document sorts the list.
        read: converts an element of the server into an element of the document, instead of reading its columns by
            their keys.
        derived: columns that are computed from the others.
        indexes: multi-column indexes; those of a single column are declared with the column.
    """

    table: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    target: str | None = None
    target_column: str | None = None
    ordinal: str | None = None
    primary_flag: str | None = None
    owner_column: str | None = None
    sort: bool = True
    read: Callable[[Any], Any] | None = None
    derived: tuple[Derived, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()


Form = Scalar | Reference | JoinTable


@dataclass(frozen=True)
class Stored:
    """Where a snapshot of the server's database has a single value.

    Attributes:
        sql: an SQLite expression over ``t``, the entity's own table, and the tables that the entity's query joins to
            it. Empty for the column with the field's name (for a reference: name + ``_id``).
        empty_since: the schema version from which the server sends null texts as empty texts; 0 for all versions,
            None for no version.
    """

    sql: str = ""
    empty_since: int | None = None


@dataclass(frozen=True)
class StoredList:
    """Where a snapshot of the server's database has a list of ids or texts.

    Attributes:
        table: has one row per element. owner: the column with the owner's id. column: the column with the element.
        first: an expression that is greatest for the first element, if the order is significant.
    """

    table: str
    owner: str
    column: str
    first: str = ""


@dataclass(frozen=True)
class Rare:
    """A filter of the server that finds the few objects in which a field differs from its usual value.

    Attributes:
        filter: its name in the entity's own filter. criterion: the value to filter by.
        condition: the same condition in SQL, on ``document``.
    """

    filter: str
    criterion: Any
    condition: str


@dataclass(frozen=True)
class Field:
    """A field of a document.

    Attributes:
        name: in the document. form: how it is stored. spellings: newest first.
        silent: it can change without a new ``updated_at``, so the entity's listing includes it.
        rare: if the server supports this filter, only the objects that it finds are listed with the field.
        stored: where a snapshot of the server's database has it. None means the column of the same name, unless
            ``stash/snapshot`` maps the field. URLs, JSON values and lists have no such column. If a snapshot lacks a
            field, its entity is read by GraphQL.
    """

    name: str
    form: Form
    spellings: tuple[Spelling, ...]
    description: str = ""
    silent: bool = False
    rare: Rare | None = None
    stored: Stored | StoredList | None = None


@dataclass(frozen=True)
class Count:
    """A column of the view ``stash.<singular>_counts``: how many objects refer to each object of this entity.

    Attributes:
        kind: the entity that is counted, by all of its references to this entity.
        name: of the column; default is ``<singular of the kind>_count``.
        via: an entity that refers to both; objects are counted through it.
        table: a join table of this entity; its rows are counted instead of an entity.
    """

    kind: str = ""
    name: str = ""
    via: str = ""
    table: str = ""


@dataclass(frozen=True)
class Total:
    """A column of the view ``stash.<singular>_counts``: the sum of a field over all referring objects."""

    field: str
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Entity:
    """One kind of object.

    Attributes:
        name: also the name of its tables (``raw.<name>``, ``stash.<name>``).
        singular: used for id columns of join tables.
        types: GraphQL type names, newest first.
        queries: (query field, result field with the list), newest first. An empty result field means that the query
            returns the list (or the object) itself.
        filter_arguments: the argument for the entity's own filter, per query.
        fields: the mirrored fields.
        ignored: known fields that are deliberately not mirrored, with the reason.
        whole: the query has no paging; one request returns all objects.
        single: there is exactly one object, whose id is 1.
        ids_cost_objects: listing ids costs the server as much as reading the objects.
        listed: a reconcile lists the entity, and reads the objects that the listing shows to have changed. Other
            entities are cheap, or have no reliable timestamp; they are read whole.
        indexes: multi-column indexes; those of a single column are declared with the field.
        embedded_in: the entities that contain the objects if the server has no query for them.
    """

    name: str
    singular: str
    types: tuple[str, ...]
    queries: tuple[tuple[str, str], ...]
    filter_arguments: tuple[str, ...]
    fields: tuple[Field, ...]
    description: str
    ignored: dict[str, str]
    whole: bool = False
    single: bool = False
    embedded_in: tuple[str, ...] = ()
    ids_cost_objects: bool = False
    listed: bool = False
    indexes: tuple[tuple[str, ...], ...] = ()
    counts: tuple[Count | Total, ...] = ()

    @property
    def joins(self) -> tuple[tuple[Field, JoinTable], ...]:
        """The fields that are stored in join tables, with their form."""
        return tuple((field, field.form) for field in self.fields if isinstance(field.form, JoinTable))

    @property
    def references(self) -> tuple[tuple[Field, Reference], ...]:
        """The fields that refer to one other object."""
        return tuple((field, field.form) for field in self.fields if isinstance(field.form, Reference))

    @property
    def scalars(self) -> tuple[tuple[Field, Scalar], ...]:
        """The fields that are typed columns."""
        return tuple((field, field.form) for field in self.fields if isinstance(field.form, Scalar))

    def owner_column(self, joined: JoinTable) -> str:
        """Name of the column of ``joined`` that holds this entity's id."""
        return joined.owner_column or f"{self.singular}_id"
