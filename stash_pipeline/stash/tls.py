"""TLS contexts: made when the first https server needs one, and shared by all that trust and show the same.

To read the authorities of the system takes longer than to ask a server; a plain http URL needs none of them.
"""

import ssl
import threading
from functools import lru_cache
from pathlib import Path
from typing import Final

import httpx

from stash_pipeline.stash.errors import StashError

_lock: Final = threading.Lock()


def trust(ca_file: str | Path) -> ssl.SSLContext:
    """A TLS context that trusts the authorities in a PEM file, and no others.

    Raises:
        StashError: if the file is not there, cannot be read or holds no certificate.
    """
    path = Path(ca_file)
    text = _text(path, "CA file")
    wrong = StashError(f"The CA file {path} holds no certificate that can be used; it must be PEM text.")
    # without any text, the context would trust the system's authorities instead
    if "BEGIN CERTIFICATE" not in text:
        raise wrong
    try:
        return ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError):
        raise wrong from None


def show(context: ssl.SSLContext, certificate: str | Path, key: str | Path | None) -> None:
    """Has a context show a client certificate.

    Args:
        certificate: PEM file. key: of its private key, None where the first file holds both.

    Raises:
        StashError: if they cannot be read or do not fit each other.
    """
    text = _text(Path(certificate), "client certificate")
    if "BEGIN CERTIFICATE" not in text:
        raise StashError(f"The client certificate {certificate} holds no certificate; it must be PEM text.")
    private = _text(Path(key), "client key") if key else text
    place = f"The client key {key}" if key else f"The client certificate {certificate}"
    if "PRIVATE KEY" not in private:
        more = "" if key else "; give the key's file with --client-key"
        raise StashError(f"{place} holds no private key{more}.")
    try:
        # without a password of ours, OpenSSL would ask for one on the terminal
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (ssl.SSLError, ValueError, OSError):
        raise StashError(
            f"{place} cannot be used: it does not belong to the certificate, or it is locked by a passphrase."
        ) from None


def _text(path: Path, what: str) -> str:
    try:
        return path.read_text("ascii", "replace")
    except FileNotFoundError:
        raise StashError(f"The {what} {path} does not exist.") from None
    except OSError as error:
        raise StashError(f"The {what} {path} cannot be read: {error.strerror}.") from None


Files = tuple[str | None, str | None, str | None]
"""CA file, client certificate, client key."""


def ages(files: Files) -> tuple[int | None, ...]:
    """When each was last written: certificates are renewed under the same name."""
    return tuple(_age(file) for file in files)


def _age(file: str | None) -> int | None:
    try:
        return Path(file).stat().st_mtime_ns if file else None
    except OSError:
        return None


def shared_context(url: str, files: Files) -> ssl.SSLContext:
    """The context for a server.

    Raises:
        StashError: if one of the files cannot be used.
    """
    if not url.lower().startswith("https:"):
        return _unused()
    # two that come at once must not both make it
    with _lock:
        return _context(files, ages(files))


@lru_cache(maxsize=64)
def _context(files: Files, _ages: tuple[int | None, ...]) -> ssl.SSLContext:
    ca_file, certificate, key = files
    context = trust(ca_file) if ca_file else httpx.create_ssl_context()
    if certificate:
        show(context, certificate, key)
    return context


@lru_cache(maxsize=1)
def _unused() -> ssl.SSLContext:
    """For http, which never comes to use it: it trusts nobody."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
