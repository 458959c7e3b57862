"""Comments of columns whose definitions have none: of the fields of Stash, and of columns that many tables have.

A definition's own comment (a field's ``description``) comes first, then the table's entry here, then that of the
column's name. A field of the entity specification that has none of these gets a sentence that names where Stash has it,
so that a new field never lacks a comment.
"""

from typing import Final

from sqlalchemy import MetaData

from stash_pipeline.stash.entities import BY_NAME

_OF_COLUMNS: Final[dict[str, str]] = {
    # identity
    "instance_id": "ops.instances.id",
    "entity": "name of the objects' table in stash",
    "left_instance_id": "ops.instances.id of the first object; the pair is ordered by instance and id",
    "left_id": "the server's id of the first object",
    "right_instance_id": "ops.instances.id of the second object",
    "right_id": "the server's id of the second object",
    "cluster_id": "matches.clusters.id",
    "endpoint": "address of the stash-box's GraphQL interface",
    "stash_id": "id of the record on that stash-box",
    "run_id": "ops.sync_runs.id",
    "table_name": "schema.table",
    "rows": "number of live rows",
    # time
    "created_at": "when the object was created, by the server's clock",
    "updated_at": "when the object was last changed, by the server's clock",
    "fetched_at": "when the response that had it arrived",
    "first_seen_at": "when it first was in an answer of the stash-box",
    "raised_at": "when the cause appeared",
    "asked_at": "when the stash-box was asked last",
    "failed_at": "when its last attempt failed; null if it succeeded",
    "followed_at": "when it last followed the object log",
    "finished_at": "when it ended; null while it runs",
    "server_created_at": "created_at of the document",
    "server_updated_at": "updated_at of the document",
    "mod_time": "when the content last changed, according to the file system of the server",
    "last_played_at": "when it was played last",
    "played_at": "when it was played",
    "occurred_at": "when the o-counter was increased",
    # names and texts
    "title": "title; empty or null if none was entered, and the server shows the name of the file",
    "name": "name, as entered on the server",
    "alias": "another name",
    "aliases": "other names",
    "sort_name": "name by which it is sorted, if another than its name",
    "disambiguation": "what tells performers of the same name apart",
    "description": "description, as entered on the server",
    "details": "description, as entered on the server",
    "synopsis": "description of the content",
    "code": "code that the studio gave it",
    "director": "name of the director",
    "photographer": "name of the photographer",
    "url": "address of a page about it",
    "language_code": "language of the captions, two letters, or 00 if unknown",
    "caption_type": "format of the captions: srt or vtt",
    "custom_fields": "fields that users of the server defined, as a JSON object",
    # people
    "gender": "MALE, FEMALE, TRANSGENDER_MALE, TRANSGENDER_FEMALE, INTERSEX or NON_BINARY",
    "ethnicity": "ethnicity, as entered on the server",
    "country": "country of origin; newer servers store its code of two letters (ISO 3166)",
    "eye_color": "color of the eyes, as entered on the server",
    "hair_color": "color of the hair, as entered on the server",
    "height_cm": "body height in centimetres",
    "weight": "body weight in kilograms",
    "measurements": "measurements, as entered on the server",
    "fake_tits": "whether and how breasts were enlarged, as entered on the server",
    "penis_length": "length in centimetres",
    "circumcised": "CUT or UNCUT",
    "career_length": "period of the career as text; newer servers have its first and last year instead",
    "tattoos": "tattoos, as entered on the server",
    "piercings": "piercings, as entered on the server",
    # ratings and flags
    "rating100": "rating from 1 to 100; null if there is none",
    "favorite": "whether it is marked as a favorite",
    "organized": "whether a user of the server marked its metadata as complete",
    "ignore_auto_tag": "whether the server leaves it out when it tags automatically",
    "o_counter": "how often a user of the server increased the o-counter",
    "play_count": "how often it was played",
    "play_duration": "seconds that it was played, in total",
    "resume_time": "second at which it was left, to continue there",
    "interactive": "whether its primary file has a funscript",
    "interactive_speed": "average speed of the funscript",
    "scene_index": "number of the scene within the group; null if none was entered",
    "image_index": "position of the chapter's first image in the gallery, from 1",
    "seconds": "from the start of the scene, in seconds",
    "end_seconds": "end of the marker, in seconds from the start of the scene; null if it has none",
    # files
    "type": "kind of the file, or of the fingerprint: oshash, md5 or phash",
    "value": "the value",
    "path": "path on the server",
    "basename": "name of the file without its folder",
    "size": "size in bytes",
    "format": "container, or image format",
    "width": "width in pixels",
    "height": "height in pixels",
    "duration": "duration in seconds",
    "video_codec": "video codec, such as h264",
    "audio_codec": "audio codec, such as aac; empty without sound",
    "frame_rate": "frames per second",
    "bit_rate": "bits per second",
    # server
    "mode": "what was read: changes, reconcile, sweep or objects",
    "lane": "how it was read: graphql or snapshot",
    "release": "release of Stash at that time",
    "error": "why it failed, in one sentence; null otherwise",
    "enabled": "whether it is asked",
    "documents": "number of documents",
    "objects": "number of objects",
    "dagster_run_id": "id of the run in Dagster; null if a command without a run did it",
    "layer": "name of the layer",
    "day": "the day, in UTC",
    "rule": "name of the rule",
    "action": "what the rule did: automatic, review, or what a person decided",
}

_OF_TABLES: Final[dict[str, str]] = {
    "ops.alembic_version.version_num": "revision of the newest migration that was applied",
    "ops.instances.id": "number of the server here; instance_id in all other tables",
    "ops.instances.uuid": "identifies the server to other systems; never reused",
    "ops.instances.url": "address of the server, without login and key",
    "ops.instances.enabled": "whether it is synced",
    "ops.instances.created_at": "when it was added",
    "ops.instances.updated_at": "when its registration was last changed",
    "ops.stashbox_endpoints.id": "number of the stash-box here",
    "ops.stashbox_endpoints.name": "name by which commands know the stash-box",
    "ops.stashbox_endpoints.requests_per_minute": "most requests that are sent per minute, by all processes together",
    "ops.stashbox_endpoints.created_at": "when it was added",
    "ops.stashbox_endpoints.updated_at": "when its registration was last changed",
    "ops.sync_runs.id": "number of the run",
    "ops.sync_runs.started_at": "when it began",
    "ops.object_log_head.singleton": "true; the table has one row",
    "ops.object_log_head.revision": "revision of the last change in the log",
    "ops.dangling_references.owner_id": "the server's id of the object that refers",
    "ops.dangling_references.target_id": "the server's id of the object that is missing",
    "ops.layer_watermarks.updated_at": "when the layer last followed",
    "ops.shared_layers.updated_at": "when the layer last followed",
    "ops.complete_reads.finished_at": "when the read was complete",
    "raw.history.recorded_at": "when the change was found",
    "raw.pages.id": "number of the page, in the order of arrival",
    "raw.pages.entity": "entity of its objects",
    "raw.pages.objects": "number of objects in the response",
    "raw.pages.last_id": "the page has all objects of its entity from first_id to here",
    "stash.gallery_chapters.id": "the server's id of the chapter",
    "catalog.gallery_chapters.id": "id of the chapter, derived from the servers' ones",
    "stash.files.type": "VideoFile, ImageFile, GalleryFile or BasicFile",
    "stash.file_fingerprints.type": "oshash, md5 or phash",
    "stash.file_fingerprints.value": "the fingerprint, in hexadecimal digits",
    "stash.configuration.database_path": "path of the server's database, on the server",
    "stash.configuration.generated_path": "folder of the server's generated files, on the server",
    "stash.configuration.language": "language of the server's user interface",
    "stash.configuration_stash_boxes.name": "name of the stash-box on this server",
    "stash.configuration_stashes.path": "folder that the server scans",
    "stash.configuration_stashes.exclude_video": "whether videos in the folder are left out",
    "stash.configuration_stashes.exclude_image": "whether images in the folder are left out",
    "stash.saved_filters.mode": "what is filtered, such as SCENES",
    "stash.saved_filters.name": "name of the filter; empty for the default of a page",
    "stash.saved_filters.find_filter": "search words, sorting and page size",
    "stash.saved_filters.object_filter": "criteria of the filter",
    "stash.saved_filters.ui_options": "how the page shows the results",
    "stash.group_containing.description": "how the contained group belongs to the containing one",
    "catalog.group_containing.description": "how the contained group belongs to the containing one",
    "catalog.sources.object_ids": "per field, the server's id of the object whose value counts",
    "matches.decisions.id": "number of the decision",
    "matches.decisions.right_created_at": "created_at of the second object when it was decided",
    "matches.decisions.right_content": "what identified the second object when it was decided",
    "matches.decisions.note": "why, in the words of who decided",
    "matches.decisions.decided_at": "when it was decided",
    "matches.duplicates.compared_id": "the server's id of the object that the copy is compared with",
    "matches.duplicates.compared_file_id": "the server's id of the file that the copy is compared with",
    "matches.duplicates.markers": "number of markers of the scene",
    "matches.link_counts.action": "whether the rule linked or proposed the pairs",
    "matches.resolved_decisions.decision_id": "matches.decisions.id",
    "matches.stashbox_proposals.value": "the value of the stash-box, as JSON",
    "matches.totals.value": "the number",
    "search.documents.people_aliases": "other names of its performers",
    "search.documents.tag_aliases": "other names of its tags",
    "search.documents.studio_aliases": "other names of its studio and of the studios above it",
    "search.documents.groups": "names of the groups that contain it",
    "search.documents.genders": "genders of its performers",
    "search.documents.plays": "how often it was played, on all servers",
    "search.documents.o_count": "how often the o-counter was increased, on all servers",
    "search.documents.video_codecs": "video codecs of its files",
    "search.states.id": "identifies one content of the documents, to compare with that of an index",
    "search.states.created_at": "when that content was first built",
    "stashbox.scenes.title": "title on the stash-box",
    "stashbox.tags.description": "description on the stash-box",
}


def describe(metadata: MetaData) -> None:
    """Gives every column of the registry a comment."""
    for table in metadata.tables.values():
        entity = BY_NAME.get(table.name)
        for column in table.columns:
            if column.comment:
                continue
            column.comment = _OF_TABLES.get(f"{table.fullname}.{column.name}") or _OF_COLUMNS.get(column.name)
            if column.comment is None and entity is not None and table.schema in ("stash", "catalog"):
                column.comment = f"{column.name} of Stash's type {entity.types[0]}, as the server sends it"


# --- views ----------------------------------------------------------------------------------------------

_OF_VIEWS: Final[dict[str, str]] = {
    "catalog.provenance.id": "id of the record in catalog",
    "catalog.provenance.field": "name of the field",
    "catalog.provenance.instance_id": "ops.instances.id of the server whose value counts; null if it is a stash-box's",
    "catalog.provenance.object_id": "the server's id of the object whose value counts",
    "catalog.provenance.rule": "the criterion that decided, or only, agreed, stash_box",
    "catalog.provenance.endpoint_id": "ops.stashbox_endpoints.id of the box whose value counts",
    "catalog.provenance.box_id": "id of the record on that box",
    "catalog.conflicts.id": "id of the record in catalog",
    "catalog.conflicts.field": "name of the field",
    "catalog.conflicts.instance_id": "ops.instances.id of the server that has the value; null if a stash-box has it",
    "catalog.conflicts.object_id": "the server's id of the object that has the value",
    "catalog.conflicts.value": "its value, as JSON",
    "catalog.conflicts.survives": "whether this value is in catalog",
    "catalog.conflicts.rule": "the criterion that decided",
    "catalog.conflicts.endpoint_id": "ops.stashbox_endpoints.id of the box that has the value",
    "catalog.conflicts.box_id": "id of the record on that box",
    "catalog.by_instance.id": "id of the record in catalog",
    "catalog.by_instance.object_id": "the server's id of the object",
    "catalog.changes.id": "id of the record in catalog",
    "catalog.changes.revision": "of the object log, when the record last changed",
    "catalog.changes.vanished": "whether the record no longer exists",
    "catalog.changes.successor_id": "the record that took over, if it vanished",
    "raw.silent_changes.id": "the server's id of the object",
    "raw.silent_changes.recorded_at": "when the change was found",
    "raw.silent_changes.run_id": "ops.sync_runs.id of the run that found it",
    "raw.silent_changes.revision": "of the instance when the document was replaced",
    "raw.silent_changes.fields": "names of the fields that changed",
}

_PLURALS: Final = {
    "scene_count": "scenes", "scene_marker_count": "markers, by primary or other tag", "image_count": "images",
    "gallery_count": "galleries", "performer_count": "performers", "studio_count": "studios", "group_count": "groups",
    "sub_group_count": "groups that it contains",
}  # fmt: skip


def view_column(view: str, column: str) -> str | None:
    """The comment of a column of a view."""
    if view.endswith("_counts") and view.startswith("stash."):
        of = view.removeprefix("stash.").removesuffix("_counts")
        if column == f"{of}_id":
            return f"stash.{'galleries' if of == 'gallery' else of + 's'}.id"
        if column in _PLURALS:
            return f"number of {_PLURALS[column]}"
        if column == "o_counter":
            return "sum of the o-counters of its scenes and images"
    return _OF_VIEWS.get(f"{view}.{column}") or _OF_COLUMNS.get(column)
