"""The ledger of responses, ``raw.pages``, and how it saves work: a cached response is not decoded again.

A response is cached if its hash is that of a page of the entity's last complete read, the page was requested and
decoded in the same way (its *form*), and nothing between its first and last object was written since. Its objects are
then in ``raw`` as the response has them, and there are no others in its range.
"""

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from psycopg.types.json import Jsonb

from stash_pipeline.stash.query_plan import QueryPlan
from stash_pipeline.stash.reader import Page
from stash_pipeline.stash.response_page import CachedPage
from stash_pipeline.stash.snapshot.download import MUTATION, SnapshotFile
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.partition_names import partition

SNAPSHOT = "snapshot"
"""The entity and the purpose under which snapshots are recorded."""

CachedPages = Mapping[str, Mapping[bytes, CachedPage]]
"""Per entity: pages by the hash of the response."""


@cache
def _code() -> bytes:
    """A hash of the code that derives documents from responses, which change with it."""
    digest = hashlib.blake2b(digest_size=16)
    folders = [files("stash_pipeline.stash")]
    while folders:
        for entry in sorted(folders.pop().iterdir(), key=lambda entry: entry.name):
            if entry.is_dir():
                folders.append(entry)
            elif entry.name.endswith(".py"):
                digest.update(entry.read_bytes())
    return digest.digest()


def form(plan: QueryPlan, release: str, prefix: str) -> bytes:
    """16 bytes that are equal if equal responses mean equal documents.

    Args:
        plan: how the entity is read.
        release: of the server.
        prefix: of the server's own URL.
    """
    digest = hashlib.blake2b(_code(), digest_size=16)
    for part in (plan.page_document(), release, prefix):
        digest.update(part.encode() + b"\0")
    return digest.digest()


def cached_pages(
    connection: Connection, instance_id: int, forms: Mapping[str, bytes], purpose: str = "documents"
) -> CachedPages:
    """The pages that need not be decoded again, of the entities whose form is unchanged.

    A page of a listing is cached while its objects are unchanged; it only shows that the listed fields did not change.
    """
    result: dict[str, dict[bytes, CachedPage]] = {}
    for entity, revision, run_id in connection.execute(
        "SELECT entity, revision, run_id FROM ops.complete_reads WHERE instance_id = %s AND entity = ANY(%s)\n"
        "  AND form = ANY(%s) AND purpose = %s",
        [instance_id, list(forms), list(forms.values()), purpose],
    ).fetchall():
        written = [
            row[0]
            for row in connection.execute(
                f"SELECT id FROM {partition('raw.' + entity, instance_id)}\n"
                "WHERE instance_id = %s AND revision > %s ORDER BY id",
                [instance_id, revision],
            )
        ]
        pages: dict[bytes, CachedPage] = {}
        for digest, *values in connection.execute(
            "SELECT hash, first_id, last_id, objects, unreadable FROM raw.pages\n"
            "WHERE run_id = %s AND entity = %s AND first_id IS NOT NULL",
            [run_id, entity],
        ):
            page = CachedPage(*values)
            position = bisect_left(written, page.first)
            if position == len(written) or written[position] > page.last:
                pages[digest] = page
        result[entity] = pages
    return result


def record_pages(connection: Connection, instance_id: int, run_id: int, lane: str, pages: Iterable[Page]) -> None:
    """Writes responses into the ledger."""
    with connection.cursor().copy(
        "COPY raw.pages (instance_id, entity, run_id, lane, request, objects, bytes, milliseconds, hash, unchanged,\n"
        "    first_id, last_id, unreadable) FROM STDIN"
    ) as copy:
        for page in pages:
            row: tuple[Any, ...] = (
                instance_id,
                page.entity,
                run_id,
                lane,
                Jsonb(page.variables),
                page.objects,
                page.size,
                round(page.seconds * 1000),
                page.hash,
                page.cached is not None,
                *(page.range or (None, None)),
                page.unreadable,
            )
            copy.write_row(row)


def record_snapshot_file(
    connection: Connection, instance_id: int, run_id: int, file: SnapshotFile, objects: int, unchanged: bool
) -> None:
    """Writes a snapshot of the database into the ledger, like any other response.

    Args:
        unchanged: it equals the last one.
    """
    connection.execute(
        "INSERT INTO raw.pages\n"
        "    (instance_id, entity, run_id, lane, request, objects, bytes, milliseconds, hash, unchanged, unreadable)\n"
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0)",
        [
            instance_id,
            SNAPSHOT,
            run_id,
            SNAPSHOT,
            Jsonb({MUTATION: {"download": True}}),
            objects,
            file.size,
            round((file.create_seconds + file.download_seconds) * 1000),
            file.digest,
            unchanged,
        ],
    )


def read_in_same_form(connection: Connection, instance_id: int, forms: Mapping[str, bytes]) -> set[str]:
    """The entities whose last complete read had the same form."""
    rows = connection.execute(
        "SELECT entity, form FROM ops.complete_reads WHERE instance_id = %s AND purpose = 'documents'", [instance_id]
    )
    return {entity for entity, previous in rows if forms.get(entity) == previous}


def snapshot_form(file_digest: bytes, parts: Iterable[str]) -> bytes:
    """16 bytes that are equal if a snapshot of the database means the same documents.

    Args:
        parts: other inputs of the documents.
    """
    digest = hashlib.blake2b(_code() + file_digest, digest_size=16)
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.digest()


def is_last_snapshot(connection: Connection, instance_id: int, form_of: bytes) -> bool:
    """Whether the last snapshot read, or compared and found equal, is this one, and nothing was written since."""
    row = connection.execute(
        "SELECT 1 FROM ops.instances AS i WHERE i.id = %(id)s AND (EXISTS (\n"
        "    SELECT FROM ops.complete_reads AS r WHERE r.instance_id = i.id AND r.entity = %(name)s\n"
        "        AND r.purpose = %(name)s AND r.form = %(form)s AND r.revision = i.revision\n"
        ") OR EXISTS (\n"
        "    SELECT FROM ops.cadence AS c\n"
        "    WHERE c.instance_id = i.id AND c.equal_form = %(form)s AND c.equal_revision = i.revision\n"
        "))",
        {"id": instance_id, "name": SNAPSHOT, "form": form_of},
    ).fetchone()
    return row is not None


def record_complete_read(
    connection: Connection, instance_id: int, run_id: int, entity: str, form_of: bytes, purpose: str = "documents"
) -> None:
    """Records that an entity was read completely, at the instance's current revision."""
    connection.execute(
        "INSERT INTO ops.complete_reads (instance_id, entity, run_id, revision, form, purpose)\n"
        "SELECT id, %s, %s, revision, %s, %s FROM ops.instances WHERE id = %s\n"
        "ON CONFLICT (instance_id, entity, purpose) DO UPDATE SET run_id = excluded.run_id,\n"
        "    revision = excluded.revision, form = excluded.form, finished_at = now()",
        [entity, run_id, form_of, purpose, instance_id],
    )
