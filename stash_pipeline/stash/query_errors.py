"""What GraphQL's errors tell of the objects of a page."""

from typing import Any, Final

from stash_pipeline.stash.errors import StashQueryError

_TIMES: Final = frozenset(("created_at", "updated_at", "mod_time", "play_history", "o_history"))
"""Fields whose schema says that they are never null, and that are where the server holds no time: the inside of a zip
file has no time of its own (v0.30.1), and v0.20 and v0.21 forget when a chapter was created as soon as it is edited."""


def may_be_one_object(error: StashQueryError) -> bool:
    """Whether smaller pages may go well: not where the document is refused, or the whole database is busy."""
    return not error.validation and not error.locked


def denied(error: StashQueryError) -> bool:
    """Whether an object that was asked for by its id is gone, not something that belongs to it."""
    return not error.vanished and any("not found" in message for message in error.messages)


def is_of_time(path: list[Any]) -> bool:
    """Whether the path of an error leads to a time."""
    names = [step for step in path if isinstance(step, str)]
    return bool(names) and names[-1] in _TIMES


def may_concern_changing_object(error: Exception) -> bool:
    """Whether the same request may succeed a moment later, because an object changed while the server answered."""
    if not isinstance(error, StashQueryError) or not may_be_one_object(error) or denied(error):
        return False
    # a time that was never set will not be set
    return not (error.nulls and all(is_of_time(path) for path in error.paths))
