"""The addresses of stash-boxes, which are also the keys in ``stash_ids``, and the boxes that are known by name.

Stash stores an endpoint as somebody once typed it, and compares it ignoring case. :func:`endpoint_key` is equal for all
spellings.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote, urlsplit

from stash_pipeline.errors import UserError

Dialect = Literal["stash-box", "theporndb"]

Entity = Literal["scenes", "performers", "studios", "tags"]
ENTITIES: Final[tuple[Entity, ...]] = ("scenes", "performers", "studios", "tags")

_ENDPOINT: Final = "/graphql"
_EXAMPLE: Final = "https://stashdb.org/graphql"
_PORTS: Final = {"http": 80, "https": 443}
_NAMES_A_KEY: Final = re.compile(r"api_?-?key|token|secret|passw", re.IGNORECASE)
_DEFAULT_PORT: Final = re.compile(r"\A(https://[^/]*):443(?=/|\Z)|\A(http://[^/]*):80(?=/|\Z)")


@dataclass(frozen=True)
class KnownBox:
    """A public box."""

    name: str
    url: str
    dialect: Dialect = "stash-box"


KNOWN_BOXES: Final = (
    KnownBox("StashDB", "https://stashdb.org/graphql"),
    KnownBox("FansDB", "https://fansdb.cc/graphql"),
    KnownBox("PMVStash", "https://pmvstash.org/graphql"),
    KnownBox("JAVStash", "https://javstash.org/graphql"),
    KnownBox("ThePornDB", "https://theporndb.net/graphql", "theporndb"),
)


def known_box(name: str) -> KnownBox | None:
    """The public box of that name, ignoring case, spaces and dashes."""
    plain = re.sub(r"[\s_-]+", "", name).lower()
    return next((box for box in KNOWN_BOXES if box.name.lower() == plain), None)


def known_endpoint(url: str) -> KnownBox | None:
    """The public box at an endpoint, however it is spelled."""
    key = endpoint_key(url)
    return next((box for box in KNOWN_BOXES if box.url == key), None)


def dialect_of(url: str) -> Dialect:
    """The dialect of an endpoint: that of the public box there, or of the common software."""
    box = known_endpoint(url)
    return box.dialect if box else "stash-box"


def endpoint_url(text: str) -> str:
    """The normalised endpoint for an address as typed or copied, with or without ``/graphql``.

    Scheme and host are in lower case, without default port and trailing slash.

    Raises:
        UserError: if it is not an http or https URL with a host; the message does not repeat it.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.username or parts.password or _NAMES_A_KEY.search(unquote(parts.query + parts.fragment)):
        raise UserError("The URL of a stash-box must not contain a user or a key; give the key with --api-key-stdin.")
    if parts.scheme not in _PORTS or not parts.hostname or re.search(r"[\s\x00-\x1f]", text.strip()):
        raise UserError(f"That is not the URL of a stash-box; write it as {_EXAMPLE}.")
    if parts.query or parts.fragment:
        raise UserError(f"Give the URL of the stash-box without query (?) and fragment (#), as in {_EXAMPLE}.")
    host = parts.hostname.rstrip(".")
    host = f"[{host}]" if ":" in host else host
    if port is not None and port != _PORTS[parts.scheme]:
        host += f":{port}"
    path = parts.path.rstrip("/")
    if not path.lower().endswith(_ENDPOINT):
        path += _ENDPOINT
    return f"{parts.scheme}://{host}{path}"


def endpoint_key(text: str) -> str:
    """The identity of an endpoint, equal for all spellings that Stash keeps in ``stash_ids``; never fails.

    :func:`endpoint_key_sql` is the same in SQL.
    """
    plain = text.strip(" ").lower().rstrip("/")
    return _DEFAULT_PORT.sub(lambda match: match[1] or match[2], plain)


def endpoint_key_sql(column: str) -> str:
    """SQL for :func:`endpoint_key` of a column or parameter."""
    plain = f"rtrim(lower(btrim({column}, ' ')), '/')"
    without_port = (
        f"regexp_replace(regexp_replace({plain}, "
        "'^(https://[^/]*):443(/|$)', '\\1\\2'), '^(http://[^/]*):80(/|$)', '\\1\\2')"
    )
    # few have a port, and regular expressions take long; position, because psycopg would read % as a parameter
    return f"CASE WHEN position(':' IN substr({column}, 8)) > 0 THEN {without_port} ELSE {plain} END"


def same_endpoint_sql(left: str, right: str) -> str:
    """The SQL condition that two columns or parameters are spellings of one endpoint."""
    return f"({endpoint_key_sql(left)}) = ({endpoint_key_sql(right)})"


def web_base(url: str) -> str:
    """The address of a box's web pages: its endpoint without ``graphql``."""
    return url[: -len("graphql")] if url.lower().endswith(_ENDPOINT) else url.rstrip("/") + "/"


def web_url(url: str, entity: Entity, identifier: str) -> str:
    """The web page of an object."""
    return f"{web_base(url)}{entity}/{identifier}"
