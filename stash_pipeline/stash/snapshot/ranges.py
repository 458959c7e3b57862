"""The documents of a snapshot in ranges of ids. The reader returns only documents that differ from the local ones.

Separate processes (``worker_main.py``) read the parts of a large snapshot: building documents keeps one core busy, and
a file that crashes SQLite ends only those processes.
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
from stash_pipeline.stash.snapshot.documents import Naming, documents, last_id, mapping_of
from stash_pipeline.stash.snapshot.spec import ALL, IdSpan

RANGE_IDS: Final = 2000
"""Ids per range: the first range has the ids below this number."""

_MOST_BYTES: Final = 8_000_000
"""Maximum bytes of documents in one message, except for its last document."""

_RANGES: Final = 5
"""Minimum number of ranges per part."""

_PARTS: Final = 64
"""Maximum number of parts per entity: parts are longer if ids are sparse."""

_WORK: Final = {"scenes": 3, "galleries": 3, "performers": 3, "studios": 3, "images": 2}
"""Relative work per object; 1 for all other entities."""

Row = tuple[Any, ...]
"""The parts of a document, cheap to send."""


@dataclass(frozen=True)
class Job:
    """What to read.

    Attributes:
        seconds: time limit. plans: of the server.
    """

    path: Path
    seconds: float
    plans: dict[str, QueryPlan]
    entities: tuple[str, ...]
    naming: Naming


@dataclass(frozen=True)
class Range:
    """The objects of an entity in one range of ids, or some of them: a range with many bytes is split.

    Attributes:
        unchanged: number of objects that equal the local ones. unreadable: how many of them have a value that its
            column cannot hold.
        rows: the documents of all other objects. gone: local ids that are not in the snapshot.
    """

    entity: str
    number: int
    unchanged: int
    unreadable: int
    rows: list[Row]
    gone: list[int]


@dataclass(frozen=True)
class End:
    """All ranges of an entity were returned."""

    entity: str


@dataclass(frozen=True)
class Part:
    """The unit of work of a reader: a span of an entity's ids, made of whole ranges.

    Attributes:
        local_hashes: ids and hashes of the local documents, range by range, see :func:`packed`.
    """

    entity: str
    span: IdSpan
    local_hashes: Mapping[int, bytes] = field(default_factory=dict)

    def with_local_hashes(self, ranges: dict[int, bytes]) -> "Part":
        """The part with its own ranges, which are removed from ``ranges``."""
        first = (self.span.after + 1) // RANGE_IDS if self.span.after >= 0 else -ALL.until
        last = self.span.until // RANGE_IDS
        numbers = [number for number in ranges if first <= number <= last]
        return replace(self, local_hashes={number: ranges.pop(number) for number in numbers})


@dataclass(frozen=True)
class Failed:
    """Reading failed."""

    message: str


CHECK_DAMAGE: Final = "check damage"
DIVIDE: Final = "divide"
Order = Part | Literal["check damage", "divide"]
"""An order to a reader: read a part, check the whole file for damage, or divide the snapshot into parts."""


_PAIR: Final = struct.Struct(">q16s")


def packed(pairs: Iterable[tuple[int, bytes]]) -> bytes:
    """Ids and hashes in compact form; Postgres builds the same bytes, see ``sync/snapshot_ranges.py``."""
    return b"".join([_PAIR.pack(identifier, hashed) for identifier, hashed in pairs])


def _range_of(document: Document) -> int:
    return document.id // RANGE_IDS


class Reader:
    """Reads one snapshot, one order at a time."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self._snapshot: Snapshot | None = None

    def close(self) -> None:
        """Closes the file."""
        if self._snapshot:
            self._snapshot.close()

    def execute(self, order: Order) -> Iterator[Any]:
        """Executes an order; yields ranges, one list of parts, or nothing.

        Raises:
            SnapshotError: if the snapshot is damaged, or does not match its version.
        """
        if order == CHECK_DAMAGE:
            Snapshot(self.job.path, seconds=self.job.seconds).close()
            return
        if self._snapshot is None:
            # the damage check has its own order
            self._snapshot = Snapshot(self.job.path, seconds=self.job.seconds, check=False)
        if isinstance(order, Part):
            yield from self._ranges(self._snapshot, order)
        else:
            yield self._parts(self._snapshot)

    def _parts(self, snapshot: Snapshot) -> list[Part]:
        """All parts, the most expensive ones first, so that all readers finish at about the same time."""
        job = self.job
        parts = []
        for entity in sorted(job.entities, key=lambda entity: -_WORK.get(entity, 1)):
            last = last_id(snapshot, mapping_of(snapshot, job.plans, entity, job.naming))
            ranges = max(_RANGES, -(-(last // RANGE_IDS + 1) // _PARTS))
            bounds = [*range(-1, max(last, 0), ranges * RANGE_IDS), ALL.until]
            parts += [Part(entity, IdSpan(after, until)) for after, until in pairwise(bounds)]
        return parts

    def _ranges(self, snapshot: Snapshot, part: Part) -> Iterator[Range]:
        job, entity = self.job, part.entity
        remaining = dict(part.local_hashes)
        for number, group in groupby(documents(snapshot, job.plans, entity, job.naming, part.span), _range_of):
            local_hashes = dict(_PAIR.iter_unpack(remaining.pop(number, b"")))
            unchanged = unreadable = size = 0
            rows: list[Row] = []
            for document in group:
                if local_hashes.pop(document.id, None) == document.hash:
                    unchanged += 1
                    unreadable += bool(document.unreadable)
                    continue
                rows.append(tuple(document))
                size += len(document.json)
                if size > _MOST_BYTES:
                    yield Range(entity, number, unchanged, unreadable, rows, [])
                    unchanged = unreadable = size = 0
                    rows = []
            yield Range(entity, number, unchanged, unreadable, rows, list(local_hashes))
        for number, pairs in sorted(remaining.items()):
            yield Range(entity, number, 0, 0, [], [identifier for identifier, _ in _PAIR.iter_unpack(pairs)])


def work(orders: IO[bytes], results: IO[bytes]) -> None:
    """Reads a job and then its orders; writes the results of each order, followed by None."""

    def send(message: Any) -> None:
        pickle.dump(message, results, pickle.HIGHEST_PROTOCOL)
        results.flush()

    # no more orders, or nobody reads the results
    with suppress(EOFError, BrokenPipeError):
        reader = Reader(pickle.load(orders))
        while True:
            order: Order = pickle.load(orders)
            try:
                for result in reader.execute(order):
                    send(result)
                send(None)
            except SnapshotError as error:
                send(Failed(str(error)))
            except BrokenPipeError:
                raise
            except Exception as error:
                send(Failed(f"The snapshot could not be read ({type(error).__name__}: {error})."))
