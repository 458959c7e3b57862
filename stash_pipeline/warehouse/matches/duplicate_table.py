"""The table ``matches.duplicates``."""

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from stash_pipeline.warehouse.metadata import METADATA

DUPLICATES: Final = Table(
    "duplicates",
    METADATA,
    Column("entity", Text, nullable=False, comment="scenes, files, performers, studios or tags"),
    Column("kind", Text, nullable=False, comment="same; or possible: two of one server, for a person to decide"),
    Column("group_id", Uuid, nullable=False, comment="if kind is same, matches.clusters.id; of files, that of scenes"),
    Column("instance_id", Integer, nullable=False, comment="ops.instances.id"),
    Column("id", BigInteger, nullable=False, comment="the server's id; of a file, that of its scene"),
    Column("file_id", BigInteger, nullable=False, comment="→ stash.files.id; of a scene its primary file; 0 if none"),
    Column("is_keeper", Boolean, nullable=False, comment="the best copy of all, by the keeper rules"),
    Column("is_best_here", Boolean, nullable=False, comment="the best copy of its server"),
    Column("protected", Boolean, nullable=False, comment="its path or one of its tags is in ops.protected"),
    Column("compared_instance_id", Integer, comment="of the copy with which it is compared: the best of its server,"
           " or else the keeper; null for the keeper"),
    Column("compared_id", BigInteger),
    Column("compared_file_id", BigInteger),
    Column("reasons", ARRAY(Text), nullable=False, comment="why the keeper is kept; or else what the other one has"),
    Column("loses", JSONB, nullable=False, comment="what it has and the other one has not"),
    Column("bytes", BigInteger, nullable=False, comment="freed if it is removed; its server keeps a better copy"),
    Column("bytes_across", BigInteger, nullable=False, comment="freed if it is removed; only another server keeps one"),
    Column("identical", Boolean, comment="the same checksum as the other one; null if unknown"),
    Column("phash_distance", Integer, comment="bits, from the other one; the least, if there are several files"),
    Column("duration_difference", BigInteger, comment="milliseconds; positive if it is longer than the other one"),
    Column("duration", BigInteger, comment="milliseconds; this and the next ones are of the (primary) file"),
    Column("width", Integer),
    Column("height", Integer),
    Column("video_codec", Text),
    Column("bit_rate", BigInteger),
    Column("frame_rate", Double),
    Column("size", BigInteger, comment="bytes; of a scene all its files"),
    Column("markers", Integer, nullable=False),
    PrimaryKeyConstraint("entity", "kind", "group_id", "instance_id", "id", "file_id", name="duplicates_pkey"),
    Index("duplicates_object_idx", "instance_id", "id", "entity"),
    CheckConstraint("kind IN ('same', 'possible')", name="duplicates_kind_check"),
    schema="matches",
    comment="Groups of copies of one thing, one row per copy, with the one to keep. Nothing is deleted on a server.",
)  # fmt: skip
