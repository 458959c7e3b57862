"""Proxies with a login of their own: told apart from Stash, and passed with what they ask for."""

import base64
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from stash_pipeline.instances import Instance
from stash_pipeline.settings import load_settings
from stash_pipeline.stash.access import Access
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.connection_test import ConnectionReport, check_connection
from stash_pipeline.stash.errors import StashError, StashHTTPError
from stash_pipeline.stash.retries import NO_RETRIES
from stash_pipeline.stash.tls import shared_context
from stash_pipeline.sync.server_probe import NEVER_READ, Question, ask
from stash_pipeline_tests.instances.servers import HTML, JSON, Canned, answering, authority, graphql, stash_of

KEY = "eyJhbGciOiJIUzI1NiJ9.not-a-real-key"
LOGIN = "anna:a-password-of-hers"
TOKEN = "the-token-of-the-proxy-0815"
BASIC = Canned(401, "<html>401 Authorization Required</html>", {**HTML, "WWW-Authenticate": 'Basic realm="home"'})
AUTHELIA = Canned(302, "", {"Location": "https://auth.example.org/?rd=http%3A%2F%2Fx%2Fgraphql"})


def basic(headers: Mapping[str, str]) -> Canned | None:
    wanted = "Basic " + base64.b64encode(LOGIN.encode()).decode()
    return None if headers.get("Authorization") == wanted else BASIC


def token(headers: Mapping[str, str]) -> Canned | None:
    return None if headers.get("X-Proxy-Token") == TOKEN else AUTHELIA


def check(url: str, access: Access) -> ConnectionReport:
    report = check_connection(url, access=access, timeout=5.0)
    said = repr(report) + str(report.as_json())
    assert KEY not in said and TOKEN not in said and "a-password-of-hers" not in said
    return report


@pytest.mark.parametrize(
    ("answer", "outcome", "words"),
    [
        (BASIC, "proxy_login", "--basic-auth-env VAR"),
        (Canned(401, "", {"WWW-Authenticate": 'Basic realm="{key}"'}), "proxy_login", "besides the API key"),
        (Canned(401, "", {"WWW-Authenticate": "Bearer"}), "proxy_login", "bearer"),
        (Canned(401, '<a href="https://auth.example.org">401</a>', HTML), "proxy_login", "--header"),
        (Canned(401, "", {"WWW-Authenticate": "FormBased"}), "wrong_key", "refuses the API key"),
        (Canned(401), "wrong_key", "refuses the API key"),
        (AUTHELIA, "login_page", "login page of a proxy at auth.example.org"),
        (Canned(302, "", {"Location": "https://home.example.org/outpost?rd=1"}), "login_page", "home.example.org"),
        (Canned(302, "", {"Location": "/oauth2/sign_in"}), "login_page", "--header"),
        (Canned(302, "", {"Location": "/login"}), "login_page", "give the API key."),
        (Canned(302, "", {"Location": "https://authors.example.org/graphql"}), "redirect", "not followed"),
        (
            Canned(200, '<html><form><input type="password" name="p"></form></html>', HTML),
            "login_page",
            "not with JSON",
        ),
        (Canned(200, "<!DOCTYPE html><title>Sign in - Access</title>"), "login_page", "--header"),
        (Canned(200, "<html>It works!</html>", HTML), "not_stash", "not JSON"),
        (Canned(403, "<html>Forbidden</html>", HTML), "forbidden", "a proxy in front of Stash"),
        (Canned(405, "", {}), "not_stash", "answered 405. Is it a Stash server?"),
        (
            Canned(501, "<html><title>Unsupported method</title><h1>No</h1></html>", HTML),
            "not_stash",
            "answered 501 with a web page: Unsupported method. Is it a Stash server?",
        ),
        (Canned(404, "", {}), "not_stash", "answered 404. Is it a Stash server?"),
        (Canned(404, "gone.", {}), "not_stash", "answered 404: gone. Is it a Stash server?"),
    ],
)
def test_rejections_by_stash_and_by_proxies_are_distinguished(answer: Canned, outcome: str, words: str) -> None:
    # whatever it says to the key, it says without it too
    with answering(answer) as server:
        report = check(server.url, Access(KEY))
        assert (report.outcome, words in report.message) == (outcome, True), report
        with StashClient(server.url, KEY, retries=NO_RETRIES) as client, pytest.raises(StashError) as caught:
            client.server_info()
    assert KEY not in str(caught.value) and str(caught.value).endswith((".", "?")), caught.value


def test_a_basic_login_is_sent_and_its_rejection_is_not_blamed_on_the_key() -> None:
    with answering(stash_of(), gate=basic) as server:
        assert check(server.url, Access(KEY, basic_auth=LOGIN)).ok
        assert [key for _, key in server.requests] == [KEY, KEY]
        wrong = check(server.url, Access(KEY, basic_auth="anna:another-password"))
        assert wrong.outcome == "proxy_login" and "rejects the user and password" in wrong.message
        missing = check(server.url, Access(KEY))
        assert missing.outcome == "proxy_login" and "--basic-auth-env" in missing.message


def test_headers_are_sent_with_every_request_even_without_the_key() -> None:
    access = Access(KEY, headers=(("X-Proxy-Token", TOKEN),))
    refused = Canned(401, headers={"WWW-Authenticate": "FormBased"})
    with answering(refused, stash_of(), gate=token) as server:
        assert check(server.url, access).outcome == "key_not_wanted"
        assert check(server.url, Access(KEY)).outcome == "login_page"


def test_downloads_go_through_the_proxy() -> None:
    with answering(Canned(200, "a file"), gate=token) as server:
        with (
            StashClient(server.url, access=Access(KEY, headers=(("X-Proxy-Token", TOKEN),))) as client,
            client.download("/downloads/x", {}) as response,
        ):
            assert response.read() == b"a file"
        with (
            StashClient(server.url, KEY) as client,
            pytest.raises(StashHTTPError, match="login page of a proxy") as caught,
            client.download("/downloads/x", {}),
        ):
            pass
    assert caught.value.status == 302 and caught.value.barrier == "proxy"


def test_the_sensor_probes_through_the_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_PROXY_LOGIN", LOGIN)
    with answering(graphql(version={"version": "v0.30.1"}), gate=basic) as server:
        plain = Instance(1, "one", "home", server.url, None, None, 0, True, None, 0)
        through = Instance(
            2, "two", "attic", server.url, None, None, 0, True, None, 0, basic_auth_env="TEST_PROXY_LOGIN"
        )
        found = ask(load_settings(home=tmp_path), [Question(plain), Question(through)])
    assert found["two"].reasons == (NEVER_READ,)
    assert "requires its own user and password" in (found["one"].error or "")


@pytest.mark.parametrize("one_file", [True, False])
def test_a_client_certificate_is_sent(tmp_path: Path, one_file: bool) -> None:
    ca_file, tls = authority(tmp_path)
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(ca_file)
    names = ("server.pem", None) if one_file else ("server.crt", "server.key")
    cert, key = (str(tmp_path / name) if name else None for name in names)
    with answering(stash_of(), tls=tls) as server:
        assert check(server.url, Access(KEY, ca_file=str(ca_file), client_cert=cert, client_key=key)).ok
        without = check(server.url, Access(KEY, ca_file=str(ca_file)))
        assert not without.ok and "certificate" in without.message, without


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"client_cert": "none.pem"}, "does not exist"),
        ({"client_cert": "server.key"}, "contains no certificate"),
        ({"client_cert": "server.crt"}, "--client-key"),
        ({"client_cert": "server.crt", "client_key": "ca.pem"}, "contains no private key"),
        ({"client_cert": "ca.pem", "client_key": "server.key"}, "does not belong"),
        ({"client_cert": "server.crt", "client_key": "locked.key"}, "passphrase"),
    ],
)
def test_an_unusable_client_certificate_is_reported(tmp_path: Path, files: dict[str, str], words: str) -> None:
    authority(tmp_path)
    key: Any = serialization.load_pem_private_key((tmp_path / "server.key").read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"a passphrase")
    pem, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (tmp_path / "locked.key").write_bytes(key.private_bytes(pem, form, locked))
    key_file = files.get("client_key")
    access = Access(
        client_cert=str(tmp_path / files["client_cert"]), client_key=str(tmp_path / key_file) if key_file else None
    )
    report = check("https://127.0.0.1:1", access)
    assert report.outcome == "wrong_settings" and words in report.message, report


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"headers": (("ApiKey", TOKEN),)}, "--api-key-stdin"),
        ({"headers": (("Host", TOKEN),)}, "cannot be set"),
        ({"headers": (("Two words", TOKEN),)}, "'Name: value'"),
        ({"headers": (("X", f"{TOKEN}\r\nHost: x"),)}, "cannot have"),
        ({"headers": (("X", ""),)}, "is empty"),
        ({"basic_auth": TOKEN}, "user:password"),
        ({"basic_auth": LOGIN, "headers": (("authorization", TOKEN),)}, "exclude each other"),
    ],
)
def test_invalid_headers_are_rejected_without_repeating_them(given: dict[str, Any], words: str) -> None:
    with pytest.raises(StashError, match=words) as caught:
        Access(**given)
    assert TOKEN not in str(caught.value)


def test_tls_contexts_are_shared_and_renewed_when_a_file_changes(tmp_path: Path) -> None:
    ca_file, _ = authority(tmp_path)
    nothing = (None, None, None)
    https = shared_context("https://a", nothing)
    assert https is shared_context("HTTPS://b", nothing)
    plain = shared_context("http://a", nothing)
    assert plain is shared_context("http://b", (str(ca_file), None, None))
    # it never reads the system's authorities, nor would it trust anybody
    assert plain is not https and not plain.get_ca_certs() and plain.verify_mode is ssl.CERT_REQUIRED
    mine = shared_context("https://a", (str(ca_file), None, None))
    assert mine is shared_context("https://b", (str(ca_file), None, None)) and mine is not https
    authority(tmp_path)
    assert shared_context("https://a", (str(ca_file), None, None)) is not mine


def test_json_in_a_rejection_is_not_mistaken_for_a_web_page() -> None:
    with answering(Canned(401, '{"error": "no"}', JSON)) as server:
        assert check(server.url, Access()).outcome == "key_needed"
