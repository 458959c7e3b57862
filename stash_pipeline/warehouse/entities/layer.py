"""The registry entry of layer ``stash`` (entities and joins): its tables, its checks, and how it follows."""

from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.stash.fields import Entity, JoinTable
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.entities import integrity
from stash_pipeline.warehouse.entities.merges import EVIDENCE_TABLES, MERGED_ENTITIES, count_merges, merges_version
from stash_pipeline.warehouse.entities.transform import LAYER, Transformation, drop_layer, rebuild_layer, transform
from stash_pipeline.warehouse.layers.layer import (
    CheckOutcome,
    Connect,
    FollowedInstance,
    InstanceLayer,
    LayerCheck,
    LayerTable,
    Origin,
    TableChange,
)
from stash_pipeline.warehouse.layers.versions import table_version
from stash_pipeline.warehouse.tables import JOINS, MERGES, METADATA, STASH, partial_date_columns

ENTITIES_GROUP = "entities"
JOINS_GROUP = "joins"

_LINES = 50

# --- tables -------------------------------------------------------------------------------------------------


def _entity_table(entity: Entity) -> LayerTable:
    # without foreign keys that close a cycle (folders in zip files, files in folders)
    targets = {f"stash.{r.target}" for _, r in entity.references if r.target != entity.name and not r.late}
    return LayerTable(
        STASH[entity.name],
        group=ENTITIES_GROUP,
        description=entity.description,
        upstream=(f"raw.{entity.name}", *sorted(targets)),
        version=table_version(entity.name),
        origins=_entity_origins(entity),
        entity=entity.name,
    )


def _entity_origins(entity: Entity) -> dict[str, Origin]:
    raw = f"raw.{entity.name}"
    origins = {"instance_id": Origin((f"{raw}.instance_id",)), "id": Origin((f"{raw}.id",))}
    for field, scalar in entity.scalars:
        names = partial_date_columns(field.name) if scalar.type == "partial_date" else (field.name,)
        origins |= {name: Origin((f"{raw}.document",)) for name in names}
    for field, reference in entity.references:
        origins[f"{field.name}_id"] = Origin((f"{raw}.document",), f"stash.{reference.target}.id")
    return origins


def _join_table(entity: Entity, joined: JoinTable, note: str) -> LayerTable:
    table = JOINS[joined.table]
    comment = table.comment or ""
    target = [f"stash.{joined.target}"] if joined.target and joined.target != entity.name else []
    return LayerTable(
        table,
        group=JOINS_GROUP,
        description=f"{comment} {note[0].upper()}{note[1:]}." if note else comment,
        upstream=(f"raw.{entity.name}", f"stash.{entity.name}", *target),
        version=table_version(joined.table),
        origins=_join_origins(entity, joined),
        entity=entity.name,
    )


def _join_origins(entity: Entity, joined: JoinTable) -> dict[str, Origin]:
    raw = f"raw.{entity.name}"
    origins = {column.name: Origin((f"{raw}.document",)) for column in JOINS[joined.table].columns}
    origins["instance_id"] = Origin((f"{raw}.instance_id",))
    origins[entity.owner_column(joined)] = Origin((f"{raw}.id",), f"stash.{entity.name}.id")
    if joined.target and joined.target_column in origins:
        origins[joined.target_column] = Origin((f"{raw}.document",), f"stash.{joined.target}.id")
    return origins


def _merges_table() -> LayerTable:
    raw = {"raw.files", *(f"raw.{entity}" for entity in MERGED_ENTITIES)}
    return LayerTable(
        MERGES,
        group=JOINS_GROUP,
        description=f"{MERGES.comment} Stash itself does not record merges.",
        upstream=tuple(sorted({*raw, *(f"stash.{table}" for table in EVIDENCE_TABLES)})),
        version=merges_version(),
        origins={
            column: Origin(tuple(f"raw.{entity}.{source}" for entity in MERGED_ENTITIES))
            for column, source in (("instance_id", "instance_id"), ("id", "id"), ("revision", "revision"))
        }
        | {"successor_id": Origin(_owner_columns())},
    )


def _owner_columns() -> tuple[str, ...]:
    """The columns of the joins that name the object that took over what another one had."""
    tables = [METADATA.tables[f"stash.{table}"] for table in EVIDENCE_TABLES]
    owners = [[column.name for column in table.columns if column.name != "instance_id"][0] for table in tables]
    return tuple(f"{table.fullname}.{owner}" for table, owner in zip(tables, owners, strict=True) if owner != "file_id")


# --- following ----------------------------------------------------------------------------------------------


def _followed(connection: Connection, instance_id: int, done: Transformation) -> FollowedInstance:
    tables = {f"stash.{name}": change for name, change in done.tables.items()}
    first = any(change.first for change in tables.values())
    if done.merged or done.returned or first:
        tables[MERGES.fullname] = TableChange(
            rows=count_merges(connection, instance_id),
            inserted=sum(done.merged.values()),
            removed=done.returned,
            first=first,
            details={
                "by_entity": ", ".join(f"{entity} {count}" for entity, count in sorted(done.merged.items())) or "none"
            },
        )
    return FollowedInstance(tables, done.outdated, done.merged)


def _follow(connection: Connection, instance_id: int, connect: Connect) -> FollowedInstance:
    return _followed(connection, instance_id, transform(connection, instance_id, connect))


def _rebuild(connection: Connection, instance_id: int) -> FollowedInstance:
    return _followed(connection, instance_id, rebuild_layer(connection, instance_id))


def _drop(connection: Connection, instance_id: int) -> None:
    drop_layer(connection, instance_id, logged=False)


# --- checks -------------------------------------------------------------------------------------------------


def _orphans(connection: Connection, instance_id: int) -> CheckOutcome:
    orphans = integrity.dangling_references(connection, instance_id)
    by_column = ", ".join(f"{name} {count}" for name, count in orphans.items()) or "none"
    return CheckOutcome(not orphans, {"orphans": sum(orphans.values()), "by_column": by_column})


def _watermark(connection: Connection, instance_id: int) -> CheckOutcome:
    newest, reached = integrity.watermark_lag(connection, instance_id)
    return CheckOutcome(newest == reached, {"newest_revision": newest, "held_revision": reached})


def _match_rebuild(connection: Connection, instance_id: int) -> CheckOutcome | None:
    tables = integrity.compare_with_rebuild(connection, instance_id)
    if tables is None:
        # another run has written since, and evaluates the check itself
        return None
    lines = [line for table in tables for line in table.lines()]
    rows = sum(table.missing + table.stale + table.different for table in tables)
    return CheckOutcome(not tables, {"rows": rows, "details": "\n".join(lines[:_LINES]) or "nothing"})


_CHECKS = (
    LayerCheck(
        "no_orphans",
        "stash.scenes",
        "Every reference of an entity or join has its target.",
        _orphans,
        blocking=True,
        modes=frozenset({"reconcile", "sweep", "rebuild"}),
        # scans all tables while the sample is read from the server
        concurrent=True,
    ),
    LayerCheck(
        "watermark_at_head",
        "stash.scenes",
        "Entities and joins have the newest revision of the documents.",
        _watermark,
        blocking=True,
    ),
    LayerCheck(
        "tables_match_rebuild",
        "stash.scenes",
        "Entities and joins equal a rebuild from the documents, row by row. Evaluated after a sweep; "
        "`stash-pipeline verify --repair` rebuilds tables that differ.",
        _match_rebuild,
        modes=frozenset({"sweep"}),
        only_in_modes=True,
    ),
)

STASH_LAYER = InstanceLayer(
    name=LAYER,
    description="Typed tables of the objects of every server, and their join tables.",
    tables=(
        *(_entity_table(entity) for entity in ENTITIES),
        *(_join_table(entity, joined, field.description) for entity in ENTITIES for field, joined in entity.joins),
        _merges_table(),
    ),
    checks=_CHECKS,
    follow=_follow,
    rebuild=_rebuild,
    drop=_drop,
)
