"""What a server, or a proxy before it, is shown to let us through: keys, logins, headers, certificates."""

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
_OURS: Final = frozenset(
    ("accept", "accept-encoding", "connection", "content-length", "content-type", "expect", "host", "range",
     "transfer-encoding", "upgrade")
)  # fmt: skip
_SHORTEST: Final = 8
"""Characters of a header's value below which it is no secret, but a word: `https`, `1`."""
_SHORTEST_PASSWORD: Final = 6

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, repr=False)
class Access:
    """How one server is reached, beside its URL.

    Attributes:
        api_key: of Stash. headers: that a proxy wants. basic_auth: ``user:password`` for a proxy.
        ca_file: PEM file of the authority that signed the server's certificate; it alone is trusted then.
        client_cert, client_key: PEM files of a certificate that is shown to the server.
    """

    api_key: str | None = None
    headers: Headers = ()
    basic_auth: str | None = None
    ca_file: str | None = None
    client_cert: str | None = None
    client_key: str | None = None

    def __post_init__(self) -> None:
        if self.api_key and not KEY_CHARACTERS.match(self.api_key):
            # the HTTP library's own error would print it
            raise StashError("The API key holds spaces or characters that no API key has; copy it from Stash again.")
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
        """The same without the API key."""
        return replace(self, api_key=None)

    def sent(self) -> dict[str, str]:
        """The headers of every request."""
        found = dict(self.headers)
        if self.basic_auth is not None:
            found["Authorization"] = "Basic " + base64.b64encode(self.basic_auth.encode()).decode()
        if self.api_key:
            found["ApiKey"] = self.api_key
        return found

    def files(self) -> Files:
        """Of certificates."""
        return self.ca_file, self.client_cert, self.client_key

    def context(self, url: str) -> ssl.SSLContext:
        """The TLS context for a URL.

        Raises:
            StashError: if one of the files cannot be used.
        """
        return shared_context(url, self.files())

    def mask(self) -> Mask:
        """Takes all of it out of what others say."""
        user, _, password = (self.basic_auth or "").partition(":")
        # shorter ones are found together with the user only: a few letters would take words out of every sentence
        logins = [self.basic_auth, password if len(password) >= _SHORTEST_PASSWORD else f"{user}:{password}"]
        values = [value for _, whole in self.headers for value in _secrets_of(whole)]
        every = [self.api_key, *(logins if self.basic_auth else []), *values]
        return Mask(every, [secret for secret in every if secret and len(secret) >= IN_DOCUMENTS])


def _secrets_of(value: str) -> list[str]:
    """A header's value, and what of it may be shown alone: a token behind its scheme, the parts of a cookie."""
    parts = [value, *re.split(r"[\s;,=\"]+", value)]
    return [part for part in parts if len(part) >= _SHORTEST]


def check_header(name: str, value: str) -> None:
    """Whether a header can be sent with every request.

    Raises:
        StashError: if not; the value is not repeated.
    """
    if not _NAME.match(name):
        raise StashError("A header is written as 'Name: value', its name of letters, digits and dashes.")
    if name.lower() in _OURS:
        raise StashError(f"The header {name} cannot be given: it belongs to the request itself.")
    if name.lower() == "apikey":
        raise StashError("The API key is not given as a header, but with --api-key-stdin or --api-key-env.")
    if not _VALUE.match(value):
        raise StashError(f"The value of the header {name} is empty, or holds characters that a header cannot have.")


def absolute(path: str | None) -> str | None:
    """A file's path as it is kept."""
    return str(Path(path).expanduser().absolute()) if path else None
