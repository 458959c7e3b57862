"""Errors of a stash-box and of the connection to it. Every message says what happened and what to do.

They never contain the API key. "Refused" is never "absent": only a response without errors says that an object does not
exist.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from stash_pipeline.errors import UserError
from stash_pipeline.stash.errors import shortened


class StashBoxError(UserError):
    """Base class. ``transient``: sending the request again may help."""

    transient: bool = False


class StashBoxConnectionError(StashBoxError):
    """No response; ``reason`` is ``name``, ``refused``, ``timeout``, ``tls`` or ``other``."""

    transient = True

    def __init__(self, message: str, reason: str = "other") -> None:
        super().__init__(message)
        self.reason = reason


class StashBoxHTTPError(StashBoxError):
    """A response with an error status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.transient = status >= 500


class StashBoxThrottledError(StashBoxHTTPError):
    """The box, or a proxy in front of it, asks for a pause; ``retry_after`` is in seconds, None if it does not say."""

    def __init__(self, status: int, message: str, retry_after: float | None) -> None:
        super().__init__(status, message)
        self.retry_after = retry_after
        self.transient = True


class StashBoxAuthError(StashBoxError):
    """The API key is refused, or its role does not suffice."""


class StashBoxAnswerError(StashBoxError):
    """A response that is not the JSON of a GraphQL server: a web page, a truncated text."""

    transient = True


class StashBoxUnexpectedError(StashBoxError):
    """A GraphQL response with values of unexpected types. Sending the request again does not help."""


class StashBoxTooLargeError(StashBoxError):
    """The request or its response is too large; fewer objects per request help."""


class StashBoxUnsupportedError(StashBoxError):
    """The box does not have the query."""


class BudgetExhaustedError(StashBoxError):
    """All requests of the day are used; ``renews_at`` is when there are new ones."""

    def __init__(self, message: str, renews_at: datetime) -> None:
        super().__init__(message)
        self.renews_at = renews_at


class StashBoxPausedError(StashBoxError):
    """The box asked for a pause that is too long to wait for; ``until`` is its end."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class EndpointDisabledError(StashBoxError):
    """The endpoint was disabled or removed."""


class RequestCancelledError(StashBoxError):
    """The limiter was cancelled while a request waited for its turn."""


_MESSAGE_LENGTH: Final = 500
_VALIDATION: Final = (
    "cannot query field", "unknown argument", "unknown type", "unknown field", "validation", "is not defined by type"
)  # fmt: skip


class StashBoxQueryError(StashBoxError):
    """The box answered with GraphQL ``errors``.

    Attributes:
        messages: of the box, in its order, without secrets.
        validation: the box refused the document. Sending the same again does not help.
    """

    def __init__(self, name: str, what: str, errors: Sequence[dict[str, Any]], *, validation: bool = False) -> None:
        self.messages = messages_of(errors)
        self.validation = validation or is_validation(errors)
        self.transient = not self.validation
        reason = shortened("; ".join(self.messages), _MESSAGE_LENGTH)
        super().__init__(f"{name} refused {what}: {reason or 'it gave no reason'}")


def messages_of(errors: Sequence[dict[str, Any]]) -> list[str]:
    """The messages of GraphQL errors."""
    return [str(error.get("message", ""))[:2000] for error in errors]


def is_validation(errors: Sequence[dict[str, Any]]) -> bool:
    """Whether errors are about the document, not about the data. ThePornDB answers them with status 200."""
    for error in errors:
        extensions = error.get("extensions")
        code = extensions.get("code") if isinstance(extensions, dict) else None
        if code in ("GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"):
            return True
        if not error.get("path") and any(words in str(error.get("message", "")).lower() for words in _VALIDATION):
            return True
    return False
