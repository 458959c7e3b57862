"""The HTTP side of a simulated server: keys, status codes, content types, compression.

Contains everything before and after GraphQL, which is in ``engine``. Images are in ``media``, snapshots of the library
in ``downloads``. Every request passes `Frontdoor.answer` once, which is the single place for delays and faults.
"""

import gzip
import json
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

from stash_pipeline.simulator.context import RequestContext, Vanish
from stash_pipeline.simulator.downloads import Downloads, FilePart
from stash_pipeline.simulator.engine import Engine
from stash_pipeline.simulator.faults import Faults, replacement, vanishing
from stash_pipeline.simulator.media import image_response
from stash_pipeline.simulator.protocols import HasBackups
from stash_pipeline.simulator.subscriptions import (
    PLUGINS_QUERY,
    Subscribers,
    call_hooks,
    installed_plugins,
    subscribe,
)
from stash_pipeline.simulator.timestamps import http_date

_JSON = "application/json"
_GRAPHQL_JSON = "application/graphql-response+json"
_EXTENSION = re.compile(r"\.[^/.]+$")

Fault = Callable[[Request, Callable[[], Awaitable[Response]]], Awaitable[Response]]
"""Wraps the response to a request: can delay, replace or damage it."""


class Served(HasBackups, Protocol):
    """A server with everything that HTTP responses need."""

    api_key: str | None
    latency: float
    faults: Faults | None
    downloads: Downloads
    engine: Engine
    plugin: bool
    subscribers: Subscribers

    def context(self, base_url: str, prefix: str) -> RequestContext:
        """The context of one request."""


def encode(body: Any) -> bytes:
    """JSON as the server writes it: compact, with <, > and & escaped."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    for character, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(character, escape)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").encode()


class Dropped(Response):
    """A response whose connection ends too early."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the headers and half of the body; then the server closes the connection."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        half = self.body[: len(self.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})


class Frontdoor:
    """Answers every HTTP request to one server."""

    def __init__(self, stash: Served) -> None:
        self.stash = stash
        self.fault: Fault | None = None

    async def answer(self, request: Request) -> Response:
        """The response to a request, through the fault hook if there is one."""

        async def usual() -> Response:
            return await run_in_threadpool(self.respond, request, body)

        body = await request.body()
        return await (self.fault(request, usual) if self.fault else usual())

    def respond(self, request: Request, body: bytes) -> Response:
        """The response to a request, with the configured faults."""
        faults = self.stash.faults
        vanish = None
        truncated = dropped = False
        for fault in faults.next() if faults and request.url.path != "/healthz" else ():
            if fault.kind == "latency":
                time.sleep(fault.seconds)
            replaced = replacement(fault)
            if replaced is not None:
                return self._replaced(request, *replaced)
            if fault.kind == "vanish" and faults:
                vanish = vanishing(self.stash.library, faults)
            truncated |= fault.kind == "truncated"
            dropped |= fault.kind == "drop"
        response = self._answer(request, body, vanish)
        if truncated:
            return response.shorten() if isinstance(response, FilePart) else shortened(response)
        if dropped and isinstance(response, FilePart):
            return response.drop()
        if dropped:
            return Dropped(response.body, status_code=response.status_code, headers=dict(response.headers))
        return response

    def _replaced(self, request: Request, status: int, body: dict[str, Any] | str) -> Response:
        if isinstance(body, dict):
            return self._json(request, body, status, True)
        headers = {"Location": "/login?returnURL=%2Fgraphql"} if status == 302 else None
        return Response(body, status_code=status, headers=headers, media_type="text/plain")

    def _answer(self, request: Request, body: bytes, vanish: Vanish | None = None) -> Response:
        if self.stash.latency:
            time.sleep(self.stash.latency)
        path = request.url.path
        if path == "/healthz":
            return Response(b".", headers={"Content-Type": "text/plain"})
        refused = self._refusal(request)
        if refused is not None:
            return refused
        if path == "/graphql":
            return self._graphql(request, body, vanish)
        if path == "/login":
            return Response("<!DOCTYPE html><title>Login</title>", media_type="text/html")
        if request.method != "GET":
            return Response(status_code=405)
        if path.startswith("/downloads/"):
            return self.stash.downloads.response(request)
        return image_response(self.stash, request)

    def _refusal(self, request: Request) -> Response | None:
        """The rejection of a request without the right key; None if the request is authorized."""
        sent_key = request.headers.get("ApiKey") or request.query_params.get("apikey")
        required_key = self.stash.api_key
        if sent_key:
            if required_key is not None and sent_key == required_key:
                return None
            if required_key is None and not self.stash.release.since(21):
                return Response("unauthorized", status_code=500, media_type="text/plain")
            return Response(status_code=401, headers={"WWW-Authenticate": "FormBased"})
        if required_key is None or request.url.path == "/login":
            return None
        if request.url.path == "/graphql" or _EXTENSION.search(request.url.path):
            return Response(status_code=401, headers={"WWW-Authenticate": "FormBased"})
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return Response(status_code=302, headers={"Location": f"/login?returnURL={quote(target, safe='')}"})

    def _graphql(self, request: Request, body: bytes, vanish: Vanish | None) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=200, headers={"Allow": "OPTIONS, GET, POST"})
        accept = request.headers.get("accept", "*/*")
        # Since v0.29, the content type of the response follows the Accept header.
        plain = _JSON in accept or not self.stash.release.since(29)
        if request.method == "GET":
            operation = read_address(request)
        elif request.method == "POST":
            content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
            if content_type != _JSON:
                return self._json(request, failure("transport not supported"), 400, plain)
            operation = read_body(body)
        else:
            return self._json(request, failure("transport not supported"), 400, plain)
        if isinstance(operation, str):
            return self._json(request, failure(operation), 400, plain)
        query, variables, name = operation
        if name is None and query.startswith(PLUGINS_QUERY):
            return self._json(request, installed_plugins(self.stash.plugin), 200, plain)
        if request.method == "GET" and self.stash.engine.is_mutation(query, name):
            message = "GET requests only allow query operations"
            return self._json(request, failure(message), 406, plain)
        base_url = f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"
        context = self.stash.context(base_url, request.headers.get("x-forwarded-prefix", "").rstrip("/"))
        context.vanish = vanish
        answer = self.stash.engine.answer(context, query, variables, name)
        if self.stash.plugin and not answer.rejected:
            call_hooks(self.stash.subscribers, query, variables, answer.body)
        status = 200 if not answer.rejected else 422 if plain else 400
        return self._json(request, answer.body, status, plain)

    def _json(self, request: Request, body: Any, status: int, plain: bool) -> Response:
        content = encode(body)
        headers = {
            "Date": http_date(self.stash.clock()),
            "Content-Type": _JSON if plain else _GRAPHQL_JSON,
            "Cache-Control": "no-store",
            "Access-Control-Allow-Origin": "*",
        }
        # The server does not compress the other content type.
        if plain and "gzip" in request.headers.get("accept-encoding", ""):
            content = gzip.compress(content, compresslevel=4)
            headers["Content-Encoding"] = "gzip"
            headers["Vary"] = "Accept-Encoding"
        return Response(content, status_code=status, headers=headers)


Operation = tuple[str, Any, str | None]
"""Query, variables, and the name of the operation."""


def shortened(response: Response) -> Response:
    """The response with half of its text, correctly compressed."""
    packed = "content-encoding" in response.headers
    text = gzip.decompress(response.body) if packed else bytes(response.body)
    half = text[: len(text) // 2]
    headers = {name: value for name, value in response.headers.items() if name != "content-length"}
    return Response(gzip.compress(half) if packed else half, status_code=response.status_code, headers=headers)


def read_address(request: Request) -> "Operation | str":
    """The operation in the parameters of a GET request, or what is wrong with it."""
    parameters = request.query_params
    try:
        variables = json.loads(parameters["variables"]) if parameters.get("variables") else None
    except ValueError:
        return "variables could not be decoded"
    return parameters.get("query", ""), variables, parameters.get("operationName") or None


def failure(message: str) -> dict[str, Any]:
    """The body of a request that is not executed."""
    return {"errors": [{"message": message}], "data": None}


def read_body(body: bytes) -> Operation | str:
    """The operation in the body of a POST request, or what is wrong with it."""
    try:
        request = json.loads(body)
    except ValueError as error:
        return f"json request body could not be decoded: {error} body:{body[:200].decode(errors='replace')}"
    if not isinstance(request, dict):
        # Lists of requests are not supported.
        return "json request body could not be decoded: json: cannot unmarshal array into Go value"
    if not isinstance(request.get("query"), str) or not request["query"]:
        return "no operation provided"
    variables = request.get("variables")
    if variables is not None and not isinstance(variables, dict):
        return "json request body could not be decoded: variables must be an object"
    return request["query"], variables, request.get("operationName") or None


def build_app(stash: Served) -> Starlette:
    """The ASGI application of a server; `state.frontdoor.fault` can be set."""
    frontdoor = Frontdoor(stash)
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    async def subscriptions(socket: WebSocket) -> None:
        await subscribe(stash, socket)

    app = Starlette(
        routes=[
            WebSocketRoute("/graphql", subscriptions),
            Route("/{path:path}", frontdoor.answer, methods=methods),
        ]
    )
    app.state.frontdoor = frontdoor
    return app
