"""The sensor tells what happened, whoever ran the syncs, and launches nothing."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from stash_pipeline.commands.sync import sync_instances
from stash_pipeline.settings import get_settings, settings_in_use
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.automation.sensor_ticks import Sensor, unreachable
from stash_pipeline_tests.automation.servers import registered
from stash_pipeline_tests.notifications.receiver import Receiver, receiving


@pytest.fixture
def receiver(dagster: dg.DagsterInstance) -> Iterator[Receiver]:
    with receiving() as one:
        settings = get_settings().model_copy(
            update={
                "notify_urls": SecretStr(one.url),
                "notify_imported_scenes": 1,
                "notify_unreachable_minutes": 0.0,
            }
        )
        with settings_in_use(settings):
            yield one


def test_a_server_that_does_not_respond_and_one_that_has_new_scenes_are_notified_of_once(
    dagster: dg.DagsterInstance, warehouse: str, home: Path, receiver: Receiver
) -> None:
    with connect(warehouse) as connection:
        connection.execute("DELETE FROM ops.notifications")
    sensor = Sensor("notifications_sensor", dagster)
    assert sensor.skipped() == "Nothing to send."
    with registered(warehouse, home, "home", refreshed=False):
        (outcome,) = sync_instances(get_settings(), ["home"], [], show=False)
        assert outcome["success"], outcome
        unreachable(warehouse, home)
        changes = Sensor("changes_sensor", dagster)
        for event in changes.tick().asset_events or []:
            dagster.report_runless_asset_event(event)
        sensor.skipped()
        assert sorted(receiver.titles()) == ["cabin: the server does not respond", "home: imported 8 scenes"]
        assert sensor.skipped() == "Nothing to send."
