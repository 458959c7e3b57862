"""A secret is masked in every common encoding, and nothing else is masked."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stash_pipeline.stash.access import Access
from stash_pipeline.stash.client import StashClient
from stash_pipeline.stash.masking import Mask
from stash_pipeline_tests.examples import examples
from stash_pipeline_tests.stash.hostile import hostile, whole

KEY = "eyJhbGciOiJIUzI1NiJ9.c2VjcmV0LW9mLXRoZS1zZXJ2ZXI.Zm9yLXRlc3RzLW9ubHk_and-more"

_SECRETS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=16, max_size=60)


def written(secret: str, before: str, behind: str) -> list[str]:
    """The secret in all encodings, between other texts."""
    whole_text = (before + secret + behind).encode()
    return [
        before + secret + behind,
        before + secret.upper() + behind,
        before + secret.lower() + behind,
        whole_text.hex(),
        whole_text.hex().upper(),
        base64.b64encode(whole_text).decode(),
        base64.urlsafe_b64encode(whole_text).decode(),
        before + quote(secret, safe="") + behind,
        before + quote_plus(secret) + behind,
        before + "".join(f"%{byte:02X}" for byte in secret.encode()) + behind,
        before + html.escape(secret) + behind,
        json.dumps(before + secret + behind),
    ]


def holds(text: str, secret: str) -> bool:
    """Whether a text contains twelve consecutive characters of the secret, in plain text or base64."""
    small = text.lower()
    parts = [secret.lower()[i : i + 12] for i in range(len(secret) - 11)]
    for offset in range(3):
        encoded = base64.b64encode(b"\0" * offset + secret.encode())[4:-4].decode().lower()
        parts += [encoded[i : i + 16] for i in range(len(encoded) - 15)]
    return any(part in small for part in parts) or secret.encode().hex() in small


@settings(max_examples=examples(150), deadline=None)
@given(_SECRETS, st.text("ab ", max_size=4), st.text("yz ", max_size=4))
def test_a_secret_is_masked_in_every_form(secret: str, before: str, behind: str) -> None:
    mask = Mask([secret], [secret])
    for text in written(secret, before, behind):
        assert b"***" in mask.raw(text.encode()), text
        assert not holds(mask.text(text), secret), text
        if not text.startswith('"'):
            assert b"***" in mask.answer(json.dumps({"data": text}).encode()), text


@settings(max_examples=examples(100), deadline=None)
@given(st.text(max_size=200))
def test_other_texts_are_unchanged(text: str) -> None:
    mask = Mask([KEY], [KEY])
    assert mask.text(text) == text
    body = json.dumps({"data": text}).encode()
    assert json.loads(mask.answer(body)) == {"data": text}
    body = json.dumps({"data": text}, ensure_ascii=False).encode("utf-8", "surrogatepass")
    assert mask.answer(body) == body or b"\\u00" in body


def test_a_secret_that_json_escapes_is_masked() -> None:
    escaped = "".join(f"\\u{ord(character):04x}" for character in KEY)
    body = f'{{"data":{{"x":"a {escaped} b"}}}}'.encode()
    assert json.loads(Mask([KEY], [KEY]).answer(body)) == {"data": {"x": "a *** b"}}
    # a backslash before a u is no escape where it is escaped itself
    body = rb'{"data":"\\u0041 \u00e9 \u0000 \" \\"}'
    assert json.loads(Mask([KEY], [KEY]).answer(body)) == json.loads(body)


def test_short_secrets_are_not_masked_in_documents() -> None:
    access = Access(
        KEY,
        headers=(("X-Forwarded-Proto", "https"), ("X-Zone", "living room"), ("Cookie", "session=0123456789abcdef0123")),
        basic_auth="anna:open",
    )
    body = b'{"data":{"x":"https open living room anna"}}'
    assert access.mask().answer(body) == body
    said = "https living-room open 0123456789abcdef0123 anna:open living room"
    assert access.mask().text(said) == "https living-room open *** *** ***"
    basic = base64.b64encode(b"anna:open").decode()
    assert basic[:8] not in access.mask().text(f"Authorization: Basic {basic}")


@pytest.mark.parametrize("text", written(KEY, "a ", " b"))
def test_no_document_contains_the_key(text: str) -> None:
    body = json.dumps({"data": {"findTags": {"tags": [{"id": "1", "name": text}]}}}).encode()
    with hostile(whole(body)) as url, StashClient(url, KEY) as client:
        name = client.execute("query { x }").data["findTags"]["tags"][0]["name"]
    assert not holds(name, KEY) and "***" in name


def test_the_repr_of_access_contains_no_secret() -> None:
    access = Access(KEY, headers=(("X-Token", "another-secret-value"),), basic_auth="anna:secret")
    assert "secret" not in repr(access) and KEY not in repr(access)
