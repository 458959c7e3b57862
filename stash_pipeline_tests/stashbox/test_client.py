"""The client: what it does where a box lacks something, merges, scenes of others, and what it never sends."""

import re
from typing import Any

import pytest

from stash_pipeline.stashbox.dates import release_date
from stash_pipeline.stashbox.errors import (
    StashBoxAuthError,
    StashBoxQueryError,
    StashBoxUnexpectedError,
    StashBoxUnsupportedError,
)
from stash_pipeline.stashbox.models import exact_phashes_only
from stash_pipeline.stashbox.transport import refuse_writes
from stash_pipeline_tests.stashbox.lookup_answers import LOOKUP, echo, group, ids_of, matches, scene
from stash_pipeline_tests.stashbox.scripted import (
    Reply,
    Request,
    Script,
    asked,
    data,
    find,
    identifier,
    in_turn,
    named,
    refused,
    unknown_field,
)

# --- what a box lacks ---------------------------------------------------------------------------------------


def lacking(*fields: tuple[str, str], answer: Script, one_by_one: bool = False) -> Script:
    """A box that refuses documents with these fields, and names all of them, or the first."""

    def script(request: Request) -> Reply:
        named = [unknown_field(*one) for one in fields if re.search(rf"\b{one[1]}\b", request.document)]
        return refused(*named[: 1 if one_by_one else None]) if named else answer(request)

    return script


@pytest.mark.parametrize("one_by_one", [False, True])
def test_a_field_that_the_box_lacks_is_left_out_and_remembered(one_by_one: bool) -> None:
    script = lacking(("Fingerprint", "reports"), ("Scene", "code"), answer=echo, one_by_one=one_by_one)
    with asked(script) as (client, box):
        for number in (1, 2):
            assert ids_of(client.find_scenes_by_fingerprints([group(number)])) == [[identifier(number)]]
        assert client.missing == ["Fingerprint.reports", "Scene.code"]
        assert len(box.requests) == (4 if one_by_one else 3)


def test_a_predecessor_is_asked_for_where_a_field_is_missing() -> None:
    script = lacking(
        ("Scene", "release_date"), ("URL", "site"), answer=find(lambda wanted: named(wanted, date="2015-01-01"))
    )
    with asked(script) as (client, box):
        document = client.find("scenes", [identifier(1)])[identifier(1)]
        assert document is not None and str(release_date(document)) == "2015"
    last = box.requests[-1].document
    assert re.search(r"^\s+date$", last, re.MULTILINE) and re.search(r"urls \{\s+url\s+type\s+\}", last)


def test_a_refusal_that_names_no_field_is_an_error() -> None:
    with asked(in_turn(refused("Unknown type X"))) as (client, box), pytest.raises(StashBoxQueryError):
        client.find("scenes", [identifier(1)])
    assert len(box.requests) == 1
    indispensable = refused(unknown_field("Scene", "id"))
    with asked(in_turn(indispensable)) as (client, _), pytest.raises(StashBoxQueryError):
        client.find("scenes", [identifier(1)])


def test_a_query_that_the_box_lacks_is_said_and_not_asked_again() -> None:
    with asked(in_turn(refused(unknown_field("Query", LOOKUP)))) as (client, box):
        for _ in range(2):
            with pytest.raises(StashBoxUnsupportedError, match=LOOKUP):
                client.find_scenes_by_fingerprints([group(1)])
        assert client.missing == [f"Query.{LOOKUP}"] and not client.has(LOOKUP)
        assert len(box.requests) == 1


def test_theporndb_is_asked_for_what_it_has() -> None:
    def answer(request: Request) -> Reply:
        return data(i0=named(identifier(1), birth_date="1990-02-03 00:00:00"))

    with asked(answer, dialect="theporndb") as (client, box):
        document = client.find("performers", [identifier(1)])[identifier(1)]
        assert document is not None and document["birth_date"] == "1990-02-03"
        client.find("scenes", [identifier(1)])
        for unsupported in (
            lambda: client.merge_target("studios", identifier(1)),
            lambda: client.scenes_of("performers", identifier(1)),
        ):
            with pytest.raises(StashBoxUnsupportedError, match="skipped"):
                unsupported()
        assert {"Query.queryEdits", "Query.queryScenes", "Fingerprint.reports"} <= set(client.missing)
    text = " ".join(request.document for request in box.requests)
    assert not re.search(r"\b(reports|release_date|site|cup_size_)\b", text) and "measurements" in text


def test_theporndb_refuses_unknown_fields_with_status_200() -> None:
    refusal = Reply({"errors": [{"message": unknown_field("Scene", "deleted"), "extensions": {"category": "graphql"}}]})
    script: Script = lambda request: refusal if " deleted" in request.document else find(named)(request)  # noqa: E731
    with asked(script, dialect="theporndb") as (client, _):
        assert client.find("scenes", [identifier(1)])
        assert "Scene.deleted" in client.missing


# --- the box itself, merges, scenes of others ---------------------------------------------------------------


def test_version_and_user_are_read() -> None:
    def script(request: Request) -> Reply:
        if "version" in request.document:
            return data(version={"version": "v0.10.2"})
        return data(me={"name": "reader", "roles": ["VOTE", "READ"]})

    with asked(script) as (client, _):
        assert client.version() == "v0.10.2"
        user = client.me()
        assert (user.name, user.roles) == ("reader", ("READ", "VOTE"))


def test_a_box_without_version_and_roles_is_usable() -> None:
    script = lacking(("Query", "version"), ("User", "roles"), answer=lambda _: data(me={"name": "reader"}))
    with asked(script, dialect="theporndb") as (client, box):
        assert client.version() is None and client.version() is None
        assert client.me().roles is None
        assert len(box.requests) == 3


@pytest.mark.parametrize(
    ("version", "faulty"),
    [("v0.6.17", False), ("v0.7.0", True), ("0.8.4", True), ("v0.9.0", False), ("v0.10.2", False), (None, False)],
)
def test_releases_that_find_equal_phashes_only_are_known(version: str | None, faulty: bool) -> None:
    assert exact_phashes_only(version) is faulty


def merges(*edits: dict[str, Any]) -> Script:
    return in_turn(data(i0={"edits": list(edits)}))


def edit(target: int | None, *sources: int, **more: Any) -> dict[str, Any]:
    return {
        "closed": "2025-01-02T03:04:05Z",
        "target": None if target is None else {"id": identifier(target), "deleted": False},
        "merge_sources": [{"id": identifier(source)} for source in sources],
        **more,
    }


def test_a_merge_target_comes_from_the_newest_edit_that_merged_the_object() -> None:
    # the first edit merged something into the object
    with asked(merges(edit(1, 7), edit(2, 1, 8), edit(3, 1))) as (client, box):
        target = client.merge_target("studios", identifier(1))
        assert target is not None and target.id == identifier(2) and target.merged_at == "2025-01-02T03:04:05Z"
        filters = box.requests[0].variables["i0"]
        assert (filters["target_type"], filters["operation"], filters["applied"]) == ("STUDIO", "MERGE", True)
        assert "... on Studio" in box.requests[0].document
    for nothing in (merges(), merges(edit(1, 7)), merges(edit(None, 1)), merges(edit(1, 1))):
        with asked(nothing) as (client, _):
            assert client.merge_target("tags", identifier(1)) is None


def test_merge_targets_are_asked_for_as_many_at_once_as_documents() -> None:
    def script(request: Request) -> Reply:
        asked_for = {alias: each["target_id"] for alias, each in request.variables.items()}
        sources = {identifier(number): number for number in range(1, 8)}
        answers: dict[str, Any] = {alias: {"edits": [edit(100, sources[one])]} for alias, one in asked_for.items()}
        return data(**answers)

    with asked(script, ids_per_request=3) as (client, box):
        targets = client.merge_targets("tags", [*map(identifier, range(1, 8)), "no id"])
        assert {key: target and target.id for key, target in targets.items()} == {
            **{identifier(number): identifier(100) for number in range(1, 8)},
            "no id": None,
        }
        assert [len(request.variables) for request in box.requests] == [3, 3, 1]


def test_an_object_whose_merges_a_box_fails_at_spoils_no_other() -> None:
    def script(request: Request) -> Reply:
        wanted = {alias: each["target_id"] for alias, each in request.variables.items()}
        answers: dict[str, Any] = {
            alias: {"edits": None if one == identifier(2) else [edit(9, 1), edit(9, 3)]}
            for alias, one in wanted.items()
        }
        return data(**answers)

    with asked(script) as (client, _):
        targets = client.merge_targets("tags", [identifier(number) for number in (1, 2, 3)])
        assert {key: target and target.id for key, target in targets.items()} == dict.fromkeys(
            (identifier(1), identifier(3)), identifier(9)
        )
        assert list(client.failures) == [identifier(2)]


@pytest.mark.parametrize("answer", [None, {"edits": None}, {"edits": [None]}, {"edits": [{"target": None}]}])
def test_damaged_edits_are_an_error(answer: Any) -> None:
    with asked(in_turn(data(i0=answer))) as (client, _), pytest.raises(StashBoxUnexpectedError):
        client.merge_target("tags", identifier(1))


def test_scenes_of_a_performer_come_in_pages_and_are_counted_once() -> None:
    def script(request: Request) -> Reply:
        page = request.variables["input"]["page"]
        scenes = [scene(number) for number in range(page * 2 - 1, min(page * 2, 3) + 1)]
        counted = {"count": 3} if " count " in request.document else {}
        return data(queryScenes={"scenes": scenes, **counted})

    with asked(script) as (client, box):
        first = client.scenes_of("performers", identifier(9), per_page=2)
        second = client.scenes_of("performers", identifier(9), 2, per_page=2)
        assert (len(first.scenes), first.count, first.more) == (2, 3, True)
        assert (len(second.scenes), second.count, second.more) == (1, None, False)
        filters = box.requests[0].variables["input"]
        assert filters["performers"] == {"value": [identifier(9)], "modifier": "INCLUDES"}


def test_a_page_with_errors_is_not_used() -> None:
    errors = [{"message": "internal error", "path": ["queryScenes", "scenes", 0, "title"]}]
    answer = data(errors, queryScenes={"count": 1, "scenes": [scene(1)]})
    with asked(in_turn(answer)) as (client, _), pytest.raises(StashBoxQueryError, match="internal error"):
        client.scenes_of("studios", identifier(1))


def test_a_probe_learns_what_a_box_lacks_from_requests_for_nothing() -> None:
    def answer(request: Request) -> Reply:
        if "Find" in request.document:
            return find(lambda _: None)(request)
        if LOOKUP in request.document:
            return matches()
        if "queryEdits" in request.document:
            return data(i0={"edits": []})
        return data(queryScenes={"count": 0, "scenes": []})

    script = lacking(("Query", "queryEdits"), ("Tag", "category"), answer=answer)
    with asked(script) as (client, box):
        client.probe()
        assert client.missing == ["Query.queryEdits", "Tag.category"]
        assert len(box.requests) == 8


# --- what is never sent -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "document",
    [
        "mutation { submitFingerprint(input: {}) }",
        "query A { me { name } } mutation B { sceneDestroy }",
        "  mutation X($a: ID!) { sceneDestroy(id: $a) }",
        "subscription { x }",
        "{ me { name } }",
        'query A { searchScene(term: "} mutation {") { id } }',
        "fragment F on Scene { id } mutation { a }",
        "",
    ],
)
def test_only_queries_are_sent(document: str) -> None:
    with asked(in_turn(data(me={"name": "x"}))) as (client, box):
        with pytest.raises(AssertionError, match="Only queries"):
            client._transport.send(document, {}, "anything")
        assert box.requests == []


def test_every_document_of_the_client_is_a_query() -> None:
    def script(request: Request) -> Reply:
        return refused("not authorized", status=200, code=None)

    with asked(script) as (client, box):
        for ask in (client.version, client.me, client.probe, lambda: client.find_scenes_by_fingerprints([group(1)])):
            with pytest.raises(StashBoxAuthError):
                ask()
        assert len(box.requests) == 4
        for request in box.requests:
            refuse_writes(request.document)
