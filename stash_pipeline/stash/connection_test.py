"""The connection test: identifies a server, and says in one sentence what prevents mirroring it.

Covers the requests, in an order that does no harm, and the messages. The registry and the output are in
``commands/instances.py``. Nothing is written.
"""

import ipaddress
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import urlsplit

from stash_pipeline.stash.access import Access
from stash_pipeline.stash.address import graphql_url
from stash_pipeline.stash.client import OLDEST, StashClient, release_numbers, release_of
from stash_pipeline.stash.decoding import Part
from stash_pipeline.stash.errors import (
    InvalidResponseError,
    StashConnectionError,
    StashError,
    StashHTTPError,
    StashQueryError,
)
from stash_pipeline.stash.limits import MB, Limits
from stash_pipeline.stash.retries import NO_RETRIES

Outcome = Literal[
    "ok",
    "wrong_settings",
    "key_unreadable",
    "public_address",
    "name_not_resolved",
    "refused",
    "timed_out",
    "unreachable",
    "tls_error",
    "not_stash",
    "server_error",
    "login_page",
    "proxy_login",
    "redirect",
    "wrong_key",
    "key_needed",
    "key_not_wanted",
    "forbidden",
    "setup_pending",
    "migration_pending",
    "too_old",
]

_KINDS = ("scenes", "images", "galleries", "performers", "studios", "groups", "tags")
_COUNTS = {
    "scenes": "scene_count",
    "images": "image_count",
    "galleries": "gallery_count",
    "performers": "performer_count",
    "studios": "studio_count",
    "tags": "tag_count",
}
_MOST_BYTES = 4 * MB
_PATIENCE = 3.0
"""Maximum total time of a request, as a multiple of its timeout."""

_WHO = "{version{version} systemStatus{status}}"
_OLDEST_FEW = 'filter:{per_page:5,sort:"created_at",direction:ASC}'
_FIRST_FEW = 'filter:{per_page:5,sort:"id",direction:ASC}'

# the addresses that Stash itself considers local
_LOCAL = [
    ipaddress.ip_network(network)
    for network in (
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "100.64.0.0/10",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
]

Resolver = Callable[[str, int], list[str]]


@dataclass(frozen=True)
class ConnectionReport:
    """The result of a connection test. ``oldest`` has the first objects of a few entities, by entity and id."""

    outcome: Outcome
    message: str
    url: str
    release: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    key_used: bool = False
    key_refused: bool = False
    oldest: dict[str, dict[int, str]] = field(default_factory=dict, repr=False)

    @property
    def ok(self) -> bool:
        """Whether the server can be mirrored with these settings."""
        return self.outcome == "ok"

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        names = ("outcome", "message", "url", "release", "counts", "seconds", "key_used", "key_refused")
        return {"ok": self.ok, **{name: getattr(self, name) for name in names}}


class _StopError(Exception):
    """Ends the test with an outcome."""

    def __init__(self, outcome: Outcome, sentence: str, release: str | None = None) -> None:
        super().__init__(sentence)
        self.outcome = outcome
        self.message = sentence
        self.release = release


def resolve(host: str, port: int) -> list[str]:
    """The addresses of a host."""
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return sorted({str(entry[4][0]) for entry in addresses})


def is_public(address: str) -> bool:
    """Whether Stash considers an address as outside of its own network."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return not any(ip in network for network in _LOCAL)


def check_connection(
    url: str,
    api_key: str | None = None,
    *,
    access: Access | None = None,
    timeout: float = 10.0,
    connect_timeout: float = 5.0,
    ask_public: bool = False,
    resolver: Resolver = resolve,
) -> ConnectionReport:
    """Asks a server for its release and its number of objects.

    Args:
        url: as typed. api_key: sent if given; if it is rejected, the request is repeated without it.
        access: everything that the server and its proxies require, instead of ``api_key``.
        timeout, connect_timeout: seconds.
        ask_public: allow requests without a key to a public address. A Stash without credentials that gets such a
            request locks everybody out until its configuration is edited.
        resolver: gives the addresses of a host and port.

    Returns:
        A report, even if everything fails; errors of the server are never raised.
    """
    started = time.perf_counter()
    try:
        access = access or Access(api_key)
        address = graphql_url(url)
        # detects an unusable file before anything is sent
        access.ssl_context(address)
    except StashError as error:
        # the input may contain a key
        return ConnectionReport("wrong_settings", str(error), "" if "://" not in url else _host(url))
    report = _Check(address, access, timeout, connect_timeout, ask_public, resolver).run()
    mask = access.mask()
    return replace(
        report,
        message=mask.text(report.message),
        release=mask.text(report.release) if report.release else report.release,
        seconds=round(time.perf_counter() - started, 3),
    )


class _Check:
    def __init__(
        self,
        url: str,
        access: Access,
        timeout: float,
        connect_timeout: float,
        ask_public: bool,
        resolver: Resolver,
    ) -> None:
        self.url = url
        self.access = access
        self.options: dict[str, Any] = {
            "timeout": timeout,
            "connect_timeout": connect_timeout,
            "retries": NO_RETRIES,
            # no server needs longer for a few numbers
            "limits": Limits(answer_bytes=_MOST_BYTES, request_seconds=_PATIENCE * timeout, settings=False),
        }
        self.ask_public = ask_public
        self.resolver = resolver
        self.public: str | None = None

    def run(self) -> ConnectionReport:
        try:
            self._look_up()
            self._guard()
        except _StopError as stop:
            return ConnectionReport(stop.outcome, stop.message, self.url)
        report = self._ask(self.access)
        if self.access.api_key and report.outcome == "wrong_key":
            return self._without_key(report)
        return report

    def _look_up(self) -> None:
        parts = urlsplit(self.url)
        host = parts.hostname or ""
        try:
            addresses = self.resolver(host, parts.port or (443 if parts.scheme == "https" else 80))
        except (OSError, UnicodeError):
            raise _StopError(
                "name_not_resolved", f"The host name {host} cannot be resolved; check its spelling, or the DNS."
            ) from None
        self.public = next((address for address in addresses if is_public(address)), None)

    def _guard(self) -> None:
        if self.public and not self.access.api_key and not self.ask_public:
            raise _StopError(
                "public_address",
                f"{self.url} was not contacted: {self.public} is a public address, and no API key is given. After a "
                "request from a public address, a Stash without credentials locks everybody out until its config.yml "
                "is edited. Set credentials in Stash and give its API key, or continue with --yes-public.",
            )

    def _without_key(self, refused: ConnectionReport) -> ConnectionReport:
        """Repeats a rejected request without the key: the server may require another key, or none."""
        if self.public and not self.ask_public:
            addition = (
                " The request was not repeated without the key, because the address is public (see --yes-public)."
            )
            return replace(refused, message=refused.message + addition)
        second = self._ask(self.access.without_key())
        if second.outcome == "key_needed":
            return refused
        if second.ok:
            sentence = (
                f"{self.url} refuses any API key, because it has no credentials set; without the key, it answers: "
                f"{_summary(second)}. Remove the key with `stash-pipeline instances edit NAME --no-api-key`."
            )
            return replace(second, outcome="key_not_wanted", message=sentence, key_refused=True)
        sentence = f"{second.message} (It refused the API key; the request was repeated without the key.)"
        return replace(second, message=sentence, key_refused=True)

    def _ask(self, access: Access) -> ConnectionReport:
        report = ConnectionReport("ok", "", self.url, key_used=bool(access.api_key))
        try:
            with StashClient(self.url, access=access, **self.options) as client:
                release = self._identity(client)
                counts, oldest = self._contents(client, release)
        except _StopError as stop:
            return replace(report, outcome=stop.outcome, message=stop.message, release=stop.release)
        except StashError as error:
            outcome, sentence = self._explained(error, bool(access.api_key))
            # a rejected key is not used
            refused = outcome == "wrong_key"
            return replace(report, outcome=outcome, message=sentence, key_refused=refused)
        report = replace(report, release=release, counts=counts, oldest=oldest)
        return replace(report, message=f"{self.url} answers: {_summary(report)}.")

    def _identity(self, client: StashClient) -> str:
        status = None
        try:
            data = client.execute(_WHO, name="systemStatus").data
            system = client.part(data, "systemStatus").get("systemStatus")
            status = None if system.value is None else system.get("status").text_or_none()
        except StashQueryError as error:
            if not error.validation:
                raise
            # a release without systemStatus, or another program with GraphQL
            try:
                data = client.execute("{version{version}}", name="version").data
            except StashQueryError:
                raise _StopError(
                    "not_stash", f"{self.url} speaks GraphQL, but is not a Stash; check the URL."
                ) from None
        version = client.part(data, "version").get("version")
        if not isinstance(version.value, dict):
            raise _StopError("not_stash", f"{self.url} speaks GraphQL, but is not a Stash; check the URL.")
        release = release_of(version)
        numbers = release_numbers(release)
        if numbers and numbers[:2] < OLDEST:
            raise _StopError(
                "too_old", f"{self.url} runs {release}; update it: releases before v0.20 are not supported.", release
            )
        if status == "SETUP":
            raise _StopError(
                "setup_pending", f"{self.url} is not set up yet; open it in a browser and finish its setup.", release
            )
        if status == "NEEDS_MIGRATION":
            raise _StopError(
                "migration_pending",
                f"{self.url} needs a database migration; open it in a browser and start it.",
                release,
            )
        if status != "OK":
            raise _StopError("not_stash", f"{self.url} does not report a status of Stash; check the URL.", release)
        return release

    def _contents(self, client: StashClient, release: str) -> tuple[dict[str, int], dict[str, dict[int, str]]]:
        numbers = release_numbers(release)
        groups = "movie_count" if numbers and numbers[:2] < (0, 27) else "group_count"
        names = " ".join(f"{kind}:{name}" for kind, name in {**_COUNTS, "groups": groups}.items())

        def ask(few: str, stamp: str) -> dict[str, Any]:
            return client.execute(
                f"{{stats{{{names}}} findTags({few}){{tags{{id {stamp}}}}} findScenes({few}){{scenes{{id {stamp}}}}}}}",
                name="stats",
            ).data

        # an object without a creation time would come first, and cannot be sent; then use other objects, or no times
        for few, stamp in ((_OLDEST_FEW, "created_at"), (_FIRST_FEW, "created_at"), (_FIRST_FEW, "")):
            try:
                data = ask(few, stamp)
                break
            except StashQueryError as error:
                if not error.nulls or not stamp:
                    raise
        try:
            return _counted(client.part(data, "stats"))
        except InvalidResponseError:
            raise InvalidResponseError(f"{self.url} does not report the object counts of a Stash.") from None

    def _explained(self, error: StashError, with_key: bool) -> tuple[Outcome, str]:
        if isinstance(error, StashConnectionError):
            return self._unreachable(error)
        if isinstance(error, StashHTTPError):
            return self._http(error, with_key)
        if isinstance(error, StashQueryError):
            return "server_error", f"{error}. See Stash's own log."
        return "not_stash", str(error)

    def _unreachable(self, error: StashConnectionError) -> tuple[Outcome, str]:
        if error.reason == "name":
            return "name_not_resolved", str(error)
        if error.reason == "refused":
            return "refused", str(error)
        if error.reason == "timeout":
            return "timed_out", f"{error} Is a firewall in between, or is the server busy?"
        if error.reason == "tls":
            advice = "Give the authority that signed its certificate with --ca-file; or is it an http port?"
            return "tls_error", f"{error} {advice}"
        return "unreachable", str(error)

    def _http(self, error: StashHTTPError, with_key: bool) -> tuple[Outcome, str]:
        status = error.status
        if error.barrier == "proxy" and status != 403:
            return "login_page" if 300 <= status < 400 or status == 200 else "proxy_login", str(error)
        if error.barrier == "proxy login":
            return "proxy_login", str(error)
        # releases before v0.21 answer 500 if they get a key but have no credentials set
        if with_key and (status == 401 or (status == 500 and "unauthorized" in str(error))):
            return (
                "wrong_key",
                f"{self.url} refuses the API key; copy it again from Stash (Settings, Security); for a registered "
                "server, `stash-pipeline instances edit NAME --api-key-stdin` replaces it.",
            )
        if status == 401:
            return (
                "key_needed",
                f"{self.url} has credentials set and needs its API key (Stash: Settings, Security); give it with "
                "--api-key-stdin or --api-key-env.",
            )
        if status == 403 and error.barrier == "proxy":
            return "forbidden", str(error)
        if status == 403:
            return (
                "forbidden",
                f"{self.url} answered 403. After a request from a public address, a Stash without credentials locks "
                "everybody out until its config.yml is edited. Or a proxy denies access.",
            )
        if 300 <= status < 400:
            return "login_page" if error.barrier == "stash" else "redirect", str(error)
        if status < 500 or status == 501:
            return "not_stash", str(error)
        return "server_error", f"{error} It may be a proxy, and Stash behind it is down."


def _counted(data: Part) -> tuple[dict[str, int], dict[str, dict[int, str]]]:
    """Objects per entity, and the creation times of the first objects of some entities, by id."""
    stats = data.get("stats")
    counts = {kind: stats.get(kind).number() for kind in _KINDS}
    oldest = {
        kind: {
            row.get("id").id(): row.get("created_at").text()
            for row in data.get(query).get(kind).items()
            if "created_at" in row.object()
        }
        for kind, query in (("tags", "findTags"), ("scenes", "findScenes"))
    }
    return counts, oldest


def _host(url: str) -> str:
    """The host of a rejected address, for a report: the rest may contain a key."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _summary(report: ConnectionReport) -> str:
    counts = ", ".join(f"{report.counts[kind]:,} {kind}" for kind in _KINDS)
    return f"Stash {report.release or 'of an unnamed release'} with {counts}"
