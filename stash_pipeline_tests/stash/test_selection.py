"""Selections: parsed, cut to a schema, printed as GraphQL."""

from typing import Any

import pytest
from graphql import parse as parse_graphql
from graphql import print_ast, strip_ignored_characters
from hypothesis import given, settings
from hypothesis import strategies as st

from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.releases import known_releases
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.entities import BY_NAME, EMBEDDED_SELECTIONS, ENTITIES
from stash_pipeline.stash.query_plan import plan_library
from stash_pipeline.stash.schema import INTROSPECTION, ServerSchema
from stash_pipeline.stash.selection import Tree, cut, linear_path, merge, parse, render, without_fields
from stash_pipeline_tests.examples import examples

NAMES = st.text(alphabet="abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=8).filter(
    lambda text: not text[0].isdigit()
)
TREES: st.SearchStrategy[Tree] = st.recursive(
    st.dictionaries(NAMES, st.just({}), min_size=1, max_size=4),
    lambda inner: st.dictionaries(NAMES, st.one_of(st.just({}), inner), min_size=1, max_size=4),
    max_leaves=12,
)


def compact(tree: Tree) -> str:
    return " ".join(name + (f"{{{compact(inner)}}}" if inner else "") for name, inner in tree.items())


def schema_of(release: str) -> ServerSchema:
    stash = SimulatedStash(Library.create(), release=release)
    return ServerSchema(stash.execute(INTROSPECTION)["data"])


@given(TREES)
def test_a_rendered_selection_is_parsed_to_the_same_tree(tree: Tree) -> None:
    assert parse(compact(tree)) == tree
    assert parse(render(tree)) == tree


@given(TREES)
def test_a_rendered_selection_is_valid_graphql(tree: Tree) -> None:
    document = f"{{\n{render(tree)}\n}}"
    printed = strip_ignored_characters(print_ast(parse_graphql(document)))
    assert printed == strip_ignored_characters(f"{{ {compact(tree)} }}")


@given(TREES, TREES)
def test_merging_only_adds_fields(one: Tree, other: Tree) -> None:
    merged = merge(merge({}, one), other)
    assert paths(merged) == paths(one) | paths(other)
    assert merge(merge({}, merged), merged) == merged


def paths(tree: Tree, before: str = "") -> set[str]:
    found = set()
    for name, inner in tree.items():
        found.add(f"{before}.{name}")
        found |= paths(inner, f"{before}.{name}")
    return found


def test_merging_does_not_modify_its_argument() -> None:
    part = parse("files{id}")
    whole: Tree = {}
    merge(whole, part)
    merge(whole, parse("files{path}"))
    assert part == parse("files{id}")


def test_fragments_are_rendered_as_fragments() -> None:
    tree = parse("visual_files{__typename ...VideoFile{id} ...ImageFile{id width}}")
    printed = render(tree)
    assert "... on VideoFile {" in printed
    assert parse_graphql(f"{{{printed}}}")


@pytest.mark.parametrize(
    ("selection", "path"),
    [
        ("studio{id}", ["studio", "id"]),
        ("tags{id}", ["tags", "id"]),
        ("general{stashes{path excludeVideo}}", ["general", "stashes"]),
        ("visual_files{...VideoFile{id} ...ImageFile{id}}", ["visual_files", "id"]),
        ("visual_files{__typename ...VideoFile{id}}", ["visual_files", "id"]),
        ("title", ["title"]),
        ("a b", []),
    ],
)
def test_the_linear_part_of_a_selection_is_found(selection: str, path: list[str]) -> None:
    assert linear_path(parse(selection)) == path


def exists(schema: ServerSchema, type_name: str, tree: Tree) -> bool:
    for name, inner in tree.items():
        if name == "__typename":
            continue
        if name.startswith("..."):
            if not exists(schema, name[3:], inner):
                return False
        elif name not in schema.fields(type_name) or not exists(
            schema, schema.fields(type_name)[name].type_name, inner
        ):
            return False
    return True


@pytest.mark.parametrize("release", ["v0.20.2", "v0.27.2", "v0.30.1"])
def test_unsupported_fields_are_removed_and_reported(release: str) -> None:
    schema = schema_of(release)

    @settings(max_examples=examples(40), deadline=None)
    @given(st.sampled_from(["Scene", "Performer", "Gallery", "Image"]), st.data())
    def check(type_name: str, data: st.DataObject) -> None:
        known = [name for name, info in schema.fields(type_name).items() if not schema.fields(info.type_name)]
        names = data.draw(st.lists(st.one_of(st.sampled_from(known), NAMES), min_size=1, unique=True))
        tree: Tree = {name: {} for name in names}
        tree["tags"] = parse("id name made_up{x}")
        lacking: list[str] = []
        kept = cut(tree, schema, type_name, "it", lacking)
        assert exists(schema, type_name, kept)
        assert {f"it.{name}" for name in names if name not in schema.fields(type_name)} | {"it.tags.made_up"} == set(
            lacking
        )
        assert cut(kept, schema, type_name, "it", []) == kept

    check()


NEWEST_PATCHES = {name.rpartition(".")[0]: name for name in known_releases() if name >= "v0.20"}


@pytest.mark.parametrize("release", NEWEST_PATCHES.values())
def test_every_query_planned_for_a_release_is_valid_there(release: str) -> None:
    stash = SimulatedStash(Library.create(), release=release)
    schema = ServerSchema(stash.execute(INTROSPECTION)["data"])
    plans = plan_library(schema)
    assert set(plans) == set(BY_NAME)
    for name, plan in plans.items():
        if not plan.query:
            assert name in ("files", "folders")
            continue
        assert exists(schema, plan.type_name, plan.tree)
        page: dict[str, Any] = {"per_page": 1, "sort": "id", "direction": "ASC"}
        answer = stash.execute(plan.page_document(), {} if plan.entity.whole else {"filter": page})
        assert not answer.get("errors"), (name, answer)
        if not plan.entity.whole:
            assert not stash.execute(plan.listing_document(), {"filter": page}).get("errors")
        if plan.ids_argument:
            answer = stash.execute(plan.ids_document(), {"ids": [], "filter": page})
            assert not answer.get("errors"), (name, answer)


def test_every_field_is_planned_or_reported_as_missing() -> None:
    for release in ("v0.20.2", "v0.24.3", "v0.28.1", "v0.30.1"):
        plans = plan_library(schema_of(release))
        for name, plan in plans.items():
            planned = {one.field.name for one in plan.fields}
            named = {path.split(".")[1] for path in plan.missing_fields if path.count(".") >= 1}
            for field in plan.entity.fields:
                excused = field.name == "legacy_filter"
                assert field.name in planned | named or excused, (release, name, field.name)


def test_no_selection_requests_counts_streams_or_keys() -> None:
    texts = [s for e in ENTITIES for f in e.fields for spelling in f.spellings for s in spelling.selections]
    texts += [s for sources in EMBEDDED_SELECTIONS.values() for source in sources for s in source.selections]
    for text in texts:
        for name in text.replace("{", " ").replace("}", " ").split():
            assert name == "play_count" or not name.endswith("_count")
            assert name.lower() not in ("stream", "scenestreams", "apikey", "api_key", "password", "username")


def test_a_future_server_is_read_and_its_unmapped_fields_are_reported() -> None:
    stash = SimulatedStash(Library.create(), release="v0.30.1")
    data = stash.execute(INTROSPECTION)["data"]
    for entry in data["__schema"]["types"]:
        if entry["name"] == "Scene":
            text = {"kind": "SCALAR", "name": "String", "ofType": None}
            entry["fields"].append({"name": "mood", "isDeprecated": False, "args": [], "type": text})
            entry["fields"].append({"name": "old_mood", "isDeprecated": True, "args": [], "type": text})
            entry["fields"].append({"name": "custom_fields", "isDeprecated": False, "args": [], "type": text})
        if entry["name"] == "Tag":
            entry["fields"] = [one for one in entry["fields"] if one["name"] != "favorite"]
    plans = plan_library(ServerSchema(data))
    assert plans["scenes"].unmapped_fields == ["scenes.mood"]
    assert "custom_fields" in [one.field.name for one in plans["scenes"].fields]
    assert "tags.favorite" in plans["tags"].missing_fields
    assert "favorite" not in plans["tags"].tree


def test_fields_are_omitted_by_path() -> None:
    selection = "id updated_at ...A{x updated_at} chapters{id created_at} folder{updated_at} files{updated_at}"
    tree = parse(selection)
    left = without_fields(tree, {"updated_at", "chapters.created_at", "folder.updated_at"})
    assert left == parse("id ...A{x} chapters{id} files{updated_at}")
    assert tree == parse(selection)
