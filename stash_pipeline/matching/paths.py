"""Paths of files relative to the folders of a library, so that two servers' paths can be compared.

One server sees ``D:\\Media\\a\\b.mp4``, another ``/data/a/b.mp4``. Which of both a path is, its own form says: it comes
from a server, not from this machine.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_WINDOWS = re.compile(r"[A-Za-z]:(?:[\\/]|$)|\\\\")
_LONG = re.compile(r"^\\\\\?\\(?:UNC\\)?", re.IGNORECASE)


def is_windows(path: str) -> bool:
    """Whether a path begins with a drive or is one of a Windows share."""
    return bool(_WINDOWS.match(path))


def _absolute(path: str) -> tuple[str, ...] | None:
    return _parts(_LONG.sub("", path).replace("\\", "/") if is_windows(path) else path)


def _parts(path: str) -> tuple[str, ...] | None:
    """The folders of a path and its name; None if it leads out of its beginning."""
    parts = path.split("/")
    if ".." not in parts:
        return tuple([part for part in parts if part not in ("", ".")])
    result: list[str] = []
    for part in parts:
        if part == "..":
            if not result:
                return None
            result.pop()
        elif part not in ("", "."):
            result.append(part)
    return tuple(result)


@lru_cache(maxsize=1_000)
def _root(path: str) -> tuple[bool, tuple[str, ...] | None]:
    """Whether a root is a path of Windows, and its folders; servers have few, and every file is below one."""
    return is_windows(path), _absolute(path)


def _comparable(part: str) -> str:
    if part.isascii():
        return part.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", part).casefold())


def relative_path(path: str, roots: Iterable[str]) -> str | None:
    """The path below the deepest of the roots that holds it, with ``/`` between folders; None if none does.

    Windows does not tell upper from lower case, and other systems do; a root is found accordingly.
    """
    windows, parts = is_windows(path), _absolute(path)
    best: int | None = None
    for root in roots:
        of_windows, above = _root(root)
        if parts is None or above is None or of_windows != windows or len(above) >= len(parts):
            continue
        head = parts[: len(above)]
        same = list(map(_comparable, head)) == list(map(_comparable, above)) if windows else head == above
        if same and (best is None or len(above) > best):
            best = len(above)
    return None if best is None or parts is None else "/".join(parts[best:])


def path_key(relative: str) -> str:
    """What is equal for the same file on two systems: case and the way accents are stored do not count."""
    parts = _parts(relative) or ()
    return "/".join(parts).lower() if relative.isascii() else "/".join(map(_comparable, parts))


def depth(relative: str) -> int:
    """The number of folders; a name without any says less."""
    return max(0, len(_parts(relative) or ()) - 1)
