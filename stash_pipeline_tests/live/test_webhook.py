"""The webhook takes hints with the right token, and nothing else."""

import http.client
import json
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.errors import UserError
from stash_pipeline.live.hints import Hint
from stash_pipeline.live.tokens import token_of
from stash_pipeline.live.webhook import MOST_BYTES, PATH, Allowance, Webhook

UUIDS = ("11111111-aaaa", "22222222-bbbb")


class Receiver:
    """A webhook, and the hints that it passed on."""

    def __init__(self, home: Path) -> None:
        self.hints: list[tuple[str, Hint]] = []
        self.webhook = Webhook("127.0.0.1", 0, lambda uuid, hint: self.hints.append((uuid, hint)))
        self.webhook.tokens = {uuid: token_of(home, uuid) for uuid in UUIDS}

    def send(self, body: bytes | dict[str, Any], *, method: str = "POST", path: str = PATH, **headers: str) -> int:
        """Sends a request; returns the status, and checks that the answer says nothing."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.webhook.port, timeout=10)
        connection.request(method, path, content, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        assert answer.read() == b""
        connection.close()
        return answer.status


@pytest.fixture
def receiver(home: Path) -> Iterator[Receiver]:
    """A running webhook."""
    receiver = Receiver(home)
    yield receiver
    receiver.webhook.close()


def hint(receiver: Receiver, **more: Any) -> dict[str, Any]:
    return {"token": receiver.webhook.tokens[UUIDS[1]], "type": "Scene.Update.Post", "id": 12, **more}


def test_a_hint_with_the_token_of_an_instance_is_one_for_this_instance(receiver: Receiver) -> None:
    assert receiver.send(hint(receiver)) == 204
    assert receiver.hints == [(UUIDS[1], Hint("webhook", "scenes", 12, "Update"))]


@pytest.mark.parametrize("token", ["", "x" * 43, "ü", None, 7, ["x"]])
def test_a_wrong_token_is_refused_without_a_word(receiver: Receiver, token: object) -> None:
    assert receiver.send(hint(receiver, token=token)) == 401
    assert receiver.hints == []


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"[" * 4000, b"\xff\xfe"])
def test_a_body_that_is_no_json_object_is_refused(receiver: Receiver, body: bytes) -> None:
    assert receiver.send(body) == 400


@pytest.mark.parametrize("more", [{"type": None}, {"type": "Scene"}, {"type": 7}])
def test_a_body_without_the_name_of_a_hook_is_refused(receiver: Receiver, more: dict[str, Any]) -> None:
    assert receiver.send(hint(receiver, **more)) == 400
    assert receiver.hints == []


def test_other_requests_are_refused(receiver: Receiver) -> None:
    assert receiver.send(hint(receiver), path="/other") == 404
    assert receiver.send(b"", method="GET") == 405
    assert receiver.send(hint(receiver), **{"Content-Type": "text/plain"}) == 415
    assert receiver.send(hint(receiver, more="x" * MOST_BYTES)) == 413
    assert receiver.hints == []


def test_a_body_of_unknown_length_is_refused(receiver: Receiver) -> None:
    for length in ("-1", "", "1e3", "9" * 30):
        with socket.create_connection(("127.0.0.1", receiver.webhook.port), timeout=10) as connection:
            connection.sendall(
                f"POST {PATH} HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n".encode()
            )
            status = connection.recv(100).split()[1]
        assert status in (b"411", b"413"), length


def test_too_many_requests_are_refused(receiver: Receiver) -> None:
    receiver.webhook.allowance = Allowance(2, 0)
    assert [receiver.send(hint(receiver)) for _ in range(3)] == [204, 204, 429]


def test_the_allowance_refills() -> None:
    now = [0.0]
    allowance = Allowance(2, 1, lambda: now[0])
    assert [allowance.take() for _ in range(3)] == [True, True, False]
    now[0] = 1
    assert [allowance.take(), allowance.take()] == [True, False]


def test_no_token_is_logged(receiver: Receiver, caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.send(hint(receiver))
    receiver.send(hint(receiver, token="not-the-token-of-anybody"))
    out, err = capfd.readouterr()
    for token in (*receiver.webhook.tokens.values(), "not-the-token-of-anybody"):
        assert token not in caplog.text + out + err


def test_tokens_differ_by_instance_and_by_key_file(home: Path, tmp_path: Path) -> None:
    assert token_of(home, "a") == token_of(home, "a")
    assert len({token_of(home, "a"), token_of(home, "b"), token_of(tmp_path / "other", "a")}) == 3


def test_a_port_in_use_is_an_error_that_names_the_setting(receiver: Receiver) -> None:
    with pytest.raises(UserError, match="STASH_PIPELINE_WEBHOOK_PORT"):
        Webhook("127.0.0.1", receiver.webhook.port, lambda uuid, hint: None)
