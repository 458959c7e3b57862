"""Fixtures: a small box, and clients that speak HTTP with it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from stash_pipeline.simulator.box.box import Box
from stash_pipeline.simulator.box.server import SimulatedStashBox
from stash_pipeline_tests.http_client import http_client
from stash_pipeline_tests.simulator.box.sample import Sample, sample

KEY = "key-of-a-reader"
LOOKUP = (
    "query($f: [[FingerprintQueryInput!]!]!) { findScenesBySceneFingerprints(fingerprints: $f)"
    " { id fingerprints { hash algorithm } } }"
)


@dataclass
class Client:
    """A client of a served box."""

    server: SimulatedStashBox
    url: str
    http: httpx.Client

    def post(self, query: str, variables: Any = None, key: str | None = KEY, **headers: str) -> httpx.Response:
        """The response to a GraphQL request."""
        if key is not None:
            headers["ApiKey"] = key
        return self.http.post(self.url, json={"query": query, "variables": variables}, headers=headers)

    def ask(self, query: str, variables: Any = None) -> Any:
        """The data of a response without errors."""
        body = self.post(query, variables).json()
        assert "errors" not in body, body["errors"]
        return body["data"]

    def only_error(self, query: str, variables: Any = None, key: str | None = KEY) -> str:
        """The message of the only error of a response."""
        (error,) = self.post(query, variables, key).json()["errors"]
        return str(error["message"])

    def lookup(self, *groups: list[tuple[str, str]]) -> list[list[str]]:
        """The ids of the scenes that are found for groups of (algorithm, hash)."""
        sent = [[{"algorithm": algorithm, "hash": text} for algorithm, text in group] for group in groups]
        found = self.ask(LOOKUP, {"f": sent})["findScenesBySceneFingerprints"]
        return [[scene["id"] for scene in group] for group in found]


Serve = Callable[..., Client]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves a box until the end of the test."""
    with ExitStack() as stack:

        def start(box: Box, **options: Any) -> Client:
            server = SimulatedStashBox(box, **{"api_key": KEY, **options})
            running = stack.enter_context(server.running())
            return Client(server, running.url, stack.enter_context(http_client(timeout=60)))

        yield start


@pytest.fixture
def boxed() -> Sample:
    return sample()
