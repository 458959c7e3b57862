"""The check `server_reachable` says which servers do not respond, and says it once."""

from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.sensor_definition import SensorExecutionData

from stash_pipeline.assets.resources import WarehouseResource
from stash_pipeline.automation.servers import server_reachable
from stash_pipeline.instances import edit_instance
from stash_pipeline.settings import get_settings
from stash_pipeline.simulator.faults import Fault
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.automation.sensor_ticks import Sensor, unreachable
from stash_pipeline_tests.automation.servers import Counting, Server


def reported(data: SensorExecutionData) -> list[dg.AssetCheckEvaluation]:
    """What a tick reports about the servers."""
    found = [event for event in data.asset_events if isinstance(event, dg.AssetCheckEvaluation)]
    assert {(event.asset_key.to_user_string(), event.check_name) for event in found} <= {
        ("raw/pages", "server_reachable")
    }
    return found


def test_an_unreachable_server_fails_its_check_once_and_passes_when_it_is_back(
    changes: Sensor, servers: dict[str, Server]
) -> None:
    (first,) = reported(changes.tick())
    assert first.passed and first.description == "All servers respond (2)."
    assert reported(changes.tick()) == []
    servers["home"].counting.__dict__.update(Counting([Fault("5xx", next=2)]).__dict__)
    (failed,) = reported(changes.tick())
    assert not failed.passed and failed.severity is dg.AssetCheckSeverity.WARN
    assert failed.description is not None and failed.description.startswith("No response from home. http://127.0.0.1:")
    assert failed.metadata["answering"].value == 1 and failed.metadata["silent"].value == 1
    said = str(failed.metadata["instance home"].value)
    assert "answered 5" in said and "`stash-pipeline instances edit home --url URL`" in said
    assert "`stash-pipeline instances disable home`" in said
    assert reported(changes.tick()) == [], "it is not asked yet"
    changes.later(11)
    assert reported(changes.tick()) == [], "the page says so already"
    changes.later(21)
    (back,) = reported(changes.tick())
    assert back.passed


def test_the_check_is_reported_again_after_a_refresh(changes: Sensor, servers: dict[str, Server]) -> None:
    changes.tick()
    servers["attic"].change()
    servers["attic"].refreshed()
    (again,) = reported(changes.tick())
    assert again.passed


def test_a_disabled_unreachable_server_is_no_longer_reported(
    changes: Sensor, servers: dict[str, Server], warehouse: str, home: Path
) -> None:
    unreachable(warehouse, home)
    assert not reported(changes.tick())[0].passed
    with connect(warehouse) as connection:
        edit_instance(connection, "cabin", home=home, enabled=False)
    (after,) = reported(changes.tick())
    assert after.passed and after.description == "All servers respond (2)."


def test_servers_can_be_probed_on_demand(
    servers: dict[str, Server], dagster: dg.DagsterInstance, warehouse: str, home: Path
) -> None:
    unreachable(warehouse, home)
    result: Any = server_reachable(warehouse=WarehouseResource(get_settings))
    assert not result.passed and "refuses connections" in str(result.metadata["instance cabin"].value)
    with connect(warehouse) as connection:
        edit_instance(connection, "cabin", home=home, enabled=False)
    result = server_reachable(warehouse=WarehouseResource(get_settings))
    assert result.passed
