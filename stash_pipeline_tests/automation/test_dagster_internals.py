"""Contract tests for Dagster's private modules. An upgrade of Dagster fails here first."""

import ast
import dataclasses
import inspect
import re
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

import stash_pipeline
from stash_pipeline.runtime import dagster_internals as internals

ROOT = Path(stash_pipeline.__file__).parent
MODULE = Path(internals.__file__)


def private_imports(path: Path) -> list[str]:
    found: list[str] = []
    text = path.read_text("utf-8")
    # only a few modules have to be parsed
    if not re.search(r"dagster[\w.]*\._", text):
        return found
    for node in ast.walk(ast.parse(text)):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        found += [name for name in names if name.startswith("dagster") and "._" in name]
    return found


def test_private_dagster_modules_are_imported_in_one_module() -> None:
    places = {path for path in ROOT.rglob("*.py") if private_imports(path)}
    assert places == {MODULE}


def test_every_private_import_has_a_reason() -> None:
    lines = MODULE.read_text("utf-8").splitlines()
    comment = False
    for line in lines:
        comment = line.startswith("#") or (comment and bool(line.strip()))
        if line.startswith("from dagster"):
            assert comment, line


def test_no_public_name_replaces_a_private_import() -> None:
    exported = [name for name in vars(internals) if not name.startswith("_") and hasattr(dg, name)]
    assert exported == []


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        (internals.execute_run, {"job", "dagster_run", "instance", "raise_on_error"}),
        (internals.ReconstructableRepository.for_module, {"module", "fn_name"}),
        (internals.ReconstructableRepository.get_reconstructable_job, {"name"}),
        (internals.InstanceRef.from_dir, {"base_dir", "overrides"}),
        (dg.DagsterInstance.create_run_for_job, {"job_def", "run_config", "tags", "remote_job_origin"}),
        (dg.DagsterInstance.from_ref, {"instance_ref"}),
        (internals.LocalComputeLogManager.get_captured_local_path, {"log_key", "extension"}),
        (internals.LocalComputeLogManager.complete_artifact_path, {"log_key"}),
        (internals.LocalComputeLogManager.capture_logs, {"log_key"}),
    ],
)
def test_private_functions_accept_our_arguments(function: Any, parameters: set[str]) -> None:
    assert parameters <= set(inspect.signature(function).parameters)


def test_the_failure_reason_of_an_interrupted_run_exists() -> None:
    data = internals.JobFailureData(None, internals.RunFailureReason.UNEXPECTED_TERMINATION)
    assert data.failure_reason is internals.RunFailureReason.UNEXPECTED_TERMINATION and data.error is None


def test_a_step_error_has_cause_and_message() -> None:
    cause = internals.SerializableErrorInfo("inner", [], "ValueError")
    error = internals.SerializableErrorInfo("outer", [], "RuntimeError", cause)
    assert error.cause is not None and error.cause.message == "inner"


def test_a_job_origin_is_built_from_names() -> None:
    target = internals.LoadableTargetOrigin(module_name="a.module")
    location = internals.ManagedGrpcPythonEnvCodeLocationOrigin(target, "location")
    origin = internals.RemoteJobOrigin(internals.RemoteRepositoryOrigin(location, "__repository__"), "refresh")
    assert origin.job_name == "refresh" and origin.repository_origin.repository_name == "__repository__"


def test_private_classes_have_the_fields_we_use() -> None:
    fields = internals.ConfigurableClassData("module", "Class", "{}")
    assert fields.module_name == "module"
    assert {"STDOUT", "STDERR"} <= set(internals.ComputeIOType.__members__)
    assert set(internals.IO_TYPE_EXTENSION) == set(internals.ComputeIOType)
    context = internals.CapturedLogContext(["run", "step"])
    assert list(context.log_key) == ["run", "step"]
    assert internals.UserConfigSchema is not None and not dataclasses.is_dataclass(internals.UserConfigSchema)


def test_the_event_log_tables_have_the_columns_we_write() -> None:
    events, assets = internals.SqlEventLogStorageTable, internals.AssetKeyTable
    assert {"id", "run_id", "event", "dagster_event_type", "timestamp", "asset_key", "partition"} <= set(
        events.c.keys()
    )
    assert {"asset_key", "last_run_id", "last_materialization_timestamp"} <= set(assets.c.keys())
    assert isinstance(internals.ASSET_KEY_INDEX_COLS, str) and isinstance(internals.DEFS_STATE_INFO_CURSOR_KEY, str)
    assert internals.GRPC_INFO_TAG.startswith(".dagster/")
