"""Copies of videos for the tests of keeper rules."""

from typing import Any

from stash_pipeline.matching.duplicates import Copy
from stash_pipeline.matching.keeper_rules import codec_rank


def video(
    instance: int, number: int, *, height: int = 1080, codec: str = "h264", bit_rate: int | None = 5_000_000,
    size: int = 1_000, protected: str | None = None, **more: Any,
) -> Copy:  # fmt: skip
    """A file."""
    width = height * 16 // 9
    values = {
        "protected": float(protected is not None),
        "resolution": width * height,
        "codec": codec_rank(codec),
        "bit_rate": bit_rate,
        "size": size,
    }
    return Copy(
        (instance, number, number), values, protected, width=width, height=height, codec=codec, size=size, **more
    )
