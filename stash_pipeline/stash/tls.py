"""TLS contexts: created when the first https server needs one, and shared by all servers with the same files.

Loading the system's authorities takes longer than a request, and a plain http URL does not need them.
"""

import ssl
import threading
from functools import lru_cache
from pathlib import Path
from typing import Final

import httpx

from stash_pipeline.stash.errors import StashError

_lock: Final = threading.Lock()


def ssl_context_for(ca_file: str | Path) -> ssl.SSLContext:
    """A TLS context that trusts the authorities in a PEM file, and no others.

    Raises:
        StashError: if the file does not exist, cannot be read or has no usable certificate.
    """
    path = Path(ca_file)
    text = _text(path, "CA file")
    invalid = StashError(f"The CA file {path} has no usable certificate; it must be PEM text.")
    # with empty data, the context would trust the system's authorities instead
    if "BEGIN CERTIFICATE" not in text:
        raise invalid
    try:
        return ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError):
        raise invalid from None


def load_client_certificate(context: ssl.SSLContext, certificate: str | Path, key: str | Path | None) -> None:
    """Loads a client certificate into a context.

    Args:
        certificate: PEM file. key: PEM file of the private key; None if the first file contains both.

    Raises:
        StashError: if a file cannot be read, or key and certificate do not match.
    """
    text = _text(Path(certificate), "client certificate")
    if "BEGIN CERTIFICATE" not in text:
        raise StashError(f"The client certificate {certificate} contains no certificate; it must be PEM text.")
    private_text = _text(Path(key), "client key") if key else text
    file = f"The client key {key}" if key else f"The client certificate {certificate}"
    if "PRIVATE KEY" not in private_text:
        advice = "" if key else "; give the key's file with --client-key"
        raise StashError(f"{file} contains no private key{advice}.")
    try:
        # without a password callback, OpenSSL would prompt for one on the terminal
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (ssl.SSLError, ValueError, OSError):
        raise StashError(
            f"{file} cannot be used: it does not belong to the certificate, or it has a passphrase."
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


def modification_times(files: Files) -> tuple[int | None, ...]:
    """Modification times of the files: certificates are renewed under the same name."""
    return tuple(_modification_time(file) for file in files)


def _modification_time(file: str | None) -> int | None:
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
    # two threads must not both create it
    with _lock:
        return _context(files, modification_times(files))


@lru_cache(maxsize=64)
def _context(files: Files, _times: tuple[int | None, ...]) -> ssl.SSLContext:
    ca_file, certificate, key = files
    context = ssl_context_for(ca_file) if ca_file else httpx.create_ssl_context()
    if certificate:
        load_client_certificate(context, certificate, key)
    return context


@lru_cache(maxsize=1)
def _unused() -> ssl.SSLContext:
    """A context for http, which never uses it: it trusts no authority."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
