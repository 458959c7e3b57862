"""The page about the catalog has the rules as they are, and its queries answer what it says."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from stash_pipeline.warehouse.catalog.documentation import with_rules
from stash_pipeline_tests.catalog.boxes import Boxes
from stash_pipeline_tests.catalog.documented import DocumentedServers
from stash_pipeline_tests.catalog.example import example
from stash_pipeline_tests.matches.conftest import database

__all__ = ["database"]

PAGE = (Path(__file__).parents[2] / "docs" / "catalog.md").read_text("utf-8")
QUERIES = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def servers(database: str, home: Path) -> Iterator[DocumentedServers]:
    with example(database, home) as made:
        yield made


def test_the_page_has_the_rules_as_they_are() -> None:
    assert with_rules(PAGE) == PAGE, "run python -m stash_pipeline.warehouse.catalog.documentation docs"


def test_the_queries_of_the_page_answer_what_they_say(servers: DocumentedServers) -> None:
    home, attic = servers.instances
    assert home.id == 1, "as on the page"
    boxes = Boxes(servers, servers.home)
    boxes.register()
    boxes.link("performers", (home.id, 17), "a1")
    boxes.answer("performers", {"a1": {"id": "a1", "country": "SE"}, "c3": {"id": "c3", "country": "SE"}})
    servers.follow()
    best, disagree, both, only, source, picture, below, changes, provided, proposed = QUERIES
    kites, boat, lantern = (servers.record_of("scenes", (home.id, number))["id"] for number in (1, 4, 12))
    anna = servers.record_of("performers", (home.id, 17))["id"]

    assert sorted(row[1:5] for row in servers.rows(best)) == [
        ("Boat trip", "attic", "/media/1.mp4", 2160), ("Kites", "home", "/media/1.mp4", 1080)]  # fmt: skip
    assert servers.rows(disagree) == [("performers", "birthdate", {"home": "1990-04-02", "attic": "1990"}, anna)]
    assert sorted(servers.rows(both)) == sorted([(kites, "Kites"), (boat, "Boat trip")])
    assert servers.rows(only) == [(lantern, "Lantern walk")]
    assert servers.rows(source) == [("title", "home", 12, "only")]
    assert ("Anna Marlow", f"{home.url}/performer/17/image?t=1") in servers.rows(picture)
    tagged = [servers.record_of("scenes", one)["id"] for one in ((home.id, 1), (home.id, 12), (attic.id, 1))]
    assert sorted(row[0] for row in servers.rows(below)) == sorted(tagged)
    everything = servers.rows("SELECT entity, id FROM catalog.changes")
    assert sorted(row[:2] for row in servers.rows(changes.replace("41", "0"))) == sorted(everything) != []
    assert servers.rows(provided) == [("performers", anna, "country", "kitebox", "a1")]
    boxes.merge("performers", "a1", "c3")
    servers.follow()
    assert servers.rows(proposed) == [("home", "performers", 17, "stash_id", "c3", "a1")]
