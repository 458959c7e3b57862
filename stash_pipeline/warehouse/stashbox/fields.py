"""The fields of a server's objects that the records of a box have too, as SQL over a document ``d.document``.

Values are in the form in which Stash itself writes them when it takes over a record, except that dates keep their
precision. What has no exact counterpart is left out: years of a career are not dates, images and lists are not scalars.
Documents are what a box sent: of another type than expected, a value is null.
"""

from collections.abc import Mapping
from typing import Final

_GENDERS: Final = ("MALE", "FEMALE", "TRANSGENDER_MALE", "TRANSGENDER_FEMALE", "INTERSEX", "NON_BINARY")


def _text(name: str) -> str:
    return (
        f"CASE WHEN jsonb_typeof(d.document -> '{name}') = 'string' THEN nullif(btrim(d.document ->> '{name}'), '') END"
    )


def _date(value: str) -> str:
    return f"CASE WHEN stash.date_precision({value}) IS NOT NULL THEN {value} END"


def _first(*values: str) -> str:
    return f"coalesce({', '.join(values)})"


def _word(name: str) -> str:
    """``MIDDLE_EASTERN`` as ``Middle Eastern``."""
    value = f"d.document ->> '{name}'"
    return f"CASE WHEN {value} ~ '^[A-Za-z]+([ _][A-Za-z]+)*$' THEN initcap(replace({value}, '_', ' ')) END"


def _one_of(name: str, *values: str) -> str:
    listed = ", ".join(f"'{value}'" for value in values)
    return f"CASE WHEN d.document ->> '{name}' IN ({listed}) THEN "


def _modifications(name: str) -> str:
    listed = f"CASE WHEN jsonb_typeof(d.document -> '{name}') = 'array' THEN d.document -> '{name}' ELSE '[]' END"
    return (
        "(SELECT string_agg(concat_ws(', ', e.value ->> 'location', nullif(e.value ->> 'description', '')), '; '"
        f" ORDER BY e.n) FROM jsonb_array_elements({listed}) WITH ORDINALITY AS e(value, n)"
        " WHERE e.value ->> 'location' <> '')"
    )


# the deprecated date is padded: 2015-01-01 may mean 2015
_PADDED: Final = "regexp_replace(regexp_replace(d.document ->> 'date', '-01-01$', ''), '-01$', '')"

_FORMER_BIRTHDATE: Final = (
    "left(d.document #>> '{birthdate,date}', CASE d.document #>> '{birthdate,accuracy}'"
    " WHEN 'DAY' THEN 10 WHEN 'MONTH' THEN 7 ELSE 4 END)"
)

_HEIGHT: Final = "d.document ->> 'height'"

_YEARS: Final = """CASE WHEN coalesce(y.first, y.last) IS NOT NULL
        THEN concat_ws(' ', y.first, '-', y.last) END"""


def _year(name: str) -> str:
    return f"CASE WHEN d.document ->> '{name}' ~ '^[12][0-9]{{3}}$' THEN d.document ->> '{name}' END"


_CAREER: Final = (
    f"(SELECT {_YEARS}\n    FROM (SELECT {_year('career_start_year')}, {_year('career_end_year')}) AS y(first, last))"
)


def _size(name: str, nested: str) -> str:
    return f"coalesce(d.document ->> '{name}', d.document #>> '{{measurements,{nested}}}')"


_MEASUREMENTS: Final = (
    "(SELECT m.band || m.cup || '-' || m.waist || '-' || m.hip FROM (\n    SELECT "
    f"{_size('band_size', 'band_size')}, {_size('cup_size', 'cup_size')}, {_size('waist_size', 'waist')},"
    f" {_size('hip_size', 'hip')}\n    ) AS m(band, cup, waist, hip)\n"
    "    WHERE m.band ~ '^[0-9]+$' AND m.cup ~ '^[A-Za-z]+$' AND m.waist ~ '^[0-9]+$' AND m.hip ~ '^[0-9]+$')"
)

BOX_FIELDS: Final[Mapping[str, Mapping[str, str]]] = {
    "scenes": {
        "title": _text("title"),
        "code": _text("code"),
        "details": _text("details"),
        "director": _text("director"),
        "date": _first(_date("d.document ->> 'release_date'"), _date(_PADDED)),
    },
    "performers": {
        "name": _text("name"),
        "disambiguation": _text("disambiguation"),
        "gender": _one_of("gender", *_GENDERS) + "d.document ->> 'gender' END",
        "birthdate": _first(_date("d.document ->> 'birth_date'"), _date(_FORMER_BIRTHDATE)),
        "death_date": _date("d.document ->> 'death_date'"),
        "ethnicity": _word("ethnicity"),
        "country": _text("country"),
        "eye_color": _word("eye_color"),
        "hair_color": _word("hair_color"),
        "height_cm": f"CASE WHEN {_HEIGHT} ~ '^[1-9][0-9]{{1,2}}$' THEN ({_HEIGHT})::integer END",
        "measurements": _MEASUREMENTS,
        # NA says that the question does not arise
        "fake_tits": _one_of("breast_type", "NATURAL", "FAKE") + "initcap(d.document ->> 'breast_type') END",
        "career_length": _CAREER,
        "tattoos": _modifications("tattoos"),
        "piercings": _modifications("piercings"),
    },
    "studios": {"name": _text("name")},
    "tags": {"name": _text("name"), "description": _text("description")},
}
"""By entity and field; dates as text, heights as numbers."""
