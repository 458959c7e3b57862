"""The tables of schema ``search``: documents, what vanished, tags of markers, and the states an index can be of."""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY

from stash_pipeline.search.documents import COLUMNS
from stash_pipeline.warehouse.metadata import METADATA, timestamp


def _text(name: str, comment: str | None = None) -> Column[Any]:
    return Column(name, Text, nullable=False, comment=comment)


def _list(name: str, comment: str | None = None, kind: Any = Text) -> Column[Any]:
    return Column(name, ARRAY(kind), nullable=False, comment=comment)


DOCUMENTS: Final = Table(
    "documents",
    METADATA,
    Column("id", Uuid, nullable=False, comment="of the record in catalog; of a marker, derived from its server and id"),
    _text("entity", "of the catalog, or scene_markers"),
    Column("revision", BigInteger, nullable=False, comment="of the object log, when the document last changed"),
    _text("title", "title or name; else the name of the primary file; of a marker else that of its primary tag"),
    _text("disambiguation"),
    _list("aliases"),
    _text("code"),
    _text("details", "details, description or synopsis"),
    _list("files", "names without folders"),
    _list("hosts", "of the urls"),
    _list("people", "performers, then director or photographer"),
    _list("people_aliases"),
    _list("tags", "names of the tags, then of all their ancestors"),
    _list("tag_aliases"),
    _list("studios", "names of the studio and of its parents, from the nearest"),
    _list("studio_aliases"),
    _list("groups"),
    _list("markers", "titles of the markers of a scene, and names of their tags"),
    _list("instance_ids", "→ ops.instances.id", Integer),
    Column("studio_id", Uuid, comment="→ catalog.studios.id"),
    _list("studio_ids", "the studio and its parents", Uuid),
    _list("performer_ids", "→ catalog.performers.id", Uuid),
    _list("tag_ids", "→ catalog.tags.id", Uuid),
    _list("all_tag_ids", "the tags and all their ancestors", Uuid),
    _list("marker_tag_ids", "of a scene: the tags of its markers and all their ancestors", Uuid),
    _list("own_marker_tag_ids", "of a scene: the tags that its markers have themselves", Uuid),
    _list("group_ids", "→ catalog.groups.id", Uuid),
    Column("scene_id", Uuid, comment="→ catalog.scenes.id"),
    _list("genders"),
    Column("date", Date, comment="first day of the period that is known; of a performer, the birthdate"),
    Column("height", Integer, comment="pixels of the shorter side, of the best file"),
    Column("duration", BigInteger, comment="milliseconds"),
    Column("size", BigInteger, comment="bytes of all files"),
    Column("rating", Integer, comment="0 to 100"),
    Column("plays", BigInteger),
    Column("o_count", BigInteger),
    Column("organized", Boolean),
    Column("favorite", Boolean),
    Column("has_markers", Boolean, comment="of scenes"),
    _list("video_codecs"),
    Column("stash_box", Text, comment="linked, candidate or none; null for entities that boxes do not have"),
    Column("seconds", BigInteger, comment="milliseconds at which a marker begins"),
    Column("created_at", DateTime(timezone=True)),
    Column("updated_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("id", name="documents_pkey"),
    Index("documents_revision_idx", "revision"),
    Index("documents_entity_idx", "entity"),
    schema="search",
    comment="What the search knows of each record of the catalog and of each scene marker; an index is made of them.",
)
assert tuple(column.name for column in DOCUMENTS.columns) == COLUMNS

VANISHED: Final = Table(
    "vanished",
    METADATA,
    Column("id", Uuid, nullable=False, comment="a document that no longer exists"),
    Column("entity", Text, nullable=False),
    Column("revision", BigInteger, nullable=False, comment="of the object log, when it vanished"),
    PrimaryKeyConstraint("id", name="vanished_pkey"),
    Index("vanished_revision_idx", "revision"),
    schema="search",
    comment="Documents that no longer exist; kept as long as an index can follow.",
)

MARKER_TAGS: Final = Table(
    "marker_tags",
    METADATA,
    Column("tag_id", Uuid, nullable=False, comment="→ catalog.tags.id"),
    Column("scene_id", Uuid, nullable=False, comment="→ catalog.scenes.id"),
    Column("seconds", BigInteger, nullable=False, comment="milliseconds at which the marker begins"),
    Column("marker_id", Uuid, nullable=False, comment="→ search.documents.id"),
    Column("instance_id", Integer, nullable=False, comment="ops.instances.id"),
    Column("end_seconds", BigInteger, comment="milliseconds at which it ends"),
    Column("own", Boolean, nullable=False, comment="whether the marker has the tag itself, not only one below it"),
    PrimaryKeyConstraint("tag_id", "scene_id", "seconds", "marker_id", name="marker_tags_pkey"),
    Index("marker_tags_marker_idx", "marker_id"),
    schema="search",
    comment="Tags of scene markers, with all ancestors of the tags.",
)

STATES: Final = Table(
    "states",
    METADATA,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("token", Uuid, nullable=False, comment="of the transaction that changed documents"),
    Column("revision", BigInteger, nullable=False, comment="of the object log, that the documents reached"),
    timestamp("created_at"),
    PrimaryKeyConstraint("id", name="states_pkey"),
    Index("states_token_idx", "token", unique=True),
    schema="search",
    comment="The latest states of the documents. An index of one of them can follow; any other is made again.",
)

INDEXES: Final = Table(
    "indexes",
    METADATA,
    Column("backend", Text, nullable=False, comment="tantivy or typesense"),
    Column("version", Text, nullable=False, comment="of how documents are indexed; empty if it never followed"),
    Column("token", Text, nullable=False, comment="of the state that it holds, see search.states"),
    Column("revision", BigInteger, nullable=False, comment="of that state"),
    Column("documents", BigInteger, nullable=False),
    Column("bytes", BigInteger, comment="on disk; null if the back end does not tell"),
    timestamp("followed_at"),
    Column("error", Text, comment="why the last attempt failed; null if it succeeded"),
    Column("failed_at", DateTime(timezone=True)),
    Column("place", Text, nullable=False, comment="the name of a home, or the address of a server and a prefix"),
    PrimaryKeyConstraint("backend", "place", name="indexes_pkey"),
    schema="search",
    comment="What each search index held when it last followed: that of every home, or of a server.",
)

ROW_COUNTS: Final = Table(
    "row_counts",
    METADATA,
    Column("entity", Text, nullable=False),
    Column("rows", BigInteger, nullable=False),
    PrimaryKeyConstraint("entity", name="row_counts_pkey"),
    schema="search",
    comment="Documents per entity, kept because counting would grow with the library.",
)
