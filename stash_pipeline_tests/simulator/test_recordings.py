"""With the database of a real server, the simulator gives the same responses."""

import re
from typing import Any

import pytest

from stash_pipeline_tests.http_client import http_client
from stash_pipeline_tests.simulator.conftest import Recording

RECORDED_HOST = re.compile(r"http://127\.0\.0\.1:\d+")
# What is of the build or the machine, and not of the library; these are compared by shape.
OF_THE_BUILD = {"version", "hash", "build_time"}
# Stand-ins for missing images are the project's own drawings: their bytes differ from the server's.
STAND_INS = {"GET /performer/2/image", "GET /tag/2/image"}
OLD_STAND_INS = {"GET /scene/1/screenshot", "GET /performer/1/image", *STAND_INS}


def _differences(expected: Any, found: Any, path: str = "") -> list[str]:
    if isinstance(expected, dict) and isinstance(found, dict):
        if list(expected) != list(found):
            return [f"{path}: fields {list(expected)} were answered as {list(found)}"]
        return [line for key in expected for line in _differences(expected[key], found[key], f"{path}.{key}")]
    if isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            return [f"{path}: {expected!r} was answered as {found!r}"]
        return [
            line
            for index, (a, b) in enumerate(zip(expected, found, strict=True))
            for line in _differences(a, b, f"{path}[{index}]")
        ]
    return [] if expected == found else [f"{path}: {expected!r} was answered as {found!r}"]


def _same_host(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _same_host(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_same_host(one) for one in value]
    return RECORDED_HOST.sub("http://stash", value) if isinstance(value, str) else value


def test_recorded_queries_get_the_recorded_values(recording: Recording) -> None:
    wrong: dict[str, list[str]] = {}
    for name, entry in recording.answers.items():
        answer = recording.stash.execute(entry["query"], entry.get("variables"), base_url="http://stash")
        expected = _same_host(entry["response"])
        if name == "version":
            assert set(answer["data"]["version"]) == set(expected["data"]["version"]) <= OF_THE_BUILD
            assert expected["data"]["version"]["version"].startswith(answer["data"]["version"]["version"])
            continue
        found = _differences(expected, answer)
        if found:
            wrong[name] = found[:5]
    assert not wrong


def test_recorded_graphql_requests_get_the_recorded_status_headers_and_body(recording: Recording) -> None:
    with recording.stash.running() as server, http_client(base_url=server.url, timeout=60) as client:
        for name, entry in recording.http.items():
            if "request" not in entry:
                continue
            headers = {"Accept": "application/json", **entry["headers"]}
            response = client.post("/graphql", json=entry["request"], headers=headers)
            assert response.status_code == entry["status"], name
            for header, value in entry["response_headers"].items():
                assert response.headers.get(header) == value, (name, header)
            # Long bodies were recorded up to a length.
            assert response.text[: len(entry["body"])] == entry["body"], name


def test_recorded_images_get_the_recorded_status_and_caching_headers(recording: Recording) -> None:
    stand_ins = STAND_INS if recording.release != "v0.20.2" else OLD_STAND_INS
    with recording.stash.running() as server, http_client(base_url=server.url, timeout=60) as client:
        for name, entry in recording.http.items():
            if "request" in entry:
                continue
            response = client.get(name.removeprefix("GET "))
            assert response.status_code == entry["status"], name
            for header, value in entry.get("headers", {}).items():
                if name in stand_ins and header in ("Content-Length", "Etag"):
                    assert response.headers[header]
                elif name in stand_ins and header == "Content-Type":
                    assert response.headers[header].startswith("image/")
                else:
                    assert response.headers.get(header) == value, (name, header)


def test_the_schema_equals_the_recorded_one_for_all_library_types(recording: Recording) -> None:
    real = {one["name"]: one for one in recording.introspection["types"]}
    query = """{__schema{types{name kind
      fields(includeDeprecated:true){name isDeprecated type{...T} args{name}}
      inputFieldsPLACE{name type{...T}} enumValues(includeDeprecated:true){name}}}}
      fragment T on __Type {kind name ofType{kind name ofType{kind name ofType{kind name}}}}"""
    # Deprecated input fields are listed by older releases, and on request by newer ones.
    query = query.replace("PLACE", "" if recording.release == "v0.20.2" else "(includeDeprecated:true)")
    ours = {one["name"]: one for one in recording.stash.execute(query)["data"]["__schema"]["types"]}

    def text(kind: dict[str, Any]) -> str:
        if kind["kind"] == "NON_NULL":
            return text(kind["ofType"]) + "!"
        return f"[{text(kind['ofType'])}]" if kind["kind"] == "LIST" else str(kind["name"])

    for name in (
        "Scene", "SceneMarker", "Performer", "Studio", "Tag", "Movie", "Gallery", "GalleryChapter", "Image",
        "VideoFile", "ImageFile", "GalleryFile", "Folder", "StashID", "SavedFilter", "SceneFilterType",
        "PerformerFilterType", "SceneUpdateInput", "StatsResultType", "FindScenesResultType",
    ):  # fmt: skip
        theirs, mine = real[name], ours[name]
        assert mine["kind"] == theirs["kind"]
        for part in ("fields", "inputFields"):
            assert {one["name"]: text(one["type"]) for one in mine[part] or ()} == {
                one["name"]: text(one["type"]) for one in theirs[part] or ()
            }, name
        assert {one["name"] for one in mine["fields"] or () if one["isDeprecated"]} == {
            one["name"] for one in theirs["fields"] or () if one["isDeprecated"]
        }, name


def test_the_given_backup_is_not_modified(recording: Recording) -> None:
    path = recording.database
    before = path.read_bytes()
    recording.stash.library.execute("SAVEPOINT probe")
    recording.stash.execute('mutation{sceneUpdate(input:{id:"1",title:"other"}){id}}')
    assert path.read_bytes() == before
    recording.stash.library.execute("ROLLBACK TO probe")
    recording.stash.library.execute("RELEASE probe")
    assert list(recording.database.parent.glob("*-wal")) == []


def test_a_file_that_is_not_a_database_is_rejected(tmp_path: Any) -> None:
    from stash_pipeline.simulator.library import Library

    bad = tmp_path / "bad.sqlite"
    bad.write_text("not a database at all, but long enough to look at")
    with pytest.raises(ValueError, match="is not a Stash database"):
        Library.open(bad)
