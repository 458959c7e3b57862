"""Fixtures of the tests of matches: those of the mirror, and two servers that were matched."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path

import pytest

from stash_pipeline.instances import Instance
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.matches.documents import server_of
from stash_pipeline_tests.matches.working import MadeServers, Servers, new_servers, same_servers
from stash_pipeline_tests.mirror.conftest import _no_waiting, home, warehouse
from stash_pipeline_tests.mirror.working import stop_looking

__all__ = ["_no_waiting", "home", "warehouse"]

_copies = count()

# of the process: several packages import the fixture, and each makes one of its own
_originals: dict[str, MadeServers] = {}


EmptyServers = tuple[str, list[Instance]]
"""The address of a database, or its name, and its instances."""

_empty: dict[str, EmptyServers] = {}

Matched = Callable[..., AbstractContextManager[Servers]]
"""Gives the servers of ``new_servers``, matched, in a database of their own."""


@pytest.fixture(scope="session")
def matched(postgres: str, _template: str) -> Matched:
    """Each is a copy, which takes a fraction of the time of reading and matching."""

    @contextmanager
    def copy(home: Path, scenes: int = 30, seed: int = 1, variants: bool = False) -> Iterator[Servers]:
        template = f"matched_{scenes}_{seed}_{variants}".lower()
        if template not in _originals:
            url = create_database(postgres, template, _template)
            made = new_servers(url, home, scenes, seed, variants)
            made.follow()
            stop_looking()
            _originals[template] = made.home.instance, made.away.instance
        name = f"matched_copy_{next(_copies)}"
        url = create_database(postgres, name, template)
        yield same_servers(url, home, _originals[template], scenes, seed, variants)
        stop_looking()
        drop_database(postgres, name)

    return copy


@pytest.fixture
def servers(matched: Matched, home: Path) -> Iterator[Servers]:
    """Two servers that were read and matched, in a database of their own."""
    with matched(home) as made:
        yield made


@pytest.fixture(scope="session")
def _servers_without_objects(postgres: str, _template: str, tmp_path_factory: pytest.TempPathFactory) -> EmptyServers:
    """Two new servers with their tables, in a database to copy."""
    if postgres not in _empty:
        name, home = "servers_without_objects", tmp_path_factory.mktemp("home")
        url = create_database(postgres, name, _template)
        with connect(url) as connection:
            _empty[postgres] = name, [server_of(url, home, connection, {}) for _ in range(2)]
    return _empty[postgres]


@pytest.fixture
def empty_servers(postgres: str, _servers_without_objects: EmptyServers) -> Iterator[EmptyServers]:
    """A database with two servers without objects: to make the tables of a server takes longer than most tests."""
    template, instances = _servers_without_objects
    name = f"empty_servers_{next(_copies)}"
    yield create_database(postgres, name, template), instances
    stop_looking()
    drop_database(postgres, name)


@pytest.fixture
def database(postgres: str, _template: str) -> Iterator[str]:
    """A migrated database without any instance."""
    name = f"matches_{next(_copies)}"
    yield create_database(postgres, name, _template)
    stop_looking()
    drop_database(postgres, name)
