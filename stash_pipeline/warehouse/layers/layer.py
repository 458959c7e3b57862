"""Definition of a layer: tables derived from other tables, how they follow changes, and how they are rebuilt.

An instance layer (:class:`InstanceLayer`) is derived from the documents of one server, under the lock of that instance.
A shared layer (:class:`SharedLayer`) is derived from all instances; it follows the object log (``object_log.py``) under
its own lock (``shared.py``). The registry in ``stash_pipeline/layers.py`` lists the layers in order; assets, jobs,
commands and documentation are derived from it.

This module does not import Dagster.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Table

from stash_pipeline.settings import Settings
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.versions import digest
from stash_pipeline.warehouse.views import View

Connect = Callable[[], Connection]

ALL_MODES = frozenset({"changes", "reconcile", "sweep", "objects", "rebuild"})
"""What a run can do; see ``sync/graphql_reading.py`` for the first four."""


@dataclass
class TableChange:
    """What a layer did to one of its tables.

    Attributes:
        rows: rows in the table afterwards; for an instance layer, those of the instance.
        dangling: dangling references that were set aside.
        first: the table was filled for the first time, or rebuilt.
        details: additional metadata of the materialization.
    """

    rows: int = 0
    inserted: int = 0
    updated: int = 0
    removed: int = 0
    dangling: int = 0
    seconds: float = 0.0
    first: bool = False
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.inserted or self.updated or self.removed)

    def add(self, later: "TableChange") -> None:
        """Adds what was done to the same table afterwards."""
        self.rows, self.details = later.rows, later.details
        self.inserted += later.inserted
        self.updated += later.updated
        self.removed += later.removed


@dataclass(frozen=True)
class Markdown:
    """A value of metadata that the UI renders."""

    text: str


@dataclass(frozen=True)
class Origin:
    """The origin of the values of a column.

    Attributes:
        columns: source columns, as ``schema.table.column``.
        refers_to: the column that a reference refers to.
    """

    columns: tuple[str, ...] = ()
    refers_to: str | None = None


@dataclass(frozen=True)
class LayerTable:
    """One table of a layer, which is one asset.

    Attributes:
        group: the asset group.
        upstream: names of the tables that it is derived from, as ``schema.table``.
        version: of the code that makes its rows.
        origins: by column.
        entity: the entity in the specification that defines it, if there is one.
    """

    table: Table
    group: str
    description: str
    upstream: tuple[str, ...]
    version: str
    origins: Mapping[str, Origin] = field(default_factory=dict)
    kinds: frozenset[str] = frozenset({"sql", "postgres"})
    entity: str | None = None

    @property
    def name(self) -> str:
        """``schema.table``."""
        return self.table.fullname


@dataclass(frozen=True)
class CheckOutcome:
    """The result of a check."""

    passed: bool
    metadata: Mapping[str, Any] = field(default_factory=dict)
    description: str | None = None


@dataclass(frozen=True)
class LayerCheck:
    """A statement about a layer that a run evaluates after it has followed.

    Attributes:
        table: ``schema.table`` of the asset that is checked.
        evaluate: gets a connection and, in an instance layer, the id of the instance; returns None if the result cannot
            be determined now.
        blocking: an error fails the run.
        warn: a failure is a warning.
        modes: modes of the runs that evaluate it by default.
        only_in_modes: runs of other modes never evaluate it, because it is too costly.
        concurrent: it is evaluated on its own connection while the run continues.
    """

    name: str
    table: str
    description: str
    evaluate: Callable[..., CheckOutcome | None]
    blocking: bool = False
    warn: bool = False
    modes: frozenset[str] = ALL_MODES
    only_in_modes: bool = False
    concurrent: bool = False


@dataclass(frozen=True, kw_only=True)
class Layer:
    """Base of layers of both scopes.

    Attributes:
        name: of the layer, and of its schema if that has no other layers.
        views: in its schema; ``make migration`` writes the migrations that change them.
    """

    name: str
    description: str
    tables: tuple[LayerTable, ...]
    checks: tuple[LayerCheck, ...] = ()
    views: tuple[View, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of its assets, in order."""
        return tuple(dict.fromkeys(table.group for table in self.tables))

    def answers_to(self, name: str) -> bool:
        """Whether a name is that of the layer or of one of its groups."""
        return name == self.name or name in self.groups


@dataclass
class FollowedInstance:
    """What a layer did for one instance.

    Attributes:
        tables: by ``schema.table``; only those that were examined.
        outdated: the rows were of another version and were rebuilt.
        merged: per entity, how many vanished objects have a successor.
    """

    tables: dict[str, TableChange]
    outdated: bool = False
    merged: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class InstanceLayer(Layer):
    """A layer per instance. Its functions are called under the lock of the instance.

    Attributes:
        follow: applies the changes of the layers above it; gets a function that opens more connections.
        rebuild: rebuilds it.
        drop: removes the rows of an instance that is removed, without logging the objects.
    """

    follow: Callable[[Connection, int, Connect], FollowedInstance]
    rebuild: Callable[[Connection, int], FollowedInstance]
    drop: Callable[[Connection, int], None]
    scope: Literal["instance"] = "instance"


@dataclass(frozen=True, kw_only=True)
class SharedLayer(Layer):
    """A layer derived from all instances.

    Attributes:
        version: of the code that makes its rows; another version rebuilds them.
        follow: applies ``pg_temp.changed_objects`` by set-based statements in the given transaction, and returns the
            tables that it examined. The second argument is the revision of the log that the layer reaches. The log can
            list an object repeatedly.
        rebuild: rebuilds everything in the given transaction; the same arguments.
        after: names of the shared layers that it reads. It never gets ahead of them, and is rebuilt with them.
        describe: additional metadata by ``schema.table``, read after the transaction. The second argument says whether
            to include what is costly, such as plots: after a rebuild, and in runs that compare everything.
        configured: gives the layer as the settings want it, with another version if its rows differ; None if it does
            not depend on them.
    """

    version: str
    follow: Callable[[Connection, int], Mapping[str, TableChange]]
    rebuild: Callable[[Connection, int], Mapping[str, TableChange]]
    after: tuple[str, ...] = ()
    describe: Callable[[Connection, bool], Mapping[str, Mapping[str, Any]]] | None = None
    configured: "Callable[[SharedLayer, Settings], SharedLayer] | None" = None
    scope: Literal["all"] = "all"

    def __post_init__(self) -> None:
        """Refuses checks that would fail the runs of instances."""
        for check in self.checks:
            if check.blocking or check.concurrent:
                raise ValueError(
                    f"Check {check.name} of the shared layer {self.name} must be neither blocking nor concurrent."
                )


AnyLayer = InstanceLayer | SharedLayer


def shared(layers: Iterable[AnyLayer]) -> list[SharedLayer]:
    """The shared layers, in order."""
    return [layer for layer in layers if isinstance(layer, SharedLayer)]


def of_instances(layers: Iterable[AnyLayer]) -> list[InstanceLayer]:
    """The instance layers, in order."""
    return [layer for layer in layers if isinstance(layer, InstanceLayer)]


def with_those_after(layers: Iterable[SharedLayer], names: Iterable[str]) -> set[str]:
    """The names of shared layers and of all that read them."""
    result = set(names)
    for layer in layers:
        if result.intersection(layer.after):
            result.add(layer.name)
    return result


def effective_version(layer: SharedLayer, layers: Iterable[SharedLayer]) -> str:
    """The version of a shared layer combined with those of the layers that it reads."""
    versions: dict[str, str] = {}
    for other in layers:
        above = [versions[name] for name in other.after if name in versions]
        versions[other.name] = digest([other.version, *above]) if above else other.version
    return versions[layer.name]
