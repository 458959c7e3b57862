"""Fault injection between a client and a server.

Contains the choice of requests and the effects of faults. HTTP is in ``http``, execution in ``execution``.

A fault is written ``KIND:SPEC``: ``5xx:0.1`` applies to a tenth of the requests, ``drop:every=7`` to every seventh,
``locked:next=2`` to the next two. More options follow after commas: ``latency:every=3,seconds=0.2``.
"""

import random
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from stash_pipeline.simulator.context import Vanish
from stash_pipeline.simulator.library import Library

KINDS = {
    "latency": "waits before the response (seconds=0.2)",
    "drop": "the connection ends in the middle of the response",
    "5xx": "a status of 500 and above (status=503)",
    "truncated": "JSON that ends too early",
    "locked": 'status 200 and "database is locked"',
    "vanish": "a row that the page refers to is destroyed during the response",
    "401": "the key is rejected",
    "302": "a redirect to the login page",
    "422": "the document is rejected",
    "errors": "status 200 and an internal error of the server",
}
_NUMBERS: dict[str, tuple[float, float]] = {
    "probability": (0, 1),
    "every": (1, 1_000_000_000),
    "next": (1, 1_000_000_000),
    "seconds": (0, 3600),
    "status": (500, 599),
    "retry_after": (0, 86_400),
}
# A page of a proxy may have any status.
_STATUS_OF_PAGES = (200, 599)


@dataclass(frozen=True)
class Fault:
    """One kind of fault, and the requests that it applies to: a share of them, every nth, or the next n.

    Attributes:
        seconds: the delay of ``latency``. status: the status of ``5xx`` and ``html``.
        retry_after: the header of ``429``; None if it has none.
    """

    kind: str
    probability: float | None = None
    every: int | None = None
    next: int | None = None
    seconds: float = 0.2
    status: int = 503
    retry_after: int | None = None


def parse_fault(text: str, kinds: Mapping[str, str] = KINDS) -> Fault:
    """Parses ``KIND:SPEC``, of one of the kinds; raises ValueError with a sentence if it is invalid."""
    kind, _, spec = text.partition(":")
    if kind not in kinds:
        raise ValueError(f"Unknown fault {kind!r}; there are {', '.join(kinds)}.")
    fault, chosen = Fault(kind), 0
    for word in filter(None, spec.split(",")):
        name, sign, number = word.partition("=")
        if not sign:
            name, number = "probability", name
        least, most = _NUMBERS.get(name, (1, 0))
        if kind == "html" and name == "status":
            least, most = _STATUS_OF_PAGES
        try:
            value = float(number) if name in ("probability", "seconds") else int(number)
        except ValueError:
            value = -1
        if not least <= value <= most:
            raise ValueError(f"Cannot read {word!r} in fault {text!r}; write it like {kind}:0.1 or {kind}:every=7.")
        fault = replace(fault, **{name: value})  # type: ignore[arg-type]
        chosen += name in ("probability", "every", "next")
    if chosen != 1:
        raise ValueError(f"Fault {text!r} must select requests, like {kind}:0.1, {kind}:every=7 or {kind}:next=2.")
    return fault


@dataclass
class Faults:
    """Chooses the faults of each request; the same seed gives the same choices.

    Attributes:
        hits: how often each kind was applied.
    """

    faults: list[Fault]
    seed: int = 1
    hits: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._random = random.Random(f"faults/{self.seed}")
        self._lock = threading.Lock()
        self._requests = 0
        self._left = [fault.next or 0 for fault in self.faults]

    @classmethod
    def of(cls, *texts: str, seed: int = 1, kinds: Mapping[str, str] = KINDS) -> "Faults":
        """From ``KIND:SPEC`` texts, of the given kinds."""
        return cls([parse_fault(text, kinds) for text in texts], seed)

    def next(self) -> list[Fault]:
        """The faults of the next request: delays, and at most one other fault."""
        with self._lock:
            self._requests += 1
            struck: list[Fault] = []
            for number, fault in enumerate(self.faults):
                # one random number per fault and request: adding a fault does not change the others
                if self._random.random() < (fault.probability or 0) or (
                    fault.every is not None and self._requests % fault.every == 0
                ):
                    struck.append(fault)
                elif self._left[number]:
                    self._left[number] -= 1
                    struck.append(fault)
            harmful = [fault for fault in struck if fault.kind != "latency"]
            chosen = [fault for fault in struck if fault.kind == "latency"] + harmful[:1]
            for fault in chosen:
                self.hits[fault.kind] = self.hits.get(fault.kind, 0) + 1
            return chosen

    def pick(self, ids: list[int]) -> int:
        """Choose one of the ids."""
        with self._lock:
            return self._random.choice(ids)


def replacement(fault: Fault) -> tuple[int, dict[str, Any] | str] | None:
    """(status, body) of a fault that replaces the response; None for other faults."""
    if fault.kind == "5xx":
        return fault.status, "upstream is not available"
    if fault.kind == "401":
        return 401, ""
    if fault.kind == "302":
        return 302, ""
    if fault.kind == "locked":
        return 200, {"errors": [{"message": "database is locked (5) (SQLITE_BUSY)", "path": ["find"]}], "data": None}
    if fault.kind == "errors":
        return 200, {"errors": [{"message": "Internal system error", "path": ["find"]}], "data": None}
    if fault.kind == "422":
        error = {"message": "Cannot query field.", "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}
        return 422, {"errors": [error], "data": None}
    return None


# Tables that other entities refer to, without the rows that the database itself protects.
_DESTRUCTIBLE = {
    "Tag": ("tags", "id NOT IN (SELECT primary_tag_id FROM scene_markers)"),
    "Performer": ("performers", "1"),
}


def vanishing(library: Library, faults: Faults) -> Vanish:
    """A hook for one request: destroys one of the first rows that are loaded below the page."""
    done = False

    def vanish(kind: str, ids: Iterable[int]) -> None:
        nonlocal done
        if done or kind not in _DESTRUCTIBLE:
            return
        table, condition = _DESTRUCTIBLE[kind]
        rows = library.tuples(
            f"SELECT id FROM {table} WHERE {condition} AND id IN ({','.join(map(str, ids)) or 'NULL'}) ORDER BY id"
        )
        if rows:
            done = True
            library.execute(f"DELETE FROM {table} WHERE id = ?", (faults.pick([row[0] for row in rows]),))

    return vanish
