"""The hostile cases as data: what a server does, and how a refresh must end."""

import base64
import itertools
import json
import time
import urllib.parse
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from stash_pipeline_tests.robustness.hostile.server import Exchange, Spoil

Outcome = Literal["fails", "reports", "survives"]
"""fails: exit code other than 0. reports: says what could not be read; where that is much, it fails. survives: ends
well."""


@dataclass(frozen=True)
class Case:
    """One hostile behaviour.

    Attributes:
        says: what the sentence has to hold, without regard to case. lane: of the refresh.
        writes: a value that its column cannot hold is left out of its document, which is written without it.
    """

    name: str
    spoil: Spoil
    outcome: Outcome = "fails"
    says: tuple[str, ...] = ()
    lane: str = "graphql"
    settings: dict[str, str] = field(default_factory=dict)
    writes: bool = False


# --- answers that break the schema ------------------------------------------------------------------------

MALFORMED: dict[str, Any] = {
    "null": None, "text": "7", "number": 7, "true": True, "list of null": [None], "list of empty objects": [{}],
    "list of ids that are none": [{"id": "abc"}], "list of ids that are null": [{"id": None}], "object": {"id": "1"},
}  # fmt: skip

RELATIONS = (
    ("findScenes", "scenes", "tags"),
    ("findScenes", "scenes", "performers"),
    ("findScenes", "scenes", "files"),
    ("findScenes", "scenes", "galleries"),
    ("findImages", "images", "tags"),
    ("findImages", "images", "performers"),
    ("findGalleries", "galleries", "tags"),
    ("findGalleries", "galleries", "files"),
    ("findPerformers", "performers", "tags"),
    ("findTags", "tags", "parents"),
)
"""Lists that the schema says are never null, nor any of their elements."""


def _everywhere(root: str, result: str, name: str, value: Any) -> Spoil:
    def spoil(exchange: Exchange) -> bool:
        if exchange.root != root:
            return False
        body = exchange.honest()
        for entry in body["data"][root][result]:
            if name in entry:
                entry[name] = value
        return exchange.send(body)

    return spoil


def _broken_relations() -> Iterator[Case]:
    for (root, result, name), (form, value) in itertools.product(RELATIONS, MALFORMED.items()):
        yield Case(f"{result}.{name} is {form} everywhere", _everywhere(root, result, name, value), "reports")
    for root, result, name in RELATIONS:
        # well-formed, and wrong: the guard of vanished objects watches over relations too
        if name != "galleries" and result == "scenes":
            empty = _everywhere(root, result, name, [])
            # the reconcile before a sweep lists the files of few scenes, and few may go
            few = name == "files"
            yield Case(f"{result}.{name} is empty everywhere", empty, "fails", ("removed",), writes=few)


def _listed_as_scalar(type_name: str, field_name: str) -> Spoil:
    def spoil(exchange: Exchange) -> bool:
        if exchange.kind != "introspection":
            return False
        body = exchange.honest()
        for entry in body["data"]["__schema"]["types"]:
            for found in entry.get("fields") or [] if entry["name"] == type_name else []:
                if found["name"] == field_name:
                    found["type"] = {"kind": "SCALAR", "name": "String", "ofType": None}
        return exchange.send(body)

    return spoil


# --- answers that are none --------------------------------------------------------------------------------


def _body(content: bytes, status: int = 200, kinds: tuple[str, ...] = ("page",), **headers: str) -> Spoil:
    def spoil(exchange: Exchange) -> bool:
        return exchange.kind in kinds and exchange.send(content, status, **headers)

    return spoil


def _endless(chunk: bytes, pause: float = 0.0, kinds: tuple[str, ...] = ("page",), **headers: str) -> Spoil:
    def spoil(exchange: Exchange) -> bool:
        if exchange.kind not in kinds:
            return False
        exchange.begin(200, **{"Content-Type": "application/json", "Connection": "close", **headers})
        end = time.monotonic() + 90
        while time.monotonic() < end:
            exchange.write(chunk)
            time.sleep(pause)
        return exchange.close()

    return spoil


def _bomb(window: int = 31) -> bytes:
    """A stream of three megabytes that expands to three gigabytes; ``window`` of zlib: 31 gzip, 15 deflate."""
    packer = zlib.compressobj(9, zlib.DEFLATED, window)
    start = packer.compress(b'{"data": {"x": "') + packer.flush(zlib.Z_FULL_FLUSH)
    # after a full flush a block refers to nothing before it, and can be repeated
    block = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + block * 3072


def _truncated(exchange: Exchange) -> bool:
    if exchange.kind != "page":
        return False
    body = json.dumps(exchange.honest()).encode()
    exchange.begin(200, **{"Content-Type": "application/json", "Content-Length": str(len(body))})
    exchange.write(body[: len(body) // 2])
    return exchange.close()


def _closed(kinds: tuple[str, ...]) -> Spoil:
    return lambda exchange: exchange.kind in kinds and exchange.close()


def _silent(kinds: tuple[str, ...]) -> Spoil:
    def spoil(exchange: Exchange) -> bool:
        if exchange.kind not in kinds:
            return False
        time.sleep(60)
        return exchange.close()

    return spoil


def _nested(depth: int) -> bytes:
    return b'{"data": {"findScenes": ' + b"[" * depth + b"]" * depth + b"}}"


def _large_pages(value: Any) -> Spoil:
    """Scenes with a large value each, in pages just below the limit; forty-eight of them, then none."""

    def spoil(exchange: Exchange) -> bool:
        if exchange.root != "findScenes":
            return False
        body = exchange.honest()
        for entry in body["data"]["findScenes"]["scenes"]:
            if "title" in entry and int(entry["id"]) <= 48:
                entry["title"] = value
        return exchange.send(body)

    return spoil


_SHORT = {"STASH_PIPELINE_REQUEST_TIMEOUT_SECONDS": "1", "STASH_PIPELINE_REQUEST_TOTAL_SECONDS": "2"}
"""Of silence, and of one request with all its attempts."""

_QUERIES = ("status", "introspection", "probe", "page")


def _floods() -> Iterator[Case]:
    for kind in _QUERIES:
        blanks = _endless(b" " * 2**20, kinds=(kind,))
        yield Case(f"the {kind} never ends", blanks, says=("STASH_PIPELINE_ANSWER_MAX_MB",))
        drip = _endless(b" ", 0.3, kinds=(kind,))
        yield Case(f"the {kind} trickles", drip, says=("STASH_PIPELINE_REQUEST_TOTAL_SECONDS",), settings=_SHORT)
        bomb = _body(_bomb(), kinds=(kind,), Content_Encoding="gzip")
        yield Case(f"the {kind} is a gzip bomb", bomb, says=("STASH_PIPELINE_ANSWER_MAX_MB",))
        yield Case(f"the {kind} is not answered", _silent((kind,)), settings=_SHORT)
        yield Case(f"the connection closes before the {kind}", _closed((kind,)), settings=_SHORT)
        yield Case(f"the {kind} is no JSON", _body(b"<h1>Welcome</h1>", kinds=(kind,)), settings=_SHORT)
        yield Case(f"the {kind} is nothing", _body(b"", kinds=(kind,)), settings=_SHORT)
        yield Case(f"the {kind} is null", _body(b"null", kinds=(kind,)), settings=_SHORT)
        yield Case(f"the {kind} has no data", _body(b'{"data": null}', kinds=(kind,)), settings=_SHORT)
        yield Case(f"the {kind} has empty data", _body(b'{"data": {}}', kinds=(kind,)), settings=_SHORT)
        deep = _body(b'{"data": ' + b"[" * 5000 + b"]" * 5000 + b"}", kinds=(kind,))
        yield Case(f"the {kind} is nested 5,000 deep", deep, settings=_SHORT)
    yield Case("a page is nested 100,000 deep", _body(_nested(100_000)), settings=_SHORT)
    yield Case("a page breaks off", _truncated, settings=_SHORT)
    yield Case("a page is bytes", _body(bytes(range(256)) * 4), settings=_SHORT)
    yield Case("a page is broken gzip", _body(b"\x1f\x8b" + b"x" * 100, Content_Encoding="gzip"), settings=_SHORT)
    yield Case("a page is of an unknown encoding", _body(b"x" * 100, Content_Encoding="br"), settings=_SHORT)
    yield Case("a page has a number of 4,000 digits", _body(b'{"data": {"findScenes": ' + b"9" * 4000 + b"}}"))
    four = {"STASH_PIPELINE_PAGE_SIZE": "4"}
    texts, numbers = _large_pages("long " * 1_400_000), _large_pages([0.5] * 700_000)
    yield Case("all pages are as long as they may be", texts, "survives", settings=four, writes=True)
    yield Case("all pages are long lists", numbers, "reports", settings=four, writes=True)
    deflated = _body(_bomb(15), Content_Encoding="deflate")
    yield Case("a page is a deflate bomb", deflated, settings=_SHORT)


# --- proxies ----------------------------------------------------------------------------------------------


def _proxies() -> Iterator[Case]:
    log_in = b"<!DOCTYPE html><html><title>Log in</title><form></form></html>"
    html = {"Content_Type": "text/html"}
    basic = _body(log_in, 401, _QUERIES, WWW_Authenticate='Basic realm="x"', **html)
    yield Case("a proxy asks for a password", basic, says=("--basic-auth-env",))
    yield Case("a proxy shows a page with 401", _body(log_in, 401, _QUERIES, **html), says=("proxy",))
    yield Case("a proxy shows a page with 403", _body(log_in, 403, _QUERIES, **html), says=("403",))
    yield Case("a proxy shows a page with 200", _body(log_in, 200, _QUERIES, **html), settings=_SHORT)
    away = _body(b"", 302, _QUERIES, Location="https://auth.invalid/?rd=https%3A%2F%2Fstash.invalid%2F")
    yield Case("a proxy redirects to a log-in", away, says=("redirect",))
    yield Case("a proxy redirects in a circle", _body(b"", 302, _QUERIES, Location="/graphql"), says=("redirect",))
    form = _body(b"", 401, _QUERIES, WWW_Authenticate="FormBased")
    yield Case("Stash refuses the key", form, says=("API key",))
    for status in (400, 404, 405, 407, 410, 429, 451):
        yield Case(
            f"a proxy answers {status}", _body(b"no", status, _QUERIES, Content_Type="text/plain"), settings=_SHORT
        )
    for status in (500, 502, 503, 504):
        yield Case(f"a proxy answers {status}", _body(log_in, status, ("page",), **html), settings=_SHORT)


# --- the key, echoed --------------------------------------------------------------------------------------

SPELLINGS: dict[str, Callable[[str], str]] = {
    "clear": lambda key: key,
    "base64": lambda key: base64.b64encode(key.encode()).decode(),
    "base64 after one": lambda key: base64.b64encode(b"x" + key.encode()).decode(),
    "base64 after two": lambda key: base64.b64encode(b"xx" + key.encode()).decode(),
    "hex": lambda key: key.encode().hex(),
    "upper hex": lambda key: key.encode().hex().upper(),
    "URL-encoded": lambda key: "".join(f"%{byte:02X}" for byte in key.encode()),
    "quoted": urllib.parse.quote,
    "other case": str.swapcase,
}


def _echo(spell: Callable[[str], str], place: str) -> Spoil:
    def spoil(exchange: Exchange) -> bool:
        text = spell(exchange.key)
        if place == "error" and exchange.kind == "page":
            return exchange.send({"errors": [{"message": f"no: {text}", "path": ["findScenes", text]}], "data": None})
        if place == "error page" and exchange.kind == "page":
            return exchange.send(f"panic: {text}".encode(), 500, Content_Type="text/plain")
        if place == "header" and exchange.kind == "page":
            return exchange.send(b"", 302, Location=f"https://x.invalid/{text}", X_Echo=text)
        if place == "release" and exchange.kind in ("status", "probe"):
            body = exchange.honest()
            body["data"]["version"]["version"] = f"v0.30.1-{text}"
            return exchange.send(body)
        if place == "title" and exchange.root == "findScenes":
            body = exchange.honest()
            for entry in body["data"]["findScenes"]["scenes"]:
                if "title" in entry:
                    entry["title"] = {"echo": text}
                if "rating100" in entry:
                    entry["rating100"] = text
            return exchange.send(body)
        return False

    return spoil


def _echoes() -> Iterator[Case]:
    outcomes: dict[str, Outcome] = {"error": "fails", "error page": "fails", "header": "fails", "title": "reports"}
    for (spelling, spell), (place, outcome) in itertools.product(SPELLINGS.items(), outcomes.items()):
        writes = place == "title"
        yield Case(f"the key in {place}, {spelling}", _echo(spell, place), outcome, settings=_SHORT, writes=writes)
    for spelling, spell in SPELLINGS.items():
        yield Case(f"the key in release, {spelling}", _echo(spell, "release"), "survives", settings=_SHORT)


# --- values that are none ---------------------------------------------------------------------------------


def _changed(kind: str, change: Callable[[Any], None], root: str = "") -> Spoil:
    def spoil(exchange: Exchange) -> bool:
        if exchange.kind != kind or (root and exchange.root != root):
            return False
        body = exchange.honest()
        change(body["data"])
        return exchange.send(body)

    return spoil


def _set(*path: Any, value: Any) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        for step in path[:-1]:
            data = data[step]
        data[path[-1]] = value

    return change


def _each_scene(name: str, value: Any) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        for entry in data["findScenes"]["scenes"]:
            entry[name] = value

    return change


def _doubled(data: Any) -> None:
    scenes = data["findScenes"]["scenes"]
    if len(scenes) > 1 and "title" in scenes[0]:
        scenes[1]["id"] = scenes[0]["id"]


NO_OBJECTS: dict[str, Any] = {"null": None, "a text": "x", "a list": [], "a number": 3}
NO_SCHEMAS: dict[str, Any] = {"a text": "seventy", "a list": [75], "10^30": 10**30, "negative": -1}
NO_COUNTS: dict[str, Any] = {"null": None, "a text": "many", "negative": -5, "10^12": 10**12, "a list": []}
NO_IDS: dict[str, Any] = {"null": None, "a word": "abc", "negative": "-1", "10^30": str(10**30), "a list": []}


def _values() -> Iterator[Case]:
    for name, value in NO_OBJECTS.items():
        yield Case(f"systemStatus is {name}", _changed("status", _set("systemStatus", value=value)), settings=_SHORT)
        scenes = _changed("page", _set("findScenes", value=value), "findScenes")
        yield Case(f"findScenes is {name}", scenes, settings=_SHORT)
        listed = _changed("page", _set("findScenes", "scenes", value=value), "findScenes")
        yield Case(f"findScenes.scenes is {name}", listed, settings=_SHORT)
    for name, value in NO_SCHEMAS.items():
        schema = _changed("status", _set("systemStatus", "databaseSchema", value=value))
        yield Case(f"databaseSchema is {name}", schema, settings=_SHORT)
    for name, value in NO_COUNTS.items():
        count = _changed("probe", _set("scenes", "count", value=value))
        yield Case(f"the count of scenes is {name}", count, settings=_SHORT)
    for name, value in NO_IDS.items():
        identifier = _changed("page", _each_scene("id", value), "findScenes")
        yield Case(f"ids are {name}", identifier, settings=_SHORT)
    yield Case("one id twice", _changed("page", _doubled, "findScenes"), settings=_SHORT)
    for moment in ("0000-01-01T00:00:00Z", "12026-01-01T00:00:00Z", "yesterday", 7):
        stamped = _changed("page", _each_scene("created_at", moment), "findScenes")
        yield Case(f"created_at is {moment}", stamped, "reports", settings=_SHORT, writes=True)
    schema_null = _changed("introspection", _set("__schema", "types", value=None))
    yield Case("the schema has no types", schema_null, settings=_SHORT)
    yield Case("the schema's query type is null", _changed("introspection", _set("__schema", "queryType", value=None)))
    for type_name, field_name in (("Scene", "tags"), ("Scene", "files"), ("Image", "tags"), ("Performer", "tags")):
        spoil = _listed_as_scalar(type_name, field_name)
        yield Case(f"the schema says that {type_name}.{field_name} is a text", spoil, settings=_SHORT)


# --- snapshots of the database -------------------------------------------------------------------------------


def _downloads() -> Iterator[Case]:
    page = b"<html>Log in</html>"
    html = {"Content_Type": "text/html"}
    short = {**_SHORT, "STASH_PIPELINE_DOWNLOAD_MAX_SECONDS": "3"}
    download = ("download",)
    spoils: dict[str, Spoil] = {
        "is refused with 401": _body(b"", 401, download),
        "is refused with 403": _body(page, 403, download, **html),
        "is redirected": _body(b"", 302, download, Location="https://auth.invalid/"),
        "fails with 500": _body(b"no", 500, download),
        "is not found": _body(b"no", 404, download),
        "is a page": _body(page, 200, download, **html),
        "is empty": _body(b"", 200, download),
        "is noise": _body(bytes(range(256)) * 5000, 200, download),
        "is closed": _closed(download),
        "trickles": _endless(b"x", 0.3, download),
        "never ends": _endless(b"\0" * 2**20, 0.02, download),
        "is a gzip bomb": _body(_bomb(), 200, download, Content_Encoding="gzip"),
        "cannot be asked for": _body(b'{"errors": [{"message": "no room"}], "data": null}', 200, ("copy",)),
        "has no link": _body(b'{"data": {"backupDatabase": null}}', 200, ("copy",)),
        "has a link elsewhere": _body(
            b'{"data": {"backupDatabase": "https://elsewhere.invalid/download/x/y.sqlite"}}', 200, ("copy",)
        ),
    }
    for name, spoil in spoils.items():
        yield Case(f"auto: the copy {name}", spoil, "survives", lane="auto", settings=short)
        if name != "has a link elsewhere":
            yield Case(f"snapshot: the copy {name}", spoil, "fails", lane="snapshot", settings=short)


CASES: tuple[Case, ...] = (
    *_broken_relations(),
    *_floods(),
    *_proxies(),
    *_echoes(),
    *_values(),
    *_downloads(),
)
