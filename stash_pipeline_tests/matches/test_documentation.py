"""The queries of docs/matching.md answer what the page says."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from stash_pipeline.layers import LAYERS
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.layers import shared as shared_layers
from stash_pipeline.warehouse.matches.duplicates_layer import DUPLICATES_LAYER
from stash_pipeline_tests.catalog.documented import DocumentedServers
from stash_pipeline_tests.catalog.example import example
from stash_pipeline_tests.matches.conftest import database

__all__ = ["database"]

PAGE = (Path(__file__).parents[2] / "docs/matching.md").read_text("utf-8")
QUERIES = {
    title.strip().rstrip(":"): query
    for title, query in re.findall(r"([^\n]*\n?[^\n]*):\n\n```sql\n(.*?)```", PAGE, re.S)
}
"""By the words before each."""


@pytest.fixture
def servers(database: str, home: Path) -> Iterator[DocumentedServers]:
    with example(database, home) as made:
        with connect(database) as connection:
            shared_layers.follow(connection, DUPLICATES_LAYER, LAYERS)
        yield made


def test_the_queries_of_the_page_answer_what_they_say(servers: DocumentedServers) -> None:
    home, attic = (instance.id for instance in servers.instances)
    answers = {title: servers.rows(query) for title, query in QUERIES.items()}
    both = answers.pop("On both servers")
    assert sorted(sorted(objects) for _, objects in both) == [["attic:1", "home:4"], ["attic:3", "home:1", "home:2"]]
    assert answers.pop("Only at home") == [(12, "Lantern walk")]
    ((entity, *sides, rule, confidence, evidence),) = answers.pop("For a person to decide, the most confident first")
    assert (entity, sides, rule) == ("performers", [home, 18, attic, 4], "performers:name")
    assert 0 < confidence < 1 and "name" in str(evidence)
    size = servers.rows("SELECT size FROM stash.files WHERE instance_id = %s AND id = 2", [home])[0][0]
    ((name, path, freed, reasons, loses),) = answers.pop("What can go on each server, the largest first")
    assert (name, path, freed, loses) == ("home", "/media/2.mp4", size, {}) and reasons
    assert answers.pop("Byte for byte the same, on one server, with nothing to lose") == [(home, 2, 2, size)]
    best = answers.pop("The best copy of each scene, of those that are there several times")
    assert sorted(row[1:] for row in best) == [
        ("attic", 1, "Boat trip", 3840, 2160, "h264"),
        ("home", 1, "Kites", 1920, 1080, "h264"),
    ]
    lost = answers.pop("Tags that merging the copies into the best one of their server would lose")
    assert lost == [("Outdoor", 1)]
    assert answers == {} and len(QUERIES) == PAGE.count("```sql\n")
