"""What a layer is: tables that are made of other tables, how they follow changes, and how they are made anew.

A layer of an instance (:class:`InstanceLayer`) is made of the documents of one server, under the lock of that instance.
A shared layer (:class:`SharedLayer`) is made of all instances; it follows the object log (see ``object_log.py``) under
a lock of its own (see ``shared.py``). The layers that there are, in their order, are in
``stash_pipeline/layers.py``; assets, jobs, commands and documentation are derived from that registry.

Nothing here knows Dagster.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import Table

from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.versions import digest

Connect = Callable[[], Connection]

ALL_MODES = frozenset({"changes", "reconcile", "sweep", "objects", "rebuild"})
"""What a run can do; see ``sync/graphql_reading.py`` for the first four."""


@dataclass
class TableChange:
    """What a layer did to one of its tables.

    Attributes:
        rows: in the table afterwards; of one instance, where the table belongs to a layer of instances.
        dangling: references without a target that were set aside.
        first: the table was filled for the first time, or anew.
        details: more that the materialization of the table shows.
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


@dataclass(frozen=True)
class Origin:
    """Where the values of a column come from.

    Attributes:
        columns: as ``schema.table.column``.
        refers_to: the column whose value it repeats, where it is a reference.
    """

    columns: tuple[str, ...] = ()
    refers_to: str | None = None


@dataclass(frozen=True)
class LayerTable:
    """One table of a layer, and so one asset.

    Attributes:
        group: of assets, in which it is shown.
        upstream: names of the tables that it is made of, as ``schema.table``.
        version: of the code that makes its rows.
        origins: by column.
        entity: kind in the entity specification that defines it, if one does.
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
    """What a check found."""

    passed: bool
    metadata: Mapping[str, Any] = field(default_factory=dict)
    description: str | None = None


@dataclass(frozen=True)
class LayerCheck:
    """A statement about a layer that a run evaluates after it has followed.

    Attributes:
        table: ``schema.table``, of whose asset it is a check.
        evaluate: gets a connection and, in a layer of instances, the id of the instance. None: it cannot be told now.
        blocking: an error fails the run. warn: a failure is a warning.
        modes: of the runs that are asked for it, where no person chooses.
        only_in_modes: it is too costly for runs of other modes, whoever chooses it.
        concurrent: it is evaluated on a connection of its own while the run goes on.
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
    """What layers of both scopes have.

    Attributes:
        name: of the layer, and of the schema that has its tables.
    """

    name: str
    description: str
    tables: tuple[LayerTable, ...]
    checks: tuple[LayerCheck, ...] = ()

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of its assets, in their order."""
        return tuple(dict.fromkeys(table.group for table in self.tables))

    def answers_to(self, name: str) -> bool:
        """Whether a person means this layer: by its name, or by that of one of its groups."""
        return name == self.name or name in self.groups


@dataclass
class FollowedInstance:
    """What a layer did for one instance.

    Attributes:
        tables: by ``schema.table``; only those that were looked at.
        outdated: the rows were of another version, and were made anew.
        merged: per kind, how many objects that vanished have a successor.
    """

    tables: dict[str, TableChange]
    outdated: bool = False
    merged: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class InstanceLayer(Layer):
    """A layer that is made per instance. All of these are called under the lock of the instance.

    Attributes:
        follow: brings it to the state of what is above it. Gets what makes more connections.
        rebuild: makes it anew.
        drop: removes what it has of an instance that is removed, without logging the objects.
    """

    follow: Callable[[Connection, int, Connect], FollowedInstance]
    rebuild: Callable[[Connection, int], FollowedInstance]
    drop: Callable[[Connection, int], None]
    scope: Literal["instance"] = "instance"


@dataclass(frozen=True, kw_only=True)
class SharedLayer(Layer):
    """A layer that is made of all instances.

    Attributes:
        version: of the code that makes its rows. Another version makes them anew.
        follow: applies what is in ``pg_temp.changed_objects`` by set-based statements, in the transaction that it gets,
            and returns the tables that it looked at. The second argument is the revision of the log that the layer
            reaches. The log may name an object that it has named before.
        rebuild: makes everything anew, in the transaction that it gets; the same arguments.
        after: names of the shared layers that it reads. It never gets ahead of them, and is made anew with them.
    """

    version: str
    follow: Callable[[Connection, int], Mapping[str, TableChange]]
    rebuild: Callable[[Connection, int], Mapping[str, TableChange]]
    after: tuple[str, ...] = ()
    scope: Literal["all"] = "all"

    def __post_init__(self) -> None:
        """Refuses what would fail the runs of instances."""
        for check in self.checks:
            if check.blocking or check.concurrent:
                raise ValueError(
                    f"Check {check.name} of the shared layer {self.name} may be neither blocking nor concurrent."
                )


AnyLayer = InstanceLayer | SharedLayer


def shared(layers: Iterable[AnyLayer]) -> list[SharedLayer]:
    """The shared layers, in their order."""
    return [layer for layer in layers if isinstance(layer, SharedLayer)]


def of_instances(layers: Iterable[AnyLayer]) -> list[InstanceLayer]:
    """The layers that are made per instance, in their order."""
    return [layer for layer in layers if isinstance(layer, InstanceLayer)]


def with_those_after(layers: Iterable[SharedLayer], names: Iterable[str]) -> set[str]:
    """The names of shared layers, and of all that read them."""
    found = set(names)
    for layer in layers:
        if found.intersection(layer.after):
            found.add(layer.name)
    return found


def effective_version(layer: SharedLayer, layers: Iterable[SharedLayer]) -> str:
    """The version of a shared layer and of those that it reads: other rows there are other rows here."""
    versions: dict[str, str] = {}
    for other in layers:
        above = [versions[name] for name in other.after if name in versions]
        versions[other.name] = digest([other.version, *above]) if above else other.version
    return versions[layer.name]
