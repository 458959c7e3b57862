"""``stash-pipeline duplicates`` and ``instances protect``: what people read, and programs."""

import csv
import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest

from stash_pipeline_tests.matches.conftest import Matched
from stash_pipeline_tests.matches.working import Servers
from stash_pipeline_tests.mirror.working import generated, new_mirror, run_command

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def servers(matched: Matched, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Two servers that were matched, with copies."""
    with matched(tmp_path_factory.mktemp("home"), seed=4, variants=True) as made:
        yield made


class Run:
    """Runs a command in this process."""

    def __init__(self, servers: Servers, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
        self.servers, self.monkeypatch, self.capsys = servers, monkeypatch, capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        code = run_command(self.servers.home, self.monkeypatch, *arguments)
        return code, *self.capsys.readouterr()


@pytest.fixture
def run(servers: Servers, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> Run:
    monkeypatch.delenv("COLUMNS", raising=False)
    return Run(servers, monkeypatch, capsys)


def test_scenes_are_listed_with_reasons_and_a_closing_line(run: Run) -> None:
    code, out, err = run("duplicates")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].strip() == "Duplicate scenes"
    assert any("│ keep " in line and "resolution" in line for line in lines)
    assert any("│ best here " in line and ", not " in line for line in lines)
    assert "groups of duplicate scenes" in lines[-1] and lines[-1].endswith("Nothing was changed.")


def test_a_limit_shortens_the_list_and_not_the_totals(run: Run) -> None:
    _, everything, _ = run("duplicates", "--entity", "files")
    _, few, _ = run("duplicates", "--entity", "files", "--limit", "1")
    assert "more groups are not shown" in few and "more groups are not shown" not in everything
    assert few.splitlines()[-1] == everything.splitlines()[-1]
    assert len(few.splitlines()) < len(everything.splitlines())


def test_json_has_all_groups_with_numbers(run: Run, servers: Servers) -> None:
    code, out, _ = run("duplicates", "--entity", "files", "--json")
    found = json.loads(out)
    assert code == 0 and found["entity"] == "files"
    assert found["totals"]["groups"] == len(found["groups"]) > 1
    for group in found["groups"]:
        assert [copy["is_keeper"] for copy in group["copies"]].count(True) == 1 and group["copies"][0]["is_keeper"]
        assert group["bytes"] == sum(copy["bytes"] for copy in group["copies"])
    names = {copy["instance"] for group in found["groups"] for copy in group["copies"]}
    assert names == {servers.home.instance.name, servers.away.instance.name}


def test_csv_has_one_row_per_copy(run: Run, tmp_path: Path) -> None:
    _, out, _ = run("duplicates", "--entity", "performers", "--csv", "-")
    rows = list(csv.DictReader(StringIO(out)))
    assert len(rows) > 2 and {row["kind"] for row in rows} <= {"same", "possible"}
    assert all(isinstance(json.loads(row["loses"]), dict) and row["name"] for row in rows)
    target = tmp_path / "performers.csv"
    code, out, err = run("duplicates", "--entity", "performers", "--csv", str(target))
    assert (code, out) == (0, "") and "Nothing was changed." in err
    assert list(csv.DictReader(StringIO(target.read_text("utf-8-sig")))) == rows
    assert f"Wrote {len(rows)} rows to {target}." in err


@pytest.mark.parametrize("entity", ["scenes", "files", "performers", "studios", "tags"])
@pytest.mark.parametrize("where", [(), ("--within",), ("--across",)])
def test_every_entity_can_be_listed(run: Run, entity: str, where: tuple[str, ...]) -> None:
    code, out, err = run("duplicates", "--entity", entity, *where)
    assert (code, err) == (0, "") and f"duplicate {entity}" in out.splitlines()[-1]


def test_within_one_server_only_its_copies_are_listed(run: Run, servers: Servers) -> None:
    name = servers.home.instance.name
    _, out, _ = run("duplicates", name, "--within", "--entity", "files", "--json")
    found = json.loads(out)
    assert {copy["instance"] for group in found["groups"] for copy in group["copies"]} == {name}
    assert found["totals"]["bytes"] > 0 and found["totals"]["bytes_across"] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("duplicates", "nowhere"), "There is no instance 'nowhere'"),
        (("duplicates", "--csv", "/no/such/folder/a.csv"), "/no/such/folder/a.csv cannot be written"),
        (("instances", "protect", "nowhere"), "There is no instance 'nowhere'"),
        (("instances", "protect", "nowhere", "--path", " "), "An empty path or tag protects nothing"),
    ],
)
def test_bad_input_ends_with_one_sentence(run: Run, arguments: tuple[str, ...], words: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (1, "") and words in err and len(err.splitlines()) == 1


def test_csv_and_json_exclude_each_other(run: Run) -> None:
    code, out, err = run("duplicates", "--csv", "-", "--json")
    assert (code, err) == (1, "") and json.loads(out) == {
        "error": "--csv and --json exclude each other; give only one of them."
    }


def test_what_is_protected_is_shown_extended_and_given_up(run: Run, servers: Servers) -> None:
    name = servers.home.instance.name
    assert run("instances", "protect", name)[1] == f"Protected on {name}: nothing.\n"
    run("instances", "protect", name, "--path", "/media/shelf/", "--tag", "Keep")
    _, out, _ = run("instances", "protect", name.upper(), "--path", "/vault", "--json")
    assert json.loads(out) == {"name": name, "paths": ["/media/shelf", "/vault"], "tags": ["Keep"]}
    _, out, err = run("duplicates", "--limit", "1")
    assert "not up to date" in err and out
    servers.follow()
    _, out, err = run("duplicates", "--limit", "1")
    assert err == ""
    assert run("instances", "protect", name, "--nothing")[1] == f"Protected on {name}: nothing.\n"
    servers.follow()


def test_duplicates_before_anything_was_matched_say_what_to_do(
    database_url: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    server = new_mirror(database_url, home, generated(3))
    assert run_command(server, monkeypatch, "duplicates") == 1
    assert "Duplicates are not known yet; sync an instance" in capsys.readouterr().err
