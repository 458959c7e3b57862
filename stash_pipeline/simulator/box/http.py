"""The HTTP side of a simulated box: keys, status codes, content types, faults.

Contains everything before and after GraphQL, which is in ``engine``. Every request passes `BoxFrontdoor.answer` once.
"""

import gzip
import threading
import time
import zlib
from collections import deque
from typing import Any, Protocol

from graphql import FieldNode
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from stash_pipeline.simulator.box.box import Box
from stash_pipeline.simulator.box.context import BoxContext
from stash_pipeline.simulator.box.engine import BoxEngine, fields_of
from stash_pipeline.simulator.box.faults import replacement
from stash_pipeline.simulator.box.releases import BoxRelease
from stash_pipeline.simulator.box.request_log import RequestLog, logged
from stash_pipeline.simulator.faults import Fault, Faults
from stash_pipeline.simulator.http import Dropped, encode, failure, read_address, read_body, shortened
from stash_pipeline.simulator.media import picture
from stash_pipeline.simulator.timestamps import http_date

_JSON = "application/json"
_GRAPHQL_JSON = "application/graphql-response+json"


class ServedBox(Protocol):
    """A box with everything that HTTP responses need."""

    box: Box
    release: BoxRelease
    api_key: str | None
    latency: float
    faults: Faults | None
    requests_per_minute: int | None
    requests: RequestLog
    engine: BoxEngine

    def context(self, base_url: str, with_key: bool) -> BoxContext:
        """The context of one request."""


class BoxFrontdoor:
    """Answers every HTTP request to one box."""

    def __init__(self, server: ServedBox) -> None:
        self.server = server
        self._lock = threading.Lock()
        self._times: deque[float] = deque()

    async def answer(self, request: Request) -> Response:
        """The response to a request."""
        body = await request.body()
        return await run_in_threadpool(self.respond, request, body)

    def respond(self, request: Request, body: bytes) -> Response:
        """The response to a request, with the configured faults; requests for GraphQL are logged."""
        is_graphql = request.url.path.rstrip("/") == "/graphql"
        operation = self._operation(request, body) if is_graphql else None
        response = self._with_faults(request, operation)
        if operation is not None:
            mutation, fields, variables = False, list[FieldNode](), None
            if not isinstance(operation, str):
                query, variables, name = operation
                mutation, fields = fields_of(self.server.engine.document(query), name)
            self.server.requests.add(logged(fields, mutation, variables, dict(request.headers), response.status_code))
        return response

    @staticmethod
    def _operation(request: Request, body: bytes) -> tuple[str, Any, str | None] | str:
        if request.method == "GET":
            return read_address(request)
        if request.method == "POST" and request.headers.get("content-type", "").split(";")[0].strip() == _JSON:
            return read_body(body)
        return "transport not supported"

    def _with_faults(self, request: Request, operation: Any) -> Response:
        struck = self.server.faults.next() if self.server.faults else []
        if self.server.latency:
            time.sleep(self.server.latency)
        if self._over_limit():
            struck = [Fault("429", retry_after=1)]
        for fault in struck:
            if fault.kind == "latency":
                time.sleep(fault.seconds)
            replaced = replacement(fault, self.server.release.is_tpdb)
            if replaced is not None:
                status, content, headers = replaced
                if isinstance(content, dict):
                    response = self._json(request, content, status)
                    response.headers.update(headers)
                    return response
                kind = "text/html" if content.startswith("<") else "text/plain"
                return Response(content, status, headers, media_type=kind if content else None)
        response = self._answer(request, operation)
        kinds = {fault.kind for fault in struck}
        if "truncated" in kinds:
            return shortened(response)
        if "drop" in kinds:
            return Dropped(response.body, status_code=response.status_code, headers=dict(response.headers))
        return response

    def _over_limit(self) -> bool:
        most = self.server.requests_per_minute
        if most is None:
            return False
        with self._lock:
            now = time.monotonic()
            while self._times and self._times[0] < now - 60:
                self._times.popleft()
            if len(self._times) >= most:
                return True
            self._times.append(now)
            return False

    def _answer(self, request: Request, operation: Any) -> Response:
        with_key = self._authorized(request)
        if with_key is None:
            return self._wrong_key()
        if operation is None:
            return self._image(request)
        if isinstance(operation, str):
            no_query = operation == "no operation provided"
            error: dict[str, Any] = failure(operation)
            if no_query:
                error["errors"][0]["extensions"] = {"code": "GRAPHQL_VALIDATION_FAILED"}
            return self._json(request, error, 422 if no_query else 400)
        query, variables, name = operation
        base_url = f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"
        if request.headers.get("x-forwarded-proto") == "https":
            base_url = "https" + base_url.removeprefix("http")
        answer = self.server.engine.answer(self.server.context(base_url, with_key), query, variables, name)
        return self._json(request, answer.body, 422 if answer.rejected else 200)

    def _wrong_key(self) -> Response:
        if not self.server.release.answers_wrong_keys_with_401:
            message = "token is malformed: token contains an invalid number of segments"
            return Response(message, 500, media_type="text/plain")
        return Response(status_code=401, headers={"Vary": "Origin"})

    def _authorized(self, request: Request) -> bool | None:
        """Whether there is a key; None if the request is refused because the key is wrong."""
        sent = request.headers.get("ApiKey", "")
        if self.server.release.is_tpdb:
            sent = sent or request.headers.get("Authorization", "").removeprefix("Bearer ")
            return not self.server.api_key or sent == self.server.api_key
        if not sent:
            return not self.server.api_key
        return True if not self.server.api_key or sent == self.server.api_key else None

    def _image(self, request: Request) -> Response:
        image = request.url.path.removeprefix("/images/")
        if self.server.box.scalar("SELECT 1 FROM images WHERE id = ?", (image,)) is None:
            return Response(status_code=404)
        return Response(picture(zlib.crc32(image.encode()) % 240), media_type="image/png")

    def _json(self, request: Request, body: Any, status: int) -> Response:
        content = encode(body)
        plain = _GRAPHQL_JSON not in request.headers.get("accept", "")
        headers = {
            "Date": http_date(self.server.box.clock()),
            "Content-Type": _JSON if plain else _GRAPHQL_JSON,
            "Vary": "Origin",
        }
        if not plain and status == 422:
            status = 400
        if plain and "gzip" in request.headers.get("accept-encoding", ""):
            content = gzip.compress(content, compresslevel=4)
            headers["Content-Encoding"] = "gzip"
            headers["Vary"] = "Origin, Accept-Encoding"
        return Response(content, status_code=status, headers=headers)


def build_box_app(server: ServedBox) -> Starlette:
    """The ASGI application of a box."""
    frontdoor = BoxFrontdoor(server)
    return Starlette(routes=[Route("/{path:path}", frontdoor.answer, methods=["GET", "POST", "PUT", "DELETE"])])
