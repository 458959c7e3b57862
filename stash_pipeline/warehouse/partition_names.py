"""Names of the partitions that hold the rows of one instance; see ``tables.py``."""


def partition(table: str, instance_id: int) -> str:
    """Qualified name of one instance's partition of ``schema.table``."""
    return f"partitions.{table.replace('.', '_', 1)}_{instance_id}"
