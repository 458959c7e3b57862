"""The job `export` writes what the settings say, and its schedule is off."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from stash_pipeline.automation.exports import export_schedule
from stash_pipeline.definitions import build_defs
from stash_pipeline.settings import load_settings


def test_the_job_writes_the_tables_of_the_settings(database_url: str, home: Path) -> None:
    settings = load_settings(home=home, export_tables="tags, scenes_full", export_format="jsonl").with_database(
        database_url
    )
    result = build_defs(settings).resolve_job_def("export").execute_in_process()
    assert result.success
    manifest = json.loads((home / "exports" / "manifest.json").read_text())
    assert [one["file"] for one in manifest["tables"]] == ["stash.tags.jsonl", "stash.scenes_full.jsonl"]
    (event,) = [one for one in result.all_events if one.event_type == dg.DagsterEventType.STEP_OUTPUT]
    metadata: Mapping[str, Any] = {name: one.value for name, one in event.step_output_data.metadata.items()}
    assert metadata["rows"] == metadata["bytes"] == 0
    assert metadata["folder"] == str(home / "exports")
    assert [record.data["table"] for record in metadata["files"].records] == ["stash.tags", "stash.scenes_full"]


def test_an_export_that_fails_says_why_in_one_sentence(database_url: str, home: Path) -> None:
    settings = load_settings(home=home, export_tables="scense").with_database(database_url)
    result = build_defs(settings).resolve_job_def("export").execute_in_process(raise_on_error=False)
    assert not result.success
    (event,) = [one for one in result.all_events if one.event_type == dg.DagsterEventType.STEP_FAILURE]
    assert "There is no table or view 'scense'" in str(event.step_failure_data.user_failure_data)


def test_the_schedule_is_off_until_it_is_switched_on() -> None:
    schedule = export_schedule(5)
    assert (schedule.cron_schedule, schedule.job_name) == ("40 5 * * *", "export")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED


@pytest.mark.parametrize("hour", [0, 23])
def test_the_hour_is_that_of_the_settings(hour: int, home: Path) -> None:
    defs = build_defs(load_settings(home=home, export_hour=hour))
    assert defs.resolve_schedule_def("export_schedule").cron_schedule == f"40 {hour} * * *"
