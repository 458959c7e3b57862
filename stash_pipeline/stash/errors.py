"""Errors of a Stash server and of the connection to it. Every message says what happened and what to do."""

from typing import Any, Literal


def shortened(text: str, longest: int) -> str:
    """A foreign text, safe to show and to store: truncated, on one line, without control characters."""
    line = " ".join(text[: 2 * longest].split())
    cut = line if len(line) <= longest and len(text) <= 2 * longest else line[: longest - 1] + "…"
    return "".join(character if character.isprintable() else "\ufffd" for character in cut)


class StashError(Exception):
    """Base class of the errors of a Stash server and of the connection to it."""


class StashConnectionError(StashError):
    """No response; ``reason`` is ``name``, ``refused``, ``timeout``, ``tls`` or ``other``."""

    def __init__(self, message: str, reason: str = "other") -> None:
        super().__init__(message)
        self.reason = reason


Barrier = Literal["stash", "proxy", "proxy login"]


class StashHTTPError(StashError):
    """A response with an error status, or a web page instead of JSON.

    Attributes:
        location: the target of a redirect; never followed.
        barrier: who rejects the request, if known: Stash itself (``stash``), or a proxy in front of it that requires a
            login (``proxy``) or rejected the one that it got (``proxy login``).
    """

    def __init__(self, status: int, message: str, location: str | None = None, barrier: Barrier | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.location = location
        self.barrier = barrier


class InvalidResponseError(StashError):
    """A response that is not the JSON of a GraphQL server."""


class UnexpectedResponseError(InvalidResponseError):
    """A GraphQL response with values of unexpected types. Retrying does not help."""


class LimitExceededError(StashError):
    """A response exceeds a limit: bytes, objects or depth."""


_MESSAGE_LENGTH = 500
_PATH_LENGTH = 200
_LONGEST_KEPT = 2000
"""Characters of a message."""

_NULLS = {"must not be null", "the requested element is null which the schema does not allow"}
"""Messages of gqlgen; the second since v0.27."""


class StashQueryError(StashError):
    """The server answered with GraphQL ``errors``.

    Attributes:
        messages: the server's messages, in its order.
        paths: the ``path`` of each error, or an empty list.
        validation: True if the server rejected the query document. Retrying does not help.
        locked: the database was busy. Retrying may help.
        vanished: a related row was deleted while the server built the page.
        nulls: all errors are about nulls that the schema does not allow.
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
        place = "/".join(str(part) for part in self.paths[0]) if self.paths and self.paths[0] else query
        message = shortened("; ".join(self.messages), _MESSAGE_LENGTH)
        super().__init__(f"Stash refused {query} at {shortened(place, _PATH_LENGTH)}: {message}")


class StashNotReadyError(StashError):
    """The server runs, but its setup or a database migration is pending."""


class IncompleteListingError(StashError):
    """A listing does not match the server's own count, so it cannot prove that objects were removed."""


def may_pass(error: BaseException) -> bool:
    """Whether an error is transient. A rejection (4xx, an invalid document) is permanent."""
    if isinstance(error, StashHTTPError):
        # v0.20 answers 500 "unauthorized" if it gets a key but has no credentials set
        return error.status >= 500 and "unauthorized" not in str(error)
    if isinstance(error, StashQueryError):
        return error.locked
    if isinstance(error, UnexpectedResponseError):
        return False
    return isinstance(error, StashConnectionError | InvalidResponseError)
