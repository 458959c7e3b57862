"""Processes that are killed while they write or read the index, and disks that fill up."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import indent

import pytest

from stash_pipeline.search.backend import IndexState, SearchIndexError
from stash_pipeline.search.request import AllOf, SearchRequest
from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline_tests.robustness.test_the_database import small_disk
from stash_pipeline_tests.search import library
from stash_pipeline_tests.search.suite import fill, scene

pytestmark = pytest.mark.faults

DOCUMENTS = 800
_WRITER = f"""
import sys
from pathlib import Path
from stash_pipeline.search.backend import IndexState
from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline_tests.search.suite import id_of, scene

backend = TantivyBackend(Path(sys.argv[1]))
revision = (state.revision if (state := backend.state()) else 0) + 1
print("begins", flush=True)
while True:
    rebuild = revision % 3 == 0 or backend.state() is None
    with backend.writer(rebuild=rebuild) as writer:
        writer.delete([id_of(1_000_000 + revision - 1)])
        writer.put(scene(number, f"Harbour revision{{revision}}") for number in range(1, {DOCUMENTS} + 1))
        writer.put([scene(1_000_000 + revision, f"Harbour revision{{revision}}")])
        writer.commit(IndexState(revision, f"token {{revision}}", backend.version))
    print(revision, flush=True)
    revision += 1
"""
_READER = """
import sys
from pathlib import Path
from stash_pipeline.search.request import AllOf, SearchRequest
from stash_pipeline.search.tantivy import TantivyBackend

reader = TantivyBackend(Path(sys.argv[1])).reader()
last = 0
print("begins", flush=True)
while True:
    results = reader.search(SearchRequest(AllOf(()), limit=1_000))
    titles = {hit.document.title for hit in results.hits}
    assert titles == {f"Harbour revision{results.revision}"}, (results.revision, titles)
    assert results.revision >= last
    state = TantivyBackend(Path(sys.argv[1])).state()
    assert state is not None and state.revision >= results.revision
    assert len(results.hits) == int(sys.argv[2])
    last = results.revision
    print(last, flush=True)
"""


def started(program: str, *arguments: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "begins\n"
    return process


def killed(process: "subprocess.Popen[str]") -> tuple[list[int], str]:
    """Kills a process; the revisions that it printed, and its errors."""
    process.kill()
    out, err = process.communicate(timeout=60)
    return [int(line) for line in out.splitlines() if line.isdecimal()], err


def assert_whole(root: Path, at_least: int) -> int:
    """The index is one whole state, not older than what was committed; returns its revision."""
    backend = TantivyBackend(root)
    state = backend.state()
    if state is None:
        assert at_least == 0
        return 0
    assert state.revision in (at_least, at_least + 1)
    assert (state.token, state.documents) == (f"token {state.revision}", DOCUMENTS + 1)
    reader = backend.reader()
    results = reader.search(SearchRequest(AllOf(()), limit=1_000))
    assert results.total == DOCUMENTS + 1
    assert {hit.document.title for hit in results.hits} == {f"Harbour revision{state.revision}"}
    assert 1_000_000 + state.revision in {hit.id.int for hit in results.hits}
    reader.close()
    return state.revision


def test_a_killed_writer_leaves_the_old_or_the_new_state(tmp_path: Path) -> None:
    draw = random.Random(7)
    revision = 0
    for _ in range(12):
        process = started(_WRITER, str(tmp_path / "search"))
        time.sleep(draw.uniform(0, 1.5))
        done, _ = killed(process)
        # what was printed is the least; it may have committed the next one without a word
        revision = assert_whole(tmp_path / "search", max(done, default=revision))
    assert revision > 3
    fill(TantivyBackend(tmp_path / "search"), [scene(1)], revision + 1, rebuild=False)
    assert len(list((tmp_path / "search").glob("index-*"))) == 1


def test_readers_of_other_processes_see_whole_states_while_a_writer_works(tmp_path: Path) -> None:
    root = tmp_path / "search"
    writer = started(_WRITER, str(root))
    assert writer.stdout is not None
    assert writer.stdout.readline() == "1\n"
    readers = [started(_READER, str(root), str(DOCUMENTS + 1)) for _ in range(2)]
    # until every reader has seen the index before and after a rebuild
    for process in (writer, *readers):
        last = 0
        while process.poll() is None and last < 7:
            last = int(process.stdout.readline() or 0)  # type: ignore[union-attr]
    seen = [killed(reader) for reader in readers]
    _, errors = killed(writer)
    assert not errors
    for _, errors in seen:
        assert not errors, errors
    # generations that a killed reader held are removed
    fill(TantivyBackend(root), [scene(1)], 1_000)
    assert len(list(root.glob("index-*"))) == 1


@pytest.mark.parametrize("rebuild", [True, False])
def test_a_full_disk_is_said_and_the_old_index_kept(rebuild: bool) -> None:
    with small_disk(6) as home:
        backend = TantivyBackend(home / "search")
        fill(backend, library.documents(300))
        before = backend.state()
        with (
            pytest.raises(SearchIndexError, match="what it held before is kept"),
            backend.writer(rebuild=rebuild) as writer,
        ):
            writer.put(library.documents(12_000, seed=3))
            writer.commit(IndexState(2, "b", backend.version))
        assert TantivyBackend(home / "search").state() == before
        assert backend.reader().search(SearchRequest(AllOf(()))).total == 300
        with backend.writer(rebuild=rebuild) as writer:
            writer.put([scene(1)])
            writer.commit(IndexState(3, "c", backend.version))
        state = backend.state()
        assert state is not None
        assert state.revision == 3


_INTERRUPTED = f"""
from stash_pipeline.interrupts import accept_interrupt, repeat_dropped_interrupts
repeat_dropped_interrupts()
try:
{indent(_WRITER, "    ")}
except KeyboardInterrupt:
    accept_interrupt()
    print("ended", flush=True)
"""


@pytest.mark.parametrize("seed", range(3))
def test_a_writer_that_is_interrupted_at_any_instant_leaves_an_index_to_read_and_to_continue(
    tmp_path: Path, seed: int
) -> None:
    draw = random.Random(seed)
    last = 0
    for _ in range(12):
        writer = started(_INTERRUPTED, str(tmp_path / "search"))
        time.sleep(draw.uniform(0, 0.6))
        writer.send_signal(signal.SIGINT)
        out, err = writer.communicate(timeout=60)
        assert (writer.returncode, err, out.splitlines()[-1]) == (0, "", "ended")
        printed = [int(line) for line in out.splitlines() if line.isdecimal()]
        backend = TantivyBackend(tmp_path / "search")
        state = backend.state()
        assert (state.revision if state else 0) in {max(printed, default=last), max(printed, default=last) + 1}
        if state is None:
            continue
        last = state.revision
        reader = backend.reader()
        titles = [hit.document.title for hit in reader.search(SearchRequest(AllOf(()), limit=1_000)).hits]
        reader.close()
        assert titles == [f"Harbour revision{last}"] * (DOCUMENTS + 1)
