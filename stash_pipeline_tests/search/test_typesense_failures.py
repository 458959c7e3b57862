"""What a Typesense server can do wrong delays the index; it loses and reveals nothing."""

import builtins
import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.search.backend import IndexState, SearchIndexError, SearchIndexLockedError, SearchIndexMissingError
from stash_pipeline.search.documents import Document
from stash_pipeline.search.request import AllOf, Not, OneOf, SearchRequest, Word
from stash_pipeline.search.typesense.backend import TypesenseBackend
from stash_pipeline.search.typesense.client import Connection
from stash_pipeline.settings import load_settings
from stash_pipeline_tests.search.suite import id_of, scene
from stash_pipeline_tests.search.typesense_filters import RefusedError
from stash_pipeline_tests.search.typesense_server import KEY, StandIn, running

Make = Callable[..., TypesenseBackend]


@pytest.fixture
def server() -> Iterator[StandIn]:
    with running() as stand_in:
        yield stand_in


@pytest.fixture
def make(server: StandIn, tmp_path: Path) -> Make:
    def made(prefix: str = "stash", **options: Any) -> TypesenseBackend:
        connection = Connection(server.url, **{"key": KEY, "timeout": 5, "retry_seconds": 0.0, **options})
        return TypesenseBackend(connection, tmp_path / "search", prefix)

    return made


def _state(backend: TypesenseBackend, revision: int, token: str = "t") -> IndexState:
    return IndexState(revision, f"{token}{revision}", backend.version)


def _build(backend: TypesenseBackend, library: list[Document], revision: int = 1) -> None:
    with backend.writer(rebuild=True) as writer:
        writer.put(library)
        writer.commit(_state(backend, revision))


def _change(backend: TypesenseBackend, library: list[Document], gone: list[int], state: IndexState) -> None:
    with backend.writer() as writer:
        writer.delete(map(id_of, gone))
        writer.put(library)
        writer.commit(state)


def _found(backend: TypesenseBackend) -> dict[int, str]:
    hits = backend.reader().search(SearchRequest(AllOf(()), limit=1000)).hits
    return {hit.id.int: hit.document.title for hit in hits}


class _Killed:
    """Refuses all requests after so many."""

    def __init__(self, after: int) -> None:
        self._left = after
        self.refused = 0

    def __call__(self, method: str, path: str) -> None:
        self._left -= 1
        if self._left < 0:
            self.refused += 1
            raise RefusedError(503, "Not Ready or Lagging")


def test_changes_that_end_at_any_request_are_repaired_by_the_next_attempt(server: StandIn, make: Make) -> None:
    old = [scene(1, "Harbour"), scene(2, "Castle"), scene(3, "Island")]
    new = [scene(1, "Meadow"), scene(4, "Orchard")]
    ends = 0
    for requests in range(30):
        backend = make(f"stash{requests}", retries=0)
        _build(backend, old)
        server.before = killed = _Killed(requests)
        try:
            _change(backend, new, [2], _state(backend, 2))
        except SearchIndexError:
            ends += 1
        finally:
            server.before = None
        held = backend.state()
        assert held is not None
        if held.revision == 1:
            _change(backend, new, [2], _state(backend, 2))
        assert backend.state() == replace(_state(backend, 2), documents=3)
        assert _found(backend) == {1: "Meadow", 3: "Island", 4: "Orchard"}
        assert {word for word, _ in backend.reader().vocabulary()} == {"meadow", "island", "orchard"}
        if not killed.refused:
            # more requests than there are
            break
    assert 5 < ends < 30 and not killed.refused


def test_a_rebuild_that_ends_at_any_request_leaves_the_old_index(server: StandIn, make: Make) -> None:
    ends = 0
    for requests in range(30):
        backend = make(f"stash{requests}", retries=0)
        _build(backend, [scene(1, "Harbour")])
        server.before = killed = _Killed(requests)
        try:
            _build(backend, [scene(2, "Castle")], 2)
        except SearchIndexError:
            ends += 1
        finally:
            server.before = None
        state = backend.state()
        assert state is not None
        assert _found(backend) == ({1: "Harbour"} if state.revision == 1 else {2: "Castle"})
        _build(backend, [scene(3, "Island")], 3)
        assert _found(backend) == {3: "Island"}
        left = [name for name in server.collections if name.startswith(f"stash{requests}_v")]
        assert len(left) == 2, "the collections of documents and words in use"
        if not killed.refused:
            # more requests than there are
            break
    assert 5 < ends < 30 and not killed.refused


def test_changes_that_the_database_lost_make_the_index_count_as_missing(server: StandIn, make: Make) -> None:
    backend = make(retries=0)
    _build(backend, [scene(1, "Harbour")])
    # the state says that it is being changed, and the first documents are in
    server.before = _Killed(9)
    with pytest.raises(SearchIndexError):
        _change(backend, [scene(2, "Castle")], [1], _state(backend, 3))
    server.before = None
    with pytest.raises(SearchIndexMissingError, match="rebuilt"):
        _change(backend, [scene(5, "Island")], [], _state(backend, 2, "other"))
    assert backend.state() is None


def test_two_writers_on_different_machines_notice_each_other(server: StandIn, make: Make, tmp_path: Path) -> None:
    backend = make()
    _build(backend, [scene(1, "Harbour")])
    other = TypesenseBackend(Connection(server.url, KEY), tmp_path / "elsewhere")
    first, second = backend.writer(), other.writer()
    intrudes = [True]

    def before(method: str, path: str) -> None:
        if path.endswith("_words/documents/import") and intrudes.pop() if intrudes else False:
            second.put([scene(3, "Island")])
            second.commit(_state(backend, 3))

    with first, second:
        first.put([scene(2, "Castle")])
        server.before = before
        with pytest.raises(SearchIndexLockedError):
            first.commit(_state(backend, 2))
    server.before = None


def test_every_row_that_is_refused_is_reported(server: StandIn, make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = make()
    _build(backend, [scene(1, "Harbour")])
    collection = next(one for name, one in server.collections.items() if name.endswith("_1"))
    fits = collection.put

    def refuses(line: str, action: str) -> dict[str, Any]:
        if str(id_of(2)) in line:
            return {"success": False, "error": f"Out of memory {KEY}", "code": 500, "document": line}
        return fits(line, action)

    monkeypatch.setattr(collection, "put", refuses)
    with pytest.raises(SearchIndexError, match="refused 1 documents") as raised:
        _change(backend, [scene(2, "Castle"), scene(3, "Island")], [], _state(backend, 2))
    assert str(id_of(2)) in str(raised.value)
    assert KEY not in str(raised.value)
    state = backend.state()
    assert state is not None
    assert state.revision == 1, "it is behind, so the next run tries again"


@pytest.mark.parametrize("status", [503, 500])
def test_an_overloaded_server_is_asked_again(server: StandIn, make: Make, status: int) -> None:
    failures = [2]

    def before(method: str, path: str) -> None:
        if failures[0]:
            failures[0] -= 1
            raise RefusedError(status, "Not Ready or Lagging")

    server.before = before
    backend = make(retries=2)
    assert backend.state() is None
    _build(backend, [scene(1, "Harbour")])
    assert _found(backend) == {1: "Harbour"}


def test_a_server_that_stays_overloaded_ends_in_one_sentence(server: StandIn, make: Make) -> None:
    server.before = _Killed(0)
    with pytest.raises(SearchIndexError, match="Not Ready or Lagging"):
        make(retries=2).state()
    assert len(server.requests) == 3


def test_a_slow_server_is_given_up(server: StandIn, make: Make) -> None:
    server.seconds = 1.0
    with pytest.raises(SearchIndexError, match="STASH_PIPELINE_TYPESENSE_TIMEOUT_SECONDS"):
        make(timeout=0.1, retries=1).state()


def test_a_server_that_is_not_there_is_one_sentence(make: Make, server: StandIn, tmp_path: Path) -> None:
    backend = TypesenseBackend(Connection("http://127.0.0.1:9", KEY, retries=0), tmp_path)
    with pytest.raises(SearchIndexError, match="STASH_PIPELINE_TYPESENSE_URL"):
        backend.state()


def test_a_wrong_key_is_one_sentence_without_it(make: Make) -> None:
    with pytest.raises(SearchIndexError, match="STASH_PIPELINE_TYPESENSE_KEY") as raised:
        make(key="another-key-0123456789").state()
    assert "another-key" not in str(raised.value)


def test_the_key_is_in_no_log_and_no_representation(
    make: Make, server: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    backend = make(retries=1)
    _build(backend, [scene(1, "Harbour")])
    server.before = _Killed(0)
    with pytest.raises(SearchIndexError) as raised:
        backend.state()
    assert KEY not in caplog.text + str(raised.value) + repr(Connection(server.url, KEY))


def test_a_missing_client_says_how_to_install_it(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "typesense":
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SearchIndexError, match=r"pip install 'stash-pipeline\[typesense\]'"):
        make().state()


def test_a_ca_file_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    connection = Connection("https://127.0.0.1:9", KEY, ca_file=tmp_path / "missing.pem")
    with pytest.raises(UserError, match=r"missing\.pem does not exist"):
        TypesenseBackend(connection, tmp_path).state()


def test_a_url_without_a_key_is_refused(tmp_path: Path) -> None:
    settings = load_settings(home=tmp_path, typesense_url="http://127.0.0.1:8108")
    with pytest.raises(UserError, match="STASH_PIPELINE_TYPESENSE_KEY"):
        TypesenseBackend.from_settings(settings)


@pytest.mark.parametrize(
    "url", ["127.0.0.1:8108", "ftp://x", "http://", "http://user:secret@x", "http://x:99999", "http://x/?a=secret"]
)
def test_a_wrong_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(UserError, match="STASH_PIPELINE_TYPESENSE_URL") as raised:
        load_settings(typesense_url=url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "ä"])
def test_a_key_that_no_header_can_carry_is_refused(key: str) -> None:
    with pytest.raises(UserError, match="STASH_PIPELINE_TYPESENSE_KEY") as raised:
        load_settings(typesense_key=key)
    assert key not in str(raised.value)


def test_a_rebuild_removes_what_other_versions_left(server: StandIn, make: Make) -> None:
    backend = make()
    _build(backend, [scene(1, "Harbour")])
    schema = {"fields": [{"name": "x", "type": "int32"}]}
    for name in ("stash_v0_0_1_7", "stash_v0_0_1_7_words", "stash_v1_notes", "other_v1_1_1_1"):
        server.answer(
            "POST",
            "/collections",
            {"X-TYPESENSE-API-KEY": KEY},
            f'{{"name": "{name}", {str(schema)[1:]}'.replace("'", '"'),
        )
    _build(backend, [scene(2, "Castle")], 2)
    assert {"stash_v1_notes", "other_v1_1_1_1"} <= server.collections.keys()
    assert not {"stash_v0_0_1_7", "stash_v0_0_1_7_words"} & server.collections.keys()


def test_a_reader_goes_on_when_a_rebuild_removes_its_collection(make: Make) -> None:
    backend = make()
    _build(backend, [scene(1, "Harbour")])
    reader = backend.reader()
    assert len(reader.search(SearchRequest(Word(("harbour",)))).hits) == 1
    _build(backend, [scene(2, "Castle")], 2)
    assert reader.search(SearchRequest(Word(("harbour",)))).hits == ()
    assert reader.documents([id_of(2)]).keys() == {id_of(2)}


def test_many_words_stay_below_the_limits_of_a_filter(make: Make) -> None:
    backend = make()
    words = [f"{first}{second}gate" for first in "bcdfg" for second in "aeiou"]
    _build(backend, [scene(1, " ".join(words)), scene(2, " ".join(words[1:]))])
    found = backend.reader().search(SearchRequest(AllOf(tuple(Word((word,), "exact") for word in words))))
    assert [hit.id for hit in found.hits] == [id_of(1)]


def test_a_filter_that_the_server_refuses_says_what_to_do(make: Make) -> None:
    backend = make()
    words = [f"{first}{second}gate" for first in "bcdfg" for second in "aeiou"]
    _build(backend, [scene(1, " ".join(words))])
    pairs = OneOf(tuple(AllOf((Word((word,)), Word((words[0],), field="title"))) for word in (*words, *words[::-1])))
    with pytest.raises(SearchIndexError, match="--filter-by-max-ops"):
        backend.reader().search(SearchRequest(OneOf((pairs, Not(pairs)))))
