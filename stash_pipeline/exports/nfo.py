"""NFO files: one XML file per scene in the form of Kodi's movies, which other media centers read as well.

Nothing is written beside media unless a mapping of folders is given, and a file that this program did not write is left
alone unless it is to be overwritten. A file whose content is already right is not written.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final
from xml.sax.saxutils import escape, quoteattr

from stash_pipeline.errors import UserError
from stash_pipeline.instances import get_instance
from stash_pipeline.warehouse.connect import Connection, connect

_MARK: Final = "written by stash-pipeline from instance {}; it replaces this file when the scene changes"
_HEAD_BYTES: Final = 400

# XML 1.0 has no control characters but these three, and no surrogates, not even as references
_NOT_IN_XML: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

# Characters that some file system refuses, and what Windows strips at the end of a name
_NOT_IN_NAMES: Final = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
_LONGEST_NAME: Final = 200
"""Bytes of a name without its number and extension; file systems allow 255."""

_SCENES: Final = """
SELECT id, title, details, date, date_precision, rating100, play_count, last_played_at, studio, director, performers,
    tags, groups, urls, path, duration, width, height, video_codec, audio_codec, created_at
FROM stash.scenes_full WHERE instance_id = %s ORDER BY id
"""


@dataclass
class NfoExport:
    """How many files were written, and why others were not."""

    written: int = 0
    unchanged: int = 0
    removed: int = 0
    foreign: int = 0
    without_folder: int = 0
    without_file: int = 0
    examples: list[str] = field(default_factory=list)

    def sentence(self) -> str:
        """The result in words."""
        parts = [f"{self.written:,} NFO files written, {self.unchanged:,} were right already."]
        if self.removed:
            parts.append(f"{self.removed:,} were removed, because their scenes no longer exist or have another title.")
        if self.foreign:
            parts.append(
                f"{self.foreign:,} were left alone, because another program or instance wrote them (such as "
                f"{self.examples[0]}); --overwrite replaces them."
            )
        if self.without_folder:
            parts.append(f"{self.without_folder:,} scenes lie in folders that no --map leads to, or that are not here.")
        if self.without_file:
            parts.append(f"{self.without_file:,} scenes have no file.")
        return " ".join(parts)


def parsed_mapping(pairs: Sequence[str]) -> dict[PurePosixPath, Path]:
    """The folders of ``SERVER=LOCAL`` arguments.

    Raises:
        UserError: if one has another form, or its local folder does not exist.
    """
    mapping = {}
    for pair in pairs:
        server, separator, local = pair.partition("=")
        if not separator or not server or not local:
            raise UserError(f"--map {pair} has another form than SERVER=LOCAL, such as /data=/mnt/media.")
        if not Path(local).is_dir():
            raise UserError(f"The folder {local} of --map does not exist here; mount it, or correct the mapping.")
        mapping[PurePosixPath(server.replace("\\", "/"))] = Path(local).absolute()
    if not mapping:
        raise UserError("--beside-media needs --map SERVER=LOCAL, so that files get only where you say; give one.")
    return mapping


def export_nfo(
    database_url: str,
    instance: str,
    *,
    folder: Path | None,
    mapping: Mapping[PurePosixPath, Path] | None = None,
    overwrite: bool = False,
) -> NfoExport:
    """Writes an NFO file per scene of an instance, into a folder or, with a mapping, beside its primary file.

    Raises:
        UserError: if there is no such instance, neither or both places are given, or a file cannot be written.
    """
    if (folder is None) == (mapping is None):
        raise UserError("Give --out DIR, or --beside-media with --map: one place for the NFO files.")
    result = NfoExport()
    try:
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
        with connect(database_url) as connection:
            server = get_instance(connection, instance)
            mark, targets = _MARK.format(server.name), set()
            for scene in _scenes(connection, server.id):
                target = _beside(scene, mapping, result) if mapping is not None else _inside(scene, folder)
                if target is not None:
                    targets.add(target.name)
                    _write(target, document(scene, mark), mark, overwrite, result)
        if folder is not None:
            _remove_others(folder, mark, targets, result)
    except OSError as error:
        raise UserError(
            f"An NFO file cannot be written ({error.strerror or error}: {error.filename}); check the permissions and "
            "the free space. Those that were written are complete."
        ) from error
    return result


def _scenes(connection: Connection, instance_id: int) -> Iterator[dict[str, Any]]:
    with connection.transaction(), connection.cursor("nfo") as cursor:
        cursor.execute(_SCENES, [instance_id])
        columns = [column.name for column in cursor.description or []]
        for row in cursor:
            yield dict(zip(columns, row, strict=True))


# --- places -------------------------------------------------------------------------------------------------


def _inside(scene: Mapping[str, Any], folder: Path | None) -> Path:
    """A name that no other scene has, on any file system."""
    assert folder is not None
    name = _NOT_IN_NAMES.sub("_", _title(scene))
    name = name.encode()[:_LONGEST_NAME].decode(errors="ignore").strip(". ")
    return folder / f"{name or 'scene'} [{scene['id']}].nfo"


def _beside(scene: Mapping[str, Any], mapping: Mapping[PurePosixPath, Path], result: NfoExport) -> Path | None:
    if not scene["path"]:
        result.without_file += 1
        return None
    path = PurePosixPath(scene["path"].replace("\\", "/"))
    for server in sorted(mapping, key=lambda folder: len(folder.parts), reverse=True):
        if path.is_relative_to(server) and ".." not in path.parts:
            target = mapping[server] / path.relative_to(server)
            # an archive is a file here, and a folder that is not mounted is none
            if target.parent.is_dir():
                return target.with_suffix(".nfo")
            break
    result.without_folder += 1
    return None


def _write(target: Path, content: bytes, mark: str, overwrite: bool, result: NfoExport) -> None:
    with suppress(FileNotFoundError):
        existing = target.read_bytes()
        if existing == content:
            result.unchanged += 1
            return
        if mark.encode() not in existing[:_HEAD_BYTES] and not overwrite:
            result.foreign += 1
            result.examples = [*result.examples, str(target)][:3]
            return
    handle, name = tempfile.mkstemp(prefix=".stash-pipeline-", suffix=".nfo.part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes a file that only its owner reads; media centers run as another user
        Path(name).chmod(0o644)
        os.replace(name, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(name)
        raise
    result.written += 1


def _remove_others(folder: Path, mark: str, targets: set[str], result: NfoExport) -> None:
    """Removes the files of earlier exports of the same instance that this one did not write."""
    for path in folder.glob("*.nfo"):
        if path.name not in targets and path.is_file():
            with path.open("rb") as file:
                head = file.read(_HEAD_BYTES)
            if mark.encode() in head:
                path.unlink()
                result.removed += 1


# --- content ------------------------------------------------------------------------------------------------


def _title(scene: Mapping[str, Any]) -> str:
    return scene["title"] or (PurePosixPath(scene["path"].replace("\\", "/")).stem if scene["path"] else "")


def _element(name: str, value: Any, **attributes: Any) -> str:
    text = escape(_NOT_IN_XML.sub("\ufffd", str(value)))
    quoted = "".join(f" {key}={quoteattr(str(attribute))}" for key, attribute in attributes.items())
    return f"<{name}{quoted}>{text}</{name}>"


def document(scene: Mapping[str, Any], mark: str) -> bytes:
    """The content of the NFO file of a scene."""
    lines = [_element("title", _title(scene))]

    def add(name: str, value: Any, **attributes: Any) -> None:
        if value is not None and value != "":
            lines.append(_element(name, value, **attributes))

    add("plot", scene["details"])
    if scene["rating100"] is not None:
        add("userrating", round(scene["rating100"] / 10))
    if scene["date"] is not None:
        if scene["date_precision"] == "day":
            add("premiered", scene["date"].isoformat())
        add("year", scene["date"].year)
    if scene["duration"]:
        add("runtime", max(1, round(scene["duration"] / 60)))
    add("studio", scene["studio"])
    add("director", scene["director"])
    add("playcount", scene["play_count"])
    if scene["last_played_at"] is not None:
        add("lastplayed", scene["last_played_at"].strftime("%Y-%m-%d %H:%M:%S"))
    for tag in scene["tags"]:
        add("tag", tag)
    for group in scene["groups"]:
        lines.append(f"<set>{_element('name', group)}</set>")
    for place, performer in enumerate(scene["performers"]):
        lines.append(f"<actor>{_element('name', performer)}<order>{place}</order></actor>")
    for place, url in enumerate(scene["urls"]):
        add("uniqueid", url, type=f"url{place or ''}")
    add("uniqueid", scene["id"], type="stash", default="true")
    add("dateadded", scene["created_at"].strftime("%Y-%m-%d %H:%M:%S") if scene["created_at"] else None)
    body = "\n".join(f"  {line}" for line in lines)
    return (
        f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<!-- {mark} -->\n<movie>\n{body}\n</movie>\n'
    ).encode()
