"""The index holds the documents of the database, whatever happened to either."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.instances import Instance
from stash_pipeline.search.backend import IndexState, SearchBackend, SearchIndexError, SearchIndexLockedError
from stash_pipeline.search.documents import Document
from stash_pipeline.search.index import (
    DocumentsNotReadyError,
    FollowedIndex,
    _alone,
    document_of,
    follow_index,
    index_status,
    record_failure,
    record_followed,
)
from stash_pipeline.search.samples import count_by_entity, find_themselves, sample_queries
from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.search.tables import DOCUMENTS
from stash_pipeline_tests.catalog.working import Servers, same_servers
from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.mirror.working import looking_at, stop_looking
from stash_pipeline_tests.search.working import follow_search


@pytest.fixture
def servers(postgres: str, _with_documents: list[Instance], home: Path) -> Iterator[Servers]:
    """Servers with documents, in a database of the test's own."""
    url = create_database(postgres, "with_index", "with_documents")
    yield same_servers(url, home, _with_documents)
    stop_looking()
    drop_database(postgres, "with_index")


@pytest.fixture
def backend(home: Path) -> TantivyBackend:
    return TantivyBackend(home / "search")


def follow(servers: Servers, backend: SearchBackend, **options: Any) -> FollowedIndex:
    with connect(servers.database_url) as connection:
        return follow_index(connection, backend, **options)


def held(servers: Servers, backend: SearchBackend) -> dict[Any, Document]:
    """Everything that the index has, by the ids that the database ever had."""
    ids = [row[0] for row in servers.rows("SELECT id FROM search.documents UNION SELECT id FROM search.vanished")]
    reader = backend.reader()
    try:
        return reader.documents(ids)
    finally:
        reader.close()


def expected(servers: Servers) -> dict[Any, Document]:
    names = ", ".join(column.name for column in DOCUMENTS.columns)
    rows = looking_at(servers.database_url).execute(f"SELECT {names} FROM search.documents").fetchall()
    return {row[0]: document_of(row) for row in rows}


def rename(servers: Servers, entity: str, name: str, number: int = 0) -> None:
    """Gives an object that one server has another name, and lets the documents follow."""
    one = servers.rows(
        "SELECT m.instance_id, m.id FROM catalog.members AS m\n"
        f"JOIN catalog.{entity} AS r ON r.id = m.canonical_id AND r.objects = 1 WHERE m.entity = %s ORDER BY 1, 2",
        [entity],
    )[number]
    column = "title" if entity in ("scenes", "scene_markers") else "name"
    servers.edit(entity, one, **{column: name})
    follow_search(servers)


def test_an_index_is_made_and_then_follows(servers: Servers, backend: TantivyBackend) -> None:
    first = follow(servers, backend)
    assert first.rebuilt and held(servers, backend) == expected(servers)
    assert not follow(servers, backend).changed
    rename(servers, "scenes", "Of another name")
    second = follow(servers, backend)
    assert second.rebuilt is None and 0 < second.put < 20 and held(servers, backend) == expected(servers)
    servers.remove(servers.servers[1])
    follow_search(servers)
    third = follow(servers, backend)
    assert third.rebuilt is None and third.removed and held(servers, backend) == expected(servers)
    assert third.state == backend.state() and third.state.documents == len(expected(servers))


def test_what_vanishes_and_returns_is_in_the_index(servers: Servers, backend: TantivyBackend) -> None:
    follow(servers, backend)
    server = servers.servers[0]
    (marker,) = server.stash.library.rows("SELECT * FROM scene_markers ORDER BY id LIMIT 1")
    before = follow(servers, backend).state.documents
    server.stash.library.execute("DELETE FROM scene_markers WHERE id = ?", [marker["id"]])
    server.refresh(mode="sweep")
    follow_search(servers)
    assert follow(servers, backend).state.documents == before - 1
    assert held(servers, backend) == expected(servers)


@pytest.mark.integration
@pytest.mark.parametrize("damage", ["missing", "damaged", "other version", "other history", "ahead", "too few"])
def test_an_index_that_cannot_follow_is_made_again(servers: Servers, backend: TantivyBackend, damage: str) -> None:
    follow(servers, backend)
    old = servers.rows("SELECT token, revision FROM search.states")
    rename(servers, "scenes", "Later")
    state = follow(servers, backend).state
    match damage:
        case "missing":
            shutil.rmtree(backend._directory.root)
        case "damaged":
            generation = backend._directory.current()
            assert generation
            for file in generation.glob("*.store"):
                file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        case "other version":
            with backend.writer() as writer:
                writer.commit(IndexState(state.revision, state.token, "0", state.documents))
            servers.execute("UPDATE search.states SET token = gen_random_uuid()")
        case "other history":
            # the same revision, reached in another way
            servers.execute("UPDATE search.states SET token = gen_random_uuid() WHERE token::text = %s", [state.token])
        case "ahead":
            # a backup of the database was restored
            servers.execute("DELETE FROM search.states WHERE token <> %s", [old[0][0]])
        case "too few":
            with backend.writer() as writer:
                writer.delete([next(iter(expected(servers)))])
                writer.commit(state)
    rename(servers, "scenes", "Latest", 1)
    again = follow(servers, backend)
    assert again.rebuilt and held(servers, backend) == expected(servers)
    assert not follow(servers, backend).changed


def test_documents_that_are_made_again_at_the_same_revision_reach_the_index(
    servers: Servers, backend: TantivyBackend
) -> None:
    follow(servers, backend)
    servers.execute("UPDATE search.documents SET title = 'Damaged' WHERE entity = 'tags'")
    follow_search(servers, rebuild=True)
    assert follow(servers, backend).rebuilt and held(servers, backend) == expected(servers)


def test_an_index_of_a_state_that_is_not_kept_is_made_again(
    servers: Servers, backend: TantivyBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stash_pipeline.warehouse.search import writing

    follow(servers, backend)
    monkeypatch.setattr(writing, "STATES_KEPT", 3)
    monkeypatch.setattr(writing, "_FORGET_STATES", writing._FORGET_STATES.replace("- 500", "- 3"))
    for number in range(5):
        rename(servers, "scenes", f"Number {number}", number)
    assert len(servers.rows("SELECT FROM search.states")) == 3
    oldest = servers.rows("SELECT min(revision) FROM search.states")[0][0]
    assert not servers.rows("SELECT FROM search.vanished WHERE revision <= %s", [oldest])
    assert follow(servers, backend).rebuilt and held(servers, backend) == expected(servers)


def test_a_writer_that_is_busy_delays_the_index_only(servers: Servers, backend: TantivyBackend) -> None:
    follow(servers, backend)
    rename(servers, "scenes", "Later")
    with TantivyBackend(backend._directory.root).writer(), pytest.raises(SearchIndexLockedError):
        follow(servers, backend)
    assert follow(servers, backend).put


class _Failing:
    """A back end that fails after some documents."""

    name = "tantivy"

    def __init__(self, backend: TantivyBackend) -> None:
        self._backend = backend
        self.version = backend.version

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def writer(self, **options: Any) -> Any:
        writer = self._backend.writer(**options)
        put = writer.put

        def fail(documents: Iterator[Document]) -> int:
            put([next(documents)])
            raise SearchIndexError("The disk is full.")

        writer.put = fail  # type: ignore[method-assign, assignment]
        return writer


def test_a_failure_leaves_the_index_as_it_was(servers: Servers, backend: TantivyBackend) -> None:
    follow(servers, backend)
    before = held(servers, backend)
    rename(servers, "tags", "Later")
    for rebuild in (False, True):
        with pytest.raises(SearchIndexError):
            follow(servers, _Failing(backend), rebuild=rebuild)
        assert held(servers, backend) == before
    assert follow(servers, backend).put and held(servers, backend) == expected(servers)


def test_an_empty_library_has_an_index_that_finds_nothing(servers: Servers, backend: TantivyBackend) -> None:
    for server in list(servers.servers):
        servers.remove(server)
    follow_search(servers)
    assert follow(servers, backend).state.documents == 0
    assert not follow(servers, backend).changed
    reader = backend.reader()
    assert count_by_entity(reader) == {}
    with connect(servers.database_url) as connection:
        assert sample_queries(connection, reader) == [] and find_themselves(connection, reader, 5).documents == 0
    reader.close()


def test_without_documents_there_is_no_index(warehouse: str, backend: TantivyBackend) -> None:
    with connect(warehouse) as connection, pytest.raises(DocumentsNotReadyError):
        follow_index(connection, backend)
    assert backend.state() is None


def test_what_is_recorded_says_how_far_the_index_is(servers: Servers, backend: TantivyBackend) -> None:
    with connect(servers.database_url) as connection:
        status = index_status(connection, "tantivy", backend.place)
        assert not status.built and not status.in_step and status.revisions_behind
        record_failure(connection, "tantivy", backend.place, "The disk is full.")
        assert index_status(connection, "tantivy", backend.place).error == "The disk is full."
        record_followed(connection, backend, follow_index(connection, backend).state, backend.size())
        status = index_status(connection, "tantivy", backend.place)
        assert status.built and status.in_step and not status.error and not status.revisions_behind
        assert status.documents == len(expected(servers)) and status.size
        rename(servers, "scenes", "Later")
        status = index_status(connection, "tantivy", backend.place)
        assert not status.in_step and status.revisions_behind > 0 and status.behind_since
        # a change that reaches no document leaves it in step
        record_followed(connection, backend, follow_index(connection, backend).state, None)
        one = servers.rows("SELECT instance_id, id FROM stash.scenes ORDER BY 1, 2")[0]
        servers.edit("scenes", one, resume_time=4.5)
        follow_search(servers)
        status = index_status(connection, "tantivy", backend.place)
        assert status.in_step and not status.revisions_behind


def test_two_homes_record_their_own_index(servers: Servers, tmp_path: Path) -> None:
    here, there = TantivyBackend(tmp_path / "here" / "search"), TantivyBackend(tmp_path / "there" / "search")
    assert here.place != there.place
    with connect(servers.database_url) as connection:
        for backend in (here, there):
            record_followed(connection, backend, follow_index(connection, backend).state, None)
        rename(servers, "scenes", "Only one follows")
        record_followed(connection, here, follow_index(connection, here).state, None)
        record_failure(connection, "tantivy", there.place, "The disk is full.")
        ours, theirs = (index_status(connection, "tantivy", backend.place) for backend in (here, there))
        assert ours.in_step and ours.error is None
        assert not theirs.in_step and theirs.behind_since and theirs.error == "The disk is full."
        # the other one follows from where it is
        followed = follow_index(connection, there)
        assert followed.rebuilt is None and followed.put == 1


def test_homes_that_are_gone_are_forgotten(servers: Servers, backend: TantivyBackend, tmp_path: Path) -> None:
    gone = TantivyBackend(tmp_path / "gone" / "search")
    with connect(servers.database_url) as connection:
        record_failure(connection, "tantivy", gone.place, "It is gone.")
        record_followed(connection, backend, follow_index(connection, backend).state, None)
        assert index_status(connection, "tantivy", gone.place).error
        connection.execute("UPDATE search.indexes SET followed_at = now() - interval '1 year', failed_at = NULL")
        record_followed(connection, backend, follow_index(connection, backend).state, None)
        rows = connection.execute("SELECT place FROM search.indexes").fetchall()
        assert rows == [(backend.place,)]


def test_a_writer_on_another_host_is_waited_for(servers: Servers, backend: TantivyBackend, tmp_path: Path) -> None:
    class Elsewhere(TantivyBackend):
        """The same index, whose files have no lock in common, as on a server."""

        place = backend.place

    elsewhere = Elsewhere(tmp_path / "elsewhere" / "search")
    with connect(servers.database_url) as connection, connect(servers.database_url) as other:
        follow_index(connection, backend)
        with _alone(other, elsewhere, 0):
            assert not follow_index(connection, backend).changed
            with pytest.raises(SearchIndexLockedError):
                follow_index(connection, backend, rebuild=True)
        assert follow_index(connection, backend, rebuild=True).changed


def test_documents_find_themselves_and_queries_are_of_the_library(servers: Servers, backend: TantivyBackend) -> None:
    follow(servers, backend)
    reader = backend.reader()
    with connect(servers.database_url) as connection:
        sample = find_themselves(connection, reader, 40, seed=1)
        assert sample.documents > 20 and sample.with_typo > 10 and not sample.lost
        queries = sample_queries(connection, reader)
    assert len(queries) == 5 and all(one.hits for one in queries)
    counted = dict(servers.rows("SELECT entity, count(*) FROM search.documents GROUP BY 1"))
    assert count_by_entity(reader) == counted
    reader.close()


def test_a_document_that_the_index_has_wrongly_is_not_found(servers: Servers, backend: TantivyBackend) -> None:
    follow(servers, backend)
    state = backend.state()
    assert state
    with backend.writer() as writer:
        writer.delete(list(expected(servers)))
        writer.commit(state)
    reader = backend.reader()
    with connect(servers.database_url) as connection:
        assert find_themselves(connection, reader, 10, seed=1).lost
    reader.close()


_FOLLOW: str = """
import sys
from pathlib import Path
from stash_pipeline.search import index
from stash_pipeline.search.tantivy import TantivyBackend
from stash_pipeline.warehouse.connect import connect
with connect(sys.argv[1]) as connection:
    backend = TantivyBackend(Path(sys.argv[2]))
    print("begins", flush=True)
    while True:
        index.follow_index(connection, backend, rebuild=True)
"""


@pytest.mark.faults
@pytest.mark.parametrize("milliseconds", [5, 30, 60, 120, 200, 333, 500])
def test_a_kill_at_any_instant_leaves_an_index_that_can_be_used(
    servers: Servers, backend: TantivyBackend, milliseconds: int
) -> None:
    follow(servers, backend)
    before = held(servers, backend)
    rename(servers, "tags", "Later")
    arguments = [sys.executable, "-c", _FOLLOW, servers.database_url, str(backend._directory.root)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "begins\n"
        try:
            process.wait(milliseconds / 1000)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, signal.SIGKILL)
    assert held(servers, backend) in (before, expected(servers))
    follow(servers, backend, wait_seconds=5)
    assert held(servers, backend) == expected(servers)
