"""Pages, order, filters and ids of the find queries."""

from typing import Any

import pytest

from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline_tests.simulator.conftest import Make, data, only_error

SCENES = "query($f:FindFilterType,$s:SceneFilterType){findScenes(filter:$f,scene_filter:$s){count scenes{id}}}"


def _find(stash: SimulatedStash, find: dict[str, Any] | None = None, **filter_: Any) -> tuple[int, list[int]]:
    found = data(stash.execute(SCENES, {"f": find, "s": filter_ or None}))["findScenes"]
    return found["count"], [int(one["id"]) for one in found["scenes"]]


def test_the_default_page_size_is_25(reader: SimulatedStash) -> None:
    count, ids = _find(reader, {"sort": "id"})
    assert (count, ids) == (200, list(range(1, 26)))


def test_per_page_minus_one_returns_all_rows_and_zero_only_the_count(reader: SimulatedStash) -> None:
    assert _find(reader, {"per_page": -1, "sort": "id"}) == (200, list(range(1, 201)))
    assert _find(reader, {"per_page": 0}) == (200, [])


def test_pages_are_offsets_into_the_order(reader: SimulatedStash) -> None:
    assert _find(reader, {"per_page": 7, "page": 3, "sort": "id", "direction": "DESC"})[1] == list(range(186, 179, -1))
    assert _find(reader, {"per_page": 150, "page": 3, "sort": "id"}) == (200, [])


def test_scenes_without_a_sort_are_not_in_id_order(reader: SimulatedStash) -> None:
    ids = _find(reader, {"per_page": -1})[1]
    assert sorted(ids) == list(range(1, 201))
    assert ids != sorted(ids)


def test_keyset_pages_reach_every_scene_once(reader: SimulatedStash) -> None:
    seen: list[int] = []
    while True:
        last = seen[-1] if seen else 0
        page = _find(reader, {"per_page": 30, "sort": "id"}, id={"value": last, "modifier": "GREATER_THAN"})[1]
        if not page:
            break
        seen += page
    assert seen == list(range(1, 201))


@pytest.mark.parametrize(
    ("criterion", "expected"),
    [
        ({"value": 5, "modifier": "EQUALS"}, [5]),
        ({"value": 197, "modifier": "GREATER_THAN"}, [198, 199, 200]),
        ({"value": 3, "modifier": "LESS_THAN"}, [1, 2]),
        ({"value": 10, "value2": 12, "modifier": "BETWEEN"}, [10, 11, 12]),
        ({"value": 3, "value2": 199, "modifier": "NOT_BETWEEN"}, [1, 2, 200]),
        ({"value": 0, "modifier": "IS_NULL"}, []),
    ],
)
def test_the_id_filter_supports_every_modifier(
    reader: SimulatedStash, criterion: dict[str, Any], expected: list[int]
) -> None:
    assert _find(reader, {"per_page": -1, "sort": "id"}, id=criterion)[1] == expected


def test_objects_are_returned_in_the_order_of_requested_ids(reader: SimulatedStash) -> None:
    answer = data(reader.execute('{findScenes(ids:["9","2","5"]){count scenes{id}}}'))
    assert answer["findScenes"] == {"count": 3, "scenes": [{"id": "9"}, {"id": "2"}, {"id": "5"}]}


def test_an_unknown_or_repeated_id_fails_the_whole_response(reader: SimulatedStash) -> None:
    answer = reader.execute('{findScenes(ids:["1","999999"]){count}}')
    assert answer == {
        "errors": [{"message": "scene with id 999999 not found", "path": ["findScenes"]}],
        "data": None,
    }
    assert only_error(reader.execute('{findTags(ids:["77777"]){count}}')) == "tag with id 77777 not found"
    assert "duplicate id found: 1" in only_error(reader.execute('{findScenes(ids:["1","1"]){count}}'))


def test_an_unknown_single_id_is_null(reader: SimulatedStash) -> None:
    aliased = '{a:findScene(id:"1"){id} b:findScene(id:"999"){id} c:findTag(id:"999"){id}}'
    assert data(reader.execute(aliased)) == {"a": {"id": "1"}, "b": None, "c": None}


@pytest.mark.parametrize(("value", "all_or_none"), [("", True), ("2020", True), ("abc", False), ("1999-01-01", True)])
def test_invalid_timestamps_compare_as_texts_or_numbers(reader: SimulatedStash, value: str, all_or_none: bool) -> None:
    criterion = {"value": value, "modifier": "GREATER_THAN"}
    assert _find(reader, {"per_page": 0}, updated_at=criterion)[0] == (200 if all_or_none else 0)


def test_the_zone_of_a_timestamp_is_not_interpreted(reader: SimulatedStash) -> None:
    stamp = reader.library.scalar("SELECT updated_at FROM scenes WHERE id = 1")
    only = {"value": 1, "modifier": "EQUALS"}

    def newer(text: str) -> int:
        return _find(reader, {}, id=only, updated_at={"value": text, "modifier": "GREATER_THAN"})[0]

    assert newer(stamp) == 0
    assert newer(stamp[:19]) == 1  # without its offset the same second is greater
    assert newer(stamp[:19] + "-11:00") == 0  # far later in truth, but "-" sorts after "+"


def test_an_unsupported_timestamp_modifier_is_an_internal_error(reader: SimulatedStash) -> None:
    criterion = {"value": "2020-01-01", "modifier": "INCLUDES"}
    answer = reader.execute(SCENES, {"s": {"updated_at": criterion}})
    assert "unsupported date modifier" in only_error(answer)
    assert answer["data"] is None


def test_an_unsupported_filter_is_an_error_and_never_ignored(reader: SimulatedStash) -> None:
    answer = reader.execute(SCENES, {"s": {"performer_age": {"value": 3, "modifier": "EQUALS"}}})
    assert only_error(answer) == "the simulated server cannot filter by Scene performer_age"


@pytest.mark.parametrize("direction", ["ASC", "DESC"])
@pytest.mark.parametrize("sort", ["rating", "title", "organized", "last_played_at", "updated_at", "file_count"])
def test_pages_in_any_order_make_up_the_whole_list(reader: SimulatedStash, sort: str, direction: str) -> None:
    order = {"sort": sort, "direction": direction}
    pages = [_find(reader, {**order, "per_page": 7, "page": page})[1] for page in range(1, 30)]
    assert [id for page in pages for id in page] == _find(reader, {**order, "per_page": -1})[1]


def test_an_unknown_sort_is_rejected(reader: SimulatedStash) -> None:
    assert only_error(reader.execute(SCENES, {"f": {"sort": "nope"}})) == "invalid sort: nope"


def test_titles_sort_naturally(make: Make) -> None:
    stash = make(scenes=4)
    for number, title in enumerate(("Part 10", "part 2", "PART 1", "Another"), 1):
        stash.library.execute("UPDATE scenes SET title = ? WHERE id = ?", (title, number))
    assert _find(stash, {"sort": "title"})[1] == [4, 3, 2, 1]


def test_scenes_can_be_filtered_by_relations(reader: SimulatedStash) -> None:
    tag = reader.library.scalar("SELECT tag_id FROM scenes_tags GROUP BY tag_id ORDER BY COUNT(*) DESC LIMIT 1")
    expected = [
        row[0]
        for row in reader.library.tuples("SELECT scene_id FROM scenes_tags WHERE tag_id = ? ORDER BY scene_id", (tag,))
    ]
    everything = {"per_page": -1, "sort": "id"}
    included = _find(reader, everything, tags={"value": [str(tag)], "modifier": "INCLUDES"})[1]
    excluded = _find(reader, everything, tags={"value": [str(tag)], "modifier": "EXCLUDES"})[1]
    assert included == expected
    assert sorted(included + excluded) == list(range(1, 201))
    name = reader.library.scalar("SELECT name FROM tags WHERE id = ?", (tag,))
    nested = {"name": {"value": name, "modifier": "EQUALS"}}
    assert _find(reader, everything, tags_filter=nested)[1] == expected


def test_filters_can_be_combined(reader: SimulatedStash) -> None:
    low = {"id": {"value": 4, "modifier": "LESS_THAN"}}
    either = {**low, "OR": {"id": {"value": 198, "modifier": "GREATER_THAN"}}}
    assert _find(reader, {"per_page": -1, "sort": "id"}, **either)[1] == [1, 2, 3, 199, 200]
    without = {**low, "NOT": {"id": {"value": 2, "modifier": "EQUALS"}}}
    assert _find(reader, {"per_page": -1, "sort": "id"}, **without)[1] == [1, 3]


def test_duplicates_are_groups_of_near_hashes(make: Make) -> None:
    stash = make(scenes=6)
    stash.library.execute("DELETE FROM files_fingerprints WHERE type = 'phash'")
    files = dict(stash.library.tuples('SELECT scene_id, file_id FROM scenes_files WHERE "primary" = 1'))
    hashes = {1: 0x0F, 2: 0x0E, 3: 0x0C, 4: -1}
    scenes = list(files)[:4]
    for scene, value in zip(scenes, hashes.values(), strict=True):
        stash.library.execute("INSERT INTO files_fingerprints VALUES (?, 'phash', ?)", (files[scene], value))
        stash.library.execute("UPDATE video_files SET duration = 60 WHERE file_id = ?", (files[scene],))

    def groups(distance: int) -> list[set[int]]:
        found = data(stash.execute(f"{{findDuplicateScenes(distance:{distance}){{id}}}}"))
        return [{int(one["id"]) for one in group} for group in found["findDuplicateScenes"]]

    assert groups(0) == []
    assert groups(1) == [set(scenes[:3])]  # through the one in the middle


def test_a_null_in_a_non_null_field_propagates_to_its_parents(make: Make) -> None:
    """The reason not to use deprecated fields."""
    stash = make(release="v0.20.2")
    stash.library.execute("DELETE FROM scenes_files WHERE scene_id = 2")
    query = '{findScenes(filter:{sort:"id",per_page:3}){scenes{id file{duration}}}}'
    answer = stash.execute(query)
    assert answer == {
        "errors": [{"message": "must not be null", "path": ["findScenes", "scenes", 1, "file"]}],
        "data": None,
    }


@pytest.mark.parametrize(
    ("release", "message"),
    [("v0.26", "must not be null"), ("v0.27", "the requested element is null which the schema does not allow")],
)
def test_a_time_that_was_never_set_is_null_whatever_the_schema_says(make: Make, release: str, message: str) -> None:
    stash = make(release=release)
    never = (
        "0001-01-01T00:00:00Z",
        "0001-01-01 00:00:00+00:00",
        "0001-01-01T02:00:00+02:00",
        "0000-12-31T20:00:00-04:00",
    )
    for scene, time in enumerate((*never, "0001-01-01T00:00:00+02:00", "0001-01-01T00:00:00.5Z"), 1):
        stash.library.execute("UPDATE scenes SET created_at = ? WHERE id = ?", (time, scene))
    stash.library.execute("DELETE FROM scenes_view_dates WHERE scene_id = 6")
    stash.library.execute("INSERT INTO scenes_view_dates VALUES (6, '2020-01-01T00:00:00Z'), (6, ?)", (never[0],))

    def refused(fields: str) -> list[list[Any]]:
        answer = stash.execute('{findScenes(filter:{sort:"id",per_page:6}){scenes{' + fields + "}}}")
        assert answer["data"] is None and {error["message"] for error in answer["errors"]} == {message}
        return [error["path"][2:] for error in answer["errors"]]

    assert refused("created_at") == [[place, "created_at"] for place in range(4)]
    assert refused("play_history") == [[5, "play_history", 1]]
    stash.library.execute("DELETE FROM scenes_view_dates WHERE view_date LIKE '2020%'")
    answer = stash.execute("{findScene(id:6){last_played_at}}")
    assert answer["data"]["findScene"]["last_played_at"] is None


def test_media_can_be_filtered_by_missing_fields(reader: SimulatedStash) -> None:
    for query, filter_type, table in (
        ("findScenes", "SceneFilterType", "scenes"),
        ("findGalleries", "GalleryFilterType", "galleries"),
        ("findImages", "ImageFilterType", "images"),
    ):
        argument = filter_type.replace("FilterType", "").lower() + "_filter"
        document = f'{{{query}({argument}:{{is_missing:"studio"}}){{count}}}}'
        expected = reader.library.scalar(f"SELECT COUNT(*) FROM {table} WHERE studio_id IS NULL")
        assert data(reader.execute(document))[query]["count"] == expected


def test_search_words_must_all_occur(reader: SimulatedStash) -> None:
    title = reader.library.scalar("SELECT title FROM scenes WHERE title LIKE '% % %' ORDER BY id LIMIT 1")
    number = reader.library.scalar("SELECT id FROM scenes WHERE title = ?", (title,))
    assert number in _find(reader, {"q": title, "per_page": -1})[1]
    assert _find(reader, {"q": f"{title} nowhere-to-be-found"})[0] == 0
