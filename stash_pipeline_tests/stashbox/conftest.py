"""Fixtures: two servers that were read and matched, and a registered box."""

import pytest

from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.matches.conftest import _matched, servers
from stash_pipeline_tests.matches.working import Servers
from stash_pipeline_tests.mirror.conftest import _no_waiting, home, warehouse

__all__ = ["_matched", "_no_waiting", "home", "servers", "warehouse"]

BOX_URL = "https://kitebox.example/graphql"


@pytest.fixture
def endpoint_id(servers: Servers) -> int:
    """A box, without a server behind it."""
    with connect(servers.database_url) as connection:
        row = connection.execute(
            "INSERT INTO ops.stashbox_endpoints (name, url, dialect)\n"
            "VALUES ('kitebox', %s, 'stash-box') RETURNING id",
            [BOX_URL],
        ).fetchone()
        assert row is not None
        return int(row[0])
