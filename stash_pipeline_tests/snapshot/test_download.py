"""A snapshot of the database is downloaded completely or not at all, over any connection."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from stash_pipeline.simulator.faults import Faults
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.simulator.snapshots import Backups
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.errors import StashError
from stash_pipeline.stash.retries import RetryPolicy
from stash_pipeline.stash.snapshot import download
from stash_pipeline.stash.snapshot.database import Snapshot, SnapshotError
from stash_pipeline.stash.snapshot.download import SnapshotTooLargeError, downloaded_snapshot
from stash_pipeline.stash.snapshot.orphans import remove_orphaned_snapshots

KEY = "eyJhbGciOi.not-a-real-key"


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RetryPolicy, "pause", lambda *_: 0.001)


@contextmanager
def serving(backups: Backups | None = None, api_key: str | None = None) -> Iterator[tuple[SimulatedStash, StashClient]]:
    library = Library.create()
    generate_library(library, scenes=40, seed=2)
    stash = SimulatedStash(library, backups=backups, api_key=api_key)
    with stash.running() as server, StashClient(server.url, api_key, retries=RetryPolicy(first_attempts=1)) as client:
        yield stash, client


def scenes(path: Path) -> int:
    with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as database:
        (count,) = database.execute("SELECT count(*) FROM scenes").fetchone()
    return int(count)


def test_a_copy_is_downloaded_and_removed_afterwards(tmp_path: Path) -> None:
    path = tmp_path / "private" / "one.sqlite"
    with serving(api_key=KEY) as (_, client):
        with downloaded_snapshot(client, path) as found:
            assert scenes(path) == 40
            assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
            assert found.size == path.stat().st_size == client.bytes - _answers(client, found.size)
        assert not path.exists()
        with pytest.raises(RuntimeError), downloaded_snapshot(client, path):
            raise RuntimeError
        assert not path.exists()


def _answers(client: StashClient, size: int) -> int:
    """Responses to requests other than the file."""
    assert client.bytes - size < 1000
    return client.bytes - size


def test_an_interrupted_download_is_resumed(tmp_path: Path) -> None:
    path = tmp_path / "one.sqlite"
    with serving() as (stash, client):
        with downloaded_snapshot(client, path) as whole:
            size = whole.size
        before = client.bytes
        # the request for the snapshot is the first
        stash.faults = Faults.of("latency:next=1,seconds=0", "drop:every=2")
        with downloaded_snapshot(client, path) as found:
            assert found.size == size and scenes(path) == 40
        # what had come was not fetched again
        assert client.bytes - before < size + 1000


def failing_after_the_link(patch: pytest.MonkeyPatch, stash: SimulatedStash, fault: str) -> None:
    """The snapshot is created; then something fails."""
    original = download._create_snapshot

    def made(client: StashClient, patience: float) -> str:
        link = original(client, patience)
        stash.faults = Faults.of(fault)
        return link

    patch.setattr(download, "_create_snapshot", made)


def test_a_download_that_fails_repeatedly_is_abandoned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "one.sqlite"
    with serving() as (stash, client):
        failing_after_the_link(monkeypatch, stash, "5xx:1.0")
        with pytest.raises(StashError, match="503 instead of sending"), downloaded_snapshot(client, path):
            raise AssertionError
        assert client.requests == 1 + client.retry_policy.attempts
    assert not path.exists()


def test_a_silently_truncated_file_is_rejected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "one.sqlite"
    with serving() as (stash, client):
        failing_after_the_link(monkeypatch, stash, "truncated:next=1")
        with downloaded_snapshot(client, path), pytest.raises(SnapshotError, match="truncated"):
            Snapshot(path)


def test_a_copy_that_is_too_large_for_limit_or_disk_is_not_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "one.sqlite"
    with serving() as (_, client):
        with pytest.raises(SnapshotTooLargeError) as caught, downloaded_snapshot(client, path, largest=1000):
            raise AssertionError
        assert caught.value.size > 100_000 and client.bytes < 1000
        monkeypatch.setattr(download, "_ROOM_BESIDES", 1 << 60)
        with pytest.raises(SnapshotError, match="Free disk space"), downloaded_snapshot(client, path):
            raise AssertionError
    assert not path.exists()


def test_a_copy_that_takes_too_long_is_requested_once_and_abandoned(tmp_path: Path) -> None:
    with serving(Backups(seconds=2)) as (_, client):
        words = "did not create a snapshot of its database within 0 s"
        with (
            pytest.raises(SnapshotError, match=words),
            downloaded_snapshot(client, tmp_path / "one.sqlite", patience=0.2),
        ):
            raise AssertionError


def test_an_error_of_the_backup_mutation_is_reported(tmp_path: Path) -> None:
    words = "The server cannot create a snapshot of its database: .*denied"
    path = tmp_path / "one.sqlite"
    with serving(Backups(forbidden=True)) as (_, client), pytest.raises(SnapshotError, match=words):
        downloaded_snapshot(client, path).__enter__()
    with serving(Backups(life=0)) as (stash, client):
        stash.faults = Faults.of("latency:next=1,seconds=0", "drop:every=2")
        with pytest.raises(SnapshotError, match="deleted the snapshot"), downloaded_snapshot(client, path):
            raise AssertionError


# --- what killed runs leave -------------------------------------------------------------------------------


def test_a_base_path_can_look_like_a_link(tmp_path: Path) -> None:
    with serving() as (stash, client):
        usual = stash.context
        stash.context = lambda base_url="", prefix="": usual(f"{base_url}/downloads/stash", prefix)  # type: ignore[method-assign]
        path = tmp_path / "one.sqlite"
        with downloaded_snapshot(client, path):
            assert scenes(path) == 40


def test_only_orphaned_copies_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "snapshots"
    assert remove_orphaned_snapshots(folder) == 0
    folder.mkdir()
    with serving() as (_, client), downloaded_snapshot(client, folder / "owned.sqlite"):
        (folder / "half.sqlite").write_bytes(b"half of a snapshot")
        (folder / "notes.txt").write_text("somebody's")
        (folder / "link.sqlite").symlink_to(folder / "notes.txt")
        assert remove_orphaned_snapshots(folder) == 1
        assert scenes(folder / "owned.sqlite") == 40
        assert sorted(path.name for path in folder.iterdir()) == ["link.sqlite", "notes.txt", "owned.sqlite"]
    assert remove_orphaned_snapshots(folder) == 0
    assert not (folder / "owned.sqlite").exists()


@pytest.mark.faults
def test_the_copy_of_a_killed_process_is_orphaned(tmp_path: Path) -> None:
    path = tmp_path / "snapshots" / "one.sqlite"
    program = (
        "import sys, time\nfrom pathlib import Path\nfrom stash_pipeline.stash.client import StashClient\n"
        "from stash_pipeline.stash.snapshot.download import downloaded_snapshot\n"
        "with StashClient(sys.argv[1]) as client, downloaded_snapshot(client, Path(sys.argv[2])):\n"
        "    print('here', flush=True)\n    time.sleep(600)\n"
    )
    with serving() as (stash, client):
        process = subprocess.Popen(
            [sys.executable, "-c", program, client.url, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None and process.stdout.readline() == "here\n"
        assert remove_orphaned_snapshots(path.parent) == 0
        process.kill()
        process.wait()
        process.stdout.close()
        assert path.exists()
        assert remove_orphaned_snapshots(path.parent) == 1


def test_a_file_that_is_removed_before_it_is_locked_is_recreated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process removes it as an orphan at that moment."""
    path = tmp_path / "snapshots" / "one.sqlite"
    looked: list[int] = []
    judge = download.is_at

    def meanwhile(there: Path, handle: int) -> bool:
        if not looked:
            there.unlink()
        looked.append(handle)
        return judge(there, handle)

    monkeypatch.setattr(download, "is_at", meanwhile)
    with serving() as (_, client), downloaded_snapshot(client, path):
        assert scenes(path) == 40
    assert len(looked) == 2
