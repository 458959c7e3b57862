"""The documents of a copy in ranges of ids: of what is here already the reader sends only what differs.

Processes of their own (``worker_main.py``) read a large copy, stretch by stretch: to make documents keeps one core
busy, and a file that makes SQLite crash ends only them.
"""

import pickle
import struct
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from pathlib import Path
from typing import IO, Any, Final, Literal

from stash_pipeline.stash.documents import Document
from stash_pipeline.stash.query_plan import QueryPlan
from stash_pipeline.stash.snapshot.database import Snapshot, SnapshotError
from stash_pipeline.stash.snapshot.documents import Naming, documents, kind_of, last_id
from stash_pipeline.stash.snapshot.spec import ALL, Stretch

RANGE_IDS: Final = 2000
"""Ids of one range: the first has those below this number."""

_MOST_BYTES: Final = 8_000_000
"""Of documents that are told at once, but for the last of them."""

_RANGES: Final = 5
"""Of one part, at least."""

_PARTS: Final = 64
"""Of one kind, at most: where ids are far apart, a part is longer."""

_WORK: Final = {"scenes": 3, "galleries": 3, "performers": 3, "studios": 3, "images": 2}
"""Of an object, where that of the others is one."""

Row = tuple[Any, ...]
"""The parts of a document, cheap to send."""


@dataclass(frozen=True)
class Job:
    """What is to be read.

    Attributes:
        seconds: after which it is given up. plans: of the server.
    """

    path: Path
    seconds: float
    plans: dict[str, QueryPlan]
    kinds: tuple[str, ...]
    naming: Naming


@dataclass(frozen=True)
class Range:
    """The objects of a kind whose ids are in one range, or some of them: a range of many bytes is told in pieces.

    Attributes:
        unchanged, unreadable: objects that are as they are here, and those of them with a value that its column
            cannot hold.
        rows: the documents of the others. gone: ids that are here and not in the copy.
    """

    kind: str
    number: int
    unchanged: int
    unreadable: int
    rows: list[Row]
    gone: list[int]


@dataclass(frozen=True)
class End:
    """All ranges of a kind were told."""

    kind: str


@dataclass(frozen=True)
class Part:
    """What one reader reads at a time: a stretch of a kind, of whole ranges.

    Attributes:
        known: ids and hashes of what is here of it, range by range, see :func:`packed`.
    """

    kind: str
    stretch: Stretch
    known: Mapping[int, bytes] = field(default_factory=dict)

    def with_known(self, ranges: dict[int, bytes]) -> "Part":
        """The part with its ranges of those; they are taken out."""
        first = (self.stretch.after + 1) // RANGE_IDS if self.stretch.after >= 0 else -ALL.until
        last = self.stretch.until // RANGE_IDS
        mine = [number for number in ranges if first <= number <= last]
        return replace(self, known={number: ranges.pop(number) for number in mine})


@dataclass(frozen=True)
class Failed:
    """Reading failed, with a sentence."""

    sentence: str


LOOK_FOR_DAMAGE: Final = "look for damage"
DIVIDE: Final = "divide"
Order = Part | Literal["look for damage", "divide"]
"""What a reader may be asked: to read a part; to look through the whole file for damage; or which parts there are."""


_PAIR: Final = struct.Struct(">q16s")


def packed(found: Iterable[tuple[int, bytes]]) -> bytes:
    """Ids and hashes in as few bytes as it takes; Postgres makes the same, see ``sync/snapshot_ranges.py``."""
    return b"".join([_PAIR.pack(identifier, hashed) for identifier, hashed in found])


def _range_of(document: Document) -> int:
    return document.id // RANGE_IDS


class Reader:
    """Reads one copy, order by order."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._snapshot: Snapshot | None = None

    def close(self) -> None:
        """Closes the file."""
        if self._snapshot:
            self._snapshot.close()

    def answers(self, order: Order) -> Iterator[Any]:
        """What it is answered with: ranges, or one list of parts, or nothing.

        Raises:
            SnapshotError: if the copy is damaged, or is not what its version says.
        """
        if order == LOOK_FOR_DAMAGE:
            Snapshot(self.job.path, seconds=self.job.seconds).close()
            return
        if self._snapshot is None:
            # that is for the order above
            self._snapshot = Snapshot(self.job.path, seconds=self.job.seconds, check=False)
        if isinstance(order, Part):
            yield from self._ranges(self._snapshot, order)
        else:
            yield self._parts(self._snapshot)

    def _parts(self, snapshot: Snapshot) -> list[Part]:
        """All parts, those first that are most work: so at the end nobody waits long for the others."""
        job = self.job
        found = []
        for kind in sorted(job.kinds, key=lambda kind: -_WORK.get(kind, 1)):
            last = last_id(snapshot, kind_of(snapshot, job.plans, kind, job.naming))
            ranges = max(_RANGES, -(-(last // RANGE_IDS + 1) // _PARTS))
            bounds = [*range(-1, max(last, 0), ranges * RANGE_IDS), ALL.until]
            found += [Part(kind, Stretch(after, until)) for after, until in pairwise(bounds)]
        return found

    def _ranges(self, snapshot: Snapshot, part: Part) -> Iterator[Range]:
        job, kind = self.job, part.kind
        left = dict(part.known)
        for number, group in groupby(documents(snapshot, job.plans, kind, job.naming, part.stretch), _range_of):
            here = dict(_PAIR.iter_unpack(left.pop(number, b"")))
            unchanged = unreadable = size = 0
            rows: list[Row] = []
            for document in group:
                if here.pop(document.id, None) == document.hash:
                    unchanged += 1
                    unreadable += bool(document.unreadable)
                    continue
                rows.append(tuple(document))
                size += len(document.json)
                if size > _MOST_BYTES:
                    yield Range(kind, number, unchanged, unreadable, rows, [])
                    unchanged = unreadable = size = 0
                    rows = []
            yield Range(kind, number, unchanged, unreadable, rows, list(here))
        for number, here_only in sorted(left.items()):
            yield Range(kind, number, 0, 0, [], [identifier for identifier, _ in _PAIR.iter_unpack(here_only)])


def work(given: IO[bytes], told: IO[bytes]) -> None:
    """Reads a job and its orders, one after the other, and tells the answers; after each order None."""

    def tell(what: Any) -> None:
        pickle.dump(what, told, pickle.HIGHEST_PROTOCOL)
        told.flush()

    # the end of the orders, or nobody wants the rest
    with suppress(EOFError, BrokenPipeError):
        reader = Reader(pickle.load(given))
        while True:
            order: Order = pickle.load(given)
            try:
                for found in reader.answers(order):
                    tell(found)
                tell(None)
            except SnapshotError as error:
                tell(Failed(str(error)))
            except BrokenPipeError:
                raise
            except Exception as error:
                tell(Failed(f"The copy of the database could not be read ({type(error).__name__}: {error})."))
