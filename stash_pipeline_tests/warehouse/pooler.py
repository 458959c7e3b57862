"""A small connection pooler, as PgBouncer is one: clients of a TCP port share the sessions of a Postgres.

In session mode a client keeps the session that it was given; in transaction mode it has one for a transaction only,
and in statement mode for a statement. The session that was used last is given first, or the other way about (`turns`,
as server_round_robin). Everything is passed on as it comes; only what a login needs is understood.
"""

import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Mode = Literal["session", "transaction", "statement"]

_SSL_REQUEST, _GSS_REQUEST, _CANCEL_REQUEST = 80877103, 80877104, 80877102
_KNOWN_PARAMETERS = {"user", "database", "client_encoding", "datestyle", "timezone", "application_name"}
_STATEMENT_REFUSED = b"SFATAL\0VFATAL\0C08P01\0Mtransaction blocks not allowed in statement pooling mode\0\0"


class _Stream:
    """Messages of the protocol, over a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self.buffer = b""

    def take(self, size: int) -> bytes:
        while len(self.buffer) < size:
            arrived = self.socket.recv(65536)
            if not arrived:
                raise ConnectionError
            self.buffer += arrived
        taken, self.buffer = self.buffer[:size], self.buffer[size:]
        return taken

    def startup(self) -> bytes:
        return self.take(struct.unpack("!I", self.take(4))[0] - 4)

    def message(self) -> tuple[bytes, bytes]:
        kind = self.take(1)
        return kind, self.take(struct.unpack("!I", self.take(4))[0] - 4)

    def send(self, kind: bytes, content: bytes) -> None:
        self.socket.sendall(kind + struct.pack("!I", len(content) + 4) + content)


class _Session:
    """One session of Postgres, logged in."""

    def __init__(self, path: str, startup: bytes) -> None:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(path)
        self.stream = _Stream(connection)
        connection.sendall(struct.pack("!I", len(startup) + 4) + startup)
        self.state = b"I"
        self.greeting: list[tuple[bytes, bytes]] = []
        while True:
            kind, content = self.stream.message()
            if kind == b"E":
                raise ConnectionError(content)
            if kind == b"Z":
                return
            # the number of the backend is not told: a client talks to the pooler
            self.greeting.append((kind, struct.pack("!II", 4711, 4711) if kind == b"K" else content))


class Pooler:
    """The pooler, until `close`; `url` is the address of a database through it."""

    def __init__(self, database_url: str, mode: Mode, *, turns: bool = False) -> None:
        parts = urlsplit(database_url)
        self.path = parse_qs(parts.query)["host"][0] + "/.s.PGSQL.5432"
        self.mode, self.turns = mode, turns
        self.free: list[_Session] = []
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"postgresql://stash_writer@127.0.0.1:{self.listener.getsockname()[1]}{parts.path}?sslmode=disable"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Ends all sessions."""
        self.listener.close()
        with self.lock:
            for session in self.free:
                session.stream.socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _get(self, startup: bytes) -> _Session:
        with self.lock:
            if self.free:
                return self.free.pop(0 if self.turns else -1)
        return _Session(self.path, startup)

    def _give_back(self, session: _Session) -> None:
        if session.state != b"I":
            # in the middle of a transaction, or of nothing
            return session.stream.socket.close()
        with self.lock:
            self.free.append(session)

    def _serve(self, client: socket.socket) -> None:
        stream = _Stream(client)
        with client, suppress(ConnectionError, OSError):
            startup = stream.startup()
            while struct.unpack("!I", startup[:4])[0] in (_SSL_REQUEST, _GSS_REQUEST):
                client.sendall(b"N")
                startup = stream.startup()
            if struct.unpack("!I", startup[:4])[0] == _CANCEL_REQUEST:
                return
            names = [name.decode() for name in startup[4:].rstrip(b"\0").split(b"\0")[::2]]
            unknown = [name for name in names if name.lower() not in _KNOWN_PARAMETERS]
            if unknown:
                text = f"SFATAL\0VFATAL\0C08P01\0Munsupported startup parameter: {unknown[0]}\0\0"
                return stream.send(b"E", text.encode())
            session = self._get(startup)
            for kind, content in session.greeting:
                stream.send(kind, content)
            stream.send(b"Z", b"I")
            if self.mode == "session":
                # as server_reset_query does: nothing of a client's is left to the next one
                with session.stream.socket:
                    while True:
                        self._one_exchange(stream, session, *stream.message())
            self._give_back(session)
            while (message := stream.message())[0] != b"X":
                session = self._get(startup)
                try:
                    self._one_exchange(stream, session, *message)
                finally:
                    self._give_back(session)

    def _one_exchange(self, client: _Stream, session: _Session, kind: bytes, content: bytes) -> None:
        """From a client's first message up to where its session is free again."""
        while True:
            if kind == b"X":
                raise ConnectionError
            session.state = b"?"
            session.stream.send(kind, content)
            if kind not in (b"Q", b"S"):
                kind, content = client.message()
                continue
            state = session.state = self._answer(client, session)
            if state != b"I" and self.mode == "statement":
                client.send(b"E", _STATEMENT_REFUSED)
                raise ConnectionError
            if state == b"I":
                return
            kind, content = client.message()

    @staticmethod
    def _answer(client: _Stream, session: _Session) -> bytes:
        while True:
            kind, content = session.stream.message()
            client.send(kind, content)
            if kind == b"G":
                # COPY: what the client sends until it is done
                while True:
                    kind, content = client.message()
                    session.stream.send(kind, content)
                    if kind in (b"c", b"f"):
                        break
            elif kind == b"Z":
                return content


@contextmanager
def pooled(database_url: str, mode: Mode, *, turns: bool = False) -> Iterator[str]:
    """The address of a database through a pooler."""
    pooler = Pooler(database_url, mode, turns=turns)
    try:
        yield pooler.url
    finally:
        pooler.close()
