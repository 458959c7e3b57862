"""What can go wrong between us and a Stash server; every message says what happened and what to do."""

from typing import Any, Literal


def shortened(text: str, longest: int) -> str:
    """A text of others as it may be shown and kept: not longer, on one line, without control characters."""
    line = " ".join(text[: 2 * longest].split())
    cut = line if len(line) <= longest and len(text) <= 2 * longest else line[: longest - 1] + "…"
    return "".join(character if character.isprintable() else "\ufffd" for character in cut)


class StashError(Exception):
    """Base of everything a Stash server, or the way to it, can do wrong."""


class StashConnectionError(StashError):
    """No answer; ``reason`` is ``name``, ``refused``, ``timeout``, ``tls`` or ``other``."""

    def __init__(self, message: str, reason: str = "other") -> None:
        super().__init__(message)
        self.reason = reason


Barrier = Literal["stash", "proxy", "proxy login"]


class StashHTTPError(StashError):
    """An answer with a status that is not a success, or a web page where an answer was due.

    Attributes:
        location: where a redirect leads; never followed.
        barrier: who stands in the way, if that can be told: Stash itself (``stash``), or a proxy before it, which
            wants a log-in (``proxy``) or refused the one that it was given (``proxy login``).
    """

    def __init__(self, status: int, message: str, location: str | None = None, barrier: Barrier | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.location = location
        self.barrier = barrier


class InvalidResponseError(StashError):
    """An answer that is not the JSON of a GraphQL server."""


class UnexpectedResponseError(InvalidResponseError):
    """A GraphQL answer whose values are not of the types that they are due to have; asking again cannot help."""


class LimitExceededError(StashError):
    """More than is taken from a server: bytes, objects, or depth of an answer."""


_MESSAGE_LENGTH = 500
_PATH_LENGTH = 200
_LONGEST_KEPT = 2000
"""Characters of a message."""

_NULLS = {"must not be null", "the requested element is null which the schema does not allow"}
"""How gqlgen says it, the second since v0.27."""


class StashQueryError(StashError):
    """The server answered with GraphQL ``errors``.

    Attributes:
        messages: the server's messages, in its order.
        paths: the ``path`` of each error, or an empty list.
        validation: True when the document itself was refused; asking again cannot help.
        locked: the database was busy; asking again may help.
        vanished: a nested row vanished between the rows of the page and what belongs to them.
        nulls: it is about nothing but nulls where the schema allows none.
    """

    def __init__(self, query: str, errors: list[dict[str, Any]]) -> None:
        self.messages = [str(error.get("message", ""))[:_LONGEST_KEPT] for error in errors]
        paths = [error.get("path") for error in errors]
        self.paths = [path if isinstance(path, list) else [] for path in paths]
        extensions = [error.get("extensions") for error in errors]
        codes = [extension.get("code") for extension in extensions if isinstance(extension, dict)]
        self.validation = "GRAPHQL_VALIDATION_FAILED" in codes or "GRAPHQL_PARSE_FAILED" in codes
        self.locked = not self.validation and any("locked" in message for message in self.messages)
        self.nulls = bool(self.messages) and set(self.messages) <= _NULLS
        self.vanished = any(len(path) > 1 for path in self.paths) and any(
            "not found" in message for message in self.messages
        )
        where = "/".join(str(part) for part in self.paths[0]) if self.paths and self.paths[0] else query
        told = shortened("; ".join(self.messages), _MESSAGE_LENGTH)
        super().__init__(f"Stash refused {query} at {shortened(where, _PATH_LENGTH)}: {told}")


class StashNotReadyError(StashError):
    """The server runs, but its set-up or a database migration is pending."""


class IncompleteListingError(StashError):
    """A listing did not agree with the server's own count; nothing may be removed on its word."""


def may_pass(error: BaseException) -> bool:
    """Whether the server, or the way to it, is in trouble; what it refuses (4xx, a document) will not change."""
    if isinstance(error, StashHTTPError):
        # v0.20 says 500 "unauthorized" to a key that it did not ask for
        return error.status >= 500 and "unauthorized" not in str(error)
    if isinstance(error, StashQueryError):
        return error.locked
    if isinstance(error, UnexpectedResponseError):
        return False
    return isinstance(error, StashConnectionError | InvalidResponseError)
