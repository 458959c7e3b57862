"""The HTTP side: what is asked again, what is raised, and what an error says."""

import base64
import gzip
import json
import logging
import ssl
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import stamina
from hypothesis import given, settings
from hypothesis import strategies as st

from stash_pipeline.stash.address import graphql_url
from stash_pipeline.stash.client import Answer, StashClient, release_numbers
from stash_pipeline.stash.errors import (
    InvalidResponseError,
    StashConnectionError,
    StashError,
    StashHTTPError,
    StashNotReadyError,
    StashQueryError,
)
from stash_pipeline.stash.retries import NO_RETRIES
from stash_pipeline_tests.examples import examples

KEY = "eyJhbGciOiJIUzI1NiJ9.secret"
Handler = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    stamina.set_testing(True, attempts=4, cap=True)
    yield
    stamina.set_testing(False)


class Server:
    """Answers as told, and counts."""

    def __init__(self, *answers: httpx.Response | Exception | Handler) -> None:
        self.answers = answers
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = self.answers[min(len(self.requests), len(self.answers) - 1)]
        self.requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    def ask(self, api_key: str | None = KEY, **more: Any) -> Answer:
        with StashClient("http://stash.test:9999", api_key, transport=httpx.MockTransport(self), **more) as client:
            return client.execute("query { version }", {"a": 1}, name="findThings")


def good() -> httpx.Response:
    return httpx.Response(200, json={"data": {"x": 1}})


def failing(status: int, **content: Any) -> Handler:
    return lambda request: httpx.Response(status, **content)


def test_a_request_carries_the_key_in_a_header_only() -> None:
    server = Server(good())
    assert server.ask().data == {"x": 1}
    (request,) = server.requests
    assert request.headers["ApiKey"] == KEY
    assert request.headers["Accept"] == "application/json"
    assert KEY not in str(request.url) and KEY not in request.read().decode()
    assert json.loads(request.read()) == {"query": "query { version }", "variables": {"a": 1}}
    server = Server(good())
    server.ask(api_key=None)
    assert "ApiKey" not in server.requests[0].headers


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (failing(500, text="oops"), StashHTTPError),
        (failing(502, text="<html>bad gateway</html>"), StashHTTPError),
        (failing(503, text=""), StashHTTPError),
        (failing(504, json={"errors": [{"message": "x"}]}), StashHTTPError),
        (failing(200, text="<html>hello</html>"), InvalidResponseError),
        (failing(200, text=""), InvalidResponseError),
        (failing(200, text='{"data": {"x": 1'), InvalidResponseError),
        (failing(200, json=[1]), InvalidResponseError),
        (failing(200, json={"hello": 1}), InvalidResponseError),
        (failing(200, json={"data": None}), InvalidResponseError),
        (failing(200, json={"data": [1]}), InvalidResponseError),
        (failing(200, json={"errors": [{"message": "database is locked"}], "data": None}), StashQueryError),
        (httpx.ReadTimeout("slow"), StashConnectionError),
        (httpx.ConnectTimeout("slow"), StashConnectionError),
        (httpx.ReadError("reset"), StashConnectionError),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), StashConnectionError),
        (httpx.ConnectError("[Errno 111] Connection refused"), StashConnectionError),
    ],
)
def test_transient_errors_are_retried_and_finally_raised(answer: Any, kind: type[StashError]) -> None:
    server = Server(answer)
    with pytest.raises(kind) as caught:
        server.ask()
    assert len(server.requests) == 4
    assert "stash.test" in str(caught.value) or "findThings" in str(caught.value)
    server = Server(answer, answer, good())
    assert server.ask().data == {"x": 1}
    assert len(server.requests) == 3


def test_damaged_compression_is_retried() -> None:
    def damaged(request: httpx.Request) -> httpx.Response:
        # decoded when it is read, as from a socket
        return httpx.Response(
            200, headers={"Content-Encoding": "gzip"}, stream=httpx.ByteStream(b"\x1f\x8b\x08\x00 no gzip")
        )

    server = Server(damaged, good())
    assert server.ask().data == {"x": 1}
    with pytest.raises(StashError):
        Server(damaged).ask()


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (failing(401), StashHTTPError, "API key"),
        (failing(403), StashHTTPError, "API key"),
        (failing(500, text="unauthorized"), StashHTTPError, "unauthorized"),
        (failing(302, headers={"Location": "/login?returnURL=x"}), StashHTTPError, "redirects"),
        (failing(301, headers={"Location": "https://elsewhere"}), StashHTTPError, "redirects"),
        (failing(404, text="<html>not found</html>"), StashHTTPError, "404"),
        (failing(404, json={"data": None}), StashHTTPError, "404"),
        (failing(413, text="too large"), StashHTTPError, "413"),
        (
            failing(
                422,
                json={
                    "errors": [
                        {"message": 'Cannot query field "x"', "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"}}
                    ]
                },
            ),
            StashQueryError,
            "Cannot query field",
        ),
        (
            failing(
                200,
                json={
                    "errors": [{"message": "thing with id 1 not found", "path": ["findThings"]}],
                    "data": {"x": 1},
                },
            ),
            StashQueryError,
            "findThings: thing with id 1 not found",
        ),
        (httpx.ConnectError("[Errno -2] Name or service not known"), StashConnectionError, "not known"),
    ],
)
def test_permanent_errors_are_not_retried(answer: Any, kind: type[StashError], words: str) -> None:
    server = Server(answer)
    with pytest.raises(kind, match=words):
        server.ask()
    assert len(server.requests) == 1


def test_graphql_errors_take_precedence_over_data() -> None:
    partial = failing(200, json={"data": {"findThings": {"things": []}}, "errors": [{"message": "half of it"}]})
    with pytest.raises(StashQueryError, match="half of it") as caught:
        Server(partial).ask()
    assert caught.value.messages == ["half of it"]
    assert not caught.value.validation


@pytest.mark.parametrize("errors", ["boom", ["boom"], {"message": "boom"}, [None], [{"message": None}], [{}], 7, True])
def test_errors_of_any_form_are_errors(errors: Any) -> None:
    with pytest.raises(StashError):
        Server(failing(200, json={"errors": errors, "data": {"x": 1}})).ask()
    with pytest.raises(StashError):
        Server(failing(200, json={"errors": [{"message": "m", "path": errors, "extensions": errors}]})).ask()


@pytest.mark.parametrize("errors", [[], None])
def test_an_empty_error_list_is_not_an_error(errors: Any) -> None:
    assert Server(failing(200, json={"errors": errors, "data": {"x": 1}})).ask().data == {"x": 1}


def test_tls_errors_are_reported_and_not_retried() -> None:
    error = httpx.ConnectError("boom")
    cause = ssl.SSLCertVerificationError(1, "certificate verify failed")
    cause.reason = "CERTIFICATE_VERIFY_FAILED"
    error.__cause__ = cause
    server = Server(error)
    with pytest.raises(StashConnectionError, match="TLS"):
        server.ask()
    assert len(server.requests) == 1


def test_invalid_utf_8_and_lone_surrogates_are_replaced() -> None:
    body = b'{"data":{"a":"caf\xe9.mp4","b":"\\ud800 x","c":"\xf0\x9f\x98\x80"}}'
    data = Server(failing(200, content=body)).ask().data
    assert data["a"] == "caf\ufffd.mp4"
    assert data["c"] == "😀"
    data["b"].encode("utf-8")
    assert data["b"].endswith(" x")


def test_compressed_responses_are_decoded() -> None:
    body = gzip.compress(json.dumps({"data": {"x": "y" * 5000}}).encode())
    answer = Server(failing(200, content=body, headers={"Content-Encoding": "gzip"})).ask()
    assert len(answer.data["x"]) == 5000
    assert answer.size > 5000


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("http://127.0.0.1:9999", "identity"),
        ("http://[::1]:9999", "identity"),
        ("http://localhost:9999/stash", "identity"),
        ("http://stash.test:9999", "gzip"),
        ("http://192.168.1.7:9999", "gzip"),
        ("http://localhost.example:9999", "gzip"),
    ],
)
def test_a_server_on_this_machine_is_not_asked_to_compress(url: str, asked: str) -> None:
    server = Server(good())
    with StashClient(url, transport=httpx.MockTransport(server)) as client:
        client.execute("query { version }")
    assert server.requests[0].headers["Accept-Encoding"].startswith(asked)


@pytest.mark.parametrize(
    "answer",
    [
        lambda request: httpx.Response(500, text=f"your headers: {dict(request.headers)}"),
        lambda request: httpx.Response(200, text=f"<html>{request.headers['apikey']}"),
        lambda request: httpx.Response(401, text=request.headers["apikey"]),
        lambda request: httpx.Response(404, text=request.headers["apikey"]),
        lambda request: httpx.Response(200, json={"errors": [{"message": f"key {request.headers['apikey']}"}]}),
        lambda request: httpx.Response(200, json={"errors": [{"message": "x", "path": [request.headers["apikey"]]}]}),
        lambda request: httpx.Response(302, headers={"Location": f"/login?k={request.headers['apikey']}"}),
        lambda request: httpx.Response(502, text="x" * 190 + request.headers["apikey"]),
        lambda request: httpx.Response(200, json={"errors": [{"message": "y" * 470 + request.headers["apikey"]}]}),
        lambda request: httpx.Response(502, text=base64.b64encode(request.headers["apikey"].encode()).decode()),
        lambda request: httpx.Response(
            200, json={"errors": [{"message": base64.b64encode(b"x:" + request.headers["apikey"].encode()).decode()}]}
        ),
        httpx.ReadError(f"could not send ApiKey: {KEY}"),
        httpx.ConnectError(f"could not send ApiKey: {KEY}"),
    ],
)
def test_no_error_contains_the_key(
    answer: Any, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(StashError) as caught:
        Server(answer).ask()
    error: BaseException | None = caught.value
    # half a key is too much as well, and so is one that only looks different
    parts = [KEY[:8], *(base64.b64encode(b"\0" * n + KEY.encode()).decode()[4:16] for n in range(3))]
    while error is not None:
        said = f"{error} {error!r} {getattr(error, 'messages', '')} {getattr(error, 'location', '')}"
        assert not [part for part in parts if part in said]
        # `raise … from None` hides the context from tracebacks
        error = None if error.__suppress_context__ else error.__context__
    assert KEY not in caplog.text
    out, err = capsys.readouterr()
    assert KEY not in out + err


def test_retries_write_nothing_to_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    Server(failing(503, text="x"), good()).ask()
    out, _ = capfd.readouterr()
    assert out == ""


@pytest.mark.parametrize(
    "typed",
    [
        "localhost:9999",
        "localhost",
        "",
        "ftp://stash",
        "http://",
        "http:///graphql",
        "http://u:p@stash",
        "http://stash?x=1",
        "http://[::1",
        "http://stash:port",
        "http://stash:99999",
        "//stash",
        "stash.example/graphql",
        "http://stash#x",
        "http://stash/base?sortby=date",
        "http://stash/graphql?query=1",
        "http://stash/scenes?apikey=1",
        "http://stash/scenes#api_key=1",
    ],
)
def test_an_invalid_address_is_rejected_with_a_sentence(typed: str) -> None:
    with pytest.raises(StashError) as caught:
        graphql_url(typed)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "typed", [f"stash:9999?apikey={KEY}", f"http://stash?apikey={KEY}", f"http://u:{KEY}@stash", f"//stash/{KEY}", KEY]
)
def test_an_error_for_an_address_with_a_key_does_not_contain_the_key(typed: str) -> None:
    with pytest.raises(StashError) as caught:
        graphql_url(typed)
    assert "secret" not in str(caught.value) or typed == KEY


@pytest.mark.parametrize(
    ("typed", "url"),
    [
        ("http://stash:9999", "http://stash:9999/graphql"),
        (" http://stash:9999/ ", "http://stash:9999/graphql"),
        ("https://stash.example/graphql", "https://stash.example/graphql"),
        ("https://stash.example/graphql/", "https://stash.example/graphql"),
        ("https://home.example/media/stash", "https://home.example/media/stash/graphql"),
        ("http://[::1]:9999", "http://[::1]:9999/graphql"),
        ("HTTP://stash", "HTTP://stash/graphql"),
        ("http://stash:9999/scenes?sortby=date&sortdir=desc", "http://stash:9999/graphql"),
        ("http://stash:9999/scenes?c=(%22type%22:%22tags%22)&z=2#top", "http://stash:9999/graphql"),
        ("http://stash:9999/#/scenes", "http://stash:9999/graphql"),
        ("http://stash:9999/performers/12", "http://stash:9999/graphql"),
        ("http://stash:9999/performers/12/scenes?sortby=date", "http://stash:9999/graphql"),
        ("http://stash:9999/scenes/markers", "http://stash:9999/graphql"),
        ("http://stash:9999/settings?tab=security", "http://stash:9999/graphql"),
        ("http://stash:9999/stats/", "http://stash:9999/graphql"),
        ("http://stash:9999/sceneDuplicateChecker", "http://stash:9999/graphql"),
        ("http://stash:9999/login?returnURL=%2Fscenes", "http://stash:9999/graphql"),
        ("https://host/apps/stash/scenes/12?qsp=1", "https://host/apps/stash/graphql"),
        ("https://host/scenes/graphql", "https://host/scenes/graphql"),
        ("https://host/apps/scenes-of-mine", "https://host/apps/scenes-of-mine/graphql"),
    ],
)
def test_an_address_is_completed_to_the_graphql_endpoint(typed: str, url: str) -> None:
    assert graphql_url(typed) == url
    assert graphql_url(url) == url


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("v0.30.1", (0, 30, 1)),
        ("v0.27.2-3-gabc", (0, 27, 2)),
        ("0.31.0", (0, 31, 0)),
        ("v0.30.1+19", (0, 30, 1)),
        ("", ()),
        ("develop", ()),
        ("v0.x", ()),
        ("²", ()),
        ("9" * 5000, ()),
    ],
)
def test_release_numbers_are_parsed(version: str, numbers: tuple[int, ...]) -> None:
    assert release_numbers(version) == numbers


@given(st.text())
def test_any_release_text_is_parsed_without_an_error(version: str) -> None:
    release_numbers(version)


def status(**more: Any) -> Handler:
    found = {"status": "OK", "databaseSchema": 75, "appSchema": 75, "databasePath": "/x", **more}
    version = found.pop("version", "v0.30.1")
    return failing(200, json={"data": {"version": {"version": version}, "systemStatus": found}})


def info(handler: Handler) -> Any:
    with StashClient("http://stash.test", transport=httpx.MockTransport(handler)) as client:
        return client.server_info()


def test_server_info_has_release_and_database() -> None:
    found = info(status())
    assert (found.version, found.database_schema, found.database_path) == ("v0.30.1", 75, "/x")
    assert info(status(version="")).version == ""
    assert info(status(version=None)).version == ""


@pytest.mark.parametrize("pending", ["SETUP", "NEEDS_MIGRATION"])
def test_a_server_that_is_not_ready_is_rejected(pending: str) -> None:
    with pytest.raises(StashNotReadyError):
        info(status(status=pending))


@pytest.mark.parametrize("version", ["v0.19.1", "v0.13.0", "0.19.0-17-gabcdef"])
def test_a_release_that_is_too_old_is_rejected(version: str) -> None:
    with pytest.raises(StashError, match=r"before v0\.20"):
        info(status(version=version))


@settings(max_examples=examples(60), deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda s: (
            st.lists(s)
            | st.dictionaries(st.sampled_from(["data", "errors", "message", "path", "extensions", "code"]), s)
        ),
        max_leaves=8,
    )
)
def test_any_json_gives_an_answer_or_a_stash_error(body: Any) -> None:
    try:
        answer = Server(failing(200, content=json.dumps(body).encode())).ask(retries=NO_RETRIES)
    except StashError as error:
        assert str(error)
    else:
        assert isinstance(answer.data, dict)


@settings(max_examples=examples(60), deadline=None)
@given(st.binary(max_size=60), st.integers(200, 599))
def test_any_bytes_with_any_status_give_an_answer_or_a_stash_error(body: bytes, status_code: int) -> None:
    try:
        Server(failing(status_code, content=body)).ask(retries=NO_RETRIES)
    except StashError as error:
        assert str(error)
