"""Which mutations change updated_at, and which do not."""

from typing import Any

import pytest

from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline_tests.simulator.conftest import Clock, Make, data, only_error

TABLES = (
    "scenes", "scene_markers", "performers", "studios", "tags", "groups", "galleries", "galleries_chapters",
    "images", "files", "folders",
)  # fmt: skip
NOW = "2026-06-01T12:00:00+02:00"
Stamps = dict[tuple[str, int], str]


def _stamps(stash: SimulatedStash) -> Stamps:
    return {
        (table, row["id"]): row["updated_at"]
        for table in TABLES
        for row in stash.library.rows(f'SELECT id, updated_at FROM "{table}"')
    }


def _bumped(stash: SimulatedStash, document: str) -> set[tuple[str, int]]:
    """The rows whose updated_at a mutation changed, except destroyed and new rows."""
    before = _stamps(stash)
    data(stash.execute(document))
    after = _stamps(stash)
    moved = {key for key, stamp in after.items() if key in before and before[key] != stamp}
    assert all(after[key] == NOW for key in moved)
    return moved


def _prepare(stash: SimulatedStash) -> None:
    """Relations for the events to act on."""
    library = stash.library
    library.execute("DELETE FROM scene_markers")
    library.execute("DELETE FROM groups_relations")
    library.execute("DELETE FROM galleries_images")
    library.execute("DELETE FROM tags_relations")
    data(
        stash.execute(
            """mutation{
        a: sceneMarkerCreate(input:{title:"m",seconds:5,scene_id:"2",primary_tag_id:"1"}){id}
        b: sceneUpdate(input:{id:"1",tag_ids:["1","2"],performer_ids:["1"],studio_id:"1"}){id}
        c: addGalleryImages(input:{gallery_id:"1",image_ids:["1","2"]})
        d: galleryChapterCreate(input:{gallery_id:"1",image_index:1,title:"c"}){id}
        e: addGroupSubGroups(input:{containing_group_id:"1",sub_groups:[{group_id:"2"},{group_id:"3"}]})
        f: studioUpdate(input:{id:"2",parent_id:"1"}){id}
        g: sceneAddPlay(id:"1",times:["2026-01-02T03:04:05Z"]){count}
    }"""
        )
    )
    for table in TABLES:
        library.execute(f"UPDATE \"{table}\" SET updated_at = '2020-01-01T00:00:00+01:00'")


EVENTS: list[tuple[str, set[tuple[str, int]]]] = [
    ('sceneUpdate(input:{id:"1"}){id}', {("scenes", 1)}),
    ('sceneUpdate(input:{id:"1",rating100:50,tag_ids:["3"],gallery_ids:["1"]}){id}', {("scenes", 1)}),
    ('bulkSceneUpdate(input:{ids:["1","2"],organized:true}){id}', {("scenes", 1), ("scenes", 2)}),
    ('scenesUpdate(input:[{id:"1"},{id:"3"}]){id}', {("scenes", 1), ("scenes", 3)}),
    ('sceneUpdate(input:{id:"1",resume_time:9,play_count:4,o_counter:3}){id}', {("scenes", 1)}),
    ('sceneAddPlay(id:"1"){count}', set()),
    ('sceneDeletePlay(id:"1"){count}', set()),
    ('sceneResetPlayCount(id:"1")', set()),
    ('sceneAddO(id:"1"){count}', set()),
    ('sceneDeleteO(id:"1"){count}', set()),
    ('sceneResetO(id:"1")', set()),
    ('sceneIncrementO(id:"1")', set()),
    ('sceneSaveActivity(id:"1",resume_time:3,playDuration:2)', set()),
    ('sceneResetActivity(id:"1",reset_resume:true)', set()),
    ('imageIncrementO(id:"1")', set()),
    ('imageResetO(id:"1")', set()),
    ('sceneMarkerCreate(input:{title:"n",seconds:1,scene_id:"1",primary_tag_id:"1"}){id}', set()),
    ('sceneMarkerUpdate(input:{id:"MARKER",seconds:7}){id}', {("scene_markers", -1)}),
    ('bulkSceneMarkerUpdate(input:{ids:["MARKER"],title:"x"}){id}', {("scene_markers", -1)}),
    ('sceneMarkerDestroy(id:"MARKER")', set()),
    ('sceneMerge(input:{source:["2"],destination:"1"}){id}', {("scenes", 1)}),
    ('tagUpdate(input:{id:"2",name:"renamed",parent_ids:["3"]}){id}', {("tags", 2)}),
    ('bulkTagUpdate(input:{ids:["2"],favorite:true}){id}', {("tags", 2)}),
    ('tagsMerge(input:{source:["2"],destination:"3"}){id}', set()),
    ('tagDestroy(input:{id:"2"})', set()),
    ('performerUpdate(input:{id:"1",custom_fields:{partial:{a:1}}}){id}', {("performers", 1)}),
    ('bulkPerformerUpdate(input:{ids:["1"],country:"IS"}){id}', {("performers", 1)}),
    ('performerDestroy(input:{id:"1"})', set()),
    ('studioUpdate(input:{id:"2",parent_id:null}){id}', {("studios", 2)}),
    ('bulkStudioUpdate(input:{ids:["1"],favorite:true}){id}', {("studios", 1)}),
    ('studioDestroy(input:{id:"1"})', set()),
    ('groupUpdate(input:{id:"1",name:"renamed"}){id}', {("groups", 1)}),
    ('addGroupSubGroups(input:{containing_group_id:"2",sub_groups:[{group_id:"3"}]})', set()),
    ('removeGroupSubGroups(input:{containing_group_id:"1",sub_group_ids:["2"]})', set()),
    ('reorderSubGroups(input:{group_id:"1",sub_group_ids:["3"],insert_at_id:"2"})', set()),
    ('groupDestroy(input:{id:"1"})', set()),
    ('galleryUpdate(input:{id:"1",scene_ids:["1"]}){id}', {("galleries", 1)}),
    ('addGalleryImages(input:{gallery_id:"1",image_ids:["3"]})', {("galleries", 1)}),
    ('removeGalleryImages(input:{gallery_id:"1",image_ids:["1"]})', {("galleries", 1)}),
    ('setGalleryCover(input:{gallery_id:"1",cover_image_id:"2"})', {("galleries", 1)}),
    ('resetGalleryCover(input:{gallery_id:"1"})', {("galleries", 1)}),
    ('imageUpdate(input:{id:"3",gallery_ids:["1"]}){id}', {("galleries", 1), ("images", 3)}),
    ('imageUpdate(input:{id:"3",rating100:1}){id}', {("images", 3)}),
    ('galleryChapterUpdate(input:{id:"CHAPTER",title:"d"}){id}', {("galleries_chapters", -1)}),
    ('galleryChapterDestroy(id:"CHAPTER")', set()),
    ('galleryDestroy(input:{ids:["1"]})', set()),
    ('imageDestroy(input:{id:"1"})', set()),
    ('sceneDestroy(input:{id:"1"})', set()),
    ('fileSetFingerprints(input:{id:"1",fingerprints:[{type:"phash",value:"ff"}]})', set()),
    ('moveFiles(input:{ids:["1"],destination_folder:"/media/moved"})', {("files", 1)}),
    ('saveFilter(input:{mode:SCENES,name:"new"}){id}', set()),
    ("execSQL(sql:\"UPDATE scenes SET title = 'behind the back' WHERE id = 1\"){rows_affected}", set()),
]


@pytest.mark.parametrize(("event", "expected"), EVENTS, ids=[event.split("(")[0] for event, _ in EVENTS])
def test_an_event_updates_the_timestamps_of_exactly_the_named_rows(
    stash: SimulatedStash, event: str, expected: set[tuple[str, int]]
) -> None:
    _prepare(stash)
    marker = stash.library.scalar("SELECT MAX(id) FROM scene_markers")
    chapter = stash.library.scalar("SELECT MAX(id) FROM galleries_chapters")
    event = event.replace("MARKER", str(marker)).replace("CHAPTER", str(chapter))
    own = {"scene_markers": marker, "galleries_chapters": chapter}
    wanted = {(table, own[table] if number < 0 else number) for table, number in expected}
    assert _bumped(stash, "mutation{" + event + "}") == wanted


def test_a_merge_moves_markers_without_updating_their_timestamps(stash: SimulatedStash) -> None:
    _prepare(stash)
    marker = stash.library.scalar("SELECT MAX(id) FROM scene_markers")
    data(stash.execute('mutation{sceneMerge(input:{source:["2"],destination:"1"}){id}}'))
    found = stash.library.rows("SELECT scene_id, updated_at FROM scene_markers WHERE id = ?", (marker,))
    assert found == [{"scene_id": 1, "updated_at": "2020-01-01T00:00:00+01:00"}]
    assert data(stash.execute('{findScene(id:"2"){id}}')) == {"findScene": None}


def test_merged_tags_become_aliases_and_their_markers_follow(stash: SimulatedStash) -> None:
    _prepare(stash)
    name = stash.library.scalar("SELECT name FROM tags WHERE id = 1")
    answer = data(stash.execute('mutation{tagsMerge(input:{source:["1"],destination:"4"}){id aliases}}'))
    assert name in answer["tagsMerge"]["aliases"]
    markers = data(stash.execute("{findSceneMarkers{scene_markers{primary_tag{id}}}}"))
    assert [one["primary_tag"]["id"] for one in markers["findSceneMarkers"]["scene_markers"]] == ["4"]


def test_destroying_a_studio_clears_references_to_it(stash: SimulatedStash) -> None:
    _prepare(stash)
    data(stash.execute('mutation{studioDestroy(input:{id:"1"})}'))
    found = data(stash.execute('{findScene(id:"1"){studio{id}} findStudio(id:"2"){parent_studio{id}}}'))
    assert found == {"findScene": {"studio": None}, "findStudio": {"parent_studio": None}}


def test_a_primary_tag_cannot_be_destroyed(stash: SimulatedStash) -> None:
    _prepare(stash)
    assert "primary tag" in only_error(stash.execute('mutation{tagDestroy(input:{id:"1"})}'))


@pytest.mark.parametrize(
    ("zone", "instant", "stamp"),
    [
        ("Europe/Paris", "2026-10-25T00:30:00+00:00", "2026-10-25T02:30:00+02:00"),
        ("Europe/Paris", "2026-10-25T01:30:00+00:00", "2026-10-25T02:30:00+01:00"),
        ("Europe/Paris", "2026-03-29T01:00:00+00:00", "2026-03-29T03:00:00+02:00"),
        ("UTC", "2026-03-29T01:00:00+00:00", "2026-03-29T01:00:00Z"),
        ("America/Los_Angeles", "2026-07-01T00:00:00+00:00", "2026-06-30T17:00:00-07:00"),
    ],
)
def test_updated_at_is_local_wall_clock_with_offset(
    make: Make, clock: Clock, zone: str, instant: str, stamp: str
) -> None:
    stash = make(timezone=zone)
    clock.now = type(clock.now).fromisoformat(instant)
    answer = data(stash.execute('mutation{sceneUpdate(input:{id:"1"}){updated_at}}'))
    assert answer["sceneUpdate"]["updated_at"] == stamp


def test_timestamps_repeat_at_the_end_of_summer_time(make: Make, clock: Clock) -> None:
    """The filter compares texts, so changes in one hour are missed every autumn."""
    stash = make()
    clock.now = type(clock.now).fromisoformat("2026-10-25T01:10:00+00:00")
    data(stash.execute('mutation{sceneUpdate(input:{id:"1"}){id}}'))
    query = """query($v:String!){findScenes(
      scene_filter:{id:{value:1,modifier:EQUALS},updated_at:{value:$v,modifier:GREATER_THAN}}){count}}"""

    def newer_than(text: str) -> int:
        return int(data(stash.execute(query, {"v": text}))["findScenes"]["count"])

    assert newer_than("2026-10-25T02:30:00+02:00") == 0
    assert newer_than("2026-10-25T02:09:59+02:00") == 1


def test_history_has_utc_seconds_and_stash_ids_have_fractions(stash: SimulatedStash) -> None:
    data(stash.execute('mutation{sceneResetPlayCount(id:"1")}'))
    plays = data(stash.execute('mutation{sceneAddPlay(id:"1",times:["2026-05-05T10:00:00.75+02:00"]){count history}}'))
    assert plays["sceneAddPlay"] == {"count": 1, "history": ["2026-05-05T08:00:00Z"]}
    answer = data(
        stash.execute(
            'mutation{sceneUpdate(input:{id:"1",stash_ids:[{endpoint:"https://box.example/graphql",'
            'stash_id:"x"}]}){stash_ids{updated_at}}}'
        )
    )
    assert answer["sceneUpdate"]["stash_ids"] == [{"updated_at": "2026-06-01T10:00:00.123456Z"}]


def _values(stash: SimulatedStash, fields: str) -> Any:
    return data(stash.execute('{findScene(id:"1"){' + fields + "}}"))["findScene"]


def test_counters_in_sceneUpdate_are_ignored_since_v0_25_and_stored_before(make: Make) -> None:
    document = 'mutation{sceneUpdate(input:{id:"1",o_counter:7,play_count:9}){o_counter play_count}}'
    new, old = make(), make(release="v0.24")
    before = _values(new, "o_counter play_count")
    assert data(new.execute(document))["sceneUpdate"] == before
    assert data(old.execute(document))["sceneUpdate"] == {"o_counter": 7, "play_count": 9}
