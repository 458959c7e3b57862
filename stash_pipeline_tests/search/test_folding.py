"""Which texts fold to the same tokens, and that no text is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stash_pipeline.search.folding import LONGEST_TOKEN, fold, has_words, query_tokens, spans, tokens

ANY_TEXT = st.text(st.characters(), max_size=60) | st.text(
    "aé1 -'ł東京タが\u3099\u0301ﾞｶ각\u1161\0\ud800½ﬁ❤", max_size=12
)


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Łódź", "lodz"),
        ("Søren Ødegård", "soren odegard"),
        ("Straße STRASSE", "strasse strasse"),
        ("Đorđe Ðóra", "dorde dora"),
        ("Æsir Œuvre þing", "aesir oeuvre thing"),
        ("ISTANBUL İstanbul ıstanbul", "istanbul istanbul istanbul"),
        ("Zoe\u0308 Zoë", "zoe zoe"),
        ("Ｗｉｄｅ ｔｅｘｔ", "wide text"),
        ("Ёлка", "елка"),
        ("ΣΊΣΥΦΟΣ σίσυφος", "σισυφοσ σισυφοσ"),
        ("Tip™ N°5", "tip n 5"),
        ("٣٤", "34"),
        ("soft\u00adhyphen zero\u200bwidth", "softhyphen zerowidth"),
        ("हिन्दी", "हिनदी"),
    ],
)
def test_case_diacritics_and_forms_of_letters_are_folded(text: str, folded: str) -> None:
    assert fold(text) == folded


@pytest.mark.parametrize("text", ["Blue Lake", "blue_lake", "Blue.Lake", "blue-lake", " BLUE\tlake! ", "(blue)/[lake]"])
def test_punctuation_separates_words_as_blanks_do(text: str) -> None:
    assert fold(text) == "blue lake"


@pytest.mark.parametrize("text", ["don't", "don’t", "DON`T", "donʼt", "'dont'"])
def test_apostrophes_vanish(text: str) -> None:
    assert tokens(text) == ["dont"]


@pytest.mark.parametrize("text", ["ABC-123", "abc123", "abc 123", "Abc_123", "abc.123"])
def test_a_code_has_the_same_tokens_however_it_is_written(text: str) -> None:
    assert tokens(text) == ["abc", "123"]


@pytest.mark.parametrize("text", ["1080p", "4k", "60fps", "2nd", "007", "123abc"])
def test_numbers_with_a_unit_are_whole(text: str) -> None:
    assert tokens(text) == [text]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("東京都", ["東京", "京都", "都"]),
        ("東", ["東"]),
        ("東京 ABC東京", ["東京", "京", "abc", "東京", "京"]),
        ("タワー", ["タワ", "ワー", "ー"]),
        ("한국어", ["한국", "국어", "어"]),
        ("ﾃﾞｰﾀ", ["デー", "ータ", "タ"]),
        ("a東1", ["a", "東", "1"]),
    ],
)
def test_scripts_without_blanks_become_pairs(text: str, expected: list[str]) -> None:
    assert tokens(text) == expected


def _has_phrase(text: str, query: str) -> bool:
    """Whether the tokens of a query are next to each other in those of a text, the last one as a beginning."""
    there, wanted = tokens(text), query_tokens(query)
    return any(
        there[at : at + len(wanted) - 1] == wanted[:-1] and there[at + len(wanted) - 1].startswith(wanted[-1])
        for at in range(len(there) - len(wanted) + 1)
    )


@given(st.text("東京都タワー大阪 ab1", min_size=1, max_size=12), st.data())
def test_every_part_of_a_run_without_blanks_is_found(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    part = text[start:end]
    # a part of a word of Latin letters is found only from its beginning
    if has_words(part) and not part[0].isascii() or part.strip() and text[max(start - 1, 0)] == " ":
        assert _has_phrase(text, part)


def test_a_text_without_letters_is_one_token_of_its_signs() -> None:
    assert tokens("!!!") == tokens(" ! ! !") == ["!!!"]
    assert tokens("❤") == ["❤"]
    assert tokens("❤\ufe0f beach") == ["beach"]
    assert fold("… ?") == "...?"
    assert not has_words("- !")


@pytest.mark.parametrize("text", ["", " ", "\0", "\ud800", "\x1b\x7f", "\u200b", "\u0301"])
def test_a_text_of_nothing_visible_has_no_tokens(text: str) -> None:
    assert tokens(text) == [] == spans(text)
    assert fold(text) == ""


def test_nul_and_lone_surrogates_separate_words() -> None:
    assert tokens("blue\0lake\ud800shore") == ["blue", "lake", "shore"]


def test_very_long_tokens_are_cut() -> None:
    assert tokens("x" * 10_000) == ["x" * LONGEST_TOKEN] == tokens("x" * 9_000)
    assert tokens("é" * 10_000) == ["e" * LONGEST_TOKEN]


@given(ANY_TEXT)
def test_folding_is_idempotent(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert tokens(fold(text)) == tokens(text)


@given(ANY_TEXT)
def test_tokens_can_be_stored_and_split_again(text: str) -> None:
    found = tokens(text)
    assert " ".join(found).split() == found
    assert all(0 < len(token) <= LONGEST_TOKEN and token.encode() for token in found)


@given(ANY_TEXT)
def test_spans_have_the_tokens_with_the_text_that_they_come_from(text: str) -> None:
    found = spans(text)
    assert [token for token, _, _ in found] == tokens(text)
    places = [(start, end) for _, start, end in found]
    assert places == sorted(places)
    for token, start, end in found:
        assert 0 <= start < end <= len(text)
        assert token in "".join(tokens(text[start:end])) or token in fold(text[start:end]).replace(" ", "")


def test_spans_point_into_the_original_text() -> None:
    text = "Don't — Straße ABC-123 Ｌǆ ﬁn"
    assert [text[start:end] for _, start, end in spans(text)] == ["Don't", "Straße", "ABC", "123", "Ｌǆ", "ﬁn"]
    assert [text[start:end] for text in ["東京都"] for _, start, end in spans(text)] == ["東京", "京都", "都"]
