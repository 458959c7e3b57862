"""Runs a job in this process. In the UI it looks like any other run.

The command line uses it: it needs no daemon, no queue and no other process, and starts immediately.

Several threads of one process can each run a job. A Ctrl-C interrupts only the job of the main thread; jobs in other
threads finish.
"""

import logging
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from dagster import (
    AssetCheckKey,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRun,
    DagsterUnknownPartitionError,
    Failure,
    JobDefinition,
    JobExecutionResult,
    partition_loading_context,
)

from stash_pipeline.errors import UserError
from stash_pipeline.runtime.command_logs import CommandComputeLogManager
from stash_pipeline.runtime.dagster_home import CODE_LOCATION, DEFINITIONS_MODULE, prepare_dagster_home
from stash_pipeline.runtime.dagster_internals import (
    InstanceRef,
    JobFailureData,
    LoadableTargetOrigin,
    ManagedGrpcPythonEnvCodeLocationOrigin,
    ReconstructableRepository,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
    RunFailureReason,
    SerializableErrorInfo,
    execute_run,
)
from stash_pipeline.runtime.orphaned_runs import end_orphaned_runs
from stash_pipeline.runtime.process_leases import process_tags
from stash_pipeline.settings import get_settings, settings_in_use
from stash_pipeline.warehouse.connect import database_sentence

_log = logging.getLogger(__name__)

# what Dagster's storage raises in a run, which the steps of the run do not see, if Postgres is restarted
_STORAGE_LOST: Final = ("psycopg2.OperationalError", "psycopg2.errors.AdminShutdown", "psycopg2.errors.CrashShutdown")

# Dagster's name for the repository of a Definitions object
REPOSITORY: Final = "__repository__"


@dataclass(frozen=True)
class RunResult:
    """How a run ended."""

    run_id: str
    success: bool
    failure: str | None
    """The message of the first error, if the run did not succeed."""


@contextmanager
def dagster_instance(home: Path, database_url: str | None = None) -> Iterator[DagsterInstance]:
    """The Dagster instance of a home; `database_url`, if given, is the database of this process meanwhile."""
    settings = get_settings()
    with settings_in_use(settings if database_url is None else settings.with_database(database_url)):
        directory = prepare_dagster_home(home)
        logs = {
            "module": CommandComputeLogManager.__module__,
            "class": CommandComputeLogManager.__name__,
            # where the web server expects them
            "config": {"base_dir": str(directory / "storage")},
        }
        with DagsterInstance.from_ref(
            InstanceRef.from_dir(str(directory), overrides={"compute_logs": logs})
        ) as instance:
            # At the start of every run Dagster reconfigures logging for the handlers of dagster.yaml (it has none).
            # That closes all other handlers of the process and can deadlock with a run in another thread: one waits
            # in dictConfig for a handler whose owner waits for the lock of the logging module.
            vars(instance)["get_yaml_python_handlers"] = list
            yield instance


def run_job(
    job: JobDefinition | str,
    *,
    instance: DagsterInstance,
    partition_key: str | None = None,
    run_config: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
    checks: AbstractSet[AssetCheckKey] | None = None,
    module: str = DEFINITIONS_MODULE,
) -> RunResult:
    """Executes a job in this process and returns its result.

    Args:
        run_config: default: the configuration in the definition of the job.
        checks: the asset checks to plan; default: all. A check that is planned but not evaluated hides its previous
            result.

    Raises:
        KeyboardInterrupt: after a Ctrl-C; the run is CANCELED.
    """
    name = job if isinstance(job, str) else job.name
    repository = _repository(module)
    definition = repository.get_definition().get_job(name)
    recon_job = repository.get_reconstructable_job(name)
    if checks is not None:
        assets = frozenset(definition.asset_layer.executable_asset_keys)
        definition = definition.get_subset(asset_selection=assets, asset_check_selection=checks)
        recon_job = recon_job.get_subset(asset_selection=assets, asset_check_selection=checks)
    end_orphaned_runs(instance)
    run = instance.create_run_for_job(
        definition,
        run_config=_quiet(definition, run_config or _own_config(definition, partition_key)),
        tags={
            **definition.run_tags,
            **_partition_tags(definition, partition_key, instance),
            **process_tags(get_settings().home),
            # the caller sees the failure, so the daemon must not retry the run
            "dagster/max_retries": "0",
            **(tags or {}),
        },
        remote_job_origin=RemoteJobOrigin(_remote_repository(module), name),
        job_code_origin=recon_job.get_python_origin(),
    )
    try:
        result = execute_run(recon_job, run, instance, raise_on_error=False)
    except BaseException as error:
        # an error before the first event or after the last one; Dagster records those in between
        _record_end(instance, run, error)
        raise
    if _was_interrupted(result):
        _cancel(instance, run)
        raise KeyboardInterrupt
    return RunResult(run.run_id, result.success, None if result.success else _failure(result))


def load_definitions(module: str = DEFINITIONS_MODULE) -> None:
    """Loads the definitions before the first run, which otherwise does it."""
    _repository(module).get_definition()


def observations(instance: DagsterInstance, run_id: str) -> dict[str, dict[str, Any]]:
    """The metadata of a run's observations, by the last part of the asset's key."""
    metadata = {}
    for record in instance.get_records_for_run(run_id, of_type=DagsterEventType.ASSET_OBSERVATION).records:
        event = record.event_log_entry.get_dagster_event()
        observation = event.asset_observation_data.asset_observation
        metadata[observation.asset_key.path[-1]] = {name: v.value for name, v in observation.metadata.items()}
    return metadata


def materializations(instance: DagsterInstance, run_id: str) -> dict[str, dict[str, Any]]:
    """The metadata of what a run materialized, by the last part of the asset's key."""
    metadata = {}
    for record in instance.get_records_for_run(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION).records:
        materialization = record.event_log_entry.asset_materialization
        assert materialization is not None
        values = {name: value.value for name, value in materialization.metadata.items()}
        metadata[materialization.asset_key.path[-1]] = values
    return metadata


def failed_checks(instance: DagsterInstance, run_id: str) -> list[str]:
    """What the checks of a run say that did not pass, warnings included."""
    records = instance.get_records_for_run(run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION).records
    evaluations = [record.event_log_entry.get_dagster_event().asset_check_evaluation_data for record in records]
    return [evaluation.description or evaluation.check_name for evaluation in evaluations if not evaluation.passed]


# -- creating a run ------------------------------------------------------------------------------------------


@lru_cache
def _repository(module: str) -> ReconstructableRepository:
    return ReconstructableRepository.for_module(module, fn_name="defs")


def _remote_repository(module: str) -> RemoteRepositoryOrigin:
    """The origin by which the web server finds the job: the names of location and repository."""
    target = LoadableTargetOrigin(module_name=module)
    return RemoteRepositoryOrigin(ManagedGrpcPythonEnvCodeLocationOrigin(target, CODE_LOCATION), REPOSITORY)


def _partition_tags(job: JobDefinition, partition_key: str | None, instance: DagsterInstance) -> Mapping[str, str]:
    if partition_key is None:
        return {}
    with partition_loading_context(dynamic_partitions_store=instance) as context:
        try:
            job.validate_partition_key(partition_key, selected_asset_keys=None, context=context)
        except DagsterUnknownPartitionError as error:
            raise UserError(f"The job {job.name} has no partition {partition_key!r}; check the name.") from error
        return job.get_tags_for_partition_key(partition_key, selected_asset_keys=None)


def _own_config(job: JobDefinition, partition_key: str | None) -> Mapping[str, Any]:
    """The configuration in the job's definition, which can depend on the partition."""
    if job.partitioned_config is not None and partition_key is not None:
        return job.partitioned_config.get_run_config_for_partition_key(partition_key)
    return job.run_config or {}


def _quiet(job: JobDefinition, run_config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Suppresses Dagster's line per event in the terminal; the UI shows all events."""
    if "console" not in job.loggers:
        return run_config
    return {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, **run_config}


# -- the end of a run ----------------------------------------------------------------------------------------


def _record_end(instance: DagsterInstance, run: DagsterRun, error: BaseException) -> None:
    try:
        if isinstance(error, Exception):
            instance.report_run_failed(run, f"The run ended with {type(error).__name__}.")
        else:
            _cancel(instance, run)
    except Exception as problem:
        # The database is unreachable. The next run finds this one without a process and ends it. The original error is
        # raised anyway.
        _log.info("The end of run %s could not be recorded: %s", run.run_id, type(problem).__name__)


def _cancel(instance: DagsterInstance, run: DagsterRun) -> None:
    instance.report_run_canceled(run, "Interrupted by the user.")


def _was_interrupted(result: JobExecutionResult) -> bool:
    last = result.all_events[-1] if result.all_events else None
    data = last.event_specific_data if last is not None else None
    return isinstance(data, JobFailureData) and data.failure_reason is RunFailureReason.UNEXPECTED_TERMINATION


def _failure(result: JobExecutionResult) -> str:
    for event in result.all_events:
        if event.is_step_failure or event.is_job_failure:
            return _message(event)
    return "The run did not succeed."


def _message(event: DagsterEvent) -> str:
    data = event.event_specific_data
    error: SerializableErrorInfo | None = getattr(data, "error", None)
    if error is None:
        return event.message or "The run failed."
    while error.cause is not None:
        error = error.cause
    path, _, text = error.message.strip().partition(": ")
    if path in _STORAGE_LOST:
        return database_sentence(ConnectionError(text))
    # "package.module.KeyError: …"; messages for users need no class name
    name = path.rpartition(".")[2]
    return text if name in (UserError.__name__, Failure.__name__) else f"{name}: {text}" if text else name
