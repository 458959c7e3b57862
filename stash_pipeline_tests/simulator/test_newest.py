"""Additions of the newest release, which no earlier release has."""

from pathlib import Path

from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.newest import CUSTOM_FIELDS
from stash_pipeline_tests.simulator.conftest import Make, data


def test_renamed_types_have_one_name_in_each_release(make: Make) -> None:
    names = ("CircumisedEnum", "CircumcisedEnum", "PHashDuplicationCriterionInput", "DuplicationCriterionInput")
    for release, present in (("v0.30", {names[0], names[2]}), ("v0.31", {names[1], names[3]})):
        types = make(release=release).engine.schema.type_map
        assert {name for name in names if name in types} == present
    kinds = '{__type(name:"Performer"){fields{name type{name}}}}'
    fields = data(make(release="v0.31").execute(kinds))["__type"]["fields"]
    assert {"name": "circumcised", "type": {"name": "CircumcisedEnum"}} in fields


def test_custom_fields_belong_to_their_row(make: Make) -> None:
    stash = make(release="v0.31")
    for kind, (table, column, owner) in CUSTOM_FIELDS.items():
        stash.library.execute(f"DELETE FROM {table}")
        number = stash.library.scalar(f'SELECT min(id) FROM "{owner}"')
        stash.library.execute(f"INSERT INTO {table} ({column}, field, value) VALUES (?, 'size', 2.5)", (number,))
        field = "find" + kind
        answer = data(stash.execute(f'{{{field}(id:"{number}"){{custom_fields}}}}'))
        assert answer[field]["custom_fields"] == {"size": 2.5}, kind


def test_career_dates_can_be_partial(make: Make) -> None:
    stash = make(release="v0.31")
    change = 'mutation{performerUpdate(input:{id:1,career_start:"2001-02",career_end:"2010"}){career_start career_end}}'
    assert data(stash.execute(change))["performerUpdate"] == {"career_start": "2001-02", "career_end": "2010"}


def test_studios_can_be_organized(make: Make) -> None:
    stash = make(release="v0.31")
    change = 'mutation{studioUpdate(input:{id:"1",organized:true}){organized}}'
    assert data(stash.execute(change))["studioUpdate"] == {"organized": True}


def test_merging_performers_moves_their_scenes_and_sets_values(make: Make) -> None:
    stash = make(release="v0.31")
    scenes = "SELECT scene_id FROM performers_scenes WHERE performer_id IN ({}) ORDER BY 1"
    before = {row[0] for row in stash.library.tuples(scenes.format("1, 2"))}
    merge = 'mutation{performerMerge(input:{source:["2"],destination:"1",values:{id:"1",details:"both"}}){id details}}'
    assert data(stash.execute(merge))["performerMerge"] == {"id": "1", "details": "both"}
    assert {row[0] for row in stash.library.tuples(scenes.format("1"))} == before
    assert data(stash.execute('{findPerformer(id:"2"){id}}'))["findPerformer"] is None


def test_merging_tags_can_set_values(make: Make) -> None:
    stash = make(release="v0.31")
    merge = 'mutation{tagsMerge(input:{source:["2"],destination:"1",values:{id:1,description:"both"}}){id description}}'
    assert data(stash.execute(merge))["tagsMerge"] == {"id": "1", "description": "both"}


def test_new_and_opened_libraries_have_the_same_tables(tmp_path: Path) -> None:
    path = tmp_path / "one.sqlite"
    created = Library.create(path)
    opened = Library.open(path)
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY 1"
    assert created.tuples(tables) == opened.tuples(tables)
