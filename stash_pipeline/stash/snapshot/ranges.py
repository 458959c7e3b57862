"""The documents of a copy in ranges of ids: those that the reader knows are told of by a digest only.

A large copy is read by processes of their own, a few kinds each (``worker.py``):
to make documents is work for one core, and a file that brings SQLite down brings down only them.
"""

import hashlib
import pickle
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import IO, Any, Final

from stash_pipeline.stash.documents import Document
from stash_pipeline.stash.planning import Plan
from stash_pipeline.stash.snapshot.database import Snapshot, UnusableSnapshot
from stash_pipeline.stash.snapshot.documents import Naming, documents

RANGE_IDS: Final = 2000
"""Ids of one range: the first has those below this number."""

Row = tuple[int, bytes, bytes, str | None, str | None, tuple[str, ...]]
"""A document, cheap to send."""


@dataclass(frozen=True)
class Job:
    """What is to be read.

    Attributes:
        seconds: after which it is given up. plans: of the server.
        known: per kind, the digests of the ranges that are here; a kind without is sent whole.
    """

    path: Path
    seconds: float
    plans: dict[str, Plan]
    kinds: tuple[str, ...]
    naming: Naming
    known: Mapping[str, Mapping[int, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Range:
    """All objects of a kind whose ids are in one range.

    Attributes:
        count, unreadable: objects, and those with a value that its column cannot hold.
        rows: their documents; None where the digest is the known one.
    """

    kind: str
    number: int
    count: int
    unreadable: int
    rows: list[Row] | None


@dataclass(frozen=True)
class End:
    """All ranges of a kind were told; or reading failed, with a sentence."""

    kind: str
    failed: str | None = None


def digest(found: Iterable[tuple[int, bytes]]) -> str:
    """Of ids and hashes, in the order of the ids; Postgres makes the same, see ``warehouse/ranges.py``."""
    pack = struct.Struct(">q").pack
    joined = b"".join([pack(identifier) + hashed for identifier, hashed in found])
    return hashlib.md5(joined, usedforsecurity=False).hexdigest()


def _range_of(document: Document) -> int:
    return document.id // RANGE_IDS


def read_ranges(snapshot: Snapshot, job: Job) -> Iterator[Range | End]:
    """The ranges of each kind, and its end.

    Raises:
        UnusableSnapshot: if the copy is damaged, or is not what its version says.
    """
    for kind in job.kinds:
        known = job.known.get(kind)
        for number, group in groupby(documents(snapshot, job.plans, kind, job.naming), _range_of):
            found = list(group)
            unreadable = sum(1 for document in found if document.unreadable)
            if known is not None and known.get(number) == digest([(d.id, d.hash) for d in found]):
                yield Range(kind, number, len(found), unreadable, None)
            else:
                yield Range(kind, number, len(found), unreadable, [_row(document) for document in found])
        yield End(kind)


def _row(document: Document) -> Row:
    d = document
    return d.id, d.json, d.hash, d.created_at, d.updated_at, d.unreadable


def work(given: IO[bytes], told: IO[bytes]) -> None:
    """Reads what one job says, and tells it."""
    job: Job = pickle.load(given)

    def tell(what: Any) -> None:
        pickle.dump(what, told, pickle.HIGHEST_PROTOCOL)
        told.flush()

    try:
        # who asks has looked for damage, or does so now
        with Snapshot(job.path, seconds=job.seconds, check=False) as snapshot:
            for found in read_ranges(snapshot, job):
                tell(found)
    except UnusableSnapshot as error:
        tell(End("", str(error)))
    except BrokenPipeError:
        # nobody wants the rest
        return
    except Exception as error:
        tell(End("", f"The copy of the database could not be read ({type(error).__name__}: {error})."))
