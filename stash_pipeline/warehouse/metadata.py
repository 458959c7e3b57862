"""What all definitions of tables share: the registry itself, the schemas, and two columns."""

from typing import Any

from sqlalchemy import Column, DateTime, Integer, MetaData, text

SCHEMAS = ("ops", "raw", "stash", "partitions", "stashbox")
"""Those that do not belong to a shared layer."""

METADATA = MetaData()
"""The registry of tables."""


def instance_id() -> Column[int]:
    """The column that says of which instance a row is."""
    return Column("instance_id", Integer, nullable=False, comment="ops.instances.id")


def timestamp(name: str, nullable: bool = False) -> Column[Any]:
    """A moment, by default that of the insert."""
    return Column(name, DateTime(timezone=True), nullable=nullable, server_default=text("now()"))
