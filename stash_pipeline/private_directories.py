"""Creates the project's home and its directories, private to their owner. Directories above them are never changed.

If the private Postgres runs as another user (when root starts it), that user is allowed to pass through the home.
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
    """The default home. Not in root's home directory, which the user that Postgres then runs as cannot enter."""
    return ROOTS_HOME if os.geteuid() == 0 else USERS_HOME


def make_home(home: Path) -> None:
    """Creates a home that only its owner can enter. An existing one is changed only if it is the default home."""
    if home in (ROOTS_HOME, USERS_HOME.expanduser()):
        # keeps the permission that `let_pass` grants
        make_private(home, but=stat.S_IXGRP)
        return
    try:
        home.mkdir(mode=_PRIVATE, parents=True)
    except FileExistsError:
        if not home.is_dir():
            raise


def make_private(directory: Path, *, but: int = 0) -> None:
    """Creates a directory for its owner only, or restricts an existing one; keeps the permission bits ``but``."""
    closed = 0o077 & ~but
    try:
        directory.mkdir(mode=_PRIVATE, parents=True)
    except FileExistsError:
        # by descriptor: the path may be a link
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            status = os.fstat(handle)
            if status.st_uid == os.geteuid() and status.st_mode & closed:
                os.fchmod(handle, stat.S_IMODE(status.st_mode) & ~closed)
        finally:
            os.close(handle)


def let_pass(home: Path, user: str) -> None:
    """Lets the group of a user pass through the home, without listing it.

    Raises:
        UserError: if the user cannot enter a directory above it, which is never changed.
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
            f"Postgres does not run as root but as the user {user}, who cannot enter {closed}: set "
            f"STASH_PIPELINE_HOME to a directory that this user can reach, such as {ROOTS_HOME}, run this command as "
            "an ordinary user, or set STASH_PIPELINE_DATABASE_URL to your own Postgres."
        )


def make_for(directory: Path, user: str | None) -> None:
    """Creates a directory for one user only, in a place where anybody could have created that name before.

    Raises:
        UserError: if the path is a link, not a directory, owned by another user, or open to others.
    """
    owner = os.geteuid() if user is None else pwd.getpwnam(user).pw_uid
    with suppress(FileExistsError):
        directory.mkdir(mode=_PRIVATE)
    try:
        # the path is resolved once, so the directory that is checked is the one that is handed over
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        raise _in_the_way(directory) from None
    try:
        status = os.fstat(handle)
        ours = status.st_uid in (owner, os.geteuid()) and not status.st_mode & 0o077
        if not ours:
            raise _in_the_way(directory)
        if status.st_uid != owner:
            os.fchown(handle, owner, -1)
    finally:
        os.close(handle)


def _in_the_way(directory: Path) -> UserError:
    return UserError(
        f"{directory} exists and does not belong to stash-pipeline; remove it, or set STASH_PIPELINE_HOME to a shorter "
        "path, which does not need that directory."
    )


def _passable(directory: Path, account: pwd.struct_passwd) -> bool:
    status = directory.stat()
    if status.st_uid == account.pw_uid:
        bit = stat.S_IXUSR
    elif status.st_gid == account.pw_gid:
        bit = stat.S_IXGRP
    else:
        bit = stat.S_IXOTH
    if status.st_mode & bit:
        return True
    # an access control list may still allow it
    try:
        command = ["test", "-x", str(directory)]
        options = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
        return subprocess.run(command, cwd="/", **options).returncode == 0  # type: ignore[call-overload]
    except OSError:
        return False


def _is_somebodys_home(directory: Path) -> bool:
    return any(Path(account.pw_dir) == directory for account in pwd.getpwall())
