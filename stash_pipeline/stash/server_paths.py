r"""Paths of files, joined and cleaned as the server does it on the system that it runs on.

A server keeps the path of a folder and the name of a file, and answers with both joined by its language's
``filepath.Join``: what stands between them, and which parts are left out, is decided by the system of the server and
not by the path. A library that moved from Windows to Linux has ``E:\content/x.mp4``.
"""

import re

_ODD_ELEMENT = re.compile(r"/\.{0,2}(?:/|\Z)")
_ODD_ELEMENT_ON_WINDOWS = re.compile(r"\\\.{0,2}(?:\\|\Z)|/")
_USUAL_ON_WINDOWS = re.compile(r"[A-Za-z]:(?=\\)|\\\\[^\\/.?][^\\/]*(?=\\[^\\/]+\\)")
_ABSOLUTE_ON_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|[\\/]{2}|\\")
_ROOT = re.compile(r"[\\/]|[A-Za-z]:\\")


def is_of_windows(path: str) -> bool | None:
    """Whether an absolute path is one of Windows; None of a path that does not tell."""
    if _ABSOLUTE_ON_WINDOWS.match(path):
        return True
    return False if path.startswith("/") else None


def join(folder: str, name: str, *, windows: bool) -> str:
    """The path of a file."""
    if not windows:
        return clean(f"{folder}/{name}" if folder else name, windows=False) if folder or name else ""
    if folder.endswith(("\\", "/")):
        # or it could begin as the path of a share does
        name = name.lstrip("\\/")
        if len(folder) == 1 and (name == "??" or name.startswith(("??\\", "??/"))):
            name = ".\\" + name
    elif folder and not folder.endswith(":"):
        folder += "\\"
    return clean(folder + name, windows=True) if folder or name else ""


def folder_of(path: str, name: str) -> str | None:
    """The folder's own path, of the path of a file in it; None if the file has another name.

    Where a folder has a path that a server would clean, this is the clean one.
    """
    if not path.endswith(name):
        name = name.replace("/", "\\")
        if not path.endswith(name):
            return None
    folder = path[: len(path) - len(name)]
    return folder[:-1] if folder.endswith(("/", "\\")) and not _ROOT.fullmatch(folder) else folder


def clean(path: str, *, windows: bool) -> str:
    """The shortest path that means the same, by its text alone."""
    if windows:
        usual = _USUAL_ON_WINDOWS.match(path)
        if usual and not _ODD_ELEMENT_ON_WINDOWS.search(path, usual.end()):
            return path
        return _clean(path, _volume(path), "\\/")
    if path.startswith("/") and not _ODD_ELEMENT.search(path):
        return path
    return _clean(path, 0, "/")


class _Written:
    """What is written of a path: the beginning of what was read, as long as that is the same."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.own: list[str] | None = None
        self.length = 0

    def put(self, character: str) -> None:
        if self.own is None:
            if self.length < len(self.path) and self.path[self.length] == character:
                self.length += 1
                return
            self.own = list(self.path[: self.length]) + [""] * (len(self.path) - self.length)
        self.own[self.length] = character
        self.length += 1

    def at(self, place: int) -> str:
        return self.path[place] if self.own is None else self.own[place]

    def text(self) -> str:
        return self.path[: self.length] if self.own is None else "".join(self.own[: self.length])


def _clean(path: str, volume: int, separators: str) -> str:
    separator = separators[0]
    whole, path = path, path[volume:]
    if not path:
        if volume > 1 and whole[0] in separators and whole[1] in separators:
            return _with(separator, whole)
        return whole + "."
    rooted = path[0] in separators
    written = _Written(path)
    place = least = 0
    if rooted:
        written.put(separator)
        place = least = 1
    while place < len(path):
        end = place
        while end < len(path) and path[end] not in separators:
            end += 1
        element = path[place:end]
        if element == "..":
            if written.length > least:
                written.length -= 1
                while written.length > least and written.at(written.length) not in separators:
                    written.length -= 1
            elif not rooted:
                if written.length > 0:
                    written.put(separator)
                written.put(".")
                written.put(".")
                least = written.length
        elif element not in ("", "."):
            if written.length != int(rooted):
                written.put(separator)
            for character in element:
                written.put(character)
        place = end + 1
    if not written.length:
        written.put(".")
    before = _before(written, separators) if separator == "\\" and not volume else ""
    return _with(separator, whole[:volume] + before + written.text())


def _before(written: _Written, separators: str) -> str:
    """What keeps a relative path, or one of this drive, from becoming another by what was left out before it."""
    if written.own is None:
        return ""
    for character in written.own:
        if character in separators and character:
            break
        if character == ":":
            return ".\\"
    beginning = written.own[:3]
    return "\\." if len(beginning) == 3 and beginning[0] in ("\\", "/") and beginning[1:] == ["?", "?"] else ""


def _with(separator: str, path: str) -> str:
    return path.replace("/", separator) if separator != "/" else path


def _volume(path: str) -> int:
    """The length of the volume's name: a drive, a share, a device."""
    if path[1:2] == ":" and path[0].isascii():
        return 2
    if not path or path[0] not in "\\/":
        return 0
    if _begins(path, "\\\\.\\UNC"):
        return _share(path, len("\\\\.\\UNC\\"))
    if _begins(path, "\\\\.") or _begins(path, "\\\\?") or _begins(path, "\\??"):
        if len(path) == 3:
            return 3
        following = re.search(r"[\\/]", path[4:])
        return 4 + following.start() if following else len(path)
    if path[1:2] and path[1] in "\\/":
        return _share(path, 2)
    return 0


def _begins(path: str, beginning: str) -> bool:
    """Whether these are the first elements, whatever their case."""
    head = path[: len(beginning)].replace("/", "\\")
    return (
        head.isascii() and head.upper() == beginning and (len(path) == len(beginning) or path[len(beginning)] in "\\/")
    )


def _share(path: str, start: int) -> int:
    """Where the name of a share ends, that of its host begins at ``start``."""
    ends = [found.start() for found in re.finditer(r"[\\/]", path[start:])]
    return start + ends[1] if len(ends) > 1 else len(path)
