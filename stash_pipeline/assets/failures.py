"""How a run fails for a cause outside this program: with one sentence, and what to do about it."""

import dagster as dg

from stash_pipeline.stash.errors import (
    InvalidResponseError,
    StashConnectionError,
    StashHTTPError,
    UnexpectedResponseError,
)

_MOVED = "If it has moved: `stash-pipeline instances edit {name} --url URL`."
_LEAVE = "To stop syncing it: `stash-pipeline instances disable {name}`."
_KEY = "To change the key: `stash-pipeline instances edit {name} --api-key-stdin`."
_PROXY = "To log in to the proxy: `stash-pipeline instances edit {name} --basic-auth-env VAR`, or `--header`."
_CERTIFICATE = "To trust its certificate: `stash-pipeline instances edit {name} --ca-file PATH`."


def way_out(error: Exception, name: str) -> str:
    """The commands that fix an error, if there are any; `name` is the instance."""
    if isinstance(error, StashConnectionError):
        ways = [_CERTIFICATE if error.reason == "tls" else _MOVED, _LEAVE]
    elif isinstance(error, StashHTTPError):
        by_proxy = error.barrier in ("proxy", "proxy login")
        ways = [_PROXY if by_proxy else _KEY if error.status in (401, 403) else _MOVED, _LEAVE]
    elif isinstance(error, InvalidResponseError) and not isinstance(error, UnexpectedResponseError):
        ways = [_MOVED, _LEAVE]
    else:
        ways = []
    return " ".join(ways).format(name=name)


def sentence(error: Exception, name: str) -> str:
    """The error and what to do about it."""
    return f"{error} {way_out(error, name)}".strip()


def failure(description: str) -> dg.Failure:
    """An exception that fails the run without a traceback."""
    return dg.Failure(description=description, allow_retries=False)


class RetriedRequest(dg.RetryRequested):
    """Ends the attempt with a text that the UI shows."""

    def __init__(self, description: str, *, max_retries: int, seconds_to_wait: float) -> None:
        super().__init__(max_retries, seconds_to_wait)
        self.description = description

    def __str__(self) -> str:
        return f"{self.description} The next attempt is in {self.seconds_to_wait:.0f} s."
