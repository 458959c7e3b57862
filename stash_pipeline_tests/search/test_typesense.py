"""The index on Typesense answers what every back end answers.

The stand-in is the server, or a real one: with ``TYPESENSE_TEST_URL`` and ``TYPESENSE_TEST_KEY``, whose collections
named ``test…`` are removed.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from stash_pipeline.search.documents import Document
from stash_pipeline.search.typesense.backend import TypesenseBackend
from stash_pipeline.search.typesense.client import Connection, TypesenseServer
from stash_pipeline_tests.search.suite import Suite, fill, generated_library
from stash_pipeline_tests.search.typesense_server import KEY, running


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    url = os.environ.get("TYPESENSE_TEST_URL")
    if url:
        yield Connection(url, os.environ["TYPESENSE_TEST_KEY"], timeout=120)
    else:
        with running() as server:
            yield Connection(server.url, KEY)


@pytest.fixture(scope="module")
def filled(connection: Connection, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TypesenseBackend]:
    """An index with the generated library, for tests that only read."""
    prefix = f"test{uuid4().hex[:8]}"
    backend = TypesenseBackend(connection, tmp_path_factory.mktemp("search"), prefix)
    fill(backend, generated_library())
    yield backend
    backend.close()
    remove_collections(connection, prefix)


class TestTypesense(Suite):
    # the stand-in looks at every document for each, in Python
    conditions = 60

    @pytest.fixture
    def backend(self, request: pytest.FixtureRequest, connection: Connection, tmp_path: Path) -> Iterator[Any]:
        if "library" in request.fixturenames:
            yield request.getfixturevalue("filled")
            return
        prefix = f"test{uuid4().hex[:8]}"
        backend = TypesenseBackend(connection, tmp_path / "search", prefix)
        yield backend
        backend.close()
        remove_collections(connection, prefix)

    @pytest.fixture
    def library(self, backend: TypesenseBackend) -> list[Document]:
        return list(generated_library())


def remove_collections(connection: Connection, prefix: str) -> None:
    """Removes what a test made."""
    server = TypesenseServer(connection)
    made = server.call("list collections", lambda client: client.collections.retrieve())
    for collection in made:
        if collection["name"].startswith(prefix):
            server.drop(collection["name"])
    server.close()
