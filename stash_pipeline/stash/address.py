"""The address of a Stash server: validates and normalizes what a user types or pastes."""

import re
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from stash_pipeline.stash.errors import StashError

_ENDPOINT: Final = "/graphql"

# first path elements of the pages of Stash's web interface; the path before them is the server's base path
_PAGES: Final = (
    "scenes|scene|images|image|galleries|gallery|performers|performer|studios|studio|tags|tag|groups|group|movies|movie|"
    "stats|settings|setup|migrate|sceneFilenameParser|sceneDuplicateChecker|playground|login|logout|index\\.html"
)
_PAGE: Final = re.compile(rf"(?P<base>.*?)/(?:{_PAGES})(?:/(?:markers|new|add|\d+(?:/[a-z]+)?))?/?\Z", re.IGNORECASE)
_NAMES_A_KEY: Final = re.compile(r"api_?-?key|token|secret|passw", re.IGNORECASE)

_EXAMPLE: Final = "http://localhost:9999"
# messages do not repeat the input, which may contain a key
_NO_URL: Final = f"That is not the URL of a Stash server; write it as {_EXAMPLE}."
_CREDENTIALS: Final = (
    "The URL must not contain a user, a password or a key; give the API key with --api-key-stdin, and the login of a "
    "proxy with --basic-auth-env."
)
_TOO_MUCH: Final = f"Give the server's URL without query (?) and fragment (#), as in {_EXAMPLE}."


def graphql_url(url: str) -> str:
    """The GraphQL endpoint for a URL as typed: with or without ``/graphql`` and a trailing slash.

    The address of a page of Stash's web interface, as a browser shows it, also identifies the server.

    Raises:
        StashError: if it is not an http or https URL with a host.
    """
    text = url.strip()
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises for a port that is not a number
    except ValueError:
        raise StashError(_NO_URL) from None
    if parts.username or parts.password or _NAMES_A_KEY.search(unquote(parts.query + parts.fragment)):
        raise StashError(_CREDENTIALS)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise StashError(_NO_URL)
    path = parts.path.rstrip("/")
    if not path.endswith(_ENDPOINT):
        page = _PAGE.match(path)
        # the address of a page may contain its sort order and filters
        if (parts.query or parts.fragment) and not page and not parts.fragment.startswith("/"):
            raise StashError(_TOO_MUCH)
        path = (page["base"] if page else path).rstrip("/") + _ENDPOINT
    elif parts.query or parts.fragment:
        raise StashError(_TOO_MUCH)
    scheme = text[: len(parts.scheme)]
    return urlunsplit((scheme, parts.netloc, path, "", ""))


def server_key(url: str) -> tuple[str, str, int, str]:
    """The identity of a server, equal for all spellings of its address: scheme, host, port and path."""
    parts = urlsplit(graphql_url(url))
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").rstrip("."), port, parts.path
