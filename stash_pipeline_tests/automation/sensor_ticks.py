"""Ticks of the sensors, one after the other."""

import json
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.sensor_definition import SensorExecutionData

from stash_pipeline.assets.resources import WAREHOUSE, WarehouseResource
from stash_pipeline.definitions import defs
from stash_pipeline.instances import add_instance, get_instance
from stash_pipeline.settings import get_settings
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.automation.servers import Server
from stash_pipeline_tests.ports import free_port

KEY = "eyJhbGciOiJIUzI1NiJ9.not-a-real-key"

REASON, MODE, REQUESTED_BY = "stash_pipeline/reason", "stash_pipeline/mode", "stash_pipeline/requested_by"


class Sensor:
    """A sensor of the definitions, which passes its cursor from tick to tick."""

    def __init__(self, name: str, dagster: dg.DagsterInstance) -> None:
        self.name = name
        self.dagster = dagster
        self.cursor: str | None = None
        self.intervals = ""

    def interval_is_over(self) -> None:
        """Makes every server due that is not waited for, whatever its interval."""
        with suppress(ValueError, TypeError, AttributeError):
            kept = json.loads(self.cursor or "{}")
            for one in kept.values():
                one["asked_at"] = 0.0
            self.cursor = json.dumps(kept)

    def tick(self) -> SensorExecutionData:
        """One tick, with every server due."""
        self.interval_is_over()
        context = dg.build_sensor_context(
            instance=self.dagster,
            instance_ref=self.dagster.get_ref(),
            cursor=self.cursor,
            repository_def=defs.get_repository_def(),
            resources={WAREHOUSE: WarehouseResource(get_settings)},
        )
        data = defs.resolve_sensor_def(self.name).evaluate_tick(context)
        self.cursor = data.cursor
        assert KEY not in repr(data)
        return data

    def skipped(self) -> str:
        """The reason of a tick that requests nothing."""
        data = self.tick()
        assert not data.run_requests, data.run_requests
        assert data.skip_message
        self.intervals = data.skip_message.partition(". Asked ")[2]
        return data.skip_message.partition(". Asked ")[0]

    def requested(self) -> dict[str | None, dg.RunRequest]:
        """The requests of a tick, by partition."""
        data = self.tick()
        found = {request.partition_key: request for request in data.run_requests or []}
        assert found and len(found) == len(data.run_requests or []), data.skip_message
        return found

    def later(self, seconds: float) -> None:
        """Advances the time in the cursor."""
        kept = json.loads(self.cursor or "{}")
        for one in kept.values():
            one["not_before"] -= seconds
            one["requested_at"] -= seconds
        self.cursor = json.dumps(kept)

    def kept(self, server: Server) -> dict[str, Any]:
        """What the cursor says of a server."""
        found: dict[str, Any] = json.loads(self.cursor or "{}")[server.instance.uuid]
        return found


class Eager(Sensor):
    """A sensor whose ticks come while intervals last, as the daemon's do."""

    def interval_is_over(self, name: str = "") -> None:
        """Does nothing before a tick."""
        if name:
            self._change(name, asked_at=0.0)

    def answered(self, **milliseconds: float) -> bool:
        """As if all answers of these servers had taken so long, and had come just now."""
        for name, value in milliseconds.items():
            self._change(name, milliseconds=[value] * 5, asked_at=time.time())
        return True

    def _change(self, name: str, **values: Any) -> None:
        kept = json.loads(self.cursor or "{}")
        with connect(get_settings().database() or "") as connection:
            kept[get_instance(connection, name).uuid].update(values)
        self.cursor = json.dumps(kept)


def unreachable(warehouse: str, home: Path, name: str = "cabin") -> str:
    """Registers a server that refuses connections; returns its UUID."""
    with connect(warehouse) as connection:
        return add_instance(connection, name, f"http://127.0.0.1:{free_port()}", home=home).uuid
