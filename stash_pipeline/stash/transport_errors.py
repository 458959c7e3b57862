"""Why a server cannot be reached, from the error of the HTTP library."""

import socket
import ssl

import httpx

from stash_pipeline.stash.errors import StashConnectionError


def connection_error(url: str, error: httpx.TransportError, program: str = "Stash") -> StashConnectionError:
    """The error for a request without a response.

    Args:
        program: what should answer at the URL.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            detail = getattr(cause, "verify_message", None) or cause.reason
            return StashConnectionError(f"{url}: the TLS connection failed ({detail}).", "tls")
        if isinstance(cause, socket.gaierror):
            return StashConnectionError(f"The host name of {url} is not known.", "name")
        cause = cause.__cause__ or cause.__context__
    text = str(error)
    if "Name or service not known" in text or "nodename nor servname" in text or "name resolution" in text:
        return StashConnectionError(f"The host name of {url} is not known.", "name")
    if "refused" in text:
        return StashConnectionError(f"{url} refuses connections: is {program} running there, on that port?", "refused")
    return StashConnectionError(f"{url} cannot be reached: {text or type(error).__name__}.")
