"""What sensors and schedules share: their run requests, and the runs that are in progress."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import dagster as dg
import psycopg

from stash_pipeline.assets.checks import checks_of
from stash_pipeline.assets.pipeline import OP
from stash_pipeline.assets.raw import raw_keys
from stash_pipeline.assets.resources import WarehouseResource
from stash_pipeline.assets.search import index_keys
from stash_pipeline.assets.specs import keys_of
from stash_pipeline.assets.tags import MODE_TAG, REASON_TAG, REQUESTED_BY_TAG, shortened
from stash_pipeline.errors import UserError
from stash_pipeline.layers import Layers
from stash_pipeline.runtime.orphaned_runs import end_orphaned_runs
from stash_pipeline.sync.graphql_reading import Mode
from stash_pipeline.warehouse.connect import Connection, database_sentence

PARTITION_TAG: Final = "dagster/partition"
"""Dagster's tag for the partition of a run; documented, and used in dagster.yaml."""

_PRIORITY_TAG: Final = "dagster/priority"

# in the queue: detected changes first, long runs last
_PRIORITIES: Final[Mapping[Mode, int]] = {"changes": 1, "objects": 1, "reconcile": 0, "sweep": -1}

_UNFINISHED: Final = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


@contextmanager
def connection_of_tick(warehouse: WarehouseResource) -> Iterator[Connection]:
    """A connection for one tick.

    Raises:
        UserError: if the database cannot be reached or fails meanwhile.
    """
    try:
        with warehouse.connect() as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise UserError(database_sentence(error)) from None


def is_in_progress(instance: dg.DagsterInstance, job: str) -> bool:
    """Whether a run of a job is queued or in progress."""
    end_orphaned_runs(instance)
    return bool(instance.get_runs(dg.RunsFilter(job_name=job, statuses=_UNFINISHED), limit=1))


def unfinished(instance: dg.DagsterInstance) -> set[str]:
    """The partitions with a queued or running run of any job."""
    # a killed run would count as running for hours
    end_orphaned_runs(instance)
    runs = instance.get_runs(dg.RunsFilter(statuses=_UNFINISHED))
    return {run.tags[PARTITION_TAG] for run in runs if PARTITION_TAG in run.tags}


def request(
    layers: Layers, name: str, mode: Mode, reasons: Sequence[str], requested_by: str, run_key: str | None = None
) -> dg.RunRequest:
    """A request for a run of one instance by the job of the sensor or schedule, with tags that say why."""
    return dg.RunRequest(
        run_key=run_key,
        partition_key=name,
        run_config={"ops": {OP: {"config": {"mode": mode}}}},
        # a check that is planned but not evaluated would hide its previous result
        asset_selection=sorted([*raw_keys(), *keys_of(layers), *index_keys(layers)]),
        asset_check_keys=sorted(checks_of(mode, layers)),
        tags={
            REASON_TAG: shortened(", ".join(reasons)),
            MODE_TAG: mode,
            REQUESTED_BY_TAG: requested_by,
            _PRIORITY_TAG: str(_PRIORITIES[mode]),
        },
    )
