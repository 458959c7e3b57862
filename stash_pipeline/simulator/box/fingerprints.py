"""Fingerprints of scenes: their votes, and finding scenes by them.

Contains the field of scenes and the lookups. A lookup returns neither a score, nor a distance, nor which hash matched.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from stash_pipeline.simulator.box.box import Box
from stash_pipeline.simulator.box.content import hexadecimal, number_of
from stash_pipeline.simulator.box.context import BoxContext, Loaders, grouped, marks, rows_by_id
from stash_pipeline.simulator.database import Row
from stash_pipeline.simulator.errors import AnswerError

MOST_GROUPS = 40
_MOST_FLAT = 100
_HASH_DIGITS = frozenset("0123456789abcdefABCDEF")


def parse_hash(value: Any, argument: tuple[str | int, ...]) -> int:
    """A hash that a client sent, as a number; 0 if it has more than 64 bits, without an error."""
    if not isinstance(value, str):
        raise AnswerError("fingerprint hash must be a string", argument=argument)
    digits = value.replace('"', "")
    if len(digits) > 16:
        return 0
    if not digits or not _HASH_DIGITS.issuperset(digits):
        reason = f'strconv.ParseUint: parsing "{digits}": invalid syntax'
        raise AnswerError(f"invalid fingerprint hash: {reason}", argument=argument)
    return number_of(digits)


def text_of(number: int, algorithm: str) -> str:
    """A hash as old releases store it: as clients submit it, which is unpadded for phashes."""
    digits = hexadecimal(number)
    return digits.lstrip("0") or "0" if algorithm == "PHASH" else digits


def _fingerprints(ctx: BoxContext, rows: list[Row], arguments: dict[str, Any], _: frozenset[str]) -> list[Any]:
    sql = (
        "SELECT scene_id, hash, algorithm, user_id, duration, vote, created_at FROM scene_fingerprints"
        " JOIN fingerprints ON fingerprints.id = fingerprint_id WHERE scene_id IN ({ids})"
    )
    votes = grouped(ctx, sql, rows)
    return [_of_scene(ctx, votes.get(row["id"], []), bool(arguments.get("is_submitted"))) for row in rows]


def _of_scene(ctx: BoxContext, votes: Sequence[tuple[Any, ...]], only_own: bool) -> list[Row]:
    by_print: dict[tuple[int, str], list[tuple[Any, ...]]] = {}
    for number, algorithm, *vote in votes:
        if not only_own or vote[0] == ctx.user:
            by_print.setdefault((number, algorithm), []).append(tuple(vote))
    results = []
    for (number, algorithm), group in by_print.items():
        durations = Counter(duration for _, duration, _, _ in group)
        most = max(durations.values())
        own = {vote for user, _, vote, _ in group if user == ctx.user}
        results.append(
            {
                "hash": text_of(number, algorithm) if ctx.release.hashes_are_texts else hexadecimal(number),
                "algorithm": algorithm,
                # the mode; of several, the smallest
                "duration": min(duration for duration, count in durations.items() if count == most),
                "submissions": sum(vote == 1 for _, _, vote, _ in group),
                "reports": sum(vote == -1 for _, _, vote, _ in group),
                "created": min(created for *_, created in group),
                "updated": max(created for *_, created in group),
                "user_submitted": 1 in own,
                "user_reported": -1 in own,
            }
        )
    return sorted(results, key=lambda result: result["reports"] - result["submissions"])


_phashes: WeakKeyDictionary[Box, tuple[int, NDArray[np.uint64]]] = WeakKeyDictionary()


def _all_phashes(box: Box) -> NDArray[np.uint64]:
    """The distinct phashes of a box, read again only after it was changed."""
    version = box.connection.total_changes
    kept = _phashes.get(box)
    if kept is None or kept[0] != version:
        numbers = box.tuples("SELECT hash FROM fingerprints WHERE algorithm = 'PHASH'")
        kept = version, np.array([number for (number,) in numbers], dtype=np.int64).view(np.uint64)
        _phashes[box] = kept
    return kept[1]


def _near(box: Box, number: int, distance: int) -> list[int]:
    """The phashes of a box within a distance of one."""
    everything = _all_phashes(box)
    differing = np.bitwise_count(everything ^ np.uint64(number & 0xFFFFFFFFFFFFFFFF))
    return [int(phash) for phash in everything[differing <= distance].view(np.int64)]


Sent = tuple[int | str, str]
"""A fingerprint of a request: hash and algorithm. The hash is a text on releases that compare texts."""


def _read(ctx: BoxContext, fingerprint: Row, argument: tuple[str | int, ...]) -> Sent:
    sent, algorithm = fingerprint["hash"], fingerprint["algorithm"]
    if ctx.release.hashes_are_texts:
        return str(sent), algorithm
    return parse_hash(sent, (*argument, "hash")), algorithm


def _scene_ids(ctx: BoxContext, sent: Sequence[Sent], with_deleted: bool = False) -> dict[Sent, list[str]]:
    """Scenes by fingerprint. Exact matches do not compare the algorithm."""
    stored: dict[Sent, list[tuple[int, str | None]]] = {}
    for lookup in dict.fromkeys(sent):
        fingerprint, algorithm = lookup
        near = algorithm == "PHASH" and ctx.phash_distance > 0
        number = _as_number(fingerprint, unpadded=near)
        if number is None:
            continue
        if near:
            distance = 0 if ctx.release.loses_near_phashes else ctx.phash_distance
            stored[lookup] = [(other, "PHASH") for other in _near(ctx.box, number, distance)]
        else:
            stored[lookup] = [(number, None)]
    numbers = list({number for numbers in stored.values() for number, _ in numbers})
    by_number: dict[int, list[tuple[str, str]]] = {}
    for start in range(0, len(numbers), 500):
        part = numbers[start : start + 500]
        sql = (
            "SELECT DISTINCT hash, algorithm, scene_id FROM fingerprints JOIN scene_fingerprints ON"
            " fingerprint_id = fingerprints.id JOIN scenes ON scenes.id = scene_id"
            f" WHERE deleted <= ? AND hash IN ({marks(part)})"
        )
        for number, algorithm, scene in ctx.box.tuples(sql, [int(with_deleted), *part]):
            by_number.setdefault(number, []).append((algorithm, scene))
    return {
        lookup: [
            scene
            for number, required in numbers
            for algorithm, scene in by_number.get(number, ())
            if (required is None or required == algorithm) and _texts_agree(lookup[0], number, algorithm, required)
        ]
        for lookup, numbers in stored.items()
    }


def _as_number(fingerprint: int | str, unpadded: bool) -> int | None:
    """The number of a hash; None for a text that can be no stored hash."""
    if isinstance(fingerprint, int):
        return fingerprint
    if not fingerprint or len(fingerprint) > 16 or not _HASH_DIGITS.issuperset(fingerprint):
        return None
    number = number_of(fingerprint)
    # Results are assigned to the request by the text of the number.
    return None if unpadded and fingerprint != text_of(number, "PHASH") else number


def _texts_agree(sent: int | str, number: int, algorithm: str, required: str | None) -> bool:
    return isinstance(sent, int) or required is not None or sent == text_of(number, algorithm)


def _by_groups(ctx: BoxContext, _: list[Row], arguments: dict[str, Any], __: frozenset[str]) -> list[Any]:
    groups = arguments["fingerprints"]
    read = [
        [_read(ctx, fingerprint, ("fingerprints", number, place)) for place, fingerprint in enumerate(group)]
        for number, group in enumerate(groups)
    ]
    if len(groups) > MOST_GROUPS:
        raise AnswerError(ctx.release.too_many_scenes)
    if not ctx.release.has_md5:
        read = [[lookup for lookup in group if lookup[1] != "MD5"] for group in read]
    scene_ids = _scene_ids(ctx, [lookup for group in read for lookup in group])
    scenes = rows_by_id(ctx, "scenes", (scene for ids in scene_ids.values() for scene in ids))
    # What is found for a hash is shared by all groups that have sent it, whatever its algorithm there.
    by_hash: dict[int | str, list[str]] = {}
    for (fingerprint, _algorithm), ids in scene_ids.items():
        by_hash.setdefault(fingerprint, []).extend(ids)
    groups_of_ids = [
        dict.fromkeys(scene for sent, _algorithm in group for scene in ctx.shuffled(by_hash.get(sent, ())))
        for group in read
    ]
    return [[[scenes[scene] for scene in ids] for ids in groups_of_ids]]


def _flat(ctx: BoxContext, sent: Sequence[Sent]) -> list[Any]:
    # Before v0.7, these found merged scenes, whose fingerprints are still theirs.
    scene_ids = _scene_ids(ctx, sent, with_deleted=not ctx.release.since(7))
    ids = ctx.shuffled({scene for ids in scene_ids.values() for scene in ids})
    scenes = rows_by_id(ctx, "scenes", ids)
    return [[scenes[scene] for scene in ids]]


def _with_algorithm(ctx: BoxContext, fingerprint: int | str, algorithm: str) -> list[str]:
    number = _as_number(fingerprint, unpadded=False)
    sql = (
        "SELECT scene_id FROM scene_fingerprints JOIN fingerprints ON fingerprints.id = fingerprint_id"
        " WHERE hash = ? AND algorithm = ?"
    )
    return [row[0] for row in ctx.box.tuples(sql, (number, algorithm))]


def _by_full_fingerprints(ctx: BoxContext, _: list[Row], arguments: dict[str, Any], __: frozenset[str]) -> list[Any]:
    if len(arguments["fingerprints"]) > _MOST_FLAT:
        raise AnswerError(ctx.release.too_many_fingerprints)
    return _flat(ctx, [_read(ctx, fingerprint, ()) for fingerprint in arguments["fingerprints"]])


def _by_hashes(ctx: BoxContext, _: list[Row], arguments: dict[str, Any], __: frozenset[str]) -> list[Any]:
    if len(arguments["fingerprints"]) > _MOST_FLAT:
        raise AnswerError(ctx.release.too_many_fingerprints)
    return _flat(ctx, [(fingerprint, "OSHASH") for fingerprint in arguments["fingerprints"]])


def _by_fingerprint(ctx: BoxContext, _: list[Row], arguments: dict[str, Any], __: frozenset[str]) -> list[Any]:
    fingerprint, algorithm = _read(ctx, arguments["fingerprint"], ())
    scenes = _flat(ctx, [(fingerprint, "OSHASH")])[0]
    ids = set(_with_algorithm(ctx, fingerprint, algorithm))
    return [[scene for scene in scenes if scene["id"] in ids]]


LOADERS: Loaders = {
    ("Scene", "fingerprints"): _fingerprints,
    ("Query", "findScenesBySceneFingerprints"): _by_groups,
    ("Query", "findScenesByFullFingerprints"): _by_full_fingerprints,
    ("Query", "findScenesByFingerprints"): _by_hashes,
    ("Query", "findSceneByFingerprint"): _by_fingerprint,
}
