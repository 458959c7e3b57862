"""What mutations store, reject and roll back."""

from typing import Any

from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline_tests.simulator.conftest import Make, data, only_error


def _scene(stash: SimulatedStash, fields: str, number: int = 1) -> Any:
    return data(stash.execute(f'{{findScene(id:"{number}"){{{fields}}}}}'))["findScene"]


def test_omitted_fields_stay_and_null_clears(stash: SimulatedStash) -> None:
    data(stash.execute('mutation{sceneUpdate(input:{id:"1",rating100:70,date:"2020-02-02",urls:["a","b"]}){id}}'))
    assert _scene(stash, "rating100 date urls") == {"rating100": 70, "date": "2020-02-02", "urls": ["a", "b"]}
    data(stash.execute('mutation{sceneUpdate(input:{id:"1",date:"",urls:null}){id}}'))
    assert _scene(stash, "rating100 date urls") == {"rating100": 70, "date": None, "urls": []}
    data(stash.execute('mutation{sceneUpdate(input:{id:"1",rating100:null}){id}}'))
    assert _scene(stash, "rating100") == {"rating100": None}


def test_a_bulk_update_sets_adds_and_removes(stash: SimulatedStash) -> None:
    def tags(change: str) -> list[str]:
        data(stash.execute(f'mutation{{bulkSceneUpdate(input:{{ids:["1"],tag_ids:{change}}}){{id}}}}'))
        return sorted(one["id"] for one in _scene(stash, "tags{id}")["tags"])

    assert tags('{ids:["1","2"],mode:SET}') == ["1", "2"]
    assert tags('{ids:["3"],mode:ADD}') == ["1", "2", "3"]
    assert tags('{ids:["1"],mode:REMOVE}') == ["2", "3"]
    assert tags("null") == ["2", "3"]
    assert tags("{ids:null,mode:SET}") == []


def test_an_invalid_id_rolls_back_a_bulk_update(stash: SimulatedStash) -> None:
    before = _scene(stash, "title updated_at")
    answer = stash.execute('mutation{bulkSceneUpdate(input:{ids:["1","9999"],title:"new"}){id}}')
    assert only_error(answer) == "sql: no rows in result set"
    assert _scene(stash, "title updated_at") == before


def test_aliased_mutations_succeed_or_fail_independently(stash: SimulatedStash) -> None:
    answer = stash.execute(
        'mutation{a:sceneUpdate(input:{id:"1",title:"kept"}){id} b:sceneUpdate(input:{id:"999"}){id}}'
    )
    assert answer["errors"][0]["path"] == ["b"]
    assert answer["data"] == {"a": {"id": "1"}, "b": None}
    assert _scene(stash, "title") == {"title": "kept"}


def test_an_unknown_relation_is_a_raw_database_error(stash: SimulatedStash) -> None:
    answer = stash.execute('mutation{sceneUpdate(input:{id:"1",tag_ids:["99999"]}){id}}')
    assert "FOREIGN KEY constraint failed" in only_error(answer)


def test_a_scene_cannot_have_two_ids_of_one_endpoint_but_a_performer_can(stash: SimulatedStash) -> None:
    two = '[{endpoint:"https://e.example",stash_id:"a"},{endpoint:"https://e.example",stash_id:"b"}]'
    refused = stash.execute(f'mutation{{sceneUpdate(input:{{id:"1",stash_ids:{two}}}){{id}}}}')
    assert "UNIQUE constraint failed" in only_error(refused)
    answer = data(
        stash.execute(f'mutation{{performerUpdate(input:{{id:"1",stash_ids:{two}}}){{stash_ids{{stash_id}}}}}}')
    )
    assert answer["performerUpdate"]["stash_ids"] == [{"stash_id": "a"}, {"stash_id": "b"}]


def test_stash_ids_keep_the_timestamp_that_is_sent(stash: SimulatedStash) -> None:
    answer = data(
        stash.execute(
            'mutation{sceneUpdate(input:{id:"1",stash_ids:[{endpoint:"https://e.example",stash_id:"a",'
            'updated_at:"2025-03-04T05:06:07.123456789Z"}]}){stash_ids{updated_at}}}'
        )
    )
    assert answer["sceneUpdate"]["stash_ids"] == [{"updated_at": "2025-03-04T05:06:07.123456789Z"}]


def test_objects_of_every_entity_can_be_created_and_destroyed(stash: SimulatedStash) -> None:
    documents = {
        'sceneCreate(input:{title:"t"})': "sceneDestroy(input:{{id:{0}}})",
        'performerCreate(input:{name:"Nerine Sample",alias_list:["x"],birthdate:"1990-05"})':
            "performerDestroy(input:{{id:{0}}})",
        'studioCreate(input:{name:"Sample Works",parent_id:"1",urls:["u"]})': "studioDestroy(input:{{id:{0}}})",
        'tagCreate(input:{name:"Sample Tag",parent_ids:["1"],aliases:["sample alias"]})':
            "tagDestroy(input:{{id:{0}}})",
        'groupCreate(input:{name:"Sample Group",tag_ids:["1"]})': "groupDestroy(input:{{id:{0}}})",
        'galleryCreate(input:{title:"Sample Gallery",scene_ids:["1"]})': "galleryDestroy(input:{{ids:[{0}]}})",
        'sceneMarkerCreate(input:{title:"m",seconds:1,end_seconds:2,scene_id:"1",primary_tag_id:"1"})':
            "sceneMarkerDestroy(id:{0})",
    }  # fmt: skip
    for create, destroy in documents.items():
        made = data(stash.execute("mutation{made:" + create + "{id created_at updated_at}}"))["made"]
        assert made["created_at"] == made["updated_at"] == "2026-06-01T12:00:00+02:00"
        gone = destroy.format(f'"{made["id"]}"')
        assert data(stash.execute("mutation{gone:" + gone + "}"))["gone"] is True
        assert "errors" in stash.execute("mutation{gone:" + gone + "}")


def test_ids_of_destroyed_objects_are_not_reused(stash: SimulatedStash) -> None:
    create = 'mutation{sceneCreate(input:{title:"t"}){id}}'
    first = data(stash.execute(create))["sceneCreate"]["id"]
    data(stash.execute(f'mutation{{sceneDestroy(input:{{id:"{first}"}})}}'))
    assert int(data(stash.execute(create))["sceneCreate"]["id"]) > int(first)


def test_names_are_unique_ignoring_case(stash: SimulatedStash) -> None:
    data(stash.execute('mutation{tagCreate(input:{name:"Teal",aliases:["Blue-green"]}){id}}'))
    assert "already exists" in only_error(stash.execute('mutation{tagCreate(input:{name:"TEAL"}){id}}'))
    taken = only_error(stash.execute('mutation{tagCreate(input:{name:"blue-green"}){id}}'))
    assert taken == "name 'blue-green' is used as alias for 'Teal'"


def test_hierarchies_have_no_cycles(stash: SimulatedStash) -> None:
    stash.library.execute("DELETE FROM tags_relations")
    data(stash.execute('mutation{tagUpdate(input:{id:"2",parent_ids:["1"]}){id}}'))
    assert "errors" in stash.execute('mutation{tagUpdate(input:{id:"1",parent_ids:["2"]}){id}}')
    assert "errors" in stash.execute('mutation{studioUpdate(input:{id:"1",parent_id:"1"}){id}}')


def test_custom_fields_are_replaced_merged_and_removed(stash: SimulatedStash) -> None:
    def after(change: str) -> Any:
        document = f'mutation{{performerUpdate(input:{{id:"1",custom_fields:{{{change}}}}}){{custom_fields}}}}'
        return data(stash.execute(document))["performerUpdate"]["custom_fields"]

    assert after('full:{a:1,b:"x"}') == {"a": 1, "b": "x"}
    assert after("partial:{b:2.5}") == {"a": 1, "b": 2.5}
    assert after('remove:["a"]') == {"b": 2.5}


def test_a_merge_moves_files_and_history_when_asked(stash: SimulatedStash) -> None:
    data(stash.execute('mutation{a:sceneResetPlayCount(id:"1") b:sceneAddPlay(id:"2"){count}}'))
    files = {one["id"] for number in (1, 2) for one in _scene(stash, "files{id}", number)["files"]}
    plays = _scene(stash, "play_count", 2)["play_count"]
    merge = 'sceneMerge(input:{source:["2"],destination:"1",play_history:true,values:{id:"1",title:"both"}})'
    merged = data(stash.execute("mutation{" + merge + "{title play_count files{id}}}"))["sceneMerge"]
    assert merged["title"] == "both"
    assert merged["play_count"] == plays
    assert {one["id"] for one in merged["files"]} == files


def test_a_scene_without_files_must_keep_a_title(stash: SimulatedStash) -> None:
    assert "title must be set" in only_error(stash.execute("mutation{sceneCreate(input:{}){id}}"))


def test_images_with_the_same_content_are_stored_once(stash: SimulatedStash) -> None:
    uri = "data:image/png;base64,iVBORw0KGgo="
    change = 'mutation($u:String){%s(input:{id:"1",%s:$u}){id}}'
    data(stash.execute(change % ("performerUpdate", "image"), {"u": uri}))
    data(stash.execute(change % ("tagUpdate", "image"), {"u": uri}))
    checksums = stash.library.tuples(
        "SELECT image_blob FROM performers WHERE id = 1 UNION ALL SELECT image_blob FROM tags WHERE id = 1"
    )
    assert checksums[0] == checksums[1]
    data(stash.execute(change % ("tagUpdate", "image"), {"u": None}))
    assert stash.library.scalar("SELECT image_blob FROM tags WHERE id = 1") is None


def test_sub_groups_keep_their_order(stash: SimulatedStash) -> None:
    stash.library.execute("DELETE FROM groups_relations")
    for number in range(4):
        data(stash.execute(f'mutation{{groupCreate(input:{{name:"G{number}"}}){{id}}}}'))

    def after(change: str) -> list[str]:
        data(stash.execute("mutation{" + change + "}"))
        found = data(stash.execute('{findGroup(id:"1"){sub_groups{group{id}}}}'))["findGroup"]["sub_groups"]
        return [one["group"]["id"] for one in found]

    add = 'addGroupSubGroups(input:{containing_group_id:"1",sub_groups:[%s]%s})'
    assert after(add % ('{group_id:"2"},{group_id:"3"}', "")) == ["2", "3"]
    assert after(add % ('{group_id:"4"}', ",insert_index:0")) == ["4", "2", "3"]
    moved = 'reorderSubGroups(input:{group_id:"1",sub_group_ids:["4"],insert_at_id:"3",insert_after:true})'
    assert after(moved) == ["2", "3", "4"]
    assert after('removeGroupSubGroups(input:{containing_group_id:"1",sub_group_ids:["3"]})') == ["2", "4"]


def test_older_releases_have_a_single_url_field(make: Make) -> None:
    stash = make(release="v0.26")
    stash.library.execute("DELETE FROM performer_urls")
    answer = data(
        stash.execute(
            'mutation{performerUpdate(input:{id:"1",url:"https://me.example",twitter:"me"}){url twitter instagram}}'
        )
    )
    expected = {"url": "https://me.example", "twitter": "me", "instagram": ""}
    assert answer["performerUpdate"] == expected


def test_movies_can_be_changed_by_their_old_mutations(make: Make) -> None:
    stash = make(release="v0.26")
    made = data(stash.execute('mutation{movieCreate(input:{name:"M",url:"https://m.example"}){id url}}'))
    assert made["movieCreate"]["url"] == "https://m.example"
    scene = f'sceneUpdate(input:{{id:"1",movies:[{{movie_id:"{made["movieCreate"]["id"]}",scene_index:3}}]}})'
    answer = data(stash.execute("mutation{" + scene + "{movies{movie{name} scene_index}}}"))
    assert answer["sceneUpdate"]["movies"] == [{"movie": {"name": "M"}, "scene_index": 3}]


def test_sql_reads_and_writes_directly(stash: SimulatedStash) -> None:
    answer = data(stash.execute('mutation{querySQL(sql:"SELECT id FROM scenes WHERE id < ?",args:[3]){columns rows}}'))
    assert answer["querySQL"] == {"columns": ["id"], "rows": [[1], [2]]}


def test_several_mutations_in_one_request_see_stale_counters(stash: SimulatedStash) -> None:
    """The server reads counters once per request; the next request gets the current values."""
    data(stash.execute('mutation{sceneResetPlayCount(id:"1")}'))
    answer = data(
        stash.execute(
            'mutation{a:sceneUpdate(input:{id:"1"}){play_count} b:sceneAddPlay(id:"1"){count}'
            ' c:sceneUpdate(input:{id:"1"}){play_count}}'
        )
    )
    assert (answer["a"]["play_count"], answer["b"]["count"], answer["c"]["play_count"]) == (0, 1, 0)
    assert _scene(stash, "play_count") == {"play_count": 1}
