"""What several entities have in common."""

from typing import Final

COUNTED: Final = "derived from the join tables, see the views stash.*_counts"
INVERSE: Final = "the other side of a relation that is mirrored"
SUCCEEDED: Final = "spelled differently in newer releases"
SUCCESSORS: Final = dict.fromkeys(("checksum", "oshash", "phash", "path", "file", "rating"), SUCCEEDED)
"""Reasons why a field of the server is not mirrored."""

V22: Final = 48
"""Schema version of the database of v0.22. From it on, the server sends most null texts as empty texts."""
