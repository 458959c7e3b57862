"""A copy is read by threads or processes; whatever becomes of them, who asked is told."""

import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.stash.snapshot import workers
from stash_pipeline.stash.snapshot.database import UnusableSnapshot
from stash_pipeline.stash.snapshot.documents import KINDS, Naming
from stash_pipeline.stash.snapshot.ranges import End, Job, Range
from stash_pipeline.stash.snapshot.workers import PROCESSES_FROM, shared_out, told
from stash_pipeline_tests.snapshot.working import all_documents, change, library_file, plans

SMALL, LARGE = 1, PROCESSES_FROM


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return library_file(tmp_path_factory.mktemp("snapshot") / "library.sqlite", 300)


def job(path: Path, **more: Any) -> Job:
    return Job(path, 60.0, plans(), KINDS, Naming(), **more)


def read(path: Path, size: int, **more: Any) -> list[Range | End]:
    with told(job(path, **more), {"scenes": 300, "files": 500}, size) as found:
        return list(found)


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
    from stash_pipeline.stash.snapshot.ranges import digest

    tags = all_documents(file)["tags"]
    known = {"tags": {0: digest([(d.id, d.hash) for d in tags])}, "scenes": {0: "another"}}
    found = {(one.kind, one.number): one for one in read(file, SMALL, known=known) if isinstance(one, Range)}
    assert found["tags", 0].rows is None and found["tags", 0].count == len(tags)
    assert found["scenes", 0].rows


def test_the_work_is_shared_out_and_nothing_is_left_out() -> None:
    counts = {"scenes": 100_000, "files": 130_000, "images": 60_000, "tags": 3_000}
    shares = shared_out(KINDS, counts, 2)
    assert sorted(kind for share in shares for kind in share) == sorted(KINDS)
    assert not any({"scenes", "files"} <= set(share) for share in shares)
    assert shared_out(("tags",), counts, 2) == [("tags",)]


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
def test_damage_is_told_of_by_a_sentence(tmp_path: Path, size: int) -> None:
    path = change(library_file(tmp_path / "one.sqlite"), "ALTER TABLE scenes DROP COLUMN code")
    with pytest.raises(UnusableSnapshot, match="not what its version says"):
        read(path, size)


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_who_does_not_listen_to_the_end_leaves_nobody_behind(file: Path, size: int) -> None:
    with told(job(file), {}, size) as found:
        next(found)
    with pytest.raises(RuntimeError), told(job(file), {}, size) as found:
        next(found)
        raise RuntimeError
