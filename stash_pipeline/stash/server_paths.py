r"""Paths of files, joined and cleaned as the server does it on its operating system.

A server stores the path of a folder and the name of a file, and joins them with Go's ``filepath.Join``. The operating
system of the server, not the path, determines the separator and which elements are removed. A library that moved from
Windows to Linux has paths like ``E:\content/x.mp4``.
"""

import re

_ODD_ELEMENT = re.compile(r"/\.{0,2}(?:/|\Z)")
_ODD_ELEMENT_ON_WINDOWS = re.compile(r"\\\.{0,2}(?:\\|\Z)|/")
_USUAL_ON_WINDOWS = re.compile(r"[A-Za-z]:(?=\\)|\\\\[^\\/.?][^\\/]*(?=\\[^\\/]+\\)")
_ABSOLUTE_ON_WINDOWS = re.compile(r"[A-Za-z]:[\\/]|[\\/]{2}|\\")
_ROOT = re.compile(r"[\\/]|[A-Za-z]:\\")


def is_of_windows(path: str) -> bool | None:
    """Whether an absolute path is a Windows path; None if the path does not show it."""
    if _ABSOLUTE_ON_WINDOWS.match(path):
        return True
    return False if path.startswith("/") else None


def join(folder: str, name: str, *, windows: bool) -> str:
    """The path of a file."""
    if not windows:
        return clean(f"{folder}/{name}" if folder else name, windows=False) if folder or name else ""
    if folder.endswith(("\\", "/")):
        # otherwise the result could begin like the path of a share
        name = name.lstrip("\\/")
        if len(folder) == 1 and (name == "??" or name.startswith(("??\\", "??/"))):
            name = ".\\" + name
    elif folder and not folder.endswith(":"):
        folder += "\\"
    return clean(folder + name, windows=True) if folder or name else ""


def folder_of(path: str, name: str) -> str | None:
    """The path of a file's folder, derived from the path of the file; None if the path does not end in ``name``.

    If the server cleans the folder's path, this is the clean path.
    """
    if not path.endswith(name):
        name = name.replace("/", "\\")
        if not path.endswith(name):
            return None
    folder = path[: len(path) - len(name)]
    return folder[:-1] if folder.endswith(("/", "\\")) and not _ROOT.fullmatch(folder) else folder


def clean(path: str, *, windows: bool) -> str:
    """The shortest equivalent path, by purely lexical processing."""
    if windows:
        usual = _USUAL_ON_WINDOWS.match(path)
        if usual and not _ODD_ELEMENT_ON_WINDOWS.search(path, usual.end()):
            return path
        return _clean(path, _volume(path), "\\/")
    if path.startswith("/") and not _ODD_ELEMENT.search(path):
        return path
    return _clean(path, 0, "/")


class _Output:
    """The cleaned path as it is written: a prefix of the original path, as long as they agree."""

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
    full, path = path, path[volume:]
    if not path:
        if volume > 1 and full[0] in separators and full[1] in separators:
            return _with(separator, full)
        return full + "."
    rooted = path[0] in separators
    output = _Output(path)
    position = least = 0
    if rooted:
        output.put(separator)
        position = least = 1
    while position < len(path):
        end = position
        while end < len(path) and path[end] not in separators:
            end += 1
        element = path[position:end]
        if element == "..":
            if output.length > least:
                output.length -= 1
                while output.length > least and output.at(output.length) not in separators:
                    output.length -= 1
            elif not rooted:
                if output.length > 0:
                    output.put(separator)
                output.put(".")
                output.put(".")
                least = output.length
        elif element not in ("", "."):
            if output.length != int(rooted):
                output.put(separator)
            for character in element:
                output.put(character)
        position = end + 1
    if not output.length:
        output.put(".")
    before = _before(output, separators) if separator == "\\" and not volume else ""
    return _with(separator, full[:volume] + before + output.text())


def _before(output: _Output, separators: str) -> str:
    """A prefix that keeps a relative or rooted path from turning into another kind of path by removed elements."""
    if output.own is None:
        return ""
    for character in output.own:
        if character in separators and character:
            break
        if character == ":":
            return ".\\"
    beginning = output.own[:3]
    return "\\." if len(beginning) == 3 and beginning[0] in ("\\", "/") and beginning[1:] == ["?", "?"] else ""


def _with(separator: str, path: str) -> str:
    return path.replace("/", separator) if separator != "/" else path


def _volume(path: str) -> int:
    """The length of the volume name: a drive, a share or a device."""
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
    """Whether the path begins with these elements, ignoring case."""
    head = path[: len(beginning)].replace("/", "\\")
    return (
        head.isascii() and head.upper() == beginning and (len(path) == len(beginning) or path[len(beginning)] in "\\/")
    )


def _share(path: str, start: int) -> int:
    """The end of a share's name, if the host's name begins at ``start``."""
    ends = [match.start() for match in re.finditer(r"[\\/]", path[start:])]
    return start + ends[1] if len(ends) > 1 else len(path)
