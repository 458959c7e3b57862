"""What a client with an old id sees."""

from typing import Any

import pytest

from stash_pipeline.simulator.box.content import KINDS, Kind
from stash_pipeline_tests.simulator.box.conftest import Client, Serve
from stash_pipeline_tests.simulator.box.sample import Sample

ENTITY = {"scene": "Scene", "performer": "Performer", "studio": "Studio", "tag": "Tag"}


def _find(client: Client, kind: str, row_id: str, fields: str) -> Any:
    name = f"find{ENTITY[kind]}"
    return client.ask(f'{{ {name}(id: "{row_id}") {{ {fields} }} }}')[name]


def _pair(boxed: Sample, kind: Kind) -> tuple[str, str]:
    one, other = {
        "scene": (boxed.scenes[6], boxed.scenes[5]),
        "performer": (boxed.performers[4], boxed.performers[3]),
        "studio": (boxed.studios[1], boxed.studios[0]),
        "tag": (boxed.tags[2], boxed.tags[3]),
    }[kind]
    return one, other


def test_a_merged_performer_names_its_successor_and_is_empty(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    source, target = _pair(boxed, "performer")
    boxed.box.merge("performer", source, target)
    old = _find(client, "performer", source, "deleted merged_into_id aliases urls { url } scene_count")
    assert old == {"deleted": True, "merged_into_id": target, "aliases": [], "urls": [], "scene_count": 0}
    assert _find(client, "performer", target, "merged_ids scene_count") == {"merged_ids": [source], "scene_count": 2}


def test_chains_of_merged_performers_are_flat(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    first, second, third = boxed.performers[3:6]
    boxed.box.merge("performer", first, second)
    boxed.box.merge("performer", second, third)
    assert _find(client, "performer", first, "merged_into_id") == {"merged_into_id": third}
    assert _find(client, "performer", third, "merged_ids") == {"merged_ids": sorted([first, second])}


@pytest.mark.parametrize("kind", ["scene", "studio", "tag"])
def test_others_have_no_pointer_but_the_applied_edit(boxed: Sample, serve: Serve, kind: Kind) -> None:
    client = serve(boxed.box)
    source, target = _pair(boxed, kind)
    boxed.box.merge(kind, source, target)
    assert _find(client, kind, source, "deleted") == {"deleted": True}
    field = f'{{ find{ENTITY[kind]}(id: "{source}") {{ merged_into_id }} }}'
    assert client.post(field).status_code == 422
    edits = client.ask(
        f'{{ queryEdits(input: {{target_type: {kind.upper()}, target_id: "{source}", operation: MERGE, applied: true,'
        " sort: CLOSED_AT}) { edits { closed target { ... on Studio { id } ... on Scene { id } ... on Tag { id } }"
        " merge_sources { ... on Studio { id } ... on Scene { id } ... on Tag { id } } } } }"
    )["queryEdits"]["edits"]
    assert [(edit["target"]["id"], edit["merge_sources"][0]["id"]) for edit in edits] == [(target, source)]


def test_a_merge_without_an_edit_leaves_no_trace_of_the_successor(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    boxed.box.merge("studio", boxed.studios[1], boxed.studios[0], with_edit=False)
    query = f'{{ queryEdits(input: {{target_type: STUDIO, target_id: "{boxed.studios[1]}"}}) {{ count }} }}'
    assert client.ask(query) == {"queryEdits": {"count": 0}}


def test_merges_move_scenes_without_changing_when_they_were_updated(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    fields = "updated studio { id } performers { as performer { id } } tags { id }"
    before = _find(client, "scene", boxed.scenes[2], fields)
    for kind in ("performer", "studio", "tag"):
        boxed.box.merge(kind, *_pair(boxed, kind))
    after = _find(client, "scene", boxed.scenes[2], fields)
    assert after["updated"] == before["updated"]
    assert after["studio"]["id"] == boxed.studios[0]
    assert [one["performer"]["id"] for one in after["performers"]] == [boxed.performers[3]]
    assert [one["id"] for one in after["tags"]] == [boxed.tags[3]]


def test_a_merged_scene_hands_nothing_over(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    source, target = _pair(boxed, "scene")
    boxed.box.merge("scene", source, target)
    assert len(_find(client, "scene", source, "fingerprints { hash }")["fingerprints"]) == 1
    hashes = _find(client, "scene", target, "fingerprints { hash }")["fingerprints"]
    assert {"hash": "00000000000000ee"} not in hashes


def test_a_destroyed_scene_keeps_its_title_and_loses_its_relations(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    boxed.box.destroy("scene", boxed.scenes[0])
    fields = (
        "deleted title urls { url } studio { name } tags { id } performers { as } images { id } fingerprints { hash }"
    )
    scene = _find(client, "scene", boxed.scenes[0], fields)
    assert scene["deleted"] and scene["title"] == "Copper Lantern" and len(scene["urls"]) == 2 and scene["studio"]
    assert [scene[name] for name in ("tags", "performers", "images", "fingerprints")] == [[], [], [], []]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_deleted_entirely_is_null(boxed: Sample, serve: Serve, kind: Kind) -> None:
    client = serve(boxed.box)
    source, _ = _pair(boxed, kind)
    boxed.box.delete(kind, source)
    assert _find(client, kind, source, "id") is None


def test_lists_hide_what_is_deleted(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    for kind in KINDS:
        boxed.box.destroy(kind, _pair(boxed, kind)[0])
        name = f"query{ENTITY[kind]}s"
        found = client.ask(f"{{ {name}(input: {{sort: UPDATED_AT, per_page: 100}}) {{ {kind}s {{ id }} }} }}")
        ids = {row["id"] for row in found[name][f"{kind}s"]}
        assert _pair(boxed, kind)[0] not in ids and _pair(boxed, kind)[1] in ids


def test_only_edits_change_when_a_scene_was_updated(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    updated = _find(client, "scene", boxed.scenes[0], "updated")["updated"]
    boxed.box.submit(boxed.scenes[0], "OSHASH", "99", 1800)
    assert _find(client, "scene", boxed.scenes[0], "updated")["updated"] == updated
    boxed.box.rename("scene", boxed.scenes[0], "Copper Lantern II")
    scene = _find(client, "scene", boxed.scenes[0], "title updated")
    assert scene["title"] == "Copper Lantern II" and scene["updated"] > updated
    assert scene["updated"].endswith("Z")


def test_a_renamed_performer_can_keep_the_old_name_as_an_alias(boxed: Sample, serve: Serve) -> None:
    client = serve(boxed.box)
    boxed.box.rename("performer", boxed.performers[3], "Posy Underhall", keep_as_alias=True)
    expected = {"name": "Posy Underhall", "aliases": ["Posy Larkspur"]}
    assert _find(client, "performer", boxed.performers[3], "name aliases") == expected


def test_a_deleted_row_cannot_be_merged(boxed: Sample) -> None:
    boxed.box.destroy("tag", boxed.tags[0])
    with pytest.raises(ValueError, match="that is not deleted"):
        boxed.box.merge("tag", boxed.tags[0], boxed.tags[1])
