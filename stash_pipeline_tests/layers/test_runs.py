"""Shared layers in Dagster runs: they follow in runs of instances and on their own, and never block them."""

from collections.abc import Iterator
from itertools import count

import dagster as dg
import pytest

from stash_pipeline.commands import rebuild as rebuild_command
from stash_pipeline.runtime import in_process as launch
from stash_pipeline.runtime.in_process import dagster_instance
from stash_pipeline.settings import Settings, get_settings, load_settings, settings_in_use
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.layers.layer import shared
from stash_pipeline.warehouse.layers.shared import follow, states, working_on
from stash_pipeline_tests.assets.running import fill, library, registered
from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.layers.definitions import MODULE, defs
from stash_pipeline_tests.layers.running import is_current, log_of, materialized, run, shared_tables
from stash_pipeline_tests.layers.sample import SAMPLE, TAG_NAMES, contents, create_tables, expected, fail_with

SECRET = "a-password-of-nobody"


@pytest.fixture(scope="module")
def dagster(postgres: str, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """One Dagster instance for all tests of this module."""
    home = tmp_path_factory.mktemp("shared-layers")
    url = create_database(postgres, "shared_layers", _template)
    with connect(url) as connection:
        create_tables(connection)
    with settings_in_use(load_settings(home=home).with_database(url)), dagster_instance(home, url) as made:
        yield made
    drop_database(postgres, "shared_layers")


@pytest.fixture(scope="module")
def _read(dagster: dg.DagsterInstance) -> Iterator[tuple[Settings, SimulatedStash]]:
    settings = get_settings()
    server = SimulatedStash(library(8))
    with registered(dagster, settings.database() or "", settings.home, "home", server) as instance:
        fill(instance, layers=SAMPLE)
        yield settings, server


@pytest.fixture
def stash(_read: tuple[Settings, SimulatedStash], dagster: dg.DagsterInstance) -> Iterator[SimulatedStash]:
    """A server that was synced, with layers that followed."""
    settings, server = _read
    with settings_in_use(settings), connect(settings.database() or "") as connection:
        yield server
        fail_with(connection, None)
        for layer in shared(SAMPLE):
            follow(connection, layer, SAMPLE, rebuild=True)


@pytest.fixture
def warehouse(stash: SimulatedStash) -> str:
    """The URL of the database."""
    return get_settings().database() or ""


_numbers = count(1)


def rename_a_tag(stash: SimulatedStash, name: str | None = None) -> str:
    """Renames a tag, by default to a name with an unused first letter."""
    number = next(_numbers)
    name = name or chr(0x4E00 + number)
    stamp = f"2031-01-01T00:{number:02}:00Z"
    stash.library.execute(f"UPDATE tags SET name = '{name}', updated_at = '{stamp}' WHERE id = 1")
    return name


def is_followed(warehouse: str) -> bool:
    with connect(warehouse) as connection:
        return contents(connection) == expected(connection) and all(s.current for s in states(connection, SAMPLE))


def test_a_change_on_a_server_reaches_the_last_layer_in_the_same_run(
    stash: SimulatedStash, dagster: dg.DagsterInstance, warehouse: str
) -> None:
    assert is_followed(warehouse)
    name = rename_a_tag(stash)
    result = run(dagster, "refresh", "home")
    assert result.success and is_followed(warehouse)
    made = materialized(dagster, result.run_id)
    assert shared_tables(dagster, result.run_id) == {"tag_names.members", "tag_names.names", "letters.letters"}
    partition, metadata = made["tag_names.members"]
    assert partition is None and made["stash.tags"][0] == "home"
    assert (metadata["inserted"], metadata["updated"], metadata["removed"]) == (0, 1, 0)
    assert metadata["caused_by"] == "refresh of home" and metadata["objects_followed"] >= 1
    assert metadata["dagster/row_count"] > 1 and name in made["letters.letters"][1]["preview"]
    assert all(check.passed for check in is_current(dagster, result.run_id).values())


@pytest.mark.integration
def test_an_unchanged_shared_table_emits_no_event(
    stash: SimulatedStash, dagster: dg.DagsterInstance, warehouse: str
) -> None:
    result = run(dagster, "refresh", "home")
    assert result.success and shared_tables(dagster, result.run_id) == set()
    assert set(is_current(dagster, result.run_id)) == {"tag_names", "letters"}
    # another name with the same first letter as the old one has
    with connect(warehouse) as connection:
        (old,) = connection.execute("SELECT name FROM stash.tags WHERE id = 1").fetchone() or ("",)
    rename_a_tag(stash, f"{old} again")
    result = run(dagster, "refresh", "home")
    assert shared_tables(dagster, result.run_id) == {"tag_names.members", "tag_names.names"}


def test_a_failing_layer_fails_its_check_and_no_instance_run(
    stash: SimulatedStash, dagster: dg.DagsterInstance, warehouse: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOME_PASSWORD", SECRET)
    rename_a_tag(stash)
    with connect(warehouse) as connection:
        fail_with(connection, f"no place for {SECRET}")
    result = run(dagster, "refresh", "home")
    assert result.success
    made = materialized(dagster, result.run_id)
    assert "stash.tags" in made and shared_tables(dagster, result.run_id) == set()
    checks = is_current(dagster, result.run_id)
    sentence = "Layer tag_names could not follow: RuntimeError: no place for ***"
    assert checks["tag_names"].description == sentence and not checks["tag_names"].passed
    assert checks["tag_names"].severity is dg.AssetCheckSeverity.ERROR
    assert checks["letters"].description == "Layer letters waits for layer tag_names."
    assert checks["letters"].severity is dg.AssetCheckSeverity.WARN
    log = log_of(dagster, result.run_id)
    assert "in _raise_trouble" in log and SECRET not in log
    with connect(warehouse) as connection:
        assert [state.error for state in states(connection, SAMPLE)] == [sentence, None]
        fail_with(connection, None)
    assert run(dagster, "refresh", "home").success and is_followed(warehouse)


def test_a_locked_layer_is_left_to_the_sensor(
    stash: SimulatedStash, dagster: dg.DagsterInstance, warehouse: str
) -> None:
    rename_a_tag(stash)
    with connect(warehouse) as connection, working_on(connection, TAG_NAMES):
        result = run(dagster, "refresh", "home", shared_wait_seconds=0.1)
    assert result.success
    check = is_current(dagster, result.run_id)["tag_names"]
    assert not check.passed and check.severity is dg.AssetCheckSeverity.WARN
    assert "Another run is working on layer tag_names" in (check.description or "")
    with connect(warehouse) as connection:
        (state, _) = states(connection, SAMPLE)
    assert state.error is None and not state.current


@pytest.mark.integration
def test_shared_layers_follow_without_instance_and_server(
    stash: SimulatedStash, dagster: dg.DagsterInstance, warehouse: str
) -> None:
    with connect(warehouse) as connection:
        fail_with(connection, "not now")
    rename_a_tag(stash)
    assert run(dagster, "refresh", "home").success
    with connect(warehouse) as connection:
        fail_with(connection, None)
        (url,) = connection.execute("SELECT url FROM ops.instances").fetchone() or ("",)
        # nobody would answer
        connection.execute("UPDATE ops.instances SET url = 'http://127.0.0.1:9'")
    result = run(dagster, "follow")
    with connect(warehouse) as connection:
        connection.execute("UPDATE ops.instances SET url = %s", [url])
    assert result.success, result.failure
    assert "letters.letters" in shared_tables(dagster, result.run_id) and is_followed(warehouse)
    assert materialized(dagster, result.run_id).keys() == shared_tables(dagster, result.run_id)
    found = dagster.get_run_by_id(result.run_id)
    assert found is not None and found.tags["stash_pipeline/mode"] == "follow"


def test_a_single_asset_of_a_shared_layer_can_be_materialized(
    stash: SimulatedStash, dagster: dg.DagsterInstance, warehouse: str
) -> None:
    with connect(warehouse) as connection:
        connection.execute("DELETE FROM ops.shared_layers WHERE layer = 'tag_names'")
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        asset_selection=[dg.AssetKey(["tag_names", "names"])], instance=dagster, raise_on_error=False
    )
    assert result.success
    (event,) = result.get_asset_materialization_events()
    assert event.asset_key == dg.AssetKey(["tag_names", "names"]) and event.partition is None


def test_a_run_of_only_a_failing_shared_layer_fails(
    stash: SimulatedStash, dagster: dg.DagsterInstance, warehouse: str
) -> None:
    with connect(warehouse) as connection:
        fail_with(connection, "not now")
    result = run(dagster, "rebuild_tag_names")
    assert not result.success
    assert result.failure is not None
    assert result.failure.startswith("Layer tag_names could not follow: RuntimeError: not now Layer letters waits")
    assert not is_current(dagster, result.run_id)["tag_names"].passed


def test_a_rebuild_recreates_a_layer_and_its_readers(
    stash: SimulatedStash, dagster: dg.DagsterInstance, warehouse: str
) -> None:
    with connect(warehouse) as connection:
        connection.execute("UPDATE tag_names.names SET tags = 77")
        connection.execute("DELETE FROM letters.letters")
    result = run(dagster, "rebuild_tag_names")
    assert result.success, result.failure
    assert shared_tables(dagster, result.run_id) == {"tag_names.members", "tag_names.names", "letters.letters"}
    assert is_followed(warehouse)


@pytest.mark.integration
def test_layers_follow_the_rebuild_of_an_instance_in_the_same_run(
    stash: SimulatedStash, dagster: dg.DagsterInstance, warehouse: str
) -> None:
    with connect(warehouse) as connection:
        connection.execute("UPDATE stash.tags SET name = 'wrong' WHERE id = 2")
        connection.execute("UPDATE tag_names.members SET name = 'wrong' WHERE id = 2")
    result = run(dagster, "rebuild", "home")
    assert result.success and is_followed(warehouse)
    assert materialized(dagster, result.run_id)["tag_names.members"][1]["caused_by"] == "rebuild of home"


@pytest.mark.integration
def test_the_command_rebuilds_any_layer_of_the_registry(
    stash: SimulatedStash,
    dagster: dg.DagsterInstance,
    warehouse: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("stash_pipeline.layers.LAYERS", SAMPLE)
    monkeypatch.setattr(launch.run_job, "__kwdefaults__", {**(launch.run_job.__kwdefaults__ or {}), "module": MODULE})
    with connect(warehouse) as connection:
        connection.execute("DELETE FROM tag_names.names")
    assert rebuild_command.rebuild("tag_names", [], False) == 0
    assert capsys.readouterr().out == "tag_names: rebuilt\n"
    assert is_followed(warehouse)
    assert rebuild_command.rebuild("stash", ["home"], False) == 0
    with pytest.raises(Exception, match="Layer tag_names covers all instances; name none"):
        rebuild_command.rebuild("tag_names", ["home"], False)
    with pytest.raises(Exception, match="There is no layer 'films' .* choose one of: stash, tag_names, letters"):
        rebuild_command.rebuild("films", [], False)
