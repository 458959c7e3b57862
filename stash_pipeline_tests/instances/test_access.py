"""``stash-pipeline instances``: access data for proxies, stored without readable secrets."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from stash_pipeline.instances import get_instance
from stash_pipeline.warehouse.connect import connect
from stash_pipeline_tests.instances.servers import HTML, Canned, answering, authority, stash_of
from stash_pipeline_tests.instances.test_commands import Commands, run

pytestmark = pytest.mark.processes

TOKEN = "the-token-of-the-proxy-0815"
OTHER = "http://stash.example:9999"

__all__ = ["run"]


def gate(headers: Mapping[str, str]) -> Canned | None:
    return None if headers.get("X-Proxy-Token") == TOKEN else Canned(401, "<html>who are you</html>", HTML)


def test_headers_are_stored_encrypted_shown_by_name_and_can_be_removed(run: Commands) -> None:
    added = run("add", "home", OTHER, "--header", f"X-Proxy-Token: {TOKEN}", "--header", "X-Second:two", "--json")
    assert added.json["headers"] == ["X-Proxy-Token", "X-Second"]
    listed = run("list", "--json")
    assert listed.json[0]["headers"] == ["X-Proxy-Token", "X-Second"]
    assert TOKEN not in added.out + listed.out + run("list").out
    assert TOKEN not in repr(run.rows()) and TOKEN.encode().hex() not in repr(run.rows())
    with connect(run.database_url) as connection:
        assert get_instance(connection, "home").headers(run.home) == (("X-Proxy-Token", TOKEN), ("X-Second", "two"))
    edited = run("edit", "home", "--header", "x-second: changed", "--header", "X-Third: 3", "--json")
    assert edited.json["headers"] == ["X-Proxy-Token", "x-second", "X-Third"]
    assert run("edit", "home", "--no-headers", "--header", "X-Only: 1", "--json").json["headers"] == ["X-Only"]
    assert run("edit", "home", "--no-headers", "--json").json["headers"] == []
    with connect(run.database_url) as connection:
        assert get_instance(connection, "home").headers(run.home) == ()


def test_login_and_certificate_are_shown_and_can_be_removed(run: Commands, tmp_path: Path) -> None:
    authority(tmp_path)
    cert, key = str(tmp_path / "server.crt"), str(tmp_path / "server.key")
    options = ("--basic-auth-env", "PROXY_LOGIN", "--client-cert", cert, "--client-key", key)
    added = run("add", "home", OTHER, *options, "--json").json
    assert (added["basic_auth"], added["client_cert"], added["client_key"]) == ("$PROXY_LOGIN", cert, key)
    one = run("edit", "home", "--client-cert", str(tmp_path / "server.pem"), "--json").json
    assert (one["client_cert"], one["client_key"]) == (str(tmp_path / "server.pem"), None)
    gone = run("edit", "home", "--no-basic-auth", "--no-client-cert", "--json").json
    assert (gone["basic_auth"], gone["client_cert"], gone["client_key"]) == (None, None, None)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--header", TOKEN), "with a colon"),
        (("--header", f"ApiKey: {TOKEN}"), "--api-key-stdin"),
        (("--header", f"Two words: {TOKEN}"), "'Name: value'"),
        (("--header", "Empty:"), "is empty"),
        (("--basic-auth-env", "anna:secret-of-anna"), "the name of a variable"),
        (("--client-key", "key.pem"), "--client-cert"),
        (("--client-cert", "none.pem"), "does not exist"),
    ],
)
def test_unusable_access_options_are_rejected_without_repeating_them(
    run: Commands, options: tuple[str, ...], sentence: str
) -> None:
    said = run.refused("add", "home", OTHER, *options)
    assert sentence in said and TOKEN not in said and "secret-of-anna" not in said
    assert run("list", "--json").json == []


@pytest.mark.parametrize(
    "options", [("--basic-auth-env", "X", "--no-basic-auth"), ("--client-cert", "x", "--no-client-cert")]
)
def test_setting_and_removing_an_option_are_mutually_exclusive(run: Commands, options: tuple[str, ...]) -> None:
    run("add", "home", OTHER)
    assert "exclude each other" in run.refused("edit", "home", *options)


def test_a_server_behind_a_proxy_is_tested_and_added(run: Commands) -> None:
    with answering(stash_of(), gate=gate) as server:
        refused = run("test", server.url, "--json")
        assert refused.code == 1 and refused.json["outcome"] == "proxy_login"
        header = ("--header", f"X-Proxy-Token: {TOKEN}")
        assert run("test", server.url, *header, "--json").json["ok"]
        assert run("add", "home", server.url + "/scenes?sortby=date", *header, "--test").code == 0
        assert run("test", "home", "--json").json["ok"]
        wrong = run("test", "home", "--header", "X-Proxy-Token: another", "--json")
        assert wrong.json["outcome"] == "proxy_login"
        assert TOKEN not in wrong.out
        # what was tried was not kept
        assert run("test", "home", "--json").json["ok"]


def test_a_missing_login_variable_is_reported(run: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROXY_LOGIN", raising=False)
    run("add", "home", OTHER, "--basic-auth-env", "PROXY_LOGIN")
    done = run("test", "home")
    assert done.code == 1 and "The variable PROXY_LOGIN with the proxy login of the server is not set" in done.err


def test_undecryptable_headers_are_reported_and_can_be_set_again(run: Commands) -> None:
    run("add", "home", OTHER, "--header", f"X-Proxy-Token: {TOKEN}")
    (run.home / "instances.key").unlink()
    done = run("test", "home")
    assert done.code == 1 and "stored headers cannot be decrypted" in done.err
    # to add to what cannot be read would lose it unsaid
    assert "--no-headers" in run.refused("edit", "home", "--header", "X: 1")
    assert run("edit", "home", "--no-headers", "--header", "X: 1", "--json").json["headers"] == ["X"]


def test_an_archived_instance_keeps_no_access_data(run: Commands) -> None:
    run("add", "home", OTHER, "--header", f"X-Proxy-Token: {TOKEN}", "--basic-auth-env", "PROXY_LOGIN")
    run("remove", "home", "--keep-rows")
    (row,) = run("list", "--all", "--json").json
    assert (row["headers"], row["basic_auth"], row["client_cert"]) == ([], None, None)
    assert json.dumps(row)
