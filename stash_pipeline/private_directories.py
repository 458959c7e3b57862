"""The project's home and its directories: private to their owner, and nothing above them is touched.

Here: making them, and letting the private Postgres' own user pass where that is another one (`as root` in
`warehouse.postgres_programs`). Not here: what is kept in them.
"""

import os
import pwd
import stat
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from stash_pipeline.errors import UserError

ROOTS_HOME: Final = Path("/var/lib/stash-pipeline")
USERS_HOME: Final = Path("~/.stash-pipeline")

_PRIVATE: Final = 0o700


def default_home() -> Path:
    """Where a home is unless it is set: root's own directory is closed to the user that Postgres then runs as."""
    return ROOTS_HOME if os.geteuid() == 0 else USERS_HOME


def make_home(home: Path) -> None:
    """Makes a home, for its owner only. One that is there is left as it is, unless its place is ours by default."""
    if home in (ROOTS_HOME, USERS_HOME.expanduser()):
        # what `let_pass` gives stays
        make_private(home, but=stat.S_IXGRP)
        return
    try:
        home.mkdir(mode=_PRIVATE, parents=True)
    except FileExistsError:
        if not home.is_dir():
            raise


def make_private(directory: Path, *, but: int = 0) -> None:
    """Makes a directory of ours, or has one that earlier versions made, for its owner only, but for these bits."""
    closed = 0o077 & ~but
    try:
        directory.mkdir(mode=_PRIVATE, parents=True)
    except FileExistsError:
        # not by name: what is there may be a link
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            found = os.fstat(handle)
            if found.st_uid == os.geteuid() and found.st_mode & closed:
                os.fchmod(handle, stat.S_IMODE(found.st_mode) & ~closed)
        finally:
            os.close(handle)


def let_pass(home: Path, user: str) -> None:
    """Lets the group of a user pass through a home of ours: not list it, and nobody else.

    Raises:
        UserError: where a directory above it is closed to the user; it is not ours to open.
    """
    account = pwd.getpwnam(user)
    closed = next((step for step in reversed(home.parents) if not _passable(step, account)), None)
    if closed is None and not _passable(home, account):
        if home.stat().st_uid == os.geteuid() and not _is_somebodys_home(home):
            os.chown(home, -1, account.pw_gid)
            home.chmod(stat.S_IMODE(home.stat().st_mode) | stat.S_IXGRP)
        else:
            closed = home
    if closed is not None:
        raise UserError(
            f"Postgres does not run as root, and the user {user} that it runs as cannot enter {closed}: set "
            f"STASH_PIPELINE_HOME to a directory that it can reach, such as {ROOTS_HOME}, run this as an ordinary "
            "user, or set STASH_PIPELINE_DATABASE_URL to a Postgres of your own."
        )


def make_for(directory: Path, user: str | None) -> None:
    """Makes a directory for one user only, in a place where anybody may have made that name before.

    Raises:
        UserError: if what is there is a link, no directory, somebody else's, or open to others.
    """
    owner = os.geteuid() if user is None else pwd.getpwnam(user).pw_uid
    with suppress(FileExistsError):
        directory.mkdir(mode=_PRIVATE)
    try:
        # the name is looked up once: what is judged is what is given away
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        raise _in_the_way(directory) from None
    try:
        found = os.fstat(handle)
        ours = found.st_uid in (owner, os.geteuid()) and not found.st_mode & 0o077
        if not ours:
            raise _in_the_way(directory)
        if found.st_uid != owner:
            os.fchown(handle, owner, -1)
    finally:
        os.close(handle)


def _in_the_way(directory: Path) -> UserError:
    return UserError(
        f"{directory} is in the way: it is no directory of ours; remove it, or set STASH_PIPELINE_HOME to a shorter "
        "path, which needs no directory there."
    )


def _passable(directory: Path, account: pwd.struct_passwd) -> bool:
    found = directory.stat()
    if found.st_uid == account.pw_uid:
        bit = stat.S_IXUSR
    elif found.st_gid == account.pw_gid:
        bit = stat.S_IXGRP
    else:
        bit = stat.S_IXOTH
    if found.st_mode & bit:
        return True
    # an access control list may say otherwise
    try:
        command = ["test", "-x", str(directory)]
        options = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        return subprocess.run(command, cwd="/", **options).returncode == 0  # type: ignore[call-overload]
    except OSError:
        return False


def _is_somebodys_home(directory: Path) -> bool:
    return any(Path(account.pw_dir) == directory for account in pwd.getpwall())
