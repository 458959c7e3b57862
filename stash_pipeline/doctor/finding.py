"""One line of a diagnosis."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "broken"]


@dataclass(frozen=True)
class Finding:
    """What was looked at, and what to do about it.

    Attributes:
        state: a note needs no action for syncs to work; what is broken does.
        remedy: what to do; empty only if the state is ok.
    """

    what: str
    state: State
    sentence: str
    remedy: str = ""

    def __post_init__(self) -> None:
        assert (self.state == "ok") == (not self.remedy), self


def ok(what: str, sentence: str) -> Finding:
    """Nothing to do."""
    return Finding(what, "ok", sentence)


def note(what: str, sentence: str, remedy: str) -> Finding:
    """Something that may be as it should."""
    return Finding(what, "note", sentence, remedy)


def broken(what: str, sentence: str, remedy: str) -> Finding:
    """Something that prevents syncs or loses something."""
    return Finding(what, "broken", sentence, remedy)
