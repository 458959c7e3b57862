"""Duplicate scenes by perceptual hash.

Contains grouping by distance. All other queries for scenes are in ``finding``.
"""

from itertools import combinations
from typing import Any

from stash_pipeline.simulator.context import Loader, RequestContext, SelectedFields
from stash_pipeline.simulator.library import Row
from stash_pipeline.simulator.resolvers.rows import load_or_stub

_MASK = 0xFFFFFFFFFFFFFFFF
_PART_BITS = 16
_SHIFTS = (0, 16, 32, 48)
_COMPARE_ALL_BELOW = 1500
_MOST_FLIPS = 2


def _masks(flips: int) -> list[int]:
    """All 16-bit patterns with at most ``flips`` set bits."""
    return [
        sum(1 << bit for bit in bits) for count in range(flips + 1) for bits in combinations(range(_PART_BITS), count)
    ]


def _near(hashes: list[int], distance: int) -> list[list[int]]:
    """For each hash, the indexes of the other hashes within the distance.

    Hashes within distance d differ by at most d // 4 bits in one of their four 16-bit parts, so only hashes that nearly
    share a part are compared. Few hashes, or large distances, are compared one by one.
    """
    neighbours: list[set[int]] = [set() for _ in hashes]
    flips = distance // len(_SHIFTS)
    if len(hashes) < _COMPARE_ALL_BELOW or flips > _MOST_FLIPS:
        for a, value in enumerate(hashes):
            for b in range(a + 1, len(hashes)):
                if (value ^ hashes[b]).bit_count() <= distance:
                    neighbours[a].add(b)
                    neighbours[b].add(a)
        return [sorted(indexes) for indexes in neighbours]
    masks = _masks(flips)
    for shift in _SHIFTS:
        buckets: dict[int, list[int]] = {}
        for index, value in enumerate(hashes):
            buckets.setdefault((value >> shift) & 0xFFFF, []).append(index)
        for part, bucket in buckets.items():
            candidates = [other for mask in masks for other in buckets.get(part ^ mask, ())]
            for a in bucket:
                value = hashes[a]
                neighbours[a].update(b for b in candidates if (value ^ hashes[b]).bit_count() <= distance)
    return [sorted(indexes - {index}) for index, indexes in enumerate(neighbours)]


def duplicate_groups(files: list[tuple[int, int, float]], distance: int, duration_diff: float) -> list[list[int]]:
    """Groups of scene ids from (scene id, phash, duration) of their files; groups are transitive."""
    hashes = [value & _MASK for _, value, _ in files]
    neighbours = _near(hashes, distance)
    done: set[int] = set()
    groups = []
    for start in range(len(files)):
        if start in done:
            continue
        done.add(start)
        group, queue = [start], [start]
        while queue:
            current = queue.pop()
            for other in neighbours[current]:
                duration_difference = abs(files[other][2] - files[current][2])
                if other in done or (duration_diff >= 0 and duration_difference > duration_diff):
                    continue
                if files[other][0] == files[current][0]:
                    continue
                done.add(other)
                group.append(other)
                queue.append(other)
        scenes = list(dict.fromkeys(files[index][0] for index in group))
        if len(scenes) > 1:
            groups.append(scenes)
    return groups


def _load(ctx: RequestContext, rows: list[Row], args: dict[str, Any], selected: SelectedFields) -> list[Any]:
    files = ctx.library.tuples(
        "SELECT s.scene_id, f.fingerprint, v.duration FROM scenes_files s"
        " JOIN files_fingerprints f ON f.file_id = s.file_id AND f.type = 'phash'"
        " JOIN video_files v ON v.file_id = s.file_id"
        " JOIN files ON files.id = s.file_id ORDER BY files.size DESC, s.scene_id"
    )
    difference = args.get("duration_diff")
    groups = duplicate_groups(
        [(scene, int(value), duration) for scene, value, duration in files],
        args.get("distance") or 0,
        -1.0 if difference is None else difference,
    )
    scenes = load_or_stub(ctx, "Scene", (scene for group in groups for scene in group), selected)
    return [[[scenes[scene] for scene in group] for group in groups]]


LOADERS: dict[tuple[str, str], Loader] = {("Query", "findDuplicateScenes"): _load}
