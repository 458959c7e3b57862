"""``stash-pipeline matches …``, as people use it."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.commands.matches_read import evidence_in_words, why_open
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.matches.features import Node
from stash_pipeline_tests.matches.test_decisions import apart, together
from stash_pipeline_tests.matches.working import Servers
from stash_pipeline_tests.mirror.working import run_command, run_program

pytestmark = pytest.mark.integration


class Commands:
    """Runs commands on two servers."""

    def __init__(self, servers: Servers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.servers = servers
        self._monkeypatch = monkeypatch
        self._capsys = capsys

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """(exit code, standard output, standard error)."""
        self._capsys.readouterr()
        code = run_command(self.servers.home, self._monkeypatch, "matches", *arguments)
        return code, *self._capsys.readouterr()

    def named(self, node: Node) -> str:
        """An object as people write it."""
        servers = (self.servers.home, self.servers.away)
        return next(f"{s.instance.name}:{node[1]}" for s in servers if s.instance.id == node[0])


@pytest.fixture
def commands(servers: Servers, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(servers, monkeypatch, capsys)


def test_accepted_objects_are_one_cluster_when_the_command_ends(commands: Commands) -> None:
    left, right = apart(commands.servers, "performers", 2)
    code, output, _ = commands.run("accept", "performers", commands.named(left), commands.named(right))
    assert code == 0 and "Wrote 1 decision" in output
    clusters = commands.servers.clusters("performers")
    assert clusters[left] == clusters[right]
    code, output, _ = commands.run("show", "performers", commands.named(left), "--json")
    shown = json.loads(output)
    assert {one["object"] for one in shown["members"]} >= {commands.named(left), commands.named(right)}
    assert "are the same" in shown["decisions"][0]["sentence"]


def test_objects_that_are_split_leave_their_cluster(commands: Commands) -> None:
    left, right = together(commands.servers, "scenes")
    assert commands.run("split", "scenes", commands.named(left), "--note", "another cut")[0] == 0
    clusters = commands.servers.clusters("scenes")
    assert clusters[left] != clusters[right]
    code, output, _ = commands.run("decisions")
    assert code == 0 and "another cut" in output and "1 decision." in output


def test_what_was_decided_is_json_for_programs(commands: Commands) -> None:
    left, right = apart(commands.servers, "studios", 2)
    names = commands.named(left), commands.named(right)
    code, output, _ = commands.run("accept", "studios", *names, "--dry-run", "--json")
    assert code == 0 and json.loads(output)["written"] == 1
    written = json.loads(commands.run("accept", "studios", *names, "--json")[1])["written"]
    assert json.loads(commands.run("withdraw", str(written[0]), "--json")[1]) == {"withdrawn": written, "error": None}
    clusters = commands.servers.clusters("studios")
    assert clusters[left] != clusters[right]


def test_a_decision_that_the_layers_cannot_follow_is_reported(commands: Commands) -> None:
    left, right = apart(commands.servers, "tags", 2)
    with connect(commands.servers.database_url) as connection:
        connection.execute("ALTER TABLE matches.links RENAME COLUMN evidence TO proof")
    code, _, error = commands.run("accept", "tags", commands.named(left), commands.named(right))
    assert code == 1 and "The decision is stored, and the layers do not follow it yet" in error
    assert len(json.loads(commands.run("decisions", "--json")[1])) == 1


def test_a_dry_run_decides_nothing(commands: Commands) -> None:
    left, right = together(commands.servers, "tags")
    code, output, _ = commands.run("reject", "tags", commands.named(left), commands.named(right), "--dry-run")
    assert code == 0 and output == "Would write 1 decision.\n"
    assert json.loads(commands.run("decisions", "--json")[1]) == []


def test_decisions_travel_as_csv(commands: Commands, tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    left, right = apart(commands.servers, "tags", 2)
    rows = [
        {"entity": "tags", "left": commands.named(left), "right": commands.named(right), "decision": "same"},
        {"entity": "tags", "left": commands.named(left), "right": commands.named(right), "decision": ""},
    ]
    write(path, rows)
    assert commands.run("import", str(path), "--dry-run")[1] == "Would write 1 decision.\n"
    assert commands.run("import", str(path))[0] == 0
    clusters = commands.servers.clusters("tags")
    assert clusters[left] == clusters[right]
    assert commands.run("decisions", "--csv", str(path))[0] == 0
    code, output, _ = commands.run("import", str(path))
    assert code == 0 and "1 had been decided before" in output


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, ["entity", "left", "right", "decision"])
        writer.writeheader()
        writer.writerows(rows)


def test_a_file_with_errors_decides_nothing_and_names_its_lines(commands: Commands, tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    left, right = apart(commands.servers, "tags", 2)
    pair = {"left": commands.named(left), "right": commands.named(right)}
    write(path, [{"entity": "tags", **pair, "decision": "same"}, {"entity": "cats", **pair, "decision": "same"},
                 {"entity": "tags", **pair, "decision": "maybe"}])  # fmt: skip
    code, _, error = commands.run("import", str(path))
    assert code == 1
    assert "Nothing was decided" in error and "line 3" in error and "line 4" in error
    assert json.loads(commands.run("decisions", "--json")[1]) == []


def test_a_file_that_is_no_list_of_decisions_is_refused(commands: Commands, tmp_path: Path) -> None:
    path = tmp_path / "decisions.csv"
    assert f"{path} cannot be read: No such file or directory." in commands.run("import", str(path))[2]
    path.write_bytes(b"entity,left\n\xff")
    assert "is not text in UTF-8" in commands.run("import", str(path))[2]
    path.write_text("entity;left;right\n")
    assert "has no column decision" in commands.run("import", str(path))[2]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "tags", "home"), "'home' is not an object; write INSTANCE:ID"),
        (("show", "tags", "nowhere:1"), "There is no instance 'nowhere'"),
        (("show", "tags", "{home}:999999"), "tags {home}:999999 does not exist"),
        (("accept", "tags", "{home}:1", "{home}:1"), "is given twice; name two objects"),
        (("split", "tags", "{alone}"), "there is nothing to separate"),
        (("withdraw", "999"), "There is no decision 999"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    commands: Commands, arguments: tuple[str, ...], sentence: str
) -> None:
    names = {
        "home": commands.servers.home.instance.name,
        "alone": commands.named(apart(commands.servers, "tags", 1)[0]),
    }
    code, _, error = commands.run(*(argument.format(**names) for argument in arguments))
    assert code == 1 and sentence.format(**names) in error and "Traceback" not in error


def test_open_pairs_are_listed_with_names_and_written_as_csv(commands: Commands, tmp_path: Path) -> None:
    path = tmp_path / "open.csv"
    code, output, _ = commands.run("list", "--json")
    listed = json.loads(output)
    assert code == 0 and listed["open"] == len(listed["pairs"]) > 0
    assert all(pair["left_name"] and pair["right_name"] for pair in listed["pairs"] if pair["entity"] == "performers")
    assert commands.run("list", "--csv", str(path))[0] == 0
    with path.open(encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) == listed["open"]
    code, output, _ = commands.run("list", "--limit", "1")
    assert code == 0 and f"{listed['open']:,} pair" in output


@pytest.mark.parametrize(
    ("refused", "evidence", "why"),
    [
        (None, {"not_merged": "gender_differs, and nothing else agrees"}, "gender_differs, and nothing else agrees"),
        (None, {"not_merged": "a person decides"}, ""),
        (None, {"obstacle": "duration_differs"}, "duration_differs"),
        ({"reason": "instance", "between": []}, {"agrees": {}}, "refused: instance"),
    ],
)
def test_the_list_says_why_a_pair_was_not_joined(refused: Any, evidence: Any, why: str) -> None:
    assert why_open({"refused": refused, "evidence": evidence}) == why


def test_evidence_is_shown_in_words() -> None:
    evidence = {
        "agrees": {"name": ["anna bright"], "birthdate": [1990, 5, None], "duration": 20,
                   "phash": {"distance": 2, "duration_difference": 20}, "stash_id": [["https://box.example", "1"]]},
        "contradicts": {"gender_differs": ["FEMALE", "MALE"]},
        "confirmed_by": [],
        "not_merged": "gender_differs, and nothing else agrees",
    }  # fmt: skip
    assert evidence_in_words(evidence) == (
        "agree: name (anna bright), birthdate (1990-05), duration (20 ms apart), "
        "phash (distance 2 bits, duration difference 20 ms), stash_id (https://box.example 1); "
        "contradict: gender_differs (FEMALE / MALE); not joined: gender_differs, and nothing else agrees"
    )


def test_a_rejected_pair_is_shown_as_decided(commands: Commands) -> None:
    left, right = together(commands.servers, "scenes")
    assert commands.run("reject", "scenes", commands.named(left), commands.named(right))[0] == 0
    _, output, _ = commands.run("show", "scenes", commands.named(left))
    assert "different, by decision 1" in output.replace("\n", " ")
    assert "{" not in output


def test_the_list_says_that_no_instance_is_registered(
    database: str, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_program(database, home, monkeypatch, "matches", "list") == 0
    assert "No instance is registered" in capsys.readouterr().out
