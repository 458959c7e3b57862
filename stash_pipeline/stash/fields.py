"""The vocabulary of the entity specification: how a field is asked for, and where it lands.

The specification itself is in ``entities.py``; what a given server understands of it is in ``query_plan.py``.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

ScalarType = Literal[
    "text", "integer", "bigint", "double precision", "boolean", "timestamptz", "partial_date", "path", "jsonb"
]


@dataclass(frozen=True)
class Source:
    """One spelling of a field: what to select, and how to read the answer.

    ``selections`` are GraphQL selections, each starting with the field that must exist (``"tags{id}"``).
    ``read`` gets the values of these fields in order and returns the value for the document; without it
    the single value is taken as it comes. With ``optional_parts`` the fields that a server lacks are left
    out (and read as None) instead of ruling this spelling out. ``unless`` names a field that succeeds this
    one: where the server has it, this spelling is not used.
    """

    selections: tuple[str, ...]
    read: Callable[..., Any] | None = None
    optional_parts: bool = False
    unless: str | None = None


Index = Literal["", "values", "hash", "hash of lower"]
"""How a column is indexed. B-tree entries hold at most 2704 bytes: free text has a hash index, which finds equals."""


@dataclass(frozen=True)
class Scalar:
    """A typed column. ``partial_date`` lands in three: the date, its text, its precision."""

    type: ScalarType
    index: Index = ""


@dataclass(frozen=True)
class Reference:
    """The id of one other object, as column ``<field>_id`` with a foreign key to ``stash.<target>``.

    ``late`` marks the one that closes a circle (files lie in folders, folders in zip files): a first load
    fills it in when the target is there.
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
        sql: its expression; ``{name}`` stands for the element's own column of that name, as text. Braces are doubled.
    """

    name: str
    type: str
    sql: str
    comment: str
    index: Index = ""


@dataclass(frozen=True)
class JoinTable:
    """A list that lands in a table of its own, one row per element, owned by the object that has the list.

    Attributes:
        table: name of the join table in schema ``stash``.
        columns: the columns beside instance and owner. A single column without ``key`` takes the element
            itself; several columns take the keys of each element.
        primary_key: those columns that, with instance and owner, identify a row.
        target: the kind that ``target_column`` refers to, if any.
        ordinal: name of a column that gets the element's position (from 0), or None.
        first: name of a boolean column that is true for the first element, or None.
        owner_column: the owner's id column; default is the owner's singular name + ``_id``.
        sort: canonical order does not matter to the server, so the document sorts the list.
        read: makes the document's element of the server's, instead of reading its columns by their keys.
        derived: columns that are computed from the others.
        indexes: of several columns; those of one are declared with the column.
    """

    table: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    target: str | None = None
    target_column: str | None = None
    ordinal: str | None = None
    first: str | None = None
    owner_column: str | None = None
    sort: bool = True
    read: Callable[[Any], Any] | None = None
    derived: tuple[Derived, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()


Form = Scalar | Reference | JoinTable


@dataclass(frozen=True)
class Stored:
    """Where a single value lies in a copy of the server's database.

    Attributes:
        sql: an expression of SQLite over ``t``, the kind's own table, and what the kind's query joins to it; empty
            for the column of the field's name (of a reference: with ``_id``).
        empty_since: the version of the database's schema from which the server sends an empty text where the
            database has null; 0 for all, None for none.
    """

    sql: str = ""
    empty_since: int | None = None


@dataclass(frozen=True)
class StoredList:
    """Where a list of ids or texts lies in a copy of the server's database.

    Attributes:
        table: that has a row per element. owner: its column for the id of the owner. column: for the element.
        first: the expression that is greatest for the element that comes first, if the order tells which that is.
    """

    table: str
    owner: str
    column: str
    first: str = ""


@dataclass(frozen=True)
class Rare:
    """A filter of the server that finds the few objects in which a field differs from its usual value.

    Attributes:
        filter: its name in the kind's own filter. criterion: for it.
        condition: which documents are such, as a condition of SQL on ``document``.
    """

    filter: str
    criterion: Any
    condition: str


@dataclass(frozen=True)
class Field:
    """A field of a document.

    Attributes:
        name: in the document. form: where it lands. sources: its spellings, newest first.
        unstamped: it may change without a new ``updated_at``, and is in the kind's listing for that.
        rare: where the server can be asked so, only the objects that this finds are listed with the field.
        stored: where it lies in a copy of the server's database. None: in the column of the same name, unless
            ``stash/snapshot`` says otherwise; URLs, values of free form and lists have no such column. A field that
            cannot be found in a copy is read by GraphQL, with its whole kind.
    """

    name: str
    form: Form
    sources: tuple[Source, ...]
    description: str = ""
    unstamped: bool = False
    rare: Rare | None = None
    stored: Stored | StoredList | None = None


@dataclass(frozen=True)
class Count:
    """A column of the view ``stash.<singular>_counts``: how many objects refer to one of this kind.

    Attributes:
        kind: that is counted; every reference of it to this kind counts. name: of the column, default
            ``<singular of the kind>_count``.
        via: a kind that refers to both: its objects are counted through.
        table: a join table of this kind; its rows are counted, and no kind.
    """

    kind: str = ""
    name: str = ""
    via: str = ""
    table: str = ""


@dataclass(frozen=True)
class Total:
    """A column of the view ``stash.<singular>_counts``: the sum of a field over the objects that refer to one."""

    field: str
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Entity:
    """One kind of object.

    Attributes:
        name: the kind, which is also the name of the table (``raw.<name>``, ``stash.<name>``).
        singular: used for id columns of join tables.
        types: GraphQL type names, newest first.
        queries: (query field, field of the result that has the list), newest first. An empty result field
            means that the query returns the list (or the object) itself.
        filter_argument: the argument that takes the kind's own filter, per query.
        fields: what is mirrored.
        ignored: fields that we know and leave out on purpose, with the reason.
        whole: the query has no paging: one request returns everything there is.
        single: there is exactly one object, whose id is 1.
        ids_cost_objects: to list ids costs the server as much as the objects.
        listed: a reconcile lists the kind, and reads what the listing shows to have changed. Other kinds are cheap, or
            have no timestamp that tells: they are read whole.
        indexes: of several columns; those of one are declared with the field.
        embedded_in: where the objects are found when the server has no query for them:
            (kind, field) pairs.
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
        """The fields that land in join tables, with their form."""
        return tuple((field, field.form) for field in self.fields if isinstance(field.form, JoinTable))

    @property
    def references(self) -> tuple[tuple[Field, Reference], ...]:
        """The fields that are a reference to one other object."""
        return tuple((field, field.form) for field in self.fields if isinstance(field.form, Reference))

    @property
    def scalars(self) -> tuple[tuple[Field, Scalar], ...]:
        """The fields that are typed columns."""
        return tuple((field, field.form) for field in self.fields if isinstance(field.form, Scalar))

    def owner_column(self, joined: JoinTable) -> str:
        """Name of the column of ``joined`` that holds this kind's id."""
        return joined.owner_column or f"{self.singular}_id"
