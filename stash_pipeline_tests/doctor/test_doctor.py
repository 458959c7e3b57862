"""The doctor names what is wrong and what to do about it."""

import json
import os
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.commands.doctor import doctor
from stash_pipeline.doctor import machine
from stash_pipeline.doctor.database import clock
from stash_pipeline.doctor.diagnosis import diagnose
from stash_pipeline.doctor.finding import Finding
from stash_pipeline.doctor.machine import disk_of, key_file
from stash_pipeline.instances import add_instance
from stash_pipeline.search.backends import backend_place
from stash_pipeline.secrets import KEY_FILE
from stash_pipeline.settings import Settings, load_settings, settings_in_use
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.ports import free_port

KEY = "eyJhbGciOiJIUzI1NiJ9.not-a-real-key"


@pytest.fixture
def settings(database_url: str, home: Path) -> Settings:
    home.chmod(0o711 if os.geteuid() == 0 else 0o700)
    return load_settings().with_database(database_url)


@pytest.fixture
def stash() -> SimulatedStash:
    library = Library.create()
    generate_library(library, scenes=2, seed=1)
    return SimulatedStash(library, api_key=KEY)


@pytest.fixture
def server(stash: SimulatedStash) -> Iterator[str]:
    with stash.running() as running:
        yield running.url


def findings(settings: Settings) -> dict[str, Finding]:
    found = {}
    for finding in diagnose(settings):
        assert KEY not in repr(finding)
        found[finding.what] = finding
    return found


def execute(settings: Settings, statement: str, parameters: Sequence[Any] = ()) -> None:
    with connect(settings.database() or "") as connection:
        connection.execute(statement, parameters)


def registered(settings: Settings, url: str, key: str | None = KEY) -> None:
    with connect(settings.database() or "") as connection:
        add_instance(connection, "attic", url, home=settings.home, api_key=key)


def test_a_server_that_responds_is_ok(settings: Settings, server: str) -> None:
    registered(settings, server)
    found = findings(settings)
    assert found["server attic"].state == "ok", found["server attic"]
    assert "responds with its key" in found["server attic"].sentence
    assert found["clock of attic"].state == "ok"
    assert found["key file"].state == "ok"
    assert [finding for finding in found.values() if finding.state == "broken"] == []


def test_a_wrong_key_is_broken(settings: Settings, server: str) -> None:
    registered(settings, server, "another-key-that-is-wrong")
    found = findings(settings)["server attic"]
    assert found.state == "broken" and "instances edit attic --api-key-stdin" in found.remedy


def test_a_server_that_does_not_respond_is_broken(settings: Settings) -> None:
    registered(settings, f"http://127.0.0.1:{free_port()}", None)
    found = findings(settings)["server attic"]
    assert found.state == "broken" and "refuses connections" in found.sentence
    assert "instances edit attic --url URL" in found.remedy and "instances disable attic" in found.remedy


def test_a_missing_key_file_is_broken(settings: Settings, server: str) -> None:
    registered(settings, server)
    (settings.home / KEY_FILE).unlink()
    found = findings(settings)
    assert found["key file"].state == "broken" and "Copy it from where you keep it" in found["key file"].remedy
    assert found["server attic"].state == "broken" and "is missing" in found["server attic"].sentence


def test_a_key_file_that_others_can_read_is_broken(home: Path) -> None:
    (home / KEY_FILE).touch(0o644)
    (home / KEY_FILE).chmod(0o644)
    assert key_file(home, 1).remedy == f"chmod 600 {home / KEY_FILE}"


@pytest.mark.parametrize(("stored", "says"), [(0, "no stored key needs it"), (1, "for the keys of 1 server. Keep")])
def test_a_key_file_is_kept_for_the_keys_that_need_it(home: Path, stored: int, says: str) -> None:
    (home / KEY_FILE).touch(0o600)
    found = key_file(home, stored)
    assert found.state == "ok" and says in found.sentence


def test_a_given_key_file_is_looked_at_whatever_its_mode(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An engine of containers decides the mode of a secret."""
    given = tmp_path / "key"
    monkeypatch.setenv("STASH_PIPELINE_KEY_FILE", str(given))
    with settings_in_use(load_settings()):
        assert str(given) in key_file(home, 1).sentence and key_file(home, 1).state == "broken"
        given.touch(0o444)
        assert key_file(home, 1).state == "ok"


def test_without_an_instance_nothing_is_broken(settings: Settings) -> None:
    found = findings(settings)
    assert found["servers"].remedy == "`stash-pipeline instances add home URL`"
    assert found["database"].state == found["collation"].state == found["role"].state == "ok"
    assert found["schema"].state == "ok"


def test_an_older_and_a_newer_schema(settings: Settings) -> None:
    execute(settings, "UPDATE ops.alembic_version SET version_num = '0009'")
    found = findings(settings)["schema"]
    assert found.state == "note" and "db upgrade" in found.remedy
    execute(settings, "UPDATE ops.alembic_version SET version_num = '9000'")
    found = findings(settings)["schema"]
    assert found.state == "broken" and found.remedy == "Install the version that migrated it."


def test_an_empty_database_is_left_empty(empty_database_url: str) -> None:
    settings = load_settings().with_database(empty_database_url)
    assert findings(settings)["schema"].state == "note"
    with connect(empty_database_url) as connection:
        assert connection.execute("SELECT to_regnamespace('ops')").fetchone() == (None,)


def test_an_unreachable_database_is_broken() -> None:
    url = f"postgresql://user:hidden-secret@127.0.0.1:{free_port()}/gone"
    found = findings(load_settings(database_url=url))["database"]
    assert found.state == "broken" and "cannot be reached" in found.sentence and found.remedy.startswith("Start it")
    assert "hidden-secret" not in repr(found)


def test_failures_of_layers_index_and_boxes(settings: Settings) -> None:
    execute(
        settings,
        "INSERT INTO ops.shared_layers (layer, revision, version, error) VALUES ('matches', 0, 'v', 'It is broken.')",
    )
    execute(
        settings,
        "INSERT INTO search.indexes (backend, place, version, token, revision, documents, error)\n"
        "VALUES ('tantivy', %s, 'v', '', 0, 0, 'The disk is full.')",
        [backend_place(settings)],
    )
    execute(
        settings,
        "INSERT INTO ops.stashbox_endpoints (name, url, dialect, last_error)\n"
        "VALUES ('box', 'https://box.test/graphql', 'stash-box', 'It says no.')",
    )
    found = findings(settings)
    for what, remedy in (
        ("layer matches", "rebuild matches"),
        ("search index (tantivy)", "rebuild search"),
        ("stash-box box", "boxes test box"),
    ):
        assert found[what].state == "broken" and remedy in found[what].remedy, found[what]


def test_a_layer_of_another_version_is_told_from_one_that_was_never_built(settings: Settings) -> None:
    assert findings(settings)["layer matches"].sentence == "It was never built."
    execute(settings, "INSERT INTO ops.shared_layers (layer, revision, version) VALUES ('matches', 0, 'old')")
    assert findings(settings)["layer matches"].sentence == "Its tables were made by another version."


def test_an_index_that_another_home_keeps_is_not_missing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    assert findings(settings)["search index (tantivy)"].sentence == "It was never built."
    monkeypatch.setenv("STASH_PIPELINE_SEARCH_INDEX", "false")
    here = load_settings().with_database(settings.database() or "")
    finding = findings(here)["search index (tantivy)"]
    assert finding.state == "ok" and "STASH_PIPELINE_SEARCH_INDEX" in finding.sentence


def test_the_daemon(settings: Settings) -> None:
    assert "never ran" in findings(settings)["daemon"].sentence
    execute(settings, "CREATE SCHEMA IF NOT EXISTS dagster")
    execute(settings, "CREATE TABLE dagster.daemon_heartbeats (timestamp timestamp)")
    execute(settings, "INSERT INTO dagster.daemon_heartbeats VALUES (now() AT TIME ZONE 'UTC' - interval '20 minutes')")
    assert "20 minutes ago" in findings(settings)["daemon"].sentence
    execute(settings, "UPDATE dagster.daemon_heartbeats SET timestamp = now() AT TIME ZONE 'UTC'")
    assert findings(settings)["daemon"].state == "ok"


def test_a_clock_that_differs_is_noted() -> None:
    assert clock("clock", 3).state == "ok"
    assert clock("clock", -90).remedy == "Synchronize both clocks by NTP."


def test_a_full_disk_is_broken(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert disk_of(home / "not" / "there", "disk").what == "disk"
    for free, state in ((10 << 30, "ok"), (1 << 30, "note"), (100 << 20, "broken")):
        monkeypatch.setattr(machine.shutil, "disk_usage", lambda path, free=free: _Usage(free))
        assert disk_of(home, "disk").state == state


class _Usage:
    total = 100 << 30

    def __init__(self, free: int) -> None:
        self.free = free


def test_the_exit_code_is_1_only_if_something_is_broken(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    def run() -> tuple[int, dict[str, Any]]:
        with settings_in_use(settings):
            code = doctor(True)
        return code, json.loads(capsys.readouterr().out)

    code, found = run()
    assert code == 0 and found["broken"] == 0
    assert all(bool(one["remedy"]) == (one["state"] != "ok") for one in found["findings"])
    registered(settings, f"http://127.0.0.1:{free_port()}", None)
    code, found = run()
    assert code == 1 and found["broken"] == 1
    with settings_in_use(settings):
        doctor(False)
    assert "→ Start the server" in capsys.readouterr().out


def test_a_server_whose_clock_is_wrong_is_noted(settings: Settings, stash: SimulatedStash, server: str) -> None:
    stash.clock = lambda: datetime.now(timezone.utc) - timedelta(hours=1)
    registered(settings, server)
    found = findings(settings)["clock of attic"]
    assert found.state == "note" and "differs by 3" in found.sentence
