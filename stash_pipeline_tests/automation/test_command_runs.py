"""Runs of commands look like runs of sensors and schedules in the UI."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stash_pipeline.commands.rebuild import rebuild
from stash_pipeline.commands.sync import sync_instances
from stash_pipeline.settings import get_settings
from stash_pipeline_tests.assets.running import fill
from stash_pipeline_tests.automation.servers import registered

pytestmark = pytest.mark.integration


def tags_of(run: dg.DagsterRun) -> dict[str, str]:
    """Our tags, except those that identify the process."""
    ours = {name.partition("/")[2]: value for name, value in run.tags.items() if name.startswith("stash_pipeline/")}
    return {name: value for name, value in ours.items() if name not in ("host", "process")}


@pytest.mark.parametrize(
    ("options", "job", "mode", "why"),
    [
        ({}, "refresh", "changes", "stash-pipeline sync home"),
        ({"mode": "reconcile"}, "reconcile", "reconcile", "stash-pipeline sync home --mode reconcile"),
        (
            {"mode": "sweep", "lane": "graphql", "accept_removals": True},
            "sweep",
            "sweep",
            "stash-pipeline sync home --mode sweep --lane graphql --accept-removals",
        ),
        (
            {"mode": "objects", "entities": ["tags"], "ids": [1, 2]},
            "refresh",
            "objects",
            "stash-pipeline sync home --entity tags --id 1 --id 2",
        ),
    ],
)
def test_a_command_runs_the_job_of_its_mode_and_tags_the_reason(
    dagster: dg.DagsterInstance, warehouse: str, home: Path, options: dict[str, Any], job: str, mode: str, why: str
) -> None:
    entities = options.pop("entities", [])
    with registered(warehouse, home, "home", refreshed=False) as server:
        fill(server.instance)
        (outcome,) = sync_instances(get_settings(), ["home"], entities, show=False, **options)
    assert outcome["success"], outcome
    run = dagster.get_run_by_id(outcome["run_id"])
    assert run is not None and run.job_name == job
    assert tags_of(run) == {"mode": mode, "lane": outcome["lane"], "reason": why, "requested_by": "command line"}


def test_a_dry_run_is_tagged(dagster: dg.DagsterInstance, warehouse: str, home: Path) -> None:
    with registered(warehouse, home, "home", refreshed=False):
        (outcome,) = sync_instances(get_settings(), ["home"], [], show=False, mode="reconcile", dry_run=True)
    run = dagster.get_run_by_id(outcome["run_id"])
    assert run is not None and run.job_name == "reconcile"
    assert run.tags["stash_pipeline/reason"] == "stash-pipeline sync home --mode reconcile --dry-run"


def test_a_rebuild_is_tagged(
    dagster: dg.DagsterInstance, warehouse: str, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with registered(warehouse, home, "home", refreshed=False):
        assert rebuild("entities", ["home"], False) == 0
    (run,) = dagster.get_runs()
    why = "stash-pipeline rebuild entities home"
    assert tags_of(run) == {"mode": "rebuild", "reason": why, "requested_by": "command line"}
