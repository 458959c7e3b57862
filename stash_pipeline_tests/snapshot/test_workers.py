"""A copy is read by threads or processes; whatever becomes of them, who asked is told."""

import os
import signal
import sqlite3
import subprocess
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from stash_pipeline.stash.snapshot import workers
from stash_pipeline.stash.snapshot.database import UnusableSnapshot
from stash_pipeline.stash.snapshot.documents import KINDS, Naming
from stash_pipeline.stash.snapshot.ranges import DIVIDE, RANGE_IDS, End, Job, Part, Range, Reader, digest
from stash_pipeline.stash.snapshot.workers import PROCESSES_FROM, readers
from stash_pipeline_tests.snapshot.working import all_documents, change, library_file, plans

SMALL, LARGE = 1, PROCESSES_FROM


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return library_file(tmp_path_factory.mktemp("snapshot") / "library.sqlite", 300)


def job(path: Path, **more: Any) -> Job:
    return Job(path, 60.0, plans(), KINDS, Naming(), **more)


def read(path: Path, size: int, **more: Any) -> list[Range | End]:
    with readers(size) as these:
        return list(these.read(job(path, **more)))


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_all_documents_are_told_once_and_every_kind_ends(file: Path, size: int) -> None:
    found = read(file, size)
    assert sorted(one.kind for one in found if isinstance(one, End)) == sorted(KINDS)
    rows: dict[str, list[Any]] = {kind: [] for kind in KINDS}
    for one in found:
        if isinstance(one, Range):
            rows[one.kind] += one.rows or []
    expected = {kind: [(d.id, d.json, d.hash) for d in documents] for kind, documents in all_documents(file).items()}
    assert {kind: [row[:3] for row in told_of] for kind, told_of in rows.items()} == expected


def test_a_range_that_is_known_is_told_of_without_its_documents(file: Path) -> None:
    tags = all_documents(file)["tags"]
    known = {"tags": {0: digest([(d.id, d.hash) for d in tags])}, "scenes": {0: "another"}}
    found = {(one.kind, one.number): one for one in read(file, SMALL, known=known) if isinstance(one, Range)}
    assert found["tags", 0].rows is None and found["tags", 0].count == len(tags)
    assert found["scenes", 0].rows


def parts_of(path: Path) -> list[Part]:
    reader = Reader(job(path))
    try:
        (parts,) = reader.answers(DIVIDE)
        return list(parts)
    finally:
        reader.close()


@pytest.mark.parametrize("last", [1, 1999, 2000, 9_999, 10_000, 10_001, 123_456, 10**9, 2**62, 2**63 - 1])
def test_parts_hold_every_id_once_and_whole_ranges(file: Path, tmp_path: Path, last: int) -> None:
    path = tmp_path / "library.sqlite"
    path.write_bytes(file.read_bytes())
    change(path, "DELETE FROM tags WHERE id > 1", f"UPDATE tags SET id = {last}")
    parts = [part for part in parts_of(path) if part.kind == "tags"]
    assert [part.stretch.after for part in parts] == [-1, *(part.stretch.until for part in parts[:-1])]
    assert parts[-1].stretch.until == 2**63 - 1 and len(parts) <= 65
    assert all((part.stretch.until + 1) % RANGE_IDS == 0 for part in parts[:-1])


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_ids_that_lie_far_apart_are_all_told(file: Path, tmp_path: Path, size: int) -> None:
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
    assert len([part for part in parts_of(path) if part.kind == "scenes"]) > 10
    found = [one for one in read(path, size) if isinstance(one, Range) and one.kind == "scenes"]
    rows = sorted(row[:3] for one in found for row in one.rows or [])
    assert rows == [(d.id, d.json, d.hash) for d in all_documents(path)["scenes"]]
    assert len(rows) == 300 and sum(b'"tags"' in row[1] for row in rows) > 100
    assert len({one.number for one in found}) == len(found)


def test_a_process_that_is_killed_is_told_of(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = workers._started

    def doomed() -> "subprocess.Popen[bytes]":
        process = started()
        os.kill(process.pid, signal.SIGKILL)
        return process

    monkeypatch.setattr(workers, "_started", doomed)
    with pytest.raises(UnusableSnapshot, match="ended before it had read it"):
        read(file, LARGE)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_the_whole_file_is_looked_at(file: Path, tmp_path: Path, size: int) -> None:
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
    with pytest.raises(UnusableSnapshot, match="damaged"):
        read(path, size)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_damage_is_told_of_by_a_sentence(tmp_path: Path, size: int) -> None:
    path = change(library_file(tmp_path / "one.sqlite"), "ALTER TABLE scenes DROP COLUMN code")
    with pytest.raises(UnusableSnapshot, match="not what its version says"):
        read(path, size)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_who_does_not_listen_to_the_end_leaves_nobody_behind(file: Path, size: int) -> None:
    before = threading.active_count()
    with readers(size) as these:
        next(these.read(job(file)))
    with pytest.raises(RuntimeError), readers(size) as these:
        next(these.read(job(file)))
        raise RuntimeError
    assert threading.active_count() == before
    assert [child for child in psutil.Process().children() if "snapshot.worker" in " ".join(child.cmdline())] == []
