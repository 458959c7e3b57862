"""A systemd unit that runs `stash-pipeline up`: its text, and its installation. Does not import Dagster."""

import os
import pwd
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stash_pipeline.errors import UserError
from stash_pipeline.settings import ENV_PREFIX

UNIT: Final = "stash-pipeline.service"
_PROPERTIES: Final = (
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "MainPID",
    "NRestarts",
    "ActiveEnterTimestamp",
)
_SYSTEM_UNITS: Final = Path("/etc/systemd/system")
_SYSTEM_VARIABLES: Final = Path("/etc/stash-pipeline.env")

_UNIT: Final = """\
# Written by `stash-pipeline service install`, which replaces it. For changes of your own: systemctl {scope}edit {unit}
[Unit]
Description=stash-pipeline: Dagster's UI and daemon
{after}
StartLimitIntervalSec=600
StartLimitBurst=10

[Service]
# `up` reports when the UI can be used; a first start, or a migration, takes as long as it takes
Type=notify
TimeoutStartSec=infinity
{identity}\
ExecStart={program} up
Environment={home_variable}
EnvironmentFile=-{variables}
Restart=on-failure
RestartSec=15
# `up` ends its processes in order, runs first and the private Postgres last
KillMode=mixed
KillSignal=SIGTERM
TimeoutStopSec=90
# 130: interrupted
SuccessExitStatus=130
UMask=0077
NoNewPrivileges=yes
# commands outside of the service look at sockets in /tmp
PrivateTmp=no
{hardening}\
RestrictSUIDSGID=yes
LockPersonality=yes
RestrictRealtime=yes
SystemCallArchitectures=native

[Install]
WantedBy={target}
"""

# Those that a user's own systemd supports without privileges are in the unit of both.
_HARDENING: Final = """\
ProtectSystem=strict
ProtectHome=read-only
# sockets and temporary files are in /tmp
ReadWritePaths={home} /tmp /var/tmp
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
CapabilityBoundingSet=
RestrictNamespaces=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
"""

_VARIABLES: Final = """\
# Settings of stash-pipeline, one NAME=value per line; docs/settings.md lists them. Only its owner can read this file.
# STASH_PIPELINE_DATABASE_URL=postgresql://user:password@127.0.0.1:5432/stash
# STASH_PIPELINE_UI_PORT=3000
"""


@dataclass(frozen=True)
class Service:
    """A unit and where it belongs.

    Attributes:
        user: that runs it, for the system; None for a user's own systemd.
        program: the command `stash-pipeline`.
    """

    user: str | None
    program: Path
    home: Path

    @property
    def file(self) -> Path:
        """The unit's file."""
        return (_SYSTEM_UNITS if self.user else _configuration() / "systemd" / "user") / UNIT

    @property
    def variables(self) -> Path:
        """The file with the settings."""
        return _SYSTEM_VARIABLES if self.user else _configuration() / "stash-pipeline.env"

    def text(self) -> str:
        """The content of the unit's file."""
        return _UNIT.format(
            scope="" if self.user else "--user ",
            unit=UNIT,
            after="After=network-online.target postgresql.service\nWants=network-online.target" if self.user else "",
            identity=f"User={self.user}\n" if self.user else "",
            program=_quoted(str(self.program)),
            home_variable=_quoted(f"{ENV_PREFIX}HOME={self.home}"),
            # a path without quotes
            variables=str(self.variables).replace("%", "%%"),
            hardening=_HARDENING.format(home=_quoted(str(self.home))) if self.user else "",
            target="multi-user.target" if self.user else "default.target",
        )

    def control(self, *arguments: str) -> list[str]:
        """A command of `systemctl` for it."""
        return ["systemctl", *([] if self.user else ["--user"]), *arguments]

    @property
    def systemctl(self) -> str:
        """How a person starts a command of systemctl for it."""
        return " ".join(self.control())


def service_of(*, system: bool, user: str | None, home: Path) -> Service:
    """The service of this installation, as it would be installed.

    Raises:
        UserError: if the user of a system service does not exist, or if the program is missing.
    """
    if not system:
        return Service(None, _program(), home)
    user = user or os.environ.get("SUDO_USER") or pwd.getpwuid(os.geteuid()).pw_name
    if user == "root":
        raise UserError("The service does not run as root; give another user with --run-as.")
    try:
        pwd.getpwnam(user)
    except KeyError:
        raise UserError(
            f"There is no user {user}; create it with `useradd --system {user}`, or give another with --run-as."
        ) from None
    return Service(user, _program(), home)


def installed_service(*, system: bool, home: Path) -> Service:
    """The service to look at or to remove, for which neither its user nor its program matters."""
    return Service("nobody" if system else None, Path(), home)


def install(service: Service, *, start: bool = True) -> list[str]:
    """Writes the unit and the file of its settings, then enables and starts it; returns what was done.

    Raises:
        UserError: if a file cannot be written, or if systemd reports an error.
    """
    done = []
    try:
        if service.user is not None:
            done += _make_home(service)
        for file in (service.file, service.variables):
            file.parent.mkdir(parents=True, exist_ok=True)
        if not service.variables.exists():
            _write(service.variables, _VARIABLES, 0o600)
            done.append(f"Wrote {service.variables}, for settings.")
        _write(service.file, service.text(), 0o644)
        done.append(f"Wrote {service.file}.")
    except OSError as error:
        hint = " Run it with sudo." if service.user is not None and os.geteuid() != 0 else ""
        raise UserError(f"{error.filename} cannot be written: {error.strerror}.{hint}") from None
    if start:
        _control(service, "daemon-reload")
        _control(service, "enable", UNIT)
        # also if it runs already, with the unit of before
        _control(service, "restart", UNIT)
        done.append("Enabled and started it.")
    return done


def uninstall(service: Service) -> list[str]:
    """Stops the service and removes its unit; the home and the settings stay.

    Raises:
        UserError: if it is not installed, or if systemd reports an error.
    """
    if not service.file.exists():
        raise UserError(f"{service.file} does not exist; nothing was removed.")
    _control(service, "disable", "--now", UNIT)
    try:
        service.file.unlink()
    except OSError as error:
        raise UserError(f"{service.file} cannot be removed: {error.strerror}.") from None
    _control(service, "daemon-reload")
    return [f"Stopped it and removed {service.file}.", f"{service.home} and {service.variables} are still there."]


def state(service: Service) -> Mapping[str, str]:
    """What systemd says of the unit.

    Raises:
        UserError: if systemd cannot be asked.
    """
    output = _control(service, "show", UNIT, f"--property={','.join(_PROPERTIES)}")
    return dict(line.partition("=")[::2] for line in output.splitlines())


def _control(service: Service, *arguments: str) -> str:
    command = service.control(*arguments)
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise UserError(
            "systemctl is missing: this system does not use systemd. Run `stash-pipeline up` instead."
        ) from None
    if done.returncode != 0:
        reason = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()[0]
        raise UserError(f"`{' '.join(command)}` failed: {reason.rstrip('.')}.")
    return done.stdout


def _make_home(service: Service) -> list[str]:
    """Creates the home of a system service for its user; one that exists is left as it is."""
    assert service.user is not None
    if service.home.exists():
        return []
    service.home.mkdir(parents=True, mode=0o700)
    account = pwd.getpwnam(service.user)
    os.chown(service.home, account.pw_uid, account.pw_gid)
    return [f"Created {service.home} for {service.user}."]


def _write(file: Path, text: str, mode: int) -> None:
    """Replaces a file at once."""
    fresh = file.with_name(f".{file.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(text)
    fresh.chmod(mode)
    fresh.replace(file)


def _program() -> Path:
    """The command of this installation: beside its Python, in a virtual environment as with pipx."""
    beside = Path(sys.executable).with_name("stash-pipeline")
    if beside.is_file():
        return beside
    on_path = shutil.which("stash-pipeline")
    if on_path is None:
        raise UserError("The command stash-pipeline is not on the PATH; install the package into this Python.")
    return Path(on_path).absolute()


def _configuration() -> Path:
    configured = os.environ.get("XDG_CONFIG_HOME", "")
    return Path(configured) if Path(configured).is_absolute() else Path.home() / ".config"


def _quoted(text: str) -> str:
    """A word of a unit file: specifiers and spaces lose their meaning."""
    text = text.replace("%", "%%")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"' if escaped != text or any(character.isspace() for character in text) else text
