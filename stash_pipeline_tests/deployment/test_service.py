"""The systemd unit: what is written, where, and what systemd thinks of it."""

import os
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.runtime import systemd
from stash_pipeline.runtime.readiness import readiness
from stash_pipeline.runtime.systemd import UNIT, Service, install, installed_service, service_of, state, uninstall

HOME = Path("/srv/stash 100%")
KINDS = [None, "daemon"]


def service(user: str | None) -> Service:
    return Service(user, Path("/opt/a venv/bin/stash-pipeline"), HOME)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("user", KINDS)
def test_systemd_accepts_the_unit(tmp_path: Path, user: str | None) -> None:
    program = tmp_path / "a venv" / "stash-pipeline"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / UNIT
    unit.write_text(Service(user, program, tmp_path / "home 100%").text())
    scope = ["--system"] if user else ["--user"]
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:", "XDG_RUNTIME_DIR": str(tmp_path)}
    verify = ["systemd-analyze", *scope, "verify", "--man=no", str(unit)]
    done = subprocess.run(verify, env=environment, capture_output=True, text=True, timeout=60)
    ours = [line for line in done.stderr.splitlines() if UNIT in line or str(tmp_path) in line]
    assert ours == [] and done.returncode == 0, done.stderr


def test_paths_with_spaces_and_percent_signs_are_kept() -> None:
    text = service("daemon").text()
    assert 'ExecStart="/opt/a venv/bin/stash-pipeline" up\n' in text
    assert 'Environment="STASH_PIPELINE_HOME=/srv/stash 100%%"\n' in text
    assert 'ReadWritePaths="/srv/stash 100%%" /tmp /var/tmp\n' in text


def test_the_system_service_can_write_to_its_home_and_to_temporary_directories() -> None:
    """All else is read-only for it, and `up`, Postgres and Dagster need sockets and temporary files."""
    lines = Service("daemon", Path("/opt/venv/bin/stash-pipeline"), Path("/srv/home")).text().splitlines()
    assert {"ProtectSystem=strict", "ReadWritePaths=/srv/home /tmp /var/tmp", "PrivateTmp=no"} <= set(lines)


@pytest.mark.parametrize("abstract", [False, True])
def test_only_the_service_itself_reports_to_systemd_that_it_is_ready(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, abstract: bool
) -> None:
    if abstract and sys.platform != "linux":
        pytest.skip("only Linux has abstract sockets")
    name = f"@{tmp_path}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemds:
        systemds.bind(name.replace("@", "\0"))
        systemds.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        report_ready = readiness()
        # processes that are started now
        assert "NOTIFY_SOCKET" not in os.environ
        report_ready()
        assert systemds.recv(100) == b"READY=1"
        readiness()()
        systemds.setblocking(False)
        with pytest.raises(BlockingIOError):
            systemds.recv(100)
    # systemd does not listen any more
    report_ready()
    assert "Type=notify" in service(None).text()


def test_root_can_ask_for_the_service_of_another_user(home: Path, systemctl: Path) -> None:
    ours = installed_service(system=True, home=home)
    assert state(ours)["ActiveState"] == "active"
    assert systemctl.read_text().startswith(f"show {UNIT} ")
    assert ours.file == Path("/etc/systemd/system") / UNIT


def test_systemd_waits_longer_for_the_end_than_up_does() -> None:
    from stash_pipeline.runtime import supervisor

    # one wait for Dagster's processes, one for Postgres
    (timeout,) = (line for line in service(None).text().splitlines() if line.startswith("TimeoutStopSec="))
    assert int(timeout.partition("=")[2]) > 2 * supervisor._STOP_SECONDS


@pytest.fixture
def systemctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `systemctl` that records how it is called, and the configuration of a user in a temporary folder."""
    calls = tmp_path / "calls"
    program = tmp_path / "bin" / "systemctl"
    program.parent.mkdir()
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {calls}\ncase "$*" in *show*) printf "ActiveState=active\\nNRestarts=2\\n";; esac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return calls


def test_a_service_of_a_user_is_installed_and_removed(systemctl: Path, tmp_path: Path, home: Path) -> None:
    ours = service_of(system=False, user=None, home=home)
    install(ours)
    assert ours.file == tmp_path / "config/systemd/user" / UNIT and ours.file.read_text() == ours.text()
    assert stat.S_IMODE(ours.variables.stat().st_mode) == 0o600
    called = systemctl.read_text().splitlines()
    assert called == ["--user daemon-reload", f"--user enable {UNIT}", f"--user restart {UNIT}"]

    ours.variables.write_text("STASH_PIPELINE_UI_PORT=3001\n")
    install(ours, start=False)
    assert ours.variables.read_text() == "STASH_PIPELINE_UI_PORT=3001\n"
    assert systemctl.read_text().splitlines() == called
    assert state(ours) == {"ActiveState": "active", "NRestarts": "2"}

    uninstall(ours)
    assert not ours.file.exists() and ours.variables.exists()
    assert systemctl.read_text().splitlines()[-2:] == [f"--user disable --now {UNIT}", "--user daemon-reload"]
    with pytest.raises(UserError, match="nothing was removed"):
        uninstall(ours)


def test_without_systemd_the_remedy_is_named(home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="Run `stash-pipeline up`"):
        state(service_of(system=False, user=None, home=home))


@pytest.mark.parametrize(("user", "words"), [("root", "does not run as root"), ("no-such-user", "--run-as")])
def test_users_that_cannot_run_a_system_service_are_refused(home: Path, user: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        service_of(system=True, user=user, home=home)


def test_a_system_service_gets_a_home_of_its_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a directory to another user")
    for name in ("_SYSTEM_UNITS", "_SYSTEM_VARIABLES"):
        monkeypatch.setattr(systemd, name, tmp_path / name)
    ours = service_of(system=True, user="daemon", home=tmp_path / "home")
    install(ours, start=False)
    assert ours.home.owner() == "daemon" and stat.S_IMODE(ours.home.stat().st_mode) == 0o700
    assert "User=daemon\n" in ours.file.read_text()
