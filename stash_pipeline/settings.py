"""Settings: the one place that reads the environment, and what a Postgres address may look like.

Here: process-wide settings. Not here: what belongs to one Stash server (its address, its key), which is data
in the registry of instances.
"""

import difflib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from stash_pipeline.errors import UserError
from stash_pipeline.private_directories import USERS_HOME, default_home

ENV_PREFIX: Final = "STASH_PIPELINE_"
DATABASE_URL_VARIABLE: Final = ENV_PREFIX + "DATABASE_URL"

EXAMPLE_URL: Final = "postgresql://user:password@127.0.0.1:5432/stash"
_SCHEMES: Final = ("postgres", "postgresql")
_PORT: Final = re.compile(r"[0-9]{0,5}\Z")
# A name, an address, a directory of sockets (also an abstract one), or nothing.
_HOST: Final = re.compile(r"[\w.:%-]*\Z|[/@]")

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)
"""As Python counts them."""

RECONCILE_MINUTES: Final = (5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440)
"""Parts of an hour, and of a day."""


_DAY_SECONDS: Final = 86_400
_LONGEST_DAYS: Final = 36_500
"""A hundred years: for ever, and still a date."""


class Settings(BaseSettings):
    """What can be set from outside, by environment variables that start with STASH_PIPELINE_."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, allow_inf_nan=False
    )

    home: Path = USERS_HOME
    """Holds the private Postgres, Dagster's home and the logs. That of root is another one unless it is set."""
    database_url: SecretStr | None = None
    """A Postgres of one's own; without it a private one is started under `home`."""
    page_size: Annotated[int, Field(ge=1, le=5000)] = 100
    """Objects asked for in one request."""
    requests_in_flight: Annotated[int, Field(ge=1, le=16)] = 2
    """Requests that one Stash server is asked to answer at a time."""
    request_timeout_seconds: Annotated[float, Field(gt=0, le=_DAY_SECONDS)] = 60
    """Of silence, after which an answer is given up."""
    connect_timeout_seconds: Annotated[float, Field(gt=0, le=_DAY_SECONDS)] = 5
    request_total_seconds: Annotated[float, Field(gt=0, le=_DAY_SECONDS)] = 300
    """Of one request, all its attempts together, however the answer trickles in."""
    answer_max_mb: Annotated[int, Field(ge=1, le=2048)] = 32
    """The largest answer that is read, decompressed."""
    download_max_mb: Annotated[int, Field(ge=1, le=2**20)] = 65_536
    """The largest copy of a server's database that is fetched at all."""
    download_max_seconds: Annotated[float, Field(gt=0, le=_DAY_SECONDS)] = 3600
    """The longest that fetching it may take."""
    instances_in_parallel: Annotated[int, Field(ge=1, le=64)] = 2
    """Stash servers that are read at the same time by one command."""
    overlap_hours: Annotated[float, Field(ge=0, le=26)] = 2
    """How far before its last reading a refresh of changes asks for timestamps: a server writes some of them late."""
    sample_objects: Annotated[int, Field(ge=0, le=10_000)] = 60
    """Objects that a reconcile and a sweep read again at random, to compare them field by field."""
    network_retries: Annotated[int, Field(ge=0, le=10)] = 3
    """How often a run that failed on the network is tried again, unless a person started it by a command."""
    fresh_hours: Annotated[float, Field(gt=0, le=24 * _LONGEST_DAYS)] = 6
    """Without a good refresh for so long, an instance is reported to be stale."""
    changes_seconds: Annotated[int, Field(ge=5, le=_DAY_SECONDS)] = 30
    """How often the sensor asks every server whether anything changed."""
    reconcile_minutes: int = 60
    """How often every server is read by listings, whether or not a change was seen: what a cron schedule can say."""
    sweep_weekday: Weekday = "sunday"
    """The day on which every server is read whole."""
    sweep_hour: Annotated[int, Field(ge=0, le=23)] = 4
    """The hour of that, in the instance's time zone."""
    snapshot_max_mb: Annotated[int, Field(ge=1, le=1 << 30)] = 2048
    """The largest copy of a server's database that is taken without having been asked for."""
    snapshot_max_seconds: Annotated[float, Field(gt=0)] = 60
    """The longest that a server may have needed for the last one: it writes nothing meanwhile."""
    ui_port: Annotated[int, Field(ge=1, le=65535)] = 3000
    keep_runs_days: Annotated[int, Field(ge=1, le=_LONGEST_DAYS)] = 14
    """Age at which the maintenance removes runs, their logs and the ledger, but for what is still the latest."""
    keep_history_days: Annotated[int, Field(ge=1, le=_LONGEST_DAYS)] = 90
    """Age at which the maintenance removes what documents were before they changed."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "WARNING"
    """Of what this program and its libraries say on standard error."""

    @model_validator(mode="before")
    @classmethod
    def _home_of_this_user(cls, values: Any) -> Any:
        return {"home": default_home(), **values} if isinstance(values, dict) else values

    @field_validator("home")
    @classmethod
    def _absolute_home(cls, value: Path) -> Path:
        try:
            return value.expanduser().absolute()
        except RuntimeError:
            raise ValueError("there is no home directory of that user; give a path from the root on") from None

    @field_validator("reconcile_minutes")
    @classmethod
    def _same_every_day(cls, value: int) -> int:
        if value not in RECONCILE_MINUTES:
            *most, last = RECONCILE_MINUTES
            raise ValueError(f"must be {', '.join(map(str, most))} or {last}, so that every day is the same")
        return value

    @field_validator("sweep_weekday", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("log_level", mode="before")
    @classmethod
    def _level_in_any_case(cls, value: Any) -> Any:
        return value.strip().upper() if isinstance(value, str) else value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_database_url(value.get_secret_value())
        return value

    @property
    def snapshots(self) -> Path:
        """Holds copies of servers' databases while they are read."""
        return self.home / "snapshots"

    def with_database(self, url: str) -> "Settings":
        """The same settings with the address of a Postgres: of the private one, once it runs."""
        return self.model_copy(update={"database_url": SecretStr(url)})

    def child_environment(self, **more: str) -> dict[str, str]:
        """The environment for a process of ours, in which it finds these very settings."""
        ours = {
            ENV_PREFIX + name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in self
            if value is not None
        }
        return {**os.environ, **ours, **more}

    def without_database(self) -> "Settings":
        """The same settings with the private Postgres."""
        return self.model_copy(update={"database_url": None})

    def database(self) -> str | None:
        """The address of the configured Postgres in the clear, or None for the private one."""
        return None if self.database_url is None else self.database_url.get_secret_value()


def _sentence(error: ValidationError) -> str:
    """What is wrong, by variable, without the value: it may be a password."""
    parts = []
    for problem in error.errors(include_input=False, include_url=False):
        variable = ENV_PREFIX + str(problem["loc"][0]).upper() if problem["loc"] else "the settings"
        text = problem["msg"].removeprefix("Value error, ")
        parts.append(f"{variable}: {text[:1].lower() + text[1:]}")
    return "; ".join(parts)


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment, with some of them given; UserError says which one is wrong."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        # `from None`: the chained traceback would print the rejected value.
        raise UserError(f"Wrong setting. {_sentence(error)}.") from None


def unknown_variables() -> list[str]:
    """A sentence for each variable of the environment that looks like a setting and is none."""
    known = [ENV_PREFIX + name.upper() for name in Settings.model_fields]
    sentences = []
    for name in sorted(os.environ):
        upper = name.upper()
        ours = upper.startswith(ENV_PREFIX)
        # any variable may hold the key of an instance
        if upper in known or (ours and upper.endswith(_OF_INSTANCES)):
            continue
        nearest = difflib.get_close_matches(upper, known, n=1, cutoff=0.6 if ours else _MISSPELT_PREFIX)
        if ours or nearest:
            meant = f"; did you mean {nearest[0]}?" if nearest else "; README.md lists the settings."
            sentences.append(f"The variable {name} is not a setting and was ignored{meant}")
    return sentences


_OF_INSTANCES: Final = ("KEY", "AUTH", "PASSWORD", "TOKEN")
_MISSPELT_PREFIX: Final = 0.9


_current: Settings | None = None


def get_settings() -> Settings:
    """The settings of this process, read from the environment once unless `use_settings` gave them."""
    global _current
    if _current is None:
        _current = load_settings()
    return _current


def use_settings(settings: Settings | None) -> None:
    """Makes these the settings of this process; None has the environment read anew."""
    global _current
    _current = settings


@contextmanager
def settings_in_use(settings: Settings) -> Iterator[Settings]:
    """Makes these the settings of this process for a block: of all its threads, as Dagster starts its own."""
    before = _current
    use_settings(settings)
    try:
        yield settings
    finally:
        use_settings(before)


def _split_url(url: str) -> str:
    """What follows the scheme of a Postgres address; any driver named in the scheme is dropped."""
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme.partition("+")[0].lower() not in _SCHEMES or not rest:
        raise ValueError(f"a Postgres address looks like {EXAMPLE_URL}")
    return rest


def check_database_url(url: str) -> None:
    """Finds what is wrong with a Postgres address, without repeating any of it: every part may be the password.

    The drivers would take a password for a port or a host where the address is not complete, and name it in their
    errors.

    Raises:
        ValueError: in a sentence's words.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    def refuse(what: str) -> ValueError:
        return ValueError(f"{what}; a Postgres address looks like {EXAMPLE_URL}")

    rest = _split_url(url)
    encode = "write special characters of the password as %40 and the like"
    try:
        parts = conninfo_to_dict(psycopg_url(url))
    except ProgrammingError:
        raise refuse(f"it has a part that Postgres does not know: correct it, or {encode}") from None
    if "@" in rest.partition("?")[0].partition("/")[2]:
        raise refuse(f"its database is no name: {encode}")
    hosts, ports = (str(parts.get(name) or "").split(",") for name in ("host", "port"))
    if not all(_PORT.match(port) and int(port or 1) in range(1, 65536) for port in ports):
        raise refuse(f"its port is no number from 1 to 65535: put the host before it, or {encode}")
    if not all(_HOST.match(host) for host in hosts):
        raise refuse(f"its host is no name of a computer: correct it, or {encode}")
    try:
        # Dagster's driver takes one host only, and less else than libpq does
        make_url(sqlalchemy_url(url))
    except (ArgumentError, ValueError):
        raise refuse(f"name one host, or {encode}") from None


def psycopg_url(url: str) -> str:
    """The address as libpq, and so psycopg, takes it: `postgresql://…`."""
    return "postgresql://" + _split_url(url)


def sqlalchemy_url(url: str, driver: str = "psycopg") -> str:
    """The address as SQLAlchemy takes it, with the driver named.

    Always named, because what a bare `postgresql://` means differs between SQLAlchemy 2.0 and 2.1.
    """
    return f"postgresql+{driver}://" + _split_url(url)
