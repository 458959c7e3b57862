"""How a run fails for a cause outside this program: with one sentence, and what to do about it."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import psycopg

from stash_pipeline.error_report import without_secrets
from stash_pipeline.errors import UserError
from stash_pipeline.stash.errors import (
    InvalidResponseError,
    StashConnectionError,
    StashHTTPError,
    UnexpectedResponseError,
)
from stash_pipeline.stashbox.errors import StashBoxError
from stash_pipeline.warehouse.connect import database_sentence

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


@contextmanager
def failures_of_boxes() -> Iterator[None]:
    """Fails the run with one sentence if a stash-box or the database causes an error in the block."""
    try:
        yield
    except (StashBoxError, UserError) as error:
        raise failure(str(error)) from None
    except psycopg.OperationalError as error:
        raise failure(database_sentence(error)) from None


def one_sentence(error: Exception) -> str:
    """Any error in one line, without secrets."""
    if isinstance(error, psycopg.OperationalError):
        return without_secrets(database_sentence(error))
    if isinstance(error, UserError):
        return without_secrets(str(error))
    lines = without_secrets(str(error)).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else f"{type(error).__name__}."


class RetriedRequest(dg.RetryRequested):
    """Ends the attempt with a text that the UI shows."""

    def __init__(self, description: str, *, max_retries: int, seconds_to_wait: float) -> None:
        super().__init__(max_retries, seconds_to_wait)
        self.description = description

    def __str__(self) -> str:
        return f"{self.description} The next attempt is in {self.seconds_to_wait:.0f} s."
