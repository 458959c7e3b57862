"""Creates the data directory of the private server."""

import errno
import os
import pwd
import shlex
import shutil
from pathlib import Path
from typing import Final

from stash_pipeline.errors import UserError
from stash_pipeline.warehouse.embedded.configuration import CONFIG_FILE
from stash_pipeline.warehouse.embedded.programs import cause, run_program
from stash_pipeline.warehouse.embedded.roles import SUPERUSER

_EMPTY_MB: Final = 40


def create_data_directory(data: Path, programs: Path, user: str | None) -> None:
    """Creates the data directory elsewhere and moves it, because a killed initdb leaves an incomplete one."""
    home = data.parent
    if data.exists() and any(data.iterdir()):
        raise UserError(f"{data} exists and is not a database; move it away.")
    half = home / ".postgres.new"
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(mode=0o700)
    if user is not None:
        shutil.chown(half, user, pwd.getpwnam(user).pw_gid)
    # The builtin locale sorts by code point, maps the case of all of Unicode, and is the same on every machine, so
    # that a system upgrade never breaks an index.
    locale = ("--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
    command = (programs / "initdb", "-D", half, "-U", SUPERUSER, "--auth=trust", "--no-instructions", *locale)
    code, output = run_program(command, user)
    if code != 0:
        shutil.rmtree(half, ignore_errors=True)
        raise UserError(_initdb_error(home, output))
    with (half / "postgresql.conf").open("a") as config:
        config.write(f"\ninclude_if_exists = '{CONFIG_FILE}'\n")
    if data.exists():
        data.rmdir()
    half.rename(data)


def require_owner(data: Path, user: str | None) -> None:
    """Raises if the data directory belongs to another user than the server's, as a plain copy by root does."""
    server = os.geteuid() if user is None else pwd.getpwnam(user).pw_uid
    owner = data.stat().st_uid
    if owner != server:
        name = _user_name(server)
        raise UserError(
            f"{data} belongs to user {_user_name(owner)}, but the private Postgres runs as {name}; give it the files: "
            f"chown -R {name} {shlex.quote(str(data))}"
        )


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _initdb_error(home: Path, output: str) -> str:
    reason = f"Cannot create a database under {home}: {cause(output)}"
    if os.strerror(errno.ENOSPC) not in output:
        return f"{reason}."
    free = shutil.disk_usage(home).free >> 20
    return (
        f"{reason}. An empty database takes {_EMPTY_MB} MB and {free} MB are free; free some space, or set "
        "STASH_PIPELINE_HOME to a directory on another disk."
    )
