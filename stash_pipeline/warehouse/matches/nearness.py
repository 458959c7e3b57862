"""Files with near perceptual hashes, of all scenes or of some.

A hash that more than a few files are near to is *crowded*: an intro that a series shares, a frame that many clips
begin with. It proves nothing, so its files make no candidates. They are not enumerated either, as the pairs of a crowd
are half the square of its files.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stash_pipeline.matching.phash_pairs import find_pairs
from stash_pipeline.matching.rule_table import PARAMETERS
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.matches.blocks import columns
from stash_pipeline.warehouse.matches.candidates import PhashRow
from stash_pipeline.warehouse.matches.differences import Rows, read_rows
from stash_pipeline.warehouse.matches.features import Node

_DISTANCE: Final = PARAMETERS["phash"]["distance"]
_WINDOW: Final = PARAMETERS["phash"]["window"]
_MOST: Final = PARAMETERS["phash"]["most_neighbours"]

FileNode = tuple[int, int, int]
"""A file of a scene: the ids of the instance, the scene and the file."""


@dataclass(frozen=True)
class Near:
    """What is near to some files.

    Attributes:
        others: per file that is not crowded, all files that are near to it; without those that have none.
        crowded: the other files.
    """

    others: dict[FileNode, list[FileNode]] = field(default_factory=dict)
    crowded: set[FileNode] = field(default_factory=set)


class NearFiles:
    """All of many files that are near to each other.

    Args:
        rows: as they are stored.
    """

    def __init__(self, rows: Rows) -> None:
        left, right, crowded = uncrowded_pairs(rows)
        near, numbers = np.unique(np.concatenate([left, right]), return_inverse=True)
        self._files = files_of(rows[near])
        self._left, self._right = numbers.reshape(2, -1)
        self.crowded = set(files_of(rows[crowded]))

    def of(self, scenes: Collection[Node]) -> Near:
        """As :func:`near_files`, but for others that are crowded, which are left out."""
        files = self._files
        selected = np.array([file[:2] in scenes for file in files], np.bool_)
        near: dict[FileNode, list[FileNode]] = defaultdict(list)
        for rows, near_rows in ((self._left, self._right), (self._right, self._left)):
            some = selected[rows]
            for row, near_row in zip(rows[some].tolist(), near_rows[some].tolist(), strict=True):
                near[files[row]].append(files[near_row])
        return Near(dict(near), {file for file in self.crowded if file[:2] in scenes})


def files_of(rows: Rows) -> list[FileNode]:
    """The files of some rows."""
    return [(row[0], row[1], row[2]) for row in rows[:, :3].tolist()]


def stored_phashes(connection: Connection) -> Rows:
    """All rows."""
    query = "SELECT instance_id, scene_id, file_id, duration, phash FROM matches.phashes"
    return read_rows(connection, query, (4, 8, 8, 4, 8))


def uncrowded_pairs(rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
    """(left and right of all pairs of near rows that are not crowded, by their numbers; which rows are crowded)."""
    kept = _without_equal_ones(rows)
    hashes, durations = rows[kept, 4].copy().view(np.uint64), rows[kept, 3].copy()
    count = np.zeros(len(kept), np.int64)
    chunks = []
    for chunk in find_pairs(hashes, durations, distance=_DISTANCE, window=_WINDOW):
        np.add.at(count, chunk.left, 1)
        np.add.at(count, chunk.right, 1)
        few = (count[chunk.left] <= _MOST) & (count[chunk.right] <= _MOST)
        chunks.append(np.stack([chunk.left[few], chunk.right[few]]))
    left, right = np.concatenate([np.zeros((2, 0), np.int64), *chunks], axis=1)
    few = (count[left] <= _MOST) & (count[right] <= _MOST)
    crowded = np.ones(len(rows), np.bool_)
    crowded[kept] = count > _MOST
    return kept[left[few]], kept[right[few]], crowded


def _without_equal_ones(rows: Rows) -> NDArray[np.int64]:
    """Numbers of rows, without so many with one hash that they are crowded whatever else there is.

    Within each window of durations, the first and the last ones with a hash are kept. So whoever is near to one that
    is left out is near to enough that are kept.
    """
    windows = rows[:, 3] // _WINDOW
    order = np.lexsort((rows[:, 3], windows, rows[:, 4]))
    hashes, window = rows[order, 4], windows[order]
    starts = np.flatnonzero(np.r_[True, (hashes[1:] != hashes[:-1]) | (window[1:] != window[:-1])][: len(order)])
    sizes = np.diff(np.r_[starts, len(order)])
    place = np.arange(len(order)) - np.repeat(starts, sizes)
    outer = (place <= _MOST) | (place >= np.repeat(sizes, sizes) - _MOST - 1)
    return np.sort(order[outer])


_NEAR: Final = (
    f"p.duration BETWEEN a.duration - {_WINDOW} AND a.duration + {_WINDOW}\n"
    f"      AND bit_count(int8send(p.phash # a.phash)) <= {_DISTANCE}"
)


def near_files(connection: Connection, scenes: Iterable[Node]) -> Near:
    """What is near to the files of some scenes."""
    others: dict[FileNode, list[FileNode]] = defaultdict(list)
    for row in connection.execute(
        "SELECT a.instance_id, a.scene_id, a.file_id, b.instance_id, b.scene_id, b.file_id\n"
        "FROM unnest(%s::integer[], %s::bigint[]) AS w(instance_id, scene_id)\n"
        "JOIN matches.phashes AS a USING (instance_id, scene_id)\n"
        "CROSS JOIN LATERAL (\n"
        "    SELECT p.instance_id, p.scene_id, p.file_id FROM matches.phashes AS p\n"
        f"    WHERE {_NEAR}\n"
        "      AND (p.instance_id, p.scene_id, p.file_id) <> (a.instance_id, a.scene_id, a.file_id)\n"
        f"    LIMIT {_MOST + 1}\n"
        ") AS b",
        columns(sorted(scenes), 2),
    ):
        others[row[:3]].append(row[3:])
    crowded = {file for file, listed in others.items() if len(listed) > _MOST}
    return Near({file: listed for file, listed in others.items() if file not in crowded}, crowded)


def scenes_near_to(connection: Connection, phashes: Sequence[PhashRow]) -> set[Node]:
    """The scenes with a stored perceptual hash that is near to one of these."""
    rows = connection.execute(
        "SELECT DISTINCT b.instance_id, b.scene_id\n"
        "FROM (SELECT DISTINCT * FROM unnest(%s::integer[], %s::bigint[]) AS w(duration, phash)) AS a\n"
        "CROSS JOIN LATERAL (\n"
        "    SELECT p.instance_id, p.scene_id FROM matches.phashes AS p\n"
        f"    WHERE {_NEAR}\n"
        ") AS b",
        columns([row[3:] for row in phashes], 2),
    )
    return {(row[0], row[1]) for row in rows}
