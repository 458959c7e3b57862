"""Every release resolves all of its fields, and no others."""

from typing import Any

import pytest
from graphql import (
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_required_argument,
    validate_schema,
)

from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.registry import all_loaders
from stash_pipeline.simulator.server import SimulatedStash, known_releases
from stash_pipeline.simulator.timestamps import parse_moment, unix_seconds
from stash_pipeline_tests.simulator.conftest import Make, data

MINORS = [f"v0.{minor}" for minor in range(20, 32)]
SHOWN = ("v0.20", "v0.24", "v0.28", "v0.30", "v0.31")
"""From the oldest to the newest; the long runs look at all."""
# These fail where they did on real servers: for objects without a file.
FRAGILE = {("Scene", "file"), ("Image", "file"), ("Gallery", "file_mod_time"), ("Image", "file_mod_time")}


@pytest.fixture(scope="module")
def plain_library() -> Library:
    library = Library.create()
    generate_library(library, scenes=40, seed=5, clips=False)
    return library


def test_a_release_is_found_by_minor_or_full_version() -> None:
    library = Library.create()
    assert SimulatedStash(library, release="v0.27").release.name == "v0.27.2"
    assert SimulatedStash(library, release="0.27.0").release.name == "v0.27.0"
    assert known_releases()[0] == "v0.20.0"
    assert known_releases()[-1] == "v0.31.0"


@pytest.mark.parametrize("name", ["v0.19", "v1", "latest", "", "v0.27.9"])
def test_an_unknown_release_is_rejected_with_the_known_ones(name: str) -> None:
    with pytest.raises(ValueError, match=r"Known releases: v0\.20\.0, .*v0\.31\.0"):
        SimulatedStash(Library.create(), release=name)


def _selection(schema: GraphQLSchema, kind: Any, depth: int) -> str:
    kind = get_named_type(kind)
    if is_leaf_type(kind):
        return ""
    if is_abstract_type(kind):
        parts = [f"... on {one.name} {_selection(schema, one, depth)}" for one in schema.get_possible_types(kind)]
        return "{__typename " + " ".join(parts) + "}"
    fields = ["__typename"]
    for name, field in kind.fields.items():
        if (kind.name, name) in FRAGILE or (depth == 0 and not is_leaf_type(get_named_type(field.type))):
            continue
        if any(is_required_argument(argument) for argument in field.args.values()):
            if name != "fingerprint":
                continue
            name += '(type:"phash")'
        fields.append(f"{name} {_selection(schema, field.type, depth - 1)}")
    return "{" + " ".join(fields) + "}"


@pytest.mark.parametrize(
    "release", [pytest.param(name, marks=[] if name in SHOWN else [pytest.mark.soak]) for name in MINORS]
)
def test_every_field_of_a_release_can_be_selected(plain_library: Library, release: str) -> None:
    stash = SimulatedStash(plain_library, release=release)
    schema = stash.engine.schema
    assert validate_schema(schema) == []
    query = schema.query_type
    assert isinstance(query, GraphQLObjectType)
    for name, field in query.fields.items():
        needs_arguments = any(is_required_argument(argument) for argument in field.args.values())
        if ("Query", name) not in all_loaders() or needs_arguments or name in ("findFile", "findFolder"):
            continue
        answer = stash.execute("{" + name + _selection(schema, field.type, 2) + "}")
        # when the inside of a zip file was changed is not known, and cannot be sent
        errors = [one for one in answer.get("errors", ()) if one["path"][0::3] != ["findFolders", "mod_time"]]
        assert not errors, (name, errors[:3])


@pytest.mark.parametrize("release", MINORS)
def test_every_release_reports_its_own_version_and_schema(plain_library: Library, release: str) -> None:
    answer = data(
        SimulatedStash(plain_library, release=release).execute(
            "{version{version} systemStatus{databaseSchema appSchema status}}"
        )
    )
    assert answer["version"]["version"].startswith(release + ".")
    assert answer["systemStatus"]["databaseSchema"] == answer["systemStatus"]["appSchema"]
    assert answer["systemStatus"]["status"] == "OK"


@pytest.mark.parametrize(
    ("field", "since"),
    [("urls", 22), ("play_history", 25), ("groups{group{id}}", 27), ("stash_ids{updated_at}", 28)],
)
def test_a_scene_has_a_field_only_from_its_release_on(plain_library: Library, field: str, since: int) -> None:
    query = '{findScene(id:"1"){' + field + "}}"
    before = SimulatedStash(plain_library, release=f"v0.{since - 1}").execute(query)
    assert before["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert "errors" not in SimulatedStash(plain_library, release=f"v0.{since}").execute(query)


def test_partial_dates_are_returned_only_since_v0_30(make: Make) -> None:
    for release, expected in (("v0.30", "2024-05"), ("v0.29", "2024-05-01")):
        stash = make(release=release)
        stash.library.execute("UPDATE scenes SET date = '2024-05-01', date_precision = 1 WHERE id = 1")
        assert data(stash.execute('{findScene(id:"1"){date}}'))["findScene"]["date"] == expected


def test_movies_are_the_groups_of_older_releases(plain_library: Library) -> None:
    old = data(SimulatedStash(plain_library, release="v0.26").execute("{findMovies{count movies{id name}}}"))
    new = data(SimulatedStash(plain_library, release="v0.27").execute("{findGroups{count groups{id name}}}"))
    assert old["findMovies"]["movies"] == new["findGroups"]["groups"]


def test_deprecated_input_fields_are_introspected_as_each_release_does(plain_library: Library) -> None:
    asked = '{__type(name:"SceneFilterType"){inputFields(includeDeprecated:true){name}}}'
    plain = '{__type(name:"SceneFilterType"){inputFields{name}}}'
    old, new = (SimulatedStash(plain_library, release=name) for name in ("v0.27", "v0.30"))
    assert "Unknown argument" in old.execute(asked)["errors"][0]["message"]

    def names(answer: dict[str, Any]) -> set[str]:
        return {one["name"] for one in data(answer)["__type"]["inputFields"]}

    assert "movies" in names(old.execute(plain))
    assert "movies" not in names(new.execute(plain))
    assert "movies" in names(new.execute(asked))


def test_modifying_a_response_does_not_change_the_next_one(plain_library: Library) -> None:
    stash = SimulatedStash(plain_library)
    first = data(stash.execute("{__schema{types{name}}}"))
    kept = list(first["__schema"]["types"])
    first["__schema"]["types"].clear()
    assert data(stash.execute("{__schema{types{name}}}"))["__schema"]["types"] == kept


def test_the_usual_introspection_query_is_answered(plain_library: Library) -> None:
    from graphql import build_client_schema, get_introspection_query

    stash = SimulatedStash(plain_library)
    schema = build_client_schema(data(stash.execute(get_introspection_query())))
    assert schema.get_type("Scene") is not None


@pytest.mark.parametrize(
    ("text", "seconds", "microseconds"),
    [
        ("2025-03-04T05:06:07.123456789Z", 1741064767, 123456),
        ("2025-03-04T06:06:07.5+01:00", 1741064767, 500000),
        ("2025-03-04 05:06:07+00:00", 1741064767, 0),
        ("2025-03-04T05:06:07", 1741064767, 0),
    ],
)
def test_timestamps_in_every_format_are_parsed(text: str, seconds: int, microseconds: int) -> None:
    moment = parse_moment(text)
    assert (int(moment.timestamp()), moment.microsecond) == (seconds, microseconds)
    assert unix_seconds(text) == seconds


def test_an_invalid_timestamp_is_rejected() -> None:
    with pytest.raises(ValueError, match="is not a timestamp"):
        parse_moment("yesterday")
