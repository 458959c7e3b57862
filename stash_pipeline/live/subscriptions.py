"""Listens to one server through its own subscriptions: finished scans and jobs, and the lines of our plugin in its log.

Stash's JavaScript plugins cannot send requests to other hosts, but every line that they log reaches the subscribers of
the log, at any level. The log carries every SQL statement of the server, too, so it is subscribed to only if the
plugin is installed. The connection is ours, with the access data of the instance; Stash needs no way to this machine.
"""

import json
import logging
import random
import re
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from stash_pipeline.errors import UserError
from stash_pipeline.instances import Instance
from stash_pipeline.live.hints import CONNECTED, Hint, hint_of_trigger
from stash_pipeline.settings import Settings
from stash_pipeline.stash.errors import StashError

_log = logging.getLogger(__name__)

PLUGIN: Final = "stash-pipeline"
"""The id of the plugin: the name of its file."""

MARK: Final = "stash-pipeline-hint"
"""How the lines of the plugin begin."""

_LINE: Final = re.compile(rf"\[Plugin(?: / [^\]]{{0,100}})?\] {MARK} (\S{{1,90}}) (\d{{1,10}})\Z")

_PROTOCOLS: Final = ("graphql-transport-ws", "graphql-ws")
_START: Final = {"graphql-transport-ws": "subscribe", "graphql-ws": "start"}
_DATA: Final = ("next", "data")

_JOBS: Final = "subscription { jobsSubscribe { type job { status } } }"
_SCANS: Final = "subscription { scanCompleteSubscribe }"
_LOG_LINES: Final = "subscription { loggingSubscribe { message } }"
_PLUGINS: Final = "query Plugins { plugins { id } }"

_WITH_PLUGIN: Final = "connected, with the plugin"

_MESSAGE_BYTES: Final = 16 << 20
_OPEN_SECONDS: Final = 10.0
# the server sends something every 10 s
_SILENCE_SECONDS: Final = 45.0
_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 300.0

_STABLE_SECONDS: Final = 30.0
"""A connection that lasts this long is no failure when it ends."""

_LOOK_SECONDS: Final = 60.0
"""How often a server without the plugin is asked whether it has it now."""

# a server that was not reachable can have changed, and so can one whose plugin was just installed
_CONNECTED: Final = Hint(CONNECTED)


class Listener:
    """Listens to one server in a thread, and connects again after every failure.

    Attributes:
        state: connected, with or without the plugin, or why not; for `stash-pipeline status`.
    """

    def __init__(self, settings: Settings, instance: Instance, on_hint: Callable[[Hint], None]) -> None:
        self.instance = instance
        self.state = "connecting"
        self._settings = settings
        self._on_hint = on_hint
        self._ending = threading.Event()
        self._connection: ClientConnection | None = None
        self._thread = threading.Thread(target=self._run, name=f"listen {instance.name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the connection."""
        self._ending.set()
        connection = self._connection
        if connection is not None:
            # closing politely would wait for a server that may hang
            connection.socket.close()

    def _run(self) -> None:
        failures = 0
        while not self._ending.is_set():
            started = time.monotonic()
            try:
                self._listen()
            except _EndedError:
                # one that breaks off at once would be established every second
                failures = 0 if time.monotonic() - started >= _STABLE_SECONDS else failures + 1
            except Exception as error:
                failures += 1
                self.state = f"not connected: {self._sentence(error)}"
                _log.info("%s: %s", self.instance.name, self.state)
            pause = min(_FIRST_PAUSE * 2 ** min(failures, 10), _LONGEST_PAUSE)
            # servers that restart together are not asked together
            self._ending.wait(pause * (0.75 + random.random() / 2))

    def _sentence(self, error: Exception) -> str:
        """What failed, without what the server or a library says, which can contain a secret."""
        if isinstance(error, UserError | StashError):
            return str(error)
        if isinstance(error, InvalidStatus):
            return f"the server refuses subscriptions with status {error.response.status_code}"
        if isinstance(error, TimeoutError):
            return "the server does not respond"
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        return type(error).__name__

    def _listen(self) -> None:
        access = self.instance.access(self._settings.home)
        has_plugin = self._has_plugin()
        url = re.sub(r"\Ahttp", "ws", self.instance.url, count=1, flags=re.IGNORECASE)
        secure = url.lower().startswith("wss:")
        with connect(
            url,
            ssl=access.ssl_context(self.instance.url) if secure else None,
            additional_headers=access.request_headers(),
            subprotocols=[Subprotocol(name) for name in _PROTOCOLS],
            open_timeout=_OPEN_SECONDS,
            close_timeout=1,
            max_size=_MESSAGE_BYTES,
            user_agent_header=None,
        ) as connection:
            self._connection = connection
            protocol = str(connection.subprotocol or _PROTOCOLS[-1])
            connection.send(json.dumps({"type": "connection_init", "payload": {}}))

            def subscribe(name: str, query: str) -> None:
                message = {"id": name, "type": _START[protocol], "payload": {"query": query}}
                connection.send(json.dumps(message))

            look_at = time.monotonic() + _LOOK_SECONDS
            while True:
                try:
                    text = connection.recv(timeout=_SILENCE_SECONDS)
                except (WebSocketException, TimeoutError, OSError):
                    self.state = "not connected: the connection broke off"
                    raise _EndedError from None
                message = json.loads(text) if _is_relevant(text) else {}
                kind = message.get("type")
                if kind == "connection_ack":
                    subscribe("scan", _SCANS)
                    subscribe("jobs", _JOBS)
                    if has_plugin:
                        subscribe("log", _LOG_LINES)
                    self.state = _WITH_PLUGIN if has_plugin else "connected, without the plugin"
                    self._on_hint(_CONNECTED)
                elif kind == "ping":
                    connection.send(json.dumps({"type": "pong"}))
                elif kind in _DATA:
                    for hint in hints_of(str(message.get("id")), (message.get("payload") or {}).get("data")):
                        self._on_hint(hint)
                elif kind == "connection_error":
                    raise StashError("the server refuses subscriptions")
                if not has_plugin and time.monotonic() >= look_at:
                    # it can be installed while the server runs
                    has_plugin, look_at = self._has_plugin(), time.monotonic() + _LOOK_SECONDS
                    if has_plugin:
                        subscribe("log", _LOG_LINES)
                        self.state = _WITH_PLUGIN
                        self._on_hint(_CONNECTED)

    def _has_plugin(self) -> bool:
        with self.instance.client(self._settings) as client:
            answer = client.execute(_PLUGINS, name="plugins").data
        return any(plugin.get("id") == PLUGIN for plugin in answer.get("plugins") or ())


class _EndedError(Exception):
    """A connection that was established has ended."""


def _is_relevant(text: str | bytes) -> bool:
    """Whether a message need be decoded: the log of a busy server has many others."""
    assert isinstance(text, str)
    return "loggingSubscribe" not in text[:200] or MARK in text


def hints_of(subscription: str, data: Any) -> list[Hint]:
    """The hints in the data of a message: at the end of a job or scan, and per line of the plugin."""
    if not isinstance(data, dict):
        return []
    if subscription == "scan":
        return [Hint("scan")] if data.get("scanCompleteSubscribe") else []
    if subscription == "jobs":
        update = data.get("jobsSubscribe")
        return [Hint("jobs")] if isinstance(update, dict) and update.get("type") == "REMOVE" else []
    hints = []
    lines = data.get("loggingSubscribe")
    for line in lines if isinstance(lines, list) else ():
        message = line.get("message") if isinstance(line, dict) else None
        match = _LINE.match(message) if isinstance(message, str) else None
        hint = hint_of_trigger("log", match[1], int(match[2])) if match else None
        if hint is not None:
            hints.append(hint)
    return hints
