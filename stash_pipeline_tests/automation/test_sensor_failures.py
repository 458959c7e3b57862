"""What the sensors do about servers that do not answer, keys that are missing, and a database that is away."""

import json
import threading
import time
from pathlib import Path

import dagster as dg
import pytest

from stash_pipeline.instances import Instance, add_instance, edit_instance
from stash_pipeline.partitions import sync_partitions
from stash_pipeline.settings import load_settings, settings_in_use
from stash_pipeline.simulator.faults import Fault
from stash_pipeline.sync import server_probe as asking
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.automation.sensor_ticks import KEY, Sensor, unreachable
from stash_pipeline_tests.automation.servers import Counting, Server, registered
from stash_pipeline_tests.ports import free_port
from stash_pipeline_tests.stash.hostile import hang, hostile


def test_an_unreachable_server_does_not_block_others_and_is_probed_less_often(
    changes: Sensor, servers: dict[str, Server], warehouse: str, home: Path
) -> None:
    sync_partitions(changes.dagster, ["home", "attic"])
    uuid = unreachable(warehouse, home)
    servers["home"].change()
    assert list(changes.requested()) == ["home"]
    servers["home"].refreshed()
    for wait in (10, 20, 40, 80, 160, 320, 600, 600):
        kept = json.loads(changes.cursor or "{}")[uuid]
        assert kept["not_before"] - time.time() == pytest.approx(wait, abs=5)
        said = changes.skipped()
        assert "cabin is asked again in" in said and "refuses connections" in said
        assert "nothing changed on attic" in said
        changes.later(wait)
        said = changes.skipped()
        assert f"cabin is asked again in {min(wait * 2, 600)} s: http://127.0.0.1:" in said
        assert "refuses connections" in said


def test_a_server_that_is_back_is_probed_as_before(changes: Sensor, servers: dict[str, Server]) -> None:
    servers["home"].counting.__dict__.update(Counting([Fault("5xx", next=1)]).__dict__)
    assert "home is asked again in 10 s" in changes.skipped()
    assert changes.kept(servers["home"])["failures"] == 1
    changes.later(11)
    assert changes.skipped() == "nothing changed on attic, home"
    assert changes.kept(servers["home"])["failures"] == 0


def test_no_server_waits_for_a_clock_that_was_set_back(changes: Sensor, servers: dict[str, Server]) -> None:
    servers["home"].counting.__dict__.update(Counting([Fault("5xx", next=1)]).__dict__)
    assert "home is asked again in 10 s" in changes.skipped()
    changes.later(-86_400)
    assert "home is asked again in 600 s" in changes.skipped()
    assert changes.kept(servers["home"])["requested_at"] <= time.time()
    changes.later(601)
    assert changes.skipped() == "nothing changed on attic, home"


def test_a_tick_does_not_wait_for_the_answer_of_a_hanging_server(
    changes: Sensor, servers: dict[str, Server], warehouse: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_TOTAL_SECONDS", 2.0)
    answered = threading.Event()

    def hang_until_the_tick_has_ended() -> list[bytes]:
        answered.wait(60)
        return []

    with hostile(hang_until_the_tick_has_ended) as url:
        with connect(warehouse) as connection:
            add_instance(connection, "cabin", url, home=home)
        try:
            reason = changes.skipped()
            assert not answered.is_set()
        finally:
            answered.set()
    assert "nothing changed on attic, home; cabin is asked again in 10 s: It did not respond" in reason


def test_many_hanging_servers_do_not_exceed_the_time_limit_of_a_tick(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_TOTAL_SECONDS", 1.0)
    with hostile(hang) as url:
        requested = [
            asking.Question(Instance(n, f"hangs {n}", f"hangs-{n}", url, None, None, 0, True, None, 0))
            for n in range(150)
        ]
        for _ in range(2):
            found = asking.ask(load_settings(home=home), requested)
            assert len(found) == 150 and all(one.error for one in found.values())
            # those whose turn did not come are no worse off than before
            assert {one.asked for one in found.values()} == {True, False}
            assert sum(1 for thread in threading.enumerate() if thread.name == "probe") <= 64


def test_an_instance_that_was_not_reached_is_probed_by_the_next_tick(
    changes: Sensor, servers: dict[str, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_TOTAL_SECONDS", 0.0)
    assert "home was not asked because other servers took too long" in changes.skipped()
    assert changes.kept(servers["home"])["failures"] == 0 and servers["home"].requests == 0
    monkeypatch.undo()
    assert changes.skipped() == "nothing changed on attic, home"


def test_a_missing_key_is_reported_and_checked_again_by_the_next_tick(
    changes: Sensor, warehouse: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with registered(warehouse, home, "home", api_key=KEY) as server:
        with connect(warehouse) as connection:
            edit_instance(connection, "home", home=home, api_key_env="STASH_KEY")
        assert "home cannot be asked: The variable" in changes.skipped()
        assert server.requests == 0
        monkeypatch.setenv("STASH_KEY", KEY)
        assert changes.skipped() == "nothing changed on home"


def test_dagster_stores_no_api_key(changes: Sensor, warehouse: str, home: Path) -> None:
    with registered(warehouse, home, "home", api_key=KEY) as server:
        sync_partitions(changes.dagster, ["home"])
        assert changes.skipped() == "nothing changed on home"
        server.change()
        changes.requested()
        # the client that is kept would still have the key that was good
        with connect(warehouse) as connection:
            edit_instance(connection, "home", home=home, api_key=KEY + "-not")
        assert "the API key is missing, wrong" in changes.skipped()
        assert KEY not in (changes.cursor or "")


def test_a_cursor_of_another_version_is_ignored(changes: Sensor, servers: dict[str, Server]) -> None:
    for cursor in ("7", "[]", "{", '{"a": 1}', '{"a": {"failures": "many"}}'):
        changes.cursor = cursor
        assert changes.skipped() == "nothing changed on attic, home"


@pytest.mark.parametrize("name", ["changes_sensor", "instances_sensor"])
def test_a_tick_without_the_database_is_skipped_with_a_reason(name: str, dagster: dg.DagsterInstance) -> None:
    with settings_in_use(load_settings(database_url=f"postgresql://nobody@127.0.0.1:{free_port()}/x")):
        assert "The database cannot be reached" in Sensor(name, dagster).skipped()
