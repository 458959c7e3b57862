"""Asks for several things at once, and for fewer if the box fails at some of them or finds them too many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from stash_pipeline.stashbox.errors import StashBoxError, StashBoxQueryError, StashBoxTooLargeError

Item = TypeVar("Item")
Result = TypeVar("Result")

FEWEST: Final = 4
"""Items that fail one by one, before a box is believed to fail at all of them."""


@dataclass
class Divided(Generic[Result]):
    """The results and errors by position of the item.

    Attributes:
        fits: how many items the box took at once, if it found a request too large; None if it did not.
    """

    results: dict[int, Result] = field(default_factory=dict)
    errors: dict[int, StashBoxError] = field(default_factory=dict)
    fits: int | None = None


def ask_in_parts(
    items: Sequence[Item], ask: Callable[[list[Item], bool], Sequence[Result | StashBoxError]]
) -> Divided[Result]:
    """Asks for all items.

    Args:
        ask: sends one request for some items, and returns a result or an error for each; its second argument is whether
            errors of the query are worth a retry. Errors that have nothing to do with the items end everything.

    Raises:
        StashBoxError: if the box fails at all items.
    """
    divided: Divided[Result] = Divided()
    too_large = False
    todo = [list(range(len(items)))] if items else []
    first = True
    while todo:
        numbers = todo.pop()
        outcomes: Sequence[Result | StashBoxError]
        try:
            outcomes = ask([items[number] for number in numbers], first)
            together = True
        except (StashBoxQueryError, StashBoxTooLargeError) as error:
            outcomes, together = [error] * len(numbers), False
            too_large = too_large or isinstance(error, StashBoxTooLargeError)
        first = False
        bad: list[int] = []
        for number, outcome in zip(numbers, outcomes, strict=True):
            if not isinstance(outcome, StashBoxError):
                divided.results[number] = outcome
            elif len(numbers) == 1:
                divided.errors[number] = outcome
                if not divided.results and len(divided.errors) >= FEWEST:
                    raise outcome
            else:
                bad.append(number)
        if together and too_large:
            divided.fits = max(divided.fits or 1, len(numbers))
        if together:
            # what failed beside others is asked for alone
            todo += [[number] for number in reversed(bad)]
        elif bad:
            half = (len(bad) + 1) // 2
            todo += [bad[half:], bad[:half]]
    if divided.errors and not divided.results:
        raise next(iter(divided.errors.values()))
    return divided
