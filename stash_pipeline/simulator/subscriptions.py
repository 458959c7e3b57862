"""Subscriptions over a websocket, and the lines that the plugin would log.

Contains the two protocols of the real server, and which hooks a mutation calls: its post hooks, after the commit. The
plugin itself is not executed; `plugin` of the server says whether it is installed.
"""

import asyncio
import json
import re
import threading
from collections.abc import Mapping
from typing import Any, Final, Protocol

from graphql import FieldNode, GraphQLSyntaxError, OperationDefinitionNode, OperationType, parse
from graphql.utilities import value_from_ast_untyped
from starlette.websockets import WebSocket, WebSocketDisconnect

_PROTOCOLS: Final = ("graphql-transport-ws", "graphql-ws")
_MUTATION: Final = re.compile(r"(?:bulk)?([A-Za-z]+?)(?:s|ies)?(Create|Update|Destroy)\Z", re.IGNORECASE)
_PREFIX: Final = "[Plugin / stash-pipeline] stash-pipeline-hint"
_KEEP_ALIVE_SECONDS: Final = 10.0
_KINDS: Final = {
    "scene": "Scene", "scenemarker": "SceneMarker", "image": "Image", "gallery": "Gallery", "galler": "Gallery",
    "gallerychapter": "GalleryChapter", "group": "Group", "movie": "Movie", "performer": "Performer",
    "studio": "Studio", "tag": "Tag",
}  # fmt: skip


PLUGINS_QUERY: Final = "query Plugins {"
"""The stored schemas have the types of a library, and none of plugins; this one query is answered without them."""


def installed_plugins(installed: bool) -> dict[str, Any]:
    """The answer to that query."""
    return {"data": {"plugins": [{"id": "stash-pipeline"}] if installed else []}}


class Subscribers:
    """The open subscriptions of one server; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queues: dict[asyncio.Queue[tuple[str, Any]], asyncio.AbstractEventLoop] = {}

    def add(self) -> "asyncio.Queue[tuple[str, Any]]":
        """A queue of events, as (field, value), for a connection of the running loop."""
        queue: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        with self._lock:
            self._queues[queue] = asyncio.get_running_loop()
        return queue

    def remove(self, queue: "asyncio.Queue[tuple[str, Any]]") -> None:
        """Ends the events of a queue."""
        with self._lock:
            self._queues.pop(queue, None)

    def publish(self, field: str, value: Any) -> None:
        """Sends an event to all subscribers of a field."""
        with self._lock:
            for queue, loop in self._queues.items():
                loop.call_soon_threadsafe(queue.put_nowait, (field, value))


class Subscribed(Protocol):
    """A server with subscriptions."""

    api_key: str | None
    subscribers: Subscribers


def hooks_of(query: str, variables: Mapping[str, Any] | None, answer: Mapping[str, Any]) -> list[tuple[str, int]]:
    """The post hooks of a successful request: their names, and the ids of the objects."""
    try:
        document = parse(query)
    except GraphQLSyntaxError:
        return []
    hooks = []
    data = answer.get("data") or {}
    for operation in document.definitions:
        if not isinstance(operation, OperationDefinitionNode) or operation.operation is not OperationType.MUTATION:
            continue
        for field in operation.selection_set.selections:
            if not isinstance(field, FieldNode):
                continue
            value = data.get(field.alias.value if field.alias else field.name.value)
            arguments = {
                each.name.value: value_from_ast_untyped(each.value, dict(variables or {})) for each in field.arguments
            }
            hooks += _hooks(field.name.value, arguments, value)
    return hooks


def _hooks(name: str, arguments: dict[str, Any], value: Any) -> list[tuple[str, int]]:
    if value is None or value is False:
        return []
    argument = arguments.get("input", arguments)
    if name == "tagsMerge":
        return [("Tag.Merge.Post", int(argument["destination"]))]
    match = _MUTATION.match(name)
    kind = _KINDS.get(match[1].lower()) if match else None
    if match is None or kind is None:
        return []
    # as in the real server, a scene created by a mutation calls the hook, too
    event = match[2].capitalize()
    rows = value if isinstance(value, list) else [value]
    inputs = argument if isinstance(argument, list) else [argument]
    ids = [row["id"] for row in rows if isinstance(row, dict) and "id" in row]
    if not ids:
        for item in inputs:
            ids += item.get("ids", []) if isinstance(item, dict) else []
            ids += [item["id"]] if isinstance(item, dict) and "id" in item else []
    kinds = ("Group", "Movie") if kind == "Group" else (kind,)
    return [(f"{each}.{event}.Post", int(identifier)) for identifier in ids for each in kinds]


def call_hooks(
    subscribers: Subscribers, query: str, variables: Mapping[str, Any] | None, answer: Mapping[str, Any]
) -> None:
    """What the plugin does after a request: a line of the log for each hook that a mutation calls."""
    if "mutation" in query:
        for trigger, identifier in hooks_of(query, variables, answer):
            subscribers.publish("loggingSubscribe", log_entry(trigger, identifier))


def log_entry(trigger: str, identifier: int) -> list[dict[str, Any]]:
    """What the subscribers of the log get when the plugin handles a hook."""
    return [{"level": "Trace", "message": f"{_PREFIX} {trigger} {identifier}"}]


async def subscribe(stash: Subscribed, socket: WebSocket) -> None:
    """Serves one websocket."""
    sent = socket.headers.get("apikey") or socket.query_params.get("apikey")
    if sent != stash.api_key:
        await socket.close()
        return
    offered = socket.scope.get("subprotocols") or []
    protocol = next((each for each in offered if each in _PROTOCOLS), None)
    await socket.accept(subprotocol=protocol)
    new = protocol == "graphql-transport-ws"
    queries: dict[str, str] = {}
    queue = stash.subscribers.add()

    async def events() -> None:
        while True:
            try:
                field, value = await asyncio.wait_for(queue.get(), _KEEP_ALIVE_SECONDS)
            except asyncio.TimeoutError:
                await socket.send_text(json.dumps({"type": "ping" if new else "ka"}))
                continue
            for identifier, query in queries.items():
                if field in query:
                    payload = {"data": {field: value}}
                    await socket.send_text(
                        json.dumps({"payload": payload, "id": identifier, "type": "next" if new else "data"})
                    )

    sending = asyncio.create_task(events())
    try:
        while True:
            message = json.loads(await socket.receive_text())
            if message.get("type") == "connection_init":
                await socket.send_text(json.dumps({"type": "connection_ack"}))
            elif message.get("type") in ("subscribe", "start"):
                queries[str(message["id"])] = str(message["payload"]["query"])
            elif message.get("type") in ("complete", "stop"):
                queries.pop(str(message["id"]), None)
    except (WebSocketDisconnect, ValueError, KeyError):
        pass
    finally:
        sending.cancel()
        stash.subscribers.remove(queue)
