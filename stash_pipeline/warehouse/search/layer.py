"""Layer ``search`` as the registry of layers has it: its tables, its checks, how it follows."""

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Final

from stash_pipeline.search.documents import DOCUMENTS_VERSION
from stash_pipeline.settings import Settings
from stash_pipeline.warehouse.connect import Connection
from stash_pipeline.warehouse.first_build import are_empty, indexes_afterwards
from stash_pipeline.warehouse.layers.layer import LayerTable, Origin, SharedLayer, TableChange
from stash_pipeline.warehouse.layers.versions import digest
from stash_pipeline.warehouse.search import affected
from stash_pipeline.warehouse.search.checks import CHECKS
from stash_pipeline.warehouse.search.document_columns import ORDER, SINGULAR
from stash_pipeline.warehouse.search.document_tags import tagged_statement
from stash_pipeline.warehouse.search.documents_sql import made_statement
from stash_pipeline.warehouse.search.tables import DOCUMENTS, MARKER_TAGS, VANISHED
from stash_pipeline.warehouse.search.writing import record_state, remove_documents, update_counts, write_documents

GROUP: Final = "search"

_OPTIONAL: Final = "images"

VERSION: Final = digest(
    [
        str(DOCUMENTS_VERSION),
        *(text for entity in ORDER for text in (tagged_statement(entity, everything=True),
                                                made_statement(entity, everything=True))),
    ]
)  # fmt: skip

Changes = dict[str, TableChange]

# --- following ----------------------------------------------------------------------------------------------


def _entities(images: bool) -> tuple[str, ...]:
    return tuple(entity for entity in ORDER if images or entity != _OPTIONAL)


def follow(connection: Connection, revision: int, *, images: bool) -> Mapping[str, TableChange]:
    """Makes the documents again that a change reaches."""
    # a few objects are looked up by their keys, in tables that are mostly cached
    connection.execute("SELECT set_config('random_page_cost', '1.1', true), set_config('jit', 'off', true)")
    entities = _entities(images)
    affected.collect_affected(connection, entities)
    changes: Changes = {}
    for entity in entities:
        if affected.complete(connection, entity):
            _write(connection, changes, entity, revision, entities, everything=False)
    affected.forget(connection)
    return _recorded(connection, changes, revision, everything=False)


def rebuild(connection: Connection, revision: int, *, images: bool) -> Mapping[str, TableChange]:
    """Makes all documents again, and writes those that differ."""
    # a library's worth of rows is sorted and joined, by statements of many expressions
    connection.execute("SELECT set_config('work_mem', '64MB', true), set_config('jit', 'off', true)")
    entities = _entities(images)
    changes: Changes = {}
    first = are_empty(connection, (DOCUMENTS, MARKER_TAGS))
    with indexes_afterwards(connection, MARKER_TAGS, first=first):
        for entity in ORDER:
            if entity in entities:
                _write(connection, changes, entity, revision, entities, everything=True)
            else:
                changes[entity] = TableChange(removed=remove_documents(connection, entity, revision))
    return _recorded(connection, changes, revision, everything=True)


def _write(
    connection: Connection,
    changes: Changes,
    entity: str,
    revision: int,
    entities: tuple[str, ...],
    *,
    everything: bool,
) -> None:
    started = time.perf_counter()
    change, tags = write_documents(connection, entity, revision, entities, everything=everything)
    change.seconds = time.perf_counter() - started
    changes[entity] = change
    if entity == "scene_markers":
        changes[MARKER_TAGS.name] = tags
    if everything and entity in SINGULAR:
        # before its first analyze, the planner expects few documents that others refer to
        connection.execute("ANALYZE search.documents (id, entity)")


def _recorded(connection: Connection, changes: Changes, revision: int, *, everything: bool) -> Changes:
    """Records the state if documents changed, and gives the changes by table."""
    if not changes:
        return {}
    documents, tags = TableChange(), changes.get(MARKER_TAGS.name, TableChange())
    for name, change in changes.items():
        if name != MARKER_TAGS.name:
            documents.inserted += change.inserted
            documents.updated += change.updated
            documents.removed += change.removed
            documents.seconds += change.seconds
    if documents.changed:
        record_state(connection, revision)
    counts = update_counts(connection, changes, everything=everything)
    tags.rows = counts.get(MARKER_TAGS.name, 0)
    by_kind = {entity: counts[entity] for entity in ORDER if counts.get(entity)}
    documents.rows = sum(by_kind.values())
    documents.details = {f"documents: {entity}": rows for entity, rows in by_kind.items()}
    vanished = TableChange(inserted=documents.removed)
    if vanished.inserted:
        row = connection.execute("SELECT count(*) FROM search.vanished").fetchone()
        vanished.rows = row[0] if row else 0
    return {DOCUMENTS.fullname: documents, VANISHED.fullname: vanished, MARKER_TAGS.fullname: tags}


# --- tables -------------------------------------------------------------------------------------------------


def _configured(layer: SharedLayer, settings: Settings) -> SharedLayer:
    images = settings.search_images
    return replace(
        layer,
        version=digest([VERSION, _OPTIONAL]) if images else VERSION,
        follow=partial(follow, images=images),
        rebuild=partial(rebuild, images=images),
    )


_RECORDS: Final = tuple(f"catalog.{entity}" for entity in SINGULAR)
_LISTS: Final = (
    *(f"catalog.{SINGULAR[entity]}_tags" for entity in SINGULAR if entity != "tags"),
    *(f"catalog.{name}" for name in ("tag_parents", "tag_aliases", "studio_aliases", "performer_aliases")),
    *(f"catalog.{SINGULAR[entity]}_urls" for entity in SINGULAR if entity != "tags"),
    *(f"catalog.{owner}_performers" for owner in ("scene", "gallery", "image")),
    *(f"catalog.{owner}_files" for owner in ("scene", "gallery", "image")),
    *(f"catalog.{owner}_stash_ids" for owner in ("scene", "performer", "studio", "tag")),
    "catalog.scene_groups",
)


def _columns(column: str, *entities: str) -> tuple[str, ...]:
    return tuple(f"catalog.{entity}.{column}" for entity in entities)


_NAMED: Final = ("tags", "studios", "performers", "groups")
_TITLED: Final = ("galleries", "images", "scenes")
_MARKER_TAG_IDS: Final = ("stash.scene_markers.primary_tag_id", "stash.marker_tags.tag_id")
_TAG_IDS: Final = (
    *(f"catalog.{SINGULAR[entity]}_tags.tag_id" for entity in SINGULAR if entity != "tags"),
    *_MARKER_TAG_IDS,
)
_STUDIO_IDS: Final = _columns("studio_id", "groups", "galleries", "images", "scenes")
_PERFORMER_IDS: Final = tuple(f"catalog.{owner}_performers.performer_id" for owner in ("scene", "gallery", "image"))
_FILES: Final = "stash.files."

_ORIGINS: Final[dict[str, Origin]] = {
    "id": Origin((*_columns("id", *SINGULAR), "stash.scene_markers.id")),
    "entity": Origin(("catalog.members.entity",)),
    "title": Origin(
        (*_columns("name", *_NAMED), *_columns("title", *_TITLED), "stash.scene_markers.title", f"{_FILES}basename",
         "stash.folders.path")
    ),
    "disambiguation": Origin(("catalog.performers.disambiguation",)),
    "aliases": Origin(
        ("catalog.tag_aliases.alias", "catalog.studio_aliases.alias", "catalog.performer_aliases.alias",
         "catalog.groups.aliases", *(f"stash.{entity}.name" for entity in _NAMED),
         *(f"stash.{entity}.title" for entity in _TITLED))
    ),
    "code": Origin(_columns("code", *_TITLED)),
    "details": Origin(
        (*_columns("details", "studios", "performers", *_TITLED), "catalog.tags.description", "catalog.groups.synopsis")
    ),
    "files": Origin((f"{_FILES}basename", "stash.folders.path")),
    "hosts": Origin(tuple(f"catalog.{SINGULAR[entity]}_urls.url" for entity in SINGULAR if entity != "tags")),
    "people": Origin(
        ("catalog.performers.name", "catalog.scenes.director", "catalog.groups.director",
         "catalog.galleries.photographer", "catalog.images.photographer")
    ),
    "people_aliases": Origin(("catalog.performer_aliases.alias",)),
    "tags": Origin(("catalog.tags.name",)),
    "tag_aliases": Origin(("catalog.tag_aliases.alias",)),
    "studios": Origin(("catalog.studios.name",)),
    "studio_aliases": Origin(("catalog.studio_aliases.alias",)),
    "groups": Origin(("catalog.groups.name",)),
    "markers": Origin(("stash.scene_markers.title", "catalog.tags.name")),
    "instance_ids": Origin(("catalog.members.instance_id", "stash.scene_markers.instance_id")),
    "studio_id": Origin(_STUDIO_IDS, "catalog.studios.id"),
    "studio_ids": Origin((*_STUDIO_IDS, "catalog.studios.parent_studio_id")),
    "performer_ids": Origin(_PERFORMER_IDS),
    "tag_ids": Origin(_TAG_IDS),
    "all_tag_ids": Origin((*_TAG_IDS, "catalog.tag_parents.parent_id")),
    "marker_tag_ids": Origin((*_MARKER_TAG_IDS, "catalog.tag_parents.parent_id")),
    "own_marker_tag_ids": Origin(_MARKER_TAG_IDS),
    "group_ids": Origin(("catalog.scene_groups.group_id",)),
    "scene_id": Origin(("catalog.scenes.id", "stash.scene_markers.scene_id"), "catalog.scenes.id"),
    "genders": Origin(("catalog.performers.gender",)),
    "date": Origin((*_columns("date", "groups", *_TITLED), "catalog.performers.birthdate")),
    "height": Origin((f"{_FILES}width", f"{_FILES}height")),
    "duration": Origin(
        (f"{_FILES}duration", "catalog.groups.duration", "stash.scene_markers.seconds",
         "stash.scene_markers.end_seconds")
    ),
    "size": Origin((f"{_FILES}size",)),
    "rating": Origin(_columns("rating100", "studios", "performers", "groups", *_TITLED)),
    "plays": Origin(("catalog.scenes.play_count",)),
    "o_count": Origin(_columns("o_counter", "scenes", "images")),
    "organized": Origin(_columns("organized", "studios", *_TITLED)),
    "favorite": Origin(_columns("favorite", "tags", "studios", "performers")),
    "has_markers": Origin(("stash.scene_markers.scene_id",)),
    "video_codecs": Origin((f"{_FILES}video_codec",)),
    "stash_box": Origin(
        (*(f"catalog.{owner}_stash_ids.stash_id" for owner in ("scene", "performer", "studio", "tag")),
         "matches.stashbox_candidates.action")
    ),
    "seconds": Origin(("stash.scene_markers.seconds",)),
    **{name: Origin((*_columns(name, *SINGULAR), f"stash.scene_markers.{name}"))
       for name in ("created_at", "updated_at")},
}  # fmt: skip

_OF_DOCUMENTS: Final = (DOCUMENTS.fullname,)


SEARCH_LAYER: Final = SharedLayer(
    name="search",
    description="The documents that the search index is made of.",
    tables=(
        LayerTable(
            DOCUMENTS,
            group=GROUP,
            description="What the search knows of each record of the catalog and of each scene marker.",
            upstream=(
                *_RECORDS,
                "catalog.members",
                *_LISTS,
                "stash.scene_markers",
                "stash.marker_tags",
                "stash.files",
                "stash.folders",
                "stash.galleries",
                "matches.stashbox_candidates",
            ),
            version=VERSION,
            origins=_ORIGINS,
        ),
        LayerTable(
            VANISHED,
            group=GROUP,
            description="Documents that no longer exist, for an index that follows.",
            upstream=_OF_DOCUMENTS,
            version=VERSION,
            origins={name: Origin((f"search.documents.{name}",)) for name in ("id", "entity")},
        ),
        LayerTable(
            MARKER_TAGS,
            group=GROUP,
            description="Tags of scene markers with their ancestors, and when the markers begin: scenes in which "
            "certain markers follow each other are found with it.",
            upstream=(*_OF_DOCUMENTS, "stash.scene_markers", "stash.marker_tags"),
            version=VERSION,
            origins={
                "tag_id": Origin(("search.documents.all_tag_ids",), "catalog.tags.id"),
                "scene_id": Origin(("search.documents.scene_id",), "catalog.scenes.id"),
                "seconds": Origin(("search.documents.seconds",)),
                "marker_id": Origin(("search.documents.id",), "search.documents.id"),
                "instance_id": Origin(("stash.scene_markers.instance_id",)),
                "end_seconds": Origin(("stash.scene_markers.end_seconds",)),
                "own": Origin(("stash.marker_tags.tag_id", "stash.scene_markers.primary_tag_id")),
            },
        ),
    ),
    checks=CHECKS,
    version=VERSION,
    follow=partial(follow, images=False),
    rebuild=partial(rebuild, images=False),
    after=("catalog",),
    configured=_configured,
)
