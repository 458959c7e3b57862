"""``stash-pipeline matches …`` on scenes of stash-boxes, as people use it."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.matches.test_commands import Commands, commands
from stash_pipeline_tests.stashbox.test_candidates import answer, scene
from stash_pipeline_tests.stashbox.test_decisions import asked

pytestmark = pytest.mark.integration

__all__ = ["commands"]

ONE, TWO, UNKNOWN = (f"0000000{digit}-0000-4000-8000-000000000000" for digit in (1, 2, 3))


@pytest.fixture
def kite(commands: Commands, endpoint_id: int) -> str:
    """A scene with two ambiguous candidates on the box."""
    with connect(commands.servers.database_url) as connection:
        lookup, node = asked(connection, endpoint_id)
        details: dict[str, Any] = {
            "title": "Red kites",
            "release_date": "2019-05",
            "studio": {"name": "Zinnober Films"},
        }
        answer(connection, endpoint_id, {lookup: [scene(ONE, lookup, **details), scene(TWO, lookup)]})
    commands.servers.follow()
    return commands.named(node)


def shown(commands: Commands, name: str) -> dict[str, Any]:
    """The candidates of a scene by the name of the box and the id."""
    code, output, _ = commands.run("show", name, "--json")
    assert code == 0
    return {one["object"]: one for one in json.loads(output)["candidates"]}


def test_candidates_are_in_the_queue_until_somebody_decides(commands: Commands, kite: str) -> None:
    code, output, _ = commands.run("list", "--box", "kitebox", "--json")
    listed = json.loads(output)
    assert code == 0 and listed["open"] == 2
    first = listed["pairs"][0]
    assert (first["left"], first["right"], first["right_name"]) == (kite, f"kitebox:{ONE}", "Red kites")
    assert first["url"] == f"https://kitebox.example/scenes/{ONE}"
    everything = json.loads(commands.run("list", "--json")[1])
    assert everything["open"] == len(everything["pairs"]) > 2
    worths = [pair["worth"] for pair in everything["pairs"]]
    assert worths == sorted(worths, reverse=True)
    assert commands.run("accept", kite, f"kitebox:{ONE}")[0] == 0
    # the other one would have been automatic, so a person sees it once more
    (left,) = json.loads(commands.run("list", "--box", "KiteBox", "--json")[1])["pairs"]
    assert left["right"] == f"kitebox:{TWO}" and left["evidence"]["obstacle"] == "accepted_another"
    assert commands.run("reject", kite, f"kitebox:{TWO}")[0] == 0
    assert commands.run("list", "--entity", "scenes", "--box", "kitebox")[1] == "Nothing to decide.\n"


def test_show_explains_candidates_in_words(commands: Commands, kite: str) -> None:
    one = shown(commands, kite)[f"kitebox:{ONE}"]
    assert (one["title"], one["date"], one["studio"]) == ("Red kites", "2019-05", "Zinnober Films")
    assert "the same oshash (3 people)" in one["because"] and "never the first of several" in one["because"]
    code, output, _ = commands.run("show", "scenes", kite)
    assert code == 0 and "Red kites" in output and f"https://kitebox.example/scenes/{ONE}" in output
    assert commands.run("accept", kite, f"kitebox:{ONE}", "--note", "seen")[0] == 0
    code, output, _ = commands.run("show", kite)
    assert f"{kite} and kitebox:{ONE} are the same (seen)." in output and "accepted" in output
    assert shown(commands, kite)[f"kitebox:{ONE}"]["action"] == "accepted"


@pytest.mark.parametrize(
    "written",
    ["kitebox:{id}", "KITEBOX:{upper}", "box/kitebox:{id}", "https://kitebox.example/scenes/{id}?tab=links"],
)
def test_a_scene_of_a_box_is_named_in_several_ways(commands: Commands, kite: str, written: str) -> None:
    name = written.format(id=UNKNOWN, upper=UNKNOWN.upper())
    # either may come first
    assert commands.run("accept", "scenes", name, kite)[0] == 0
    assert shown(commands, kite)[f"kitebox:{UNKNOWN}"]["action"] == "accepted"


def test_a_box_and_an_instance_of_one_name_are_told_apart_by_the_id(commands: Commands, kite: str) -> None:
    instance = kite.partition(":")[0]
    with connect(commands.servers.database_url) as connection:
        connection.execute("UPDATE ops.stashbox_endpoints SET name = %s", [instance])
    assert commands.run("accept", kite, f"{instance}:{ONE}")[0] == 0
    (decision,) = json.loads(commands.run("decisions", "--json")[1])
    assert (decision["left"], decision["right"]) == (kite, f"box/{instance}:{ONE}")
    assert "is not the id of a scene" in commands.run("reject", kite, f"box/{instance}:12")[2]


def test_a_dry_run_decides_nothing(commands: Commands, kite: str) -> None:
    code, output, _ = commands.run("reject", kite, f"kitebox:{ONE}", f"kitebox:{TWO}", "--dry-run")
    assert (code, output) == (0, "Would write 2 decisions.\n")
    assert json.loads(commands.run("decisions", "--json")[1]) == []


def test_decisions_are_withdrawn_and_travel_as_csv(commands: Commands, kite: str, tmp_path: Path) -> None:
    path = tmp_path / "open.csv"
    assert commands.run("list", "--box", "kitebox", "--csv", str(path))[0] == 0
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        row["decision"] = "same" if row["right"].endswith(ONE) else "different"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    assert commands.run("import", str(path), "--dry-run")[1] == "Would write 2 decisions.\n"
    assert commands.run("import", str(path))[0] == 0
    assert {name: one["action"] for name, one in shown(commands, kite).items()} == {
        f"kitebox:{ONE}": "accepted",
        f"kitebox:{TWO}": "rejected",
    }
    assert commands.run("decisions", "--csv", str(path))[0] == 0
    assert "2 had been decided before" in commands.run("import", str(path))[1]
    numbers = [str(one["number"]) for one in json.loads(commands.run("decisions", "--json")[1])]
    assert commands.run("withdraw", *numbers)[0] == 0
    assert {one["action"] for one in shown(commands, kite).values()} == {"review"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("accept", "{kite}", "kitebox:kites"), "'kitebox:kites' is not a scene of kitebox; write kitebox:UUID"),
        (("accept", "{kite}", "kitebox:abc"), "kitebox:abc is not the id of a scene; copy the UUID"),
        (("accept", "{kite}", "box/nobox:" + ONE), "There is no stash-box 'nobox' (registered: kitebox)"),
        (("accept", "{kite}", "nobox:" + ONE), "There is no stash-box 'nobox' (registered: kitebox)"),
        (("accept", "{kite}", "https://else.example/scenes/1"), "is not the page of a scene of a registered stash-box"),
        (("accept", "kitebox:" + ONE, "kitebox:" + TWO), "Name an object of an instance, too"),
        (("reject", "kitebox:" + ONE, "kitebox:" + TWO), "Name an object of an instance, too"),
        (("reject", "kitebox:" + ONE, "{kite}", "kitebox:" + TWO), "Name an object of an instance, too"),
        (("accept", "tags", "{kite}", "kitebox:" + ONE), "Only scenes are decided on for stash-boxes, and not tags."),
        (("accept", "{kite}", "kitebox:" + ONE, "kitebox:" + TWO), "Accept one of them."),
        (("split", "kitebox:" + ONE), "is a scene of a stash-box; name an object of an instance"),
        (("show", "kitebox:" + ONE), "is a scene of a stash-box; name an object of an instance"),
        (("list", "--box", "kite"), "did you mean kitebox?"),
        (("list", "--box", "kitebox", "--entity", "tags"), "--box lists scenes of stash-boxes"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    commands: Commands, kite: str, arguments: tuple[str, ...], sentence: str
) -> None:
    code, _, error = commands.run(*(argument.format(kite=kite) for argument in arguments))
    assert code == 1 and sentence in error and "Traceback" not in error
    assert json.loads(commands.run("decisions", "--json")[1]) == []


@pytest.mark.parametrize("arguments", [("accept", "cats", "home:1", "away:2"), ("accept", "home:1"), ("show", "tags")])
def test_words_that_name_no_object_are_a_wrong_usage(commands: Commands, arguments: tuple[str, ...]) -> None:
    code, _, error = commands.run(*arguments)
    assert code == 2 and "home:17" in error
