"""Values that a server accepts although nobody would expect them: the documents are made, and the index has them."""

from pathlib import Path

import pytest

from stash_pipeline_tests.matches.conftest import database
from stash_pipeline_tests.search.documented import DocumentedServers
from stash_pipeline_tests.search.working import of

pytestmark = pytest.mark.integration

__all__ = ["database"]

LARGEST = 2**31 - 1
"""The largest integer of GraphQL."""


def test_a_group_may_last_longer_than_an_integer_has_milliseconds(database: str, home: Path) -> None:
    servers = DocumentedServers(database, home)
    server = servers.register({"groups": [{"id": 1, "name": "Long", "duration": LARGEST}]})
    servers.follow_all()
    assert [(document["title"], document["duration"]) for document in of(servers, "groups")] == [
        ("Long", LARGEST * 1000)
    ]
    servers.write(server, {"groups": [{"id": 1, "name": "Long", "duration": -1}]})
    servers.follow_all()
    assert [document["duration"] for document in of(servers, "groups")] == [None]
