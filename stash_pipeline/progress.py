"""How far a reading is, for whoever watches in the same process (the command line's progress bars).

Dagster's event log is not the place: an event costs 20–30 ms there.
"""

import threading
from typing import Protocol


class Listener(Protocol):
    """Gets told what a mirror run does; called from several threads."""

    def started(self, instance: str) -> None:
        """A reading begins; a sweep consists of two, one after the other."""

    def expected(self, instance: str, entity: str, count: int) -> None:
        """The server says that there are ``count`` objects."""

    def fetched(self, instance: str, entity: str, count: int) -> None:
        """``count`` more objects are in the mirror; one that is read twice counts twice."""

    def complete(self, instance: str, entity: str) -> None:
        """The kind has been read to its end."""


_listeners: list[Listener] = []
_lock = threading.Lock()


def listen(listener: Listener) -> None:
    """Tells ``listener`` of all runs of this process from now on."""
    with _lock:
        _listeners.append(listener)


def forget(listener: Listener) -> None:
    """Stops telling ``listener``."""
    with _lock:
        _listeners.remove(listener)


def started(instance: str) -> None:
    """To all listeners."""
    for listener in list(_listeners):
        listener.started(instance)


def expected(instance: str, entity: str, count: int) -> None:
    """To all listeners."""
    for listener in list(_listeners):
        listener.expected(instance, entity, count)


def fetched(instance: str, entity: str, count: int) -> None:
    """To all listeners."""
    for listener in list(_listeners):
        listener.fetched(instance, entity, count)


def complete(instance: str, entity: str) -> None:
    """To all listeners."""
    for listener in list(_listeners):
        listener.complete(instance, entity)
