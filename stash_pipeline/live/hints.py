"""Hints: what a server says that it changed. They are collected per instance for a moment; one run follows them.

A hint is never trusted: it only makes this program ask the server earlier. The collection is bounded, however many
hints arrive.
"""

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

DEBOUNCE_SECONDS: Final = 0.3
"""A run waits until no hint has arrived for this long."""

LONGEST_DEBOUNCE_SECONDS: Final = 1.0
MOST_IDS: Final = 20
"""With more objects than this, their ids are not kept."""

CONNECTED: Final = "connected"
"""How the hint arrives that a connection to a server was established."""

LARGEST_ID: Final = (1 << 31) - 1

ENTITY_OF_KIND: Final = {
    "Scene": "scenes",
    "SceneMarker": "scene_markers",
    "Image": "images",
    "Gallery": "galleries",
    "GalleryChapter": "gallery_chapters",
    "Group": "groups",
    "Movie": "groups",
    "Performer": "performers",
    "Studio": "studios",
    "Tag": "tags",
}
"""The entities of the kinds in the names of Stash's hooks; groups were called movies."""

_EVENTS: Final = frozenset(("Create", "Update", "Merge", "Destroy"))
_TRIGGER: Final = re.compile(r"([A-Za-z]{1,40})\.([A-Za-z]{1,40})\.Post\Z")


@dataclass(frozen=True)
class Hint:
    """Something changed on a server.

    Attributes:
        via: how the hint arrived: webhook, log, jobs, scan, connected.
        entity, id: of the object; None if the hint does not say so.
        event: Create, Update, Merge or Destroy; empty if the hint does not say so.
    """

    via: str
    entity: str | None = None
    id: int | None = None
    event: str = ""


def hint_of_trigger(via: str, trigger: str, identifier: object) -> Hint | None:
    """The hint of a hook such as ``Scene.Update.Post``; None if that is not the name of a hook.

    A kind or event of a later release results in a hint without an object.
    """
    match = _TRIGGER.match(trigger)
    if match is None:
        return None
    kind, event = match.groups()
    valid = isinstance(identifier, int) and not isinstance(identifier, bool) and 0 < identifier <= LARGEST_ID
    if not valid or kind not in ENTITY_OF_KIND or event not in _EVENTS:
        return Hint(via)
    return Hint(via, ENTITY_OF_KIND[kind], int(str(identifier)), event)


@dataclass
class Batch:
    """The hints for one instance since the last run.

    Attributes:
        ids: by entity, of objects that still exist; empty if there are too many.
        vague: whether something changed that `ids` does not name.
        count: number of hints. via: how they arrived.
        first_at, last_at: when they arrived, by the monotonic clock. not_before: time of the next try.
    """

    first_at: float
    last_at: float
    ids: dict[str, set[int]] = field(default_factory=dict)
    vague: bool = False
    count: int = 0
    via: set[str] = field(default_factory=set)
    not_before: float = 0.0
    tries: int = 0

    def add(self, hint: Hint, now: float) -> None:
        """Adds a hint."""
        self.last_at = now
        self.count += 1
        self.via.add(hint.via)
        if hint.via == CONNECTED:
            # the server answers again
            self.not_before = 0.0
        if hint.entity is None or hint.id is None or hint.event not in ("Create", "Update") or self._is_full():
            self.vague = True
        else:
            self.ids.setdefault(hint.entity, set()).add(hint.id)

    def _is_full(self) -> bool:
        return sum(map(len, self.ids.values())) >= MOST_IDS

    def due_at(self) -> float:
        """When the batch is due."""
        quiet = min(self.last_at + DEBOUNCE_SECONDS, self.first_at + LONGEST_DEBOUNCE_SECONDS)
        return max(quiet, self.not_before)


class Inbox:
    """Collects hints of all instances, by the uuid of the instance; thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._batches: dict[str, Batch] = {}
        self._changed = threading.Condition()

    def add(self, uuid: str, hint: Hint) -> None:
        """Adds a hint."""
        with self._changed:
            now = self._clock()
            self._batches.setdefault(uuid, Batch(now, now)).add(hint, now)
            self._changed.notify_all()

    def take(self, timeout: float) -> tuple[str, Batch] | None:
        """The next batch that is due, or None after the timeout."""
        end = self._clock() + timeout
        with self._changed:
            while True:
                now = self._clock()
                uuid = min(self._batches, key=lambda key: self._batches[key].due_at(), default=None)
                due = self._batches[uuid].due_at() if uuid else end
                if uuid and due <= now:
                    return uuid, self._batches.pop(uuid)
                if now >= end:
                    return None
                self._changed.wait(min(due, end) - now)

    def postpone(self, uuid: str, batch: Batch, seconds: float) -> None:
        """Returns a batch that cannot be followed yet; hints that arrived meanwhile join it."""
        with self._changed:
            newer = self._batches.pop(uuid, None)
            if newer is not None:
                batch.count += newer.count
                batch.via |= newer.via
                batch.vague |= newer.vague
                for entity, ids in newer.ids.items():
                    batch.ids.setdefault(entity, set()).update(ids)
                if sum(map(len, batch.ids.values())) > MOST_IDS:
                    batch.ids, batch.vague = {}, True
            batch.not_before = self._clock() + seconds
            batch.tries += 1
            self._batches[uuid] = batch
            self._changed.notify_all()

    def forget(self, registered: set[str]) -> None:
        """Drops the hints of other instances, which were removed or disabled."""
        with self._changed:
            for uuid in self._batches.keys() - registered:
                del self._batches[uuid]
