"""Fixtures: two servers that were read and matched, and a registered box."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.ops.request_limiter import RequestLimiter
from stash_pipeline_tests.matches.conftest import _matched, servers
from stash_pipeline_tests.matches.working import Servers
from stash_pipeline_tests.mirror.conftest import _no_waiting, home, warehouse
from stash_pipeline_tests.stashbox.working import ReadBox, new_box

__all__ = ["_matched", "_no_waiting", "home", "servers", "warehouse"]

BOX_URL = "https://kitebox.example/graphql"


@pytest.fixture
def endpoint_id(servers: Servers) -> int:
    """A box, without a server behind it."""
    with connect(servers.database_url) as connection:
        row = connection.execute(
            "INSERT INTO ops.stashbox_endpoints (name, url, dialect) VALUES ('kitebox', %s, 'stash-box')\nRETURNING id",
            [BOX_URL],
        ).fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def box(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[ReadBox]:
    """A simulated box that is registered; requests do not wait for their turns."""
    monkeypatch.setattr(RequestLimiter, "acquire", _without_waiting)
    with new_box(servers, servers.home.settings) as made:
        yield made


def _without_waiting(limiter: RequestLimiter) -> datetime:
    return limiter.reserve().at
