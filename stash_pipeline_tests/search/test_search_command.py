"""``stash-pipeline search``, as people use it."""

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer

from stash_pipeline import __main__ as program
from stash_pipeline.commands.search import QueryByDefault
from stash_pipeline.commands.search_query import joined
from stash_pipeline.errors import UserError
from stash_pipeline.search.backends import open_backend
from stash_pipeline.settings import load_settings, use_settings
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.search.small_library import fill_database, fill_index

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(database_url: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.setenv("STASH_PIPELINE_DATABASE_URL", database_url)
    # as wide as necessary, whatever terminal the tests run in
    monkeypatch.delenv("COLUMNS", raising=False)

    def started(*arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        monkeypatch.setattr(sys, "argv", ["stash-pipeline", "search", *arguments])
        use_settings(None)
        with pytest.raises(SystemExit) as end:
            program.main()
        return int(end.value.code or 0), *capsys.readouterr()

    return started


@pytest.fixture
def filled(run: Run, database_url: str, home: Path) -> Run:
    """With the small library."""
    fill_index(open_backend(load_settings(home=home)))
    with connect(database_url) as connection:
        fill_database(connection)
    return run


def test_hits_are_a_table_with_the_number_at_the_end(filled: Run) -> None:
    code, out, err = filled("mornign beach")
    assert (code, err) == (0, "")
    assert "Morning on the beach" in out
    row = next(line for line in out.splitlines() if "Morning" in line)
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "scene", "Morning on the beach", "Anna Marlow", "2020-06-01", "home", "–", "25:00",
    ]  # fmt: skip
    assert out.splitlines()[-1].startswith("1 hit in ")


def test_what_matched_besides_the_title_is_shown(filled: Run) -> None:
    assert "details: A long walk before breakfast." in filled("breakfast")[1]


def test_moments_are_shown(filled: Run) -> None:
    assert "1:00 → 1:20" in filled('marker:"slow dance" then marker:toast')[1]


def test_facets_are_counted(filled: Run) -> None:
    out = filled("kind:scene", "--facet", "studio", "--facet", "kind")[1]
    assert "Blue Lake Shorts" in out.split("studio", 1)[1]


def test_json_has_the_whole_answer(filled: Run) -> None:
    code, out, _ = filled("--json", "morning beach", "--facet", "studio")
    answer = json.loads(out)
    assert (code, answer["total"], answer["next"]) == (0, 1, None)
    (hit,) = answer["hits"]
    assert (hit["kind"], hit["instances"], hit["document"]["code"]) == ("scene", ["home"], "ABC-123")
    assert hit["highlights"][0]["ranges"] == [[0, 7], [15, 20]]
    assert answer["facets"]["studio"][0]["name"] == "Blue Lake"


def test_csv_has_a_row_per_hit(filled: Run, tmp_path: Path) -> None:
    code, out, _ = filled("kind:scene sort:-date", "--csv", "-")
    rows = list(csv.DictReader(out.splitlines()))
    assert (code, [row["title"] for row in rows][:2]) == (0, ["Rain on the beach", "Morning on the beach"])
    assert rows[1]["seconds"] == "1500.0"
    code, _, err = filled("beach", "--csv", str(tmp_path / "hits.csv"))
    assert (code, err.split(" in ")[0]) == (0, "3 hits")
    assert (tmp_path / "hits.csv").read_text("utf-8-sig").count("\n") == 4


def test_pages_follow_each_other(filled: Run) -> None:
    _, out, _ = filled("kind:scene sort:title", "--limit", "4")
    assert "5 hits" in out
    following = out.split("--after ")[1].split(".")[0].strip()
    code, out, _ = filled("kind:scene sort:title", "--limit", "4", "--after", following)
    assert (code, out.count("scene ")) == (0, 1)


def test_what_was_meant_is_proposed(filled: Run) -> None:
    _, out, _ = filled('performer:"ana marlow"')
    assert "There is no performer 'ana marlow'; did you mean Anna Marlow?" in out
    assert 'Did you mean: performer:"Anna Marlow" (3 hits)' in out
    assert out.splitlines()[-1].startswith("No hits in ")


def test_errors_point_at_the_place(filled: Run) -> None:
    code, out, err = filled("beach studo:x")
    assert (code, out) == (1, "")
    assert err == "stash-pipeline: There is no field 'studo'; did you mean studio?\n  beach studo:x\n        ^^^^^^\n"


def test_errors_are_json_for_programs(filled: Run) -> None:
    code, out, err = filled("tag:(", "--json")
    assert (code, err) == (1, "")
    assert json.loads(out)["error"].startswith("tag: needs a value")


def test_without_an_index_the_command_says_what_to_do(run: Run) -> None:
    code, out, err = run("beach")
    assert (code, out) == (1, "")
    assert "There is no search index in" in err
    assert "; sync an instance, or run `stash-pipeline rebuild search`." in err


def test_an_index_that_lacks_documents_is_reported(filled: Run, database_url: str) -> None:
    with connect(database_url) as connection:
        connection.execute("insert into search.states (token, revision) values (gen_random_uuid(), 7)")
    code, out, err = filled("beach")
    assert (code, "3 hits" in out) == (0, True)
    assert err == "The index is behind the database; the next sync brings it in step.\n"


@pytest.mark.parametrize("arguments", [["--", "rain"], ["query", "rain"], ["--limit", "5", "rain"], ["rain"]])
def test_the_query_is_what_follows(filled: Run, arguments: list[str]) -> None:
    code, out, _ = filled(*arguments)
    assert (code, out.splitlines()[-1].startswith("1 hit in")) == (0, True)


def test_words_that_begin_with_a_minus_are_part_of_the_query(filled: Run) -> None:
    code, out, _ = filled("beach", "-rain", "kind:scene")
    assert code == 0
    assert "Morning" in out
    assert "Rain on" not in out


def test_names_of_commands_are_queries_behind_query_and_two_minuses(filled: Run) -> None:
    for arguments in (["query", "query"], ["--", "query"]):
        code, out, _ = filled(*arguments)
        assert (code, out.splitlines()[-1].startswith("No hits")) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "called"),
    [
        (["verify"], "verify"),
        (["verify it"], "query: verify it"),
        (["it", "verify"], "query: it verify"),
        (["--", "verify"], "query: verify"),
        (["query", "verify"], "query: verify"),
    ],
)
def test_the_name_of_a_command_is_one_only_at_the_beginning(arguments: list[str], called: str) -> None:
    app = typer.Typer(cls=QueryByDefault)
    calls = []

    @app.command("query")
    def query(words: list[str]) -> None:
        calls.append(f"query: {' '.join(words)}")

    @app.command()
    def verify() -> None:
        calls.append("verify")

    app(args=arguments, standalone_mode=False)
    assert calls == [called]


def test_without_a_query_the_help_is_shown(run: Run) -> None:
    code, out, err = run()
    assert "stash-pipeline search 'QUERY'" in out + err
    assert code == 2
    assert run("--help")[0] == 0


@pytest.mark.parametrize(
    ("words", "query"),
    [
        (['beach studio:"Blue Lake"'], 'beach studio:"Blue Lake"'),
        (["beach", "-rain"], "beach -rain"),
        (["studio:Blue Lake", "beach"], 'studio:"Blue Lake" beach'),
        (["-tag:=slow dance", "x"], '-tag:="slow dance" x'),
        (["blue lake", "x"], '"blue lake" x'),
        (["tag:(a or b)", "x"], "tag:(a or b) x"),
        (['title:"a b"', "x"], 'title:"a b" x'),
    ],
)
def test_arguments_with_blanks_are_phrases(words: list[str], query: str) -> None:
    assert joined(words) == query


@pytest.mark.parametrize("word", ["--jsn", "--facets=studio"])
def test_unknown_options_are_no_words(word: str) -> None:
    with pytest.raises(UserError, match=f"There is no option {word.partition('=')[0]}"):
        joined(["beach", word])
