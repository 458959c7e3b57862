"""How two libraries differ in what they share: videos were encoded again, files renamed, performers go by an alias.

Every library has its own random source for this, so that the rest of it is the same with and without variants.
"""

import random
import re
from collections.abc import Collection
from dataclasses import dataclass, replace

_BETTER_CODECS = ("hevc", "av1", "h264")


@dataclass(frozen=True)
class Video:
    """What identifies a video file, and describes it."""

    size: int
    duration: float
    codec: str
    width: int
    height: int
    bit_rate: int
    oshash: str
    md5: str | None
    phash: int


def encoded_again(rng: random.Random, video: Video) -> Video:
    """A third of the videos: smaller files, with other checksums and near perceptual hashes; a few are cut."""
    roll = rng.random()
    if roll >= 0.36:
        return video
    phash = video.phash
    for bit in rng.sample(range(64), rng.choice((0, 0, 2, 2, 2, 4))):
        phash ^= 1 << bit
    share = rng.uniform(0.25, 0.8)
    smaller = rng.random() < 0.3 and min(video.width, video.height) > 720
    cut = rng.uniform(20, 60) if roll < 0.03 and video.duration > 300 else rng.uniform(-0.4, 0.4)
    return replace(
        video,
        size=max(1, int(video.size * share)),
        duration=round(video.duration - cut, 2),
        codec=rng.choice(_BETTER_CODECS),
        width=video.width * 2 // 3 if smaller else video.width,
        height=video.height * 2 // 3 if smaller else video.height,
        bit_rate=max(1, int(video.bit_rate * share)),
        oshash=f"{rng.getrandbits(64):016x}",
        md5=None,
        phash=phash,
    )


def other_name(rng: random.Random, name: str, aliases: Collection[str]) -> tuple[str, list[str]]:
    """Two in five performers who have an alias go by it; the others lack a quarter of their aliases."""
    ordered = sorted(set(aliases) - {name})
    if ordered and rng.random() < 0.4:
        chosen = rng.choice(ordered)
        return chosen, [name, *(alias for alias in ordered if alias != chosen)]
    return name, [alias for alias in ordered if rng.random() < 0.75]


def file_name(rng: random.Random, title: str, number: int) -> str:
    """A file named after its scene, as its owner likes it."""
    words = re.findall(r"\w+", title) or ["untitled"]
    joined = rng.choice((" ", "_", ".")).join(words)
    return f"{joined.lower() if rng.random() < 0.5 else joined} {number}"
