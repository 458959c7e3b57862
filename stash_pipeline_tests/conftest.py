"""What all tests share: a real Postgres, and a fresh database of it for every test that asks.

One server per test process (pytest-xdist starts several) in a temporary directory, in memory where there is
enough, and without fsync: nothing in it outlives the tests. The database is a copy of one that was migrated once.
"""

import gc
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from stash_pipeline.settings import ENV_PREFIX, use_settings
from stash_pipeline.warehouse.access import WRITER
from stash_pipeline.warehouse.embedded.roles import SUPERUSER
from stash_pipeline.warehouse.embedded.server import running_server
from stash_pipeline.warehouse.migrate import upgrade
from stash_pipeline_tests.examples import register_profiles

TEMPLATE = "template_stash_pipeline"
# Tables are analyzed by who fills them; a vacuum beside the tests would look after databases that are soon dropped.
OPTIONS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "autovacuum": "off",
}
_MEMORY = Path("/dev/shm")
_ENOUGH_MEMORY = 4 << 30
_numbers = count()

register_profiles()


# A background job of a shell ignores Ctrl-C, nohup a closed terminal, and children do as their parents; the programs
# that the tests start, and send these signals to, are to be as in a terminal.
with suppress(ValueError):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection() -> None:
    """Nothing that is imported or collected becomes garbage."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Modules and tests stay until the end: no garbage collection need look at their million objects again."""
    gc.freeze()
    gc.enable()


def address_of(database: str, server: str) -> str:
    """The address of another database of the same server."""
    return urlsplit(server)._replace(path=f"/{database}").geturl()


def as_superuser(url: str) -> str:
    """The address of the same database for the superuser of the private Postgres; the pipeline is none."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.replace(f"{WRITER}@", f"{SUPERUSER}@")).geturl()


def create_database(server: str, name: str, template: str = "template0") -> str:
    """Makes a database and gives its address."""
    with psycopg.connect(as_superuser(address_of("postgres", server)), autocommit=True) as connection:
        # FILE_COPY is faster for a small template when nothing is synced; it needs no log.
        statement = f"create database {{}} template {{}} owner {WRITER} strategy file_copy"
        connection.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(template)))
    return address_of(name, server)


def drop_database(server: str, name: str) -> None:
    """Drops a database, whoever is still connected to it."""
    with psycopg.connect(as_superuser(address_of("postgres", server)), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def temporary_directory() -> "TemporaryDirectory[str]":
    """A temporary directory, in memory where there is enough.

    A copied database has hundreds of files: to make and remove them on a disk takes more time than Postgres needs for
    most tests.
    """
    try:
        in_memory = shutil.disk_usage(_MEMORY).free >= _ENOUGH_MEMORY and os.access(_MEMORY, os.W_OK | os.X_OK)
    except OSError:
        in_memory = False
    return TemporaryDirectory(prefix="stash-pipeline-test-", dir=_MEMORY if in_memory else None)


@contextmanager
def temporary_home() -> Iterator[Path]:
    """A home of one's own.

    Not in pytest's directory: every start of pytest closes that to others, and so, for root, to the private
    Postgres of tests that run at the same time.
    """
    with temporary_directory() as directory:
        # as root: the private Postgres of a home below it has another user
        Path(directory).chmod(0o711 if os.geteuid() == 0 else 0o700)
        yield Path(directory)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of the test's own."""
    with temporary_home() as directory:
        yield directory


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[None]:
    """No test reads the settings of whoever runs it, or writes to his home."""
    for name in [name for name in os.environ if name.startswith((ENV_PREFIX, "DAGSTER_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv(f"{ENV_PREFIX}HOME", str(home))
    use_settings(None)
    yield
    use_settings(None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of this test process's server, where no test leaves anything in the database it names."""
    with (
        temporary_directory() as directory,
        running_server(Path(directory), options=OPTIONS) as url,
    ):
        yield url


@pytest.fixture(scope="session")
def _migrated(postgres: str) -> str:
    upgrade(create_database(postgres, TEMPLATE))
    return TEMPLATE


@pytest.fixture(scope="session")
def _with_dagster(postgres: str, _migrated: str) -> str:
    """A migrated database with Dagster's tables: to make those takes longer than a run, to copy them no time."""
    from stash_pipeline.runtime.in_process import dagster_instance

    name = f"{TEMPLATE}_dagster"
    url = create_database(postgres, name, _migrated)
    with temporary_home() as home, dagster_instance(home, url) as instance:
        instance.get_runs_count()
    return name


@pytest.fixture(scope="session")
def _template(_migrated: str) -> str:
    """Of all databases; folders whose tests run Dagster take the other one."""
    return _migrated


@pytest.fixture
def database_url(postgres: str, _template: str) -> Iterator[str]:
    """A migrated database of the test's own."""
    name = f"test_{next(_numbers)}"
    yield create_database(postgres, name, _template)
    drop_database(postgres, name)


@pytest.fixture
def empty_database_url(postgres: str) -> Iterator[str]:
    """A database of the test's own with nothing in it."""
    name = f"empty_{next(_numbers)}"
    yield create_database(postgres, name)
    drop_database(postgres, name)
