"""What agrees and what contradicts between two objects."""

from dataclasses import replace

import pytest

from stash_pipeline.matching.compare import File, Performer, Scene, compare_performers, compare_scenes
from stash_pipeline.matching.compare_named import (
    Named,
    compare_galleries,
    compare_groups,
    compare_images,
    compare_studios,
    compare_tags,
)
from stash_pipeline.matching.dates import PartialDate
from stash_pipeline.matching.names import independent_names, name_keys
from stash_pipeline.matching.rule_table import AGREEMENTS, CONTRADICTIONS
from stash_pipeline.matching.rules import evaluate

ANNA = Performer(frozenset({"anna bright"}), PartialDate(1990, 5, 3), frozenset({("box", "1")}))


@pytest.mark.parametrize(
    ("changes", "agrees", "differs"),
    [
        ({}, {"name", "birthdate", "birth_year", "stash_id"}, set()),
        ({"names": frozenset({"anna brigt"})}, {"typo", "birthdate", "birth_year", "stash_id"}, set()),
        ({"names": frozenset({"mira stone"})}, {"birthdate", "birth_year", "stash_id"}, {"names_differ"}),
        ({"names": frozenset()}, {"birthdate", "birth_year", "stash_id"}, set()),
        ({"birthdate": PartialDate(1990, 1, 1)}, {"name", "birth_year", "stash_id"}, set()),
        ({"birthdate": PartialDate(1990, 3, 5)}, {"name", "stash_id"}, set()),
        ({"birthdate": PartialDate(1991, 5, 3)}, {"name", "stash_id"}, {"birthdate_differs"}),
        ({"birthdate": PartialDate(1991)}, {"name", "stash_id"}, {"birth_year_differs"}),
        ({"birthdate": None}, {"name", "stash_id"}, set()),
        ({"stash_ids": frozenset({("box", "2")})}, {"name", "birthdate", "birth_year"}, set()),
        ({"stash_ids": frozenset({("other", "1")})}, {"name", "birthdate", "birth_year"}, set()),
        ({"stash_ids": {*ANNA.stash_ids, ("box", "2")}}, {"name", "birthdate", "birth_year", "stash_id"}, set()),
    ],
)  # fmt: skip
def test_performers_agree_and_contradict(changes: dict[str, object], agrees: set[str], differs: set[str]) -> None:
    found = compare_performers(ANNA, replace(ANNA, **changes))  # type: ignore[arg-type]
    assert found.agreements.keys() == agrees
    assert found.contradictions.keys() == differs


def test_a_disambiguation_or_gender_counts_where_both_have_one() -> None:
    one = replace(ANNA, disambiguation="painter", gender="FEMALE")
    assert not compare_performers(one, ANNA).contradictions
    other = replace(ANNA, disambiguation="singer", gender="MALE")
    assert compare_performers(one, other).contradictions.keys() == {"disambiguation_differs", "gender_differs"}
    assert "disambiguation" in compare_performers(one, one).agreements


def test_an_abbreviation_is_no_second_name() -> None:
    assert independent_names({"anna bright", "anna", "anna b", "a bright", "bright"}) == ["anna bright"]
    assert independent_names({"anna bright", "mira stone"}) == ["anna bright", "mira stone"]
    assert independent_names({"anna bright", "bright anna"}) == ["anna bright"], "the family name first"
    assert independent_names({"anna anna", "anna"}) == ["anna anna"]
    assert independent_names({"anna bright", "anna anna"}) == ["anna bright", "anna anna"]
    assert independent_names([]) == []
    one = replace(ANNA, names=frozenset({"anna bright", "anna"}))
    assert "two_names" not in compare_performers(one, one).agreements
    two = replace(ANNA, names=frozenset({"anna bright", "mira stone"}))
    assert compare_performers(two, two).agreements["two_names"] == ["anna bright", "mira stone"]


FILE = File(oshash="a", phash=0xF0F0, duration=600_000, path="studio/title.mp4")
SCENE = Scene((FILE,))


@pytest.mark.parametrize(
    ("changes", "agrees", "differs"),
    [
        ({}, {"oshash", "phash", "phash_close", "phash_exact", "path", "duration"}, set()),
        ({"oshash": "", "path": ""}, {"phash", "phash_close", "phash_exact", "duration"}, set()),
        ({"oshash": "b", "phash": None, "path": "x/title.mp4"}, {"duration", "file_name"}, set()),
        ({"oshash": "b", "path": "", "phash": 0xF0FF}, {"phash", "phash_close", "duration"}, set()),
        ({"oshash": "b", "path": "", "phash": 0xFFFF}, {"phash", "duration"}, set()),
        ({"oshash": "b", "path": "", "phash": 0x1FFFF}, {"duration"}, set()),
        ({"oshash": "b", "path": "", "phash": 2**40 - 1}, {"duration"}, {"phash_differs"}),
        ({"oshash": "b", "path": "", "phash": None}, {"duration"}, set()),
        ({"oshash": "b", "path": "", "duration": 602_000}, {"phash", "phash_exact", "duration"}, set()),
        ({"oshash": "b", "path": "", "duration": 605_001}, set(), set()),
        ({"oshash": "b", "path": "", "duration": 700_000}, set(), {"duration_differs"}),
        ({"oshash": "b", "path": "", "duration": -1}, set(), set()),
        ({"path": "", "duration": 603_000}, {"oshash", "phash", "duration"}, {"duration_differs_same_hash"}),
        ({"oshash": "b", "path": "", "weak": True}, {"phash_weak", "duration"}, set()),
    ],
)  # fmt: skip
def test_files_agree_and_contradict(changes: dict[str, object], agrees: set[str], differs: set[str]) -> None:
    other = Scene((replace(FILE, **changes),))  # type: ignore[arg-type]
    for found in (compare_scenes(SCENE, other), compare_scenes(other, SCENE)):
        assert found.agreements.keys() == agrees
        assert found.contradictions.keys() == differs


def test_the_best_file_of_a_scene_counts() -> None:
    other = Scene((File("b", "", 2**40 - 1, 900_000), FILE))
    found = compare_scenes(SCENE, other)
    assert "oshash" in found.agreements and not found.contradictions


def test_a_file_name_alone_is_no_path() -> None:
    found = compare_scenes(Scene((File(path="title.mp4"),)), Scene((File(path="title.mp4"),)))
    assert found.agreements.keys() == {"file_name"}


def test_metadata_of_scenes() -> None:
    one = Scene((), title="a", studio="s", date=PartialDate(2020, 1, 2), performers=frozenset({"x", "y"}), code="7")
    assert compare_scenes(one, one).agreements.keys() == {"title", "studio", "date", "performers", "code"}
    other = replace(one, performers=frozenset({"z"}), date=PartialDate(2021, 1, 2), title="", code="")
    found = compare_scenes(one, other)
    assert found.agreements.keys() == {"studio"}
    assert found.contradictions.keys() == {"performers_differ", "date_differs"}


def test_parts_of_one_title_are_different_scenes() -> None:
    one, other = replace(SCENE, title="night train part 1"), replace(SCENE, title="night train part 2")
    assert compare_scenes(one, other).contradictions.keys() == {"part_differs"}
    assert not compare_scenes(one, one).contradictions


STUDIO = Named(
    "bright pictures", frozenset({"bright films"}), frozenset({("box", "1")}), parents=frozenset({"bright group"})
)


@pytest.mark.parametrize(
    ("changes", "agrees", "differs"),
    [
        ({}, {"name", "stash_id", "parent"}, set()),
        ({"name": "bright films", "aliases": frozenset()}, {"alias", "stash_id", "parent"}, set()),
        ({"name": "stone films", "aliases": frozenset()}, {"stash_id", "parent"}, {"names_differ"}),
        ({"parents": frozenset({"stone group"})}, {"name", "stash_id"}, {"parent_differs"}),
        ({"parents": frozenset()}, {"name", "stash_id"}, set()),
    ],
)
def test_studios_agree_and_contradict(changes: dict[str, object], agrees: set[str], differs: set[str]) -> None:
    found = compare_studios(STUDIO, replace(STUDIO, **changes))  # type: ignore[arg-type]
    assert found.agreements.keys() == agrees
    assert found.contradictions.keys() == differs
    evaluate("studios", *found)


def test_tags_agree_by_name_or_alias() -> None:
    one = Named("outdoors", frozenset({"outside"}))
    assert compare_tags(one, one).agreements.keys() == {"name"}
    assert compare_tags(one, Named("outside")).agreements.keys() == {"alias"}
    assert compare_tags(one, Named("indoors")).contradictions.keys() == {"names_differ"}
    evaluate("tags", *compare_tags(one, Named("indoors")))


def test_groups_agree_and_contradict() -> None:
    one = Named("night train vol 1", date=PartialDate(2020, 5, 3), director="anna bright", studio="s")
    assert compare_groups(one, one).agreements.keys() == {"name", "date", "director", "studio"}
    other = replace(one, name="night train vol 2", date=PartialDate(2021))
    found = compare_groups(one, other)
    assert found.agreements.keys() == {"director", "studio"}
    assert found.contradictions.keys() == {"part_differs", "date_differs"}
    evaluate("groups", *found)


def test_the_comparisons_can_tell_every_contradiction_that_has_an_effect() -> None:
    far = {"phash": 2**40 - 1, "duration": 900_000, "oshash": "b"}
    scenes = [
        compare_scenes(SCENE, Scene((replace(FILE, **far),))),  # type: ignore[arg-type]
        compare_scenes(SCENE, Scene((replace(FILE, duration=650_000),))),
        compare_scenes(replace(SCENE, title="a 1"), replace(SCENE, title="a 2")),
        compare_scenes(replace(SCENE, performers=frozenset("x")), replace(SCENE, performers=frozenset("y"))),
    ]
    told = {("scenes", name) for found in scenes for name in found.contradictions}
    asked = {(one.kind, one.name) for one in CONTRADICTIONS if one.kind == "scenes" and one.effect != "ignore"}
    assert told == asked


def test_the_comparisons_can_tell_every_agreement_of_the_table() -> None:
    names = frozenset({"anna bright", "mira stone"})
    performer = replace(ANNA, names=names, urls=("u",), disambiguation="painter", rare_names=names)
    file = replace(FILE, md5="m")
    day = PartialDate(2020, 5, 3)
    scene = Scene((file,), (("box", "1"),), ("u",), "title", day, "code", "studio", ("anna",))
    texts = frozenset({"x"})
    named = Named("name", frozenset({"other"}), frozenset({("box", "1")}), texts, texts, day, "anna", "studio")
    filed = replace(named, hashes=texts, paths=frozenset({"folder/file"}))
    renamed = replace(named, name="other", aliases=frozenset())
    comparisons = {
        "performers": [
            compare_performers(performer, performer),
            compare_performers(ANNA, replace(ANNA, names=frozenset({"anna brigt"}))),
        ],
        "scenes": [
            compare_scenes(scene, scene),
            compare_scenes(Scene((file,)), Scene((replace(file, weak=True, path="elsewhere/title.mp4"),))),
        ],
        "studios": [compare_studios(named, named), compare_studios(named, renamed)],
        "tags": [compare_tags(named, named), compare_tags(named, renamed)],
        "groups": [compare_groups(named, named), compare_groups(named, renamed)],
        "galleries": [compare_galleries(filed, filed)],
        "images": [compare_images(filed, filed)],
    }
    told = {kind: {name for found in many for name in found.agreements} for kind, many in comparisons.items()}
    assert told == {kind: set(families) for kind, families in AGREEMENTS.items()}


def test_thousands_of_aliases_are_compared_and_a_few_are_evidence() -> None:
    many = [f"alias {number} of many" for number in range(3000)]
    agrees, _ = compare_performers(Performer(name_keys("Anna", many)), Performer(name_keys("Mira", many)))
    assert len(agrees["name"]) == len(agrees["two_names"]) == 10
    others = [f"another {number} of many" for number in range(3000)]
    agrees, differs = compare_performers(Performer(name_keys("Anna", many)), Performer(name_keys("Mira", others)))
    assert not agrees and [len(names) for names in differs["names_differ"]] == [10, 10]
    others.append("alais 7 of many")
    agrees, _ = compare_performers(Performer(name_keys("Anna", many)), Performer(name_keys("Mira", others)))
    assert agrees["typo"] == ("alias 7 of many", "alais 7 of many")
