"""Fixtures: two servers that were read and matched, and a registered box."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from stash_pipeline.warehouse.connect import connect
from stash_pipeline.warehouse.matches.deciding import NewDecision
from stash_pipeline.warehouse.matches.decisions import BoxRecord
from stash_pipeline.warehouse.matches.features import Node
from stash_pipeline.warehouse.ops.request_limiter import RequestLimiter
from stash_pipeline_tests.matches.conftest import matched, servers
from stash_pipeline_tests.matches.working import Servers
from stash_pipeline_tests.mirror.conftest import _no_waiting, home, warehouse
from stash_pipeline_tests.stashbox.working import ReadBox, new_box

__all__ = ["_no_waiting", "home", "matched", "servers", "warehouse"]

BOX_URL = "https://kitebox.example/graphql"


def on_box(node: Node, key: str, verdict: str = "same", url: str = BOX_URL) -> NewDecision:
    """A decision on a local scene and one of the box."""
    return NewDecision("scenes", verdict, node, box=BoxRecord(url, key))


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


def do_not_wait(patched: pytest.MonkeyPatch) -> None:
    """Requests to boxes do not wait for their turns."""

    def without_waiting(limiter: RequestLimiter) -> datetime:
        return limiter.reserve().at

    patched.setattr(RequestLimiter, "acquire", without_waiting)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests to boxes do not wait for their turns."""
    do_not_wait(monkeypatch)


@pytest.fixture
def box(servers: Servers, unhurried: None) -> Iterator[ReadBox]:
    """A simulated box that is registered."""
    with new_box(servers, servers.home.settings) as made:
        yield made
