"""Requests are retried by one policy; a server that keeps failing is left alone, and one that recovers is not."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import stamina

from stash_pipeline.stash.errors import (
    InvalidResponseError,
    StashConnectionError,
    StashError,
    StashHTTPError,
    StashQueryError,
)
from stash_pipeline.stash.retries import NO_RETRIES, Retries, RetryPolicy

POLICY = RetryPolicy()
DOWN = StashConnectionError("http://stash cannot be reached.", "refused")
LOCKED = StashQueryError("findTags", [{"message": "database is locked"}])
ONE_OBJECT = StashQueryError("findTags", [{"message": "Internal system error"}])


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=100, cap=True)
    yield
    stamina.set_testing(False)


class Server:
    """Fails as often as it is told, then answers."""

    def __init__(self, *failures: StashError) -> None:
        self.failures = list(failures)
        self.requests = 0

    def __call__(self) -> str:
        self.requests += 1
        if self.failures:
            raise self.failures.pop(0)
        return "answer"


def answered() -> Retries:
    """Retries of a client whose server has answered before."""
    retries = Retries()
    assert retries.call(Server()) == "answer"
    return retries


@pytest.mark.parametrize("failure", [DOWN, LOCKED, StashHTTPError(503, "busy"), InvalidResponseError("half")])
def test_failures_that_may_pass_are_retried(failure: StashError) -> None:
    server = Server(*[failure] * (POLICY.first_attempts - 1))
    assert Retries().call(server) == "answer"
    server = Server(*[failure] * (POLICY.attempts - 1))
    assert answered().call(server) == "answer"


def test_a_server_that_never_answered_is_tried_fewer_times() -> None:
    server = Server(*[DOWN] * 100)
    with pytest.raises(StashConnectionError, match="cannot be reached"):
        Retries().call(server)
    assert server.requests == POLICY.first_attempts < POLICY.attempts


def test_a_server_that_keeps_failing_is_left_alone_by_all_requests() -> None:
    server = Server(*[DOWN] * 100)
    retries = answered()
    sentence = rf"was left alone after {POLICY.attempts} failures in a row; the last: http://stash cannot be reached\.$"
    for _ in range(3):
        with pytest.raises(StashConnectionError, match=sentence):
            retries.call(server)
    assert server.requests == POLICY.attempts


def test_an_answer_restarts_the_count() -> None:
    retries = answered()
    for _ in range(5):
        retries.call(Server(*[DOWN] * (POLICY.attempts - 1)))
    assert retries.given_up is None


def test_a_request_that_fails_while_others_succeed_raises_its_own_error() -> None:
    retries = answered()

    def fails_between_answers() -> str:
        retries.call(Server())
        raise StashHTTPError(502, "bad gateway")

    with pytest.raises(StashHTTPError, match="bad gateway"):
        retries.call(fails_between_answers)
    assert retries.given_up is None


@pytest.mark.parametrize("failures", range(1, POLICY.attempts))
def test_an_answer_sent_for_before_the_first_failure_does_not_restart_the_count(failures: int) -> None:
    retries = answered()
    down = Server(*[DOWN] * 100)
    sent, answer = threading.Event(), threading.Event()

    def slow() -> str:
        sent.set()
        assert answer.wait(30)
        return "answer"

    with ThreadPoolExecutor(1) as pool:
        under_way = pool.submit(retries.call, slow)
        assert sent.wait(30)

        def fails() -> str:
            if down.requests == failures:
                answer.set()
                assert under_way.result(30) == "answer"
            return down()

        sentence = f"was left alone after {POLICY.attempts} failures in a row"
        with pytest.raises(StashConnectionError, match=sentence):
            retries.call(fails)
    assert down.requests == POLICY.attempts


def test_one_answer_between_the_first_failures_does_not_keep_a_dead_server_in_use() -> None:
    retries = answered()
    requests = [0]

    def dies() -> str:
        requests[0] += 1
        if requests[0] == 2:
            # of another thread, sent after the first failure
            retries.call(Server())
        raise DOWN

    with pytest.raises(StashConnectionError, match="was left alone after 8 failures in a row"):
        retries.call(dies)
    assert requests[0] == POLICY.attempts


@pytest.mark.parametrize(
    "refused",
    [
        StashHTTPError(401, "key"),
        StashHTTPError(500, "http://stash answered 500: unauthorized"),
        StashQueryError("findTags", [{"message": "x", "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}]),
        StashQueryError("findTag", [{"message": "tag with id 1 not found", "path": ["findTag"]}]),
        StashQueryError("findTags", [{"message": "must not be null", "path": ["findTags", "tags", 0, "created_at"]}]),
    ],
)
def test_permanent_errors_are_not_retried(refused: StashError) -> None:
    server = Server(*[refused] * 3)
    retries = answered()
    with pytest.raises(type(refused)):
        retries.call(server)
    assert server.requests == 1
    assert retries.given_up is None


def test_an_error_about_one_object_is_retried_a_few_times() -> None:
    assert answered().call(Server(*[ONE_OBJECT] * (POLICY.object_attempts - 1))) == "answer"
    server = Server(*[ONE_OBJECT] * 100)
    retries = answered()
    with pytest.raises(StashQueryError):
        retries.call(server)
    assert server.requests == POLICY.object_attempts
    assert retries.given_up is None


@pytest.mark.parametrize("reason", ["name", "tls"])
def test_a_wrong_name_or_certificate_is_retried_only_after_an_answer(reason: str) -> None:
    failure = StashConnectionError("no such host", reason)
    server = Server(failure, failure)
    with pytest.raises(StashConnectionError):
        Retries().call(server)
    assert server.requests == 1
    assert answered().call(Server(failure, failure)) == "answer"


def test_the_server_is_left_alone_when_patience_ends() -> None:
    now = [0.0]
    retries = Retries(clock=lambda: now[0])
    retries.call(Server())

    def slow() -> str:
        now[0] += 200
        raise DOWN

    with pytest.raises(StashConnectionError, match="after 3 failures in a row"):
        retries.call(slow)


def test_nothing_is_retried_after_the_deadline_of_a_request() -> None:
    now = [0.0]
    retries = Retries(clock=lambda: now[0])
    server = Server(*[DOWN] * 100)

    def slow() -> str:
        now[0] += 10
        return server()

    with pytest.raises(StashConnectionError):
        retries.call(slow, deadline=25.0)
    assert server.requests == 3


def test_without_retries_every_request_is_sent_once() -> None:
    server = Server(DOWN, DOWN)
    retries = Retries(NO_RETRIES)
    for _ in range(2):
        with pytest.raises(StashConnectionError, match="cannot be reached"):
            retries.call(server)
    assert retries.call(server) == "answer"


def test_runs_wait_longer_each_time() -> None:
    for retries in range(3):
        assert 0.8 <= POLICY.pause_before_run(retries) / (POLICY.run_pause * 2**retries) <= 1.2
