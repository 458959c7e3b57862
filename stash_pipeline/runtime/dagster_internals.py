"""The only imports of Dagster's private modules, each with the reason why no public API suffices.

A contract test (``stash_pipeline_tests/automation/test_dagster_internals.py``) covers what is used of each, and fails
first when an upgrade of Dagster moves or changes one.
"""

# ruff: noqa: I001  (sorted by reason)

from types import ModuleType

# An in-process run with an existing record: `dg.execute_job` creates its own, without the origin by which the UI finds
# the job.
from dagster._core.definitions.reconstruct import ReconstructableRepository as ReconstructableRepository
from dagster._core.execution.api import execute_run as execute_run

# The origin by which the UI finds the job of a run that it did not launch.
from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin as ManagedGrpcPythonEnvCodeLocationOrigin
from dagster._core.remote_origin import RemoteJobOrigin as RemoteJobOrigin
from dagster._core.remote_origin import RemoteRepositoryOrigin as RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin as LoadableTargetOrigin

# How a run ended: events are public, their data are not.
from dagster._core.events import JobFailureData as JobFailureData
from dagster._core.events import RunFailureReason as RunFailureReason
from dagster._utils.error import SerializableErrorInfo as SerializableErrorInfo

# The instance of a home with one setting replaced: `dg.DagsterInstance.from_config` only accepts a file.
from dagster._core.instance.ref import InstanceRef as InstanceRef

# The storage and the log manager are plugins, given by module and class; their base classes are private.
from dagster._config.config_schema import UserConfigSchema as UserConfigSchema
from dagster._serdes import ConfigurableClassData as ConfigurableClassData
from dagster._core.storage.compute_log_manager import CapturedLogContext as CapturedLogContext
from dagster._core.storage.compute_log_manager import ComputeIOType as ComputeIOType
from dagster._core.storage.local_compute_log_manager import IO_TYPE_EXTENSION as IO_TYPE_EXTENSION
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager as LocalComputeLogManager

# Batches of events are written into Dagster's tables at once, which its own storage does not support.
from dagster._core.storage.defs_state.base import DEFS_STATE_INFO_CURSOR_KEY as DEFS_STATE_INFO_CURSOR_KEY
from dagster._core.storage.event_log.migration import ASSET_KEY_INDEX_COLS as ASSET_KEY_INDEX_COLS
from dagster._core.storage.event_log.schema import AssetKeyTable as AssetKeyTable
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable as SqlEventLogStorageTable

# Identifies the code server of a run, whose process may have been killed.
from dagster._core.storage.tags import GRPC_INFO_TAG as GRPC_INFO_TAG


def code_server_module() -> ModuleType:
    """The code server: how it starts runs is no setting. Imported where one starts, because it takes a while."""
    from dagster._grpc import server

    return server


def run_process_module() -> ModuleType:
    """What the code server executes in the process of a run."""
    from dagster._grpc import impl

    return impl
