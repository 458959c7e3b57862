"""The queries of docs/queries.md run on two servers that overlap, and their answers are right."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import psycopg
import pytest

from stash_pipeline.instances import add_instance, get_instance
from stash_pipeline.layers import LAYERS
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.warehouse.catalog.layer import CATALOG_LAYER
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.layers import shared as shared_layers
from stash_pipeline.warehouse.matches.layer import MATCHES_LAYER
from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.mirror.working import Mirror, generated, settings_for

PAGE: Final = (Path(__file__).parents[2] / "docs" / "queries.md").read_text("utf-8")
QUERIES: Final = {
    int(number): (title, query)
    for number, title, query in re.findall(r"### (\d+) ([^\n]+)\n\n```sql\n(.*?)```", PAGE, re.DOTALL)
}

Rows = list[dict[str, Any]]
Key = tuple[int, int]


class Demo:
    """Two servers as those of the demo, smaller, after a few edits."""

    def __init__(self, database_url: str) -> None:
        self.connection = psycopg.connect(database_url, autocommit=True)
        self.connection.execute("SET search_path = stash")
        self.connection.execute("SET timezone = 'UTC'")
        self.connection.execute("SET default_transaction_read_only = on")
        self.words = self._words()

    def rows(self, query: str) -> Rows:
        """The rows of a query."""
        cursor = self.connection.execute(query)
        columns = [column.name for column in cursor.description or []]
        return [dict(zip(columns, row, strict=True)) for row in cursor]

    def answer(self, number: int) -> Rows:
        """The answer of a query of the page, with names that the servers have."""
        query = QUERIES[number][1]
        for placeholder, word in self.words.items():
            query = query.replace(f"'{placeholder}'", "'" + word.replace("'", "''") + "'")
        return self.rows(query)

    def by_key(self, table: str) -> dict[Key, dict[str, Any]]:
        """The rows of an entity by instance and id."""
        return {(row["instance_id"], row["id"]): row for row in self.rows(f"SELECT * FROM {table}")}

    def named(self) -> dict[int, str]:
        """The names of the instances."""
        return {row["id"]: row["name"] for row in self.rows("SELECT id, name FROM ops.instances")}

    def primary_files(self) -> dict[Key, dict[str, Any]]:
        """The primary file of each scene that has one."""
        files = self.by_key("files")
        return {
            (row["instance_id"], row["scene_id"]): files[row["instance_id"], row["file_id"]]
            for row in self.rows("SELECT * FROM scene_files")
            if row["is_primary"]
        }

    def _words(self) -> dict[str, str]:
        """What stands in for the names of the page: what the first server has most of."""
        (performer,) = self.rows(
            "SELECT p.name FROM scene_performers j JOIN performers p ON p.instance_id = j.instance_id\n"
            "AND p.id = j.performer_id WHERE p.instance_id = 1\n"
            "GROUP BY p.id, p.name ORDER BY count(*) DESC, p.id LIMIT 1"
        )
        # two tags that a scene has, and one that it has not
        (scene,) = self.rows(
            "SELECT scene_id, array_agg(t.name ORDER BY t.id) AS names FROM scene_tags j\n"
            "JOIN tags t ON t.instance_id = j.instance_id AND t.id = j.tag_id WHERE t.instance_id = 1\n"
            "GROUP BY scene_id HAVING count(*) > 1 ORDER BY scene_id LIMIT 1"
        )
        used = self.rows("SELECT name FROM tags WHERE instance_id = 1 ORDER BY id DESC")
        third = next(row["name"] for row in used if row["name"] not in scene["names"])
        (parent,) = self.rows(
            "SELECT t.name FROM tag_parents p JOIN tags t ON t.instance_id = p.instance_id AND t.id = p.parent_id\n"
            "JOIN scene_tags j ON j.instance_id = p.instance_id AND j.tag_id = p.tag_id WHERE p.instance_id = 1\n"
            "GROUP BY t.id, t.name ORDER BY count(*) DESC, t.id LIMIT 1"
        )
        (marker,) = self.rows(
            "SELECT t.name FROM scene_markers m JOIN tags t ON t.instance_id = m.instance_id\n"
            "AND t.id = m.primary_tag_id\n"
            "WHERE m.instance_id = 1 GROUP BY t.id, t.name ORDER BY count(*) DESC, t.id LIMIT 1"
        )
        return {
            "NAME": performer["name"], "TAG": scene["names"][0], "SECOND": scene["names"][1], "THIRD": third,
            "MARKER TAG": marker["name"], "Pre": performer["name"][:3].upper(), "PARENT": parent["name"],
        }  # fmt: skip


@pytest.fixture(scope="module")
def demo(postgres: str, _template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The servers of the demo, read, edited, read again, matched and cataloged."""
    home = tmp_path_factory.mktemp("home")
    url = create_database(postgres, "queries", _template)
    for number, (name, release) in enumerate((("paris", "v0.30.1"), ("denver", "v0.27.2"))):
        library = generated(50, seed=number + 1, overlap_seed=7, variants=True)
        with connect(url) as connection:
            add_instance(connection, name, f"http://{name}.test:9999", home=home, lane="graphql", priority=number)
            instance = get_instance(connection, name)
        server = Mirror(url, instance, SimulatedStash(library, release=release), settings_for(home, url))
        if number == 0:
            # one file twice on this server
            server.sql(
                "UPDATE files_fingerprints SET fingerprint = (SELECT fingerprint FROM files_fingerprints\n"
                "WHERE file_id = 1 AND type = 'oshash') WHERE file_id = 2 AND type = 'oshash'",
                "INSERT INTO tags (name, created_at, updated_at)\n"
                "VALUES ('nothing has it', '2020-01-01T00:00:00Z', '2020-01-01T00:00:00Z')",
            )
        server.refresh()
        if number == 0:
            server.sql(
                "UPDATE scenes SET title = 'A new title', updated_at = '2030-01-01T00:00:00Z' WHERE id = 3",
                "DELETE FROM scenes WHERE id = 5",
            )
            server.refresh(mode="reconcile")
    with connect(url) as connection:
        for layer in (MATCHES_LAYER, CATALOG_LAYER):
            shared_layers.follow(connection, layer, LAYERS)
    made = Demo(url)
    yield made
    made.connection.close()
    drop_database(postgres, "queries")


def test_the_page_numbers_its_questions_and_asks_at_least_thirty() -> None:
    assert list(QUERIES) == list(range(1, PAGE.count("```sql") + 1))
    assert len(QUERIES) >= 30


@pytest.mark.parametrize("number", QUERIES, ids=[f"{number} {title}" for number, (title, _) in QUERIES.items()])
def test_each_query_has_an_answer(demo: Demo, number: int) -> None:
    assert demo.answer(number)


# --- the answers, computed in another way --------------------------------------------------------------------


def test_the_space_of_each_resolution_is_that_of_its_primary_files(demo: Demo) -> None:
    names = demo.named()
    expected: Counter[str] = Counter()
    scenes: Counter[str] = Counter()
    for key, file in demo.primary_files().items():
        expected[names[key[0]]] += file["size"]
        scenes[names[key[0]]] += 1
    found, counted = Counter[str](), Counter[str]()
    for row in demo.answer(1):
        counted[row["instance"]] += row["scenes"]
        found[row["instance"]] += int(row["bytes"] or 0)
    assert found == expected
    assert sum(counted.values()) == len(demo.by_key("scenes")) >= sum(scenes.values())


def test_scenes_that_deserve_a_better_copy(demo: Demo) -> None:
    files, scenes = demo.primary_files(), demo.by_key("scenes")
    expected = {
        (demo.named()[key[0]], key[1])
        for key, scene in scenes.items()
        if (scene["rating100"] or 0) >= 60 and key in files and min(files[key]["width"], files[key]["height"]) < 1080
    }
    assert {(row["instance"], row["id"]) for row in demo.answer(3)} == expected


def test_files_that_a_server_has_twice(demo: Demo) -> None:
    groups: dict[str, set[int]] = defaultdict(set)
    for row in demo.rows("SELECT * FROM file_fingerprints WHERE type = 'oshash' AND instance_id = 1"):
        groups[row["value"]].add(row["file_id"])
    found = {row["checksum"]: (row["copies_here"], len(row["paths"])) for row in demo.answer(4)}
    expected = {value: (len(files), len(files)) for value, files in groups.items() if len(files) > 1}
    assert expected and {key: one for key, one in found.items() if key in groups} == expected


def test_scenes_that_lack_something(demo: Demo) -> None:
    has = {
        name: {(row["instance_id"], row["scene_id"]) for row in demo.rows(f"SELECT * FROM scene_{name}")}
        for name in ("performers", "tags")
    }
    expected = {
        (demo.named()[key[0]], key[1], scene["studio_id"] is None, key not in has["performers"], key not in has["tags"])
        for key, scene in demo.by_key("scenes").items()
    }
    assert {tuple(row.values())[:2] + tuple(row.values())[3:] for row in demo.answer(8)} == {
        one for one in expected if any(one[2:])
    }


def test_scenes_of_a_performer(demo: Demo) -> None:
    performers = demo.by_key("performers")
    expected = sum(
        performers[row["instance_id"], row["performer_id"]]["name"] == demo.words["NAME"]
        for row in demo.rows("SELECT * FROM scene_performers")
    )
    rows = demo.answer(13)
    assert len(rows) == expected and all(demo.words["NAME"] in row["performers"] for row in rows)


def test_who_appears_together(demo: Demo) -> None:
    performers = demo.by_key("performers")
    together: dict[int, list[str]] = defaultdict(list)
    for row in demo.rows("SELECT * FROM scene_performers WHERE instance_id = 1 ORDER BY performer_id"):
        together[row["scene_id"]].append(performers[1, row["performer_id"]]["name"])
    pairs = Counter(pair for names in together.values() for pair in combinations(names, 2))
    found = {(row["one"], row["other"]): row["scenes"] for row in demo.answer(14)}
    assert found == {pair: pairs[pair] for pair in found}
    assert max(found.values()) == max(pairs.values()) and len(found) == min(20, len(pairs))


def _below(demo: Demo, instance: int, name: str) -> set[int]:
    tags = {key[1] for key, tag in demo.by_key("tags").items() if key[0] == instance and tag["name"] == name}
    while True:
        more = {
            row["tag_id"]
            for row in demo.rows(f"SELECT * FROM tag_parents WHERE instance_id = {instance}")
            if row["parent_id"] in tags
        } - tags
        if not more:
            return tags
        tags |= more


@pytest.mark.parametrize("word", ["TAG", "PARENT"])
def test_scenes_with_a_tag_or_one_below_it(demo: Demo, word: str) -> None:
    name = demo.words[word]
    expected = {
        (demo.named()[row["instance_id"]], row["scene_id"])
        for instance in (1, 2)
        for row in demo.rows(f"SELECT * FROM scene_tags WHERE instance_id = {instance}")
        if row["tag_id"] in _below(demo, instance, name)
    }
    quoted = "'" + name.replace("'", "''") + "'"
    rows = demo.rows(QUERIES[16][1].replace("'TAG'", quoted))
    assert len(rows) == len(expected)
    assert {(row["instance"], row["id"]) for row in rows} == expected


def test_scenes_with_two_tags_and_without_a_third(demo: Demo) -> None:
    tags: dict[Key, set[str]] = defaultdict(set)
    names = demo.by_key("tags")
    for row in demo.rows("SELECT * FROM scene_tags"):
        tags[row["instance_id"], row["scene_id"]].add(names[row["instance_id"], row["tag_id"]]["name"])
    wanted = {demo.words["TAG"], demo.words["SECOND"]}
    expected = {key for key, own in tags.items() if wanted <= own and demo.words["THIRD"] not in own}
    numbers = {name: number for number, name in demo.named().items()}
    assert {(numbers[row["instance"]], row["id"]) for row in demo.answer(17)} == expected


def test_scenes_of_networks(demo: Demo) -> None:
    studios = demo.by_key("studios")

    def root(key: Key) -> Key:
        while (above := studios[key]["parent_studio_id"]) is not None:
            key = (key[0], above)
        return key

    expected = Counter(
        root((key[0], scene["studio_id"])) for key, scene in demo.by_key("scenes").items() if scene["studio_id"]
    )
    found = Counter({(row["instance"], row["network"]): row["scenes"] for row in demo.answer(19)})
    assert found == Counter({(demo.named()[key[0]], studios[key]["name"]): n for key, n in expected.items()})


def test_whom_i_watch_most(demo: Demo) -> None:
    scenes = demo.by_key("scenes")
    played: Counter[Key] = Counter()
    for row in demo.rows("SELECT * FROM scene_performers"):
        scene = scenes[row["instance_id"], row["scene_id"]]
        played[row["instance_id"], row["performer_id"]] += scene["play_count"] or 0
    performers, names = demo.by_key("performers"), demo.named()
    expected = {(names[key[0]], performers[key]["name"], count) for key, count in played.items() if count}
    found = {(row["instance"], row["name"], row["play_count"]) for row in demo.answer(21)}
    assert found <= expected and len(found) == min(20, len(expected))


def test_plays_by_month_and_by_hour(demo: Demo) -> None:
    moments = [row["played_at"] for row in demo.rows("SELECT * FROM scene_plays")]
    months = Counter(moment.date().replace(day=1) for moment in moments)
    assert {row["month"]: row["plays"] for row in demo.answer(23)} == months
    hours = Counter(moment.astimezone(ZoneInfo("Europe/Paris")).hour for moment in moments)
    assert {row["hour"]: row["plays"] for row in demo.answer(24)} == hours


def test_changes_are_those_that_were_made(demo: Demo) -> None:
    rows = demo.answer(27)
    assert ("paris", 3, "changed", "A new title") in {tuple(row.values())[1:4] + (row["title"],) for row in rows}
    assert ("paris", 5, "removed", None) in {tuple(row.values())[1:4] + (row["title"],) for row in rows}
    assert len(rows) == 2


def test_the_catalog_has_each_scene_once(demo: Demo) -> None:
    members: dict[Any, set[int]] = defaultdict(set)
    copies: Counter[Any] = Counter()
    for row in demo.rows("SELECT * FROM catalog.members WHERE entity = 'scenes'"):
        members[row["canonical_id"]].add(row["instance_id"])
        copies[row["canonical_id"]] += 1
    expected: dict[int, tuple[int, int]] = {}
    for identity, instances in members.items():
        scenes, objects = expected.get(len(instances), (0, 0))
        expected[len(instances)] = scenes + 1, objects + copies[identity]
    assert {row["servers"]: (row["scenes"], int(row["copies"])) for row in demo.answer(29)} == expected
    assert {1, 2} <= expected.keys()
    alone = Counter(demo.named()[next(iter(one))] for one in members.values() if len(one) == 1)
    assert Counter(row["instance"] for row in demo.answer(30)) == alone
    assert demo.answer(33)[0]["scenes"] == len(members)
