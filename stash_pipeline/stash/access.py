"""Credentials for a server and for proxies in front of it: keys, logins, headers, certificates."""

import base64
import re
import ssl
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from stash_pipeline.stash.errors import StashError
from stash_pipeline.stash.masking import IN_DOCUMENTS, Mask
from stash_pipeline.stash.tls import Files, shared_context

KEY_CHARACTERS: Final = re.compile(r"[\x21-\x7e]+\Z")

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_VALUE: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e\t]*[\x21-\x7e])?\Z")
_RESERVED: Final = frozenset(
    ("accept", "accept-encoding", "connection", "content-length", "content-type", "expect", "host", "range",
     "transfer-encoding", "upgrade")
)  # fmt: skip
_SHORTEST: Final = 8
"""Header values with fewer characters are not secrets but words: `https`, `1`."""
_SHORTEST_PASSWORD: Final = 6

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, repr=False)
class Access:
    """How to access one server, besides its URL.

    Attributes:
        api_key: of Stash. headers: required by a proxy. basic_auth: ``user:password`` for a proxy.
        ca_file: PEM file of the authority that signed the server's certificate; no other authority is trusted then.
        client_cert, client_key: PEM files of the client certificate.
    """

    api_key: str | None = None
    headers: Headers = ()
    basic_auth: str | None = None
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None

    def __post_init__(self) -> None:
        if self.api_key and not KEY_CHARACTERS.match(self.api_key):
            # the HTTP library's own error would contain the key
            raise StashError("The API key holds spaces or characters that no API key has; copy it again.")
        for name, value in self.headers:
            check_header(name, value)
        names = {name.lower() for name, _ in self.headers}
        if self.basic_auth is not None:
            if ":" not in self.basic_auth or not self.basic_auth.isprintable():
                raise StashError("The login of the proxy must be written as user:password.")
            if "authorization" in names:
                raise StashError("A header Authorization and a basic login exclude each other; give one of them.")

    def __repr__(self) -> str:
        return "Access(…)"

    def without_key(self) -> "Access":
        """This access without the API key."""
        return replace(self, api_key=None)

    def request_headers(self) -> dict[str, str]:
        """The headers of every request."""
        headers = dict(self.headers)
        if self.basic_auth is not None:
            headers["Authorization"] = "Basic " + base64.b64encode(self.basic_auth.encode()).decode()
        if self.api_key:
            headers["ApiKey"] = self.api_key
        return headers

    def files(self) -> Files:
        """The certificate files."""
        return self.ca_file, self.client_cert, self.client_key

    def ssl_context(self, url: str) -> ssl.SSLContext:
        """The TLS context for a URL.

        Raises:
            StashError: if one of the files cannot be used.
        """
        return shared_context(url, self.files())

    def mask(self) -> Mask:
        """Masks all of these secrets in foreign texts."""
        user, _, password = (self.basic_auth or "").partition(":")
        # a short password is masked only together with the user: a few letters would match words in every sentence
        logins = [self.basic_auth, password if len(password) >= _SHORTEST_PASSWORD else f"{user}:{password}"]
        values = [part for _, value in self.headers for part in _secrets_of(value)]
        secrets = [self.api_key, *(logins if self.basic_auth else []), *values]
        return Mask(secrets, [secret for secret in secrets if secret and len(secret) >= IN_DOCUMENTS])


def _secrets_of(value: str) -> list[str]:
    """A header's value, and its parts that may appear alone: the token after the scheme, the parts of a cookie."""
    parts = [value, *re.split(r"[\s;,=\"]+", value)]
    return [part for part in parts if len(part) >= _SHORTEST]


def check_header(name: str, value: str) -> None:
    """Checks that a header can be sent with every request.

    Raises:
        StashError: if it cannot; the message does not contain the value.
    """
    if not _NAME.match(name):
        raise StashError("A header is written as 'Name: value', its name of letters, digits and dashes.")
    if name.lower() in _RESERVED:
        raise StashError(f"The header {name} cannot be set: the HTTP client sets it.")
    if name.lower() == "apikey":
        raise StashError("Do not give the API key as a header; use --api-key-stdin or --api-key-env.")
    if not _VALUE.match(value):
        raise StashError(f"The value of the header {name} is empty, or holds characters that a header cannot have.")


def absolute(path: str | None) -> str | None:
    """The absolute path of a file."""
    return str(Path(path).expanduser().absolute()) if path else None
