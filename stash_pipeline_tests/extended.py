"""What a changed copy of the package does with a server that it can read more of, see ``test_extending.py``.

Started as a program, with the changed package before the installed one on the path.
"""

import json
import sys
from pathlib import Path
from typing import Any

import dagster as dg

from stash_pipeline.definitions import build_defs
from stash_pipeline.instances import get_instance
from stash_pipeline.layers import LAYERS
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.client import StashClient
from stash_pipeline.sync.compare_lanes import compare_lanes
from stash_pipeline.sync.run import SyncResult
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.entities.integrity import compare_with_rebuild
from stash_pipeline.warehouse.layers.layer import shared
from stash_pipeline.warehouse.layers.shared import follow
from stash_pipeline_tests.mirror.working import URL, Mirror, SimulatorTransport, generated, settings_for

SCENES, SEED = 6, 5


def changes(read: SyncResult) -> dict[str, list[int]]:
    """Counts per changed entity: inserted, updated, removed."""
    counts = {name: [c.inserted, c.updated, c.removed] for name, c in read.changes.items()}
    return {name: found for name, found in counts.items() if any(found)}


def follow_shared_layers(url: str) -> dict[str, list[int]]:
    """Lets the layers of all instances follow; inserted and removed rows by table, first and after one change."""
    counts: dict[str, list[int]] = {}
    retitle = "UPDATE stash.scenes SET title = %s WHERE id = 1"
    with connect(url) as connection:
        (title,) = connection.execute("SELECT title FROM stash.scenes WHERE id = 1").fetchone() or (None,)
        for changed in (False, True):
            if changed:
                connection.execute("UPDATE ops.object_log_head SET revision = revision + 1")
                connection.execute(retitle, ["The Last"])
                connection.execute(
                    "UPDATE ops.object_log SET revision = (SELECT revision FROM ops.object_log_head)\n"
                    "WHERE entity = 'scenes' AND id = 1"
                )
            for layer in shared(LAYERS):
                for name, change in follow(connection, layer, LAYERS).tables.items():
                    counts.setdefault(name, []).extend((change.inserted, change.removed))
        connection.execute(retitle, [title])
    return counts


def mirrored(url: str, home: Path, name: str, statements: list[str], queries: list[str], columns: str) -> Any:
    """Mirrors a library that has more, by both lanes, and tells what came of it.

    Args:
        name: of an instance that was read by the package as it is. statements: that change its library.
        queries: of the tables, at the end. columns: an asset, whose columns are told.
    """
    with connect(url) as connection:
        instance = get_instance(connection, name)
    library = generated(SCENES, seed=SEED)
    for statement in statements:
        library.execute(statement)
    server = Mirror(url, instance, SimulatedStash(library), settings_for(home, url))
    first = server.read(mode="changes", lane="auto")
    server.transform()
    followed = follow_shared_layers(url)
    again, last = server.read(mode="sweep", lane="graphql"), server.transform()
    compared = compare_lanes(server.settings, instance, StashClient(URL, transport=SimulatorTransport(server.stash)))
    with connect(url) as connection:
        found = [connection.execute(query).fetchall() for query in queries]
        rebuilt = compare_with_rebuild(connection, instance.id)
    specs = {spec.key: spec for spec in build_defs(server.settings).resolve_all_asset_specs()}
    schema = specs[dg.AssetKey(columns.split("."))].metadata["dagster/column_schema"]
    return {
        "lane": first.lane,
        "fields_not_in_snapshot": first.not_in_snapshot,
        "changed": changes(first),
        "followed": followed,
        "changed_by_the_other_lane": [changes(again), [n for n, change in last.tables.items() if change.changed]],
        "lanes_differ": [*compared.lines, *compared.not_in_snapshot],
        "rebuilt_differs": rebuilt,
        "rows": found,
        "columns": [column.name for column in schema.columns],
    }


if __name__ == "__main__":
    url, home, name, *rest = sys.argv[1:]
    print(json.dumps(mirrored(url, Path(home), name, *map(json.loads, rest)), default=str))
