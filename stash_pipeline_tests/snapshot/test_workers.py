"""A snapshot is read by threads or processes; their failures are reported."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from stash_pipeline.stash.snapshot import ranges
from stash_pipeline.stash.snapshot import reader_pool as workers
from stash_pipeline.stash.snapshot.database import SnapshotError
from stash_pipeline.stash.snapshot.documents import SNAPSHOT_ENTITIES, Naming
from stash_pipeline.stash.snapshot.ranges import DIVIDE, RANGE_IDS, End, Job, Part, Range, Reader, packed
from stash_pipeline.stash.snapshot.reader_pool import PROCESSES_FROM, reader_pool
from stash_pipeline_tests.snapshot.working import all_documents, change, library_file, plans

SMALL, LARGE = 1, PROCESSES_FROM


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return library_file(tmp_path_factory.mktemp("snapshot") / "library.sqlite", 300)


def job(path: Path) -> Job:
    return Job(path, 60.0, plans(), SNAPSHOT_ENTITIES, Naming())


def read(path: Path, size: int, known: dict[str, dict[int, bytes]] | None = None) -> list[Range | End]:
    with reader_pool(size) as these:
        return list(these.read(job(path), known or {}))


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_all_documents_are_returned_once_and_every_entity_ends(file: Path, size: int) -> None:
    found = read(file, size)
    assert sorted(one.entity for one in found if isinstance(one, End)) == sorted(SNAPSHOT_ENTITIES)
    rows: dict[str, list[Any]] = {entity: [] for entity in SNAPSHOT_ENTITIES}
    for one in found:
        if isinstance(one, Range):
            rows[one.entity] += one.rows
    expected = {
        entity: [(d.id, d.json, d.hash) for d in documents] for entity, documents in all_documents(file).items()
    }
    assert {entity: [row[:3] for row in told_of] for entity, told_of in rows.items()} == expected


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_only_documents_that_differ_from_local_ones_are_returned(file: Path, size: int) -> None:
    there = all_documents(file)
    tags, scenes = there["tags"], there["scenes"]
    pairs = [(scene.id, scene.hash) for scene in scenes]
    new, other = pairs.pop(0), pairs.pop(100)
    gone = scenes[-1].id + 1
    known = {
        "tags": {0: packed((tag.id, tag.hash) for tag in tags)},
        "scenes": {0: packed([*pairs, (other[0], b"x" * 16), (gone, b"y" * 16)]), 7: packed([(14_001, b"z" * 16)])},
    }
    found = {(one.entity, one.number): one for one in read(file, size, known) if isinstance(one, Range)}
    assert (found["tags", 0].unchanged, found["tags", 0].rows, found["tags", 0].gone) == (len(tags), [], [])
    assert found["scenes", 0].unchanged == len(pairs) and found["scenes", 0].gone == [gone]
    assert [row[0] for row in found["scenes", 0].rows] == [new[0], other[0]]
    assert (found["scenes", 7].rows, found["scenes", 7].gone) == ([], [14_001])
    # a kind of which nothing is here comes whole
    assert len(found["performers", 0].rows) == len(there["performers"])


def test_unchanged_unreadable_objects_are_counted(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "library.sqlite"
    path.write_bytes(file.read_bytes())
    change(path, "UPDATE scenes SET rating = 'many' WHERE id = (SELECT min(id) FROM scenes)")
    scenes = all_documents(path)["scenes"]
    known = {"scenes": {0: packed((scene.id, scene.hash) for scene in scenes)}}
    (told,) = [one for one in read(path, SMALL, known) if isinstance(one, Range) and one.entity == "scenes"]
    assert (told.unchanged, told.unreadable, told.rows) == (len(scenes), 1, [])


def test_a_large_range_is_returned_in_pieces(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scenes = all_documents(file)["scenes"]
    monkeypatch.setattr(ranges, "_MOST_BYTES", sum(len(scene.json) for scene in scenes) // 4)
    gone = scenes[-1].id + 1
    known = {"scenes": {0: packed([(gone, b"x" * 16)])}}
    told = [one for one in read(file, SMALL, known) if isinstance(one, Range) and one.entity == "scenes"]
    assert len(told) == 4 and [row[0] for one in told for row in one.rows] == [scene.id for scene in scenes]
    assert [identifier for one in told for identifier in one.gone] == [gone]


@pytest.mark.parametrize("last", [0, 1999, 2000, 123_456])
def test_every_local_range_belongs_to_one_part(file: Path, tmp_path: Path, last: int) -> None:
    path = tmp_path / "library.sqlite"
    path.write_bytes(file.read_bytes())
    change(path, "DELETE FROM tags WHERE id > 1", f"UPDATE tags SET id = {last}")
    # also those beyond what the snapshot holds, and none that it could
    known = dict.fromkeys((-1, 0, 1, 4, 5, 61, 62, 10**6, 2**62 // RANGE_IDS), b"")
    numbers, rest = sorted(known), dict(known)
    parts = [part.with_local_hashes(rest) for part in parts_of(path) if part.entity == "tags"]
    assert sorted(number for part in parts for number in part.local_hashes) == numbers and not rest


def parts_of(path: Path) -> list[Part]:
    reader = Reader(job(path))
    try:
        (parts,) = reader.execute(DIVIDE)
        return list(parts)
    finally:
        reader.close()


@pytest.mark.parametrize("last", [1, 1999, 2000, 9_999, 10_000, 10_001, 123_456, 10**9, 2**62, 2**63 - 1])
def test_parts_cover_every_id_once_in_whole_ranges(file: Path, tmp_path: Path, last: int) -> None:
    path = tmp_path / "library.sqlite"
    path.write_bytes(file.read_bytes())
    change(path, "DELETE FROM tags WHERE id > 1", f"UPDATE tags SET id = {last}")
    parts = [part for part in parts_of(path) if part.entity == "tags"]
    assert [part.span.after for part in parts] == [-1, *(part.span.until for part in parts[:-1])]
    assert parts[-1].span.until == 2**63 - 1 and len(parts) <= 65
    assert all((part.span.until + 1) % RANGE_IDS == 0 for part in parts[:-1])


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_sparse_ids_are_all_returned(file: Path, tmp_path: Path, size: int) -> None:
    path = tmp_path / "library.sqlite"
    path.write_bytes(file.read_bytes())
    # spreads the scenes, and what belongs to them, over many parts
    tables = ("scenes_files", "scenes_tags", "performers_scenes", "scenes_galleries", "groups_scenes", "scene_urls",
              "scene_stash_ids", "scenes_view_dates", "scenes_o_dates", "scene_markers")  # fmt: skip
    change(
        path,
        "UPDATE scenes SET id = id * 777 WHERE id > 0",
        *(f"UPDATE {table} SET scene_id = scene_id * 777" for table in tables),
    )
    assert len([part for part in parts_of(path) if part.entity == "scenes"]) > 10
    found = [one for one in read(path, size) if isinstance(one, Range) and one.entity == "scenes"]
    rows = sorted(row[:3] for one in found for row in one.rows)
    assert rows == [(d.id, d.json, d.hash) for d in all_documents(path)["scenes"]]
    assert len(rows) == 300 and sum(b'"tags"' in row[1] for row in rows) > 100
    assert len({one.number for one in found}) == len(found)


def test_a_killed_reader_process_is_reported(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = workers._started

    def doomed() -> "subprocess.Popen[bytes]":
        process = started()
        os.kill(process.pid, signal.SIGKILL)
        return process

    monkeypatch.setattr(workers, "_started", doomed)
    with pytest.raises(SnapshotError, match="terminated unexpectedly"):
        read(file, LARGE)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_the_whole_file_is_checked_for_damage(file: Path, tmp_path: Path, size: int) -> None:
    path = tmp_path / "library.sqlite"
    path.write_bytes(file.read_bytes())
    with sqlite3.connect(path) as database:
        # no document is made of it
        (page,) = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'scene_urls_url'").fetchone()
        (width,) = database.execute("PRAGMA page_size").fetchone()
    database.close()
    with path.open("r+b") as there:
        there.seek((page - 1) * width)
        there.write(b"\xff" * width)
    with pytest.raises(SnapshotError, match="damaged"):
        read(path, size)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_a_copy_that_does_not_match_its_version_is_reported(tmp_path: Path, size: int) -> None:
    path = change(library_file(tmp_path / "one.sqlite"), "ALTER TABLE scenes DROP COLUMN code")
    with pytest.raises(SnapshotError, match="does not match its version"):
        read(path, size)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_an_abandoned_iteration_leaves_no_process(file: Path, size: int) -> None:
    before = threading.active_count()
    with reader_pool(size) as these:
        next(these.read(job(file)))
    with pytest.raises(RuntimeError), reader_pool(size) as these:
        next(these.read(job(file)))
        raise RuntimeError
    assert threading.active_count() == before
    assert [child for child in psutil.Process().children() if "snapshot.worker" in " ".join(child.cmdline())] == []


PARENT = """
import sys, time
from pathlib import Path
from stash_pipeline.stash.snapshot.reader_pool import PROCESSES_FROM, reader_pool
with reader_pool(PROCESSES_FROM) as these:
    print(*[process.pid for process in these._processes], flush=True)
    time.sleep(600)
"""


@pytest.mark.faults
def test_readers_end_when_their_run_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        assert len(children) == workers.PROCESSES and all(child.is_running() for child in children)
        # nothing told them to read: they wait for orders, or have not even begun
        parent.kill()
    _, alive = psutil.wait_procs(children, timeout=60)
    assert not alive


@pytest.mark.faults
def test_a_reader_detects_the_end_of_its_parent_by_the_pipe_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    # as where a system tells nobody of the death of a parent
    process = workers._started()
    os.close(process._alive)
    process._alive = -1
    assert process.wait(timeout=60) == 1
    process.close_pipes()


@pytest.mark.processes
@pytest.mark.parametrize(
    ("statements", "outcome"),
    [
        (["UPDATE folders SET path = '/' || hex(zeroblob(10000000)) WHERE id = 1"], "more than 8,000,000"),
        ([f"UPDATE scenes SET title = hex(zeroblob(31000000)) WHERE id = {n}" for n in (1, 2)], "more than 8,000,000"),
        ([f"UPDATE scenes SET title = hex(zeroblob(3500000)) WHERE id = {n}" for n in range(1, 20)], ""),
        (["UPDATE scenes SET title = hex(zeroblob(450000)), details = title, code = title, director = title"], ""),
        (["INSERT INTO scenes_view_dates SELECT 1, '2024-01-01T00:00:00Z' FROM many"], "more than 300,000 rows"),
        (
            [
                "UPDATE folders SET path = '/' || hex(zeroblob(450000)) WHERE id = 1",
                "INSERT INTO files (id, basename, parent_folder_id, size, mod_time, created_at, updated_at)\n"
                "SELECT 10000 + x, 'f' || x, 1, 1, '2024-01-01T00:00:00Z', '2024-01-01T00:00:00Z',\n"
                "    '2024-01-01T00:00:00Z' FROM many WHERE x < 1000",
            ],
            "far larger than the snapshot itself",
        ),
    ],
)
def test_a_crafted_copy_stays_within_the_memory_limit(
    file: Path, tmp_path: Path, statements: list[str], outcome: str
) -> None:
    if not hasattr(sqlite3.Connection, "setlimit") and "8,000,000" in outcome:
        pytest.skip("Python 3.11 limits the length of values")
    path = tmp_path / "library.sqlite"
    path.write_bytes(file.read_bytes())
    numbers = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n LIMIT 400000)"
    many = f"CREATE TABLE many AS {numbers} SELECT x FROM n"
    change(path, many, *statements)
    largest, ended = 0, threading.Event()

    def watch() -> None:
        nonlocal largest
        while not ended.wait(0.01):
            for child in psutil.Process().children():
                with suppress(psutil.Error):
                    # until it executes its own program, a child has the memory and the arguments of this process
                    if "stash_pipeline.stash.snapshot.worker_main" in child.cmdline():
                        largest = max(largest, child.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        with reader_pool(LARGE) as these:
            for _ in these.read(job(path)):
                pass
        assert not outcome
    except SnapshotError as error:
        assert outcome and outcome in str(error)
    finally:
        ended.set()
        watcher.join()
    assert 0 < largest < 350_000_000
