"""Fixtures of the mirror tests: a database per module, complete mirrors, and retries without delays."""

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.instances import Instance
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline_tests.conftest import create_database, drop_database
from stash_pipeline_tests.mirror.working import (
    Hook,
    MakeMirror,
    Mirror,
    generated,
    new_mirror,
    no_waiting,
    settings_for,
    stop_looking,
)

_copies = count()


@pytest.fixture(scope="module")
def warehouse(postgres: str, _template: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database that the tests of a module share; each test registers its own instances."""
    name = request.module.__name__.rpartition(".")[2]
    yield create_database(postgres, name, _template)
    stop_looking()
    drop_database(postgres, name)


@pytest.fixture(scope="session")
def _complete() -> dict[str, tuple[str, Instance]]:
    """Databases to copy and their instances, by what they mirror."""
    return {}


@pytest.fixture
def mirrored(
    postgres: str, _template: str, home: Path, _complete: dict[str, tuple[str, Instance]]
) -> Iterator[MakeMirror]:
    """Makes a mirror of an invented library that was read once, in a database of its own.

    It is a copy of a mirror that was read before, which takes a sixth of the time of a first reading.
    """
    made: list[str] = []

    def make(
        scenes: int = 40, release: str = "v0.30.1", hook: Hook | None = None, seed: int = 1, **settings: Any
    ) -> Mirror:
        key = "_".join(["mirror", *map(str, (scenes, seed, release)), *map(str, settings.values())])
        if key not in _complete:
            original = new_mirror(
                create_database(postgres, key, _template), home, generated(scenes, seed=seed), release, **settings
            )
            original.refresh()
            _complete[key] = key, original.instance
        template, instance = _complete[key]
        name = f"mirror_{next(_copies)}"
        url = create_database(postgres, name, template)
        made.append(name)
        stash = SimulatedStash(generated(scenes, seed=seed), release=release)
        return Mirror(url, instance, stash, settings_for(home, url, **settings), hook)

    yield make
    stop_looking()
    for name in made:
        drop_database(postgres, name)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """The home of the settings."""
    return tmp_path / "home"


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    with no_waiting():
        yield
