"""A strict stand-in of a Typesense server, on loopback: it refuses what the real one refuses.

It is built from the documentation of Typesense (``api/collections.html``, ``api/documents.html``, ``api/search.html``,
``api/federated-multi-search.html``, ``api/collection-alias.html``, ``api/api-errors.html``) and gives the same answers
as release 0.24.1 to the recorded requests of ``typesense_cases.py``. It has no text search: ``q`` must be ``*``.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from stash_pipeline_tests.search.typesense_filters import RefusedError, Row, parse

KEY = "stand-in-key-0123456789"

_TYPES = {
    "string": str,
    "int32": int,
    "int64": int,
    "float": (int, float),
    "bool": bool,
}
_BITS = {"int32": 31, "int64": 63}
_MOST_PER_PAGE = 250
_MOST_SEARCHES = 50
_MOST_SORT_FIELDS = 3
_NOT_FOUND = "Not Found"


class Collection:
    """One collection: its schema, and its rows in the order of their insertion."""

    def __init__(self, schema: Row) -> None:
        if not schema.get("name"):
            raise RefusedError(400, "Parameter `name` is required.")
        if "fields" not in schema:
            raise RefusedError(400, "Parameter `fields` is required.")
        self.name = schema["name"]
        self.fields = {field["name"]: field for field in map(_field, schema["fields"])}
        self.sorting = schema.get("default_sorting_field", "")
        self.rows: dict[str, Row] = {}
        if self.sorting:
            self._check_sorting()

    def _check_sorting(self) -> None:
        """``api/collections.html``, "default_sorting_field": of a number, and not optional."""
        field = self.fields.get(self.sorting)
        if field is None:
            raise RefusedError(
                400, f"Default sorting field is defined as `{self.sorting}` but is not found in the schema."
            )
        if not field["sort"]:
            raise RefusedError(400, f"Default sorting field `{self.sorting}` is not a sortable type.")
        if field["optional"]:
            raise RefusedError(400, f"Default sorting field `{self.sorting}` cannot be an optional field.")

    def described(self) -> Row:
        """The schema as the server repeats it."""
        return {
            "created_at": int(time.time()),
            "default_sorting_field": self.sorting,
            "enable_nested_fields": False,
            "fields": list(self.fields.values()),
            "name": self.name,
            "num_documents": len(self.rows),
            "symbols_to_index": [],
            "token_separators": [],
        }

    def put(self, line: str, action: str) -> Row:
        """Adds a row; ``api/documents.html``, "Index multiple documents": every line has an answer of its own."""
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            return _refused_row(line, 400, f"Bad JSON: {error}")
        try:
            if not isinstance(row, dict):
                raise RefusedError(400, "Bad JSON: not a properly formed document.")
            self._check(row)
            if action == "create" and row["id"] in self.rows:
                raise RefusedError(409, f"A document with id {row['id']} already exists.")
        except RefusedError as error:
            return _refused_row(line, error.status, error.message)
        self.rows.pop(row["id"], None)
        self.rows[row["id"]] = {name: value for name, value in row.items() if value is not None}
        return {"success": True}

    def _check(self, row: Row) -> None:
        """``api/documents.html``, "Dealing with dirty data": with ``reject``, no value is made to fit."""
        if not isinstance(row.get("id", ""), str):
            raise RefusedError(400, "Document's `id` field should be a string.")
        row.setdefault("id", str(len(self.rows)))
        for name, field in self.fields.items():
            value = row.get(name)
            if value is None and (name not in row or field["optional"]):
                if not field["optional"]:
                    raise RefusedError(
                        400, f"Field `{name}` has been declared in the schema, but is not found in the document."
                    )
            elif field["index"]:
                _check_value(name, field["type"], value)


def _field(field: Row) -> Row:
    if not isinstance(field, dict) or "name" not in field or "type" not in field:
        raise RefusedError(
            400,
            "Wrong format for `fields`. It should be an array of objects containing `name`, `type`, `optional` and "
            "`facet` properties.",
        )
    name, kind = field["name"], field["type"]
    if kind.removesuffix("[]") not in _TYPES:
        raise RefusedError(400, f"Field `{name}` has an invalid data type `{kind}`, see docs for supported data types.")
    index, optional = field.get("index", True), field.get("optional", False)
    if not index and not optional:
        raise RefusedError(400, f"Field `{name}` must be optional since it is marked as non-indexable.")
    return {
        "facet": field.get("facet", False),
        "index": index,
        "infix": False,
        "locale": "",
        "name": name,
        "optional": optional,
        "sort": index and kind in ("int32", "int64", "float", "bool"),
        "type": kind,
    }


def _check_value(name: str, kind: str, value: Any) -> None:
    base = kind.removesuffix("[]")
    article = "an" if base.startswith("int") else "a"
    if kind.endswith("[]"):
        if not isinstance(value, list):
            raise RefusedError(400, f"Field `{name}` must be an array.")
        if not all(_fits(base, one) for one in value):
            raise RefusedError(400, f"Field `{name}` must be an array of {base}.")
    elif not _fits(base, value):
        raise RefusedError(400, f"Field `{name}` must be {article} {base}.")


def _fits(kind: str, value: Any) -> bool:
    if isinstance(value, bool) and kind != "bool":
        return False
    if not isinstance(value, _TYPES[kind]):  # type: ignore[arg-type]
        return False
    return kind not in _BITS or -(2 ** _BITS[kind]) <= value < 2 ** _BITS[kind]


def _refused_row(line: str, status: int, message: str) -> Row:
    return {"code": status, "document": line, "error": message, "success": False}


# --- searches -----------------------------------------------------------------------------------------------


def _whole(parameters: Row, name: str, default: int) -> int:
    try:
        number = int(str(parameters.get(name, default)))
    except ValueError:
        number = -1
    if number < 0:
        raise RefusedError(400, f"Parameter `{name}` must be an unsigned integer.")
    return number


def _sort_keys(collection: Collection, text: str) -> list[tuple[str, bool]]:
    """``api/search.html``, "sort_by": up to three fields of numbers, each with its direction."""
    found = []
    for part in filter(None, text.split(",")):
        name, colon, direction = part.partition(":")
        if not colon:
            raise RefusedError(400, "Parameter `sort_by` is malformed.")
        if name not in collection.fields or not collection.fields[name]["sort"]:
            raise RefusedError(404, f"Could not find a field named `{name}` in the schema for sorting.")
        if direction.upper() not in ("ASC", "DESC"):
            raise RefusedError(400, f"Order for field` {name}` should be either ASC or DESC.")
        found.append((name, direction.upper() == "DESC"))
    if len(found) > _MOST_SORT_FIELDS:
        raise RefusedError(400, f"Only upto {_MOST_SORT_FIELDS} sort fields are allowed.")
    return found


def _sorted(rows: list[Row], keys: list[tuple[str, bool]]) -> list[Row]:
    """``api/search.html``, "Sorting null, empty or missing values": missing numbers are last in both directions."""
    # the last one that was added comes first among equals
    rows = rows[::-1]
    for name, descending in reversed(keys):
        there = [row for row in rows if row.get(name) is not None]
        missing = [row for row in rows if row.get(name) is None]
        # a reversed sort keeps the order of equals, too
        rows = sorted(there, key=lambda row: row[name], reverse=descending) + missing
    return rows


def _facets(collection: Collection, rows: list[Row], names: str, limit: int) -> list[Row]:
    found = []
    for name in filter(None, names.split(",")):
        field = collection.fields.get(name)
        if field is None or not field["facet"]:
            raise RefusedError(404, f"Could not find a facet field named `{name}` in the schema.")
        counts: Counter[str] = Counter()
        for row in rows:
            value = row.get(name)
            counts.update(value if isinstance(value, list) else [] if value is None else [value])
        top = [{"count": count, "highlighted": value, "value": value} for value, count in counts.most_common(limit)]
        found.append({"counts": top, "field_name": name, "sampled": False, "stats": {"total_values": len(counts)}})
    return found


def search(collection: Collection, parameters: Row) -> Row:
    """Answers one search."""
    per_page, page = _whole(parameters, "per_page", 10), _whole(parameters, "page", 1)
    limit = _whole(parameters, "max_facet_values", 10)
    if per_page > _MOST_PER_PAGE:
        raise RefusedError(422, f"Only upto {_MOST_PER_PAGE} hits can be fetched per page.")
    if page < 1:
        raise RefusedError(422, "Page must be an integer of value greater than 0.")
    if parameters.get("q") != "*":
        raise RefusedError(400, "No search fields specified for the query.")
    test = parse(str(parameters.get("filter_by", "")), collection.fields)
    rows = [row for row in collection.rows.values() if test(row)]
    facets = _facets(collection, rows, str(parameters.get("facet_by", "")), limit)
    rows = _sorted(rows, _sort_keys(collection, str(parameters.get("sort_by", ""))))
    included = [name for name in str(parameters.get("include_fields", "")).split(",") if name]
    hits = [
        {"document": _included(row, included), "highlight": {}, "highlights": []}
        for row in rows[(page - 1) * per_page : page * per_page]
    ]
    return {
        "facet_counts": facets,
        "found": len(rows),
        "hits": hits,
        "out_of": len(collection.rows),
        "page": page,
        "request_params": {"collection_name": collection.name, "per_page": per_page, "q": "*"},
        "search_cutoff": False,
        "search_time_ms": 0,
    }


def _included(row: Row, names: list[str]) -> Row:
    return {name: value for name, value in row.items() if not names or name in names}


# --- the server ---------------------------------------------------------------------------------------------


class StandIn:
    """The state of the server, and what it is told to do wrong.

    Attributes:
        requests: method and path of every request so far.
        before: called with method and path before a request is answered; what it raises is answered.
        seconds: each answer takes.
    """

    def __init__(self, key: str = KEY) -> None:
        self.key = key
        self.collections: dict[str, Collection] = {}
        self.aliases: dict[str, str] = {}
        self.requests: list[tuple[str, str]] = []
        self.before: Callable[[str, str], None] | None = None
        self.seconds = 0.0
        self.url = ""
        self._lock = threading.Lock()

    def answer(self, method: str, target: str, headers: Any, body: str) -> tuple[int, Any]:
        """The status and the answer to a request."""
        parts = urlsplit(target)
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        path = [unquote(part) for part in parts.path.strip("/").split("/")]
        with self._lock:
            self.requests.append((method, parts.path))
        if self.seconds:
            time.sleep(self.seconds)
        try:
            if self.before is not None:
                self.before(method, parts.path)
            if path == ["health"]:
                return 200, {"ok": True}
            if headers.get("X-TYPESENSE-API-KEY") != self.key:
                raise RefusedError(401, "Forbidden - a valid `x-typesense-api-key` header must be sent.")
            if method == "GET" and len(target) > 4000:
                # api/search.html: "the length of the query string is limited to 4000 characters"
                raise RefusedError(
                    400, "Query string exceeds max allowed length of 4000. Use the /multi_search end-point."
                )
            with self._lock:
                return self._routed(method, path, query, body)
        except RefusedError as error:
            return error.status, {"message": error.message}

    def _routed(self, method: str, path: list[str], query: Row, body: str) -> tuple[int, Any]:
        match method, path:
            case "POST", ["collections"]:
                return 201, self._create(_loaded(body))
            case "GET", ["collections"]:
                return 200, [one.described() for one in self.collections.values()]
            case "GET", ["collections", name]:
                return 200, self._named(name).described()
            case "DELETE", ["collections", name]:
                if name not in self.collections:
                    raise RefusedError(404, f"No collection with name `{name}` found.")
                return 200, self.collections.pop(name).described()
            case _, ["collections", name, "documents", *rest]:
                return 200, self._documents(method, self._named(name), rest, query, body)
            case "POST", ["multi_search"]:
                return 200, {"results": self._searches(_loaded(body))}
            case _, ["aliases", name]:
                return 200, self._alias(method, name, body)
        raise RefusedError(404, _NOT_FOUND)

    def _named(self, name: str) -> Collection:
        collection = self.collections.get(self.aliases.get(name, name))
        if collection is None:
            raise RefusedError(404, _NOT_FOUND)
        return collection

    def _create(self, schema: Row) -> Row:
        if schema.get("name") in self.collections:
            raise RefusedError(409, f"A collection with name `{schema['name']}` already exists.")
        made = Collection(schema)
        self.collections[made.name] = made
        return made.described()

    def _documents(self, method: str, collection: Collection, rest: list[str], query: Row, body: str) -> Any:
        match method, rest:
            case "POST", ["import"]:
                action = query.get("action", "create")
                if action not in ("create", "update", "upsert", "emplace"):
                    raise RefusedError(400, "Parameter `action` must be a create|update|upsert.")
                lines = [collection.put(line, action) for line in body.splitlines() if line.strip()]
                return "\n".join(json.dumps(line) for line in lines)
            case "GET", ["export"]:
                names = [name for name in query.get("include_fields", "").split(",") if name]
                return "\n".join(json.dumps(_included(row, names)) for row in collection.rows.values())
            case "GET" | "DELETE", [id]:
                if id not in collection.rows:
                    raise RefusedError(404, f"Could not find a document with id: {id}")
                return collection.rows[id] if method == "GET" else collection.rows.pop(id)
            case "DELETE", []:
                if not query.get("filter_by"):
                    raise RefusedError(400, "Parameter `filter_by` must be provided.")
                test = parse(query["filter_by"], collection.fields)
                gone = [id for id, row in collection.rows.items() if test(row)]
                for id in gone:
                    del collection.rows[id]
                return {"num_deleted": len(gone)}
        raise RefusedError(404, _NOT_FOUND)

    def _searches(self, body: Row) -> list[Row]:
        """``api/federated-multi-search.html``: 50 searches at most; each has its result, or its error."""
        if "searches" not in body:
            raise RefusedError(400, "Missing `searches` array.")
        if len(body["searches"]) > _MOST_SEARCHES:
            raise RefusedError(400, "Number of multi searches exceeds `limit_multi_searches` parameter.")
        results = []
        for parameters in body["searches"]:
            try:
                name = parameters["collection"]
                collection = self.collections.get(self.aliases.get(name, name))
                if collection is None:
                    raise RefusedError(404, "Not found.")
                results.append(search(collection, parameters))
            except RefusedError as error:
                results.append({"code": error.status, "error": error.message})
        return results

    def _alias(self, method: str, name: str, body: str) -> Row:
        if method == "PUT":
            target = _loaded(body).get("collection_name")
            if not target:
                raise RefusedError(400, "Parameter `collection_name` is required.")
            self.aliases[name] = target
        elif name not in self.aliases:
            raise RefusedError(404, _NOT_FOUND)
        target = self.aliases.pop(name) if method == "DELETE" else self.aliases[name]
        return {"collection_name": target, "name": name}


def _loaded(body: str) -> Row:
    try:
        loaded = json.loads(body)
    except json.JSONDecodeError:
        raise RefusedError(400, "Bad JSON.") from None
    if not isinstance(loaded, dict):
        raise RefusedError(400, "Bad JSON.")
    return loaded


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    stand_in: StandIn

    def _answered(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length).decode()
        status, answer = self.stand_in.answer(self.command, self.path, self.headers, body)
        content = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(answer, str) else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = _answered

    def log_message(self, format: str, *arguments: Any) -> None:
        """Says nothing."""


@contextmanager
def running(key: str = KEY) -> Iterator[StandIn]:
    """A stand-in on a free port."""
    stand_in = StandIn(key)
    handler = type("Handler", (_Handler,), {"stand_in": stand_in})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    stand_in.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stand_in
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
