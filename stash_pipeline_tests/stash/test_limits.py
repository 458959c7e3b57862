"""Limits for bytes, seconds, depth and length of responses; exceeding one is reported in a sentence."""

import gzip
import json
import subprocess
import sys
import threading
import time
import zlib
from typing import Any

import httpx
import pytest
import stamina

from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.errors import (
    IncompleteListingError,
    InvalidResponseError,
    LimitExceededError,
    StashConnectionError,
    StashError,
)
from stash_pipeline.stash.limits import MB, Limits, check_listed, check_page
from stash_pipeline.stash.retries import NO_RETRIES, RetryPolicy
from stash_pipeline_tests.stash.hostile import OK, Blocks, bomb, built_on_request, endless, hostile, slowly, whole

SMALL = Limits(answer_bytes=2 * MB, request_seconds=30, download_seconds=0.5)
GZIP = b"Content-Encoding: gzip"
GOOD = b'{"data":{"x":1}}'


def ask(blocks: Blocks, limits: Limits = SMALL, **more: Any) -> Any:
    """The data of a response, with a single attempt."""
    with (
        hostile(blocks) as url,
        StashClient(url, **{"limits": limits, "timeout": 5.0, "retries": NO_RETRIES, **more}) as client,
    ):
        return client.execute("query { x }", name="findThings").data


@pytest.mark.parametrize(
    "blocks",
    [
        endless(b" " * 65536),
        endless(b"10000\r\n" + b" " * 65536 + b"\r\n", b"Transfer-Encoding: chunked"),
        whole(b" " * (3 * MB)),
        built_on_request(lambda: whole(bomb(50 * MB), GZIP)),
        built_on_request(lambda: whole(zlib.compress(b" " * (50 * MB)), b"Content-Encoding: deflate")),
        # compressed, and endless although it becomes nothing
        built_on_request(lambda: endless(gzip.compress(b"") * 1000, GZIP)),
        lambda: [OK + b"Content-Length: 99999999999\r\n\r\n", *[b" " * 65536] * 60],
    ],
    ids=["endless", "endless chunks", "long", "gzip bomb", "deflate bomb", "endless nothing", "a length that is a lie"],
)
def test_an_overlong_response_is_cut_off(blocks: Blocks) -> None:
    with pytest.raises((LimitExceededError, InvalidResponseError)) as caught:
        ask(blocks)
    if isinstance(caught.value, LimitExceededError):
        assert "findThings with more than 2 MB" in str(caught.value)
        assert "STASH_PIPELINE_ANSWER_MAX_MB" in str(caught.value)


def test_a_response_of_the_maximum_size_is_read() -> None:
    text = json.dumps({"data": {"x": "y" * (2 * MB - 19)}}).encode()
    assert len(text) <= 2 * MB
    for blocks in (
        whole(text),
        whole(gzip.compress(text), GZIP),
        whole(zlib.compress(text), b"Content-Encoding: deflate"),
    ):
        assert len(ask(blocks)["x"]) == 2 * MB - 19


def test_a_raw_deflate_response_is_read() -> None:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    body = packer.compress(GOOD) + packer.flush()
    assert ask(whole(body, b"Content-Encoding: deflate")) == {"x": 1}


@pytest.mark.parametrize(
    ("body", "header"),
    [
        (gzip.compress(GOOD)[:-6], GZIP),
        (GOOD, GZIP),
        (b"", GZIP),
        (GOOD, b"Content-Encoding: br"),
        (GOOD, b"Content-Encoding: gzip, gzip"),
    ],
    ids=["it breaks off", "it is none", "it is empty", "another", "twice"],
)
def test_damaged_or_unrequested_compression_is_an_error(body: bytes, header: bytes) -> None:
    with pytest.raises(InvalidResponseError, match="findThings"):
        ask(whole(body, header))


def test_an_unrequested_compression_is_not_shown_because_a_proxy_may_echo_the_key_there() -> None:
    with pytest.raises(InvalidResponseError) as raised:
        ask(whole(GOOD, b"Content-Encoding: Short-Key-1"), api_key="Short-Key-1")
    assert "short-key" not in str(raised.value).lower()


def test_an_overlong_response_is_not_retried() -> None:
    seen = []

    def blocks() -> Any:
        seen.append(1)
        return whole(b" " * (3 * MB))()

    with pytest.raises(LimitExceededError):
        ask(blocks, retries=RetryPolicy(first_attempts=5))
    assert len(seen) == 1


@pytest.mark.parametrize(
    "blocks",
    [
        slowly(OK + b"X-Slow: ", b"x"),
        slowly(OK + b"\r\n", b" "),
        slowly(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0"),
        slowly(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
        slowly(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["header", "body", "size of a chunk", "chunks", "interim answers"],
)
def test_a_slow_response_ends_at_its_deadline(blocks: Blocks) -> None:
    started = time.monotonic()
    with pytest.raises(StashConnectionError, match="STASH_PIPELINE_REQUEST_TOTAL_SECONDS") as caught:
        ask(blocks, Limits(request_seconds=0.5))
    # without the bound this would never end
    assert time.monotonic() - started < 120
    assert caught.value.reason == "timeout"


def test_the_time_limit_covers_all_attempts() -> None:
    stamina.set_testing(False)
    seen = []

    def blocks() -> Any:
        seen.append(1)
        return slowly(OK + b"\r\n", b" ")()

    with pytest.raises(StashConnectionError):
        ask(blocks, Limits(request_seconds=2), retries=RetryPolicy(first_attempts=50))
    assert len(seen) == 1


def test_a_request_ends_at_the_caller_s_deadline() -> None:
    with hostile(slowly(OK + b"\r\n", b" ")) as url, StashClient(url, retries=NO_RETRIES) as client:
        with pytest.raises(StashConnectionError):
            client.execute("query { x }", deadline=time.monotonic() + 0.3)
        with pytest.raises(StashConnectionError):
            client.execute("query { x }", timeout=0.3)


def test_a_deadline_applies_to_one_request_only() -> None:
    with hostile(whole(GOOD)) as url, StashClient(url, limits=Limits(request_seconds=60)) as client:
        with pytest.raises(StashConnectionError):
            client.execute("query { x }", deadline=time.monotonic() - 1)
        assert client.execute("query { x }").data == {"x": 1}


def test_an_abandoned_request_closes_its_connection() -> None:
    closed = threading.Event()

    def blocks() -> Any:
        try:
            yield from endless(b" " * 65536)()
        finally:
            closed.set()

    with pytest.raises(LimitExceededError):
        ask(blocks)
    assert closed.wait(60)


@pytest.mark.parametrize("depth", [1025, 5000, 100_000])
@pytest.mark.parametrize("spoilt", [b"", b"\xe9"], ids=["utf-8", "not utf-8"])
def test_a_response_that_is_nested_too_deeply_is_rejected(depth: int, spoilt: bytes) -> None:
    body = b'{"data":{"n":"' + spoilt + b'","x":' + b"[" * depth + b"]" * depth + b"}}"
    with pytest.raises(LimitExceededError, match="nested more than"):
        ask(whole(body))
    errors = b'{"errors":[{"message":"' + spoilt + b'","path":' + b"[" * depth + b"]" * depth + b"}]}"
    with pytest.raises(LimitExceededError, match="nested more than"):
        ask(whole(errors))


def test_a_response_of_many_tiny_values_is_rejected() -> None:
    body = b'{"data":{"x":[' + b"[]," * (5 * MB // 3) + b"[]]}}"
    with pytest.raises(LimitExceededError, match="too much memory"):
        ask(whole(body), Limits(answer_bytes=6 * MB))


def test_an_endless_listing_is_ended_and_a_growing_one_is_not() -> None:
    check_listed(10_000, 0, "findTags")
    check_listed(1_000_000, None, "findTags")
    with pytest.raises(IncompleteListingError, match="findTags reports 3 objects and returned 10,007"):
        check_listed(10_007, 3, "findTags")
    check_page(100, 100, "findTags")
    check_page(100, -1, "findTags")
    with pytest.raises(IncompleteListingError, match="at most 100 objects and returned 101"):
        check_page(101, 100, "findTags")


def test_a_message_of_any_length_is_truncated() -> None:
    long = "no " * 200_000 + "\x1b[31m\x00"
    for content in (
        {"errors": [{"message": long, "path": [long]}]},
        {"errors": long},
        {"errors": [{"message": "x", "path": ["a"] * 100_000}] * 3},
    ):
        with pytest.raises(StashError) as caught:
            ask(whole(json.dumps(content).encode()))
        assert len(str(caught.value)) < 900 and "\x1b" not in str(caught.value)
    told = httpx.Response(500, text=long).text
    with pytest.raises(StashError) as caught:
        ask(lambda: [b"HTTP/1.1 500 x\r\nContent-Length: %d\r\n\r\n" % len(told), told.encode()])
    assert len(str(caught.value)) < 400 and "\x1b" not in str(caught.value)


_HOSTILE = """
import sys
from pathlib import Path
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.errors import StashError
from stash_pipeline.stash.retries import RetryPolicy
for url in sys.argv[1:]:
    with StashClient(url, "eyJhbGciOiJIUzI1NiJ9.not-a-real-key", retries=RetryPolicy(first_attempts=2)) as client:
        try:
            client.execute("query { x }", name="findThings")
        except StashError as error:
            print(str(error)[:300])
        else:
            print("understood")
# not getrusage, which still counts what this was before exec
(peak,) = [line.split()[1] for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line]
print(int(peak) // 1024)
"""


@pytest.mark.processes
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells the peak of one program")
@pytest.mark.parametrize(
    "blocks",
    [
        endless(b"[" * 65536),
        built_on_request(lambda: whole(bomb(3000 * MB), GZIP)),
        built_on_request(lambda: whole(b'{"data":{"x":[' + b"[]," * (31 * MB // 3) + b"[]]}}")),
        built_on_request(lambda: whole(b'{"data":{"x":[' + b"{}," * (31 * MB // 3) + b"{}]}}")),
        built_on_request(lambda: whole(b'{"data":{"x":[' + b'"ab",' * (31 * MB // 5) + b'""]}}')),
        built_on_request(lambda: whole(b'{"data":{"x":"' + b"\xe9" * (31 * MB) + b'"}}')),
        built_on_request(lambda: whole(b'{"data":{"x":"' + "😀".encode() * (31 * MB // 4) + b'"}}')),
        built_on_request(lambda: whole(b'{"errors":[{"message":"' + b"x" * (31 * MB) + b'"}]}')),
    ],
    ids=["endless", "bomb of 3 GB", "lists", "objects", "texts", "not utf-8", "emoji", "a message"],
)
def test_no_response_takes_600_mb(blocks: Blocks) -> None:
    blocks()  # made before the client waits for it
    with hostile(blocks) as url:
        done = subprocess.run([sys.executable, "-c", _HOSTILE, url], capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr
    sentence, peak = done.stdout.splitlines()[0], int(done.stdout.splitlines()[-1])
    assert "Traceback" not in done.stderr and sentence
    assert peak < 600, (peak, sentence)
