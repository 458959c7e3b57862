"""The search document: what the index knows of one record of the catalog, or of one scene marker.

Documents lie in ``search.documents``, whose columns are the fields of :class:`Document`, in this order. The index is
derived from them and can always be rebuilt.

This module imports neither a back end nor Dagster.
"""

import datetime
from dataclasses import dataclass, fields
from typing import Final
from uuid import UUID

DOCUMENTS_VERSION: Final = 2
"""Of the fields below; an index of another version is rebuilt."""

ENTITIES: Final = ("scenes", "performers", "studios", "tags", "groups", "galleries", "images", "scene_markers")
"""The entities that have documents, in the order in which equal hits are listed. Images are optional."""


@dataclass(frozen=True, slots=True)
class Document:
    """One record of the catalog, or one scene marker.

    Lists are sorted and have no duplicates, unless their order has a meaning. Texts are as the catalog has them; back
    ends fold them.

    Attributes:
        id: of the record in the catalog; of a marker, derived from its instance and its id.
        revision: of the object log, when the document last changed.
        title: what a person calls it: the title or name; else the name of the primary file; of a marker its title,
            else the name of its primary tag. Empty if there is nothing.
        disambiguation: of a performer.
        aliases: other names, also those that a server has and the record has not.
        code: studio code.
        details: details, description or synopsis; director and photographer are in ``people``.
        files: names of the files, without folders.
        hosts: of the urls, without ``www.``
        people: names of performers, then of director or photographer.
        people_aliases: aliases of the performers.
        tags: names of the tags, then of all their ancestors; of a marker, of its own tags.
        tag_aliases: aliases of the tags and of their ancestors.
        studios: names of the studio and of its parents, from the nearest.
        studio_aliases: aliases of them.
        groups: names of the groups.
        markers: titles of the markers of a scene, and the names of their tags.
        instance_ids: ``ops.instances.id`` of the servers that have it.
        studio_id: of a studio, itself.
        studio_ids: the studio and its parents.
        performer_ids: of a performer, itself.
        tag_ids: the tags of its own; of a tag, itself.
        all_tag_ids: those and all their ancestors.
        marker_tag_ids: of a scene, the tags of its markers and all their ancestors.
        own_marker_tag_ids: those without the ancestors that no marker has itself.
        group_ids: of a group, itself.
        scene_id: the scene of a marker; of a scene, itself.
        genders: of a performer; of other records, those of their performers.
        date: the first day of the period that is known; of a performer, the birthdate.
        height: of the best file, in pixels, the shorter side; null without a file.
        duration: of the longest file, in milliseconds; of a marker, until its end; of a group as given.
        size: of all files, in bytes.
        rating: 0 to 100.
        plays: how often it was played.
        o_count: the o-counter.
        has_markers: a scene with markers; null for other entities.
        video_codecs: of all files.
        stash_box: ``linked`` if it has an id of a stash-box, ``candidate`` if a person should decide on one, else
            ``none``; null for entities that boxes do not have.
        seconds: where a marker begins, in milliseconds.
    """

    id: UUID
    entity: str
    revision: int
    title: str = ""
    disambiguation: str = ""
    aliases: tuple[str, ...] = ()
    code: str = ""
    details: str = ""
    files: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    people_aliases: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    tag_aliases: tuple[str, ...] = ()
    studios: tuple[str, ...] = ()
    studio_aliases: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()
    instance_ids: tuple[int, ...] = ()
    studio_id: UUID | None = None
    studio_ids: tuple[UUID, ...] = ()
    performer_ids: tuple[UUID, ...] = ()
    tag_ids: tuple[UUID, ...] = ()
    all_tag_ids: tuple[UUID, ...] = ()
    marker_tag_ids: tuple[UUID, ...] = ()
    own_marker_tag_ids: tuple[UUID, ...] = ()
    group_ids: tuple[UUID, ...] = ()
    scene_id: UUID | None = None
    genders: tuple[str, ...] = ()
    date: datetime.date | None = None
    height: int | None = None
    duration: int | None = None
    size: int | None = None
    rating: int | None = None
    plays: int | None = None
    o_count: int | None = None
    organized: bool | None = None
    favorite: bool | None = None
    has_markers: bool | None = None
    video_codecs: tuple[str, ...] = ()
    stash_box: str | None = None
    seconds: int | None = None
    created_at: datetime.datetime | None = None
    updated_at: datetime.datetime | None = None


COLUMNS: Final = tuple(field.name for field in fields(Document))
"""The columns of ``search.documents``, in order."""

LISTS: Final = tuple(field.name for field in fields(Document) if field.default == ())
"""The fields with several values."""
IDS: Final = (
    "studio_id",
    "studio_ids",
    "performer_ids",
    "tag_ids",
    "all_tag_ids",
    "marker_tag_ids",
    "own_marker_tag_ids",
    "group_ids",
    "scene_id",
)
"""The fields with ids of records."""

# --- how back ends treat the fields -------------------------------------------------------------------------

TEXT_WEIGHTS: Final[dict[str, float]] = {
    "title": 10.0,
    "code": 8.0,
    "aliases": 5.0,
    "disambiguation": 2.0,
    "people": 4.0,
    "studios": 3.0,
    "files": 3.0,
    "groups": 2.5,
    "people_aliases": 2.0,
    "studio_aliases": 1.5,
    "tags": 2.0,
    "markers": 1.5,
    "tag_aliases": 1.0,
    "hosts": 1.0,
    "details": 1.0,
}
"""The fields that words without a field are looked for in, and how much a hit in each counts."""

FACETS: Final = (
    "entity",
    "instance",
    "studio",
    "performer",
    "tag",
    "gender",
    "year",
    "resolution",
    "duration",
    "rating",
    "organized",
    "played",
    "markers",
    "codec",
    "box",
)
"""Facets by their names in the query language."""

FACET_FIELDS: Final[dict[str, str]] = {
    "entity": "entity",
    "instance": "instance_ids",
    "studio": "studio_ids",
    "performer": "performer_ids",
    "tag": "all_tag_ids",
    "gender": "genders",
    "year": "date",
    "resolution": "height",
    "duration": "duration",
    "rating": "rating",
    "organized": "organized",
    "played": "plays",
    "markers": "has_markers",
    "codec": "video_codecs",
    "box": "stash_box",
}
"""What each facet counts. Parents of studios and tags count, too, so that a count is what the filter finds."""

RESOLUTIONS: Final = (
    ("sd", 0),
    ("480p", 480),
    ("720p", 720),
    ("1080p", 1080),
    ("1440p", 1440),
    ("4k", 2160),
    ("5k", 2880),
    ("6k", 3160),
    ("8k", 4320),
)
"""The classes of the facet ``resolution``, with the height in pixels from which each begins."""

DURATIONS: Final = (
    ("under 1 min", 0),
    ("1–5 min", 60_000),
    ("5–20 min", 300_000),
    ("20–60 min", 1_200_000),
    ("over 60 min", 3_600_000),
)
"""The classes of the facet ``duration``, with the milliseconds from which each begins."""

RATINGS: Final = (("0–19", 0), ("20–39", 20), ("40–59", 40), ("60–79", 60), ("80–100", 80))
"""The classes of the facet ``rating``, with the rating from which each begins."""


def facet_values(document: Document, facet: str) -> tuple[str, ...]:
    """The values with which a document counts in a facet; none if it has none there."""
    value = getattr(document, FACET_FIELDS[facet])
    if value is None:
        return ()
    if facet == "year":
        return (f"{value.year:04}",)
    if facet == "played":
        return ("true" if value else "false",)
    if facet in _CLASSES:
        return (class_of(value, _CLASSES[facet]),)
    values = value if isinstance(value, tuple) else (value,)
    return tuple(str(element).lower() if isinstance(element, bool) else str(element) for element in values)


def class_of(value: int, classes: tuple[tuple[str, int], ...]) -> str:
    """The name of the class that a value is in."""
    return next((name for name, start in reversed(classes) if value >= start), classes[0][0])


_CLASSES: Final = {"resolution": RESOLUTIONS, "duration": DURATIONS, "rating": RATINGS}
