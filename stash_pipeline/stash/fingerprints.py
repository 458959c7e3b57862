"""File fingerprints in the form that documents use."""

from typing import Any

from stash_pipeline.stash.json_values import as_text


def padded_phash(value: str) -> str:
    """A perceptual hash as 16 hex digits; Stash omits leading zeros."""
    return value.lower().rjust(16, "0")


def read_fingerprint(value: Any) -> dict[str, Any]:
    """One fingerprint from the server's list.

    Raises:
        KeyError, InvalidValueError: if it lacks its type or its value.
    """
    kind, text = as_text(value["type"]), as_text(value["value"])
    return {"type": kind, "value": padded_phash(text) if kind == "phash" else text}
