"""``stash-pipeline search verify`` finds every way in which an index can differ from its documents."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import pytest
from psycopg import sql

from stash_pipeline import __main__ as program
from stash_pipeline.search.backend import IndexState
from stash_pipeline.search.backends import open_backend
from stash_pipeline.search.documents import COLUMNS, Document
from stash_pipeline.settings import load_settings, use_settings
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.search.library import documents
from stash_pipeline_tests.search.typesense_server import KEY, running

Run = Callable[..., tuple[int, str, str]]
TOKEN, OLD_TOKEN = str(UUID(int=5)), str(UUID(int=3))
LIBRARY = [replace(document, revision=1) for document in documents(60, seed=4)]


@pytest.fixture(params=["tantivy", "typesense"])
def run(
    request: pytest.FixtureRequest,
    database_url: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Iterator[Run]:
    def started(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["stash-pipeline", "search", "verify", *arguments])
        use_settings(None)
        with pytest.raises(SystemExit) as end:
            program.main()
        return int(end.value.code or 0), *capsys.readouterr()

    monkeypatch.setenv("STASH_PIPELINE_DATABASE_URL", database_url)
    _store(database_url)
    if request.param == "tantivy":
        yield started
        return
    with running() as server:
        monkeypatch.setenv("STASH_PIPELINE_TYPESENSE_URL", server.url)
        monkeypatch.setenv("STASH_PIPELINE_TYPESENSE_KEY", KEY)
        yield started


def _store(database_url: str) -> None:
    names = sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
    marks = sql.SQL(", ").join([sql.Placeholder()] * len(COLUMNS))
    insert = sql.SQL("INSERT INTO search.documents ({}) VALUES ({})").format(names, marks)
    with connect(database_url) as connection:
        for document in LIBRARY:
            values = [getattr(document, name) for name in COLUMNS]
            connection.execute(insert, [list(one) if isinstance(one, tuple) else one for one in values])
        connection.execute("INSERT INTO search.states (token, revision) VALUES (%s, 1)", [TOKEN])


def _index(home: Path, library: list[Document], token: str = TOKEN, revision: int = 1) -> None:
    backend = open_backend(load_settings(home=home))
    with backend.writer(rebuild=True) as writer:
        writer.put(library)
        writer.commit(IndexState(revision, token, backend.version))


def test_an_index_in_step_has_no_differences(run: Run, home: Path) -> None:
    _index(home, LIBRARY)
    code, out, err = run("--json")
    found = json.loads(out)
    assert (code, err) == (0, "")
    assert found["in_step"] is True
    assert found["differences"] == []
    assert found["sampled"] == found["looked_up"] == len(LIBRARY)
    assert sum(one["index"] for one in found["counts"].values()) == len(LIBRARY)


def test_a_table_says_that_nothing_differs(run: Run, home: Path) -> None:
    _index(home, LIBRARY)
    code, out, _ = run()
    assert code == 0
    assert out.splitlines()[-1] == f"Compared {len(LIBRARY)} documents, looked up {len(LIBRARY)}. Nothing differs."


def test_lost_documents_are_found(run: Run, home: Path) -> None:
    _index(home, LIBRARY[1:])
    lost = LIBRARY[0]
    code, out, _ = run("--json")
    differences = json.loads(out)["differences"]
    assert code == 1
    assert f"{lost.entity} {lost.id}: the index does not have it" in differences
    assert any(line.startswith(f"{lost.entity}: ") for line in differences)


def test_surplus_documents_are_found(run: Run, home: Path) -> None:
    surplus = replace(LIBRARY[0], id=UUID(int=3))
    _index(home, [*LIBRARY, surplus])
    code, out, _ = run("--json", "--sample", "1000")
    assert code == 1
    assert f"{surplus.id}: only the index has this document" in json.loads(out)["differences"]


def test_other_values_are_named_by_their_fields(run: Run, home: Path) -> None:
    changed = replace(LIBRARY[2], title="Elsewhere", rating=3)
    _index(home, [*LIBRARY[:2], changed, *LIBRARY[3:]])
    code, out, _ = run()
    assert code == 1
    assert f"{changed.entity} {changed.id}: the index has other values of title, rating" in out


def test_an_index_that_is_behind_says_so(run: Run, home: Path) -> None:
    _index(home, LIBRARY, token=OLD_TOKEN, revision=0)
    code, out, _ = run("--json")
    found = json.loads(out)
    assert (code, found["in_step"]) == (1, False)
    assert found["differences"] == ["the index holds revision 0 and the documents are at 1: it has to follow first"]


def test_a_sample_can_be_left_out(run: Run, home: Path) -> None:
    _index(home, LIBRARY)
    code, out, _ = run("--json", "--sample", "0")
    assert (code, json.loads(out)["sampled"]) == (0, 0)


def test_a_missing_index_is_one_sentence(run: Run) -> None:
    code, out, err = run()
    assert (code, out) == (1, "")
    assert len(err.strip().splitlines()) == 1
