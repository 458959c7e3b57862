"""URLs in the form in which they are compared."""

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

_TRACKING = re.compile(
    r"utm_.*|mc_[ce]id|fbclid|gclid|dclid|msclkid|yclid|twclid|igsh|igshid|ref|ref_src|ref_url|referrer|source|si|"
    r"aff|affid|aff_id|nats|cmpid|campaign|_ga|_gl",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"^(?:www\d?|m|mobile)\.(?=[^.]+\.)")
_HOST = re.compile(r"[^\s/@:?#]+\.[^\s/@:?#.]+")
_SAME_HOST = {"twitter.com": "x.com"}
_PLAIN = re.compile(r"https?://([a-z0-9-]+(?:\.[a-z0-9-]+)+)((?:/[A-Za-z0-9_.~-]+)*)/?")
"""The URLs that most are: nothing to decode, no query, no port. Names of hosts that IDNA refuses stay as they are."""
_SAFE = "/-._~!$&'()*+,;=:@"


class CanonicalUrl(NamedTuple):
    """Where two texts lead to the same page, these are equal."""

    host: str
    path: str
    query: str = ""

    @property
    def generic(self) -> bool:
        """Whether it is a site's first page, which says little about one object."""
        return not self.path and not self.query

    def __str__(self) -> str:
        return self.host + self.path + (f"?{self.query}" if self.query else "")


def canonical_url(text: str) -> CanonicalUrl | None:
    """Without scheme, ``www.``, trailing slash, fragment and tracking parameters; the host in lower case.

    None for what is no URL of a web page, such as a user's name.
    """
    text = text.strip()
    plain = _PLAIN.fullmatch(text)
    if plain:
        return CanonicalUrl(_shortest(plain[1]), plain[2])
    if "://" not in text:
        text = "https://" + text.removeprefix("//")
        if "@" in text.split("/", 3)[2]:  # an address of mail
            return None
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme.lower() not in ("http", "https") or not _HOST.fullmatch(host):
        return None
    host = _shortest(_ascii(host))
    if port not in (None, 80, 443):
        host += f":{port}"
    path = re.sub(r"/{2,}", "/", _quoted(parts.path)).rstrip("/")
    if parts.fragment.startswith(("!", "/")):  # pages that a script shows
        path += "#" + _quoted(parts.fragment).rstrip("/")
    query = sorted(pair for pair in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKING.fullmatch(pair[0]))
    return CanonicalUrl(host, path, urlencode(query))


def _shortest(host: str) -> str:
    while (shorter := _PREFIX.sub("", host)) != host:
        host = shorter
    return _SAME_HOST.get(host, host)


def _quoted(text: str) -> str:
    """Percent signs only where they must be, always the same way."""
    return quote(unquote(text, errors="surrogateescape"), safe=_SAFE, errors="surrogateescape")


def _ascii(host: str) -> str:
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return host.lower()
