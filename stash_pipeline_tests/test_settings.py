"""Settings: one place, checked, and no secret in what is said about them."""

import psycopg
import pytest
from sqlalchemy import create_engine, make_url, text

from stash_pipeline.errors import UserError
from stash_pipeline.private_directories import default_home
from stash_pipeline.settings import (
    get_settings,
    load_settings,
    psycopg_url,
    settings_in_use,
    sqlalchemy_url,
    use_settings,
)
from stash_pipeline.warehouse.connect import connect

SOCKET_URL = "postgresql://postgres@/postgres?host=/tmp/a%20b"


def test_defaults_need_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STASH_PIPELINE_HOME", raising=False)
    monkeypatch.delenv("STASH_PIPELINE_DATABASE_URL", raising=False)
    settings = load_settings()
    assert settings.home == default_home().expanduser()
    assert settings.database() is None
    assert (settings.page_size, settings.requests_in_flight, settings.ui_port) == (100, 2, 3000)


def test_the_environment_is_read_once_and_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    use_settings(None)
    monkeypatch.setenv("STASH_PIPELINE_PAGE_SIZE", "250")
    assert get_settings().page_size == 250
    monkeypatch.setenv("STASH_PIPELINE_PAGE_SIZE", "300")
    assert get_settings().page_size == 250
    use_settings(None)
    assert get_settings().page_size == 300
    use_settings(None)


def test_settings_can_be_overridden_for_a_block() -> None:
    outside = get_settings()
    with settings_in_use(outside.with_database("postgresql://h/d")):
        assert get_settings().database() == "postgresql://h/d"
    assert get_settings() is outside


def test_a_child_process_has_the_same_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load_settings(page_size=7, database_url="postgresql://me:hush@h/d")
    environment = settings.child_environment(DAGSTER_HOME="/d")
    assert environment["DAGSTER_HOME"] == "/d"
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert load_settings() == settings


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STASH_PIPELINE_DATABASE_URL", "")
    assert load_settings().database() is None


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("PAGE_SIZE", "0", "STASH_PIPELINE_PAGE_SIZE: input should be greater than or equal to 1"),
        ("STASHBOX_MINUTES", "7", "STASH_PIPELINE_STASHBOX_MINUTES: must be 5, 6, 10, 12, 15"),
        ("RECONCILE_MINUTES", "0", "STASH_PIPELINE_RECONCILE_MINUTES: input should be greater than or equal to 1"),
        ("FRESH_HOURS", "inf", "STASH_PIPELINE_FRESH_HOURS: input should be"),
        ("FRESH_HOURS", "nan", "STASH_PIPELINE_FRESH_HOURS: input should be"),
        ("KEEP_RUNS_DAYS", "99999999999", "STASH_PIPELINE_KEEP_RUNS_DAYS: input should be less than"),
        ("KEEP_HISTORY_DAYS", "99999999999", "STASH_PIPELINE_KEEP_HISTORY_DAYS: input should be less than"),
        ("REQUEST_TIMEOUT_SECONDS", "1e300", "STASH_PIPELINE_REQUEST_TIMEOUT_SECONDS: input should be less than"),
        ("HOME", "~nobody-of-this-name/x", "STASH_PIPELINE_HOME: that user has no home directory"),
        ("UI_PORT", "http", "STASH_PIPELINE_UI_PORT: input should be a valid integer"),
        ("DATABASE_URL", "mysql://u:pw@h/d", "STASH_PIPELINE_DATABASE_URL: a Postgres address looks like"),
    ],
)
def test_an_error_names_the_invalid_setting(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    monkeypatch.setenv(f"STASH_PIPELINE_{variable}", value)
    with pytest.raises(UserError) as raised:
        load_settings()
    assert said in str(raised.value)
    assert "pw" not in str(raised.value)


def test_setting_values_are_case_insensitive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STASH_PIPELINE_LOG_LEVEL", "debug")
    monkeypatch.setenv("STASH_PIPELINE_SWEEP_WEEKDAY", " Monday ")
    settings = load_settings()
    assert (settings.log_level, settings.sweep_weekday) == ("DEBUG", "monday")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        # the host forgotten: the password stands where a port would
        ("postgresql://usr:HUSH", "its port is not a number"),
        ("postgresql://usr:HUSH/stash", "its port is not a number"),
        ("postgresql://usr:7357735", "its port is not a number"),
        ("postgresql://usr:HUSH@host:abc/d", "its port is not a number"),
        ("postgresql://usr:HUSH@host:0/d", "its port is not a number"),
        ("postgresql://usr:HUSH@host:99999/d", "its port is not a number"),
        ("postgresql://usr:HUSH@host:५४३२/d", "its port is not a number"),
        ("postgresql://usr:HUSH@host/d?port=-1", "its port is not a number"),
        ("postgresql://usr:/HUSH@host/d", "special characters of the password"),
        ("postgresql://usr:HU/SH@host/d", "special characters of the password"),
        ("postgresql://usr:HU@SH@host/d", "its host name is invalid"),
        ("postgresql://usr:HUSH%zz@host/d", "one of its parts is unknown to Postgres"),
        ("postgresql://usr:HU SH@host/d", "one of its parts is unknown to Postgres"),
        ("postgresql://usr:HUSH@host/d?schema=HUSH", "one of its parts is unknown to Postgres"),
        ("postgresql://usr:HUSH@[::1/d", "one of its parts is unknown to Postgres"),
        ("postgresql://usr:HUSH@one:1,two:2/d", "name one host"),
        ("HUSH", "a Postgres address looks like"),
    ],
)
def test_the_error_for_an_invalid_database_url_does_not_contain_it(
    monkeypatch: pytest.MonkeyPatch, url: str, said: str
) -> None:
    monkeypatch.setenv("STASH_PIPELINE_DATABASE_URL", url)
    with pytest.raises(UserError, match=said) as raised:
        load_settings()
    assert raised.value.__cause__ is None and raised.value.__suppress_context__
    for word in ("HUSH", "HU", "SH@", "7357735", "usr"):
        assert word not in str(raised.value)
    # nor by what opens the connection, should it be given one that nobody has looked at
    with pytest.raises((UserError, ValueError)) as opened:
        connect(url)
    for word in ("HUSH", "HU", "SH@", "7357735"):
        assert word not in str(opened.value)


@pytest.mark.parametrize(
    "url",
    [
        SOCKET_URL,
        "postgresql://u:p@/d",
        "postgresql://u:p@[::1]:5432/d",
        "postgresql://u%40x:p%2F%40%3A@db.ex-a_mple.test:6432/d?sslmode=require&options=-c%20work_mem%3D1MB",
        "postgresql://u:p@127.0.0.1/d?connect_timeout=3",
    ],
)
def test_a_valid_database_url_is_accepted(url: str) -> None:
    assert load_settings(database_url=url).database() == url


def test_the_database_password_is_not_shown() -> None:
    settings = load_settings(database_url="postgresql://me:hush@h/d")
    assert "hush" not in repr(settings)
    assert settings.database() == "postgresql://me:hush@h/d"


@pytest.mark.parametrize(
    "scheme", ["postgres", "postgresql", "postgresql+psycopg", "postgresql+psycopg2", "POSTGRESQL"]
)
@pytest.mark.parametrize("rest", ["u:p%40w@h:5433/d?sslmode=require", SOCKET_URL.split("://")[1]])
def test_database_urls_are_normalized(scheme: str, rest: str) -> None:
    assert psycopg_url(f"{scheme}://{rest}") == f"postgresql://{rest}"
    assert sqlalchemy_url(f"{scheme}://{rest}") == f"postgresql+psycopg://{rest}"
    assert sqlalchemy_url(f"{scheme}://{rest}", "psycopg2") == f"postgresql+psycopg2://{rest}"


def test_both_drivers_accept_a_socket_address() -> None:
    host = "/tmp/a b"
    assert make_url(sqlalchemy_url(SOCKET_URL)).query["host"] == host
    assert psycopg.conninfo.conninfo_to_dict(psycopg_url(SOCKET_URL))["host"] == host


@pytest.mark.parametrize("driver", ["psycopg", "psycopg2"])
def test_both_drivers_reach_the_private_server(postgres: str, driver: str) -> None:
    engine = create_engine(sqlalchemy_url(postgres, driver))
    with engine.connect() as connection:
        assert connection.execute(text("select 1")).scalar() == 1
    engine.dispose()


@pytest.mark.parametrize("wrong", ["", "h/d", "sqlite:///x.db", "postgresql://"])
def test_other_database_urls_are_rejected(wrong: str) -> None:
    with pytest.raises(ValueError, match="looks like"):
        psycopg_url(wrong)
