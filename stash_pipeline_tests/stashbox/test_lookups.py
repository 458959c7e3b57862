"""Lookups by fingerprint: each group gets its scenes, or a failure, and never the scenes of another."""

import re
from typing import Any

import pytest

from stash_pipeline.stashbox.errors import (
    StashBoxQueryError,
    StashBoxUnexpectedError,
)
from stash_pipeline.stashbox.fingerprints import Fingerprint
from stash_pipeline_tests.stashbox.lookup_answers import LOOKUP, echo, group, ids_of, matches, scene
from stash_pipeline_tests.stashbox.scripted import (
    Reply,
    Request,
    Unlimited,
    asked,
    data,
    identifier,
    in_turn,
    refused,
)


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
