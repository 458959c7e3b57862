"""Lets a simulated server go on changing, as one does that people use.

Contains when changes happen, and the thread that makes them. What can happen to a library is in ``happenings``, to a
box in ``box.happenings``. The order of changes, and what each of them is, follow from the seed and the number of
changes so far: a library that is kept in a file continues where it stopped.
"""

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from stash_pipeline.simulator.database import Database
from stash_pipeline.simulator.kept import changes_so_far, count_change

Happening = Callable[[random.Random, int], str]
"""Changes something, given a source of choices and the number of the change; returns a sentence that says what."""

_TRIES = 20
_BURST_EVERY = 15
_BURST = (4, 9)
_BURST_SECONDS = 0.4


class NothingToChangeError(Exception):
    """There is no object that this could happen to, or the server refuses it."""


@dataclass(frozen=True)
class Kind:
    """Something that can happen; `weight` is how often, compared with the others."""

    weight: int
    happen: Happening


class Life:
    """The changes of one database."""

    def __init__(self, database: Database, seed: int, kinds: Sequence[Kind]) -> None:
        self.database = database
        self.seed = seed
        self.kinds = kinds
        self._number = changes_so_far(database)

    def step(self) -> str:
        """Make the next change, as a whole or not at all; returns what it was.

        Raises:
            NothingToChangeError: nothing can happen to this database, because it is empty.
        """
        rng = random.Random(f"life/{self.seed}/{self._number}")
        for _ in range(_TRIES):
            kind = rng.choices(self.kinds, [kind.weight for kind in self.kinds])[0]
            try:
                with self.database.transaction():
                    sentence = kind.happen(rng, self._number)
                    count_change(self.database)
            except NothingToChangeError:
                continue
            self._number += 1
            return sentence
        raise NothingToChangeError("nothing can happen to an empty database")

    def pauses(self, seconds: float) -> Iterator[float]:
        """The seconds before each change, on average about `seconds`; now and then, several follow at once."""
        while True:
            rng = random.Random(f"pause/{self.seed}/{self._number}")
            yield seconds * rng.uniform(0.5, 1.5)
            if rng.randrange(_BURST_EVERY) == 0:
                for _ in range(rng.randint(*_BURST)):
                    yield _BURST_SECONDS

    def _run(self, seconds: float, ended: threading.Event) -> None:
        for pause in self.pauses(seconds):
            if ended.wait(pause):
                return
            try:
                sentence = self.step()
            except NothingToChangeError:
                continue
            print(f"{time.strftime('%H:%M:%S')} {sentence}", file=sys.stderr, flush=True)

    @contextmanager
    def going_on(self, seconds: float) -> Iterator[None]:
        """Make changes in a thread while the context is active, and report them on standard error."""
        ended = threading.Event()
        thread = threading.Thread(target=self._run, args=(seconds, ended), name="life", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(timeout=10)
