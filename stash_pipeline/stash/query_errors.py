"""What GraphQL errors say about the objects of a page."""

from typing import Any, Final

from stash_pipeline.stash.errors import StashQueryError

_TIMES: Final = frozenset(("created_at", "updated_at", "mod_time", "play_history", "o_history"))
"""Fields that can be null although the schema says that they are not: the inside of a zip file has no time of its own
(v0.30.1), and v0.20 and v0.21 lose the creation time of a chapter when it is edited."""


def splitting_may_help(error: StashQueryError) -> bool:
    """Whether a smaller page may succeed. It cannot if the document is invalid or the database is locked."""
    return not error.validation and not error.locked


def is_not_found(error: StashQueryError) -> bool:
    """Whether the requested object itself does not exist, as opposed to a related row."""
    return not error.vanished and any("not found" in message for message in error.messages)


def is_of_time(path: list[Any]) -> bool:
    """Whether the path of an error leads to a time."""
    names = [step for step in path if isinstance(step, str)]
    return bool(names) and names[-1] in _TIMES


def may_concern_changing_object(error: Exception) -> bool:
    """Whether the same request may succeed a moment later, because an object changed while the server answered."""
    if not isinstance(error, StashQueryError) or not splitting_may_help(error) or is_not_found(error):
        return False
    # a time that was never set will not be set
    return not (error.nulls and all(is_of_time(path) for path in error.paths))
