"""Reads the responses of a box: which of them refuse, which are damaged, and what an error in a part of one spoils."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

from stash_pipeline.stash.errors import shortened
from stash_pipeline.stash.refusals import is_page
from stash_pipeline.stashbox.endpoints import web_base
from stash_pipeline.stashbox.errors import (
    StashBoxAnswerError,
    StashBoxAuthError,
    StashBoxError,
    StashBoxHTTPError,
    StashBoxThrottledError,
    StashBoxTooLargeError,
    messages_of,
)

_NOT_AUTHORIZED: Final = re.compile(r"not authori[sz]ed|unauthori[sz]ed|unauthenticated|forbidden", re.IGNORECASE)
_TOO_MANY: Final = re.compile(r"too many (attempts|requests)|rate limit", re.IGNORECASE)
_TOO_LARGE: Final = re.compile(r"too many scenes|too (large|complex|deep)|complexity|exceeds? .*(limit|depth)", re.I)

_REDIRECTS: Final = (301, 302, 303, 307, 308)


def status_error(
    name: str, url: str, status: int, headers: Mapping[str, str], beginning: str, *, json: bool
) -> StashBoxError | None:
    """The error for a response that refuses the request as a whole; None if its body must be read.

    Args:
        name: of the endpoint in the registry. beginning: of the body, masked. json: the body is JSON.
    """
    if status == 401:
        if is_page(headers, beginning):
            return StashBoxAuthError(f"{name} answered 401 with a web page: a proxy in front of it requires a login.")
        return StashBoxAuthError(
            f"{name} answered 401: the API key is missing, wrong or outdated; copy it from your account page at "
            f"{web_base(url)} and give it with `stash-pipeline boxes edit {name} --api-key-stdin`."
        )
    if status == 429 or (status == 503 and "retry-after" in headers):
        return StashBoxThrottledError(
            status, f"{name} answered {status}: it asks for a pause.", retry_after(headers.get("retry-after", ""))
        )
    if status == 413:
        return StashBoxTooLargeError(f"{name} answered 413: the request is too large.")
    if status in _REDIRECTS:
        return _redirect(name, url, status, headers.get("location", ""))
    if status == 403 and not json:
        page = " with a web page" if is_page(headers, beginning) else ""
        return StashBoxHTTPError(
            status,
            f"{name} answered 403{page}: a proxy in front of it denies access; try again later, or ask its owners.",
        )
    if status >= 500:
        page = "a web page" if is_page(headers, beginning) else shortened(beginning, 200) or "an empty body"
        return StashBoxHTTPError(status, f"{name} answered {status} with {page}; try again later.")
    if not json:
        if status >= 400:
            return StashBoxHTTPError(status, f"{name} answered {status}; is {url} the endpoint of a stash-box?")
        page = "a web page" if is_page(headers, beginning) else repr(shortened(beginning, 80))
        return StashBoxAnswerError(f"{name} answered with {page}, not with JSON; is {url} the endpoint of a stash-box?")
    return None


def _redirect(name: str, url: str, status: int, location: str) -> StashBoxHTTPError:
    try:
        # the query may contain a secret
        target = urlsplit(urljoin(url, location))._replace(query="", fragment="").geturl() if location else ""
    except ValueError:
        target = ""
    return StashBoxHTTPError(
        status,
        f"{name} redirects to {shortened(target, 200) or 'nowhere'}, which is not followed; if the box has moved, give "
        f"its new address with `stash-pipeline boxes edit {name} --url URL`.",
    )


def retry_after(text: str, now: datetime | None = None) -> float | None:
    """The seconds of a Retry-After header, which has a number or a date; None if it has neither."""
    text = text.strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    aware = date if date.tzinfo else date.replace(tzinfo=timezone.utc)
    return max((aware - (now or datetime.now(timezone.utc))).total_seconds(), 0.0)


def refusal_of(name: str, what: str, errors: Sequence[dict[str, Any]]) -> StashBoxError | None:
    """The error for GraphQL errors that concern the whole request, whatever data there are beside them."""
    messages = "; ".join(messages_of(errors))
    if _NOT_AUTHORIZED.search(messages):
        return StashBoxAuthError(
            f"{name} refused {what} ({shortened(messages, 200)}): the API key is missing, or its user lacks the role "
            f"READ; `stash-pipeline boxes test {name}` shows the role."
        )
    if _TOO_MANY.search(messages):
        return StashBoxThrottledError(200, f"{name} asks for a pause ({shortened(messages, 200)}).", None)
    if _TOO_LARGE.search(messages):
        return StashBoxTooLargeError(f"{name} refused {what}: {shortened(messages, 200)}")
    return None


def graphql_errors(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The ``errors`` of a response; a plain text from a proxy is converted."""
    errors = answer.get("errors")
    if not errors:
        return []
    listed = errors if isinstance(errors, list) else [errors]
    return [error if isinstance(error, dict) else {"message": str(error)} for error in listed]


def without_failed_parts(data: dict[str, Any], errors: Sequence[dict[str, Any]], depth: int) -> set[Any] | None:
    """Removes from ``data`` what errors made null, so that nothing failed looks empty.

    Below ``depth`` steps is an object's own document; there, the field with the error is removed. An error above it
    spoils the object.

    Returns:
        which objects are spoilt: the first step of the path that is not their query's; None if all are.
    """
    spoilt: set[Any] = set()
    for error in errors:
        path = error.get("path")
        if not isinstance(path, list) or not path or path[0] not in data:
            return None
        if not _removed(data, path, depth):
            # aliases are objects, a lookup has a list of groups
            place = path[0] if depth == 1 else path[1] if len(path) > 1 else None
            if place is None:
                return None
            spoilt.add(place)
    return spoilt


def _removed(data: dict[str, Any], path: list[Any], depth: int) -> bool:
    """Removes the innermost field on the path whose value is null; False if that is not inside of a document."""
    holders: list[tuple[dict[str, Any], str, int]] = []
    current: Any = data
    for level, step in enumerate(path):
        if isinstance(current, dict) and isinstance(step, str):
            holders.append((current, step, level))
            current = current.get(step)
        elif isinstance(current, list) and type(step) is int and 0 <= step < len(current):
            current = current[step]
        else:
            break
        if current is None:
            break
    if not holders:
        return False
    owner, name, level = holders[-1]
    if level < depth or name == "id":
        return False
    owner.pop(name, None)
    return True
