"""Layer ``catalog`` as the registry of layers has it: its tables, its views, its checks, how it follows."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from sqlalchemy import Table

from stash_pipeline.warehouse.catalog import affected, lists, records
from stash_pipeline.warehouse.catalog.checks import CHECKS
from stash_pipeline.warehouse.catalog.shapes import (
    ORDER,
    GoldenField,
    GoldenList,
    all_lists,
    golden_fields,
    golden_lists,
)
from stash_pipeline.warehouse.catalog.sources import sources_statement, write_sources
from stash_pipeline.warehouse.catalog.statistics import provenance_shares, update_row_counts
from stash_pipeline.warehouse.catalog.survivorship import VERSION as RULES_VERSION
from stash_pipeline.warehouse.catalog.tables import LISTS, MEMBERS, RECORDS, SOURCES, VANISHED, list_description
from stash_pipeline.warehouse.catalog.views import VIEWS
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.first_build import are_empty, indexes_afterwards
from stash_pipeline.warehouse.layers.layer import LayerTable, Origin, SharedLayer, TableChange
from stash_pipeline.warehouse.layers.versions import digest
from stash_pipeline.warehouse.stashbox.fields import BOX_FIELDS

VERSION: Final = digest(
    [
        str(RULES_VERSION),
        *(text for entity in ORDER for text in records.version_parts(entity)),
        *(sources_statement(entity, boxes=entity in BOX_FIELDS) for entity in ORDER),
        *(lists.elements_statement(golden) for golden in all_lists()),
    ]
)

RECORDS_GROUP: Final = "catalog"
LISTS_GROUP: Final = "catalog_lists"

Changes = dict[str, TableChange]

# --- following ----------------------------------------------------------------------------------------------


def follow(connection: Connection, revision: int) -> Mapping[str, TableChange]:
    """Makes the records again that a change reaches."""
    # a few objects are looked up by their keys, in tables that are mostly cached
    connection.execute("SELECT set_config('random_page_cost', '1.1', true)")
    return _make(connection, revision, everything=False)


def rebuild(connection: Connection, revision: int) -> Mapping[str, TableChange]:
    """Makes all records again, and writes those that differ."""
    # a library's worth of rows is sorted and joined; of the largest list of 100,000 scenes, 72 MB
    connection.execute("SELECT set_config('work_mem', '128MB', true)")
    return _make(connection, revision, everything=True)


def _make(connection: Connection, revision: int, *, everything: bool) -> Changes:
    # statements have many expressions, and compiling them takes longer than running them
    connection.execute("SELECT set_config('jit', 'off', true)")
    changes: Changes = {}
    first = everything and are_empty(connection, (MEMBERS, SOURCES, *RECORDS.values(), *LISTS.values()))
    with _timed(changes, MEMBERS), indexes_afterwards(connection, MEMBERS, first=first, keys=True):
        changes[MEMBERS.fullname] = affected.follow_members(connection, everything=everything, first=first)
    sources, vanished = TableChange(), 0
    for entity in ORDER if everything else affected.affected_entities(connection):
        boxes = records.collect_objects(connection, entity, everything=everything)
        with _timed(changes, RECORDS[entity]), indexes_afterwards(connection, RECORDS[entity], first=first, keys=True):
            record = changes[RECORDS[entity].fullname] = records.write_records(
                connection, entity, revision, everything=everything, boxes=boxes, first=first
            )
        started = time.perf_counter()
        _add(sources, write_sources(connection, entity, everything=everything, boxes=boxes, first=first))
        sources.seconds += time.perf_counter() - started
        vanished += record.removed
        for golden in golden_lists(entity):
            table = LISTS[golden.table]
            with _timed(changes, table), indexes_afterwards(connection, table, first=first, keys=True):
                changes[table.fullname], marked = lists.write_list(
                    connection, golden, revision, everything=everything, first=first
                )
            record.updated += marked
        if sources.changed:
            for name, share in provenance_shares(connection, entity, everything=everything).items():
                sources.details[name] = sources.details.get(name, 0) + share
        records.forget_records(connection)
    affected.forget(connection)
    changes[SOURCES.fullname] = sources
    changes[VANISHED.fullname] = TableChange(inserted=vanished)
    update_row_counts(connection, changes, count=everything)
    return changes


@contextmanager
def _timed(changes: Changes, table: Table) -> Iterator[None]:
    started = time.perf_counter()
    yield
    changes[table.fullname].seconds = time.perf_counter() - started


def _add(total: TableChange, change: TableChange) -> None:
    total.inserted += change.inserted
    total.updated += change.updated
    total.removed += change.removed


# --- tables -------------------------------------------------------------------------------------------------


def _record_table(entity: str) -> LayerTable:
    targets = sorted({f"stash.{entity}", *(f"catalog.{f.target}" for f in golden_fields(entity) if f.target)})
    return LayerTable(
        RECORDS[entity],
        group=RECORDS_GROUP,
        description=f"The {entity} of all instances, each once.",
        upstream=(MEMBERS.fullname, *(name for name in targets if name != f"catalog.{entity}")),
        version=VERSION,
        origins={
            "id": Origin(("catalog.members.canonical_id",)),
            "objects": Origin(("catalog.members.id",)),
            "instances": Origin(("catalog.members.instance_id",)),
            **{name: _origin(entity, field, name) for field in golden_fields(entity) for name in field.columns},
        },
        entity=entity,
    )


def _origin(entity: str, field: GoldenField, name: str) -> Origin:
    return Origin((f"stash.{entity}.{name}",), f"catalog.{field.target}.id" if field.target else None)


def _list_table(golden: GoldenList) -> LayerTable:
    target = golden.joined.target if golden.kind == "references" else None
    origins = {name: Origin((f"stash.{golden.table}.{name}",)) for name in golden.columns}
    origins[golden.owner] = Origin(("catalog.members.canonical_id",), f"catalog.{golden.entity}.id")
    if target:
        origins[golden.key[0]] = Origin((f"stash.{golden.table}.{golden.key[0]}",), f"catalog.{target}.id")
    others = {f"catalog.{golden.entity}", *([f"catalog.{target}"] if target else [])}
    return LayerTable(
        LISTS[golden.table],
        group=LISTS_GROUP,
        description=list_description(golden),
        upstream=(f"stash.{golden.table}", *sorted(others)),
        version=VERSION,
        origins=origins,
        entity=golden.entity,
    )


_RECORD_NAMES: Final = tuple(f"catalog.{entity}" for entity in ORDER)

CATALOG_LAYER: Final = SharedLayer(
    name="catalog",
    description="Everything once: a golden record per cluster of matches.",
    tables=(
        LayerTable(
            MEMBERS,
            group=RECORDS_GROUP,
            description="The record of every object.",
            upstream=("matches.members",),
            version=VERSION,
            origins={
                **{name: Origin((f"matches.members.{name}",)) for name in ("entity", "instance_id", "id")},
                "canonical_id": Origin(("matches.members.cluster_id",)),
            },
        ),
        *(_record_table(entity) for entity in ORDER),
        *(_list_table(golden) for golden in all_lists()),
        LayerTable(
            SOURCES,
            group=RECORDS_GROUP,
            description="Of which object the fields of a record are, by which rule; see the view catalog.provenance.",
            upstream=_RECORD_NAMES,
            version=VERSION,
        ),
        LayerTable(
            VANISHED,
            group=RECORDS_GROUP,
            description="Records that no longer exist; see the view catalog.changes.",
            upstream=_RECORD_NAMES,
            version=VERSION,
        ),
    ),
    views=VIEWS,
    checks=CHECKS,
    version=VERSION,
    follow=follow,
    rebuild=rebuild,
    after=("matches",),
)
