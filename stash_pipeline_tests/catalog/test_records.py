"""What a golden record shows of the objects that it is made of."""

from datetime import date, datetime, timezone
from typing import Any

import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.warehouse.catalog.choices import choose, withdraw
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.catalog.working import Object, Servers

OLD, NEW = (datetime(year, 1, 1, tzinfo=timezone.utc) for year in (2020, 2024))


@pytest.fixture
def pair(servers: Servers) -> list[Object]:
    """Two scenes of two servers that are one, as old as each other; the servers have the same priority."""
    servers.execute("UPDATE ops.instances SET priority = 0, enabled = true")
    servers.execute("DELETE FROM matches.decisions")
    one, other = servers.pairs("scenes")[0]
    for scene in (one, other):
        servers.edit("scenes", scene, updated_at=NEW)
    servers.follow()
    return [one, other]


def follow(servers: Servers, pair: list[Object], **values: tuple[Any, Any]) -> dict[str, Any]:
    """The record of two scenes with these values."""
    for position, scene in enumerate(pair):
        servers.edit("scenes", scene, **{name: both[position] for name, both in values.items()})
    servers.follow()
    return servers.record_of("scenes", pair[0])


def source(servers: Servers, pair: list[Object], field: str) -> tuple[Any, str]:
    """(the position of the scene that a field is of, the rule that decided)."""
    record = servers.record_of("scenes", pair[0])
    instance, identifier, rule = servers.provenance(record["id"])[field]
    return (pair.index((instance, identifier)) if instance else None), rule


def test_the_instance_with_the_smaller_priority_comes_first(servers: Servers, pair: list[Object]) -> None:
    servers.execute("UPDATE ops.instances SET priority = 5 WHERE id = %s", [pair[0][0]])
    servers.edit("scenes", pair[0], updated_at=NEW)
    record = follow(servers, pair, title=("One", "Two"), code=("C1", ""), updated_at=(NEW, OLD))
    assert record["title"] == "Two" and source(servers, pair, "title") == (1, "priority")
    assert record["code"] == "C1" and source(servers, pair, "code") == (0, "only"), "an empty text is no value"


def test_a_disabled_instance_comes_last(servers: Servers, pair: list[Object]) -> None:
    servers.execute("UPDATE ops.instances SET enabled = false WHERE id = %s", [pair[0][0]])
    record = follow(servers, pair, title=("One", "Two"), updated_at=(NEW, OLD))
    assert record["title"] == "Two" and source(servers, pair, "title") == (1, "priority")


def test_of_equal_instances_the_newest_object_comes_first(servers: Servers, pair: list[Object]) -> None:
    record = follow(servers, pair, title=("One", "Two"), updated_at=(OLD, NEW))
    assert record["title"] == "Two" and source(servers, pair, "title") == (1, "newest")
    record = follow(servers, pair, title=("Same", "Same"))
    assert record["title"] == "Same" and source(servers, pair, "title") == (1, "agreed")


def test_the_last_criteria_are_length_and_the_lowest_id(servers: Servers, pair: list[Object]) -> None:
    record = follow(servers, pair, title=("One", "Three"), code=("B", "A"))
    assert record["title"] == "Three" and source(servers, pair, "title") == (1, "longest")
    assert record["code"] == "B" and source(servers, pair, "code") == (0, "lowest")


def test_the_longest_prose_survives(servers: Servers, pair: list[Object]) -> None:
    record = follow(servers, pair, details=("It is long.", "Short."), updated_at=(OLD, NEW))
    assert record["details"] == "It is long." and source(servers, pair, "details") == (0, "longest")


def test_a_day_survives_a_year(servers: Servers, pair: list[Object]) -> None:
    record = follow(
        servers,
        pair,
        date=(date(2020, 5, 17), date(2021, 1, 1)),
        date_text=("2020-05-17", "2021"),
        date_precision=("day", "year"),
        updated_at=(OLD, NEW),
    )
    assert (record["date"], record["date_text"], record["date_precision"]) == (date(2020, 5, 17), "2020-05-17", "day")
    assert source(servers, pair, "date") == (0, "precise")


def test_plays_are_summed_and_ratings_are_kept_per_instance(servers: Servers, pair: list[Object]) -> None:
    record = follow(
        servers,
        pair,
        play_count=(2, 3),
        play_duration=(1.5, None),
        o_counter=(None, None),
        rating100=(20, 80),
        resume_time=(300.0, 7.0),
        last_played_at=(OLD, NEW),
        organized=(True, False),
        updated_at=(NEW, OLD),
    )
    assert (record["play_count"], record["play_duration"], record["o_counter"]) == (5, 1.5, None)
    assert record["rating100"] == 20 and record["organized"] is True
    assert record["last_played_at"] == NEW and record["resume_time"] == 7.0
    assert source(servers, pair, "play_count") == (None, "sum")
    assert source(servers, pair, "resume_time") == (1, "played_last")
    found = servers.rows(
        "SELECT instance_id, object_id, rating100, play_count, organized FROM catalog.by_instance WHERE id = %s",
        [record["id"]],
    )
    assert sorted(found) == [(*pair[0], 20, 2, True), (*pair[1], 80, 3, False)]


def test_custom_fields_are_merged_key_by_key(servers: Servers, pair: list[Object]) -> None:
    record = follow(
        servers, pair, custom_fields=('{"a": 1, "b": 2}', '{"b": 3, "c": null}'), updated_at=(OLD, NEW)
    )  # fmt: skip
    assert record["custom_fields"] == {"a": 1, "b": 3, "c": None}
    assert source(servers, pair, "custom_fields") == (None, "merged")
    assert follow(servers, pair, custom_fields=(None, "{}"))["custom_fields"] == {}


def test_a_picture_of_its_own_survives_a_default_one(servers: Servers) -> None:
    servers.execute("UPDATE ops.instances SET priority = 0, enabled = true")
    one, other = servers.pairs("performers")[0]
    servers.edit("performers", one, image_path="/performer/1/image?default=true", updated_at=NEW)
    servers.edit("performers", other, image_path="/performer/2/image", updated_at=OLD)
    servers.follow()
    record = servers.record_of("performers", one)
    assert record["image_path"] == "/performer/2/image"
    assert servers.provenance(record["id"])["image_path"] == (*other, "own_picture")


def test_a_reference_is_that_of_the_record(servers: Servers, pair: list[Object]) -> None:
    studios = [
        servers.rows("SELECT id FROM stash.studios WHERE instance_id = %s ORDER BY id LIMIT 1", [scene[0]])[0][0]
        for scene in pair
    ]
    record = follow(servers, pair, studio_id=(None, studios[1]))
    assert record["studio_id"] == servers.record_of("studios", (pair[1][0], studios[1]))["id"]
    assert source(servers, pair, "studio") == (1, "only")


def test_studios_that_are_one_are_not_above_themselves(servers: Servers) -> None:
    one, other = servers.rows(
        "SELECT instance_id, min(id) FROM stash.studios GROUP BY 1 ORDER BY 1"
    )  # fmt: skip
    child = servers.rows("SELECT max(id) FROM stash.studios WHERE instance_id = %s", [one[0]])[0][0]
    servers.edit("studios", (one[0], child), parent_studio_id=one[1])
    servers.follow()
    assert servers.record_of("studios", (one[0], child))["parent_studio_id"] is not None
    servers.decide("studios", "same", (one[0], child), tuple(one))
    servers.follow()
    record = servers.record_of("studios", (one[0], child))
    assert record["objects"] >= 2 and record["parent_studio_id"] is None
    servers.decide("studios", "different", (one[0], child), tuple(one))
    servers.execute("UPDATE matches.decisions SET withdrawn_at = now() WHERE verdict = 'same'")
    servers.follow()
    assert other


def test_fields_on_which_instances_disagree(servers: Servers, pair: list[Object]) -> None:
    both = {"code": ("C", "C"), "details": ("", "Only one."), "director": ("Lo", "Mi"), "title": ("One", "Two")}
    record = follow(servers, pair, updated_at=(NEW, OLD), **both)
    found = servers.rows(
        "SELECT field, instance_id, object_id, value, survives FROM catalog.conflicts\n"
        "WHERE id = %s AND field IN ('code', 'details', 'director', 'title', 'screenshot_path', 'play_count')",
        [record["id"]],
    )
    assert sorted(found) == [
        ("director", *pair[0], "Lo", True),
        ("director", *pair[1], "Mi", False),
        ("title", *pair[0], "One", True),
        ("title", *pair[1], "Two", False),
    ]


def test_a_record_of_one_object_has_its_values(servers: Servers) -> None:
    ((instance, identifier),) = servers.rows(
        "SELECT m.instance_id, m.id FROM catalog.scenes AS r JOIN catalog.members AS m ON m.canonical_id = r.id\n"
        "WHERE r.objects = 1 ORDER BY 1, 2 LIMIT 1"
    )
    servers.edit("scenes", (instance, identifier), title="Alone", code="")
    servers.follow()
    record = servers.record_of("scenes", (instance, identifier))
    assert (record["title"], record["code"], record["objects"], record["instances"]) == ("Alone", None, 1, 1)
    provenance = servers.provenance(record["id"])
    assert provenance["title"] == (instance, identifier, "only") and "code" not in provenance


# --- choices ------------------------------------------------------------------------------------------------


def test_a_chosen_object_comes_before_every_other_criterion(servers: Servers, pair: list[Object]) -> None:
    servers.execute("UPDATE ops.instances SET priority = 5 WHERE id = %s", [pair[1][0]])
    follow(servers, pair, title=("One", "Two"), code=("C", None), updated_at=(NEW, OLD))
    with connect(servers.database_url) as connection:
        choose(connection, "scenes", *pair[1])
    servers.follow()
    record = servers.record_of("scenes", pair[0])
    assert (record["title"], record["code"]) == ("Two", "C"), "what it has no value for is filled"
    assert source(servers, pair, "title") == (1, "choice")
    with connect(servers.database_url) as connection:
        assert withdraw(connection, "scenes", *pair[1])
        assert not withdraw(connection, "scenes", *pair[1])
    servers.follow()
    assert servers.record_of("scenes", pair[0])["title"] == "One"


def test_a_choice_for_a_field_is_above_one_for_all_and_holds_if_empty(servers: Servers, pair: list[Object]) -> None:
    follow(servers, pair, title=("One", "Two"), code=("C", None), updated_at=(NEW, OLD))
    with connect(servers.database_url) as connection:
        choose(connection, "scenes", *pair[0])
        choose(connection, "scenes", *pair[1], "code")
    servers.follow()
    record = servers.record_of("scenes", pair[0])
    assert (record["title"], record["code"]) == ("One", None)
    assert source(servers, pair, "code") == (1, "choice")


def test_the_newer_of_two_choices_counts(servers: Servers, pair: list[Object]) -> None:
    follow(servers, pair, title=("One", "Two"), updated_at=(NEW, OLD))
    for chosen, title in ((1, "Two"), (0, "One"), (1, "Two")):
        with connect(servers.database_url) as connection:
            choose(connection, "scenes", *pair[chosen], "title")
        servers.follow()
        assert servers.record_of("scenes", pair[0])["title"] == title


def test_a_choice_holds_for_an_object_that_was_imported_again(servers: Servers, pair: list[Object]) -> None:
    follow(servers, pair, title=("One", "Two"), updated_at=(NEW, OLD), created_at=(OLD, OLD))
    with connect(servers.database_url) as connection:
        choose(connection, "scenes", *pair[1])
    record = follow(servers, pair, title=("One", "Two"), created_at=(OLD, NEW))
    assert record["title"] == "Two" and record["created_at"] == OLD, "its hashes are those that it had"


def test_choices_that_mean_nothing_are_refused(servers: Servers, pair: list[Object]) -> None:
    with connect(servers.database_url) as connection:
        with pytest.raises(UserError, match="No object can be chosen for play_count of scenes, only for title, code"):
            choose(connection, "scenes", *pair[0], "play_count")
        with pytest.raises(UserError, match="999999 does not exist"):
            choose(connection, "scenes", pair[0][0], 999_999)
        with pytest.raises(UserError, match="The catalog has no files; it has tags, studios"):
            choose(connection, "files", *pair[0])
    assert not servers.rows("SELECT * FROM matches.decisions")
