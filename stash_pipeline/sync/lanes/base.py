"""What a lane is: something that yields what it reads as events, and writes nothing."""

from collections.abc import Iterator
from typing import Protocol

from stash_pipeline.stash import reader
from stash_pipeline.stash.snapshot.ranges import Range

Event = reader.Event | Range
"""A page of documents, or a range of ids of a snapshot; what could not be read; and when an entity is complete."""


class Lane(Protocol):
    """One reading of a server. Both lanes make the same documents of the same library."""

    def events(self) -> Iterator[Event]:
        """Reads; to be called once.

        Raises:
            StashError: what the server or the network did. What was yielded before stays good, but for a snapshot: that
                is right only when it was read to its end.
        """
