"""URLs and paths depend on the server's settings and operating system; both lanes read the same."""

from pathlib import Path

import pytest

from stash_pipeline.instances import LaneName
from stash_pipeline.simulator.generate import move_to_windows
from stash_pipeline.stash.client import StashClient
from stash_pipeline.sync.compare_lanes import compare_lanes
from stash_pipeline.sync.graphql_reading import Mode
from stash_pipeline_tests.mirror.histories import furnished, what_changed
from stash_pipeline_tests.mirror.working import URL, Mirror, SimulatorTransport

RELEASES = ("v0.20.2", pytest.param("v0.28.1", marks=pytest.mark.soak), "v0.30.1")
HOSTS = (
    "https://media.example.org", "https://media.example.org/", "https://media.example.org/apps/stash",
    "https://media.example.org/scene/1/", "media.example.org",
)  # fmt: skip
READINGS: tuple[tuple[LaneName, Mode], ...] = (("graphql", "reconcile"), ("snapshot", "sweep"), ("graphql", "sweep"))


def lanes_agree(server: Mirror) -> None:
    client = StashClient(URL, transport=SimulatorTransport(server.stash, server.hook))
    found = compare_lanes(server.settings, server.instance, client)
    assert not found.lines
    assert found.documents["scenes"] and found.documents["folders"]


def paths(server: Mirror, table: str) -> set[str]:
    rows = server.scalar(f"SELECT array_agg(path) FROM stash.{table} WHERE instance_id = %s", [server.instance.id])
    return set(rows)


def test_external_host_changes_nothing_in_any_lane(home: Path, warehouse: str) -> None:
    server, _ = furnished(warehouse, home, "v0.30.1", scenes=10)
    server.refresh()
    for host in HOSTS:
        server.stash.external_host = host
        lanes_agree(server)
        # what the other lane reads is the same; that neither it nor a listing writes is seen once
        readings = READINGS if host == HOSTS[0] else READINGS[-1:]
        for lane, mode in readings:
            read, _ = server.refresh(lane=lane, mode=mode)
            assert not what_changed(read), (host, lane, mode)
    shown = "SELECT screenshot_path FROM stash.scenes WHERE instance_id = %s AND id = 1"
    assert server.scalar(shown, [server.instance.id]) == "/scene/1/screenshot"


def test_a_proxy_prefix_changes_nothing(home: Path, warehouse: str) -> None:
    server, _ = furnished(warehouse, home, "v0.30.1", scenes=5)
    server.refresh()
    usual = server.stash.context
    server.stash.context = lambda base_url="", prefix="": usual(base_url, "/behind/a/proxy")  # type: ignore[method-assign]
    assert not what_changed(server.read(lane="graphql"))
    assert not what_changed(server.read(lane="snapshot"))


@pytest.mark.parametrize("release", RELEASES)
def test_both_lanes_read_a_windows_server_alike(home: Path, warehouse: str, release: str) -> None:
    server, _ = furnished(warehouse, home, release, scenes=15)
    server.stash.windows = True
    move_to_windows(server.stash.library)
    first, second, third, fourth, fifth = (
        folder for (folder,) in server.stash.library.tuples("SELECT DISTINCT parent_folder_id FROM files LIMIT 5")
    )
    for folder, path in (
        (first, "E:\\"), (second, "Y:Completed"), (third, "\\\\nas\\share"), (fourth, "/data/movies"), (fifth, "Z:"),
    ):  # fmt: skip
        server.stash.library.update("folders", folder, {"path": path})
    lanes_agree(server)
    server.refresh(lane="snapshot")
    assert not server.differences()
    assert not what_changed(server.read(lane="graphql"))
    assert {"E:\\", "Y:Completed", "\\\\nas\\share"} <= paths(server, "folders")
    found = paths(server, "files")
    assert not any("/" in path for path in found)
    assert any(path.startswith("Y:Completed\\") for path in found)
    assert any(path.startswith("\\data\\movies\\") for path in found)
    assert any(path.startswith("Z:") and "\\" not in path for path in found)


@pytest.mark.parametrize("release", RELEASES)
def test_windows_folders_on_a_server_that_moved_to_linux_are_read(home: Path, warehouse: str, release: str) -> None:
    server, _ = furnished(warehouse, home, release, scenes=15)
    move_to_windows(server.stash.library)
    first, second = (
        folder for (folder,) in server.stash.library.tuples("SELECT DISTINCT parent_folder_id FROM files LIMIT 2")
    )
    server.stash.library.update("folders", first, {"path": "E:\\"})
    server.stash.library.update("folders", second, {"path": "/data//x/./y"})
    lanes_agree(server)
    server.refresh(lane="graphql")
    assert not server.differences()
    assert not what_changed(server.read(lane="snapshot"))
    assert "E:\\" in paths(server, "folders")
    found = paths(server, "files")
    assert any(path.startswith("E:\\/") for path in found) and any(path.startswith("/data/x/y/") for path in found)


def test_a_relative_database_path_makes_us_ask_for_the_system(home: Path, warehouse: str) -> None:
    server, _ = furnished(warehouse, home, "v0.30.1", scenes=5)
    server.stash.windows = True
    server.stash.database_path = "stash-go.sqlite"
    move_to_windows(server.stash.library)
    lanes_agree(server)
    server.refresh(lane="snapshot")
    assert not any("/" in path for path in paths(server, "files"))
