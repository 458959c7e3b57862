"""The interface of lanes: a lane reads a server, yields events, and writes nothing."""

from collections.abc import Iterator
from typing import Protocol

from stash_pipeline.stash import reader
from stash_pipeline.stash.snapshot.ranges import Range

Event = reader.Event | Range
"""A page of documents, a range of a snapshot, an object that could not be read, or the end of an entity."""


class Lane(Protocol):
    """One read of a server. Both lanes build the same documents from the same library."""

    def events(self) -> Iterator[Event]:
        """Reads the server; can be called once.

        Raises:
            StashError: for errors of the server or the network. Earlier events stay valid, except those of a snapshot,
                which is valid only as a whole.
        """
