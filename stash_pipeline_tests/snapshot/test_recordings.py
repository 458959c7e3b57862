"""The databases of real servers give the same documents as their responses."""

from typing import Any

import orjson
import pytest

from stash_pipeline.stash.client import Answer
from stash_pipeline.stash.query_plan import plan_library
from stash_pipeline.stash.reader import DocumentBuilder
from stash_pipeline.stash.response_page import RawPage
from stash_pipeline.stash.schema import ServerSchema
from stash_pipeline.stash.snapshot.database import Snapshot
from stash_pipeline.stash.snapshot.documents import SNAPSHOT_ENTITIES, documents
from stash_pipeline_tests.mirror.answers import recorded_introspection, recorded_objects
from stash_pipeline_tests.recordings import RELEASES, recorded_database


def _as_recorded(kind: str, json: bytes) -> bytes:
    """Only the ids of chapters were requested when the responses were recorded."""
    document: dict[str, Any] = orjson.loads(json)
    if kind == "galleries" and "chapters" in document:
        document["chapters"] = [{"id": chapter["id"]} for chapter in document["chapters"]]
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
    return json


@pytest.mark.parametrize("release", RELEASES)
def test_a_real_database_gives_the_bytes_of_the_real_responses(release: str) -> None:
    plans = plan_library(ServerSchema({"__schema": recorded_introspection(release)}))
    readers = DocumentBuilder(plans, "")
    answered: dict[str, dict[int, bytes]] = {kind: {} for kind in SNAPSHOT_ENTITIES}
    for plan in plans.values():
        if plan.query:
            objects = recorded_objects(release, plan.query, plan.result)
            page = readers.page(RawPage(plan, objects, {}, Answer({}, 1, 0.1, b"")))
            for kind, found in page.documents.items():
                answered.setdefault(kind, {}).update({document.id: document.json for document in found})
    if readers.files_are_embedded:
        answered["folders"] = {document.id: document.json for document in readers.collected_folders()}
    with Snapshot(recorded_database(release)) as snapshot:
        for kind in SNAPSHOT_ENTITIES:
            read = {document.id: _as_recorded(kind, document.json) for document in documents(snapshot, plans, kind)}
            assert read == answered[kind], kind
            assert list(read) == sorted(read)
        assert sum(map(len, answered.values())) > 200
