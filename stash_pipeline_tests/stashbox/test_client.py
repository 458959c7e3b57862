"""The client: lookups, objects by id, merges, and what it does where a box lacks something."""

import re
from collections.abc import Sequence
from typing import Any

import pytest

from stash_pipeline.stash.limits import Limits
from stash_pipeline.stashbox.dates import release_date
from stash_pipeline.stashbox.errors import (
    StashBoxAuthError,
    StashBoxQueryError,
    StashBoxUnexpectedError,
    StashBoxUnsupportedError,
)
from stash_pipeline.stashbox.fingerprints import Fingerprint
from stash_pipeline.stashbox.models import exact_phashes_only
from stash_pipeline.stashbox.transport import refuse_writes
from stash_pipeline_tests.stashbox.scripted import (
    Reply,
    Request,
    Script,
    Unlimited,
    asked,
    data,
    find,
    identifier,
    in_turn,
    named,
    refused,
    unknown_field,
)

LOOKUP = "findScenesBySceneFingerprints"


def group(number: int) -> list[Fingerprint]:
    return [Fingerprint("PHASH", number), Fingerprint("OSHASH", number)]


def matches(*groups: Any, errors: Sequence[Any] = ()) -> Reply:
    """The answer to a lookup."""
    members: dict[str, Any] = {LOOKUP: list(groups)}
    return data(errors, **members)


def scene(number: int, **more: Any) -> dict[str, Any]:
    return {"id": identifier(number), "title": f"Scene {number}", "deleted": False, **more}


def echo(request: Request) -> Reply:
    """Finds, for each hash, the scene of that number."""
    found = [[scene(int(entry["hash"], 16)) for entry in group] for group in request.groups]
    return matches(*(list({one["id"]: one for one in group}.values()) for group in found))


def ids_of(results: list[list[dict[str, Any]] | None]) -> list[list[str] | None]:
    return [None if scenes is None else [one["id"] for one in scenes] for scenes in results]


# --- fingerprints -------------------------------------------------------------------------------------------


def test_a_lookup_sends_hex_and_gives_the_scenes_of_each_group() -> None:
    with asked(echo) as (client, box):
        results = client.find_scenes_by_fingerprints([group(0xAB), [], group(0xCD)])
        assert ids_of(results) == [[identifier(0xAB)], [], [identifier(0xCD)]]
    (request,) = box.requests
    assert request.groups[0] == [
        {"hash": "00000000000000ab", "algorithm": "OSHASH"}, {"hash": "ab", "algorithm": "PHASH"},
    ]  # fmt: skip
    for name in ("submissions", "reports", "duration", "release_date"):
        assert re.search(rf"\b{name}\b", request.document)


def test_many_groups_are_few_requests_that_can_be_stored_one_by_one() -> None:
    with asked(echo) as (client, box):
        answered = client.lookups([group(number) for number in range(1, 101)])
        first = next(answered)
        assert sorted(first) == list(range(40)) and len(box.requests) == 1
        rest = [position for request in answered for position in request]
        assert rest == list(range(40, 100)) and len(box.requests) == 3


def test_a_group_with_more_phashes_than_a_request_is_united() -> None:
    many = [Fingerprint("PHASH", number) for number in range(1, 131)]
    with asked(echo) as (client, box):
        results = client.find_scenes_by_fingerprints([group(500), many, group(600)])
        assert ids_of(results) == [
            [identifier(500)], [identifier(number) for number in range(1, 131)], [identifier(600)],
        ]  # fmt: skip
        assert len(box.requests) == 4

    def same(request: Request) -> Reply:
        return matches(*([scene(7)] for _ in request.groups))

    with asked(same) as (client, _):
        assert ids_of(client.find_scenes_by_fingerprints([many])) == [[identifier(7)]]


def test_null_scenes_of_a_group_are_dropped() -> None:
    with asked(in_turn(matches([None, scene(1), None]))) as (client, _):
        assert ids_of(client.find_scenes_by_fingerprints([group(1)])) == [[identifier(1)]]


@pytest.mark.parametrize("answer", [[], [[]], [[], [], []], None, {"a": 1}, "x"])
def test_an_answer_of_another_length_or_form_is_an_error(answer: Any) -> None:
    with (
        asked(in_turn(data(**{LOOKUP: answer}))) as (client, _),
        pytest.raises(StashBoxUnexpectedError, match="nothing of the answer was used"),
    ):
        client.find_scenes_by_fingerprints([group(1), group(2)])


def test_no_group_needs_no_request() -> None:
    with asked(echo) as (client, box):
        assert client.find_scenes_by_fingerprints([[], []]) == [[], []]
        assert client.find_scenes_by_fingerprints([]) == []
        assert box.requests == []


@pytest.mark.parametrize(
    "too_many",
    [Reply(b"", 413), refused("too many scenes", status=200, code=None), refused("query is too complex", code=None)],
)
def test_a_request_that_is_too_large_is_halved_and_the_size_is_remembered(too_many: Reply) -> None:
    def at_most_ten(request: Request) -> Reply:
        return echo(request) if len(request.groups) <= 10 else too_many

    with asked(at_most_ten) as (client, box):
        results = client.find_scenes_by_fingerprints([group(number) for number in range(1, 81)])
        assert ids_of(results) == [[identifier(number)] for number in range(1, 81)]
        # 40 and two of 20 are refused, then eight of 10
        assert [len(request.groups) for request in box.requests].count(10) == 8
        assert len(box.requests) == 11


def test_a_group_at_which_the_box_fails_is_not_empty() -> None:
    def fails_at_three(request: Request) -> Reply:
        bad = [number for number, one in enumerate(request.groups) if one[0]["hash"].endswith("03")]
        answer = echo(request).body["data"]
        for number in bad:
            answer[LOOKUP][number] = [None]
        errors = [{"message": "internal system error", "path": [LOOKUP, number, 0]} for number in bad]
        return data(errors, **answer)

    with asked(fails_at_three) as (client, box):
        results = client.find_scenes_by_fingerprints([group(number) for number in range(1, 6)])
        assert ids_of(results) == [[identifier(1)], [identifier(2)], None, [identifier(4)], [identifier(5)]]
        assert list(client.failures) == ["group 2"] and "internal system error" in client.failures["group 2"]
        # the failing one alone, once
        assert [len(request.groups) for request in box.requests] == [5, 1]


def test_a_failed_field_is_left_out_and_not_null() -> None:
    document = scene(1, studio={"id": "s", "name": "Studio", "parent": None}, tags=[{"id": "t", "name": None}])
    errors = [
        {"message": "internal error", "path": [LOOKUP, 0, 0, "studio", "parent", "name"]},
        {"message": "internal error", "path": [LOOKUP, 0, 0, "performers", 2, "performer", "name"]},
        {"message": "internal error", "path": [LOOKUP, 0, 0, "tags", 0, "name"]},
    ]
    with asked(in_turn(matches([{**document, "performers": None}], errors=errors))) as (client, _):
        (scenes,) = client.find_scenes_by_fingerprints([group(1)])
        assert scenes is not None
        (found,) = scenes
    assert found["studio"] == {"id": "s", "name": "Studio"} and found["tags"] == [{"id": "t"}]
    assert "performers" not in found and not client.failures


def test_a_box_that_fails_at_everything_is_an_error_after_few_requests() -> None:
    limiter = Unlimited()
    with (
        asked(in_turn(refused("Internal system error. Error <x>", status=200, code=None)), limiter) as (client, box),
        pytest.raises(StashBoxQueryError, match="Internal system error"),
    ):
        client.find_scenes_by_fingerprints([group(number) for number in range(1, 41)])
    assert len(box.requests) < 20


# --- objects by id ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entity", "query"),
    [("scenes", "findScene"), ("performers", "findPerformer"), ("studios", "findStudio"), ("tags", "findTag")],
)
def test_objects_are_found_by_aliases(entity: Any, query: str) -> None:
    ids = [identifier(number) for number in range(1, 76)]
    with asked(find(named)) as (client, box):
        found = client.find(entity, [*ids, *ids])
        assert list(found) == ids and [document and document["id"] for document in found.values()] == ids
        assert [len(request.ids) for request in box.requests] == [30, 30, 15]
        assert len(re.findall(rf"\bi\d+: {query}\(id: \$i\d+\)", box.requests[0].document)) == 30


def test_what_a_box_does_not_have_is_none_and_what_is_deleted_is_not() -> None:
    gone, deleted = identifier(1), identifier(2)
    with asked(find(lambda wanted: None if wanted == gone else named(wanted, deleted=True))) as (client, _):
        found = client.find("performers", [gone, deleted])
        assert found[gone] is None and (found[deleted] or {})["deleted"] is True


def test_a_text_that_is_no_id_is_not_sent() -> None:
    wrong = ["", "1", "x" * 36, identifier(1) + "\n", 'a"){id}}']
    with asked(find(named)) as (client, box):
        assert client.find("tags", wrong) == dict.fromkeys(wrong)
        assert box.requests == []
        assert client.find("tags", [identifier(1).upper()])
    with asked(find(named), dialect="theporndb") as (client, box):
        assert client.find("scenes", ["12345", "a b"]) == {"a b": None, "12345": named("12345")}


def test_an_id_at_which_the_box_fails_is_neither_absent_nor_in_the_way_of_others() -> None:
    bad = identifier(3)

    def script(request: Request) -> Reply:
        answer: dict[str, Any] = {
            alias: None if wanted == bad else named(wanted) for alias, wanted in request.variables.items()
        }
        aliases = [alias for alias, wanted in request.variables.items() if wanted == bad]
        return data([{"message": "some internal error", "path": [alias]} for alias in aliases], **answer)

    ids = [identifier(number) for number in range(1, 8)]
    with asked(script) as (client, box):
        found = client.find("scenes", ids)
        assert set(found) == set(ids) - {bad}
        assert "some internal error" in client.failures[bad]
        assert [len(request.ids) for request in box.requests] == [7, 1]


@pytest.mark.parametrize("answer", [{"name": "no id"}, {"id": identifier(9)}, [], "x", {"id": 7}])
def test_another_object_than_the_one_asked_for_is_a_failure(answer: Any) -> None:
    good, bad = identifier(1), identifier(2)
    with asked(find(lambda wanted: named(wanted) if wanted == good else answer)) as (client, _):
        assert list(client.find("scenes", [good, bad])) == [good]
        assert list(client.failures) == [bad]


def test_an_alias_without_an_answer_is_not_absent() -> None:
    with (
        asked(lambda request: data(i0=named(request.ids[0]))) as (client, _),
    ):
        found = client.find("scenes", [identifier(1), identifier(2)])
        assert set(found) == {identifier(1), identifier(2)} and all(found.values())
    with asked(in_turn(data(other=1))) as (client, _), pytest.raises(StashBoxUnexpectedError):
        client.find("scenes", [identifier(1)])


def test_ids_that_are_too_many_are_halved_once_per_run() -> None:
    def at_most_eight(request: Request) -> Reply:
        return find(named)(request) if len(request.ids) <= 8 else Reply(b"<html>", 413, {})

    ids = [identifier(number) for number in range(1, 61)]
    with asked(at_most_eight, ids_per_request=32) as (client, box):
        assert list(client.find("scenes", ids)) == ids
        sizes = [len(request.ids) for request in box.requests]
        assert sizes == [32, 16, 8, 8, 16, 8, 8, 8, 8, 8, 4]


def test_an_answer_beyond_the_limit_is_asked_for_in_parts() -> None:
    ids = [identifier(number) for number in range(1, 5)]
    with asked(find(lambda wanted: named(wanted, details="x" * 300)), limits=Limits(answer_bytes=800)) as (client, _):
        assert list(client.find("scenes", ids)) == ids


def test_a_lone_surrogate_and_a_nul_do_not_spoil_the_others() -> None:
    body = b'{"data":{"i0":{"id":"%s","name":"a\\u0000b\\ud800c"}}}' % identifier(1).encode()
    with asked(in_turn(Reply(body))) as (client, _):
        document = client.find("tags", [identifier(1)])[identifier(1)]
        assert document is not None and document["name"] == "a\ufffdb\ufffdc"


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
