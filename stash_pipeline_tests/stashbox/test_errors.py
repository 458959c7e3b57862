"""Errors of a box and of what is in front of it: one sentence each, without the key; few requests are repeated."""

import logging
import ssl
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.stash import tls
from stash_pipeline.stash.limits import Limits
from stash_pipeline.stashbox.answers import retry_after
from stash_pipeline.stashbox.errors import (
    RequestCancelledError,
    StashBoxAnswerError,
    StashBoxAuthError,
    StashBoxConnectionError,
    StashBoxError,
    StashBoxHTTPError,
    StashBoxQueryError,
    StashBoxThrottledError,
)
from stash_pipeline_tests.instances.servers import authority
from stash_pipeline_tests.ports import free_port
from stash_pipeline_tests.stash.hostile import OK, hostile
from stash_pipeline_tests.stashbox.scripted import (
    HTML,
    JSON,
    KEY,
    Reply,
    Unlimited,
    asked,
    client_of,
    data,
    find,
    identifier,
    in_turn,
    named,
    refused,
    scripted,
)

GOOD = find(named)
IDS = [identifier(1), identifier(2)]


def error_of(reply: Reply, **options: Any) -> tuple[StashBoxError, int]:
    """The error for a box that always answers so, and the number of requests."""
    with asked(in_turn(reply), **options) as (client, box):
        with pytest.raises(StashBoxError) as raised:
            client.find("scenes", IDS)
        message = str(raised.value)
        assert message and "\n" not in message and message.startswith(("Testbox", "The answer of Testbox"))
        return raised.value, len(box.requests)


# --- refusals -----------------------------------------------------------------------------------------------


def test_a_wrong_key_is_an_empty_401_and_not_retried() -> None:
    error, requests = error_of(Reply(b"", 401, {}))
    assert isinstance(error, StashBoxAuthError) and requests == 1
    assert "boxes edit Testbox --api-key-stdin" in str(error)


def test_a_login_page_with_401_is_a_proxy() -> None:
    error, requests = error_of(Reply(b"<html>log in", 401, HTML))
    assert isinstance(error, StashBoxAuthError) and "a proxy" in str(error) and requests == 1


@pytest.mark.parametrize(
    "reply",
    [
        refused("not authorized", status=200, code=None),
        data([{"message": "not authorized", "path": ["i0"]}], i0=None, i1=None),
        data([{"message": "Unauthenticated.", "extensions": {"category": "authentication"}}], i0=None, i1=None),
        refused("Not authorized", status=403, code=None),
    ],
)
def test_not_authorized_is_not_absent(reply: Reply) -> None:
    error, requests = error_of(reply)
    assert isinstance(error, StashBoxAuthError) and "role READ" in str(error) and requests == 1


@pytest.mark.parametrize(
    "reply",
    [
        data([{"message": "boom", "path": ["i0"]}, {"message": "boom", "path": ["i1"]}], i0=None, i1=None),
        data([{"message": "boom"}], i0=None, i1=None),
        data([{"message": "boom", "path": []}], i0=None, i1=None),
        data([{"message": "boom", "path": ["elsewhere"]}], i0=None, i1=None),
        Reply({"errors": "boom", "data": {"i0": None, "i1": None}}),
        Reply({"errors": ["boom"], "data": None}),
    ],
)
def test_errors_are_read_before_data(reply: Reply) -> None:
    error, _ = error_of(reply)
    assert isinstance(error, StashBoxQueryError) and "boom" in str(error)


def test_an_invalid_document_is_not_retried() -> None:
    for status in (400, 422):
        error, requests = error_of(refused("Unknown directive", status=status))
        assert isinstance(error, StashBoxQueryError) and error.validation
        # all ids, and each alone
        assert requests == 3


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    error, requests = error_of(Reply(b"", status, {"Location": "https://other.example/graphql?key={key}"}))
    assert isinstance(error, StashBoxHTTPError) and requests == 1
    assert "https://other.example/graphql, which is not followed" in str(error)
    error, _ = error_of(Reply(b"", status, {}))
    assert "nowhere" in str(error)


@pytest.mark.parametrize(("status", "headers"), [(403, HTML), (403, {}), (404, HTML), (404, JSON)])
def test_a_refusal_of_a_proxy_is_not_retried(status: int, headers: dict[str, str]) -> None:
    error, requests = error_of(Reply(b"<html>Access denied", status, headers))
    assert isinstance(error, StashBoxHTTPError) and error.status == status and requests == 1


def test_json_that_is_no_graphql_is_an_error() -> None:
    error, _ = error_of(Reply({"message": "Not found"}, 404))
    assert isinstance(error, StashBoxHTTPError)
    error, _ = error_of(Reply({"message": "hello"}))
    assert isinstance(error, StashBoxAnswerError) and "no data" in str(error)


# --- what may pass ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        Reply(b"<html>Bad gateway", 502, HTML),
        Reply({"message": "Server Error"}, 500),
        Reply(b"", 503, {}),
        Reply(b"<!doctype html><title>Just a moment", 200, HTML),
        Reply(b'{"data": {"i0": {"id": "', 200),
        Reply(b'{"data": {}}', 200, truncated=100),
        Reply(b"", 200),
        Reply(b"\x1f\x8b not gzip", 200, {"Content-Encoding": "gzip"}),
    ],
    ids=["502", "500 json", "503", "200 html", "truncated json", "truncated body", "empty", "bad gzip"],
)
def test_what_may_pass_is_retried_a_few_times_and_waits_for_its_turn(reply: Reply) -> None:
    limiter = Unlimited()
    with asked(in_turn(data(me={"name": "x"}), reply, reply, GOOD_REPLY), limiter) as (client, box):
        client.me()
        assert list(client.find("scenes", [IDS[0]])) == [IDS[0]]
        assert len(box.requests) == limiter.acquired == 4
        assert len(limiter.slept) == 2 and not limiter.pauses
    error, requests = error_of(reply)
    assert error.transient and requests in (2, 4)


GOOD_REPLY = data(i0=named(identifier(1)))


def test_a_transient_query_error_is_retried_once() -> None:
    panic = refused("Internal system error. Error <x>", status=200, code=None)
    with asked(in_turn(panic, GOOD_REPLY)) as (client, box):
        assert client.find("scenes", [IDS[0]])[IDS[0]]
        assert len(box.requests) == 2


def test_a_box_that_cannot_be_reached_is_said() -> None:
    port = free_port()
    limiter = Unlimited()
    with client_of(f"http://127.0.0.1:{port}/graphql", limiter) as client:
        with pytest.raises(StashBoxConnectionError, match="is a stash-box running there") as raised:
            client.version()
        assert raised.value.reason == "refused" and limiter.acquired == 2
    limiter = Unlimited()
    with client_of("http://no-such-host.invalid/graphql", limiter) as client:
        with pytest.raises(StashBoxConnectionError) as raised:
            client.version()
        assert raised.value.reason == "name" and limiter.acquired == 1


def test_silence_and_a_trickle_end() -> None:
    slow = Reply({"data": {}}, seconds=1.0)
    error, _ = error_of(slow, timeout=0.1)
    assert isinstance(error, StashBoxConnectionError) and error.reason == "timeout"

    def trickle() -> Any:
        yield OK + b"\r\n"
        while True:
            time.sleep(0.02)
            yield b" "

    with (
        hostile(trickle) as url,
        client_of(f"{url}/graphql", limits=Limits(request_seconds=0.3)) as client,
        pytest.raises(StashBoxConnectionError, match="not complete within"),
    ):
        client.version()


def test_an_untrusted_certificate_is_said_and_can_be_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ca_file, context = authority(tmp_path)
    limiter = Unlimited()
    with scripted(in_turn(data(version={"version": "v0.10.2"})), tls=context) as box:
        with (
            client_of(box.url, limiter) as client,
            pytest.raises(StashBoxConnectionError, match="SSL_CERT_FILE") as raised,
        ):
            client.version()
        assert raised.value.reason == "tls" and limiter.acquired == 1
        monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
        tls._context.cache_clear()
        try:
            with client_of(box.url) as client:
                assert client.version() == "v0.10.2"
        finally:
            tls._context.cache_clear()


def test_plain_http_from_a_tls_port_is_said(tmp_path: Path) -> None:
    _, context = authority(tmp_path)
    assert isinstance(context, ssl.SSLContext)
    with (
        scripted(in_turn(GOOD_REPLY), tls=context) as box,
        client_of(box.url.replace("https:", "http:")) as client,
        pytest.raises(StashBoxConnectionError),
    ):
        client.version()


# --- pauses -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "pauses"),
    [
        (Reply(b"slow down", 429, {"Retry-After": "7"}), [7.0]),
        (Reply({"errors": [{"message": "Too Many Attempts."}]}, 429), [60.0]),
        (Reply(b"<html>", 503, {"Retry-After": "30", **HTML}), [30.0]),
        (Reply(b"", 429, {"Retry-After": "86400"}), [3600.0]),
        (Reply(b"", 429, {"Retry-After": "soon"}), [60.0]),
        (Reply(b"", 429, {"Retry-After": "0"}), [1.0]),
        (Reply({"errors": [{"message": "Too Many Attempts."}]}), [60.0]),
    ],
)
def test_a_pause_that_the_box_asks_for_is_given_to_all(reply: Reply, pauses: list[float]) -> None:
    limiter = Unlimited()
    with asked(in_turn(reply, GOOD_REPLY), limiter) as (client, _):
        assert client.find("scenes", [IDS[0]])[IDS[0]]
    # the retry waits for the limiter, not beside it
    assert limiter.pauses == pauses and limiter.slept == [] and limiter.acquired == 2


def test_pauses_grow_while_the_box_asks_for_them() -> None:
    limiter = Unlimited()
    with asked(in_turn(data(version={"version": "v1"}), Reply(b"", 429, {})), limiter) as (client, box):
        client.version()
        with pytest.raises(StashBoxThrottledError):
            client.version()
        assert len(box.requests) == 5
    assert limiter.pauses == [60.0, 120.0, 240.0, 480.0]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("12", 12.0), ("1.5", 1.5), ("", None), ("-3", None), ("Fri, 02 Jan 2026 00:00:30 GMT", 30.0),
     ("Thu, 01 Jan 2026 00:00:00 GMT", 0.0), ("9" * 40, None)],
)  # fmt: skip
def test_retry_after_is_a_number_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after(text, datetime(2026, 1, 2, tzinfo=timezone.utc)) == seconds


def test_a_cancelled_client_sends_nothing_more() -> None:
    with asked(GOOD) as (client, box):
        client.cancel()
        with pytest.raises(RequestCancelledError):
            client.find("scenes", IDS)
        assert box.requests == []


# --- secrets ------------------------------------------------------------------------------------------------

ECHOES: list[Callable[[], Reply]] = [
    lambda: Reply(b"your key {key} is wrong", 401, {}),
    lambda: Reply(b"<html>{key}", 403, HTML),
    lambda: Reply(b"<html>{key}", 500, HTML),
    lambda: Reply(b"{key}", 404, {}),
    lambda: Reply(b"upstream got {key}", 500, {}),
    lambda: Reply(b"hello {key}", 200, {}),
    lambda: Reply(b" " * 70 + b"{key}", 200, {}),
    lambda: Reply(b"<html>{key}", 200, HTML),
    lambda: Reply(b'{"data": {key}', 200),
    lambda: Reply(b"", 302, {"Location": "https://other.example/{key}/graphql"}),
    lambda: Reply(b'{"errors": [{"message": "bad key {key}"}], "data": null}', 200),
    lambda: Reply(b'{"errors": [{"message": "not authorized: {key}"}], "data": null}', 200),
    lambda: Reply(b'{"errors": [{"message": "Unknown {key}"}], "data": null}', 422),
    lambda: Reply(b'{"errors": "{key}", "data": null}', 200),
    lambda: Reply(b"{key}", 429, {"Retry-After": "{key}"}),
    lambda: Reply(b"{}", 200, {"Content-Encoding": "{key}"}),
]


@pytest.mark.parametrize("key", [KEY, "short-key-1"])
@pytest.mark.parametrize("reply", ECHOES)
def test_an_echoed_key_is_in_no_error_and_no_log(
    reply: Callable[[], Reply], key: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with asked(in_turn(reply()), key=key) as (client, box):
        with pytest.raises(StashBoxError) as raised:
            client.find("scenes", IDS)
        assert box.requests[0].headers["ApiKey"] == key
        texts = [str(raised.value), repr(raised.value), repr(client), repr(client._transport), str(client.failures)]
    assert all(key[:9].lower() not in text.lower() for text in [*texts, caplog.text])
    assert raised.value.__cause__ is None


def test_an_echoed_key_is_in_no_document() -> None:
    body = b'{"data": {"i0": {"id": "%s", "name": "see {key}"}}}' % IDS[0].encode()
    with asked(in_turn(Reply(body))) as (client, _):
        assert KEY not in str(client.find("scenes", [IDS[0]]))


def test_requests_name_the_program() -> None:
    with asked(GOOD) as (client, box):
        client.find("scenes", IDS)
        assert box.requests[0].headers["User-Agent"].startswith("stash-pipeline/")
        assert KEY not in box.requests[0].document
