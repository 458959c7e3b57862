"""The settings of the private server."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stash_pipeline.private_directories import make_for
from stash_pipeline.warehouse.embedded.postmaster import LOCAL, socket_directory
from stash_pipeline.warehouse.embedded.roles import HBA

CONFIG_FILE: Final = "stash_pipeline.conf"
_HBA_FILE: Final = "stash_pipeline_hba.conf"

_TUNING: Final[Mapping[str, str]] = {
    "listen_addresses": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "effective_io_concurrency": "32",
    # no replicas: a table that is filled in the transaction that creates it needs no WAL
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "log_checkpoints": "off",
    # for set-based statements over small libraries, compiling takes longer than running
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


def write_configuration(data: Path, options: Mapping[str, str], port: int | None, user: str | None) -> None:
    """Writes the server settings before every start, to apply a moved home and a newer version.

    Args:
        options: additional settings. port: of 127.0.0.1. user: of the system, who runs the server.
    """
    sockets = socket_directory(data)
    if sockets != data:
        make_for(sockets, user)
    settings = {
        **_TUNING,
        **options,
        "port": "5432",
        "unix_socket_directories": f'"{sockets}"',
        "unix_socket_permissions": "0700",
    }
    if port is not None:
        settings |= {"listen_addresses": LOCAL, "port": str(port), "hba_file": _HBA_FILE}
        _write(data / _HBA_FILE, HBA, user)
    if _small_shared_memory():
        settings["dynamic_shared_memory_type"] = "mmap"
    lines = [f"{name} = '{_quoted(value)}'\n" for name, value in settings.items()]
    note = "# Written by stash-pipeline before every start. Yours: at the end of postgresql.conf.\n"
    _write(data / CONFIG_FILE, note + "".join(lines), user)


def _write(file: Path, content: str, user: str | None) -> None:
    file.write_text(content)
    if user is not None:
        shutil.chown(file, user)


def _small_shared_memory() -> bool:
    """Whether this is a container with Docker's 64 MB of /dev/shm, which one parallel query can exhaust."""
    try:
        size = os.statvfs("/dev/shm")
    except OSError:
        return False
    return size.f_blocks * size.f_frsize < 256 << 20


def _quoted(value: str) -> str:
    return value.replace("'", "''")
