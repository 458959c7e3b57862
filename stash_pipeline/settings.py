"""Settings: the only place that reads the environment, and the validation of Postgres addresses.

Settings are process-wide. What belongs to one Stash server (its address, its key) is in the registry of instances.
"""

import difflib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from stash_pipeline.errors import UserError
from stash_pipeline.private_directories import USERS_HOME, default_home

ENV_PREFIX: Final = "STASH_PIPELINE_"
DATABASE_URL_VARIABLE: Final = ENV_PREFIX + "DATABASE_URL"

FILE_SUFFIX: Final = "_FILE"
"""At the end of a variable that names a file with the secret instead of holding it."""
SECRET_SETTINGS: Final = ("database_url", "typesense_key")

EXAMPLE_URL: Final = "postgresql://user:password@127.0.0.1:5432/stash"
_SCHEMES: Final = ("postgres", "postgresql")
_PORT: Final = re.compile(r"[0-9]{0,5}\Z")
# a name, an address, a directory of sockets (possibly abstract), or nothing
_HOST: Final = re.compile(r"[\w.:%-]*\Z|[/@]")

_HEADER_VALUE: Final = re.compile(r"[\x21-\x7e]+\Z")

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: Final[tuple[Weekday, ...]] = get_args(Weekday)
"""In Python's order."""

SCHEDULED_MINUTES: Final = (5, 6, 10, 12, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, 1440)
"""Divisors of an hour and of a day."""


_DAY_SECONDS: Final = 86_400
_LONGEST_DAYS: Final = 36_500
"""A hundred years: practically forever, but still a valid date."""


class Settings(BaseSettings):
    """The settings, from environment variables that start with STASH_PIPELINE_."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX, env_ignore_empty=True, extra="ignore", frozen=True, allow_inf_nan=False
    )

    home: Path = USERS_HOME
    """Contains the private Postgres, Dagster's home and the logs. Root has another default."""
    key_file: Path | None = None
    """The key that stored API keys are encrypted with; by default `instances.key` in `home`. Hosts that share a
    database need the same one."""
    database_url: SecretStr | None = None
    """Your own Postgres; without it, a private one is started under `home`."""
    private_port: Annotated[int, Field(ge=1024, le=65535)] | None = None
    """Port of 127.0.0.1 on which the private Postgres listens; without it, it has a socket in the home only."""
    page_size: Annotated[int, Field(ge=1, le=5000)] = 100
    """Objects per request."""
    requests_in_flight: Annotated[int, Field(ge=1, le=16)] = 2
    """Concurrent requests per Stash server."""
    request_timeout_seconds: Annotated[float, Field(gt=0, le=_DAY_SECONDS)] = 60
    """Silence after which a response is abandoned."""
    connect_timeout_seconds: Annotated[float, Field(gt=0, le=_DAY_SECONDS)] = 5
    request_total_seconds: Annotated[float, Field(gt=0, le=_DAY_SECONDS)] = 300
    """Total for one request including retries, also if the response trickles in."""
    answer_max_mb: Annotated[int, Field(ge=1, le=2048)] = 32
    """Maximum size of a response, decompressed."""
    download_max_mb: Annotated[int, Field(ge=1, le=2**20)] = 65_536
    """Maximum size of a snapshot download."""
    download_max_seconds: Annotated[float, Field(gt=0, le=_DAY_SECONDS)] = 3600
    """Maximum duration of a snapshot download."""
    stashbox_ids_per_request: Annotated[int, Field(ge=1, le=40)] = 30
    """Objects of a stash-box per request. Each is a query of its own there."""
    instances_in_parallel: Annotated[int, Field(ge=1, le=64)] = 2
    """Stash servers that one command reads at the same time."""
    overlap_hours: Annotated[float, Field(ge=0, le=26)] = 2
    """How far before its last read mode changes asks for timestamps: a server commits some of them late."""
    sample_objects: Annotated[int, Field(ge=0, le=10_000)] = 60
    """Random objects that a reconcile and a sweep read again and compare field by field."""
    network_retries: Annotated[int, Field(ge=0, le=10)] = 3
    """Retries of a run that failed on the network, unless a command started it."""
    stashbox_minutes: int = 60
    """How often every enabled stash-box is asked what is due; an interval that a cron schedule can express."""
    stashbox_unmatched_days: Annotated[float, Field(ge=0, le=_LONGEST_DAYS)] = 7
    """Age at which an empty answer of a stash-box becomes due again."""
    stashbox_matched_days: Annotated[float, Field(ge=0, le=_LONGEST_DAYS)] = 30
    """Age at which an answer with scenes becomes due again."""
    stashbox_document_days: Annotated[float, Field(ge=0, le=_LONGEST_DAYS)] = 7
    """Age at which a record of a stash-box that a local object is linked to is read again."""
    stashbox_missing_days: Annotated[float, Field(ge=0, le=_LONGEST_DAYS)] = 30
    """Age at which a stash-box is asked again for the scenes of a favorite, if `boxes edit --list-missing` is set."""
    fresh_hours: Annotated[float, Field(gt=0, le=24 * _LONGEST_DAYS)] = 6
    """An instance without a successful sync for this long is reported as stale."""
    changes_seconds: Annotated[int, Field(ge=5, le=_DAY_SECONDS)] = 30
    """How often the sensor asks a server whether anything changed, unless its answers are fast."""
    fast_answer_milliseconds: Annotated[float, Field(ge=0, le=1000)] = 20
    """A server whose answers take less is asked every 5 s; 0: none is."""
    reconcile_share_percent: Annotated[float, Field(ge=0, le=50)] = 1
    """How much of the time a server may be compared; 0: only at the longest interval."""
    reconcile_seconds: Annotated[int, Field(ge=10, le=_DAY_SECONDS)] = 60
    """The shortest time between two comparisons of a server."""
    reconcile_minutes: Annotated[int, Field(ge=1, le=1440)] = 60
    """The longest time between two comparisons of a server."""
    sweep_weekday: Weekday = "sunday"
    """The day on which every server is read in full."""
    sweep_hour: Annotated[int, Field(ge=0, le=23)] = 4
    """The hour of the sweep, in the instance's time zone."""
    snapshot_max_mb: Annotated[int, Field(ge=1, le=1 << 30)] = 2048
    """The largest snapshot that lane `auto` uses."""
    snapshot_max_seconds: Annotated[float, Field(gt=0)] = 60
    """Lane `auto` uses no snapshot if the last one took longer to create, because it blocks writes on the server."""
    export_tables: str = "scenes_full"
    """Tables, views and patterns that the job `export` writes, separated by spaces or commas."""
    export_format: Literal["parquet", "csv", "jsonl"] = "csv"
    """The format of exports."""
    export_dir: Path | None = None
    """The folder of exports; without it, `exports` in the home."""
    export_hour: Annotated[int, Field(ge=0, le=23)] = 5
    """The hour (UTC) at which the job `export` runs every day, once its schedule is switched on."""
    export_seconds: Annotated[float, Field(gt=0, le=_DAY_SECONDS)] = 3600
    """How long the export of one table may take."""
    search_images: bool = False
    """Whether images are in the search, too; most libraries have many, and few of them have words."""
    search_index: bool = True
    """Whether runs let the search index follow. A home that does not outlive a run would build it each time."""
    typesense_url: str | None = None
    """Your own Typesense server for the search; without it, the index is embedded."""
    typesense_key: SecretStr | None = None
    """A key of the Typesense server that may create collections and aliases."""
    typesense_prefix: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")] = "stash"
    """How names of collections begin. Two databases that share a Typesense server need different ones."""
    typesense_ca_file: Path | None = None
    """PEM file of the authority that signed the certificate of the Typesense server."""
    typesense_timeout_seconds: Annotated[float, Field(gt=0, le=_DAY_SECONDS)] = 30
    """Silence after which a request to Typesense is abandoned."""
    metrics_port: Annotated[int | None, Field(ge=1, le=65535)] = None
    """Port on 127.0.0.1 at which `up` serves metrics for Prometheus; without it, it serves none."""
    notify_urls: SecretStr | None = None
    """Apprise addresses that notifications are sent to, separated by spaces or commas."""
    notify_urls_file: Path | None = None
    """A file with more of them, one per line."""
    notify_imported_scenes: Annotated[int, Field(ge=1, le=2**31)] = 10
    """The fewest new scenes of a sync that are notified of."""
    notify_unreachable_minutes: Annotated[float, Field(ge=0, le=24 * 60)] = 5
    """How long a server must not respond before it is notified of."""
    notify_quiet_hours: str | None = None
    """When nothing is sent, like 22:00-07:00 or 22:00-07:00 Europe/Berlin; it is sent afterwards."""
    notify_resolved: bool = False
    """Whether the end of a cause is notified of, too."""
    notify_templates: Path | None = None
    """A folder with texts of your own."""
    ui_port: Annotated[int, Field(ge=1, le=65535)] = 3000
    live: bool = True
    """Whether `up` and `demo` also run the process that follows hints of the servers."""
    prepared_runs: bool = True
    """Whether the runs of sensors are forked from a process that has imported everything; Linux only."""
    webhook_host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:_-]{1,255}$")] = "127.0.0.1"
    """The address on which the webhook for hints listens."""
    webhook_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """The port of the webhook for hints; 0 for no webhook."""
    keep_runs_days: Annotated[int, Field(ge=1, le=_LONGEST_DAYS)] = 14
    """Age at which the maintenance removes runs, their logs and the ledger, but for what is still the latest."""
    keep_runs: Annotated[int, Field(ge=100, le=10_000_000)] = 2000
    """The number of runs of which the maintenance removes the oldest, whatever their age."""
    keep_events: Annotated[int, Field(ge=10_000, le=1_000_000_000)] = 200_000
    """The number of events of runs; with more, the maintenance removes the oldest runs, whatever their age."""
    keep_history_days: Annotated[int, Field(ge=1, le=_LONGEST_DAYS)] = 90
    """Age at which the maintenance removes what documents were before they changed."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "WARNING"
    """The log level of standard error, for this program and its libraries."""

    @model_validator(mode="before")
    @classmethod
    def _home_of_this_user(cls, values: Any) -> Any:
        return {"home": default_home(), **values} if isinstance(values, dict) else values

    @model_validator(mode="before")
    @classmethod
    def _secrets_from_files(cls, values: Any) -> Any:
        """Reads the settings whose variable with `_FILE` names a file, as containers pass secrets."""
        if not isinstance(values, dict):
            return values
        missing = [name for name in SECRET_SETTINGS if not values.get(name)]
        named = [name for name in missing if os.environ.get(f"{ENV_PREFIX}{name.upper()}{FILE_SUFFIX}")]
        return {**values, **{name: _content(name) for name in named}}

    @field_validator("key_file")
    @classmethod
    def _absolute_key_file(cls, value: Path | None) -> Path | None:
        return None if value is None else value.absolute()

    @field_validator("home")
    @classmethod
    def _absolute_home(cls, value: Path) -> Path:
        try:
            return value.expanduser().absolute()
        except RuntimeError:
            raise ValueError("that user has no home directory; give an absolute path") from None

    @field_validator("stashbox_minutes")
    @classmethod
    def _same_every_day(cls, value: int) -> int:
        if value not in SCHEDULED_MINUTES:
            *most, last = SCHEDULED_MINUTES
            raise ValueError(f"must be {', '.join(map(str, most))} or {last}, to divide every day evenly")
        return value

    @field_validator("sweep_weekday", mode="before")
    @classmethod
    def _any_case(cls, value: Any) -> Any:
        return value.strip().lower() if isinstance(value, str) else value

    @field_validator("export_dir")
    @classmethod
    def _absolute_exports(cls, value: Path | None) -> Path | None:
        return None if value is None else value.expanduser().absolute()

    @field_validator("log_level", mode="before")
    @classmethod
    def _level_in_any_case(cls, value: Any) -> Any:
        return value.strip().upper() if isinstance(value, str) else value

    @field_validator("typesense_url")
    @classmethod
    def _known_typesense(cls, value: str | None) -> str | None:
        return None if value is None else check_typesense_url(value)

    @field_validator("typesense_key")
    @classmethod
    def _key_for_a_header(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _HEADER_VALUE.match(value.get_secret_value()):
            raise ValueError("has spaces or characters that no API key has; copy it again")
        return value

    @field_validator("notify_quiet_hours")
    @classmethod
    def _known_hours(cls, value: str | None) -> str | None:
        if value is not None:
            from stash_pipeline.notifications.quiet_hours import quiet_hours

            quiet_hours(value)
        return value

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            check_database_url(value.get_secret_value())
        return value

    @property
    def snapshots(self) -> Path:
        """The folder of snapshots while they are read."""
        return self.home / "snapshots"

    @property
    def exports(self) -> Path:
        """The folder of exports."""
        return self.export_dir or self.home / "exports"

    def with_database(self, url: str) -> "Settings":
        """The same settings with the address of a Postgres, such as the private one once it runs."""
        return self.model_copy(update={"database_url": SecretStr(url)})

    def child_environment(self, **more: str) -> dict[str, str]:
        """The environment for a child process that will have the same settings."""
        ours = {
            ENV_PREFIX + name.upper(): value.get_secret_value() if isinstance(value, SecretStr) else str(value)
            for name, value in self
            if value is not None
        }
        return {**os.environ, **ours, **more}

    def without_database(self) -> "Settings":
        """The same settings, with the private Postgres."""
        return self.model_copy(update={"database_url": None})

    def database(self) -> str | None:
        """The address of the configured Postgres, including its password, or None for the private one."""
        return None if self.database_url is None else self.database_url.get_secret_value()


def _content(name: str) -> str:
    """The secret in the file that a variable names."""
    variable = ENV_PREFIX + name.upper()
    text = secret_of(variable)
    if not text:
        raise UserError(f"The file of {variable}{FILE_SUFFIX} is empty; write the secret into it.")
    return text


def _sentence(error: ValidationError) -> str:
    """The errors by variable, without the values, which can be passwords."""
    parts = []
    for problem in error.errors(include_input=False, include_url=False):
        variable = ENV_PREFIX + str(problem["loc"][0]).upper() if problem["loc"] else "the settings"
        text = problem["msg"].removeprefix("Value error, ")
        parts.append(f"{variable}: {text[:1].lower() + text[1:]}")
    return "; ".join(parts)


def load_settings(**overrides: Any) -> Settings:
    """Loads the settings from the environment, with overrides.

    Raises:
        UserError: names the invalid setting.
    """
    try:
        return Settings(**overrides)
    except ValidationError as error:
        # `from None`: the chained traceback would print the rejected value.
        raise UserError(f"Invalid setting. {_sentence(error)}.") from None


def unknown_variables() -> list[str]:
    """A warning for each environment variable that looks like a setting but is not one."""
    variables = [ENV_PREFIX + name.upper() for name in Settings.model_fields]
    variables += [f"{ENV_PREFIX}{name.upper()}{FILE_SUFFIX}" for name in SECRET_SETTINGS]
    sentences = []
    for name in sorted(os.environ):
        upper = name.upper()
        ours = upper.startswith(ENV_PREFIX)
        # a variable with any name can contain the key of an instance
        if upper in variables or (ours and upper.endswith(_OF_INSTANCES)):
            continue
        if ours:
            # without the prefix, which makes all of them alike
            own = [variable.removeprefix(ENV_PREFIX) for variable in variables]
            closest = difflib.get_close_matches(upper.removeprefix(ENV_PREFIX), own, n=1, cutoff=0.6)
            nearest = [ENV_PREFIX + each for each in closest]
        else:
            nearest = difflib.get_close_matches(upper, variables, n=1, cutoff=_MISSPELT_PREFIX)
        if ours or nearest:
            hint = f"; did you mean {nearest[0]}?" if nearest else "; docs/settings.md lists the settings."
            sentences.append(f"The variable {name} is not a setting and was ignored{hint}")
    return sentences


_OF_INSTANCES: Final = tuple(word + end for word in ("KEY", "AUTH", "PASSWORD", "TOKEN") for end in ("", FILE_SUFFIX))
_MISSPELT_PREFIX: Final = 0.9


_current: Settings | None = None


def get_settings() -> Settings:
    """The settings of this process: those of `use_settings`, or those of the environment, read once."""
    global _current
    if _current is None:
        _current = load_settings()
    return _current


def use_settings(settings: Settings | None) -> None:
    """Makes these the settings of this process; None reads the environment again."""
    global _current
    _current = settings


@contextmanager
def settings_in_use(settings: Settings) -> Iterator[Settings]:
    """Makes these the settings of this process for a block, in all threads, because Dagster starts its own."""
    before = _current
    use_settings(settings)
    try:
        yield settings
    finally:
        use_settings(before)


def secret_of(variable: str) -> str:
    """The value of an environment variable, or the content of the file that the variable with `_FILE` names.

    Raises:
        UserError: if that file cannot be read.
    """
    value = os.environ.get(variable, "").strip()
    file = os.environ.get(variable + FILE_SUFFIX)
    if value or not file:
        return value
    try:
        return Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise UserError(f"The file of {variable}{FILE_SUFFIX} cannot be read: {reason}.") from None


def _split_url(url: str) -> str:
    """The part of a Postgres address after the scheme; a driver in the scheme is dropped."""
    scheme, separator, rest = url.strip().partition("://")
    if not separator or scheme.partition("+")[0].lower() not in _SCHEMES or not rest:
        raise ValueError(f"a Postgres address looks like {EXAMPLE_URL}")
    return rest


def check_database_url(url: str) -> None:
    """Validates a Postgres address without repeating any part of it, because each part can be the password.

    If the address is incomplete, the drivers mistake the password for a port or a host and show it in their errors.

    Raises:
        ValueError: says what is wrong.
    """
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    def refuse(reason: str) -> ValueError:
        return ValueError(f"{reason}; a Postgres address looks like {EXAMPLE_URL}")

    rest = _split_url(url)
    encode = "percent-encode special characters of the password, like %40 for @"
    try:
        parts = conninfo_to_dict(psycopg_url(url))
    except ProgrammingError:
        raise refuse(f"one of its parts is unknown to Postgres: correct it, or {encode}") from None
    if "@" in rest.partition("?")[0].partition("/")[2]:
        raise refuse(f"its database name is invalid: {encode}")
    hosts, ports = (str(parts.get(name) or "").split(",") for name in ("host", "port"))
    if not all(_PORT.match(port) and int(port or 1) in range(1, 65536) for port in ports):
        raise refuse(f"its port is not a number from 1 to 65535: put the host before it, or {encode}")
    if not all(_HOST.match(host) for host in hosts):
        raise refuse(f"its host name is invalid: correct it, or {encode}")
    try:
        # Dagster's driver supports only one host, and less than libpq otherwise
        make_url(sqlalchemy_url(url))
    except (ArgumentError, ValueError):
        raise refuse(f"name one host, or {encode}") from None


def check_typesense_url(url: str) -> str:
    """Validates the address of a Typesense server; returns it without a slash at the end.

    Raises:
        ValueError: says what is wrong, without repeating the address.
    """
    example = "a Typesense address looks like http://127.0.0.1:8108"
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise ValueError(f"its port or host is invalid; {example}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment or port == 0:
        raise ValueError(example)
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"must not contain a login; put the key into {ENV_PREFIX}TYPESENSE_KEY")
    return url.strip().rstrip("/")


def psycopg_url(url: str) -> str:
    """The address for libpq and psycopg: `postgresql://…`."""
    return "postgresql://" + _split_url(url)


def sqlalchemy_url(url: str, driver: str = "psycopg") -> str:
    """The address for SQLAlchemy, with the driver.

    The driver is explicit because the meaning of a bare `postgresql://` differs between SQLAlchemy 2.0 and 2.1.
    """
    return f"postgresql+{driver}://" + _split_url(url)
