"""Names, dates, URLs and paths in the forms in which they are compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stash_pipeline.matching.dates import PartialDate, compare_dates, parse_date
from stash_pipeline.matching.names import (
    first_typo,
    name_keys,
    normalise_name,
    one_typo,
    parts_differ,
    series_part,
    split_disambiguation,
)
from stash_pipeline.matching.paths import depth, path_key, relative_path
from stash_pipeline.matching.urls import canonical_url


@pytest.mark.parametrize(
    ("names", "normalised"),
    [
        (("Zoë  Bright", "zoe bright", "ZOE-BRIGHT", "Zoe\u0308 Bright", " Zoë_Bright ", "Zoe, Bright!"), "zoe bright"),
        (("O'Neil", "O\u2019Neil", "ONeil", "Oneil"), "oneil"),
        (("A.J. Stone", "AJ Stone", "A.J.Stone", "a.j stone"), "aj stone"),
        (("Mr.Stone", "mr stone"), "mr stone"),
        (("Łukasz Ørsted", "Lukasz Orsted"), "lukasz orsted"),
        (("Straße", "STRASSE"), "strasse"),
        (("İnci", "inci", "INCI"), "inci"),
        (("\uff21\uff22\uff23", "abc"), "abc"),
        (("Алёна", "Алена"), "алена"),
        (("Сергей",), "сергей"),
        (("さくら",), "さくら"),
        (("ガーデン", "\uff76\uff9e\uff70\uff83\uff9e\uff9d"), "ガーデン"),
        (("नीला",), "नीला"),
        (("שָׁלוֹם",), "שָׁלוֹם"),
        (("!!!",), "!!!"),
        (("🌻", " 🌻 "), "🌻"),
        (("", "  "), ""),
    ],
)
def test_spellings_of_one_name_are_equal(names: tuple[str, ...], normalised: str) -> None:
    assert {normalise_name(name) for name in names} == {normalise_name(normalised)}
    if normalised != "שָׁלוֹם":  # points have an order of their own
        assert normalise_name(names[0]) == normalised


@pytest.mark.parametrize(
    ("one", "other"),
    [("Сергей", "Сергеи"), ("か", "が"), ("Anna 1", "Anna 2"), ("ab", "a b"), ("नीला", "नील"), ("さくら", "さくらい")],
)
def test_different_names_stay_different(one: str, other: str) -> None:
    assert normalise_name(one) != normalise_name(other)


@given(st.text(max_size=20))
def test_normalising_twice_changes_nothing(name: str) -> None:
    assert normalise_name(normalise_name(name)) == normalise_name(name)


@given(st.text(max_size=20))
def test_only_a_blank_name_becomes_empty(name: str) -> None:
    assert bool(normalise_name(name)) == bool("".join(name.split()))


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("Anna Bright (2)", ("Anna Bright", "2")),
        ("Anna Bright [the younger]", ("Anna Bright", "the younger")),
        ("さくら（東京）", ("さくら", "東京")),
        ("Anna (B) Bright", ("Anna (B) Bright", "")),
        ("(Anna)", ("(Anna)", "")),
        (" Anna ", ("Anna", "")),
    ],
)
def test_brackets_behind_a_name_disambiguate(name: str, split: tuple[str, str]) -> None:
    assert split_disambiguation(name) == split


def test_all_names_of_an_object_are_compared() -> None:
    assert name_keys("Anna Bright (2)", ["A. Bright", "anna bright", " "]) == {"anna bright", "a bright"}


@pytest.mark.parametrize(
    ("left", "right", "typo"),
    [
        ("bright", "brigt", True), ("bright", "brightt", True), ("bright", "brigth", True), ("bright", "brisht", True),
        ("bright", "bright", False), ("bright", "brtihg", False), ("anna", "ana", False), ("bright", "brihgtt", False),
        ("bright", "xbright", True), ("brigh", "brightx", False),
    ],
)  # fmt: skip
def test_one_typo_is_told_from_two(left: str, right: str, typo: bool) -> None:
    assert one_typo(left, right) == one_typo(right, left) == typo


@given(st.text("ab", min_size=5, max_size=8), st.text("ab", min_size=5, max_size=8))
def test_a_typo_is_one_edit(left: str, right: str) -> None:
    edits = {left[:i] + left[i + 1 :] for i in range(len(left))}
    edits |= {left[:i] + letter + left[i:] for i in range(len(left) + 1) for letter in "ab"}
    edits |= {left[:i] + letter + left[i + 1 :] for i in range(len(left)) for letter in "ab"}
    edits |= {left[:i] + left[i + 1] + left[i] + left[i + 2 :] for i in range(len(left) - 1)}
    assert one_typo(left, right) == (right in edits - {left})


@pytest.mark.parametrize(
    ("title", "part"),
    [
        ("night train 2", ("night train", 2)), ("night train vol 2", ("night train", 2)),
        ("night train part iv", ("night train", 4)), ("night train ep 12", ("night train", 12)),
        ("night train", None), ("2", None), ("night train 2020", None), ("malcolm x", None), ("vol 2", ("vol", 2)),
    ],
)  # fmt: skip
def test_a_part_of_a_series_has_a_number(title: str, part: tuple[str, int] | None) -> None:
    assert series_part(title) == part


def test_parts_of_one_series_differ() -> None:
    assert parts_differ("night train vol 2", "night train 3")
    assert not parts_differ("night train part ii", "night train 2")
    assert not parts_differ("night train 2", "day train 3")
    assert not parts_differ("night train", "night train 2"), "a first part often has no number"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1990-05-03", PartialDate(1990, 5, 3)), ("1990-05", PartialDate(1990, 5)), ("1990", PartialDate(1990)),
        ("1990-00-00", PartialDate(1990)), ("1990-05-00", PartialDate(1990, 5)), ("1990-13", None),
        ("1990-02-30", None), ("0000-00-00", None), ("90", None), ("", None), (None, None), ("1990-00-03", None),
    ],
)  # fmt: skip
def test_dates_may_lack_a_day_or_a_month(text: str | None, value: PartialDate | None) -> None:
    assert parse_date(text) == value


@pytest.mark.parametrize(
    ("left", "right", "result"),
    [
        ("1990-05-03", "1990-05-03", "day"),
        ("1990-05-03", "1990-05", "month"),
        ("1990-05-03", "1990", "year"),
        ("1990", "1990", "year"),
        ("1990-01-01", "1990-05-03", "year"),
        ("1990-01-01", "1990-01-01", "year"),
        ("1990-01-01", "1991-05-03", "contradicts"),
        ("1990-12-31", "1991-01-01", "contradicts"),
        ("1990-05-03", "1990-05-04", "near"),
        ("1990-05-31", "1990-06-01", "near"),
        ("1990-05-03", "1990-03-05", "near"),
        ("1990-05-03", "1990-05-13", "contradicts"),
        ("1990-05", "1990-06", "contradicts"),
        ("1990", "1991", "contradicts"),
        ("1990", None, "unknown"),
    ],
)
def test_dates_agree_as_far_as_they_go(left: str, right: str | None, result: str) -> None:
    assert compare_dates(parse_date(left), parse_date(right)) == result
    assert compare_dates(parse_date(right), parse_date(left)) == result


@pytest.mark.parametrize(
    ("texts", "canonical"),
    [
        (
            ("https://www.Example.com/Anna/", "http://example.com/Anna", "m.example.com/Anna?utm_source=x&ref=1#top",
             "//example.com//Anna", "https://user@example.com:443/Anna"),
            "example.com/Anna",
        ),
        (("https://example.com/a?b=2&a=1", "https://example.com/a/?a=1&b=2"), "example.com/a?a=1&b=2"),
        (("https://example.com/%7Eanna%20b", "https://example.com/~anna b"), "example.com/~anna%20b"),
        (("https://example.com/#/anna", "https://example.com/#/anna/"), "example.com#/anna"),
        (("https://twitter.com/anna", "https://mobile.twitter.com/anna", "https://x.com/anna"), "x.com/anna"),
        (("https://bücher.example/", "https://xn--bcher-kva.example"), "xn--bcher-kva.example"),
        (("https://example.com:8080/a",), "example.com:8080/a"),
        (("https://www.com/a",), "www.com/a"),
    ],
)  # fmt: skip
def test_urls_of_one_page_are_equal(texts: tuple[str, ...], canonical: str) -> None:
    assert {str(canonical_url(text)) for text in texts} == {canonical}


@pytest.mark.parametrize(
    "text", ["", "@anna", "anna", "ftp://example.com/a", "https://", "https://[::1", "mailto:a@b.c"]
)
def test_what_is_no_page_has_no_url(text: str) -> None:
    assert canonical_url(text) is None


def test_the_first_page_of_a_site_is_generic() -> None:
    pages = {text: canonical_url(text) for text in ("https://example.com/", "https://example.com/a")}
    assert [bool(page and page.generic) for page in pages.values()] == [True, False]


@given(st.text(max_size=30) | st.from_regex(r"https?://(www\.)*[a-z]{1,3}\.[a-z]{2}/\S{0,12}", fullmatch=True))
def test_a_canonical_url_is_its_own(text: str) -> None:
    found = canonical_url(text)
    if found:
        assert canonical_url(str(found)) == found


@pytest.mark.parametrize(
    ("path", "roots", "relative"),
    [
        ("/data/a/b.mp4", ["/data"], "a/b.mp4"),
        ("/data/a/b.mp4", ["/data/", "/data/a/", "/other"], "b.mp4"),
        ("/data2/a.mp4", ["/data"], None),
        ("/Data/a.mp4", ["/data"], None),
        ("/data/x/../a/./b.mp4", ["/data"], "a/b.mp4"),
        ("/data/a.mp4", ["/"], "data/a.mp4"),
        ("D:\\Media\\a\\b.mp4", ["d:\\media"], "a/b.mp4"),
        ("D:\\Media\\a\\b.mp4", ["D:\\"], "Media/a/b.mp4"),
        ("D:/Media/a.mp4", ["D:\\Media\\"], "a.mp4"),
        ("\\\\nas\\share\\a\\b.mp4", ["\\\\NAS\\Share"], "a/b.mp4"),
        ("\\\\?\\D:\\Media\\a.mp4", ["D:\\Media"], "a.mp4"),
        ("/data/a\\b.mp4", ["/data"], "a\\b.mp4"),
        ("/data/a.mp4", ["D:\\data"], None),
        ("/data", ["/data"], None),
    ],
)
def test_paths_are_relative_to_the_deepest_root(path: str, roots: list[str], relative: str | None) -> None:
    assert relative_path(path, roots) == relative


def test_paths_of_one_file_on_two_systems_have_one_key() -> None:
    assert path_key("Año/Clip.MP4") == path_key("an\u0303o/clip.mp4") == "año/clip.mp4"
    assert depth("a/b/c.mp4") == 2 and depth("c.mp4") == 0


@given(st.text("aB/.\\:ñ", max_size=12))
def test_a_path_s_key_is_its_own(path: str) -> None:
    assert path_key(path_key(path)) == path_key(path)


@given(st.from_regex(r"\A([a-z0-9-]{1,8}\.){1,3}[a-z0-9-]{1,8}(/[A-Za-z0-9_.~-]{1,6}){0,3}/?\Z"))
def test_the_common_form_of_urls_is_not_an_exception(text: str) -> None:
    host, slash, path = text.partition("/")
    assert canonical_url(f"https://{text}") == canonical_url(f"https://{host}:443{slash}{path}")


@given(
    st.sets(st.text("abc ", min_size=3, max_size=8), max_size=30),
    st.sets(st.text("abc ", min_size=3, max_size=8), max_size=30),
)
def test_the_first_typo_of_many_names_is_that_of_all_comparisons(left: set[str], right: set[str]) -> None:
    pairs = [(one, other) for one in sorted(left) for other in sorted(right) if one_typo(one, other)]
    assert first_typo(left, right) == (pairs[0] if pairs else None)


def test_names_of_thousands_of_letters_are_not_compared_letter_by_letter() -> None:
    long = {"a" * 10_000 + str(number) for number in range(200)}
    assert first_typo(long, {name + "b" for name in long}) is None
    assert first_typo({*long, "anna bright"}, {*long, "anna brigth"}) == ("anna bright", "anna brigth")
