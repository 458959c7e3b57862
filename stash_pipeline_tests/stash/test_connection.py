"""The connection test distinguishes all kinds of servers, and never prints the key."""

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash
from stash_pipeline.stash.access import Access
from stash_pipeline.stash.address import server_key
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.connection_test import ConnectionReport, check_connection, is_public
from stash_pipeline.stash.errors import StashError
from stash_pipeline.stash.tls import ssl_context_for
from stash_pipeline_tests.instances.servers import HTML, JSON, Canned, Running, answering, authority, graphql, stash_of
from stash_pipeline_tests.ports import free_port

KEY = "eyJhbGciOiJIUzI1NiJ9.not-a-real-key"
REFUSED = Canned(401, headers={"WWW-Authenticate": "FormBased"})


@pytest.fixture(scope="module")
def library() -> Library:
    library = Library.create()
    generate_library(library, scenes=20, seed=3, timezone="Europe/Paris")
    return library


def check(url: str, key: str | None = None, **more: Any) -> ConnectionReport:
    """A report; no part of it contains the key."""
    report = check_connection(url, key, **{"timeout": 2.0, **more})
    assert KEY not in repr(report) and KEY not in str(report.as_json())
    assert report.message and (report.ok == (report.outcome == "ok"))
    return report


def test_a_stash_without_credentials_passes_with_its_counts(library: Library) -> None:
    with SimulatedStash(library).running() as server:
        report = check(server.url)
    assert report.ok and report.release == "v0.30.1"
    assert report.counts["scenes"] == 20 and set(report.counts) >= {"tags", "groups", "images"}
    assert not report.key_used and not report.key_refused
    assert len(report.oldest["tags"]) == 5
    assert "v0.30.1 with 20 scenes" in report.message


@pytest.mark.parametrize("release", ["v0.20", "v0.26", "v0.27", "v0.30"])
def test_every_release_accepts_the_right_key(library: Library, release: str) -> None:
    with SimulatedStash(library, release=release, api_key=KEY).running() as server:
        report = check(server.url, KEY)
    assert report.ok and report.key_used and report.counts["groups"] > 0


def test_a_wrong_key_and_a_missing_key_are_distinguished(library: Library) -> None:
    with SimulatedStash(library, api_key="another").running() as server:
        wrong, needed = check(server.url, KEY), check(server.url)
    assert wrong.outcome == "wrong_key" and wrong.key_refused and "refuses the API key" in wrong.message
    assert needed.outcome == "key_needed" and "needs its API key" in needed.message


@pytest.mark.parametrize("release", ["v0.20", "v0.30"])
def test_an_unnecessary_key_is_omitted_and_reported(library: Library, release: str) -> None:
    with SimulatedStash(library, release=release).running() as server:
        report = check(server.url, KEY)
    assert report.outcome == "key_not_wanted" and report.key_refused and not report.key_used
    assert report.counts["scenes"] == 20
    assert "without the key, it answers" in report.message and "--no-api-key" in report.message


def test_a_plain_text_500_of_an_old_release_is_a_rejected_key() -> None:
    old = Canned(500, "unauthorized", {"Content-Type": "text/plain; charset=utf-8"})
    with answering(old, stash_of(version="v0.20.2")) as server:
        assert check(server.url, KEY).outcome == "key_not_wanted"
    with answering(old, REFUSED) as server:
        assert check(server.url, KEY).outcome == "wrong_key"


def test_a_server_in_setup_that_rejects_the_key_reports_both() -> None:
    with answering(REFUSED, stash_of("SETUP")) as server:
        report = check(server.url, KEY)
    assert report.outcome == "setup_pending" and report.key_refused and "repeated without the key" in report.message


NOT_STASH = "not_stash"


@pytest.mark.parametrize(
    ("answer", "outcome", "words"),
    [
        (Canned(200, "<html>{key}</html>", HTML), NOT_STASH, "not JSON"),
        (Canned(404, "no page for {key}", HTML), NOT_STASH, "404"),
        (Canned(405, "", {}), NOT_STASH, "405"),
        (Canned(200, '{"k": "{key}"}', JSON), NOT_STASH, "not a GraphQL response"),
        (Canned(200, "[1]", JSON), NOT_STASH, "not a GraphQL response"),
        (graphql(version=None), NOT_STASH, "not a Stash"),
        (graphql(version={"version": "v0.30.1"}, systemStatus={"status": "OK"}), NOT_STASH, "count"),
        (
            Canned(422, '{"errors":[{"message":"{key}","extensions":{"code":"GRAPHQL_VALIDATION_FAILED"}}]}', JSON),
            NOT_STASH,
            "not a Stash",
        ),
        (Canned(200, '{"errors":[{"message":"broken {key}"}],"data":null}', JSON), "server_error", "broken"),
        (Canned(502, "bad gateway {key}", HTML), "server_error", "proxy"),
        (Canned(403, "{key}", {"Content-Type": "text/plain"}), "forbidden", "config.yml"),
        (Canned(403, "{key}", HTML), "forbidden", "a proxy in front of Stash denies access"),
        (Canned(302, "", {"Location": "/login?returnURL={key}"}), "login_page", "login page"),
        (Canned(307, "", {"Location": "https://auth.example/?rd={key}"}), "login_page", "login page"),
        (Canned(301, "", {"Location": "https://stash.example/{key}"}), "redirect", "not followed"),
        (Canned(301), "redirect", "not followed"),
        (stash_of("SETUP"), "setup_pending", "finish its setup"),
        (stash_of("NEEDS_MIGRATION"), "migration_pending", "migration"),
        (stash_of(version="v0.19.1"), "too_old", "v0.19.1"),
        (stash_of(version="v{key}"), "ok", "3 tags"),
        (stash_of(version=""), "ok", "unnamed"),
    ],
)
def test_other_servers_are_distinguished(
    answer: Canned,
    outcome: str,
    words: str,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    with answering(answer) as server:
        report = check(server.url, KEY)
        assert report.outcome == outcome and words in report.message
        # a redirect is never followed, and nothing is tried again
        assert {path for path, _ in server.requests} == {"/graphql"} and len(server.requests) <= 2
    assert KEY not in caplog.text and KEY not in "".join(capfd.readouterr())


def test_a_healthy_healthz_is_not_enough() -> None:
    with answering(stash_of("NEEDS_MIGRATION")) as server:
        assert check(server.url).outcome == "migration_pending"
        assert all(path != "/healthz" for path, _ in server.requests)


def test_a_timeout_is_reported() -> None:
    # it takes connections, and never says a word
    with socket.create_server(("127.0.0.1", 0)) as silent:
        report = check(f"http://127.0.0.1:{silent.getsockname()[1]}", KEY, timeout=0.3)
    assert report.outcome == "timed_out" and "in time" in report.message


def test_a_closed_port_is_reported() -> None:
    report = check(f"http://127.0.0.1:{free_port()}", KEY)
    assert report.outcome == "refused" and "refuses connections" in report.message


def test_an_unknown_host_name_is_reported() -> None:
    report = check("http://stash.invalid:9999", KEY)
    assert report.outcome == "name_not_resolved" and "stash.invalid" in report.message


def test_a_dropped_connection_is_reported() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def hang_up() -> None:
        listener.accept()[0].close()

    thread = threading.Thread(target=hang_up)
    thread.start()
    try:
        report = check(f"http://127.0.0.1:{listener.getsockname()[1]}", KEY)
    finally:
        thread.join()
        listener.close()
    assert report.outcome == "unreachable"


def test_a_private_authority_is_trusted_with_its_ca_file(tmp_path: Path) -> None:
    ca_file, tls = authority(tmp_path)
    with answering(stash_of(), tls=tls) as server:
        unknown = check(server.url, KEY)
        assert unknown.outcome == "tls_error" and "--ca-file" in unknown.message
        assert server.requests == [], "the key was sent before the certificate was checked"
        known = check(server.url, access=Access(KEY, ca_file=str(ca_file)))
        assert known.ok, known.message
        plain = check(server.url.replace("https", "http"), access=Access(KEY, ca_file=str(ca_file)))
        assert plain.outcome in ("unreachable", "timed_out") and not plain.ok
        with StashClient(server.url, access=Access(KEY, ca_file=str(ca_file))) as client:
            assert client.server_info().version == "v0.30.1"
    (tmp_path / "other").mkdir()
    other, _ = authority(tmp_path / "other")
    with answering(stash_of(), tls=tls) as server:
        assert check(server.url, access=Access(KEY, ca_file=str(other))).outcome == "tls_error"


def test_a_certificate_for_another_host_is_rejected(tmp_path: Path) -> None:
    ca_file, tls = authority(tmp_path, "127.0.0.2")
    with answering(stash_of(), tls=tls) as server:
        report = check(server.url, access=Access(KEY, ca_file=str(ca_file)))
    assert report.outcome == "tls_error" and "127.0.0.1" in report.message


def test_https_to_an_http_port_is_reported() -> None:
    with answering(stash_of()) as server:
        report = check(server.url.replace("http", "https"), KEY)
    assert report.outcome == "tls_error" and "an http port?" in report.message


@pytest.mark.parametrize("content", [None, "", "no pem", "-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----"])
def test_an_unusable_ca_file_is_reported(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    report = check("https://127.0.0.1:1", access=Access(KEY, ca_file=str(path)))
    assert report.outcome == "wrong_settings" and str(path) in report.message
    with pytest.raises(StashError, match=r"cannot be read"):
        ssl_context_for(tmp_path)


def test_ipv6_addresses_are_supported() -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with answering(stash_of(), host="::1") as server:
        assert check(server.url).ok and check(server.url + "/graphql/").ok


@pytest.mark.parametrize("typed", ["", "/", "/graphql", "/graphql/", "/media/stash", "/media/stash/graphql"])
def test_every_spelling_of_an_address_is_accepted(typed: str) -> None:
    with answering(stash_of()) as server:
        assert check(server.url + typed).ok
        assert {path for path, _ in server.requests} == {
            "/media/stash/graphql" if "media" in typed else "/graphql",
        }


@pytest.mark.parametrize("typed", ["localhost:9999", f"http://u:{KEY}@stash", f"http://stash?apikey={KEY}"])
def test_the_error_for_an_invalid_address_does_not_contain_it(typed: str) -> None:
    assert check(typed).outcome == "wrong_settings"


@pytest.mark.parametrize("key", ["two words", "a\x01b", "schlüssel"])
def test_the_error_for_an_invalid_key_does_not_contain_it(key: str) -> None:
    with answering(stash_of()) as server:
        report = check_connection(server.url, key)
        assert server.requests == []
    assert report.outcome == "wrong_settings" and key not in repr(report)


# --- public addresses ------------------------------------------------------------------------------------


@contextmanager
def _no_server_is_contacted(server: Running) -> Iterator[None]:
    yield
    assert server.requests == []


def elsewhere(host: str, port: int) -> list[str]:
    return ["127.0.0.1", "203.0.113.7"]


def test_a_public_address_is_not_contacted_without_a_key() -> None:
    with answering(stash_of()) as server:
        guard: AbstractContextManager[None] = _no_server_is_contacted(server)
        with guard:
            report = check(server.url, resolver=elsewhere)
        assert report.outcome == "public_address" and "203.0.113.7" in report.message
        assert "--yes-public" in report.message
        assert check(server.url, resolver=elsewhere, ask_public=True).ok
        assert check(server.url, KEY, resolver=elsewhere).ok


def test_a_request_to_a_public_address_is_not_repeated_without_a_rejected_key() -> None:
    with answering(REFUSED, stash_of()) as server:
        report = check(server.url, KEY, resolver=elsewhere)
        assert report.outcome == "wrong_key" and "was not repeated without the key" in report.message
        assert [key for _, key in server.requests] == [KEY]
        assert check(server.url, KEY, resolver=elsewhere, ask_public=True).outcome == "key_not_wanted"


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("127.0.0.1", False), ("10.1.2.3", False), ("172.31.0.1", False), ("172.32.0.1", True), ("192.168.1.1", False),
        ("169.254.0.1", False), ("100.64.1.1", False), ("100.128.0.1", True), ("8.8.8.8", True), ("::1", False),
        ("fe80::1%eth0", False), ("fd00::1", False), ("2001:db8::1", True), ("::ffff:10.0.0.1", False),
        ("::ffff:8.8.8.8", True),
    ],
)  # fmt: skip
def test_public_and_local_addresses_are_distinguished(address: str, public: bool) -> None:
    assert is_public(address) is public


def test_all_spellings_of_an_address_have_the_same_server_key() -> None:
    same = ("http://Stash.example", "HTTP://stash.example:80/graphql", "http://stash.example./")
    assert len({server_key(url) for url in same}) == 1
    others = ("https://stash.example", "http://stash.example:81", "http://stash.example/a", "http://[::1]")
    assert len({server_key(url) for url in (*others, same[0])}) == 5


@pytest.mark.parametrize("scenes", [(8,), (1, 2, 3, 4, 5, 6, 7, 8)])
def test_objects_without_a_creation_time_do_not_fail_the_test(scenes: tuple[int, ...]) -> None:
    library = Library.create()
    generate_library(library, scenes=8, seed=3)
    library.execute_many("UPDATE scenes SET created_at = '0001-01-01T00:00:00Z' WHERE id = ?", [(n,) for n in scenes])
    with SimulatedStash(library).running() as server:
        report = check(server.url)
    assert report.ok, report
    assert report.counts["scenes"] == 8
    assert len(report.oldest["tags"]) == (5 if len(scenes) == 1 else 0)
