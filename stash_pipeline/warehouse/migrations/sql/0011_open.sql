-- what was recorded does not say of which home it is; every index is recorded again when it follows
DELETE FROM search.indexes;

ALTER TABLE search.indexes ADD COLUMN place TEXT NOT NULL;

ALTER TABLE search.indexes DROP CONSTRAINT indexes_pkey;

ALTER TABLE search.indexes ADD CONSTRAINT indexes_pkey PRIMARY KEY (backend, place);

COMMENT ON COLUMN search.indexes.place IS 'the name of a home, or the address of a server and a prefix';

COMMENT ON TABLE search.indexes IS 'What each search index held when it last followed: that of every home, or of a server.';

DROP VIEW stash.tag_counts;

DROP VIEW stash.studio_counts;

DROP VIEW stash.performer_counts;

DROP VIEW stash.group_counts;

DROP VIEW stash.gallery_counts;

DROP VIEW raw.silent_changes;

DROP VIEW stashbox.missing;

DROP VIEW catalog.provenance;

DROP VIEW catalog.conflicts;

DROP VIEW catalog.by_instance;

DROP VIEW catalog.changes;

CREATE TABLE ops.notifications (
    cause TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    title TEXT NOT NULL,
    body TEXT NOT NULL,
    raised_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    sent_at TIMESTAMP WITH TIME ZONE,
    resolved_at TIMESTAMP WITH TIME ZONE,
    attempts INTEGER DEFAULT 0 NOT NULL,
    next_attempt_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    error TEXT,
    CONSTRAINT notifications_pkey PRIMARY KEY (cause),
    CONSTRAINT notifications_kind_check CHECK (kind IN ('imported', 'failure', 'guard', 'stale', 'unreachable', 'layer'))
);

COMMENT ON TABLE ops.notifications IS 'Causes that people are notified of, once each, see docs/notifications.md.';

COMMENT ON COLUMN ops.notifications.cause IS 'what it is about, like stale:home; once until it is resolved';

COMMENT ON COLUMN ops.notifications.kind IS 'imported, failure, guard, stale, unreachable or layer';

COMMENT ON COLUMN ops.notifications.subject IS 'the instance or layer';

COMMENT ON COLUMN ops.notifications.title IS 'first line of the message';

COMMENT ON COLUMN ops.notifications.body IS 'the rest of the message';

COMMENT ON COLUMN ops.notifications.raised_at IS 'when the cause appeared';

COMMENT ON COLUMN ops.notifications.sent_at IS 'null: not sent yet, or given up';

COMMENT ON COLUMN ops.notifications.resolved_at IS 'when the cause vanished; null as long as it lasts';

COMMENT ON COLUMN ops.notifications.attempts IS 'failed attempts to send it';

COMMENT ON COLUMN ops.notifications.next_attempt_at IS 'not before; later after each failed attempt';

COMMENT ON COLUMN ops.notifications.error IS 'of the last attempt, without addresses';

CREATE INDEX notifications_kind_idx ON ops.notifications (kind) WHERE resolved_at IS NULL;

CREATE TABLE ops.cadence (
    instance_id INTEGER NOT NULL,
    asked_every DOUBLE PRECISION,
    asked_reason TEXT,
    compared_at TIMESTAMP WITH TIME ZONE,
    outcome TEXT,
    detail TEXT,
    lane TEXT,
    seconds DOUBLE PRECISION,
    last_seconds DOUBLE PRECISION,
    blocked_seconds DOUBLE PRECISION,
    balance DOUBLE PRECISION,
    failures INTEGER DEFAULT 0 NOT NULL,
    equal_at TIMESTAMP WITH TIME ZONE,
    equal_revision BIGINT,
    equal_form BYTEA,
    PRIMARY KEY (instance_id),
    CONSTRAINT cadence_outcome_check CHECK (outcome IN ('equal', 'differs', 'failed', 'stopped')),
    CONSTRAINT cadence_instance_fkey FOREIGN KEY(instance_id) REFERENCES ops.instances (id) ON DELETE CASCADE
);

COMMENT ON TABLE ops.cadence IS 'How often each server is asked and compared, and what that cost; see docs/cadence.md.';

COMMENT ON COLUMN ops.cadence.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN ops.cadence.asked_every IS 'seconds between two requests for the counts of its server';

COMMENT ON COLUMN ops.cadence.asked_reason IS 'why that interval';

COMMENT ON COLUMN ops.cadence.compared_at IS 'when the last comparison without a run ended';

COMMENT ON COLUMN ops.cadence.outcome IS 'of that comparison: equal, differs, failed (may pass by itself) or stopped';

COMMENT ON COLUMN ops.cadence.detail IS 'what differs, or why the comparison failed or stopped';

COMMENT ON COLUMN ops.cadence.lane IS 'graphql or snapshot';

COMMENT ON COLUMN ops.cadence.seconds IS 'that a comparison takes which finds nothing';

COMMENT ON COLUMN ops.cadence.last_seconds IS 'that the last comparison took';

COMMENT ON COLUMN ops.cadence.blocked_seconds IS 'of the last comparison, to create a snapshot; the server wrote nothing';

COMMENT ON COLUMN ops.cadence.balance IS 'seconds that reconciles might still take at compared_at';

COMMENT ON COLUMN ops.cadence.failures IS 'comparisons that failed in a row';

COMMENT ON COLUMN ops.cadence.equal_at IS 'when a comparison last found nothing';

COMMENT ON COLUMN ops.cadence.equal_revision IS 'of the instance at that comparison';

COMMENT ON COLUMN ops.cadence.equal_form IS 'digest of the snapshot that was found equal; null in lane graphql';

COMMENT ON COLUMN catalog.galleries.title IS 'title; empty or null if none was entered, and the server shows the name of the file';

COMMENT ON COLUMN catalog.galleries.code IS 'code that the studio gave it';

COMMENT ON COLUMN catalog.galleries.details IS 'description, as entered on the server';

COMMENT ON COLUMN catalog.galleries.photographer IS 'name of the photographer';

COMMENT ON COLUMN catalog.galleries.rating100 IS 'rating from 1 to 100; null if there is none';

COMMENT ON COLUMN catalog.galleries.organized IS 'whether a user of the server marked its metadata as complete';

COMMENT ON COLUMN catalog.galleries.custom_fields IS 'fields that users of the server defined, as a JSON object';

COMMENT ON COLUMN catalog.galleries.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN catalog.galleries.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN catalog.gallery_chapters.id IS 'id of the chapter, derived from the servers'' ones';

COMMENT ON COLUMN catalog.gallery_chapters.title IS 'title; empty or null if none was entered, and the server shows the name of the file';

COMMENT ON COLUMN catalog.gallery_chapters.image_index IS 'position of the chapter''s first image in the gallery, from 1';

COMMENT ON COLUMN catalog.gallery_chapters.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN catalog.gallery_chapters.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN catalog.gallery_urls.url IS 'address of a page about it';

COMMENT ON COLUMN catalog.group_containing.description IS 'how the contained group belongs to the containing one';

COMMENT ON COLUMN catalog.group_urls.url IS 'address of a page about it';

COMMENT ON COLUMN catalog.groups.name IS 'name, as entered on the server';

COMMENT ON COLUMN catalog.groups.aliases IS 'other names';

COMMENT ON COLUMN catalog.groups.duration IS 'duration in seconds';

COMMENT ON COLUMN catalog.groups.rating100 IS 'rating from 1 to 100; null if there is none';

COMMENT ON COLUMN catalog.groups.director IS 'name of the director';

COMMENT ON COLUMN catalog.groups.synopsis IS 'description of the content';

COMMENT ON COLUMN catalog.groups.custom_fields IS 'fields that users of the server defined, as a JSON object';

COMMENT ON COLUMN catalog.groups.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN catalog.groups.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN catalog.image_urls.url IS 'address of a page about it';

COMMENT ON COLUMN catalog.images.title IS 'title; empty or null if none was entered, and the server shows the name of the file';

COMMENT ON COLUMN catalog.images.code IS 'code that the studio gave it';

COMMENT ON COLUMN catalog.images.details IS 'description, as entered on the server';

COMMENT ON COLUMN catalog.images.photographer IS 'name of the photographer';

COMMENT ON COLUMN catalog.images.rating100 IS 'rating from 1 to 100; null if there is none';

COMMENT ON COLUMN catalog.images.o_counter IS 'how often a user of the server increased the o-counter';

COMMENT ON COLUMN catalog.images.organized IS 'whether a user of the server marked its metadata as complete';

COMMENT ON COLUMN catalog.images.custom_fields IS 'fields that users of the server defined, as a JSON object';

COMMENT ON COLUMN catalog.images.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN catalog.images.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN catalog.members.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN catalog.performer_aliases.alias IS 'another name';

COMMENT ON COLUMN catalog.performer_stash_ids.endpoint IS 'address of the stash-box''s GraphQL interface';

COMMENT ON COLUMN catalog.performer_stash_ids.stash_id IS 'id of the record on that stash-box';

COMMENT ON COLUMN catalog.performer_stash_ids.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN catalog.performer_urls.url IS 'address of a page about it';

COMMENT ON COLUMN catalog.performers.name IS 'name, as entered on the server';

COMMENT ON COLUMN catalog.performers.disambiguation IS 'what tells performers of the same name apart';

COMMENT ON COLUMN catalog.performers.gender IS 'MALE, FEMALE, TRANSGENDER_MALE, TRANSGENDER_FEMALE, INTERSEX or NON_BINARY';

COMMENT ON COLUMN catalog.performers.ethnicity IS 'ethnicity, as entered on the server';

COMMENT ON COLUMN catalog.performers.country IS 'country of origin; newer servers store its code of two letters (ISO 3166)';

COMMENT ON COLUMN catalog.performers.eye_color IS 'color of the eyes, as entered on the server';

COMMENT ON COLUMN catalog.performers.hair_color IS 'color of the hair, as entered on the server';

COMMENT ON COLUMN catalog.performers.height_cm IS 'body height in centimetres';

COMMENT ON COLUMN catalog.performers.weight IS 'body weight in kilograms';

COMMENT ON COLUMN catalog.performers.measurements IS 'measurements, as entered on the server';

COMMENT ON COLUMN catalog.performers.fake_tits IS 'whether and how breasts were enlarged, as entered on the server';

COMMENT ON COLUMN catalog.performers.penis_length IS 'length in centimetres';

COMMENT ON COLUMN catalog.performers.circumcised IS 'CUT or UNCUT';

COMMENT ON COLUMN catalog.performers.career_length IS 'period of the career as text; newer servers have its first and last year instead';

COMMENT ON COLUMN catalog.performers.tattoos IS 'tattoos, as entered on the server';

COMMENT ON COLUMN catalog.performers.piercings IS 'piercings, as entered on the server';

COMMENT ON COLUMN catalog.performers.details IS 'description, as entered on the server';

COMMENT ON COLUMN catalog.performers.rating100 IS 'rating from 1 to 100; null if there is none';

COMMENT ON COLUMN catalog.performers.favorite IS 'whether it is marked as a favorite';

COMMENT ON COLUMN catalog.performers.ignore_auto_tag IS 'whether the server leaves it out when it tags automatically';

COMMENT ON COLUMN catalog.performers.custom_fields IS 'fields that users of the server defined, as a JSON object';

COMMENT ON COLUMN catalog.performers.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN catalog.performers.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN catalog.row_counts.table_name IS 'schema.table';

COMMENT ON COLUMN catalog.row_counts.rows IS 'number of live rows';

COMMENT ON COLUMN catalog.scene_captions.language_code IS 'language of the captions, two letters, or 00 if unknown';

COMMENT ON COLUMN catalog.scene_captions.caption_type IS 'format of the captions: srt or vtt';

COMMENT ON COLUMN catalog.scene_groups.scene_index IS 'number of the scene within the group; null if none was entered';

COMMENT ON COLUMN catalog.scene_os.occurred_at IS 'when the o-counter was increased';

CREATE INDEX scene_os_occurred_at_idx ON catalog.scene_os USING btree (occurred_at);

COMMENT ON COLUMN catalog.scene_plays.played_at IS 'when it was played';

COMMENT ON COLUMN catalog.scene_stash_ids.endpoint IS 'address of the stash-box''s GraphQL interface';

COMMENT ON COLUMN catalog.scene_stash_ids.stash_id IS 'id of the record on that stash-box';

COMMENT ON COLUMN catalog.scene_stash_ids.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN catalog.scene_urls.url IS 'address of a page about it';

COMMENT ON COLUMN catalog.scenes.title IS 'title; empty or null if none was entered, and the server shows the name of the file';

COMMENT ON COLUMN catalog.scenes.code IS 'code that the studio gave it';

COMMENT ON COLUMN catalog.scenes.details IS 'description, as entered on the server';

COMMENT ON COLUMN catalog.scenes.director IS 'name of the director';

COMMENT ON COLUMN catalog.scenes.rating100 IS 'rating from 1 to 100; null if there is none';

COMMENT ON COLUMN catalog.scenes.organized IS 'whether a user of the server marked its metadata as complete';

COMMENT ON COLUMN catalog.scenes.o_counter IS 'how often a user of the server increased the o-counter';

COMMENT ON COLUMN catalog.scenes.play_count IS 'how often it was played';

COMMENT ON COLUMN catalog.scenes.play_duration IS 'seconds that it was played, in total';

COMMENT ON COLUMN catalog.scenes.resume_time IS 'second at which it was left, to continue there';

COMMENT ON COLUMN catalog.scenes.last_played_at IS 'when it was played last';

COMMENT ON COLUMN catalog.scenes.interactive IS 'whether its primary file has a funscript';

COMMENT ON COLUMN catalog.scenes.interactive_speed IS 'average speed of the funscript';

COMMENT ON COLUMN catalog.scenes.custom_fields IS 'fields that users of the server defined, as a JSON object';

COMMENT ON COLUMN catalog.scenes.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN catalog.scenes.updated_at IS 'when the object was last changed, by the server''s clock';

CREATE INDEX scenes_created_at_idx ON catalog.scenes USING btree (created_at);

COMMENT ON COLUMN catalog.sources.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN catalog.sources.object_ids IS 'per field, the server''s id of the object whose value counts';

COMMENT ON COLUMN catalog.studio_aliases.alias IS 'another name';

COMMENT ON COLUMN catalog.studio_stash_ids.endpoint IS 'address of the stash-box''s GraphQL interface';

COMMENT ON COLUMN catalog.studio_stash_ids.stash_id IS 'id of the record on that stash-box';

COMMENT ON COLUMN catalog.studio_stash_ids.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN catalog.studio_urls.url IS 'address of a page about it';

COMMENT ON COLUMN catalog.studios.name IS 'name, as entered on the server';

COMMENT ON COLUMN catalog.studios.details IS 'description, as entered on the server';

COMMENT ON COLUMN catalog.studios.rating100 IS 'rating from 1 to 100; null if there is none';

COMMENT ON COLUMN catalog.studios.favorite IS 'whether it is marked as a favorite';

COMMENT ON COLUMN catalog.studios.organized IS 'whether a user of the server marked its metadata as complete';

COMMENT ON COLUMN catalog.studios.ignore_auto_tag IS 'whether the server leaves it out when it tags automatically';

COMMENT ON COLUMN catalog.studios.custom_fields IS 'fields that users of the server defined, as a JSON object';

COMMENT ON COLUMN catalog.studios.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN catalog.studios.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN catalog.tag_aliases.alias IS 'another name';

COMMENT ON COLUMN catalog.tag_stash_ids.endpoint IS 'address of the stash-box''s GraphQL interface';

COMMENT ON COLUMN catalog.tag_stash_ids.stash_id IS 'id of the record on that stash-box';

COMMENT ON COLUMN catalog.tag_stash_ids.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN catalog.tags.name IS 'name, as entered on the server';

COMMENT ON COLUMN catalog.tags.sort_name IS 'name by which it is sorted, if another than its name';

COMMENT ON COLUMN catalog.tags.description IS 'description, as entered on the server';

COMMENT ON COLUMN catalog.tags.favorite IS 'whether it is marked as a favorite';

COMMENT ON COLUMN catalog.tags.ignore_auto_tag IS 'whether the server leaves it out when it tags automatically';

COMMENT ON COLUMN catalog.tags.custom_fields IS 'fields that users of the server defined, as a JSON object';

COMMENT ON COLUMN catalog.tags.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN catalog.tags.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN catalog.vanished.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN matches.clusters.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN matches.decisions.id IS 'number of the decision';

COMMENT ON COLUMN matches.decisions.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN matches.decisions.left_id IS 'the server''s id of the first object';

COMMENT ON COLUMN matches.decisions.right_id IS 'the server''s id of the second object';

COMMENT ON COLUMN matches.decisions.right_created_at IS 'created_at of the second object when it was decided';

COMMENT ON COLUMN matches.decisions.right_content IS 'what identified the second object when it was decided';

COMMENT ON COLUMN matches.decisions.note IS 'why, in the words of who decided';

COMMENT ON COLUMN matches.decisions.decided_at IS 'when it was decided';

COMMENT ON COLUMN matches.duplicates.compared_id IS 'the server''s id of the object that the copy is compared with';

COMMENT ON COLUMN matches.duplicates.compared_file_id IS 'the server''s id of the file that the copy is compared with';

COMMENT ON COLUMN matches.duplicates.width IS 'width in pixels';

COMMENT ON COLUMN matches.duplicates.height IS 'height in pixels';

COMMENT ON COLUMN matches.duplicates.video_codec IS 'video codec, such as h264';

COMMENT ON COLUMN matches.duplicates.bit_rate IS 'bits per second';

COMMENT ON COLUMN matches.duplicates.frame_rate IS 'frames per second';

COMMENT ON COLUMN matches.duplicates.markers IS 'number of markers of the scene';

COMMENT ON COLUMN matches.keys.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN matches.link_counts.day IS 'the day, in UTC';

COMMENT ON COLUMN matches.link_counts.rule IS 'name of the rule';

COMMENT ON COLUMN matches.link_counts.action IS 'whether the rule linked or proposed the pairs';

COMMENT ON COLUMN matches.links.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN matches.links.left_instance_id IS 'ops.instances.id of the first object; the pair is ordered by instance and id';

COMMENT ON COLUMN matches.links.left_id IS 'the server''s id of the first object';

COMMENT ON COLUMN matches.links.right_instance_id IS 'ops.instances.id of the second object';

COMMENT ON COLUMN matches.links.right_id IS 'the server''s id of the second object';

COMMENT ON COLUMN matches.members.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN matches.members.cluster_id IS 'matches.clusters.id';

COMMENT ON COLUMN matches.resolved_decisions.decision_id IS 'matches.decisions.id';

COMMENT ON COLUMN matches.resolved_decisions.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN matches.resolved_decisions.right_instance_id IS 'ops.instances.id of the second object';

COMMENT ON COLUMN matches.resolved_decisions.right_id IS 'the server''s id of the second object';

COMMENT ON COLUMN matches.stashbox_proposals.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN matches.stashbox_proposals.value IS 'the value of the stash-box, as JSON';

COMMENT ON COLUMN matches.totals.value IS 'the number';

COMMENT ON COLUMN ops.complete_reads.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN ops.complete_reads.run_id IS 'ops.sync_runs.id';

COMMENT ON COLUMN ops.complete_reads.finished_at IS 'when the read was complete';

COMMENT ON COLUMN ops.dangling_references.owner_id IS 'the server''s id of the object that refers';

COMMENT ON COLUMN ops.dangling_references.target_id IS 'the server''s id of the object that is missing';

COMMENT ON COLUMN ops.instances.id IS 'number of the server here; instance_id in all other tables';

COMMENT ON COLUMN ops.instances.uuid IS 'identifies the server to other systems; never reused';

COMMENT ON COLUMN ops.instances.url IS 'address of the server, without login and key';

COMMENT ON COLUMN ops.instances.enabled IS 'whether it is synced';

COMMENT ON COLUMN ops.instances.created_at IS 'when it was added';

COMMENT ON COLUMN ops.instances.updated_at IS 'when its registration was last changed';

COMMENT ON COLUMN ops.layer_watermarks.layer IS 'name of the layer';

COMMENT ON COLUMN ops.layer_watermarks.updated_at IS 'when the layer last followed';

COMMENT ON COLUMN ops.object_log_head.singleton IS 'true; the table has one row';

COMMENT ON COLUMN ops.object_log_head.revision IS 'revision of the last change in the log';

COMMENT ON COLUMN ops.read_watermarks.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN ops.row_counts.rows IS 'number of live rows';

COMMENT ON COLUMN ops.shared_layers.layer IS 'name of the layer';

COMMENT ON COLUMN ops.shared_layers.updated_at IS 'when the layer last followed';

COMMENT ON COLUMN ops.shared_layers.failed_at IS 'when its last attempt failed; null if it succeeded';

COMMENT ON COLUMN ops.stashbox_endpoints.id IS 'number of the stash-box here';

COMMENT ON COLUMN ops.stashbox_endpoints.name IS 'name by which commands know the stash-box';

COMMENT ON COLUMN ops.stashbox_endpoints.requests_per_minute IS 'most requests that are sent per minute, by all processes together';

COMMENT ON COLUMN ops.stashbox_endpoints.enabled IS 'whether it is asked';

COMMENT ON COLUMN ops.stashbox_endpoints.created_at IS 'when it was added';

COMMENT ON COLUMN ops.stashbox_endpoints.updated_at IS 'when its registration was last changed';

COMMENT ON COLUMN ops.sync_runs.id IS 'number of the run';

COMMENT ON COLUMN ops.sync_runs.dagster_run_id IS 'id of the run in Dagster; null if a command without a run did it';

COMMENT ON COLUMN ops.sync_runs.mode IS 'what was read: changes, reconcile, sweep or objects';

COMMENT ON COLUMN ops.sync_runs.lane IS 'how it was read: graphql or snapshot';

COMMENT ON COLUMN ops.sync_runs.started_at IS 'when it began';

COMMENT ON COLUMN ops.sync_runs.finished_at IS 'when it ended; null while it runs';

COMMENT ON COLUMN ops.sync_runs.release IS 'release of Stash at that time';

COMMENT ON COLUMN ops.sync_runs.error IS 'why it failed, in one sentence; null otherwise';

COMMENT ON COLUMN raw.configuration.server_created_at IS 'created_at of the document';

COMMENT ON COLUMN raw.configuration.server_updated_at IS 'updated_at of the document';

COMMENT ON COLUMN raw.configuration.fetched_at IS 'when the response that had it arrived';

COMMENT ON COLUMN raw.files.server_created_at IS 'created_at of the document';

COMMENT ON COLUMN raw.files.server_updated_at IS 'updated_at of the document';

COMMENT ON COLUMN raw.files.fetched_at IS 'when the response that had it arrived';

COMMENT ON COLUMN raw.folders.server_created_at IS 'created_at of the document';

COMMENT ON COLUMN raw.folders.server_updated_at IS 'updated_at of the document';

COMMENT ON COLUMN raw.folders.fetched_at IS 'when the response that had it arrived';

COMMENT ON COLUMN raw.galleries.server_created_at IS 'created_at of the document';

COMMENT ON COLUMN raw.galleries.server_updated_at IS 'updated_at of the document';

COMMENT ON COLUMN raw.galleries.fetched_at IS 'when the response that had it arrived';

COMMENT ON COLUMN raw.groups.server_created_at IS 'created_at of the document';

COMMENT ON COLUMN raw.groups.server_updated_at IS 'updated_at of the document';

COMMENT ON COLUMN raw.groups.fetched_at IS 'when the response that had it arrived';

COMMENT ON COLUMN raw.history.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN raw.history.recorded_at IS 'when the change was found';

COMMENT ON COLUMN raw.images.server_created_at IS 'created_at of the document';

COMMENT ON COLUMN raw.images.server_updated_at IS 'updated_at of the document';

COMMENT ON COLUMN raw.images.fetched_at IS 'when the response that had it arrived';

COMMENT ON COLUMN raw.pages.id IS 'number of the page, in the order of arrival';

COMMENT ON COLUMN raw.pages.entity IS 'entity of its objects';

COMMENT ON COLUMN raw.pages.run_id IS 'ops.sync_runs.id';

COMMENT ON COLUMN raw.pages.lane IS 'how it was read: graphql or snapshot';

COMMENT ON COLUMN raw.pages.objects IS 'number of objects in the response';

COMMENT ON COLUMN raw.pages.last_id IS 'the page has all objects of its entity from first_id to here';

COMMENT ON COLUMN raw.pages.fetched_at IS 'when the response that had it arrived';

COMMENT ON COLUMN raw.performers.server_created_at IS 'created_at of the document';

COMMENT ON COLUMN raw.performers.server_updated_at IS 'updated_at of the document';

COMMENT ON COLUMN raw.performers.fetched_at IS 'when the response that had it arrived';

COMMENT ON COLUMN raw.saved_filters.server_created_at IS 'created_at of the document';

COMMENT ON COLUMN raw.saved_filters.server_updated_at IS 'updated_at of the document';

COMMENT ON COLUMN raw.saved_filters.fetched_at IS 'when the response that had it arrived';

COMMENT ON COLUMN raw.scene_markers.server_created_at IS 'created_at of the document';

COMMENT ON COLUMN raw.scene_markers.server_updated_at IS 'updated_at of the document';

COMMENT ON COLUMN raw.scene_markers.fetched_at IS 'when the response that had it arrived';

COMMENT ON COLUMN raw.scenes.server_created_at IS 'created_at of the document';

COMMENT ON COLUMN raw.scenes.server_updated_at IS 'updated_at of the document';

COMMENT ON COLUMN raw.scenes.fetched_at IS 'when the response that had it arrived';

COMMENT ON COLUMN raw.studios.server_created_at IS 'created_at of the document';

COMMENT ON COLUMN raw.studios.server_updated_at IS 'updated_at of the document';

COMMENT ON COLUMN raw.studios.fetched_at IS 'when the response that had it arrived';

COMMENT ON COLUMN raw.tags.server_created_at IS 'created_at of the document';

COMMENT ON COLUMN raw.tags.server_updated_at IS 'updated_at of the document';

COMMENT ON COLUMN raw.tags.fetched_at IS 'when the response that had it arrived';

COMMENT ON COLUMN search.documents.disambiguation IS 'what tells performers of the same name apart';

COMMENT ON COLUMN search.documents.aliases IS 'other names';

COMMENT ON COLUMN search.documents.code IS 'code that the studio gave it';

COMMENT ON COLUMN search.documents.people_aliases IS 'other names of its performers';

COMMENT ON COLUMN search.documents.tag_aliases IS 'other names of its tags';

COMMENT ON COLUMN search.documents.studio_aliases IS 'other names of its studio and of the studios above it';

COMMENT ON COLUMN search.documents.groups IS 'names of the groups that contain it';

COMMENT ON COLUMN search.documents.genders IS 'genders of its performers';

COMMENT ON COLUMN search.documents.plays IS 'how often it was played, on all servers';

COMMENT ON COLUMN search.documents.o_count IS 'how often the o-counter was increased, on all servers';

COMMENT ON COLUMN search.documents.organized IS 'whether a user of the server marked its metadata as complete';

COMMENT ON COLUMN search.documents.favorite IS 'whether it is marked as a favorite';

COMMENT ON COLUMN search.documents.video_codecs IS 'video codecs of its files';

COMMENT ON COLUMN search.documents.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN search.documents.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN search.indexes.documents IS 'number of documents';

COMMENT ON COLUMN search.indexes.followed_at IS 'when it last followed the object log';

COMMENT ON COLUMN search.indexes.failed_at IS 'when its last attempt failed; null if it succeeded';

COMMENT ON COLUMN search.row_counts.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN search.row_counts.rows IS 'number of live rows';

COMMENT ON COLUMN search.states.id IS 'identifies one content of the documents, to compare with that of an index';

COMMENT ON COLUMN search.states.created_at IS 'when that content was first built';

COMMENT ON COLUMN search.vanished.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN stash.configuration.database_path IS 'path of the server''s database, on the server';

COMMENT ON COLUMN stash.configuration.generated_path IS 'folder of the server''s generated files, on the server';

COMMENT ON COLUMN stash.configuration.language IS 'language of the server''s user interface';

COMMENT ON COLUMN stash.configuration_stash_boxes.name IS 'name of the stash-box on this server';

COMMENT ON COLUMN stash.configuration_stash_boxes.endpoint IS 'address of the stash-box''s GraphQL interface';

COMMENT ON COLUMN stash.configuration_stashes.path IS 'folder that the server scans';

COMMENT ON COLUMN stash.configuration_stashes.exclude_video IS 'whether videos in the folder are left out';

COMMENT ON COLUMN stash.configuration_stashes.exclude_image IS 'whether images in the folder are left out';

COMMENT ON COLUMN stash.file_fingerprints.type IS 'oshash, md5 or phash';

COMMENT ON COLUMN stash.file_fingerprints.value IS 'the fingerprint, in hexadecimal digits';

COMMENT ON COLUMN stash.files.type IS 'VideoFile, ImageFile, GalleryFile or BasicFile';

COMMENT ON COLUMN stash.files.path IS 'path on the server';

COMMENT ON COLUMN stash.files.basename IS 'name of the file without its folder';

COMMENT ON COLUMN stash.files.size IS 'size in bytes';

COMMENT ON COLUMN stash.files.format IS 'container, or image format';

COMMENT ON COLUMN stash.files.width IS 'width in pixels';

COMMENT ON COLUMN stash.files.height IS 'height in pixels';

COMMENT ON COLUMN stash.files.duration IS 'duration in seconds';

COMMENT ON COLUMN stash.files.video_codec IS 'video codec, such as h264';

COMMENT ON COLUMN stash.files.audio_codec IS 'audio codec, such as aac; empty without sound';

COMMENT ON COLUMN stash.files.frame_rate IS 'frames per second';

COMMENT ON COLUMN stash.files.bit_rate IS 'bits per second';

COMMENT ON COLUMN stash.files.mod_time IS 'when the content last changed, according to the file system of the server';

COMMENT ON COLUMN stash.files.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN stash.files.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN stash.folders.path IS 'path on the server';

COMMENT ON COLUMN stash.folders.mod_time IS 'when the content last changed, according to the file system of the server';

COMMENT ON COLUMN stash.folders.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN stash.folders.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN stash.galleries.title IS 'title; empty or null if none was entered, and the server shows the name of the file';

COMMENT ON COLUMN stash.galleries.code IS 'code that the studio gave it';

COMMENT ON COLUMN stash.galleries.details IS 'description, as entered on the server';

COMMENT ON COLUMN stash.galleries.photographer IS 'name of the photographer';

COMMENT ON COLUMN stash.galleries.rating100 IS 'rating from 1 to 100; null if there is none';

COMMENT ON COLUMN stash.galleries.organized IS 'whether a user of the server marked its metadata as complete';

COMMENT ON COLUMN stash.galleries.custom_fields IS 'fields that users of the server defined, as a JSON object';

COMMENT ON COLUMN stash.galleries.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN stash.galleries.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN stash.gallery_chapters.id IS 'the server''s id of the chapter';

COMMENT ON COLUMN stash.gallery_chapters.title IS 'title; empty or null if none was entered, and the server shows the name of the file';

COMMENT ON COLUMN stash.gallery_chapters.image_index IS 'position of the chapter''s first image in the gallery, from 1';

COMMENT ON COLUMN stash.gallery_chapters.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN stash.gallery_chapters.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN stash.gallery_urls.url IS 'address of a page about it';

COMMENT ON COLUMN stash.group_containing.description IS 'how the contained group belongs to the containing one';

COMMENT ON COLUMN stash.group_urls.url IS 'address of a page about it';

COMMENT ON COLUMN stash.groups.name IS 'name, as entered on the server';

COMMENT ON COLUMN stash.groups.aliases IS 'other names';

COMMENT ON COLUMN stash.groups.duration IS 'duration in seconds';

COMMENT ON COLUMN stash.groups.rating100 IS 'rating from 1 to 100; null if there is none';

COMMENT ON COLUMN stash.groups.director IS 'name of the director';

COMMENT ON COLUMN stash.groups.synopsis IS 'description of the content';

COMMENT ON COLUMN stash.groups.custom_fields IS 'fields that users of the server defined, as a JSON object';

COMMENT ON COLUMN stash.groups.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN stash.groups.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN stash.image_urls.url IS 'address of a page about it';

COMMENT ON COLUMN stash.images.title IS 'title; empty or null if none was entered, and the server shows the name of the file';

COMMENT ON COLUMN stash.images.code IS 'code that the studio gave it';

COMMENT ON COLUMN stash.images.details IS 'description, as entered on the server';

COMMENT ON COLUMN stash.images.photographer IS 'name of the photographer';

COMMENT ON COLUMN stash.images.rating100 IS 'rating from 1 to 100; null if there is none';

COMMENT ON COLUMN stash.images.o_counter IS 'how often a user of the server increased the o-counter';

COMMENT ON COLUMN stash.images.organized IS 'whether a user of the server marked its metadata as complete';

COMMENT ON COLUMN stash.images.custom_fields IS 'fields that users of the server defined, as a JSON object';

COMMENT ON COLUMN stash.images.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN stash.images.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN stash.performer_aliases.alias IS 'another name';

COMMENT ON COLUMN stash.performer_stash_ids.endpoint IS 'address of the stash-box''s GraphQL interface';

COMMENT ON COLUMN stash.performer_stash_ids.stash_id IS 'id of the record on that stash-box';

COMMENT ON COLUMN stash.performer_stash_ids.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN stash.performer_urls.url IS 'address of a page about it';

COMMENT ON COLUMN stash.performers.name IS 'name, as entered on the server';

COMMENT ON COLUMN stash.performers.disambiguation IS 'what tells performers of the same name apart';

COMMENT ON COLUMN stash.performers.gender IS 'MALE, FEMALE, TRANSGENDER_MALE, TRANSGENDER_FEMALE, INTERSEX or NON_BINARY';

COMMENT ON COLUMN stash.performers.ethnicity IS 'ethnicity, as entered on the server';

COMMENT ON COLUMN stash.performers.country IS 'country of origin; newer servers store its code of two letters (ISO 3166)';

COMMENT ON COLUMN stash.performers.eye_color IS 'color of the eyes, as entered on the server';

COMMENT ON COLUMN stash.performers.hair_color IS 'color of the hair, as entered on the server';

COMMENT ON COLUMN stash.performers.height_cm IS 'body height in centimetres';

COMMENT ON COLUMN stash.performers.weight IS 'body weight in kilograms';

COMMENT ON COLUMN stash.performers.measurements IS 'measurements, as entered on the server';

COMMENT ON COLUMN stash.performers.fake_tits IS 'whether and how breasts were enlarged, as entered on the server';

COMMENT ON COLUMN stash.performers.penis_length IS 'length in centimetres';

COMMENT ON COLUMN stash.performers.circumcised IS 'CUT or UNCUT';

COMMENT ON COLUMN stash.performers.career_length IS 'period of the career as text; newer servers have its first and last year instead';

COMMENT ON COLUMN stash.performers.tattoos IS 'tattoos, as entered on the server';

COMMENT ON COLUMN stash.performers.piercings IS 'piercings, as entered on the server';

COMMENT ON COLUMN stash.performers.details IS 'description, as entered on the server';

COMMENT ON COLUMN stash.performers.rating100 IS 'rating from 1 to 100; null if there is none';

COMMENT ON COLUMN stash.performers.favorite IS 'whether it is marked as a favorite';

COMMENT ON COLUMN stash.performers.ignore_auto_tag IS 'whether the server leaves it out when it tags automatically';

COMMENT ON COLUMN stash.performers.custom_fields IS 'fields that users of the server defined, as a JSON object';

COMMENT ON COLUMN stash.performers.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN stash.performers.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN stash.saved_filters.mode IS 'what is filtered, such as SCENES';

COMMENT ON COLUMN stash.saved_filters.name IS 'name of the filter; empty for the default of a page';

COMMENT ON COLUMN stash.saved_filters.find_filter IS 'search words, sorting and page size';

COMMENT ON COLUMN stash.saved_filters.object_filter IS 'criteria of the filter';

COMMENT ON COLUMN stash.saved_filters.ui_options IS 'how the page shows the results';

COMMENT ON COLUMN stash.scene_captions.language_code IS 'language of the captions, two letters, or 00 if unknown';

COMMENT ON COLUMN stash.scene_captions.caption_type IS 'format of the captions: srt or vtt';

COMMENT ON COLUMN stash.scene_groups.scene_index IS 'number of the scene within the group; null if none was entered';

COMMENT ON COLUMN stash.scene_markers.title IS 'title; empty or null if none was entered, and the server shows the name of the file';

COMMENT ON COLUMN stash.scene_markers.seconds IS 'from the start of the scene, in seconds';

COMMENT ON COLUMN stash.scene_markers.end_seconds IS 'end of the marker, in seconds from the start of the scene; null if it has none';

COMMENT ON COLUMN stash.scene_markers.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN stash.scene_markers.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN stash.scene_os.occurred_at IS 'when the o-counter was increased';

CREATE INDEX scene_os_occurred_at_idx ON stash.scene_os USING btree (occurred_at);

COMMENT ON COLUMN stash.scene_plays.played_at IS 'when it was played';

COMMENT ON COLUMN stash.scene_stash_ids.endpoint IS 'address of the stash-box''s GraphQL interface';

COMMENT ON COLUMN stash.scene_stash_ids.stash_id IS 'id of the record on that stash-box';

COMMENT ON COLUMN stash.scene_stash_ids.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN stash.scene_urls.url IS 'address of a page about it';

COMMENT ON COLUMN stash.scenes.title IS 'title; empty or null if none was entered, and the server shows the name of the file';

COMMENT ON COLUMN stash.scenes.code IS 'code that the studio gave it';

COMMENT ON COLUMN stash.scenes.details IS 'description, as entered on the server';

COMMENT ON COLUMN stash.scenes.director IS 'name of the director';

COMMENT ON COLUMN stash.scenes.rating100 IS 'rating from 1 to 100; null if there is none';

COMMENT ON COLUMN stash.scenes.organized IS 'whether a user of the server marked its metadata as complete';

COMMENT ON COLUMN stash.scenes.o_counter IS 'how often a user of the server increased the o-counter';

COMMENT ON COLUMN stash.scenes.play_count IS 'how often it was played';

COMMENT ON COLUMN stash.scenes.play_duration IS 'seconds that it was played, in total';

COMMENT ON COLUMN stash.scenes.resume_time IS 'second at which it was left, to continue there';

COMMENT ON COLUMN stash.scenes.last_played_at IS 'when it was played last';

COMMENT ON COLUMN stash.scenes.interactive IS 'whether its primary file has a funscript';

COMMENT ON COLUMN stash.scenes.interactive_speed IS 'average speed of the funscript';

COMMENT ON COLUMN stash.scenes.custom_fields IS 'fields that users of the server defined, as a JSON object';

COMMENT ON COLUMN stash.scenes.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN stash.scenes.updated_at IS 'when the object was last changed, by the server''s clock';

CREATE INDEX scenes_created_at_idx ON stash.scenes USING btree (created_at);

COMMENT ON COLUMN stash.studio_aliases.alias IS 'another name';

COMMENT ON COLUMN stash.studio_stash_ids.endpoint IS 'address of the stash-box''s GraphQL interface';

COMMENT ON COLUMN stash.studio_stash_ids.stash_id IS 'id of the record on that stash-box';

COMMENT ON COLUMN stash.studio_stash_ids.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN stash.studio_urls.url IS 'address of a page about it';

COMMENT ON COLUMN stash.studios.name IS 'name, as entered on the server';

COMMENT ON COLUMN stash.studios.details IS 'description, as entered on the server';

COMMENT ON COLUMN stash.studios.rating100 IS 'rating from 1 to 100; null if there is none';

COMMENT ON COLUMN stash.studios.favorite IS 'whether it is marked as a favorite';

COMMENT ON COLUMN stash.studios.organized IS 'whether a user of the server marked its metadata as complete';

COMMENT ON COLUMN stash.studios.ignore_auto_tag IS 'whether the server leaves it out when it tags automatically';

COMMENT ON COLUMN stash.studios.custom_fields IS 'fields that users of the server defined, as a JSON object';

COMMENT ON COLUMN stash.studios.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN stash.studios.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN stash.tag_aliases.alias IS 'another name';

COMMENT ON COLUMN stash.tag_stash_ids.endpoint IS 'address of the stash-box''s GraphQL interface';

COMMENT ON COLUMN stash.tag_stash_ids.stash_id IS 'id of the record on that stash-box';

COMMENT ON COLUMN stash.tag_stash_ids.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN stash.tags.name IS 'name, as entered on the server';

COMMENT ON COLUMN stash.tags.sort_name IS 'name by which it is sorted, if another than its name';

COMMENT ON COLUMN stash.tags.description IS 'description, as entered on the server';

COMMENT ON COLUMN stash.tags.favorite IS 'whether it is marked as a favorite';

COMMENT ON COLUMN stash.tags.ignore_auto_tag IS 'whether the server leaves it out when it tags automatically';

COMMENT ON COLUMN stash.tags.custom_fields IS 'fields that users of the server defined, as a JSON object';

COMMENT ON COLUMN stash.tags.created_at IS 'when the object was created, by the server''s clock';

COMMENT ON COLUMN stash.tags.updated_at IS 'when the object was last changed, by the server''s clock';

COMMENT ON COLUMN stashbox.listed_scenes.title IS 'title; empty or null if none was entered, and the server shows the name of the file';

COMMENT ON COLUMN stashbox.listed_scenes.code IS 'code that the studio gave it';

COMMENT ON COLUMN stashbox.lookups.asked_at IS 'when the stash-box was asked last';

COMMENT ON COLUMN stashbox.performers.name IS 'name, as entered on the server';

COMMENT ON COLUMN stashbox.performers.disambiguation IS 'what tells performers of the same name apart';

COMMENT ON COLUMN stashbox.performers.gender IS 'MALE, FEMALE, TRANSGENDER_MALE, TRANSGENDER_FEMALE, INTERSEX or NON_BINARY';

COMMENT ON COLUMN stashbox.performers.first_seen_at IS 'when it first was in an answer of the stash-box';

COMMENT ON COLUMN stashbox.scenes.title IS 'title on the stash-box';

COMMENT ON COLUMN stashbox.scenes.code IS 'code that the studio gave it';

COMMENT ON COLUMN stashbox.scenes.director IS 'name of the director';

COMMENT ON COLUMN stashbox.scenes.first_seen_at IS 'when it first was in an answer of the stash-box';

COMMENT ON COLUMN stashbox.studios.name IS 'name, as entered on the server';

COMMENT ON COLUMN stashbox.studios.first_seen_at IS 'when it first was in an answer of the stash-box';

COMMENT ON COLUMN stashbox.tags.name IS 'name, as entered on the server';

COMMENT ON COLUMN stashbox.tags.description IS 'description on the stash-box';

COMMENT ON COLUMN stashbox.tags.first_seen_at IS 'when it first was in an answer of the stash-box';

CREATE VIEW stash.tag_counts AS
SELECT t.instance_id,
    t.id AS tag_id,
    (SELECT count(*) FROM stash.scene_tags j
        WHERE j.instance_id = t.instance_id AND j.tag_id = t.id) AS scene_count,
    (SELECT count(*) FROM stash.scene_markers m
        WHERE m.instance_id = t.instance_id
        AND (m.primary_tag_id = t.id OR EXISTS (SELECT FROM stash.marker_tags j
            WHERE j.instance_id = t.instance_id AND j.tag_id = t.id AND j.marker_id = m.id))) AS scene_marker_count,
    (SELECT count(*) FROM stash.image_tags j
        WHERE j.instance_id = t.instance_id AND j.tag_id = t.id) AS image_count,
    (SELECT count(*) FROM stash.gallery_tags j
        WHERE j.instance_id = t.instance_id AND j.tag_id = t.id) AS gallery_count,
    (SELECT count(*) FROM stash.performer_tags j
        WHERE j.instance_id = t.instance_id AND j.tag_id = t.id) AS performer_count,
    (SELECT count(*) FROM stash.studio_tags j
        WHERE j.instance_id = t.instance_id AND j.tag_id = t.id) AS studio_count,
    (SELECT count(*) FROM stash.group_tags j
        WHERE j.instance_id = t.instance_id AND j.tag_id = t.id) AS group_count
FROM stash.tags t;

COMMENT ON VIEW stash.tag_counts IS 'The counts that Stash shows of tags, derived from the references.';

COMMENT ON COLUMN stash.tag_counts.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.tag_counts.tag_id IS 'stash.tags.id';

COMMENT ON COLUMN stash.tag_counts.scene_count IS 'number of scenes';

COMMENT ON COLUMN stash.tag_counts.scene_marker_count IS 'number of markers, by primary or other tag';

COMMENT ON COLUMN stash.tag_counts.image_count IS 'number of images';

COMMENT ON COLUMN stash.tag_counts.gallery_count IS 'number of galleries';

COMMENT ON COLUMN stash.tag_counts.performer_count IS 'number of performers';

COMMENT ON COLUMN stash.tag_counts.studio_count IS 'number of studios';

COMMENT ON COLUMN stash.tag_counts.group_count IS 'number of groups';

CREATE VIEW stash.studio_counts AS
SELECT s.instance_id,
    s.id AS studio_id,
    (SELECT count(*) FROM stash.scenes x
        WHERE x.instance_id = s.instance_id AND x.studio_id = s.id) AS scene_count,
    (SELECT count(*) FROM stash.images x
        WHERE x.instance_id = s.instance_id AND x.studio_id = s.id) AS image_count,
    (SELECT count(*) FROM stash.galleries x
        WHERE x.instance_id = s.instance_id AND x.studio_id = s.id) AS gallery_count,
    (SELECT count(*) FROM stash.groups x
        WHERE x.instance_id = s.instance_id AND x.studio_id = s.id) AS group_count,
    (SELECT coalesce(sum(x.o_counter), 0) FROM stash.scenes x
        WHERE x.instance_id = s.instance_id AND x.studio_id = s.id)
    + (SELECT coalesce(sum(x.o_counter), 0) FROM stash.images x
        WHERE x.instance_id = s.instance_id AND x.studio_id = s.id) AS o_counter
FROM stash.studios s;

COMMENT ON VIEW stash.studio_counts IS 'The counts that Stash shows of studios, derived from the references.';

COMMENT ON COLUMN stash.studio_counts.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.studio_counts.studio_id IS 'stash.studios.id';

COMMENT ON COLUMN stash.studio_counts.scene_count IS 'number of scenes';

COMMENT ON COLUMN stash.studio_counts.image_count IS 'number of images';

COMMENT ON COLUMN stash.studio_counts.gallery_count IS 'number of galleries';

COMMENT ON COLUMN stash.studio_counts.group_count IS 'number of groups';

COMMENT ON COLUMN stash.studio_counts.o_counter IS 'sum of the o-counters of its scenes and images';

CREATE VIEW stash.performer_counts AS
SELECT p.instance_id,
    p.id AS performer_id,
    (SELECT count(*) FROM stash.scene_performers j
        WHERE j.instance_id = p.instance_id AND j.performer_id = p.id) AS scene_count,
    (SELECT count(*) FROM stash.image_performers j
        WHERE j.instance_id = p.instance_id AND j.performer_id = p.id) AS image_count,
    (SELECT count(*) FROM stash.gallery_performers j
        WHERE j.instance_id = p.instance_id AND j.performer_id = p.id) AS gallery_count,
    (SELECT count(DISTINCT g.group_id) FROM stash.scene_performers j
        JOIN stash.scene_groups g ON g.instance_id = j.instance_id AND g.scene_id = j.scene_id
        WHERE j.instance_id = p.instance_id AND j.performer_id = p.id) AS group_count,
    (SELECT coalesce(sum(s.o_counter), 0) FROM stash.scene_performers j
        JOIN stash.scenes s ON s.instance_id = j.instance_id AND s.id = j.scene_id
        WHERE j.instance_id = p.instance_id AND j.performer_id = p.id)
    + (SELECT coalesce(sum(i.o_counter), 0) FROM stash.image_performers j
        JOIN stash.images i ON i.instance_id = j.instance_id AND i.id = j.image_id
        WHERE j.instance_id = p.instance_id AND j.performer_id = p.id) AS o_counter
FROM stash.performers p;

COMMENT ON VIEW stash.performer_counts IS 'The counts that Stash shows of performers, derived from the references.';

COMMENT ON COLUMN stash.performer_counts.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.performer_counts.performer_id IS 'stash.performers.id';

COMMENT ON COLUMN stash.performer_counts.scene_count IS 'number of scenes';

COMMENT ON COLUMN stash.performer_counts.image_count IS 'number of images';

COMMENT ON COLUMN stash.performer_counts.gallery_count IS 'number of galleries';

COMMENT ON COLUMN stash.performer_counts.group_count IS 'number of groups';

COMMENT ON COLUMN stash.performer_counts.o_counter IS 'sum of the o-counters of its scenes and images';

CREATE VIEW stash.group_counts AS
SELECT g.instance_id,
    g.id AS group_id,
    (SELECT count(*) FROM stash.scene_groups j
        WHERE j.instance_id = g.instance_id AND j.group_id = g.id) AS scene_count,
    (SELECT count(DISTINCT p.performer_id) FROM stash.scene_groups j
        JOIN stash.scene_performers p ON p.instance_id = j.instance_id AND p.scene_id = j.scene_id
        WHERE j.instance_id = g.instance_id AND j.group_id = g.id) AS performer_count,
    (SELECT count(*) FROM stash.group_containing c
        WHERE c.instance_id = g.instance_id AND c.containing_group_id = g.id) AS sub_group_count,
    (SELECT coalesce(sum(s.o_counter), 0) FROM stash.scene_groups j
        JOIN stash.scenes s ON s.instance_id = j.instance_id AND s.id = j.scene_id
        WHERE j.instance_id = g.instance_id AND j.group_id = g.id) AS o_counter
FROM stash.groups g;

COMMENT ON VIEW stash.group_counts IS 'The counts that Stash shows of groups, derived from the references.';

COMMENT ON COLUMN stash.group_counts.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.group_counts.group_id IS 'stash.groups.id';

COMMENT ON COLUMN stash.group_counts.scene_count IS 'number of scenes';

COMMENT ON COLUMN stash.group_counts.performer_count IS 'number of performers';

COMMENT ON COLUMN stash.group_counts.sub_group_count IS 'number of groups that it contains';

COMMENT ON COLUMN stash.group_counts.o_counter IS 'sum of the o-counters of its scenes and images';

CREATE VIEW stash.gallery_counts AS
SELECT g.instance_id,
    g.id AS gallery_id,
    (SELECT count(*) FROM stash.image_galleries j
        WHERE j.instance_id = g.instance_id AND j.gallery_id = g.id) AS image_count
FROM stash.galleries g;

COMMENT ON VIEW stash.gallery_counts IS 'The counts that Stash shows of galleries, derived from the references.';

COMMENT ON COLUMN stash.gallery_counts.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.gallery_counts.gallery_id IS 'stash.galleries.id';

COMMENT ON COLUMN stash.gallery_counts.image_count IS 'number of images';

CREATE VIEW raw.silent_changes AS
SELECT was.instance_id, was.entity, was.id, was.recorded_at, was.run_id, was.revision,
    differing.fields
FROM (
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.tags d USING (instance_id, id)
    WHERE h.entity = 'tags'
    UNION ALL
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.folders d USING (instance_id, id)
    WHERE h.entity = 'folders'
    UNION ALL
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.files d USING (instance_id, id)
    WHERE h.entity = 'files'
    UNION ALL
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.studios d USING (instance_id, id)
    WHERE h.entity = 'studios'
    UNION ALL
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.performers d USING (instance_id, id)
    WHERE h.entity = 'performers'
    UNION ALL
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.groups d USING (instance_id, id)
    WHERE h.entity = 'groups'
    UNION ALL
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.images d USING (instance_id, id)
    WHERE h.entity = 'images'
    UNION ALL
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.galleries d USING (instance_id, id)
    WHERE h.entity = 'galleries'
    UNION ALL
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.scenes d USING (instance_id, id)
    WHERE h.entity = 'scenes'
    UNION ALL
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.scene_markers d USING (instance_id, id)
    WHERE h.entity = 'scene_markers'
) AS was
LEFT JOIN LATERAL (
    SELECT n.document FROM raw.history n
    WHERE n.instance_id = was.instance_id AND n.entity = was.entity AND n.id = was.id AND n.revision > was.revision
    ORDER BY n.revision LIMIT 1
) AS next ON TRUE
CROSS JOIN LATERAL (
    SELECT array_agg(name ORDER BY name) AS fields
    FROM (
        SELECT jsonb_object_keys(was.document)
        UNION SELECT jsonb_object_keys(coalesce(next.document, was.present))
    ) AS either (name)
    -- null and absent are one
    WHERE coalesce(was.document -> name, 'null') <> coalesce(coalesce(next.document, was.present) -> name, 'null')
) AS differing
WHERE was.change <> 'removed'
    AND was.document -> 'updated_at' = coalesce(next.document, was.present) -> 'updated_at'
    AND differing.fields IS NOT NULL;

COMMENT ON VIEW raw.silent_changes IS 'Objects that changed without a new updated_at, and the fields that changed.';

COMMENT ON COLUMN raw.silent_changes.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN raw.silent_changes.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN raw.silent_changes.id IS 'the server''s id of the object';

COMMENT ON COLUMN raw.silent_changes.recorded_at IS 'when the change was found';

COMMENT ON COLUMN raw.silent_changes.run_id IS 'ops.sync_runs.id of the run that found it';

COMMENT ON COLUMN raw.silent_changes.revision IS 'of the instance when the document was replaced';

COMMENT ON COLUMN raw.silent_changes.fields IS 'names of the fields that changed';

CREATE VIEW stashbox.missing AS
WITH owned AS MATERIALIZED (
    SELECT e.id AS endpoint_id, coalesce(d.successor_id, lower(x.stash_id)) AS scene_id
    FROM stash.scene_stash_ids x
    JOIN ops.instances i ON i.id = x.instance_id AND i.removed_at IS NULL
    JOIN ops.stashbox_endpoints e ON (CASE WHEN position(':' IN substr(x.endpoint, 8)) > 0 THEN regexp_replace(regexp_replace(rtrim(lower(btrim(x.endpoint, ' ')), '/'), '^(https://[^/]*):443(/|$)', '\1\2'), '^(http://[^/]*):80(/|$)', '\1\2') ELSE rtrim(lower(btrim(x.endpoint, ' ')), '/') END) = (CASE WHEN position(':' IN substr(e.url, 8)) > 0 THEN regexp_replace(regexp_replace(rtrim(lower(btrim(e.url, ' ')), '/'), '^(https://[^/]*):443(/|$)', '\1\2'), '^(http://[^/]*):80(/|$)', '\1\2') ELSE rtrim(lower(btrim(e.url, ' ')), '/') END)
    LEFT JOIN stashbox.scenes d ON d.endpoint_id = e.id AND d.id = lower(x.stash_id)
    UNION
    SELECT c.endpoint_id, c.box_scene_id
    FROM matches.stashbox_candidates c
    JOIN ops.instances i ON i.id = c.instance_id AND i.removed_at IS NULL
    WHERE c.action IN ('automatic', 'accepted')
), possible AS MATERIALIZED (
    SELECT DISTINCT c.endpoint_id, c.box_scene_id AS scene_id FROM matches.stashbox_candidates c
    WHERE c.action = 'review'
), newest AS (
    SELECT DISTINCT ON (s.endpoint_id, s.scene_id) s.* FROM stashbox.listed_scenes s
    ORDER BY s.endpoint_id, s.scene_id, s.seen_at DESC, s.entity, s.owner_id
), owners AS (
    SELECT s.endpoint_id, s.scene_id, array_agg(DISTINCT coalesce(p.name, t.name, s.owner_id)) AS favorites
    FROM stashbox.listed_scenes s
    LEFT JOIN stashbox.performers p ON s.entity = 'performers' AND p.endpoint_id = s.endpoint_id AND p.id = s.owner_id
    LEFT JOIN stashbox.studios t ON s.entity = 'studios' AND t.endpoint_id = s.endpoint_id AND t.id = s.owner_id
    GROUP BY s.endpoint_id, s.scene_id
)
SELECT e.name AS box, l.endpoint_id, l.scene_id, l.title, l.date_text, l.duration, l.code, l.studio, l.performers,
    f.favorites,
    EXISTS (SELECT FROM possible m WHERE m.endpoint_id = l.endpoint_id AND m.scene_id = l.scene_id)
        AS waits_for_decision,
    l.seen_at
FROM newest l
JOIN owners f USING (endpoint_id, scene_id)
JOIN ops.stashbox_endpoints e ON e.id = l.endpoint_id AND e.enabled AND e.list_missing
WHERE NOT EXISTS (SELECT FROM owned o WHERE o.endpoint_id = l.endpoint_id AND o.scene_id = l.scene_id);

COMMENT ON VIEW stashbox.missing IS 'Scenes that boxes list for favorite performers and studios, and that no instance owns.';

COMMENT ON COLUMN stashbox.missing.box IS 'ops.stashbox_endpoints.name';

COMMENT ON COLUMN stashbox.missing.endpoint_id IS 'ops.stashbox_endpoints.id';

COMMENT ON COLUMN stashbox.missing.scene_id IS 'the id of the box';

COMMENT ON COLUMN stashbox.missing.title IS 'title on the stash-box';

COMMENT ON COLUMN stashbox.missing.date_text IS 'with the precision that is known';

COMMENT ON COLUMN stashbox.missing.duration IS 'seconds';

COMMENT ON COLUMN stashbox.missing.code IS 'code that the studio gave it';

COMMENT ON COLUMN stashbox.missing.studio IS 'name of its studio on the box';

COMMENT ON COLUMN stashbox.missing.performers IS 'their names on the box';

COMMENT ON COLUMN stashbox.missing.favorites IS 'the favorite performers and studios in whose lists it is';

COMMENT ON COLUMN stashbox.missing.waits_for_decision IS 'a local scene may be this one: decide with `stash-pipeline matches list --box`';

COMMENT ON COLUMN stashbox.missing.seen_at IS 'when it was in a list last';

CREATE VIEW stash.scenes_full AS
SELECT s.instance_id AS instance_id,
    i.name AS instance,
    s.id AS id,
    s.title AS title,
    s.code AS code,
    s.details AS details,
    s.director AS director,
    s.date AS date,
    s.date_text AS date_text,
    s.date_precision AS date_precision,
    s.rating100 AS rating100,
    s.organized AS organized,
    s.o_counter AS o_counter,
    s.play_count AS play_count,
    s.play_duration AS play_duration,
    s.resume_time AS resume_time,
    s.last_played_at AS last_played_at,
    s.interactive AS interactive,
    s.created_at AS created_at,
    s.updated_at AS updated_at,
    s.studio_id AS studio_id,
    u.name AS studio,
    f.id AS file_id,
    f.path AS path,
    f.size AS size,
    f.duration AS duration,
    f.width AS width,
    f.height AS height,
    CASE WHEN least(f.width, f.height) >= 4320 THEN '8K' WHEN least(f.width, f.height) >= 3584 THEN '7K' WHEN least(f.width, f.height) >= 3160 THEN '6K' WHEN least(f.width, f.height) >= 2880 THEN '5K' WHEN least(f.width, f.height) >= 2160 THEN '4K' WHEN least(f.width, f.height) >= 1920 THEN '1920p' WHEN least(f.width, f.height) >= 1440 THEN '1440p' WHEN least(f.width, f.height) >= 1080 THEN '1080p' WHEN least(f.width, f.height) >= 720 THEN '720p' WHEN least(f.width, f.height) >= 540 THEN '540p' WHEN least(f.width, f.height) >= 480 THEN '480p' WHEN least(f.width, f.height) >= 360 THEN '360p' WHEN least(f.width, f.height) >= 240 THEN '240p' WHEN least(f.width, f.height) >= 144 THEN '144p' END AS resolution,
    f.video_codec AS video_codec,
    f.audio_codec AS audio_codec,
    f.frame_rate AS frame_rate,
    f.bit_rate AS bit_rate,
    (SELECT p.value FROM stash.file_fingerprints p
        WHERE p.instance_id = f.instance_id AND p.file_id = f.id AND p.type = 'oshash'
        ORDER BY p.value LIMIT 1) AS oshash,
    (SELECT p.value FROM stash.file_fingerprints p
        WHERE p.instance_id = f.instance_id AND p.file_id = f.id AND p.type = 'phash'
        ORDER BY p.value LIMIT 1) AS phash,
    ARRAY(SELECT j.performer_id FROM stash.scene_performers j
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY (SELECT t.name FROM stash.performers t WHERE t.instance_id = j.instance_id AND t.id = j.performer_id), 1) AS performer_ids,
    ARRAY(SELECT (SELECT t.name FROM stash.performers t WHERE t.instance_id = j.instance_id AND t.id = j.performer_id) FROM stash.scene_performers j
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY 1) AS performers,
    ARRAY(SELECT j.tag_id FROM stash.scene_tags j
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY (SELECT t.name FROM stash.tags t WHERE t.instance_id = j.instance_id AND t.id = j.tag_id), 1) AS tag_ids,
    ARRAY(SELECT (SELECT t.name FROM stash.tags t WHERE t.instance_id = j.instance_id AND t.id = j.tag_id) FROM stash.scene_tags j
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY 1) AS tags,
    ARRAY(SELECT j.group_id FROM stash.scene_groups j
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY (SELECT t.name FROM stash.groups t WHERE t.instance_id = j.instance_id AND t.id = j.group_id), 1) AS group_ids,
    ARRAY(SELECT (SELECT t.name FROM stash.groups t WHERE t.instance_id = j.instance_id AND t.id = j.group_id) FROM stash.scene_groups j
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY 1) AS groups,
    ARRAY(SELECT j.gallery_id FROM stash.scene_galleries j
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY 1) AS gallery_ids,
    ARRAY(SELECT j.url FROM stash.scene_urls j
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY j.position) AS urls,
    ARRAY(SELECT j.stash_id FROM stash.scene_stash_ids j
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY j.endpoint, 1) AS stash_ids,
    (SELECT count(*) FROM stash.scene_performers j WHERE j.instance_id = s.instance_id AND j.scene_id = s.id) AS performer_count,
    (SELECT count(*) FROM stash.scene_tags j WHERE j.instance_id = s.instance_id AND j.scene_id = s.id) AS tag_count,
    (SELECT count(*) FROM stash.scene_files j WHERE j.instance_id = s.instance_id AND j.scene_id = s.id) AS file_count,
    (SELECT count(*) FROM stash.scene_markers j WHERE j.instance_id = s.instance_id AND j.scene_id = s.id) AS marker_count
FROM stash.scenes s
JOIN ops.instances i ON i.id = s.instance_id
LEFT JOIN stash.studios u ON u.instance_id = s.instance_id AND u.id = s.studio_id
LEFT JOIN stash.scene_files j ON j.instance_id = s.instance_id AND j.scene_id = s.id AND j.is_primary
LEFT JOIN stash.files f ON f.instance_id = j.instance_id AND f.id = j.file_id;

COMMENT ON VIEW stash.scenes_full IS 'Scenes with their primary file, studio, lists and counts in one row. Name the columns that you need: the others then cost nothing.';

COMMENT ON COLUMN stash.scenes_full.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.scenes_full.instance IS 'name of the instance';

COMMENT ON COLUMN stash.scenes_full.id IS 'the server''s id of the scene';

COMMENT ON COLUMN stash.scenes_full.title IS 'stash.scenes.title';

COMMENT ON COLUMN stash.scenes_full.code IS 'stash.scenes.code';

COMMENT ON COLUMN stash.scenes_full.details IS 'stash.scenes.details';

COMMENT ON COLUMN stash.scenes_full.director IS 'stash.scenes.director';

COMMENT ON COLUMN stash.scenes_full.date IS 'stash.scenes.date';

COMMENT ON COLUMN stash.scenes_full.date_text IS 'stash.scenes.date_text';

COMMENT ON COLUMN stash.scenes_full.date_precision IS 'stash.scenes.date_precision';

COMMENT ON COLUMN stash.scenes_full.rating100 IS 'stash.scenes.rating100';

COMMENT ON COLUMN stash.scenes_full.organized IS 'stash.scenes.organized';

COMMENT ON COLUMN stash.scenes_full.o_counter IS 'stash.scenes.o_counter';

COMMENT ON COLUMN stash.scenes_full.play_count IS 'stash.scenes.play_count';

COMMENT ON COLUMN stash.scenes_full.play_duration IS 'stash.scenes.play_duration';

COMMENT ON COLUMN stash.scenes_full.resume_time IS 'stash.scenes.resume_time';

COMMENT ON COLUMN stash.scenes_full.last_played_at IS 'stash.scenes.last_played_at';

COMMENT ON COLUMN stash.scenes_full.interactive IS 'stash.scenes.interactive';

COMMENT ON COLUMN stash.scenes_full.created_at IS 'stash.scenes.created_at';

COMMENT ON COLUMN stash.scenes_full.updated_at IS 'stash.scenes.updated_at';

COMMENT ON COLUMN stash.scenes_full.studio_id IS 'stash.studios.id';

COMMENT ON COLUMN stash.scenes_full.studio IS 'name of the studio';

COMMENT ON COLUMN stash.scenes_full.file_id IS 'stash.files.id of the primary file; this and the next ones are null if there is no file';

COMMENT ON COLUMN stash.scenes_full.path IS 'of the primary file, as the server sees it';

COMMENT ON COLUMN stash.scenes_full.size IS 'bytes of the primary file';

COMMENT ON COLUMN stash.scenes_full.duration IS 'seconds of the primary file';

COMMENT ON COLUMN stash.scenes_full.width IS 'pixels of the primary file';

COMMENT ON COLUMN stash.scenes_full.height IS 'pixels of the primary file';

COMMENT ON COLUMN stash.scenes_full.resolution IS 'name of the largest format that fits into the shorter side, such as 1080p or 4K';

COMMENT ON COLUMN stash.scenes_full.video_codec IS 'of the primary file';

COMMENT ON COLUMN stash.scenes_full.audio_codec IS 'of the primary file';

COMMENT ON COLUMN stash.scenes_full.frame_rate IS 'frames per second of the primary file';

COMMENT ON COLUMN stash.scenes_full.bit_rate IS 'bits per second of the primary file';

COMMENT ON COLUMN stash.scenes_full.oshash IS 'of the primary file';

COMMENT ON COLUMN stash.scenes_full.phash IS 'of the primary file, as hexadecimal digits';

COMMENT ON COLUMN stash.scenes_full.performer_ids IS 'in the order of performers';

COMMENT ON COLUMN stash.scenes_full.performers IS 'names of the performers, sorted';

COMMENT ON COLUMN stash.scenes_full.tag_ids IS 'in the order of tags';

COMMENT ON COLUMN stash.scenes_full.tags IS 'names of the tags, sorted; without the tags above them';

COMMENT ON COLUMN stash.scenes_full.group_ids IS 'in the order of groups';

COMMENT ON COLUMN stash.scenes_full.groups IS 'names of the groups (movies before v0.27), sorted';

COMMENT ON COLUMN stash.scenes_full.gallery_ids IS 'stash.galleries.id';

COMMENT ON COLUMN stash.scenes_full.urls IS 'in the server''s order';

COMMENT ON COLUMN stash.scenes_full.stash_ids IS 'ids on stash-boxes, by endpoint';

COMMENT ON COLUMN stash.scenes_full.performer_count IS 'performers';

COMMENT ON COLUMN stash.scenes_full.tag_count IS 'tags';

COMMENT ON COLUMN stash.scenes_full.file_count IS 'files, with the primary one';

COMMENT ON COLUMN stash.scenes_full.marker_count IS 'markers';

CREATE VIEW stash.tag_descendants AS
SELECT t.instance_id, i.name AS instance, t.id AS tag_id, t.name AS tag,
    d.id AS descendant_id, d.name AS descendant, below.depth
FROM stash.tags t
JOIN ops.instances i ON i.id = t.instance_id
CROSS JOIN LATERAL (
    WITH RECURSIVE level (ids, seen, depth) AS (
        SELECT started.ids, started.ids, 0 FROM (SELECT ARRAY[t.id] AS ids) AS started
        UNION ALL
        SELECT found.ids, level.seen || found.ids, level.depth + 1
        FROM level CROSS JOIN LATERAL (
            SELECT array_agg(DISTINCT p.tag_id) AS ids FROM stash.tag_parents p
            WHERE p.instance_id = t.instance_id AND p.parent_id = ANY(level.ids) AND p.tag_id <> ALL(level.seen)
        ) AS found
        WHERE found.ids IS NOT NULL
    )
    SELECT one.id, level.depth FROM level CROSS JOIN LATERAL unnest(level.ids) AS one (id)
) AS below
JOIN stash.tags d ON d.instance_id = t.instance_id AND d.id = below.id;

COMMENT ON VIEW stash.tag_descendants IS 'Every tag with itself (depth 0) and all tags below it. Join descendant_id to find what has a tag or one below it.';

COMMENT ON COLUMN stash.tag_descendants.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.tag_descendants.instance IS 'name of the instance';

COMMENT ON COLUMN stash.tag_descendants.tag_id IS 'stash.tags.id of the upper tag';

COMMENT ON COLUMN stash.tag_descendants.tag IS 'name of the upper tag';

COMMENT ON COLUMN stash.tag_descendants.descendant_id IS 'stash.tags.id of the lower tag';

COMMENT ON COLUMN stash.tag_descendants.descendant IS 'name of the lower tag';

COMMENT ON COLUMN stash.tag_descendants.depth IS '0: the tag itself, 1: its children, and so on, by the shortest way';

CREATE VIEW stash.studio_tree AS
SELECT s.instance_id, i.name AS instance, s.id, s.name, s.parent_studio_id, chain.ids[1] AS root_id,
    chain.ids AS path_ids, chain.names AS path, cardinality(chain.ids) - 1 AS depth, chain.circular
FROM stash.studios s
JOIN ops.instances i ON i.id = s.instance_id
CROSS JOIN LATERAL (
    WITH RECURSIVE above (ids, names, parent_id) AS (
        SELECT ARRAY[s.id], ARRAY[s.name], s.parent_studio_id
        UNION ALL
        SELECT p.id || above.ids, p.name || above.names, p.parent_studio_id
        FROM above JOIN stash.studios p ON p.instance_id = s.instance_id AND p.id = above.parent_id
        WHERE p.id <> ALL(above.ids)
    )
    SELECT above.ids, above.names, above.parent_id IS NOT NULL AS circular
    FROM above ORDER BY cardinality(above.ids) DESC LIMIT 1
) AS chain;

COMMENT ON VIEW stash.studio_tree IS 'Every studio with its path from the uppermost studio. path_ids @> ARRAY[id] finds a studio and all below it.';

COMMENT ON COLUMN stash.studio_tree.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.studio_tree.instance IS 'name of the instance';

COMMENT ON COLUMN stash.studio_tree.id IS 'stash.studios.id';

COMMENT ON COLUMN stash.studio_tree.name IS 'name of the studio';

COMMENT ON COLUMN stash.studio_tree.parent_studio_id IS 'stash.studios.id of the studio above it';

COMMENT ON COLUMN stash.studio_tree.root_id IS 'stash.studios.id of the uppermost studio; its own if there is none above it';

COMMENT ON COLUMN stash.studio_tree.path_ids IS 'stash.studios.id from the uppermost studio to this one';

COMMENT ON COLUMN stash.studio_tree.path IS 'names from the uppermost studio to this one';

COMMENT ON COLUMN stash.studio_tree.depth IS 'studios above it';

COMMENT ON COLUMN stash.studio_tree.circular IS 'whether the studios above it go round in a circle; path then begins where the circle would close';

CREATE VIEW stash.marker_all_tags AS
SELECT m.instance_id, i.name AS instance, m.id AS marker_id, m.scene_id, t.id AS tag_id, t.name AS tag,
    above.depth, t.id = m.primary_tag_id AS is_primary
FROM stash.scene_markers m
JOIN ops.instances i ON i.id = m.instance_id
CROSS JOIN LATERAL (
    WITH RECURSIVE level (ids, seen, depth) AS (
        SELECT started.ids, started.ids, 0 FROM (SELECT ARRAY(SELECT m.primary_tag_id WHERE m.primary_tag_id IS NOT NULL UNION SELECT o.tag_id FROM stash.marker_tags o WHERE o.instance_id = m.instance_id AND o.marker_id = m.id) AS ids) AS started
        UNION ALL
        SELECT found.ids, level.seen || found.ids, level.depth + 1
        FROM level CROSS JOIN LATERAL (
            SELECT array_agg(DISTINCT p.parent_id) AS ids FROM stash.tag_parents p
            WHERE p.instance_id = m.instance_id AND p.tag_id = ANY(level.ids) AND p.parent_id <> ALL(level.seen)
        ) AS found
        WHERE found.ids IS NOT NULL
    )
    SELECT one.id, level.depth FROM level CROSS JOIN LATERAL unnest(level.ids) AS one (id)
) AS above
JOIN stash.tags t ON t.instance_id = m.instance_id AND t.id = above.id;

COMMENT ON VIEW stash.marker_all_tags IS 'The tags of every marker: its primary tag, its other tags, and all tags above them, each once.';

COMMENT ON COLUMN stash.marker_all_tags.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.marker_all_tags.instance IS 'name of the instance';

COMMENT ON COLUMN stash.marker_all_tags.marker_id IS 'stash.scene_markers.id';

COMMENT ON COLUMN stash.marker_all_tags.scene_id IS 'stash.scenes.id of its scene';

COMMENT ON COLUMN stash.marker_all_tags.tag_id IS 'stash.tags.id';

COMMENT ON COLUMN stash.marker_all_tags.tag IS 'name of the tag';

COMMENT ON COLUMN stash.marker_all_tags.depth IS '0: a tag of the marker itself, 1: a parent of one of them, and so on, by the shortest way';

COMMENT ON COLUMN stash.marker_all_tags.is_primary IS 'whether it is the primary tag of the marker; null if the marker has none';

CREATE VIEW stash.recent_changes AS
SELECT h.recorded_at, h.instance_id, i.name AS instance, h.entity, h.id,
    coalesce(nullif(h.document ->> 'title', ''), nullif(h.document ->> 'name', ''), h.document ->> 'path') AS name, h.change, differing.field,
    h.document ->> differing.field AS old, following.document ->> differing.field AS new, h.run_id, h.revision
FROM raw.history h
JOIN ops.instances i ON i.id = h.instance_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN h.change <> 'removed' THEN coalesce(
        (SELECT n.document FROM raw.history n
            WHERE n.instance_id = h.instance_id AND n.entity = h.entity AND n.id = h.id AND n.revision > h.revision
            ORDER BY n.revision LIMIT 1),
        CASE h.entity
            WHEN 'tags' THEN (SELECT d.document FROM raw.tags d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'folders' THEN (SELECT d.document FROM raw.folders d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'files' THEN (SELECT d.document FROM raw.files d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'studios' THEN (SELECT d.document FROM raw.studios d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'performers' THEN (SELECT d.document FROM raw.performers d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'groups' THEN (SELECT d.document FROM raw.groups d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'images' THEN (SELECT d.document FROM raw.images d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'galleries' THEN (SELECT d.document FROM raw.galleries d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'scenes' THEN (SELECT d.document FROM raw.scenes d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'scene_markers' THEN (SELECT d.document FROM raw.scene_markers d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'saved_filters' THEN (SELECT d.document FROM raw.saved_filters d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'configuration' THEN (SELECT d.document FROM raw.configuration d WHERE d.instance_id = h.instance_id AND d.id = h.id)
        END
    ) END AS document
    OFFSET 0
) AS following
CROSS JOIN LATERAL (
    SELECT NULL::text AS field WHERE h.change = 'removed'
    UNION ALL
    SELECT either.name
    FROM (
        SELECT jsonb_object_keys(h.document)
        UNION SELECT jsonb_object_keys(following.document)
    ) AS either (name)
    -- null and absent are one
    WHERE h.change <> 'removed'
        AND coalesce(h.document -> either.name, 'null') <> coalesce(following.document -> either.name, 'null')
) AS differing;

COMMENT ON VIEW stash.recent_changes IS 'What changed in the objects of the servers, and when: one row per field; of a removed object one row without a field. Goes back STASH_PIPELINE_KEEP_HISTORY_DAYS.';

COMMENT ON COLUMN stash.recent_changes.recorded_at IS 'when the pipeline found the change';

COMMENT ON COLUMN stash.recent_changes.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.recent_changes.instance IS 'name of the instance';

COMMENT ON COLUMN stash.recent_changes.entity IS 'scenes, performers, …';

COMMENT ON COLUMN stash.recent_changes.id IS 'the server''s id of the object';

COMMENT ON COLUMN stash.recent_changes.name IS 'title, name or path of the object before the change';

COMMENT ON COLUMN stash.recent_changes.change IS 'changed, removed, or returned (after a removal)';

COMMENT ON COLUMN stash.recent_changes.field IS 'of the server''s response, in its spelling there; null if the object was removed';

COMMENT ON COLUMN stash.recent_changes.old IS 'value before the change; lists and objects as JSON';

COMMENT ON COLUMN stash.recent_changes.new IS 'value after the change; lists and objects as JSON';

COMMENT ON COLUMN stash.recent_changes.run_id IS 'ops.sync_runs.id of the run that found the change';

COMMENT ON COLUMN stash.recent_changes.revision IS 'of the instance when the document was replaced';

CREATE VIEW stash.duplicate_files AS
SELECT c.instance_id, i.name AS instance, f.id AS file_id, f.path, f.size, f.type AS file_type,
    c.type AS checksum_type, c.value AS checksum, c.copies, c.copies_here, c.instances,
    ARRAY(SELECT j.scene_id FROM stash.scene_files j
        WHERE j.instance_id = f.instance_id AND j.file_id = f.id ORDER BY j.scene_id) AS scene_ids
FROM (
    SELECT one.*, count(*) OVER everywhere AS copies,
        count(*) OVER (PARTITION BY one.type, one.value, one.instance_id) AS copies_here,
        -- rank of the last one: DISTINCT is not allowed in a window
        dense_rank() OVER (PARTITION BY one.type, one.value ORDER BY one.instance_id)
            + dense_rank() OVER (PARTITION BY one.type, one.value ORDER BY one.instance_id DESC) - 1 AS instances
    FROM (
        SELECT p.instance_id, p.file_id, p.type, p.value FROM stash.file_fingerprints p
        WHERE p.type = 'oshash'
        UNION ALL
        SELECT p.instance_id, p.file_id, p.type, p.value FROM stash.file_fingerprints p
        WHERE p.type = 'md5' AND NOT EXISTS (
            SELECT FROM stash.file_fingerprints o
            WHERE o.instance_id = p.instance_id AND o.file_id = p.file_id AND o.type = 'oshash'
        )
    ) AS one
    WINDOW everywhere AS (PARTITION BY one.type, one.value)
) AS c
JOIN ops.instances i ON i.id = c.instance_id
JOIN stash.files f ON f.instance_id = c.instance_id AND f.id = c.file_id
WHERE c.copies > 1;

COMMENT ON VIEW stash.duplicate_files IS 'Files with the same checksum (oshash, or else MD5) as another file of any instance. matches.duplicates also has copies that differ, and which one to keep.';

COMMENT ON COLUMN stash.duplicate_files.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.duplicate_files.instance IS 'name of the instance';

COMMENT ON COLUMN stash.duplicate_files.file_id IS 'stash.files.id';

COMMENT ON COLUMN stash.duplicate_files.path IS 'as the server sees it';

COMMENT ON COLUMN stash.duplicate_files.size IS 'bytes';

COMMENT ON COLUMN stash.duplicate_files.file_type IS 'VIDEO, IMAGE, GALLERY or FILE, as in stash.files';

COMMENT ON COLUMN stash.duplicate_files.checksum_type IS 'oshash or md5';

COMMENT ON COLUMN stash.duplicate_files.checksum IS 'equal for all copies';

COMMENT ON COLUMN stash.duplicate_files.copies IS 'files with this checksum on all instances';

COMMENT ON COLUMN stash.duplicate_files.copies_here IS 'files with this checksum on this instance';

COMMENT ON COLUMN stash.duplicate_files.instances IS 'instances that have a file with this checksum';

COMMENT ON COLUMN stash.duplicate_files.scene_ids IS 'stash.scenes.id of the scenes with this file';

CREATE VIEW stash.watch_statistics AS
SELECT s.instance_id, i.name AS instance, 'scenes' AS entity, s.id,
    coalesce(nullif(s.title, ''), f.basename) AS name, 1::bigint AS scenes,
    CASE WHEN s.play_count > 0 THEN 1 ELSE 0 END::bigint AS scenes_played,
    coalesce(s.play_count, 0)::bigint AS play_count, coalesce(s.play_duration, 0) AS play_duration,
    coalesce(s.o_counter, 0)::bigint AS o_counter, s.last_played_at
FROM stash.scenes s
JOIN ops.instances i ON i.id = s.instance_id
LEFT JOIN stash.scene_files j ON j.instance_id = s.instance_id AND j.scene_id = s.id AND j.is_primary
LEFT JOIN stash.files f ON f.instance_id = j.instance_id AND f.id = j.file_id
UNION ALL
SELECT w.instance_id, i.name AS instance, w.entity, w.id, o.name, w.scenes, w.scenes_played,
    w.play_count, w.play_duration, w.o_counter, w.last_played_at
FROM (SELECT j.instance_id, 'performers' AS entity, j.performer_id AS id, count(*) AS scenes, count(*) FILTER (WHERE s.play_count > 0) AS scenes_played,
    coalesce(sum(s.play_count), 0)::bigint AS play_count,
    coalesce(sum(s.play_duration), 0) AS play_duration,
    coalesce(sum(s.o_counter), 0)::bigint AS o_counter,
    max(s.last_played_at) AS last_played_at
FROM stash.scene_performers j JOIN stash.scenes s ON s.instance_id = j.instance_id AND s.id = j.scene_id
GROUP BY j.instance_id, j.performer_id) AS w
JOIN stash.performers o ON o.instance_id = w.instance_id AND o.id = w.id
JOIN ops.instances i ON i.id = w.instance_id
UNION ALL
SELECT w.instance_id, i.name AS instance, w.entity, w.id, o.name, w.scenes, w.scenes_played,
    w.play_count, w.play_duration, w.o_counter, w.last_played_at
FROM (SELECT s.instance_id, 'studios' AS entity, s.studio_id AS id, count(*) AS scenes, count(*) FILTER (WHERE s.play_count > 0) AS scenes_played,
    coalesce(sum(s.play_count), 0)::bigint AS play_count,
    coalesce(sum(s.play_duration), 0) AS play_duration,
    coalesce(sum(s.o_counter), 0)::bigint AS o_counter,
    max(s.last_played_at) AS last_played_at
FROM stash.scenes s WHERE s.studio_id IS NOT NULL GROUP BY s.instance_id, s.studio_id) AS w
JOIN stash.studios o ON o.instance_id = w.instance_id AND o.id = w.id
JOIN ops.instances i ON i.id = w.instance_id
UNION ALL
SELECT w.instance_id, i.name AS instance, w.entity, w.id, o.name, w.scenes, w.scenes_played,
    w.play_count, w.play_duration, w.o_counter, w.last_played_at
FROM (SELECT j.instance_id, 'tags' AS entity, j.tag_id AS id, count(*) AS scenes, count(*) FILTER (WHERE s.play_count > 0) AS scenes_played,
    coalesce(sum(s.play_count), 0)::bigint AS play_count,
    coalesce(sum(s.play_duration), 0) AS play_duration,
    coalesce(sum(s.o_counter), 0)::bigint AS o_counter,
    max(s.last_played_at) AS last_played_at
FROM stash.scene_tags j JOIN stash.scenes s ON s.instance_id = j.instance_id AND s.id = j.scene_id
GROUP BY j.instance_id, j.tag_id) AS w
JOIN stash.tags o ON o.instance_id = w.instance_id AND o.id = w.id
JOIN ops.instances i ON i.id = w.instance_id
UNION ALL
SELECT w.instance_id, i.name AS instance, w.entity, w.id, o.name, w.scenes, w.scenes_played,
    w.play_count, w.play_duration, w.o_counter, w.last_played_at
FROM (SELECT j.instance_id, 'groups' AS entity, j.group_id AS id, count(*) AS scenes, count(*) FILTER (WHERE s.play_count > 0) AS scenes_played,
    coalesce(sum(s.play_count), 0)::bigint AS play_count,
    coalesce(sum(s.play_duration), 0) AS play_duration,
    coalesce(sum(s.o_counter), 0)::bigint AS o_counter,
    max(s.last_played_at) AS last_played_at
FROM stash.scene_groups j JOIN stash.scenes s ON s.instance_id = j.instance_id AND s.id = j.scene_id
GROUP BY j.instance_id, j.group_id) AS w
JOIN stash.groups o ON o.instance_id = w.instance_id AND o.id = w.id
JOIN ops.instances i ON i.id = w.instance_id;

COMMENT ON VIEW stash.watch_statistics IS 'How often and how long scenes were played, summed up per performer, studio, tag and group. Give an entity: a scene counts once in each.';

COMMENT ON COLUMN stash.watch_statistics.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.watch_statistics.instance IS 'name of the instance';

COMMENT ON COLUMN stash.watch_statistics.entity IS 'scenes, performers, studios, tags or groups';

COMMENT ON COLUMN stash.watch_statistics.id IS 'the server''s id of the object';

COMMENT ON COLUMN stash.watch_statistics.name IS 'name of the object; of a scene its title, or else its file name';

COMMENT ON COLUMN stash.watch_statistics.scenes IS 'scenes with this performer, studio, tag or group itself, without those below it';

COMMENT ON COLUMN stash.watch_statistics.scenes_played IS 'scenes that were played at least once';

COMMENT ON COLUMN stash.watch_statistics.play_count IS 'plays';

COMMENT ON COLUMN stash.watch_statistics.play_duration IS 'seconds played';

COMMENT ON COLUMN stash.watch_statistics.o_counter IS 'sum of the counters';

COMMENT ON COLUMN stash.watch_statistics.last_played_at IS 'when one of the scenes was last played';

CREATE VIEW catalog.provenance AS
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id, s.box_ids[s.box_numbers[f.n]] AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'sort_name'), (3, 'description'), (4, 'favorite'), (5, 'ignore_auto_tag'), (6, 'image_path'), (7, 'custom_fields'), (8, 'created_at'), (9, 'updated_at')) AS f (n, field)
WHERE s.entity = 'tags' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'tags', c.id, f.field, m.instance_id, m.id, 'only', NULL, NULL
FROM catalog.tags c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('name', c.name IS NOT NULL), ('sort_name', c.sort_name IS NOT NULL), ('description', c.description IS NOT NULL), ('favorite', c.favorite IS NOT NULL), ('ignore_auto_tag', c.ignore_auto_tag IS NOT NULL), ('image_path', c.image_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present AND NOT EXISTS (SELECT FROM catalog.sources s WHERE s.id = c.id)
UNION ALL
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id, s.box_ids[s.box_numbers[f.n]] AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'details'), (3, 'rating100'), (4, 'favorite'), (5, 'organized'), (6, 'ignore_auto_tag'), (7, 'image_path'), (8, 'custom_fields'), (9, 'created_at'), (10, 'updated_at'), (11, 'parent_studio')) AS f (n, field)
WHERE s.entity = 'studios' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'studios', c.id, f.field, m.instance_id, m.id, 'only', NULL, NULL
FROM catalog.studios c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('name', c.name IS NOT NULL), ('details', c.details IS NOT NULL), ('rating100', c.rating100 IS NOT NULL), ('favorite', c.favorite IS NOT NULL), ('organized', c.organized IS NOT NULL), ('ignore_auto_tag', c.ignore_auto_tag IS NOT NULL), ('image_path', c.image_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL), ('parent_studio', c.parent_studio_id IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present AND NOT EXISTS (SELECT FROM catalog.sources s WHERE s.id = c.id)
UNION ALL
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id, s.box_ids[s.box_numbers[f.n]] AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'disambiguation'), (3, 'gender'), (4, 'birthdate'), (5, 'death_date'), (6, 'ethnicity'), (7, 'country'), (8, 'eye_color'), (9, 'hair_color'), (10, 'height_cm'), (11, 'weight'), (12, 'measurements'), (13, 'fake_tits'), (14, 'penis_length'), (15, 'circumcised'), (16, 'career_length'), (17, 'career_start'), (18, 'career_end'), (19, 'tattoos'), (20, 'piercings'), (21, 'details'), (22, 'rating100'), (23, 'favorite'), (24, 'ignore_auto_tag'), (25, 'image_path'), (26, 'custom_fields'), (27, 'created_at'), (28, 'updated_at')) AS f (n, field)
WHERE s.entity = 'performers' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'performers', c.id, f.field, m.instance_id, m.id, 'only', NULL, NULL
FROM catalog.performers c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('name', c.name IS NOT NULL), ('disambiguation', c.disambiguation IS NOT NULL), ('gender', c.gender IS NOT NULL), ('birthdate', c.birthdate_text IS NOT NULL), ('death_date', c.death_date_text IS NOT NULL), ('ethnicity', c.ethnicity IS NOT NULL), ('country', c.country IS NOT NULL), ('eye_color', c.eye_color IS NOT NULL), ('hair_color', c.hair_color IS NOT NULL), ('height_cm', c.height_cm IS NOT NULL), ('weight', c.weight IS NOT NULL), ('measurements', c.measurements IS NOT NULL), ('fake_tits', c.fake_tits IS NOT NULL), ('penis_length', c.penis_length IS NOT NULL), ('circumcised', c.circumcised IS NOT NULL), ('career_length', c.career_length IS NOT NULL), ('career_start', c.career_start_text IS NOT NULL), ('career_end', c.career_end_text IS NOT NULL), ('tattoos', c.tattoos IS NOT NULL), ('piercings', c.piercings IS NOT NULL), ('details', c.details IS NOT NULL), ('rating100', c.rating100 IS NOT NULL), ('favorite', c.favorite IS NOT NULL), ('ignore_auto_tag', c.ignore_auto_tag IS NOT NULL), ('image_path', c.image_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present AND NOT EXISTS (SELECT FROM catalog.sources s WHERE s.id = c.id)
UNION ALL
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id, s.box_ids[s.box_numbers[f.n]] AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'aliases'), (3, 'duration'), (4, 'date'), (5, 'rating100'), (6, 'director'), (7, 'synopsis'), (8, 'front_image_path'), (9, 'back_image_path'), (10, 'custom_fields'), (11, 'created_at'), (12, 'updated_at'), (13, 'studio')) AS f (n, field)
WHERE s.entity = 'groups' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'groups', c.id, f.field, m.instance_id, m.id, 'only', NULL, NULL
FROM catalog.groups c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('name', c.name IS NOT NULL), ('aliases', c.aliases IS NOT NULL), ('duration', c.duration IS NOT NULL), ('date', c.date_text IS NOT NULL), ('rating100', c.rating100 IS NOT NULL), ('director', c.director IS NOT NULL), ('synopsis', c.synopsis IS NOT NULL), ('front_image_path', c.front_image_path IS NOT NULL), ('back_image_path', c.back_image_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL), ('studio', c.studio_id IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present
UNION ALL
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id, s.box_ids[s.box_numbers[f.n]] AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'photographer'), (5, 'date'), (6, 'rating100'), (7, 'o_counter'), (8, 'organized'), (9, 'image_path'), (10, 'thumbnail_path'), (11, 'preview_path'), (12, 'custom_fields'), (13, 'created_at'), (14, 'updated_at'), (15, 'studio')) AS f (n, field)
WHERE s.entity = 'images' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'images', c.id, f.field, m.instance_id, m.id, 'only', NULL, NULL
FROM catalog.images c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('title', c.title IS NOT NULL), ('code', c.code IS NOT NULL), ('details', c.details IS NOT NULL), ('photographer', c.photographer IS NOT NULL), ('date', c.date_text IS NOT NULL), ('rating100', c.rating100 IS NOT NULL), ('o_counter', c.o_counter IS NOT NULL), ('organized', c.organized IS NOT NULL), ('image_path', c.image_path IS NOT NULL), ('thumbnail_path', c.thumbnail_path IS NOT NULL), ('preview_path', c.preview_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL), ('studio', c.studio_id IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present
UNION ALL
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id, s.box_ids[s.box_numbers[f.n]] AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'photographer'), (5, 'date'), (6, 'rating100'), (7, 'organized'), (8, 'cover_path'), (9, 'preview_path'), (10, 'custom_fields'), (11, 'created_at'), (12, 'updated_at'), (13, 'studio'), (14, 'cover')) AS f (n, field)
WHERE s.entity = 'galleries' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'galleries', c.id, f.field, m.instance_id, m.id, 'only', NULL, NULL
FROM catalog.galleries c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('title', c.title IS NOT NULL), ('code', c.code IS NOT NULL), ('details', c.details IS NOT NULL), ('photographer', c.photographer IS NOT NULL), ('date', c.date_text IS NOT NULL), ('rating100', c.rating100 IS NOT NULL), ('organized', c.organized IS NOT NULL), ('cover_path', c.cover_path IS NOT NULL), ('preview_path', c.preview_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL), ('studio', c.studio_id IS NOT NULL), ('cover', c.cover_id IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present
UNION ALL
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id, s.box_ids[s.box_numbers[f.n]] AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'director'), (5, 'date'), (6, 'rating100'), (7, 'organized'), (8, 'o_counter'), (9, 'play_count'), (10, 'play_duration'), (11, 'resume_time'), (12, 'last_played_at'), (13, 'interactive'), (14, 'interactive_speed'), (15, 'screenshot_path'), (16, 'preview_path'), (17, 'webp_path'), (18, 'vtt_path'), (19, 'sprite_path'), (20, 'funscript_path'), (21, 'interactive_heatmap_path'), (22, 'caption_path'), (23, 'custom_fields'), (24, 'created_at'), (25, 'updated_at'), (26, 'studio')) AS f (n, field)
WHERE s.entity = 'scenes' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'scenes', c.id, f.field, m.instance_id, m.id, 'only', NULL, NULL
FROM catalog.scenes c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('title', c.title IS NOT NULL), ('code', c.code IS NOT NULL), ('details', c.details IS NOT NULL), ('director', c.director IS NOT NULL), ('date', c.date_text IS NOT NULL), ('rating100', c.rating100 IS NOT NULL), ('organized', c.organized IS NOT NULL), ('o_counter', c.o_counter IS NOT NULL), ('play_count', c.play_count IS NOT NULL), ('play_duration', c.play_duration IS NOT NULL), ('resume_time', c.resume_time IS NOT NULL), ('last_played_at', c.last_played_at IS NOT NULL), ('interactive', c.interactive IS NOT NULL), ('interactive_speed', c.interactive_speed IS NOT NULL), ('screenshot_path', c.screenshot_path IS NOT NULL), ('preview_path', c.preview_path IS NOT NULL), ('webp_path', c.webp_path IS NOT NULL), ('vtt_path', c.vtt_path IS NOT NULL), ('sprite_path', c.sprite_path IS NOT NULL), ('funscript_path', c.funscript_path IS NOT NULL), ('interactive_heatmap_path', c.interactive_heatmap_path IS NOT NULL), ('caption_path', c.caption_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL), ('studio', c.studio_id IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present AND NOT EXISTS (SELECT FROM catalog.sources s WHERE s.id = c.id);

COMMENT ON VIEW catalog.provenance IS 'Of which object or stash-box each field of a record is, and the rule that decided; only: no other member has a value, agreed: all values are equal.';

COMMENT ON COLUMN catalog.provenance.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN catalog.provenance.id IS 'id of the record in catalog';

COMMENT ON COLUMN catalog.provenance.field IS 'name of the field';

COMMENT ON COLUMN catalog.provenance.instance_id IS 'ops.instances.id of the server whose value counts; null if it is a stash-box''s';

COMMENT ON COLUMN catalog.provenance.object_id IS 'the server''s id of the object whose value counts';

COMMENT ON COLUMN catalog.provenance.rule IS 'the criterion that decided, or only, agreed, stash_box';

COMMENT ON COLUMN catalog.provenance.endpoint_id IS 'ops.stashbox_endpoints.id of the box whose value counts';

COMMENT ON COLUMN catalog.provenance.box_id IS 'id of the record on that box';

CREATE VIEW catalog.conflicts AS
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.name)
        WHEN 2 THEN to_jsonb(o.sort_name)
        WHEN 3 THEN to_jsonb(o.description)
    END AS value,
    coalesce(m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n], false) AS survives,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule, NULL::integer AS endpoint_id, NULL::text AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'sort_name'), (3, 'description')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.tags o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'tags' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, NULL, NULL, CASE f.n
        WHEN 1 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'name') = 'string' THEN nullif(btrim(d.document ->> 'name'), '') END)
        WHEN 3 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'description') = 'string' THEN nullif(btrim(d.document ->> 'description'), '') END)
    END,
    b.n IS NOT DISTINCT FROM s.box_numbers[f.n], CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END, b.endpoint_id, b.box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (3, 'description')) AS f (n, field)
CROSS JOIN LATERAL unnest(s.endpoint_ids, s.box_ids) WITH ORDINALITY AS b (endpoint_id, box_id, n)
JOIN stashbox.tags d ON d.endpoint_id = b.endpoint_id AND d.id = b.box_id
WHERE s.entity = 'tags' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.name)
        WHEN 2 THEN to_jsonb(o.details)
        WHEN 3 THEN to_jsonb(o.rating100)
        WHEN 11 THEN (SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = 'studios' AND t.instance_id = o.instance_id AND t.id = o.parent_studio_id)
    END AS value,
    coalesce(m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n], false) AS survives,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule, NULL::integer AS endpoint_id, NULL::text AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'details'), (3, 'rating100'), (11, 'parent_studio')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.studios o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'studios' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, NULL, NULL, CASE f.n
        WHEN 1 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'name') = 'string' THEN nullif(btrim(d.document ->> 'name'), '') END)
    END,
    b.n IS NOT DISTINCT FROM s.box_numbers[f.n], CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END, b.endpoint_id, b.box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name')) AS f (n, field)
CROSS JOIN LATERAL unnest(s.endpoint_ids, s.box_ids) WITH ORDINALITY AS b (endpoint_id, box_id, n)
JOIN stashbox.studios d ON d.endpoint_id = b.endpoint_id AND d.id = b.box_id
WHERE s.entity = 'studios' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.name)
        WHEN 2 THEN to_jsonb(o.disambiguation)
        WHEN 3 THEN to_jsonb(o.gender)
        WHEN 4 THEN to_jsonb(o.birthdate_text)
        WHEN 5 THEN to_jsonb(o.death_date_text)
        WHEN 6 THEN to_jsonb(o.ethnicity)
        WHEN 7 THEN to_jsonb(o.country)
        WHEN 8 THEN to_jsonb(o.eye_color)
        WHEN 9 THEN to_jsonb(o.hair_color)
        WHEN 10 THEN to_jsonb(o.height_cm)
        WHEN 11 THEN to_jsonb(o.weight)
        WHEN 12 THEN to_jsonb(o.measurements)
        WHEN 13 THEN to_jsonb(o.fake_tits)
        WHEN 14 THEN to_jsonb(o.penis_length)
        WHEN 15 THEN to_jsonb(o.circumcised)
        WHEN 16 THEN to_jsonb(o.career_length)
        WHEN 17 THEN to_jsonb(o.career_start_text)
        WHEN 18 THEN to_jsonb(o.career_end_text)
        WHEN 19 THEN to_jsonb(o.tattoos)
        WHEN 20 THEN to_jsonb(o.piercings)
        WHEN 21 THEN to_jsonb(o.details)
        WHEN 22 THEN to_jsonb(o.rating100)
    END AS value,
    coalesce(m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n], false) AS survives,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule, NULL::integer AS endpoint_id, NULL::text AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'disambiguation'), (3, 'gender'), (4, 'birthdate'), (5, 'death_date'), (6, 'ethnicity'), (7, 'country'), (8, 'eye_color'), (9, 'hair_color'), (10, 'height_cm'), (11, 'weight'), (12, 'measurements'), (13, 'fake_tits'), (14, 'penis_length'), (15, 'circumcised'), (16, 'career_length'), (17, 'career_start'), (18, 'career_end'), (19, 'tattoos'), (20, 'piercings'), (21, 'details'), (22, 'rating100')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.performers o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'performers' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, NULL, NULL, CASE f.n
        WHEN 1 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'name') = 'string' THEN nullif(btrim(d.document ->> 'name'), '') END)
        WHEN 2 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'disambiguation') = 'string' THEN nullif(btrim(d.document ->> 'disambiguation'), '') END)
        WHEN 3 THEN to_jsonb(CASE WHEN d.document ->> 'gender' IN ('MALE', 'FEMALE', 'TRANSGENDER_MALE', 'TRANSGENDER_FEMALE', 'INTERSEX', 'NON_BINARY') THEN d.document ->> 'gender' END)
        WHEN 4 THEN to_jsonb(coalesce(CASE WHEN stash.date_precision(d.document ->> 'birth_date') IS NOT NULL THEN d.document ->> 'birth_date' END, CASE WHEN stash.date_precision(left(d.document #>> '{birthdate,date}', CASE d.document #>> '{birthdate,accuracy}' WHEN 'DAY' THEN 10 WHEN 'MONTH' THEN 7 ELSE 4 END)) IS NOT NULL THEN left(d.document #>> '{birthdate,date}', CASE d.document #>> '{birthdate,accuracy}' WHEN 'DAY' THEN 10 WHEN 'MONTH' THEN 7 ELSE 4 END) END)::text)
        WHEN 5 THEN to_jsonb(CASE WHEN stash.date_precision(d.document ->> 'death_date') IS NOT NULL THEN d.document ->> 'death_date' END::text)
        WHEN 6 THEN to_jsonb(CASE WHEN d.document ->> 'ethnicity' ~ '^[A-Za-z]+([ _][A-Za-z]+)*$' THEN initcap(replace(d.document ->> 'ethnicity', '_', ' ')) END)
        WHEN 7 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'country') = 'string' THEN nullif(btrim(d.document ->> 'country'), '') END)
        WHEN 8 THEN to_jsonb(CASE WHEN d.document ->> 'eye_color' ~ '^[A-Za-z]+([ _][A-Za-z]+)*$' THEN initcap(replace(d.document ->> 'eye_color', '_', ' ')) END)
        WHEN 9 THEN to_jsonb(CASE WHEN d.document ->> 'hair_color' ~ '^[A-Za-z]+([ _][A-Za-z]+)*$' THEN initcap(replace(d.document ->> 'hair_color', '_', ' ')) END)
        WHEN 10 THEN to_jsonb(CASE WHEN d.document ->> 'height' ~ '^[1-9][0-9]{1,2}$' THEN (d.document ->> 'height')::integer END)
        WHEN 12 THEN to_jsonb((SELECT m.band || m.cup || '-' || m.waist || '-' || m.hip FROM (
    SELECT coalesce(d.document ->> 'band_size', d.document #>> '{measurements,band_size}'), coalesce(d.document ->> 'cup_size', d.document #>> '{measurements,cup_size}'), coalesce(d.document ->> 'waist_size', d.document #>> '{measurements,waist}'), coalesce(d.document ->> 'hip_size', d.document #>> '{measurements,hip}')
    ) AS m(band, cup, waist, hip)
    WHERE m.band ~ '^[0-9]+$' AND m.cup ~ '^[A-Za-z]+$' AND m.waist ~ '^[0-9]+$' AND m.hip ~ '^[0-9]+$'))
        WHEN 13 THEN to_jsonb(CASE WHEN d.document ->> 'breast_type' IN ('NATURAL', 'FAKE') THEN initcap(d.document ->> 'breast_type') END)
        WHEN 16 THEN to_jsonb((SELECT CASE WHEN coalesce(y.first, y.last) IS NOT NULL
        THEN concat_ws(' ', y.first, '-', y.last) END
    FROM (SELECT CASE WHEN d.document ->> 'career_start_year' ~ '^[12][0-9]{3}$' THEN d.document ->> 'career_start_year' END, CASE WHEN d.document ->> 'career_end_year' ~ '^[12][0-9]{3}$' THEN d.document ->> 'career_end_year' END) AS y(first, last)))
        WHEN 19 THEN to_jsonb((SELECT string_agg(concat_ws(', ', e.value ->> 'location', nullif(e.value ->> 'description', '')), '; ' ORDER BY e.n) FROM jsonb_array_elements(CASE WHEN jsonb_typeof(d.document -> 'tattoos') = 'array' THEN d.document -> 'tattoos' ELSE '[]' END) WITH ORDINALITY AS e(value, n) WHERE e.value ->> 'location' <> ''))
        WHEN 20 THEN to_jsonb((SELECT string_agg(concat_ws(', ', e.value ->> 'location', nullif(e.value ->> 'description', '')), '; ' ORDER BY e.n) FROM jsonb_array_elements(CASE WHEN jsonb_typeof(d.document -> 'piercings') = 'array' THEN d.document -> 'piercings' ELSE '[]' END) WITH ORDINALITY AS e(value, n) WHERE e.value ->> 'location' <> ''))
    END,
    b.n IS NOT DISTINCT FROM s.box_numbers[f.n], CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END, b.endpoint_id, b.box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'disambiguation'), (3, 'gender'), (4, 'birthdate'), (5, 'death_date'), (6, 'ethnicity'), (7, 'country'), (8, 'eye_color'), (9, 'hair_color'), (10, 'height_cm'), (12, 'measurements'), (13, 'fake_tits'), (16, 'career_length'), (19, 'tattoos'), (20, 'piercings')) AS f (n, field)
CROSS JOIN LATERAL unnest(s.endpoint_ids, s.box_ids) WITH ORDINALITY AS b (endpoint_id, box_id, n)
JOIN stashbox.performers d ON d.endpoint_id = b.endpoint_id AND d.id = b.box_id
WHERE s.entity = 'performers' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.name)
        WHEN 2 THEN to_jsonb(o.aliases)
        WHEN 3 THEN to_jsonb(o.duration)
        WHEN 4 THEN to_jsonb(o.date_text)
        WHEN 5 THEN to_jsonb(o.rating100)
        WHEN 6 THEN to_jsonb(o.director)
        WHEN 7 THEN to_jsonb(o.synopsis)
        WHEN 13 THEN (SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = 'studios' AND t.instance_id = o.instance_id AND t.id = o.studio_id)
    END AS value,
    coalesce(m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n], false) AS survives,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule, NULL::integer AS endpoint_id, NULL::text AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'aliases'), (3, 'duration'), (4, 'date'), (5, 'rating100'), (6, 'director'), (7, 'synopsis'), (13, 'studio')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.groups o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'groups' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.title)
        WHEN 2 THEN to_jsonb(o.code)
        WHEN 3 THEN to_jsonb(o.details)
        WHEN 4 THEN to_jsonb(o.photographer)
        WHEN 5 THEN to_jsonb(o.date_text)
        WHEN 6 THEN to_jsonb(o.rating100)
        WHEN 15 THEN (SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = 'studios' AND t.instance_id = o.instance_id AND t.id = o.studio_id)
    END AS value,
    coalesce(m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n], false) AS survives,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule, NULL::integer AS endpoint_id, NULL::text AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'photographer'), (5, 'date'), (6, 'rating100'), (15, 'studio')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.images o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'images' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.title)
        WHEN 2 THEN to_jsonb(o.code)
        WHEN 3 THEN to_jsonb(o.details)
        WHEN 4 THEN to_jsonb(o.photographer)
        WHEN 5 THEN to_jsonb(o.date_text)
        WHEN 6 THEN to_jsonb(o.rating100)
        WHEN 13 THEN (SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = 'studios' AND t.instance_id = o.instance_id AND t.id = o.studio_id)
        WHEN 14 THEN (SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = 'images' AND t.instance_id = o.instance_id AND t.id = o.cover_id)
    END AS value,
    coalesce(m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n], false) AS survives,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule, NULL::integer AS endpoint_id, NULL::text AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'photographer'), (5, 'date'), (6, 'rating100'), (13, 'studio'), (14, 'cover')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.galleries o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'galleries' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.title)
        WHEN 2 THEN to_jsonb(o.code)
        WHEN 3 THEN to_jsonb(o.details)
        WHEN 4 THEN to_jsonb(o.director)
        WHEN 5 THEN to_jsonb(o.date_text)
        WHEN 6 THEN to_jsonb(o.rating100)
        WHEN 14 THEN to_jsonb(o.interactive_speed)
        WHEN 26 THEN (SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = 'studios' AND t.instance_id = o.instance_id AND t.id = o.studio_id)
    END AS value,
    coalesce(m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n], false) AS survives,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule, NULL::integer AS endpoint_id, NULL::text AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'director'), (5, 'date'), (6, 'rating100'), (14, 'interactive_speed'), (26, 'studio')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.scenes o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'scenes' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, NULL, NULL, CASE f.n
        WHEN 1 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'title') = 'string' THEN nullif(btrim(d.document ->> 'title'), '') END)
        WHEN 2 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'code') = 'string' THEN nullif(btrim(d.document ->> 'code'), '') END)
        WHEN 3 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'details') = 'string' THEN nullif(btrim(d.document ->> 'details'), '') END)
        WHEN 4 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'director') = 'string' THEN nullif(btrim(d.document ->> 'director'), '') END)
        WHEN 5 THEN to_jsonb(coalesce(CASE WHEN stash.date_precision(d.document ->> 'release_date') IS NOT NULL THEN d.document ->> 'release_date' END, CASE WHEN stash.date_precision(regexp_replace(regexp_replace(d.document ->> 'date', '-01-01$', ''), '-01$', '')) IS NOT NULL THEN regexp_replace(regexp_replace(d.document ->> 'date', '-01-01$', ''), '-01$', '') END)::text)
    END,
    b.n IS NOT DISTINCT FROM s.box_numbers[f.n], CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END, b.endpoint_id, b.box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'director'), (5, 'date')) AS f (n, field)
CROSS JOIN LATERAL unnest(s.endpoint_ids, s.box_ids) WITH ORDINALITY AS b (endpoint_id, box_id, n)
JOIN stashbox.scenes d ON d.endpoint_id = b.endpoint_id AND d.id = b.box_id
WHERE s.entity = 'scenes' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest');

COMMENT ON VIEW catalog.conflicts IS 'The fields on which the members of a record and its stash-boxes disagree: one row per member or box, with its value.';

COMMENT ON COLUMN catalog.conflicts.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN catalog.conflicts.id IS 'id of the record in catalog';

COMMENT ON COLUMN catalog.conflicts.field IS 'name of the field';

COMMENT ON COLUMN catalog.conflicts.instance_id IS 'ops.instances.id of the server that has the value; null if a stash-box has it';

COMMENT ON COLUMN catalog.conflicts.object_id IS 'the server''s id of the object that has the value';

COMMENT ON COLUMN catalog.conflicts.value IS 'its value, as JSON';

COMMENT ON COLUMN catalog.conflicts.survives IS 'whether this value is in catalog';

COMMENT ON COLUMN catalog.conflicts.rule IS 'the criterion that decided';

COMMENT ON COLUMN catalog.conflicts.endpoint_id IS 'ops.stashbox_endpoints.id of the box that has the value';

COMMENT ON COLUMN catalog.conflicts.box_id IS 'id of the record on that box';

CREATE VIEW catalog.by_instance AS
SELECT m.entity, m.canonical_id AS id, m.instance_id, m.id AS object_id,
    NULL::integer AS rating100, NULL::boolean AS organized, NULL::integer AS o_counter, NULL::integer AS play_count, NULL::double precision AS play_duration, NULL::double precision AS resume_time, NULL::timestamptz AS last_played_at, o.favorite
FROM catalog.members m
JOIN stash.tags o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE m.entity = 'tags'
UNION ALL
SELECT m.entity, m.canonical_id AS id, m.instance_id, m.id AS object_id,
    o.rating100, o.organized, NULL::integer AS o_counter, NULL::integer AS play_count, NULL::double precision AS play_duration, NULL::double precision AS resume_time, NULL::timestamptz AS last_played_at, o.favorite
FROM catalog.members m
JOIN stash.studios o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE m.entity = 'studios'
UNION ALL
SELECT m.entity, m.canonical_id AS id, m.instance_id, m.id AS object_id,
    o.rating100, NULL::boolean AS organized, NULL::integer AS o_counter, NULL::integer AS play_count, NULL::double precision AS play_duration, NULL::double precision AS resume_time, NULL::timestamptz AS last_played_at, o.favorite
FROM catalog.members m
JOIN stash.performers o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE m.entity = 'performers'
UNION ALL
SELECT m.entity, m.canonical_id AS id, m.instance_id, m.id AS object_id,
    o.rating100, NULL::boolean AS organized, NULL::integer AS o_counter, NULL::integer AS play_count, NULL::double precision AS play_duration, NULL::double precision AS resume_time, NULL::timestamptz AS last_played_at, NULL::boolean AS favorite
FROM catalog.members m
JOIN stash.groups o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE m.entity = 'groups'
UNION ALL
SELECT m.entity, m.canonical_id AS id, m.instance_id, m.id AS object_id,
    o.rating100, o.organized, o.o_counter, NULL::integer AS play_count, NULL::double precision AS play_duration, NULL::double precision AS resume_time, NULL::timestamptz AS last_played_at, NULL::boolean AS favorite
FROM catalog.members m
JOIN stash.images o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE m.entity = 'images'
UNION ALL
SELECT m.entity, m.canonical_id AS id, m.instance_id, m.id AS object_id,
    o.rating100, o.organized, NULL::integer AS o_counter, NULL::integer AS play_count, NULL::double precision AS play_duration, NULL::double precision AS resume_time, NULL::timestamptz AS last_played_at, NULL::boolean AS favorite
FROM catalog.members m
JOIN stash.galleries o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE m.entity = 'galleries'
UNION ALL
SELECT m.entity, m.canonical_id AS id, m.instance_id, m.id AS object_id,
    o.rating100, o.organized, o.o_counter, o.play_count, o.play_duration, o.resume_time, o.last_played_at, NULL::boolean AS favorite
FROM catalog.members m
JOIN stash.scenes o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE m.entity = 'scenes';

COMMENT ON VIEW catalog.by_instance IS 'What each server has of its own of a record: ratings, plays, flags.';

COMMENT ON COLUMN catalog.by_instance.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN catalog.by_instance.id IS 'id of the record in catalog';

COMMENT ON COLUMN catalog.by_instance.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN catalog.by_instance.object_id IS 'the server''s id of the object';

COMMENT ON COLUMN catalog.by_instance.rating100 IS 'rating from 1 to 100; null if there is none';

COMMENT ON COLUMN catalog.by_instance.organized IS 'whether a user of the server marked its metadata as complete';

COMMENT ON COLUMN catalog.by_instance.o_counter IS 'how often a user of the server increased the o-counter';

COMMENT ON COLUMN catalog.by_instance.play_count IS 'how often it was played';

COMMENT ON COLUMN catalog.by_instance.play_duration IS 'seconds that it was played, in total';

COMMENT ON COLUMN catalog.by_instance.resume_time IS 'second at which it was left, to continue there';

COMMENT ON COLUMN catalog.by_instance.last_played_at IS 'when it was played last';

COMMENT ON COLUMN catalog.by_instance.favorite IS 'whether it is marked as a favorite';

CREATE VIEW catalog.changes AS
SELECT 'tags' AS entity, id, revision, false AS vanished, NULL::uuid AS successor_id
FROM catalog.tags
UNION ALL
SELECT 'studios' AS entity, id, revision, false AS vanished, NULL::uuid AS successor_id
FROM catalog.studios
UNION ALL
SELECT 'performers' AS entity, id, revision, false AS vanished, NULL::uuid AS successor_id
FROM catalog.performers
UNION ALL
SELECT 'groups' AS entity, id, revision, false AS vanished, NULL::uuid AS successor_id
FROM catalog.groups
UNION ALL
SELECT 'images' AS entity, id, revision, false AS vanished, NULL::uuid AS successor_id
FROM catalog.images
UNION ALL
SELECT 'galleries' AS entity, id, revision, false AS vanished, NULL::uuid AS successor_id
FROM catalog.galleries
UNION ALL
SELECT 'scenes' AS entity, id, revision, false AS vanished, NULL::uuid AS successor_id
FROM catalog.scenes
UNION ALL
SELECT v.entity, v.id, v.revision, true, r.cluster_id
FROM catalog.vanished v
LEFT JOIN matches.redirects r ON r.id = v.id;

COMMENT ON VIEW catalog.changes IS 'Records with the revision of the object log when they last changed or vanished; successor_id is the record into which a vanished one was merged.';

COMMENT ON COLUMN catalog.changes.entity IS 'name of the objects'' table in stash';

COMMENT ON COLUMN catalog.changes.id IS 'id of the record in catalog';

COMMENT ON COLUMN catalog.changes.revision IS 'of the object log, when the record last changed';

COMMENT ON COLUMN catalog.changes.vanished IS 'whether the record no longer exists';

COMMENT ON COLUMN catalog.changes.successor_id IS 'the record that took over, if it vanished';

-- what the registry does not have: Alembic's own table, and the tables of the local-sync plan

COMMENT ON TABLE ops.alembic_version IS 'The newest migration that was applied.';

COMMENT ON COLUMN ops.alembic_version.version_num IS 'number of the migration';

DO $$
DECLARE
    described record;
BEGIN
    FOR described IN SELECT * FROM (VALUES
        ('stash_performers', 'Performers, with the column names of the local-sync plan.'),
        ('stash_tags', 'Tags, with the column names of the local-sync plan.'),
        ('stash_tag_parents', 'Parents of tags, with the column names of the local-sync plan.'),
        ('stash_scenes', 'Scenes with their primary file, with the column names of the local-sync plan.'),
        ('stash_scene_performers', 'Performers of scenes, with the column names of the local-sync plan.'),
        ('stash_scene_tags', 'Tags of scenes, with the column names of the local-sync plan.')
    ) AS v (name, text) LOOP
        EXECUTE format('COMMENT ON VIEW stash.%I IS %L', described.name, described.text);
    END LOOP;
    FOR described IN
        SELECT c.relname, a.attname, v.text
        FROM pg_class AS c
        JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
        JOIN (VALUES
            ('id', 'the server''s id'),
            ('name', 'name, as entered on the server'),
            ('gender', 'gender, as the server spells it'),
            ('title', 'title, as entered on the server'),
            ('date', 'first day of the period that the server gives'),
            ('details', 'description, as entered on the server'),
            ('filesize', 'size of the primary file in bytes'),
            ('duration', 'duration of the primary file in seconds'),
            ('imagePath', 'path of the image on the server; null without one'),
            ('stashUpdatedAt', 'when the object was last changed, by the server''s clock'),
            ('syncedAt', 'when the response that had it arrived'),
            ('instanceId', 'ops.instances.id'),
            ('childId', 'stash.tags.id of the child'),
            ('parentId', 'stash.tags.id of the parent'),
            ('sceneId', 'stash.scenes.id'),
            ('performerId', 'stash.performers.id'),
            ('tagId', 'stash.tags.id')
        ) AS v (name, text) ON v.name = a.attname
        WHERE c.relnamespace = 'stash'::regnamespace AND c.relkind = 'v' AND c.relname LIKE 'stash\_%'
    LOOP
        EXECUTE format('COMMENT ON COLUMN stash.%I.%I IS %L', described.relname, described.attname, described.text);
    END LOOP;
END $$;
