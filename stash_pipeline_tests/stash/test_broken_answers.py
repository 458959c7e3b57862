"""A response that violates the server's own schema does not count as empty, and is reported with its path."""

from functools import cache
from typing import Any

import pytest

from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.answers import count_of, ids_of, objects_of
from stash_pipeline.stash.decoding import loads
from stash_pipeline.stash.documents import LONGEST_DOCUMENT, LONGEST_VALUE, DocumentReader
from stash_pipeline.stash.entities import ENTITIES
from stash_pipeline.stash.errors import IncompleteListingError, InvalidResponseError
from stash_pipeline.stash.fields import JoinTable, Reference
from stash_pipeline.stash.probing import read_probe
from stash_pipeline.stash.query_plan import PlannedField, QueryPlan, plan_library
from stash_pipeline.stash.schema import INTROSPECTION, ServerSchema
from stash_pipeline.stash.stored_schemas import stored_schema


def introspection(release: str) -> dict[str, Any]:
    found: dict[str, Any] = SimulatedStash(Library.create(), release=release).execute(INTROSPECTION)["data"]
    return found


RELEASES = ("v0.20.2", "v0.23.1", "v0.30.1")


@cache
def plans_of(release: str) -> dict[str, QueryPlan]:
    return plan_library(stored_schema(release))


NO_LISTS: list[Any] = [None, "", "text", 0, 5, 1.5, True, {}, {"id": "1"}]
ELEMENTS: list[Any] = [None, {}, [], "text", 5, {"id": None}, {"id": "abc"}, {"id": "-1"}, {"id": str(2**63)}]
NO_REFERENCES: list[Any] = [{}, {"id": None}, {"id": "abc"}, {"id": "1" * 5000}, [], [{"id": "1"}], "x", 1.5, True]


def put(value: dict[str, Any], path: str, found: Any) -> None:
    *outer, last = path.split(".")
    for name in outer:
        value = value.setdefault(name, {})
    value[last] = found


def whole(plan: QueryPlan) -> dict[str, Any]:
    """An object with nothing but the lists that are never null."""
    value: dict[str, Any] = {"id": "7"}
    for one in plan.fields:
        if one.shape and one.shape.required:
            put(value, one.shape.path, [])
    return value


def relations(release: str) -> list[tuple[QueryPlan, PlannedField]]:
    return [
        (plan, one)
        for plan in plans_of(release).values()
        for one in plan.fields
        if isinstance(one.field.form, Reference) or one.shape
    ]


def is_text(one: PlannedField) -> bool:
    form = one.field.form
    return isinstance(form, JoinTable) and len(form.columns) == 1 and form.columns[0].type == "text"


def is_time(one: PlannedField) -> bool:
    form = one.field.form
    return isinstance(form, JoinTable) and len(form.columns) == 1 and form.columns[0].type == "timestamptz"


@pytest.mark.parametrize("release", RELEASES)
def test_every_invalid_list_breaks_its_object(release: str) -> None:
    seen = 0
    for plan, one in relations(release):
        if not one.shape:
            continue
        reader = DocumentReader(plan)
        for found in NO_LISTS:
            value = whole(plan)
            put(value, one.shape.path, found)
            document = reader.read(value)
            if found is None and not one.shape.required:
                assert document.broken is None, (plan.entity.name, one.shape.path)
                continue
            assert document.broken and document.broken.startswith(one.shape.path), (plan.entity.name, one, found)
            assert document.id == (1 if plan.entity.single else 7) and not document.json
            seen += 1
    assert seen > 150


@pytest.mark.parametrize("release", RELEASES)
def test_every_invalid_element_breaks_its_object(release: str) -> None:
    seen = 0
    for plan, one in relations(release):
        if not one.shape:
            continue
        reader = DocumentReader(plan)
        for element in ELEMENTS:
            if (is_text(one) and isinstance(element, str | int)) or (is_time(one) and isinstance(element, str)):
                # a text, or one that is no time: that costs no more than the element
                continue
            value = whole(plan)
            put(value, one.shape.path, [element])
            document = reader.read(value)
            assert document.broken and document.broken.startswith(one.shape.path), (plan.entity.name, one, element)
            seen += 1
    assert seen > 100


@pytest.mark.parametrize("release", RELEASES)
def test_every_invalid_reference_breaks_its_object(release: str) -> None:
    seen = 0
    for plan, one in relations(release):
        if one.shape:
            continue
        tree = one.trees[0] or {}
        name = next(iter(tree))
        reader = DocumentReader(plan)
        assert reader.read({**whole(plan), name: None}).broken is None
        for found in NO_REFERENCES:
            document = reader.read({**whole(plan), name: found})
            assert document.broken and document.broken.startswith(one.field.name), (plan.entity.name, name, found)
            seen += 1
    assert seen > 50


def test_the_error_names_the_position_in_the_list() -> None:
    reader = DocumentReader(plans_of("v0.30.1")["scenes"])
    value = {**whole(plans_of("v0.30.1")["scenes"]), "tags": [{"id": "1"}, {"id": "2"}, {"id": "x"}]}
    assert reader.read(value).broken == "tags[2] has no usable id."
    value["tags"] = None
    assert reader.read(value).broken == "tags is null, not a list."
    value["tags"] = [{"id": "1"}, 5]
    assert reader.read(value).broken == "tags[1] is a number, not an object."
    value["tags"] = []
    value["groups"] = [{"group": {"id": "1"}}, {"group": None}]
    assert reader.read(value).broken == "groups[1] has no usable group.id."


@pytest.mark.parametrize("release", RELEASES)
def test_an_introspection_with_a_scalar_instead_of_a_list_is_rejected(release: str) -> None:
    wanted = {(plan.type_name, one.shape.path) for plan, one in relations(release) if one.shape}
    tried = 0
    for type_name, path in sorted(wanted):
        if "." in path:
            continue
        data = introspection(release)
        for entry in data["__schema"]["types"]:
            for field in entry.get("fields") or []:
                if entry["name"] == type_name and field["name"] == path:
                    kind = field["type"]
                    while kind["kind"] in ("NON_NULL", "LIST"):
                        kind = kind["ofType"]
                    field["type"] = kind
                    tried += 1
        with pytest.raises(InvalidResponseError, match=path):
            plan_library(ServerSchema(data))
    assert tried > 15


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({}, "findTags is null, not an object"),
        ({"findTags": None}, "findTags is null, not an object"),
        ({"findTags": []}, "findTags is a list, not an object"),
        ({"findTags": {}}, "findTags.tags is null, not a list"),
        ({"findTags": {"tags": "none"}}, "findTags.tags is a text, not a list"),
        ({"findTags": {"tags": {"0": {}}}}, "findTags.tags is an object, not a list"),
        ({"findTags": {"tags": [{"id": "1"}, None]}}, r"findTags.tags\[1\] is null, not an object"),
        ({"findTags": {"tags": [["1"]]}}, r"findTags.tags\[0\] is a list, not an object"),
    ],
)
def test_an_invalid_list_of_objects_is_reported_with_its_path(data: Any, told: str) -> None:
    with pytest.raises(InvalidResponseError, match=told):
        objects_of(data, "findTags", "tags")


@pytest.mark.parametrize("count", [None, "5", 1.5, True, [], {}, -1, 2**31, 10**400])
def test_an_invalid_count_is_reported_with_its_path(count: Any) -> None:
    with pytest.raises(InvalidResponseError, match=r"findTags\.count is "):
        count_of({"findTags": {"count": count}}, "findTags")
    with pytest.raises(InvalidResponseError, match="at tags/count, where "):
        read_probe({"version": {"version": "v0.30.1"}, "tags": {"count": count, "tags": []}})
    assert count_of({"findTags": {"count": 0}}, "findTags") == 0


@pytest.mark.parametrize(
    "found",
    [None, [], 5, {"count": 1, "tags": [None]}, {"count": 1, "tags": ["x"]}, {"count": 1, "tags": [{"updated_at": 5}]}],
)
def test_an_invalid_probe_is_reported(found: Any) -> None:
    with pytest.raises(InvalidResponseError, match="tags"):
        read_probe({"tags": found})


@pytest.mark.parametrize("value", [None, "", "x", "²", "-1", 1.5, [], {}, str(2**63), "9" * 5000])
def test_an_object_without_a_usable_id_is_reported_with_its_path(value: Any) -> None:
    with pytest.raises(InvalidResponseError, match=r"findTags.tags\[1\] has no usable id"):
        ids_of([{"id": "1"}, {"id": value}], "findTags.tags")


def test_two_objects_with_one_id_make_a_listing_incomplete() -> None:
    with pytest.raises(IncompleteListingError, match="has id 1 twice, as different objects"):
        ids_of([{"id": "1", "name": "a"}, {"id": "1", "name": "b"}], "findTags.tags")
    assert ids_of([{"id": "1", "name": "a"}, {"id": "1", "name": "a"}], "findTags.tags") == [1, 1]


def test_an_overlong_value_is_unreadable_and_an_overlong_list_breaks_its_object() -> None:
    plan = plans_of("v0.30.1")["scenes"]
    reader = DocumentReader(plan)
    fits = reader.read({**whole(plan), "title": "x" * (LONGEST_VALUE - 2), "details": "d"})
    assert not fits.unreadable and len(fits.json) > LONGEST_VALUE
    document = reader.read({**whole(plan), "title": "x" * LONGEST_VALUE, "details": "d"})
    assert document.unreadable == ("title",) and len(document.json) < 1000 and b'"details":"d"' in document.json
    urls = ["u" * 1000] * (LONGEST_VALUE // 1000)
    assert reader.read({**whole(plan), "urls": urls}).broken == f"urls has more than {LONGEST_VALUE:,} bytes."
    assert not plan_fits(plan, LONGEST_VALUE - 2)


def plan_fits(plan: QueryPlan, size: int) -> bool:
    """Whether an object can have texts of that size in all its fields."""
    texts = [one.field.name for one in plan.fields if getattr(one.field.form, "type", "") == "text"]
    custom = {f"k{n}": "x" * (size // 8) for n in range(7)}
    value = {**whole(plan), **dict.fromkeys(texts, "x" * size), "custom_fields": custom, "date": "x" * size}
    value["paths"] = dict.fromkeys(("screenshot", "preview", "webp", "vtt"), "/" + "x" * (size - 1))
    document = DocumentReader(plan).read(value)
    assert document.broken is None or f"{LONGEST_DOCUMENT:,} bytes" in document.broken
    return document.broken is None


def test_json_that_is_nested_too_deeply_is_unreadable() -> None:
    plan = plans_of("v0.30.1")["performers"]
    for depth, kept in ((150, True), (250, False), (900, False)):
        value: Any = 1
        for _ in range(depth):
            value = [value]
        document = DocumentReader(plan).read({**whole(plan), "custom_fields": {"k": value}})
        assert (document.unreadable == ()) is kept, depth


def test_lone_surrogates_in_responses_are_replaced() -> None:
    assert loads(b'{"a": "x\\ud800y", "\\udc00": ["\\ud83d\\ude00"]}') == {
        "a": "x\ufffdy",
        "\ufffd": ["\U0001f600"],
    }


def test_the_relations_of_every_entity_are_checked() -> None:
    checked = {(plan.entity.name, one.field.name) for plan, one in relations("v0.30.1")}
    all_of_them = {(entity.name, field.name) for entity in ENTITIES for field, _ in [*entity.joins, *entity.references]}
    assert checked == all_of_them
