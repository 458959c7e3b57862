"""The folder of a demo, which is kept from one start to the next."""

import fcntl
import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from stash_pipeline.errors import UserError
from stash_pipeline.private_directories import default_home, make_home

_NOTES: Final = "demo.json"
_LOCK: Final = "demo.lock"
DEFAULT_SCENES: Final = 2000


def default_demo_home() -> Path:
    """The folder of a demo that names none: beside the default home."""
    home = default_home().expanduser()
    return home.with_name(f"{home.name}-demo")


@contextmanager
def demo_home(home: Path | None, *, kept: bool, new: bool, scenes: int | None) -> Iterator[tuple[Path, int]]:
    """The folder and the number of scenes of each server.

    Args:
        home: the folder, or None for a default. kept: without a folder, use the one that is kept; or else a temporary
            one. new: remove what an earlier demo left. scenes: the number of scenes, or None for that of an earlier
            demo.

    Raises:
        UserError: the folder cannot be used, is used by another demo, or has another number of scenes.
    """
    if home is None and not kept:
        temporary = Path(tempfile.mkdtemp(prefix="stash-pipeline-demo-"))
        try:
            yield temporary, scenes or DEFAULT_SCENES
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return
    home = home or default_demo_home()
    try:
        make_home(home)
        with (home / _LOCK).open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(f"Another demo uses the folder {home}; stop it, or give another --home.") from None
            if new:
                _empty(home)
            known = _scenes(home)
            if known is not None and scenes not in (None, known):
                raise UserError(
                    f"The demo in {home} has {known} scenes per server; leave out --scenes to continue with it, or"
                    " start over with --new."
                )
            count = known or scenes or DEFAULT_SCENES
            (home / _NOTES).write_text(json.dumps({"scenes": count}))
            yield home, count
    except OSError as error:
        raise UserError(f"The demo cannot use the folder {home}: {error.strerror}; give another --home.") from None


def _scenes(home: Path) -> int | None:
    try:
        return int(json.loads((home / _NOTES).read_text())["scenes"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _empty(home: Path) -> None:
    """Removes everything but the lock, of a folder that a demo made."""
    others = [path for path in home.iterdir() if path.name != _LOCK]
    if others and _scenes(home) is None:
        raise UserError(f"No demo made the folder {home}, so --new does not remove what is in it; give another --home.")
    for path in others:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
