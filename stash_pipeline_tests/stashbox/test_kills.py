"""A reading that is killed loses the request in flight, and nothing else."""

import os
import signal
import time
from pathlib import Path

import pytest

from stash_pipeline.settings import Settings
from stash_pipeline.simulator.box.box import Box
from stash_pipeline.simulator.box.server import SimulatedStashBox
from stash_pipeline.stashbox_registry import add_endpoint
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.matches.conftest import Matched
from stash_pipeline_tests.test_cli import CommandLine

pytestmark = [pytest.mark.processes, pytest.mark.faults]

LOOKUP = "findScenesBySceneFingerprints"


@pytest.mark.parametrize("after", [1, 3])
def test_what_was_answered_before_a_kill_is_not_asked_again(matched: Matched, home: Path, after: int) -> None:
    simulated = SimulatedStashBox(Box.create(), api_key="not-a-real-key")
    with matched(home, 120) as servers, simulated.running() as running:
        settings: Settings = servers.home.settings
        with connect(servers.database_url) as connection:
            add_endpoint(connection, "kitebox", running.url, home=settings.home, api_key="not-a-real-key")
        command_line = CommandLine(settings.home, servers.database_url)
        process = command_line.start("boxes", "sync", "kitebox")
        deadline = time.monotonic() + 60
        while len(simulated.requests.of(LOOKUP)) < after and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        first = simulated.requests.of(LOOKUP)
        assert len(first) >= after
        simulated.requests.clear()
        outcome = command_line.json("boxes", "sync", "kitebox")
        asked = sum(request.groups for request in simulated.requests.of(LOOKUP))
        with connect(servers.database_url) as connection:
            (stored,) = connection.execute("SELECT count(*) FROM stashbox.lookups").fetchone() or (0,)
        assert outcome["boxes"][0]["success"] and outcome["error"] is None
        assert stored - asked >= sum(request.groups for request in first[:-1])
        assert simulated.requests.mutations() == []
