"""What queries become, and how errors point at their place. The index is a list of names here."""

from collections.abc import Sequence as Several
from datetime import datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stash_pipeline.search.documents import Document
from stash_pipeline.search.folding import fold
from stash_pipeline.search.query.build import KNOWN, MOST_CONDITIONS, compile_query
from stash_pipeline.search.query.compiled import Compiled, Context, Sequence, Slot
from stash_pipeline.search.query.errors import QueryError
from stash_pipeline.search.query.names import Names
from stash_pipeline.search.query.parser import DEEPEST_QUERY, LONGEST_QUERY
from stash_pipeline.search.query.values import length, milliseconds, resolution, size
from stash_pipeline.search.request import (
    AllOf,
    AnyOf,
    Between,
    Condition,
    Exists,
    Not,
    OneOf,
    Sort,
    Word,
)
from stash_pipeline_tests.examples import examples

NOW = datetime(2026, 3, 10, 15, 30, tzinfo=timezone.utc)
SCENES = (UUID(int=901), UUID(int=902))


def _id(number: int) -> UUID:
    return UUID(int=number)


class ListedNames(Names):
    """Names of a list, each with its id."""

    KNOWN = {
        ("studios", "blue lake"): _id(1), ("performers", "anna"): _id(2), ("performers", "bea"): _id(3),
        ("tags", "outdoor"): _id(4), ("tags", "outdoor walk"): _id(5), ("tags", "kiss"): _id(6),
        ("tags", "slow dance"): _id(7), ("groups", "winter tales"): _id(8),
    }  # fmt: skip

    def __init__(self) -> None:
        self.asked: list[bool] = []

    def ids(self, entity: str, name: str, *, prefix: bool = False, exact: bool = False) -> tuple[UUID, ...]:
        """The ids of the list."""
        self.asked.append(exact)
        return tuple(
            found
            for (of, known), found in self.KNOWN.items()
            if of == entity and (known.startswith(fold(name)) if prefix else known == fold(name))
        )

    def similar(self, entity: str, name: str) -> tuple[str, ...]:
        """Always the same."""
        return ("Similar",)


def compiled(query: str, asked: list[Sequence] | None = None) -> Compiled:
    def scenes(sequence: Sequence) -> tuple[UUID, ...]:
        if asked is not None:
            asked.append(sequence)
        return SCENES

    return compile_query(Context(query, ListedNames(), {"home": 1, "Cabin": 2}, NOW, scenes))


def condition(query: str) -> Condition:
    return compiled(query).condition


def word(*tokens: str, match: str = "typos", field: str | None = None) -> Word:
    return Word(tokens, match, field)  # type: ignore[arg-type]


def day(*date: int) -> int:
    return milliseconds(datetime(*date, tzinfo=timezone.utc))  # type: ignore[arg-type, misc]


LAST = 86_400_000 - 1


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", AllOf(())),
        ("  ", AllOf(())),
        ("beach", word("beach")),
        ("Łódź", word("lodz")),
        ("beach rain", AllOf((word("beach"), word("rain")))),
        ("beach AND rain", AllOf((word("beach"), word("rain")))),
        ("beach OR rain", OneOf((word("beach"), word("rain")))),
        ("beach | rain", OneOf((word("beach"), word("rain")))),
        ("now or never", AllOf((word("now"), word("or"), word("never")))),
        ("a b OR c", OneOf((AllOf((word("a"), word("b"))), word("c")))),
        ("a (b OR c)", AllOf((word("a"), OneOf((word("b"), word("c")))))),
        ("-rain", Not(word("rain", match="exact"))),
        ("NOT rain", Not(word("rain", match="exact"))),
        ("-(rain snow)", Not(AllOf((word("rain", match="exact"), word("snow", match="exact"))))),
        ('"blue lake"', word("blue", "lake", match="exact")),
        ("“blue lake”", word("blue", "lake", match="exact")),
        ('-"blue lake"', Not(word("blue", "lake", match="exact"))),
        ("beac*", word("beac", match="prefix")),
        ('"blue la"*', word("blue", "la", match="prefix")),
        ("ABC-123", word("abc", "123", match="prefix")),
        ("abc123", word("abc", "123", match="prefix")),
        ("1080p", word("1080p")),
        ("東京", word("東京")),
        ("京", word("京", match="prefix")),
        ("beach - rain", AllOf((word("beach"), word("rain")))),
        ("beach & rain", AllOf((word("beach"), word("rain")))),
        ("beach ! ?", word("beach")),
        ("!!!", word("!!!", match="exact")),
        ("12:30", word("12", "30", match="prefix")),
        ("https://example.org/x", word("https", "example", "org", "x", match="prefix")),
        ("don't", word("dont")),
    ],
)
def test_words(query: str, expected: Condition) -> None:
    assert condition(query) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("title:beach", word("beach", match="exact", field="title")),
        ("title:beac*", word("beac", match="prefix", field="title")),
        ('title:"blue lake"', word("blue", "lake", match="exact", field="title")),
        ("title:a,b", word("a", "b", match="exact", field="title")),
        ("title:wait..what", word("wait", "what", match="exact", field="title")),
        ("title:(a or b)", OneOf(tuple(word(one, match="exact", field="title") for one in "ab"))),
        ("code:abc-1", word("abc", "1", match="exact", field="code")),
        ("file:walk.mp4", word("walk", "mp", "4", match="exact", field="files")),
        ("host:example.org", word("example", "org", match="exact", field="hosts")),
        ("details:long", word("long", match="exact", field="details")),
        ("alias:annie", word("annie", match="exact", field="aliases")),
        ("kind:scene", AnyOf("entity", ("scenes",))),
        ("KIND:Scenes,marker", AnyOf("entity", ("scenes", "scene_markers"))),
        ("kind:gallery", AnyOf("entity", ("galleries",))),
        ("-kind:tag", Not(AnyOf("entity", ("tags",)))),
        ("instance:home", AnyOf("instance_ids", (1,))),
        ("instance:(HOME or cabin)", AnyOf("instance_ids", (1, 2))),
        ('studio:"Blue Lake"', AnyOf("studio_ids", (_id(1),))),
        ('studio:="Blue Lake"', AnyOf("studio_id", (_id(1),))),
        ("studio:none", Not(Exists("studio_ids"))),
        ("studio:any", Exists("studio_ids")),
        ('studio:"none"', AnyOf("studio_ids", ())),
        ("performer:anna", AnyOf("performer_ids", (_id(2),))),
        ("performer:(anna or bea)", AnyOf("performer_ids", (_id(2), _id(3)))),
        ("performer:anna,bea", AnyOf("performer_ids", (_id(2), _id(3)))),
        (
            "performer:(anna AND bea)",
            AllOf((AnyOf("performer_ids", (_id(2),)), AnyOf("performer_ids", (_id(3),)))),
        ),
        ("tag:outdoor", AnyOf("all_tag_ids", (_id(4),))),
        ("tag:=outdoor", AnyOf("tag_ids", (_id(4),))),
        ("tag:outdoor*", AnyOf("all_tag_ids", (_id(4), _id(5)))),
        ("tag:(slow dance or kiss)", AnyOf("all_tag_ids", (_id(7), _id(6)))),
        ("group:winter_tales", AnyOf("group_ids", (_id(8),))),
        ("gender:female", AnyOf("genders", ("FEMALE",))),
        ("gender:non-binary", AnyOf("genders", ("NON_BINARY",))),
        ("organized:yes", AnyOf("organized", (True,))),
        ("favorite:no", AnyOf("favorite", (False,))),
        ("markers:true", AnyOf("has_markers", (True,))),
        ("played:yes", Between("plays", 1, None)),
        ("played:no", Between("plays", None, 0)),
        ("plays:>3", Between("plays", 4, None)),
        ("ocount:1..2", Between("o_count", 1, 2)),
        ("box:none", AnyOf("stash_box", ("none",))),
        ("codec:h265", AnyOf("video_codecs", ("hevc",))),
        ("rating:80", Between("rating", 80, 80)),
        ("rating:>=80", Between("rating", 80, None)),
        ("rating:<80", Between("rating", None, 79)),
        ("rating:<=80", Between("rating", None, 80)),
        ("rating:20..40", Between("rating", 20, 40)),
        ("rating:..40", Between("rating", None, 40)),
        ("rating:40..", Between("rating", 40, None)),
        ("rating:none", Not(Exists("rating"))),
        ("rating:(>80 or none)", OneOf((Between("rating", 81, None), Not(Exists("rating"))))),
        ("rating:99999999999999999999", Between("rating", 2**62, 2**62)),
        ("date:2019", Between("date", day(2019, 1, 1), day(2019, 12, 31) + LAST)),
        ("date:2020-02", Between("date", day(2020, 2, 1), day(2020, 2, 29) + LAST)),
        ("date:2020-02-03", Between("date", day(2020, 2, 3), day(2020, 2, 3) + LAST)),
        ("date:2019..2021", Between("date", day(2019, 1, 1), day(2021, 12, 31) + LAST)),
        ("date:>2019", Between("date", day(2020, 1, 1), None)),
        ("date:>=2019", Between("date", day(2019, 1, 1), None)),
        ("date:<2019", Between("date", None, day(2019, 1, 1) - 1)),
        ("date:<=2019-05", Between("date", None, day(2019, 5, 31) + LAST)),
        ("date:7d", Between("date", day(2026, 3, 3), None)),
        ("date:<1y", Between("date", None, day(2025, 3, 10) - 1)),
        ("date:yesterday", Between("date", day(2026, 3, 9), day(2026, 3, 9) + LAST)),
        ("date:9999-12", Between("date", day(9999, 12, 1), day(9999, 12, 31) + LAST)),
        ("year:2020", Between("date", day(2020, 1, 1), day(2020, 12, 31) + LAST)),
        ("created:2020", Between("created_at", day(2020, 1, 1), day(2020, 12, 31) + LAST)),
        ("updated:12h", Between("updated_at", milliseconds(NOW - timedelta(hours=12)), None)),
        ("updated:<2w", Between("updated_at", None, milliseconds(NOW - timedelta(weeks=2)) - 1)),
        (
            "updated:2w..1w",
            Between("updated_at", milliseconds(NOW - timedelta(weeks=2)), milliseconds(NOW - timedelta(weeks=1))),
        ),
        ("duration:>20m", Between("duration", 1_200_001, None)),
        ("duration:<=1h30m", Between("duration", None, 5_400_000)),
        ("duration:10m..20m", Between("duration", 600_000, 1_200_000)),
        ("duration:20m", Between("duration", 1_200_000, 1_259_999)),
        ("duration:1:30", Between("duration", 90_000, 90_999)),
        ("resolution:1080p", Between("height", 1080, 1439)),
        ("resolution:>=1080p", Between("height", 1080, None)),
        ("resolution:>1080p", Between("height", 1440, None)),
        ("resolution:<4k", Between("height", None, 2159)),
        ("resolution:720p..1080p", Between("height", 720, 1439)),
        ("resolution:>8k", AnyOf("height", ())),
        ("size:>1.5gb", Between("size", 1_500_000_001, None)),
        ("size:700mb", Between("size", 700_000_000, 700_999_999)),
        (f"id:{_id(5)}", AnyOf("id", (_id(5),))),
    ],
)
def test_fields(query: str, expected: Condition) -> None:
    assert condition(query) == expected


def test_the_example_of_the_readme_is_understood() -> None:
    found = compiled(
        'beach -rain studio:"Blue Lake" performer:anna tag:outdoor* date:2019..2021 duration:>20m resolution:>=1080p '
        "rating:>=80 instance:home played:no sort:-date"
    )
    assert isinstance(found.condition, AllOf)
    assert len(found.condition.parts) == 11
    assert found.sort == (Sort("date", True),)
    assert found.unknown == ()


@pytest.mark.parametrize(
    ("query", "sort"),
    [
        ("beach", (Sort("relevance", True),)),
        ("beach sort:date", (Sort("date", False),)),
        ("sort:-date beach", (Sort("date", True),)),
        ("sort:-date,title", (Sort("date", True), Sort("title", False))),
        ("sort:-date sort:title", (Sort("date", True), Sort("title", False))),
        ("sort:(-date or title)", (Sort("date", True), Sort("title", False))),
        ("sort:date sort:-date", (Sort("date", False),)),
        ("sort:relevance", (Sort("relevance", True),)),
    ],
)
def test_the_order(query: str, sort: tuple[Sort, ...]) -> None:
    found = compiled(query)
    assert found.sort == sort
    assert found.condition in (word("beach"), AllOf(()))


def test_names_of_no_record_find_nothing_and_are_noted() -> None:
    found = compiled('beach tag:unknown performer:(anna or "who knows")')
    assert found.condition == AllOf((word("beach"), AnyOf("all_tag_ids", ()), AnyOf("performer_ids", (_id(2),))))
    assert [(one.field, one.name, one.similar) for one in found.unknown] == [
        ("tag", "unknown", ("Similar",)),
        ("performer", "who knows", ("Similar",)),
    ]


def test_an_equals_sign_wants_the_name_itself() -> None:
    names = ListedNames()
    compile_query(Context("tag:=outdoor tag:kiss", names, {}, NOW))
    assert names.asked == [True, False]


def test_markers_one_after_the_other() -> None:
    asked: list[Sequence] = []
    found = compiled('marker:kiss then<30s marker:("slow dance" or outdoor AND kiss) then marker:=kiss', asked)
    expected = (
        Slot((((_id(6),),),)),
        Slot((((_id(7),),), ((_id(4),), (_id(6),))), gap=30_000),
        Slot((((_id(6),),),), own=True),
    )
    assert asked == [expected]
    assert found.sequences == (expected,)
    assert found.condition == AnyOf("id", SCENES)


def test_markers_beside_each_other_are_sequences_of_their_own() -> None:
    asked: list[Sequence] = []
    found = compiled("marker:kiss then marker:outdoor marker:kiss then marker:kiss beach", asked)
    assert asked == list(found.sequences)
    assert [[slot.choices[0][0][0].int for slot in one] for one in asked] == [[6, 4], [6, 6]]
    assert found.condition == AllOf((AnyOf("id", SCENES), AnyOf("id", SCENES), word("beach")))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("marker:kiss", AnyOf("marker_tag_ids", (_id(6),))),
        ("marker:=kiss", AnyOf("own_marker_tag_ids", (_id(6),))),
        ("marker:outdoor*", AnyOf("marker_tag_ids", (_id(4), _id(5)))),
        ("marker:kiss,outdoor", AnyOf("marker_tag_ids", (_id(6), _id(4)))),
        ("marker:(kiss or unknown)", AnyOf("marker_tag_ids", (_id(6),))),
        ("marker:unknown", AnyOf("marker_tag_ids", ())),
        ("-marker:kiss", Not(AnyOf("marker_tag_ids", (_id(6),)))),
        ("marker:(kiss or unknown AND kiss)", AnyOf("marker_tag_ids", (_id(6),))),
    ],
)
def test_the_index_answers_for_a_marker_alone(query: str, expected: Condition) -> None:
    asked: list[Sequence] = []
    assert compiled(query, asked).condition == expected
    assert asked == []


def test_several_tags_of_one_marker_are_looked_up_as_a_sequence_of_one() -> None:
    asked: list[Sequence] = []
    both = ((_id(6),), (_id(4),))
    found = compiled("marker:(kiss AND outdoor)", asked)
    assert asked == [(Slot((both,)),)]
    assert found.condition == AnyOf("id", SCENES)
    found = compiled('marker:=("slow dance" or kiss AND outdoor)', asked)
    assert asked[1:] == [(Slot((both,), own=True),)]
    assert found.condition == OneOf((AnyOf("own_marker_tag_ids", (_id(7),)), AnyOf("id", SCENES)))
    assert found.sequences == ((Slot((((_id(7),),), both), own=True),),)


def test_absent_markers_have_no_moments() -> None:
    assert compiled("-marker:kiss").sequences == ()
    found = compiled("-(marker:kiss then marker:outdoor)")
    assert found.condition == Not(AnyOf("id", SCENES))
    assert found.sequences == ()


def test_a_marker_with_an_unknown_tag_asks_nothing() -> None:
    asked: list[Sequence] = []
    assert compiled("marker:unknown then marker:kiss", asked).condition == AnyOf("id", ())
    assert asked == []


def test_then_is_a_word_unless_a_marker_follows() -> None:
    assert condition("now then") == AllOf((word("now"), word("then")))
    found = condition("marker:kiss then beach")
    assert found == AllOf((AnyOf("marker_tag_ids", (_id(6),)), word("then"), word("beach")))


# --- errors -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "marked", "sentence"),
    [
        ("beach studo:x", "studo:", "There is no field 'studo'; did you mean studio?"),
        ("Foo: bar", "Foo:", "There is no field 'Foo'; put the text in quotation marks to search for it."),
        ('beach "blue lake', '"blue lake', "A quotation mark is not closed; add the second one, or remove this one."),
        ("a (b (c)", "(", "A parenthesis is not closed; add the second one, or remove this one."),
        ("a ) b", ")", "This parenthesis was not opened; remove it, or put it in quotation marks."),
        ("a ()", ")", "There is nothing in these parentheses."),
        ("a studio:", "studio:", "studio: needs a value after the colon."),
        ("(studio:) a", ")", "studio: needs a value; put it in quotation marks if it has signs such as this one."),
        ("tag:(a or ", "", "A value should follow here."),
        ('tag:""', '""', "tag: needs a name."),
        ("title:-", "title:-", "title: needs a value after the colon."),
        ('title:" "', '" "', "title: needs words to look for."),
        ("kind:scen", "scen", "did you mean scene?"),
        ("instance:hom", "hom", "There is no instance 'hom'; did you mean home?"),
        ("instance:zzz", "zzz", "There is no instance 'zzz'; there are: Cabin, home."),
        ("date:2020-13", "2020-13", "date: takes a year, month or day"),
        ("date:0000", "0000", "date: takes a year"),
        ("date:2020..soon", "soon", "date: takes a year"),
        ("date:2021..2019", "2021..2019", "The range of date: ends before it begins; swap its ends."),
        ("date:..", "..", "date: needs a value on one side of the dots at least."),
        ("duration:20", "20", "duration: takes a length of time such as 90s, 20m"),
        ("rating:high", "high", "rating: takes 0 to 100"),
        ("rating:٣", "٣", "rating: takes 0 to 100"),
        ("played:perhaps", "perhaps", "played: takes yes or no."),
        ("performer:>3", "3", "performer: takes no comparison; write a name."),
        ("tag:a..b", "a..b", "tag: takes no range; write a name."),
        ("id:12", "12", "id: takes the id of a record in the catalog, a UUID."),
        ("codec:h*", "h*", "codec: takes a video codec"),
        ("sort:-dat", "-dat", "did you mean date?"),
        ("a OR sort:date", "sort:", "sort: stands beside the other parts, not in parentheses or after a minus."),
        ("sort:relevance,date", "sort:", "sort:relevance stands alone; leave it out, or the other keys."),
        ("marker:>3", "3", "marker: takes names of tags."),
        ("marker:kiss then<soon marker:kiss", "soon", "The time after then< is a length such as 30s or 2m."),
        ("tag:==x", "=", "tag: needs a value"),
        ("--rain", "-", "'-' has no meaning here; put it in quotation marks to search for it."),
    ],
)
def test_errors_point_at_the_place(query: str, marked: str, sentence: str) -> None:
    with pytest.raises(QueryError) as caught:
        compiled(query)
    error = caught.value
    assert sentence in error.sentence
    assert query[error.start : error.end] == marked
    _, shown, caret = str(error).split("\n")
    assert shown.strip() == query.strip()
    assert caret.index("^") == shown.index(query.strip()[0]) + error.start
    assert caret.count("^") == max(1, len(marked))


def test_markers_need_a_database() -> None:
    with pytest.raises(QueryError, match="marker: needs the database"):
        compile_query(Context("marker:kiss", ListedNames(), {}, NOW))


def test_a_long_query_is_shown_around_the_place() -> None:
    with pytest.raises(QueryError) as caught:
        compiled("word " * 60 + "studo:x " + "word " * 30)
    _, shown, caret = str(caught.value).split("\n")
    assert len(shown) < 80
    assert shown[caret.index("^") : caret.rindex("^") + 1] == "studo:"


@pytest.mark.parametrize(
    "query",
    [
        "x" * (LONGEST_QUERY + 1),
        "(" * 1000,
        "(" * (DEEPEST_QUERY + 1) + "a" + ")" * (DEEPEST_QUERY + 1),
        "-(" * 900,
        "a " * (MOST_CONDITIONS + 1),
        "tag:a" + ",a" * 900,
        "tag:(" + "a or " * 300 + "a)",
    ],
)
def test_queries_have_bounds(query: str) -> None:
    with pytest.raises(QueryError):
        compiled(query)


def test_the_deepest_query_is_understood() -> None:
    assert condition("(" * DEEPEST_QUERY + "a" + ")" * DEEPEST_QUERY) == word("a")


PIECES: Several[str] = (
    *(f"{name}:" for name in KNOWN), "OR", "AND", "NOT", "or", "then", "then<30s", "then<", "(", ")", '"', "“", "”",
    "„", "-", "*", "=", ">", ">=", "<", "..", ",", "|", "&", " ", " ", " ", "beach", "2019", "20m", "1080p", "none",
    "any", "yes", "7d", "kiss", "\0", "\ud800", "\u202e", "東", "é", "🎬", "http://", "99999999999999999999999", "\n",
    "%", "'",
)  # fmt: skip


@settings(max_examples=examples(400), deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(st.characters(), max_size=80))
def test_any_text_is_a_query_or_an_error_of_the_user(query: str) -> None:
    try:
        found = compiled(query)
    except QueryError as error:
        assert 0 <= error.start <= error.end <= len(query)
        assert str(error).count("\n") == 2
    else:
        _check(found.condition)


def _check(condition: Condition) -> None:
    """That a condition has nothing that a back end refuses."""
    if isinstance(condition, AllOf | OneOf):
        for part in condition.parts:
            _check(part)
    elif isinstance(condition, Not):
        _check(condition.part)
    elif isinstance(condition, Word):
        assert condition.tokens
        assert all(token.encode() and not any(sign.isspace() for sign in token) for token in condition.tokens)
    elif isinstance(condition, Between):
        for bound in (condition.low, condition.high):
            assert bound is None or -(2**63) <= bound < 2**63
    elif isinstance(condition, AnyOf):
        assert hasattr(Document, condition.field)
        assert all(not isinstance(value, str) or value.isprintable() for value in condition.values)


@pytest.mark.parametrize("text", ["", "m", "20", "-5m", "1:2:3:4", "1h 30m", "１m", "1e3s", "20m?"])
def test_what_is_no_length_is_refused(text: str) -> None:
    assert length(text, NOW) is None


def test_fractions_are_as_precise_as_they_are_written() -> None:
    assert length("1.5h", NOW) == (5_400_000, 5_759_999, True)
    assert size("1.50gb", NOW) == (1_500_000_000, 1_509_999_999, True)
    assert resolution("1000", NOW) == (1000, 1000, False)
