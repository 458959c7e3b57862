"""Objects by id: what a box does not have is None, and what it fails at is a failure."""

import re
from typing import Any

import pytest

from stash_pipeline.stash.limits import Limits
from stash_pipeline.stashbox.errors import (
    StashBoxUnexpectedError,
)
from stash_pipeline_tests.stashbox.scripted import (
    Reply,
    Request,
    asked,
    data,
    find,
    identifier,
    in_turn,
    named,
)


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
