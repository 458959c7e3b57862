"""Fixtures of the tests of matches: those of the mirror, and two servers that were matched."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.matches.working import MadeServers, Servers, new_servers, same_servers
from stash_pipeline_tests.mirror.conftest import _no_waiting, home, warehouse
from stash_pipeline_tests.mirror.working import stop_looking

__all__ = ["_no_waiting", "home", "warehouse"]

_copies = count()


@pytest.fixture(scope="session")
def _matched() -> dict[int, tuple[str, MadeServers]]:
    """Databases to copy, by the number of scenes of their two servers."""
    return {}


@pytest.fixture
def servers(
    postgres: str, _template: str, home: Path, _matched: dict[int, tuple[str, MadeServers]], scenes: int = 30
) -> Iterator[Servers]:
    """Two servers that were read and matched, in a database of their own.

    It is a copy, which takes a fraction of the time of reading and matching.
    """
    if scenes not in _matched:
        template = f"matched_{scenes}_{next(_copies)}"
        made = new_servers(create_database(postgres, template, _template), home, scenes)
        made.follow()
        stop_looking()
        _matched[scenes] = template, (made.home.instance, made.away.instance)
    template, instances = _matched[scenes]
    name = f"matched_copy_{next(_copies)}"
    yield same_servers(create_database(postgres, name, template), home, instances, scenes)
    stop_looking()
    drop_database(postgres, name)
