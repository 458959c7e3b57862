"""The tags that show in the list of runs what a run does and why it was launched."""

from typing import Final

MODE_TAG: Final = "stash_pipeline/mode"
LANE_TAG: Final = "stash_pipeline/lane"
REASON_TAG: Final = "stash_pipeline/reason"
REQUESTED_BY_TAG: Final = "stash_pipeline/requested_by"

_LENGTH: Final = 200


def shortened(text: str) -> str:
    """A text truncated to the length of a tag."""
    return text if len(text) <= _LENGTH else text[: _LENGTH - 1] + "…"
