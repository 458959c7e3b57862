"""What stash-boxes add to the catalog, and what is proposed for the servers."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import pytest

from stash_pipeline.instances import Instance, edit_instance
from stash_pipeline.warehouse.catalog.choices import choose, withdraw
from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.stashbox.fields import BOX_FIELDS
from stash_pipeline.warehouse.stashbox.touched import publish_objects
from stash_pipeline_tests.catalog.boxes import Boxes
from stash_pipeline_tests.catalog.working import Object, Servers, same_servers
from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.mirror.working import stop_looking
from stash_pipeline_tests.stashbox.test_candidates import answer, due, scene


@dataclass(frozen=True)
class Prepared:
    """A database to copy, and what is in it."""

    name: str
    instances: list[Instance]
    ids: list[int]
    pair: list[Object]
    alone: Object


@pytest.fixture(scope="module")
def prepared(postgres: str, _with_catalog: list[Instance], tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """Servers with a catalog, two boxes without records, and a few objects that are linked to these."""
    name, home = "with_boxes", tmp_path_factory.mktemp("home")
    servers = same_servers(create_database(postgres, name, "with_catalog"), home, _with_catalog)
    boxes = Boxes(servers, home)
    boxes.register()
    pair = servers.pairs("performers")[0]
    for performer in pair:
        for number, key in enumerate(("a1", "b1")):
            boxes.link("performers", performer, key, number=number)
        servers.edit(
            "performers", performer, disambiguation=None, country=None, death_date=None, death_date_text=None,
            death_date_precision=None, height_cm=None, hair_color="Red", career_length=None,
        )  # fmt: skip
    ((instance, identifier),) = servers.rows(
        "SELECT m.instance_id, m.id FROM catalog.tags AS t JOIN catalog.members AS m ON m.canonical_id = t.id\n"
        "WHERE t.objects = 1 ORDER BY 1, 2 LIMIT 1"
    )
    alone = instance, identifier
    boxes.link("tags", alone, "a2")
    servers.edit("tags", alone, description=None)
    servers.follow()
    stop_looking()
    return Prepared(name, _with_catalog, boxes.ids, pair, alone)


@pytest.fixture
def servers(postgres: str, prepared: Prepared, home: Path) -> Iterator[Servers]:
    """A copy of the test's own."""
    url = create_database(postgres, "with_boxes_copy", prepared.name)
    yield same_servers(url, home, prepared.instances)
    stop_looking()
    drop_database(postgres, "with_boxes_copy")


@pytest.fixture
def boxes(servers: Servers, prepared: Prepared) -> Boxes:
    """Two boxes without records."""
    return Boxes(servers, servers.home, prepared.ids)


@pytest.fixture
def pair(prepared: Prepared) -> list[Object]:
    """Two performers of two servers that are one and have few values, both linked to record a1 of the first box."""
    return prepared.pair


@pytest.fixture
def alone(prepared: Prepared) -> Object:
    """A tag that no other server has, linked to record a2 of the first box, without a description."""
    return prepared.alone


def source(servers: Servers, entity: str, one: Object, field: str) -> tuple[Any, ...]:
    """(instance, object, rule, endpoint, id on the box) of a field."""
    record = servers.record_of(entity, one)
    rows = servers.rows(
        "SELECT instance_id, object_id, rule, endpoint_id, box_id FROM catalog.provenance WHERE id = %s AND field = %s",
        [record["id"], field],
    )
    assert len(rows) <= 1
    return rows[0] if rows else ()


def proposals(servers: Servers, one: Object, entity: str = "performers") -> dict[str, tuple[Any, ...]]:
    """(endpoint, id on the box, value, what it replaces) by field."""
    rows = servers.rows(
        "SELECT field, endpoint_id, box_id, value, replaces FROM matches.stashbox_proposals\n"
        "WHERE entity = %s AND instance_id = %s AND id = %s",
        [entity, *one],
    )
    return {row[0]: row[1:] for row in rows}


def test_a_box_fills_in_what_no_server_has(servers: Servers, boxes: Boxes, pair: list[Object]) -> None:
    boxes.answer("performers", {"a1": {"id": "a1", "country": "SE", "height": 170, "hair_color": "BLACK"}})
    servers.follow()
    record = servers.record_of("performers", pair[0])
    assert (record["country"], record["height_cm"], record["hair_color"]) == ("SE", 170, "Red")
    assert (record["objects"], record["instances"]) == (2, 2), "a box is no object"
    assert source(servers, "performers", pair[0], "country") == (None, None, "stash_box", boxes.ids[0], "a1")
    assert source(servers, "performers", pair[0], "hair_color")[2:] == ("priority", None, None)


def test_the_share_of_a_box_is_counted(servers: Servers, boxes: Boxes, pair: list[Object]) -> None:
    boxes.answer("performers", {"a1": {"id": "a1", "country": "SE", "height": 170, "hair_color": "BLACK"}})
    servers.follow()
    servers.execute("DELETE FROM catalog.sources")
    details = servers.follow(rebuild=True).tables["catalog.sources"].details
    counted = dict(
        servers.rows(
            "SELECT 'stash-box: ' || e.name, count(*) FROM catalog.provenance AS p\n"
            "JOIN ops.stashbox_endpoints AS e ON e.id = p.endpoint_id GROUP BY 1\n"
            "UNION ALL SELECT 'rule: ' || p.rule, count(*) FROM catalog.provenance AS p\n"
            "JOIN catalog.sources AS s ON s.id = p.id GROUP BY 1"
        )
    )
    assert {name: count for name, count in details.items() if not name.startswith("instance: ")} == counted
    assert counted["stash-box: kitebox"] == counted["rule: stash_box"] >= 2


def test_a_record_of_one_object_gets_values_of_a_box(servers: Servers, boxes: Boxes, alone: Object) -> None:
    boxes.answer("tags", {"a2": {"id": "a2", "description": "Of paper"}})
    servers.follow()
    record = servers.record_of("tags", alone)
    assert (record["description"], record["objects"], record["instances"]) == ("Of paper", 1, 1)
    assert source(servers, "tags", alone, "description") == (None, None, "stash_box", boxes.ids[0], "a2")
    assert source(servers, "tags", alone, "name") == (*alone, "only", None, None)
    boxes.answer("tags", {"a2": {"id": "a2", "description": None}})
    servers.follow()
    assert servers.record_of("tags", alone)["description"] is None
    assert source(servers, "tags", alone, "description") == ()


def test_what_changes_with_time_is_of_the_box(servers: Servers, boxes: Boxes, pair: list[Object]) -> None:
    servers.edit("performers", pair[0], career_length="2001 -")
    boxes.answer("performers", {"a1": {"id": "a1", "career_start_year": 2001, "career_end_year": 2010}})
    servers.follow()
    assert servers.record_of("performers", pair[0])["career_length"] == "2001 - 2010"
    assert source(servers, "performers", pair[0], "career_length") == (None, None, "stash_box", boxes.ids[0], "a1")


def test_a_persons_choice_comes_before_a_box(servers: Servers, boxes: Boxes, pair: list[Object]) -> None:
    servers.edit("performers", pair[0], career_length="2001 -")
    boxes.answer("performers", {"a1": {"id": "a1", "career_start_year": 2001, "career_end_year": 2010}})
    with connect(servers.database_url) as connection:
        choose(connection, "performers", *pair[0], "career_length")
        choose(connection, "performers", *pair[1], "country")
    servers.follow()
    record = servers.record_of("performers", pair[0])
    assert (record["career_length"], record["country"]) == ("2001 -", None)
    with connect(servers.database_url) as connection:
        assert withdraw(connection, "performers", *pair[0], "career_length")


def test_dates_of_a_box_keep_their_precision(servers: Servers, boxes: Boxes, pair: list[Object]) -> None:
    boxes.answer("performers", {"a1": {"id": "a1", "death_date": "2020-05"}})
    servers.follow()
    record = servers.record_of("performers", pair[0])
    shown = record["death_date"], record["death_date_text"], record["death_date_precision"]
    assert shown == (date(2020, 5, 1), "2020-05", "month")


def test_of_two_boxes_the_one_registered_first_comes_first(servers: Servers, boxes: Boxes, pair: list[Object]) -> None:
    boxes.answer("performers", {"b1": {"id": "b1", "country": "NO", "height": 180}}, number=1)
    boxes.answer("performers", {"a1": {"id": "a1", "country": "SE"}})
    servers.follow()
    record = servers.record_of("performers", pair[0])
    assert (record["country"], record["height_cm"]) == ("SE", 180)
    assert source(servers, "performers", pair[0], "height_cm") == (None, None, "stash_box", boxes.ids[1], "b1")


def test_of_several_ids_of_one_box_none_counts(servers: Servers, boxes: Boxes, pair: list[Object]) -> None:
    boxes.answer("performers", {"a1": {"id": "a1", "country": "SE"}})
    boxes.link("performers", pair[1], "c3")
    servers.follow()
    assert servers.record_of("performers", pair[0])["country"] is None, "c3 was never read, and may be another one"
    boxes.answer("performers", {"c3": {"id": "c3", "deleted": True}})
    servers.follow()
    assert servers.record_of("performers", pair[0])["country"] == "SE", "a dead id is none"
    boxes.answer("performers", {"c3": {"id": "c3", "country": "NO"}})
    servers.follow()
    assert servers.record_of("performers", pair[0])["country"] is None


def test_ids_that_were_merged_lead_to_their_successors(servers: Servers, boxes: Boxes, pair: list[Object]) -> None:
    boxes.answer("performers", {"c3": {"id": "c3", "country": "SE"}, "d4": {"id": "d4", "country": "NO"}})
    boxes.merge("performers", "a1", "c3")
    servers.follow()
    assert source(servers, "performers", pair[0], "country")[2:] == ("stash_box", boxes.ids[0], "c3")
    boxes.answer("performers", {"c3": {"id": "c3", "country": "DK"}})
    servers.follow()
    assert servers.record_of("performers", pair[0])["country"] == "DK"
    boxes.merge("performers", "c3", "d4")
    servers.follow()
    assert servers.record_of("performers", pair[0])["country"] == "NO"


@pytest.mark.parametrize("fate", [{"id": "a1", "name": "", "deleted": True}, None])
def test_a_dead_record_gives_no_values(
    servers: Servers, boxes: Boxes, pair: list[Object], fate: dict[str, Any] | None
) -> None:
    boxes.answer("performers", {"a1": {"id": "a1", "country": "SE"}})
    servers.follow()
    for expected in ("SE", None) if fate is None else (None,):
        boxes.answer("performers", {"a1": fate})
        servers.follow()
        assert servers.record_of("performers", pair[0])["country"] == expected, "what is missing once is not believed"


def test_a_record_that_was_not_read_for_long_is_stale(servers: Servers, boxes: Boxes, pair: list[Object]) -> None:
    record = {"id": "a1", "country": "SE"}
    boxes.answer("performers", {"a1": record})
    boxes.wait("performers", days=89)
    servers.follow()
    assert servers.record_of("performers", pair[0])["country"] == "SE"
    boxes.wait("performers", days=2)
    servers.follow()
    assert servers.record_of("performers", pair[0])["country"] is None and not proposals(servers, pair[0])
    boxes.answer("performers", {"a1": record})
    servers.follow()
    assert servers.record_of("performers", pair[0])["country"] == "SE"


@pytest.mark.parametrize("setting", ["enabled", "feed_catalog"])
def test_a_box_that_may_not_feed_the_catalog_does_not(
    servers: Servers, boxes: Boxes, pair: list[Object], setting: str
) -> None:
    boxes.answer("performers", {"a1": {"id": "a1", "country": "SE"}})
    for allowed in (False, True):
        boxes.edit(**{setting: allowed})
        servers.follow()
        assert (servers.record_of("performers", pair[0])["country"] == "SE") == allowed
        assert bool(proposals(servers, pair[0])) == (allowed or setting == "feed_catalog")


def test_an_instance_can_opt_out(servers: Servers, boxes: Boxes, pair: list[Object]) -> None:
    boxes.answer("performers", {"a1": {"id": "a1", "country": "SE"}})
    boxes.link("performers", pair[1])
    (name,) = (one.instance.name for one in servers.servers if one.instance.id == pair[0][0])
    for allowed in (False, True):
        with connect(servers.database_url) as connection:
            edit_instance(connection, name, home=boxes.home, use_stash_boxes=allowed)
        servers.follow()
        assert (servers.record_of("performers", pair[0])["country"] == "SE") == allowed
        assert bool(proposals(servers, pair[0])) == allowed


def test_conflicts_show_a_box_that_disagrees(servers: Servers, boxes: Boxes, pair: list[Object]) -> None:
    boxes.answer("performers", {"a1": {"id": "a1", "hair_color": "BLACK", "country": "SE"}})
    servers.follow()
    identity = servers.record_of("performers", pair[0])["id"]
    rows = servers.rows(
        "SELECT instance_id, value, survives, endpoint_id, box_id FROM catalog.conflicts\n"
        "WHERE entity = 'performers' AND id = %s AND field = 'hair_color' ORDER BY instance_id",
        [identity],
    )
    assert rows[2] == (None, "Black", False, boxes.ids[0], "a1")
    assert [row[:2] for row in rows[:2]] == [(one[0], "Red") for one in sorted(pair)]
    assert sum(row[2] for row in rows) == 1
    fields = {row[0] for row in servers.rows("SELECT field FROM catalog.conflicts WHERE id = %s", [identity])}
    assert "country" not in fields, "to fill in is not to disagree"


def test_nothing_is_written_when_a_box_says_the_same(servers: Servers, boxes: Boxes, pair: list[Object]) -> None:
    record = {"id": "a1", "country": "SE", "hair_color": "BLACK"}
    boxes.answer("performers", {"a1": record})
    servers.follow()
    before = servers.row_versions()
    boxes.answer("performers", {"a1": record})
    servers.edit("performers", pair[0], country=None)
    servers.follow()
    assert servers.row_versions() == before


def test_empty_fields_are_proposed_for_each_server(servers: Servers, boxes: Boxes, pair: list[Object]) -> None:
    boxes.answer("performers", {"a1": {"id": "a1", "country": "SE", "height": 170, "hair_color": "BLACK"}})
    servers.edit("performers", pair[1], country="NO")
    servers.follow()
    expected = {"country": (boxes.ids[0], "a1", "SE", None), "height_cm": (boxes.ids[0], "a1", "170", None)}
    assert proposals(servers, pair[0]) == expected
    assert proposals(servers, pair[1]) == {"height_cm": expected["height_cm"]}


def test_the_successor_of_a_dead_id_is_proposed(servers: Servers, boxes: Boxes, pair: list[Object]) -> None:
    boxes.answer("performers", {"c3": {"id": "c3"}})
    boxes.merge("performers", "a1", "c3")
    servers.follow()
    assert proposals(servers, pair[0])["stash_id"] == (boxes.ids[0], "c3", "c3", "a1")
    boxes.link("performers", pair[0], "a1", "c3")
    servers.follow()
    assert proposals(servers, pair[0]) == {}


def test_a_matched_scene_is_linked_as_long_as_it_is_matched(servers: Servers, boxes: Boxes) -> None:
    linked = {
        row[:2]
        for row in servers.rows(
            "SELECT o.instance_id, o.id FROM stash.scene_stash_ids AS x\n"
            "JOIN catalog.members AS m ON m.entity = 'scenes' AND m.instance_id = x.instance_id AND m.id = x.scene_id\n"
            "JOIN catalog.members AS o ON o.canonical_id = m.canonical_id"
        )
    }
    with connect(servers.database_url) as connection:
        lookup = next(one for one in due(connection, boxes.ids[0]) if one.oshashes and not linked & {*one.scenes})
        for one in lookup.scenes:
            servers.edit("scenes", one, director=None)
        answer(connection, boxes.ids[0], {lookup: [scene("e5", lookup, director="A. Person")]})
    servers.follow()
    one = lookup.scenes[0]
    assert servers.record_of("scenes", one)["director"] == "A. Person"
    proposed = proposals(servers, one, "scenes")
    assert proposed["stash_id"] == (boxes.ids[0], "e5", "e5", None)
    assert proposed["director"] == (boxes.ids[0], "e5", "A. Person", None)
    with connect(servers.database_url) as connection, connection.transaction():
        # the log names the files alone
        for instance, file in connection.execute(
            "DELETE FROM stash.file_fingerprints AS p USING stash.scene_files AS x\n"
            "WHERE x.instance_id = p.instance_id AND x.file_id = p.file_id\n"
            "    AND (x.instance_id, x.scene_id) IN (SELECT * FROM unnest(%s::integer[], %s::bigint[]))\n"
            "RETURNING p.instance_id, p.file_id",
            [[each[0] for each in lookup.scenes], [each[1] for each in lookup.scenes]],
        ).fetchall():
            publish_objects(connection, "files", [(instance, file)])
    servers.follow()
    assert servers.record_of("scenes", one)["director"] is None and not proposals(servers, one, "scenes")
    assert servers.contents() == servers.rebuilt()


DOCUMENTS = [
    ("scenes", {"title": " Kites ", "code": "", "details": 5}, {"title": "Kites", "code": None, "details": None}),
    ("scenes", {"release_date": "2015-05", "date": "2015-05-01"}, {"date": "2015-05"}),
    ("scenes", {"release_date": None, "date": "2015-01-01"}, {"date": "2015"}),
    ("scenes", {"date": "2015-05-01"}, {"date": "2015-05"}),
    ("scenes", {"date": "2015-01-07"}, {"date": "2015-01-07"}),
    ("scenes", {"release_date": "2015-02-30"}, {"date": None}),
    ("performers", {"gender": "TRANSGENDER_FEMALE"}, {"gender": "TRANSGENDER_FEMALE"}),
    ("performers", {"gender": "SOMETHING_NEW"}, {"gender": None}),
    ("performers", {"birthdate": {"date": "1990-01-01", "accuracy": "YEAR"}}, {"birthdate": "1990"}),
    ("performers", {"birth_date": "1990-02-03", "birthdate": {"date": "1991-01-01"}}, {"birthdate": "1990-02-03"}),
    ("performers", {"ethnicity": "MIDDLE_EASTERN"}, {"ethnicity": "Middle Eastern"}),
    ("performers", {"eye_color": "HAZEL"}, {"eye_color": "Hazel"}),
    ("performers", {"hair_color": ["RED"]}, {"hair_color": None}),
    ("performers", {"height": 0}, {"height_cm": None}),
    ("performers", {"height": 170}, {"height_cm": 170}),
    ("performers", {"height": 99999999999}, {"height_cm": None}),
    ("performers", {"breast_type": "NATURAL"}, {"fake_tits": "Natural"}),
    ("performers", {"breast_type": "NA"}, {"fake_tits": None}),
    ("performers", {"band_size": 34, "cup_size": "C", "waist_size": 24, "hip_size": 35}, {"measurements": "34C-24-35"}),
    (
        "performers",
        {"measurements": {"band_size": 34, "cup_size": "C", "waist": 24, "hip": 35}},
        {"measurements": "34C-24-35"},
    ),
    ("performers", {"band_size": 34, "cup_size": "C", "waist_size": None, "hip_size": 35}, {"measurements": None}),
    ("performers", {"career_start_year": 2001, "career_end_year": None}, {"career_length": "2001 -"}),
    ("performers", {"career_start_year": None, "career_end_year": 2010}, {"career_length": "- 2010"}),
    ("performers", {"career_start_year": 2001, "career_end_year": 2010}, {"career_length": "2001 - 2010"}),
    ("performers", {"career_start_year": None}, {"career_length": None}),
    (
        "performers",
        {"tattoos": [{"location": "Arm", "description": "Kite"}, {"location": "Back", "description": None}]},
        {"tattoos": "Arm, Kite; Back"},
    ),
    ("performers", {"tattoos": "a kite", "piercings": []}, {"tattoos": None, "piercings": None}),
    ("performers", {"piercings": [5, None, {"location": None}]}, {"piercings": None}),
    ("tags", {"name": "Kites", "description": ""}, {"name": "Kites", "description": None}),
    ("studios", {"name": "Kite Works"}, {"name": "Kite Works"}),
]  # fmt: skip


@pytest.mark.parametrize(("entity", "document", "expected"), DOCUMENTS)
def test_values_of_documents_are_as_stash_writes_them(
    warehouse: str, entity: str, document: dict[str, Any], expected: dict[str, Any]
) -> None:
    columns = ", ".join(f"{value} AS {field}" for field, value in BOX_FIELDS[entity].items() if field in expected)
    names = [field for field in BOX_FIELDS[entity] if field in expected]
    with connect(warehouse) as connection:
        row = connection.execute(
            f"SELECT {columns} FROM (SELECT %s::jsonb AS document) AS d", [orjson.dumps(document).decode()]
        ).fetchone()
    assert row and dict(zip(names, row, strict=True)) == expected
