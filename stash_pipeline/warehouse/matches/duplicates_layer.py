"""Layer ``duplicates`` as the registry of layers has it: the groups of copies in ``matches.duplicates``.

It reads the clusters of layer ``matches``, as the catalog does, and no layer reads it. So it is a layer of its own: it
follows while the catalog does. ``duplicates.py`` makes the groups. Only processes that do so import it, and with it
numpy.
"""

from collections.abc import Mapping
from typing import Final

from stash_pipeline.garbage import rare_collections
from stash_pipeline.matching.keeper_rules import keeper_digest
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.layers.layer import LayerTable, SharedLayer, TableChange
from stash_pipeline.warehouse.layers.versions import digest
from stash_pipeline.warehouse.matches.duplicate_sql import ENTITIES, LISTS, UPSTREAM, files_query, objects_query
from stash_pipeline.warehouse.matches.duplicate_table import DUPLICATES

VERSION: Final = digest(
    [
        # to be raised when the modules of duplicates make other rows
        "1",
        keeper_digest(),
        files_query(some=False),
        *(objects_query(entity, some=False) for entity in ENTITIES),
        *(query for lists in LISTS.values() for query in lists.values()),
    ]
)

_REACHED: Final = "SELECT revision FROM ops.shared_layers WHERE layer = 'duplicates'"


def follow(connection: Connection, revision: int) -> Mapping[str, TableChange]:
    """Makes the groups again that a change reaches."""
    # see the docstring of the module
    from stash_pipeline.warehouse.matches import duplicates

    reached = connection.execute(_REACHED).fetchone()
    return {DUPLICATES.fullname: duplicates.follow(connection, reached[0] if reached else 0)}


def rebuild(connection: Connection, revision: int) -> Mapping[str, TableChange]:
    """Makes all groups."""
    # see the docstring of the module
    from stash_pipeline.warehouse.matches import duplicates

    # a library's worth of rows is sorted and joined, by statements of many expressions
    connection.execute("SELECT set_config('work_mem', '64MB', true), set_config('jit', 'off', true)")
    # cursors are read to their ends
    connection.execute("SELECT set_config('cursor_tuple_fraction', '1', true)")
    with rare_collections():
        return {DUPLICATES.fullname: duplicates.rebuild(connection)}


DUPLICATES_LAYER: Final = SharedLayer(
    name="duplicates",
    description="What is there several times, and which copy to keep.",
    tables=(
        LayerTable(
            DUPLICATES,
            group="matches",
            description="Groups of copies of one thing, with the one to keep, and what the others have that it does "
            "not.",
            upstream=("matches.members", "matches.links", *UPSTREAM),
            version=VERSION,
        ),
    ),
    version=VERSION,
    follow=follow,
    rebuild=rebuild,
    after=("matches",),
)
