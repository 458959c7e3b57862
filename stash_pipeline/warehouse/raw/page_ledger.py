"""The ledger of answers, ``raw.pages``, and how it spares work: an answer that is known need not be decoded again.

An answer is known when its hash is that of a page of the kind's last complete reading, the page was asked for and
understood in the same way (its *form*), and nothing between its first and its last object was written since. Its
objects are then in ``raw`` as the answer has them, and there are no others in its range.
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
from stash_pipeline.stash.snapshot.copy import MUTATION, Copy
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.tables import partition

COPY = "snapshot"
"""The whole database, among the kinds; and the purpose of reading it."""

Known = Mapping[str, Mapping[bytes, CachedPage]]
"""Per kind: pages by the hash of the answer."""


@cache
def _code() -> bytes:
    """A hash of the code that makes documents of answers: when it changes, so may they."""
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
    """16 bytes that are equal when equal answers mean equal documents.

    Args:
        plan: how the kind is read. release: the server's. prefix: of the server's own URL.
    """
    digest = hashlib.blake2b(_code(), digest_size=16)
    for part in (plan.page_document(), release, prefix):
        digest.update(part.encode() + b"\0")
    return digest.digest()


def known_pages(
    connection: Connection, instance_id: int, forms: Mapping[str, bytes], purpose: str = "documents"
) -> Known:
    """The pages that need not be decoded again, of the kinds whose form is as it was.

    A page of a listing is known while the objects that it lists stand unchanged; it says no more than that they did
    not change in what it shows.
    """
    result: dict[str, dict[bytes, CachedPage]] = {}
    for entity, revision, run_id in connection.execute(
        "SELECT entity, revision, run_id FROM ops.readings WHERE instance_id = %s AND entity = ANY(%s)\n"
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
        found: dict[bytes, CachedPage] = {}
        for digest, *facts in connection.execute(
            "SELECT hash, first_id, last_id, objects, unreadable FROM raw.pages\n"
            "WHERE run_id = %s AND entity = %s AND first_id IS NOT NULL",
            [run_id, entity],
        ):
            page = CachedPage(*facts)
            position = bisect_left(written, page.first)
            if position == len(written) or written[position] > page.last:
                found[digest] = page
        result[entity] = found
    return result


def record_pages(connection: Connection, instance_id: int, run_id: int, lane: str, pages: Iterable[Page]) -> None:
    """Writes answers into the ledger."""
    with connection.cursor().copy(
        "COPY raw.pages (instance_id, entity, run_id, lane, request, objects, bytes, milliseconds, hash, known,\n"
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
                page.known is not None,
                *(page.range or (None, None)),
                page.unreadable,
            )
            copy.write_row(row)


def record_copy(connection: Connection, instance_id: int, run_id: int, copy: Copy, objects: int, known: bool) -> None:
    """Writes a copy of the database into the ledger: an answer like others, only larger.

    Args:
        known: it was the last one.
    """
    connection.execute(
        "INSERT INTO raw.pages\n"
        "    (instance_id, entity, run_id, lane, request, objects, bytes, milliseconds, hash, known, unreadable)\n"
        "VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 0)",
        [
            instance_id,
            COPY,
            run_id,
            COPY,
            Jsonb({MUTATION: {"download": True}}),
            objects,
            copy.size,
            round((copy.create_seconds + copy.download_seconds) * 1000),
            copy.digest,
            known,
        ],
    )


def read_like_this(connection: Connection, instance_id: int, forms: Mapping[str, bytes]) -> set[str]:
    """The kinds that were read completely, and in the same form."""
    rows = connection.execute(
        "SELECT entity, form FROM ops.readings WHERE instance_id = %s AND purpose = 'documents'", [instance_id]
    )
    return {entity for entity, form_then in rows if forms.get(entity) == form_then}


def copy_form(digest_of_copy: bytes, parts: Iterable[str]) -> bytes:
    """16 bytes that are equal when a copy of the database means the same documents.

    Args:
        parts: whatever else the documents depend on.
    """
    digest = hashlib.blake2b(_code() + digest_of_copy, digest_size=16)
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.digest()


def copy_is_known(connection: Connection, instance_id: int, form_of: bytes) -> bool:
    """Whether the last copy that was read was this one, and nothing was written since."""
    row = connection.execute(
        "SELECT 1 FROM ops.readings AS r JOIN ops.instances AS i ON i.id = r.instance_id\n"
        "WHERE r.instance_id = %s AND r.entity = %s AND r.purpose = %s AND r.form = %s AND r.revision = i.revision",
        [instance_id, COPY, COPY, form_of],
    ).fetchone()
    return row is not None


def record_reading(
    connection: Connection, instance_id: int, run_id: int, entity: str, form_of: bytes, purpose: str = "documents"
) -> None:
    """Notes that a kind was read completely, at the instance's present revision."""
    connection.execute(
        "INSERT INTO ops.readings (instance_id, entity, run_id, revision, form, purpose)\n"
        "SELECT id, %s, %s, revision, %s, %s FROM ops.instances WHERE id = %s\n"
        "ON CONFLICT (instance_id, entity, purpose) DO UPDATE SET run_id = excluded.run_id,\n"
        "    revision = excluded.revision, form = excluded.form, finished_at = now()",
        [entity, run_id, form_of, purpose, instance_id],
    )
