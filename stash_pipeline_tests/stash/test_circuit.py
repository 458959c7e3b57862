"""A server that keeps failing is left alone, and one that recovers is not."""

from collections.abc import Container, Iterator
from typing import Any

import pytest
import stamina

from stash_pipeline.stash.circuit_breaker import CircuitBreaker, ResilientClient
from stash_pipeline.stash.client import Answer
from stash_pipeline.stash.errors import (
    InvalidResponseError,
    StashConnectionError,
    StashError,
    StashHTTPError,
    StashQueryError,
)

GOOD = Answer({"x": 1}, 1, 0.0, b"")
DOWN = StashConnectionError("http://stash cannot be reached.")
LOCKED = StashQueryError("findTags", [{"message": "database is locked"}])


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=100, cap=True)
    yield
    stamina.set_testing(False)


class Server:
    """Fails as told, then answers."""

    def __init__(self, *failures: StashError) -> None:
        self.failures = list(failures)
        self.requests = 0

    def execute(
        self, document: str, variables: dict[str, Any] | None = None, *, name: str = "", known: Container[bytes] = ()
    ) -> Answer:
        self.requests += 1
        if self.failures:
            raise self.failures.pop(0)
        return GOOD


@pytest.mark.parametrize("failure", [DOWN, LOCKED, StashHTTPError(503, "busy"), InvalidResponseError("half")])
def test_a_server_in_trouble_is_asked_again(failure: StashError) -> None:
    server = Server(failure, failure, failure, failure)
    assert ResilientClient(server).execute("{x}") is GOOD
    assert server.requests == 5


def test_after_five_failures_nobody_asks_any_more() -> None:
    server = Server(*[DOWN] * 100)
    circuit = CircuitBreaker()
    one, other = ResilientClient(server, circuit), ResilientClient(server, circuit)
    sentence = r"was left alone after 5 failures in a row; the last: http://stash cannot be reached\.$"
    with pytest.raises(StashConnectionError, match=sentence):
        one.execute("{x}")
    for client in (one, other):
        with pytest.raises(StashConnectionError, match=sentence):
            client.execute("{x}")
    assert server.requests == 5


def test_an_answer_in_between_begins_anew() -> None:
    server = Server(*[DOWN] * 4)
    client = ResilientClient(server)
    for _ in range(5):
        client.execute("{x}")
        server.failures = [DOWN] * 4
    assert not client.circuit.is_open


@pytest.mark.parametrize(
    "refused",
    [
        StashHTTPError(401, "key"),
        StashHTTPError(500, "http://stash answered 500: unauthorized"),
        StashQueryError("findTags", [{"message": "x", "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}]),
        StashQueryError("findTags", [{"message": "Internal system error"}]),
    ],
)
def test_what_is_refused_is_asked_once(refused: StashError) -> None:
    server = Server(*[refused] * 3)
    client = ResilientClient(server)
    with pytest.raises(type(refused)):
        client.execute("{x}")
    assert server.requests == 1
    assert not client.circuit.is_open


def test_patience_ends() -> None:
    now = [0.0]

    class Slow(Server):
        def execute(
            self,
            document: str,
            variables: dict[str, Any] | None = None,
            *,
            name: str = "",
            known: Container[bytes] = (),
        ) -> Answer:
            now[0] += 200
            return super().execute(document, variables, name=name, known=known)

    server = Slow(*[DOWN] * 10)
    with pytest.raises(StashConnectionError, match="after 3 failures in a row"):
        ResilientClient(server, CircuitBreaker(patience=300, clock=lambda: now[0])).execute("{x}")
