"""What can go wrong between us and a Stash server; every message says what happened and what to do."""

from typing import Any


class StashError(Exception):
    """Base of everything a Stash server, or the way to it, can do wrong."""


class StashUnreachable(StashError):
    """No answer; ``reason`` is ``name``, ``refused``, ``timeout``, ``tls`` or ``other``."""

    def __init__(self, message: str, reason: str = "other") -> None:
        super().__init__(message)
        self.reason = reason


class StashHTTPError(StashError):
    """An answer with a status that is not a success."""

    def __init__(self, status: int, message: str, location: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.location = location
        """Where a redirect leads; never followed."""


class StashBadAnswer(StashError):
    """An answer that is not the JSON of a GraphQL server."""


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
        self.messages = [str(error.get("message", "")) for error in errors]
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
        super().__init__(f"Stash refused {query} at {where}: {'; '.join(self.messages)[:500]}")


class StashNotReady(StashError):
    """The server runs, but its set-up or a database migration is pending."""


class IncompleteListing(StashError):
    """A listing did not agree with the server's own count; nothing may be removed on its word."""


def may_pass(error: BaseException) -> bool:
    """Whether the server, or the way to it, is in trouble; what it refuses (4xx, a document) will not change."""
    if isinstance(error, StashHTTPError):
        # v0.20 says 500 "unauthorized" to a key that it did not ask for
        return error.status >= 500 and "unauthorized" not in str(error)
    if isinstance(error, StashQueryError):
        return error.locked
    return isinstance(error, StashUnreachable | StashBadAnswer)
