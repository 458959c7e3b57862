"""A systemd unit that runs `stash-pipeline up`: its text, and its installation. Does not import Dagster."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stash_pipeline.settings import ENV_PREFIX

UNIT: Final = "stash-pipeline.service"
_SYSTEM_UNITS: Final = Path("/etc/systemd/system")
_SYSTEM_VARIABLES: Final = Path("/etc/stash-pipeline.env")
_STATE: Final = Path("/var/lib/stash-pipeline")

_UNIT: Final = """\
# Written by `stash-pipeline service install`, which replaces it; put changes into a drop-in: systemctl {scope}edit {unit}
[Unit]
Description=stash-pipeline: Dagster's UI and daemon
Documentation=file:{documentation}
{after}
StartLimitIntervalSec=600
StartLimitBurst=10

[Service]
Type=exec
{identity}\
ExecStart={program} up
Environment={prefix}HOME={home}
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
PrivateTmp={private_tmp}
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
ReadWritePaths={home}
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
# Settings of stash-pipeline, one NAME=value per line; README.md lists them. Only its owner can read this file.
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
            documentation=_quoted(str(Path(sys.prefix) / "share" / "stash_pipeline")),
            after="After=network-online.target postgresql.service\nWants=network-online.target" if self.user else "",
            identity=f"User={self.user}\n" if self.user else "",
            program=_quoted(str(self.program)),
            prefix=ENV_PREFIX,
            home=_quoted(str(self.home)),
            variables=_quoted(str(self.variables)),
            # the code server's socket is in /tmp; only its own processes use it
            private_tmp="yes" if self.user else "no",
            hardening=_HARDENING.format(home=_quoted(str(self.home))) if self.user else "",
            target="multi-user.target" if self.user else "default.target",
        )

    def control(self, *arguments: str) -> list[str]:
        """A command of `systemctl` for it."""
        return ["systemctl", *([] if self.user else ["--user"]), *arguments]
