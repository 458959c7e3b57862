"""How right the automatic links are through the whole layer, on libraries whose seeds no rule was tuned with."""

from pathlib import Path

import pytest

from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.matches.conftest import Matched
from stash_pipeline_tests.matches.through_layer import evident_of, identities, match, quality
from stash_pipeline_tests.matching import truth


@pytest.mark.parametrize(("seed", "instances"), [(911, 2), pytest.param(912, 3, marks=pytest.mark.integration)])
def test_scenes_are_joined_rightly_where_hashes_speak(database: str, home: Path, seed: int, instances: int) -> None:
    made = truth.scenes(seed, 1500, instances)
    with connect(database) as connection:
        known = match(database, home, connection, made)
        found = quality(connection, "scenes", known, evident_of(made, known))
    assert found.with_evidence > 500
    assert found.precision >= 0.999, found.figures()
    assert found.recall >= 0.98, found.figures()
    # the traps were there, and every method: wrong ids, clips that resemble each other, two scenes of one server
    assert found.proposed["scenes:stash_id"][0] > 0 and found.refused["instance"] > 0
    assert {f"scenes:{name}" for name in ("oshash", "phash_exact", "phash_close", "phash", "stash_id", "path")} <= (
        found.merged.keys()
    )


@pytest.mark.parametrize(("seed", "instances"), [(911, 2), pytest.param(912, 3, marks=pytest.mark.integration)])
def test_performers_are_joined_rightly_where_more_than_a_name_agrees(
    database: str, home: Path, seed: int, instances: int
) -> None:
    made = truth.performers(seed, 2500, instances)
    with connect(database) as connection:
        known = match(database, home, connection, made)
        found = quality(connection, "performers", known, evident_of(made, known))
    assert found.with_evidence > 500
    assert found.precision >= 0.999, found.figures()
    assert found.recall >= 0.75, found.figures()
    wrong, right = found.proposed["performers:name"]
    assert wrong > right > 50, "names are shared: one alone does not merge"


def test_what_is_joined_of_the_other_kinds_is_the_same(matched: Matched, home: Path) -> None:
    with matched(home, 150, 3, True) as servers, connect(servers.database_url) as connection:
        libraries = {server.instance.id: server.stash.library for server in (servers.home, servers.away)}
        for entity in ("tags", "studios", "groups"):
            found = quality(connection, entity, identities(libraries, entity))
            assert found.found and not found.wrong, (entity, found.figures())
