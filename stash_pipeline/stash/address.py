"""The address of a Stash server: what a person may type or paste, and what is made of it."""

import re
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from stash_pipeline.stash.errors import StashError

_ENDPOINT: Final = "/graphql"

# the pages of Stash's own web interface, up to what follows them; the path before them is the server's base path
_PAGES: Final = (
    "scenes|scene|images|image|galleries|gallery|performers|performer|studios|studio|tags|tag|groups|group|movies|movie|"
    "stats|settings|setup|migrate|sceneFilenameParser|sceneDuplicateChecker|playground|login|logout|index\\.html"
)
_PAGE: Final = re.compile(rf"(?P<base>.*?)/(?:{_PAGES})(?:/(?:markers|new|add|\d+(?:/[a-z]+)?))?/?\Z", re.IGNORECASE)
_NAMES_A_KEY: Final = re.compile(r"api_?-?key|token|secret|passw", re.IGNORECASE)

_EXAMPLE: Final = "http://localhost:9999"
# what was typed is not repeated: it may hold a key
_NO_URL: Final = f"That is not the URL of a Stash server; write it as {_EXAMPLE}."
_CREDENTIALS: Final = (
    "The URL must not carry a user, a password or a key; give the API key on its own (--api-key-stdin), and the "
    "login of a proxy with --basic-auth-env."
)
_TOO_MUCH: Final = f"Give the server's URL alone, without what follows a ? or a #, as in {_EXAMPLE}."


def graphql_url(url: str) -> str:
    """The GraphQL endpoint for what a person types: with or without ``/graphql`` and a trailing slash.

    The address of a page of Stash's web interface, as a browser shows it, stands for the server that the page is of.

    Raises:
        StashError: if it is not an http or https URL with a host.
    """
    text = url.strip()
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 - raises for a port that is no number
    except ValueError:
        raise StashError(_NO_URL) from None
    if parts.username or parts.password or _NAMES_A_KEY.search(unquote(parts.query + parts.fragment)):
        raise StashError(_CREDENTIALS)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise StashError(_NO_URL)
    path = parts.path.rstrip("/")
    if not path.endswith(_ENDPOINT):
        page = _PAGE.match(path)
        # a page of the interface may carry what is sorted and filtered by
        if (parts.query or parts.fragment) and not page and not parts.fragment.startswith("/"):
            raise StashError(_TOO_MUCH)
        path = (page["base"] if page else path).rstrip("/") + _ENDPOINT
    elif parts.query or parts.fragment:
        raise StashError(_TOO_MUCH)
    scheme = text[: len(parts.scheme)]
    return urlunsplit((scheme, parts.netloc, path, "", ""))


def server_key(url: str) -> tuple[str, str, int, str]:
    """What two spellings of one address have in common: scheme, host, port and path."""
    parts = urlsplit(graphql_url(url))
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return parts.scheme, (parts.hostname or "").rstrip("."), port, parts.path
