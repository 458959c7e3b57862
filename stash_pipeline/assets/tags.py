"""The tags by which a run says in the list of runs what it is, and why it was started."""

from typing import Final

MODE_TAG: Final = "stash_pipeline/mode"
LANE_TAG: Final = "stash_pipeline/lane"
REASON_TAG: Final = "stash_pipeline/reason"
REQUESTED_BY_TAG: Final = "stash_pipeline/requested_by"

_LENGTH: Final = 200


def shortened(text: str) -> str:
    """As much of a text as a tag shows."""
    return text if len(text) <= _LENGTH else text[: _LENGTH - 1] + "…"
