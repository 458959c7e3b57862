DELETE FROM search.indexes;

ALTER TABLE search.indexes DROP CONSTRAINT indexes_pkey;

ALTER TABLE search.indexes DROP COLUMN place;

ALTER TABLE search.indexes ADD CONSTRAINT indexes_pkey PRIMARY KEY (backend);

COMMENT ON TABLE search.indexes IS 'What the search index held when it last followed.';

DROP VIEW stash.tag_counts;

DROP VIEW stash.studio_counts;

DROP VIEW stash.performer_counts;

DROP VIEW stash.group_counts;

DROP VIEW stash.gallery_counts;

DROP VIEW raw.silent_changes;

DROP VIEW stashbox.missing;

DROP VIEW stash.scenes_full;

DROP VIEW stash.tag_descendants;

DROP VIEW stash.studio_tree;

DROP VIEW stash.marker_all_tags;

DROP VIEW stash.recent_changes;

DROP VIEW stash.duplicate_files;

DROP VIEW stash.watch_statistics;

DROP VIEW catalog.provenance;

DROP VIEW catalog.conflicts;

DROP VIEW catalog.by_instance;

DROP VIEW catalog.changes;

COMMENT ON COLUMN stashbox.tags.first_seen_at IS NULL;

COMMENT ON COLUMN stashbox.tags.description IS NULL;

COMMENT ON COLUMN stashbox.tags.name IS NULL;

COMMENT ON COLUMN stashbox.studios.first_seen_at IS NULL;

COMMENT ON COLUMN stashbox.studios.name IS NULL;

COMMENT ON COLUMN stashbox.scenes.first_seen_at IS NULL;

COMMENT ON COLUMN stashbox.scenes.director IS NULL;

COMMENT ON COLUMN stashbox.scenes.code IS NULL;

COMMENT ON COLUMN stashbox.scenes.title IS NULL;

COMMENT ON COLUMN stashbox.performers.first_seen_at IS NULL;

COMMENT ON COLUMN stashbox.performers.gender IS NULL;

COMMENT ON COLUMN stashbox.performers.disambiguation IS NULL;

COMMENT ON COLUMN stashbox.performers.name IS NULL;

COMMENT ON COLUMN stashbox.lookups.asked_at IS NULL;

COMMENT ON COLUMN stashbox.listed_scenes.code IS NULL;

COMMENT ON COLUMN stashbox.listed_scenes.title IS NULL;

COMMENT ON COLUMN stash.tags.updated_at IS NULL;

COMMENT ON COLUMN stash.tags.created_at IS NULL;

COMMENT ON COLUMN stash.tags.custom_fields IS NULL;

COMMENT ON COLUMN stash.tags.ignore_auto_tag IS NULL;

COMMENT ON COLUMN stash.tags.favorite IS NULL;

COMMENT ON COLUMN stash.tags.description IS NULL;

COMMENT ON COLUMN stash.tags.sort_name IS NULL;

COMMENT ON COLUMN stash.tags.name IS NULL;

COMMENT ON COLUMN stash.tag_stash_ids.updated_at IS NULL;

COMMENT ON COLUMN stash.tag_stash_ids.stash_id IS NULL;

COMMENT ON COLUMN stash.tag_stash_ids.endpoint IS NULL;

COMMENT ON COLUMN stash.tag_aliases.alias IS NULL;

COMMENT ON COLUMN stash.studios.updated_at IS NULL;

COMMENT ON COLUMN stash.studios.created_at IS NULL;

COMMENT ON COLUMN stash.studios.custom_fields IS NULL;

COMMENT ON COLUMN stash.studios.ignore_auto_tag IS NULL;

COMMENT ON COLUMN stash.studios.organized IS NULL;

COMMENT ON COLUMN stash.studios.favorite IS NULL;

COMMENT ON COLUMN stash.studios.rating100 IS NULL;

COMMENT ON COLUMN stash.studios.details IS NULL;

COMMENT ON COLUMN stash.studios.name IS NULL;

COMMENT ON COLUMN stash.studio_urls.url IS NULL;

COMMENT ON COLUMN stash.studio_stash_ids.updated_at IS NULL;

COMMENT ON COLUMN stash.studio_stash_ids.stash_id IS NULL;

COMMENT ON COLUMN stash.studio_stash_ids.endpoint IS NULL;

COMMENT ON COLUMN stash.studio_aliases.alias IS NULL;

DROP INDEX stash.scenes_created_at_idx;

COMMENT ON COLUMN stash.scenes.updated_at IS NULL;

COMMENT ON COLUMN stash.scenes.created_at IS NULL;

COMMENT ON COLUMN stash.scenes.custom_fields IS NULL;

COMMENT ON COLUMN stash.scenes.interactive_speed IS NULL;

COMMENT ON COLUMN stash.scenes.interactive IS NULL;

COMMENT ON COLUMN stash.scenes.last_played_at IS NULL;

COMMENT ON COLUMN stash.scenes.resume_time IS NULL;

COMMENT ON COLUMN stash.scenes.play_duration IS NULL;

COMMENT ON COLUMN stash.scenes.play_count IS NULL;

COMMENT ON COLUMN stash.scenes.o_counter IS NULL;

COMMENT ON COLUMN stash.scenes.organized IS NULL;

COMMENT ON COLUMN stash.scenes.rating100 IS NULL;

COMMENT ON COLUMN stash.scenes.director IS NULL;

COMMENT ON COLUMN stash.scenes.details IS NULL;

COMMENT ON COLUMN stash.scenes.code IS NULL;

COMMENT ON COLUMN stash.scenes.title IS NULL;

COMMENT ON COLUMN stash.scene_urls.url IS NULL;

COMMENT ON COLUMN stash.scene_stash_ids.updated_at IS NULL;

COMMENT ON COLUMN stash.scene_stash_ids.stash_id IS NULL;

COMMENT ON COLUMN stash.scene_stash_ids.endpoint IS NULL;

COMMENT ON COLUMN stash.scene_plays.played_at IS NULL;

DROP INDEX stash.scene_os_occurred_at_idx;

COMMENT ON COLUMN stash.scene_os.occurred_at IS NULL;

COMMENT ON COLUMN stash.scene_markers.updated_at IS NULL;

COMMENT ON COLUMN stash.scene_markers.created_at IS NULL;

COMMENT ON COLUMN stash.scene_markers.end_seconds IS NULL;

COMMENT ON COLUMN stash.scene_markers.seconds IS NULL;

COMMENT ON COLUMN stash.scene_markers.title IS NULL;

COMMENT ON COLUMN stash.scene_groups.scene_index IS NULL;

COMMENT ON COLUMN stash.scene_captions.caption_type IS NULL;

COMMENT ON COLUMN stash.scene_captions.language_code IS NULL;

COMMENT ON COLUMN stash.saved_filters.ui_options IS NULL;

COMMENT ON COLUMN stash.saved_filters.object_filter IS NULL;

COMMENT ON COLUMN stash.saved_filters.find_filter IS NULL;

COMMENT ON COLUMN stash.saved_filters.name IS NULL;

COMMENT ON COLUMN stash.saved_filters.mode IS NULL;

COMMENT ON COLUMN stash.performers.updated_at IS NULL;

COMMENT ON COLUMN stash.performers.created_at IS NULL;

COMMENT ON COLUMN stash.performers.custom_fields IS NULL;

COMMENT ON COLUMN stash.performers.ignore_auto_tag IS NULL;

COMMENT ON COLUMN stash.performers.favorite IS NULL;

COMMENT ON COLUMN stash.performers.rating100 IS NULL;

COMMENT ON COLUMN stash.performers.details IS NULL;

COMMENT ON COLUMN stash.performers.piercings IS NULL;

COMMENT ON COLUMN stash.performers.tattoos IS NULL;

COMMENT ON COLUMN stash.performers.career_length IS NULL;

COMMENT ON COLUMN stash.performers.circumcised IS NULL;

COMMENT ON COLUMN stash.performers.penis_length IS NULL;

COMMENT ON COLUMN stash.performers.fake_tits IS NULL;

COMMENT ON COLUMN stash.performers.measurements IS NULL;

COMMENT ON COLUMN stash.performers.weight IS NULL;

COMMENT ON COLUMN stash.performers.height_cm IS NULL;

COMMENT ON COLUMN stash.performers.hair_color IS NULL;

COMMENT ON COLUMN stash.performers.eye_color IS NULL;

COMMENT ON COLUMN stash.performers.country IS NULL;

COMMENT ON COLUMN stash.performers.ethnicity IS NULL;

COMMENT ON COLUMN stash.performers.gender IS NULL;

COMMENT ON COLUMN stash.performers.disambiguation IS NULL;

COMMENT ON COLUMN stash.performers.name IS NULL;

COMMENT ON COLUMN stash.performer_urls.url IS NULL;

COMMENT ON COLUMN stash.performer_stash_ids.updated_at IS NULL;

COMMENT ON COLUMN stash.performer_stash_ids.stash_id IS NULL;

COMMENT ON COLUMN stash.performer_stash_ids.endpoint IS NULL;

COMMENT ON COLUMN stash.performer_aliases.alias IS NULL;

COMMENT ON COLUMN stash.images.updated_at IS NULL;

COMMENT ON COLUMN stash.images.created_at IS NULL;

COMMENT ON COLUMN stash.images.custom_fields IS NULL;

COMMENT ON COLUMN stash.images.organized IS NULL;

COMMENT ON COLUMN stash.images.o_counter IS NULL;

COMMENT ON COLUMN stash.images.rating100 IS NULL;

COMMENT ON COLUMN stash.images.photographer IS NULL;

COMMENT ON COLUMN stash.images.details IS NULL;

COMMENT ON COLUMN stash.images.code IS NULL;

COMMENT ON COLUMN stash.images.title IS NULL;

COMMENT ON COLUMN stash.image_urls.url IS NULL;

COMMENT ON COLUMN stash.groups.updated_at IS NULL;

COMMENT ON COLUMN stash.groups.created_at IS NULL;

COMMENT ON COLUMN stash.groups.custom_fields IS NULL;

COMMENT ON COLUMN stash.groups.synopsis IS NULL;

COMMENT ON COLUMN stash.groups.director IS NULL;

COMMENT ON COLUMN stash.groups.rating100 IS NULL;

COMMENT ON COLUMN stash.groups.duration IS NULL;

COMMENT ON COLUMN stash.groups.aliases IS NULL;

COMMENT ON COLUMN stash.groups.name IS NULL;

COMMENT ON COLUMN stash.group_urls.url IS NULL;

COMMENT ON COLUMN stash.group_containing.description IS NULL;

COMMENT ON COLUMN stash.gallery_urls.url IS NULL;

COMMENT ON COLUMN stash.gallery_chapters.updated_at IS NULL;

COMMENT ON COLUMN stash.gallery_chapters.created_at IS NULL;

COMMENT ON COLUMN stash.gallery_chapters.image_index IS NULL;

COMMENT ON COLUMN stash.gallery_chapters.title IS NULL;

COMMENT ON COLUMN stash.gallery_chapters.id IS NULL;

COMMENT ON COLUMN stash.galleries.updated_at IS NULL;

COMMENT ON COLUMN stash.galleries.created_at IS NULL;

COMMENT ON COLUMN stash.galleries.custom_fields IS NULL;

COMMENT ON COLUMN stash.galleries.organized IS NULL;

COMMENT ON COLUMN stash.galleries.rating100 IS NULL;

COMMENT ON COLUMN stash.galleries.photographer IS NULL;

COMMENT ON COLUMN stash.galleries.details IS NULL;

COMMENT ON COLUMN stash.galleries.code IS NULL;

COMMENT ON COLUMN stash.galleries.title IS NULL;

COMMENT ON COLUMN stash.folders.updated_at IS NULL;

COMMENT ON COLUMN stash.folders.created_at IS NULL;

COMMENT ON COLUMN stash.folders.mod_time IS NULL;

COMMENT ON COLUMN stash.folders.path IS NULL;

COMMENT ON COLUMN stash.files.updated_at IS NULL;

COMMENT ON COLUMN stash.files.created_at IS NULL;

COMMENT ON COLUMN stash.files.mod_time IS NULL;

COMMENT ON COLUMN stash.files.bit_rate IS NULL;

COMMENT ON COLUMN stash.files.frame_rate IS NULL;

COMMENT ON COLUMN stash.files.audio_codec IS NULL;

COMMENT ON COLUMN stash.files.video_codec IS NULL;

COMMENT ON COLUMN stash.files.duration IS NULL;

COMMENT ON COLUMN stash.files.height IS NULL;

COMMENT ON COLUMN stash.files.width IS NULL;

COMMENT ON COLUMN stash.files.format IS NULL;

COMMENT ON COLUMN stash.files.size IS NULL;

COMMENT ON COLUMN stash.files.basename IS NULL;

COMMENT ON COLUMN stash.files.path IS NULL;

COMMENT ON COLUMN stash.files.type IS NULL;

COMMENT ON COLUMN stash.file_fingerprints.value IS NULL;

COMMENT ON COLUMN stash.file_fingerprints.type IS NULL;

COMMENT ON COLUMN stash.configuration_stashes.exclude_image IS NULL;

COMMENT ON COLUMN stash.configuration_stashes.exclude_video IS NULL;

COMMENT ON COLUMN stash.configuration_stashes.path IS NULL;

COMMENT ON COLUMN stash.configuration_stash_boxes.endpoint IS NULL;

COMMENT ON COLUMN stash.configuration_stash_boxes.name IS NULL;

COMMENT ON COLUMN stash.configuration.language IS NULL;

COMMENT ON COLUMN stash.configuration.generated_path IS NULL;

COMMENT ON COLUMN stash.configuration.database_path IS NULL;

COMMENT ON COLUMN search.vanished.entity IS NULL;

COMMENT ON COLUMN search.states.created_at IS NULL;

COMMENT ON COLUMN search.states.id IS NULL;

COMMENT ON COLUMN search.row_counts.rows IS NULL;

COMMENT ON COLUMN search.row_counts.entity IS NULL;

COMMENT ON COLUMN search.indexes.failed_at IS NULL;

COMMENT ON COLUMN search.indexes.followed_at IS NULL;

COMMENT ON COLUMN search.indexes.documents IS NULL;

COMMENT ON COLUMN search.documents.updated_at IS NULL;

COMMENT ON COLUMN search.documents.created_at IS NULL;

COMMENT ON COLUMN search.documents.video_codecs IS NULL;

COMMENT ON COLUMN search.documents.favorite IS NULL;

COMMENT ON COLUMN search.documents.organized IS NULL;

COMMENT ON COLUMN search.documents.o_count IS NULL;

COMMENT ON COLUMN search.documents.plays IS NULL;

COMMENT ON COLUMN search.documents.genders IS NULL;

COMMENT ON COLUMN search.documents.groups IS NULL;

COMMENT ON COLUMN search.documents.studio_aliases IS NULL;

COMMENT ON COLUMN search.documents.tag_aliases IS NULL;

COMMENT ON COLUMN search.documents.people_aliases IS NULL;

COMMENT ON COLUMN search.documents.code IS NULL;

COMMENT ON COLUMN search.documents.aliases IS NULL;

COMMENT ON COLUMN search.documents.disambiguation IS NULL;

COMMENT ON COLUMN raw.tags.fetched_at IS NULL;

COMMENT ON COLUMN raw.tags.server_updated_at IS NULL;

COMMENT ON COLUMN raw.tags.server_created_at IS NULL;

COMMENT ON COLUMN raw.studios.fetched_at IS NULL;

COMMENT ON COLUMN raw.studios.server_updated_at IS NULL;

COMMENT ON COLUMN raw.studios.server_created_at IS NULL;

COMMENT ON COLUMN raw.scenes.fetched_at IS NULL;

COMMENT ON COLUMN raw.scenes.server_updated_at IS NULL;

COMMENT ON COLUMN raw.scenes.server_created_at IS NULL;

COMMENT ON COLUMN raw.scene_markers.fetched_at IS NULL;

COMMENT ON COLUMN raw.scene_markers.server_updated_at IS NULL;

COMMENT ON COLUMN raw.scene_markers.server_created_at IS NULL;

COMMENT ON COLUMN raw.saved_filters.fetched_at IS NULL;

COMMENT ON COLUMN raw.saved_filters.server_updated_at IS NULL;

COMMENT ON COLUMN raw.saved_filters.server_created_at IS NULL;

COMMENT ON COLUMN raw.performers.fetched_at IS NULL;

COMMENT ON COLUMN raw.performers.server_updated_at IS NULL;

COMMENT ON COLUMN raw.performers.server_created_at IS NULL;

COMMENT ON COLUMN raw.pages.fetched_at IS NULL;

COMMENT ON COLUMN raw.pages.last_id IS NULL;

COMMENT ON COLUMN raw.pages.objects IS NULL;

COMMENT ON COLUMN raw.pages.lane IS NULL;

COMMENT ON COLUMN raw.pages.run_id IS NULL;

COMMENT ON COLUMN raw.pages.entity IS NULL;

COMMENT ON COLUMN raw.pages.id IS NULL;

COMMENT ON COLUMN raw.images.fetched_at IS NULL;

COMMENT ON COLUMN raw.images.server_updated_at IS NULL;

COMMENT ON COLUMN raw.images.server_created_at IS NULL;

COMMENT ON COLUMN raw.history.recorded_at IS NULL;

COMMENT ON COLUMN raw.history.entity IS NULL;

COMMENT ON COLUMN raw.groups.fetched_at IS NULL;

COMMENT ON COLUMN raw.groups.server_updated_at IS NULL;

COMMENT ON COLUMN raw.groups.server_created_at IS NULL;

COMMENT ON COLUMN raw.galleries.fetched_at IS NULL;

COMMENT ON COLUMN raw.galleries.server_updated_at IS NULL;

COMMENT ON COLUMN raw.galleries.server_created_at IS NULL;

COMMENT ON COLUMN raw.folders.fetched_at IS NULL;

COMMENT ON COLUMN raw.folders.server_updated_at IS NULL;

COMMENT ON COLUMN raw.folders.server_created_at IS NULL;

COMMENT ON COLUMN raw.files.fetched_at IS NULL;

COMMENT ON COLUMN raw.files.server_updated_at IS NULL;

COMMENT ON COLUMN raw.files.server_created_at IS NULL;

COMMENT ON COLUMN raw.configuration.fetched_at IS NULL;

COMMENT ON COLUMN raw.configuration.server_updated_at IS NULL;

COMMENT ON COLUMN raw.configuration.server_created_at IS NULL;

COMMENT ON COLUMN ops.sync_runs.error IS NULL;

COMMENT ON COLUMN ops.sync_runs.release IS NULL;

COMMENT ON COLUMN ops.sync_runs.finished_at IS NULL;

COMMENT ON COLUMN ops.sync_runs.started_at IS NULL;

COMMENT ON COLUMN ops.sync_runs.lane IS NULL;

COMMENT ON COLUMN ops.sync_runs.mode IS NULL;

COMMENT ON COLUMN ops.sync_runs.dagster_run_id IS NULL;

COMMENT ON COLUMN ops.sync_runs.id IS NULL;

COMMENT ON COLUMN ops.stashbox_endpoints.updated_at IS NULL;

COMMENT ON COLUMN ops.stashbox_endpoints.created_at IS NULL;

COMMENT ON COLUMN ops.stashbox_endpoints.enabled IS NULL;

COMMENT ON COLUMN ops.stashbox_endpoints.requests_per_minute IS NULL;

COMMENT ON COLUMN ops.stashbox_endpoints.name IS NULL;

COMMENT ON COLUMN ops.stashbox_endpoints.id IS NULL;

COMMENT ON COLUMN ops.shared_layers.failed_at IS NULL;

COMMENT ON COLUMN ops.shared_layers.updated_at IS NULL;

COMMENT ON COLUMN ops.shared_layers.layer IS NULL;

COMMENT ON COLUMN ops.row_counts.rows IS NULL;

COMMENT ON COLUMN ops.read_watermarks.entity IS NULL;

COMMENT ON COLUMN ops.object_log_head.revision IS NULL;

COMMENT ON COLUMN ops.object_log_head.singleton IS NULL;

COMMENT ON COLUMN ops.layer_watermarks.updated_at IS NULL;

COMMENT ON COLUMN ops.layer_watermarks.layer IS NULL;

COMMENT ON COLUMN ops.instances.updated_at IS NULL;

COMMENT ON COLUMN ops.instances.created_at IS NULL;

COMMENT ON COLUMN ops.instances.enabled IS NULL;

COMMENT ON COLUMN ops.instances.url IS NULL;

COMMENT ON COLUMN ops.instances.uuid IS NULL;

COMMENT ON COLUMN ops.instances.id IS NULL;

COMMENT ON COLUMN ops.dangling_references.target_id IS NULL;

COMMENT ON COLUMN ops.dangling_references.owner_id IS NULL;

COMMENT ON COLUMN ops.complete_reads.finished_at IS NULL;

COMMENT ON COLUMN ops.complete_reads.run_id IS NULL;

COMMENT ON COLUMN ops.complete_reads.entity IS NULL;

COMMENT ON COLUMN matches.totals.value IS NULL;

COMMENT ON COLUMN matches.stashbox_proposals.value IS NULL;

COMMENT ON COLUMN matches.stashbox_proposals.entity IS NULL;

COMMENT ON COLUMN matches.resolved_decisions.right_id IS NULL;

COMMENT ON COLUMN matches.resolved_decisions.right_instance_id IS NULL;

COMMENT ON COLUMN matches.resolved_decisions.entity IS NULL;

COMMENT ON COLUMN matches.resolved_decisions.decision_id IS NULL;

COMMENT ON COLUMN matches.members.cluster_id IS NULL;

COMMENT ON COLUMN matches.members.entity IS NULL;

COMMENT ON COLUMN matches.links.right_id IS NULL;

COMMENT ON COLUMN matches.links.right_instance_id IS NULL;

COMMENT ON COLUMN matches.links.left_id IS NULL;

COMMENT ON COLUMN matches.links.left_instance_id IS NULL;

COMMENT ON COLUMN matches.links.entity IS NULL;

COMMENT ON COLUMN matches.link_counts.action IS NULL;

COMMENT ON COLUMN matches.link_counts.rule IS NULL;

COMMENT ON COLUMN matches.link_counts.day IS NULL;

COMMENT ON COLUMN matches.keys.entity IS NULL;

COMMENT ON COLUMN matches.duplicates.markers IS NULL;

COMMENT ON COLUMN matches.duplicates.frame_rate IS NULL;

COMMENT ON COLUMN matches.duplicates.bit_rate IS NULL;

COMMENT ON COLUMN matches.duplicates.video_codec IS NULL;

COMMENT ON COLUMN matches.duplicates.height IS NULL;

COMMENT ON COLUMN matches.duplicates.width IS NULL;

COMMENT ON COLUMN matches.duplicates.compared_file_id IS NULL;

COMMENT ON COLUMN matches.duplicates.compared_id IS NULL;

COMMENT ON COLUMN matches.decisions.decided_at IS NULL;

COMMENT ON COLUMN matches.decisions.note IS NULL;

COMMENT ON COLUMN matches.decisions.right_content IS NULL;

COMMENT ON COLUMN matches.decisions.right_created_at IS NULL;

COMMENT ON COLUMN matches.decisions.right_id IS NULL;

COMMENT ON COLUMN matches.decisions.left_id IS NULL;

COMMENT ON COLUMN matches.decisions.entity IS NULL;

COMMENT ON COLUMN matches.decisions.id IS NULL;

COMMENT ON COLUMN matches.clusters.entity IS NULL;

COMMENT ON COLUMN catalog.vanished.entity IS NULL;

COMMENT ON COLUMN catalog.tags.updated_at IS NULL;

COMMENT ON COLUMN catalog.tags.created_at IS NULL;

COMMENT ON COLUMN catalog.tags.custom_fields IS NULL;

COMMENT ON COLUMN catalog.tags.ignore_auto_tag IS NULL;

COMMENT ON COLUMN catalog.tags.favorite IS NULL;

COMMENT ON COLUMN catalog.tags.description IS NULL;

COMMENT ON COLUMN catalog.tags.sort_name IS NULL;

COMMENT ON COLUMN catalog.tags.name IS NULL;

COMMENT ON COLUMN catalog.tag_stash_ids.updated_at IS NULL;

COMMENT ON COLUMN catalog.tag_stash_ids.stash_id IS NULL;

COMMENT ON COLUMN catalog.tag_stash_ids.endpoint IS NULL;

COMMENT ON COLUMN catalog.tag_aliases.alias IS NULL;

COMMENT ON COLUMN catalog.studios.updated_at IS NULL;

COMMENT ON COLUMN catalog.studios.created_at IS NULL;

COMMENT ON COLUMN catalog.studios.custom_fields IS NULL;

COMMENT ON COLUMN catalog.studios.ignore_auto_tag IS NULL;

COMMENT ON COLUMN catalog.studios.organized IS NULL;

COMMENT ON COLUMN catalog.studios.favorite IS NULL;

COMMENT ON COLUMN catalog.studios.rating100 IS NULL;

COMMENT ON COLUMN catalog.studios.details IS NULL;

COMMENT ON COLUMN catalog.studios.name IS NULL;

COMMENT ON COLUMN catalog.studio_urls.url IS NULL;

COMMENT ON COLUMN catalog.studio_stash_ids.updated_at IS NULL;

COMMENT ON COLUMN catalog.studio_stash_ids.stash_id IS NULL;

COMMENT ON COLUMN catalog.studio_stash_ids.endpoint IS NULL;

COMMENT ON COLUMN catalog.studio_aliases.alias IS NULL;

COMMENT ON COLUMN catalog.sources.object_ids IS NULL;

COMMENT ON COLUMN catalog.sources.entity IS NULL;

DROP INDEX catalog.scenes_created_at_idx;

COMMENT ON COLUMN catalog.scenes.updated_at IS NULL;

COMMENT ON COLUMN catalog.scenes.created_at IS NULL;

COMMENT ON COLUMN catalog.scenes.custom_fields IS NULL;

COMMENT ON COLUMN catalog.scenes.interactive_speed IS NULL;

COMMENT ON COLUMN catalog.scenes.interactive IS NULL;

COMMENT ON COLUMN catalog.scenes.last_played_at IS NULL;

COMMENT ON COLUMN catalog.scenes.resume_time IS NULL;

COMMENT ON COLUMN catalog.scenes.play_duration IS NULL;

COMMENT ON COLUMN catalog.scenes.play_count IS NULL;

COMMENT ON COLUMN catalog.scenes.o_counter IS NULL;

COMMENT ON COLUMN catalog.scenes.organized IS NULL;

COMMENT ON COLUMN catalog.scenes.rating100 IS NULL;

COMMENT ON COLUMN catalog.scenes.director IS NULL;

COMMENT ON COLUMN catalog.scenes.details IS NULL;

COMMENT ON COLUMN catalog.scenes.code IS NULL;

COMMENT ON COLUMN catalog.scenes.title IS NULL;

COMMENT ON COLUMN catalog.scene_urls.url IS NULL;

COMMENT ON COLUMN catalog.scene_stash_ids.updated_at IS NULL;

COMMENT ON COLUMN catalog.scene_stash_ids.stash_id IS NULL;

COMMENT ON COLUMN catalog.scene_stash_ids.endpoint IS NULL;

COMMENT ON COLUMN catalog.scene_plays.played_at IS NULL;

DROP INDEX catalog.scene_os_occurred_at_idx;

COMMENT ON COLUMN catalog.scene_os.occurred_at IS NULL;

COMMENT ON COLUMN catalog.scene_groups.scene_index IS NULL;

COMMENT ON COLUMN catalog.scene_captions.caption_type IS NULL;

COMMENT ON COLUMN catalog.scene_captions.language_code IS NULL;

COMMENT ON COLUMN catalog.row_counts.rows IS NULL;

COMMENT ON COLUMN catalog.row_counts.table_name IS NULL;

COMMENT ON COLUMN catalog.performers.updated_at IS NULL;

COMMENT ON COLUMN catalog.performers.created_at IS NULL;

COMMENT ON COLUMN catalog.performers.custom_fields IS NULL;

COMMENT ON COLUMN catalog.performers.ignore_auto_tag IS NULL;

COMMENT ON COLUMN catalog.performers.favorite IS NULL;

COMMENT ON COLUMN catalog.performers.rating100 IS NULL;

COMMENT ON COLUMN catalog.performers.details IS NULL;

COMMENT ON COLUMN catalog.performers.piercings IS NULL;

COMMENT ON COLUMN catalog.performers.tattoos IS NULL;

COMMENT ON COLUMN catalog.performers.career_length IS NULL;

COMMENT ON COLUMN catalog.performers.circumcised IS NULL;

COMMENT ON COLUMN catalog.performers.penis_length IS NULL;

COMMENT ON COLUMN catalog.performers.fake_tits IS NULL;

COMMENT ON COLUMN catalog.performers.measurements IS NULL;

COMMENT ON COLUMN catalog.performers.weight IS NULL;

COMMENT ON COLUMN catalog.performers.height_cm IS NULL;

COMMENT ON COLUMN catalog.performers.hair_color IS NULL;

COMMENT ON COLUMN catalog.performers.eye_color IS NULL;

COMMENT ON COLUMN catalog.performers.country IS NULL;

COMMENT ON COLUMN catalog.performers.ethnicity IS NULL;

COMMENT ON COLUMN catalog.performers.gender IS NULL;

COMMENT ON COLUMN catalog.performers.disambiguation IS NULL;

COMMENT ON COLUMN catalog.performers.name IS NULL;

COMMENT ON COLUMN catalog.performer_urls.url IS NULL;

COMMENT ON COLUMN catalog.performer_stash_ids.updated_at IS NULL;

COMMENT ON COLUMN catalog.performer_stash_ids.stash_id IS NULL;

COMMENT ON COLUMN catalog.performer_stash_ids.endpoint IS NULL;

COMMENT ON COLUMN catalog.performer_aliases.alias IS NULL;

COMMENT ON COLUMN catalog.members.entity IS NULL;

COMMENT ON COLUMN catalog.images.updated_at IS NULL;

COMMENT ON COLUMN catalog.images.created_at IS NULL;

COMMENT ON COLUMN catalog.images.custom_fields IS NULL;

COMMENT ON COLUMN catalog.images.organized IS NULL;

COMMENT ON COLUMN catalog.images.o_counter IS NULL;

COMMENT ON COLUMN catalog.images.rating100 IS NULL;

COMMENT ON COLUMN catalog.images.photographer IS NULL;

COMMENT ON COLUMN catalog.images.details IS NULL;

COMMENT ON COLUMN catalog.images.code IS NULL;

COMMENT ON COLUMN catalog.images.title IS NULL;

COMMENT ON COLUMN catalog.image_urls.url IS NULL;

COMMENT ON COLUMN catalog.groups.updated_at IS NULL;

COMMENT ON COLUMN catalog.groups.created_at IS NULL;

COMMENT ON COLUMN catalog.groups.custom_fields IS NULL;

COMMENT ON COLUMN catalog.groups.synopsis IS NULL;

COMMENT ON COLUMN catalog.groups.director IS NULL;

COMMENT ON COLUMN catalog.groups.rating100 IS NULL;

COMMENT ON COLUMN catalog.groups.duration IS NULL;

COMMENT ON COLUMN catalog.groups.aliases IS NULL;

COMMENT ON COLUMN catalog.groups.name IS NULL;

COMMENT ON COLUMN catalog.group_urls.url IS NULL;

COMMENT ON COLUMN catalog.group_containing.description IS NULL;

COMMENT ON COLUMN catalog.gallery_urls.url IS NULL;

COMMENT ON COLUMN catalog.gallery_chapters.updated_at IS NULL;

COMMENT ON COLUMN catalog.gallery_chapters.created_at IS NULL;

COMMENT ON COLUMN catalog.gallery_chapters.image_index IS NULL;

COMMENT ON COLUMN catalog.gallery_chapters.title IS NULL;

COMMENT ON COLUMN catalog.gallery_chapters.id IS NULL;

COMMENT ON COLUMN catalog.galleries.updated_at IS NULL;

COMMENT ON COLUMN catalog.galleries.created_at IS NULL;

COMMENT ON COLUMN catalog.galleries.custom_fields IS NULL;

COMMENT ON COLUMN catalog.galleries.organized IS NULL;

COMMENT ON COLUMN catalog.galleries.rating100 IS NULL;

COMMENT ON COLUMN catalog.galleries.photographer IS NULL;

COMMENT ON COLUMN catalog.galleries.details IS NULL;

COMMENT ON COLUMN catalog.galleries.code IS NULL;

COMMENT ON COLUMN catalog.galleries.title IS NULL;

DROP TABLE ops.cadence;

DROP INDEX ops.notifications_kind_idx;

DROP TABLE ops.notifications;

CREATE VIEW stash.tag_counts AS
SELECT instance_id,
    id AS tag_id,
    ( SELECT count(*) AS count
           FROM stash.scene_tags j
          WHERE ((j.instance_id = t.instance_id) AND (j.tag_id = t.id))) AS scene_count,
    ( SELECT count(*) AS count
           FROM stash.scene_markers m
          WHERE ((m.instance_id = t.instance_id) AND ((m.primary_tag_id = t.id) OR (EXISTS ( SELECT
                   FROM stash.marker_tags j
                  WHERE ((j.instance_id = t.instance_id) AND (j.tag_id = t.id) AND (j.marker_id = m.id))))))) AS scene_marker_count,
    ( SELECT count(*) AS count
           FROM stash.image_tags j
          WHERE ((j.instance_id = t.instance_id) AND (j.tag_id = t.id))) AS image_count,
    ( SELECT count(*) AS count
           FROM stash.gallery_tags j
          WHERE ((j.instance_id = t.instance_id) AND (j.tag_id = t.id))) AS gallery_count,
    ( SELECT count(*) AS count
           FROM stash.performer_tags j
          WHERE ((j.instance_id = t.instance_id) AND (j.tag_id = t.id))) AS performer_count,
    ( SELECT count(*) AS count
           FROM stash.studio_tags j
          WHERE ((j.instance_id = t.instance_id) AND (j.tag_id = t.id))) AS studio_count,
    ( SELECT count(*) AS count
           FROM stash.group_tags j
          WHERE ((j.instance_id = t.instance_id) AND (j.tag_id = t.id))) AS group_count
   FROM stash.tags t;

CREATE VIEW stash.studio_counts AS
SELECT instance_id,
    id AS studio_id,
    ( SELECT count(*) AS count
           FROM stash.scenes x
          WHERE ((x.instance_id = s.instance_id) AND (x.studio_id = s.id))) AS scene_count,
    ( SELECT count(*) AS count
           FROM stash.images x
          WHERE ((x.instance_id = s.instance_id) AND (x.studio_id = s.id))) AS image_count,
    ( SELECT count(*) AS count
           FROM stash.galleries x
          WHERE ((x.instance_id = s.instance_id) AND (x.studio_id = s.id))) AS gallery_count,
    ( SELECT count(*) AS count
           FROM stash.groups x
          WHERE ((x.instance_id = s.instance_id) AND (x.studio_id = s.id))) AS group_count,
    (( SELECT COALESCE(sum(x.o_counter), (0)::bigint) AS "coalesce"
           FROM stash.scenes x
          WHERE ((x.instance_id = s.instance_id) AND (x.studio_id = s.id))) + ( SELECT COALESCE(sum(x.o_counter), (0)::bigint) AS "coalesce"
           FROM stash.images x
          WHERE ((x.instance_id = s.instance_id) AND (x.studio_id = s.id)))) AS o_counter
   FROM stash.studios s;

CREATE VIEW stash.performer_counts AS
SELECT instance_id,
    id AS performer_id,
    ( SELECT count(*) AS count
           FROM stash.scene_performers j
          WHERE ((j.instance_id = p.instance_id) AND (j.performer_id = p.id))) AS scene_count,
    ( SELECT count(*) AS count
           FROM stash.image_performers j
          WHERE ((j.instance_id = p.instance_id) AND (j.performer_id = p.id))) AS image_count,
    ( SELECT count(*) AS count
           FROM stash.gallery_performers j
          WHERE ((j.instance_id = p.instance_id) AND (j.performer_id = p.id))) AS gallery_count,
    ( SELECT count(DISTINCT g.group_id) AS count
           FROM (stash.scene_performers j
             JOIN stash.scene_groups g ON (((g.instance_id = j.instance_id) AND (g.scene_id = j.scene_id))))
          WHERE ((j.instance_id = p.instance_id) AND (j.performer_id = p.id))) AS group_count,
    (( SELECT COALESCE(sum(s.o_counter), (0)::bigint) AS "coalesce"
           FROM (stash.scene_performers j
             JOIN stash.scenes s ON (((s.instance_id = j.instance_id) AND (s.id = j.scene_id))))
          WHERE ((j.instance_id = p.instance_id) AND (j.performer_id = p.id))) + ( SELECT COALESCE(sum(i.o_counter), (0)::bigint) AS "coalesce"
           FROM (stash.image_performers j
             JOIN stash.images i ON (((i.instance_id = j.instance_id) AND (i.id = j.image_id))))
          WHERE ((j.instance_id = p.instance_id) AND (j.performer_id = p.id)))) AS o_counter
   FROM stash.performers p;

CREATE VIEW stash.group_counts AS
SELECT instance_id,
    id AS group_id,
    ( SELECT count(*) AS count
           FROM stash.scene_groups j
          WHERE ((j.instance_id = g.instance_id) AND (j.group_id = g.id))) AS scene_count,
    ( SELECT count(DISTINCT p.performer_id) AS count
           FROM (stash.scene_groups j
             JOIN stash.scene_performers p ON (((p.instance_id = j.instance_id) AND (p.scene_id = j.scene_id))))
          WHERE ((j.instance_id = g.instance_id) AND (j.group_id = g.id))) AS performer_count,
    ( SELECT count(*) AS count
           FROM stash.group_containing c
          WHERE ((c.instance_id = g.instance_id) AND (c.containing_group_id = g.id))) AS sub_group_count,
    ( SELECT COALESCE(sum(s.o_counter), (0)::bigint) AS "coalesce"
           FROM (stash.scene_groups j
             JOIN stash.scenes s ON (((s.instance_id = j.instance_id) AND (s.id = j.scene_id))))
          WHERE ((j.instance_id = g.instance_id) AND (j.group_id = g.id))) AS o_counter
   FROM stash.groups g;

CREATE VIEW stash.gallery_counts AS
SELECT instance_id,
    id AS gallery_id,
    ( SELECT count(*) AS count
           FROM stash.image_galleries j
          WHERE ((j.instance_id = g.instance_id) AND (j.gallery_id = g.id))) AS image_count
   FROM stash.galleries g;

CREATE VIEW raw.silent_changes AS
SELECT was.instance_id,
    was.entity,
    was.id,
    was.recorded_at,
    was.run_id,
    was.revision,
    differing.fields
   FROM ((( SELECT h.instance_id,
            h.entity,
            h.id,
            h.revision,
            h.change,
            h.document,
            h.run_id,
            h.recorded_at,
            d.document AS present
           FROM (raw.history h
             JOIN raw.tags d USING (instance_id, id))
          WHERE (h.entity = 'tags'::text)
        UNION ALL
         SELECT h.instance_id,
            h.entity,
            h.id,
            h.revision,
            h.change,
            h.document,
            h.run_id,
            h.recorded_at,
            d.document AS present
           FROM (raw.history h
             JOIN raw.folders d USING (instance_id, id))
          WHERE (h.entity = 'folders'::text)
        UNION ALL
         SELECT h.instance_id,
            h.entity,
            h.id,
            h.revision,
            h.change,
            h.document,
            h.run_id,
            h.recorded_at,
            d.document AS present
           FROM (raw.history h
             JOIN raw.files d USING (instance_id, id))
          WHERE (h.entity = 'files'::text)
        UNION ALL
         SELECT h.instance_id,
            h.entity,
            h.id,
            h.revision,
            h.change,
            h.document,
            h.run_id,
            h.recorded_at,
            d.document AS present
           FROM (raw.history h
             JOIN raw.studios d USING (instance_id, id))
          WHERE (h.entity = 'studios'::text)
        UNION ALL
         SELECT h.instance_id,
            h.entity,
            h.id,
            h.revision,
            h.change,
            h.document,
            h.run_id,
            h.recorded_at,
            d.document AS present
           FROM (raw.history h
             JOIN raw.performers d USING (instance_id, id))
          WHERE (h.entity = 'performers'::text)
        UNION ALL
         SELECT h.instance_id,
            h.entity,
            h.id,
            h.revision,
            h.change,
            h.document,
            h.run_id,
            h.recorded_at,
            d.document AS present
           FROM (raw.history h
             JOIN raw.groups d USING (instance_id, id))
          WHERE (h.entity = 'groups'::text)
        UNION ALL
         SELECT h.instance_id,
            h.entity,
            h.id,
            h.revision,
            h.change,
            h.document,
            h.run_id,
            h.recorded_at,
            d.document AS present
           FROM (raw.history h
             JOIN raw.images d USING (instance_id, id))
          WHERE (h.entity = 'images'::text)
        UNION ALL
         SELECT h.instance_id,
            h.entity,
            h.id,
            h.revision,
            h.change,
            h.document,
            h.run_id,
            h.recorded_at,
            d.document AS present
           FROM (raw.history h
             JOIN raw.galleries d USING (instance_id, id))
          WHERE (h.entity = 'galleries'::text)
        UNION ALL
         SELECT h.instance_id,
            h.entity,
            h.id,
            h.revision,
            h.change,
            h.document,
            h.run_id,
            h.recorded_at,
            d.document AS present
           FROM (raw.history h
             JOIN raw.scenes d USING (instance_id, id))
          WHERE (h.entity = 'scenes'::text)
        UNION ALL
         SELECT h.instance_id,
            h.entity,
            h.id,
            h.revision,
            h.change,
            h.document,
            h.run_id,
            h.recorded_at,
            d.document AS present
           FROM (raw.history h
             JOIN raw.scene_markers d USING (instance_id, id))
          WHERE (h.entity = 'scene_markers'::text)) was
     LEFT JOIN LATERAL ( SELECT n.document
           FROM raw.history n
          WHERE ((n.instance_id = was.instance_id) AND (n.entity = was.entity) AND (n.id = was.id) AND (n.revision > was.revision))
          ORDER BY n.revision
         LIMIT 1) next ON (true))
     CROSS JOIN LATERAL ( SELECT array_agg(either.name ORDER BY either.name) AS fields
           FROM ( SELECT jsonb_object_keys(was.document) AS jsonb_object_keys
                UNION
                 SELECT jsonb_object_keys(COALESCE(next.document, was.present)) AS jsonb_object_keys) either(name)
          WHERE (COALESCE((was.document -> either.name), 'null'::jsonb) <> COALESCE((COALESCE(next.document, was.present) -> either.name), 'null'::jsonb))) differing)
  WHERE ((was.change <> 'removed'::text) AND ((was.document -> 'updated_at'::text) = (COALESCE(next.document, was.present) -> 'updated_at'::text)) AND (differing.fields IS NOT NULL));

COMMENT ON VIEW raw.silent_changes IS 'Objects that changed without a new updated_at, and the fields that changed.';

CREATE VIEW stashbox.missing AS
WITH owned AS MATERIALIZED (
         SELECT e_1.id AS endpoint_id,
            COALESCE(d.successor_id, lower(x.stash_id)) AS scene_id
           FROM (((stash.scene_stash_ids x
             JOIN ops.instances i ON (((i.id = x.instance_id) AND (i.removed_at IS NULL))))
             JOIN ops.stashbox_endpoints e_1 ON ((
                CASE
                    WHEN (POSITION((':'::text) IN (substr(x.endpoint, 8))) > 0) THEN regexp_replace(regexp_replace(rtrim(lower(btrim(x.endpoint, ' '::text)), '/'::text), '^(https://[^/]*):443(/|$)'::text, '\1\2'::text), '^(http://[^/]*):80(/|$)'::text, '\1\2'::text)
                    ELSE rtrim(lower(btrim(x.endpoint, ' '::text)), '/'::text)
                END =
                CASE
                    WHEN (POSITION((':'::text) IN (substr(e_1.url, 8))) > 0) THEN regexp_replace(regexp_replace(rtrim(lower(btrim(e_1.url, ' '::text)), '/'::text), '^(https://[^/]*):443(/|$)'::text, '\1\2'::text), '^(http://[^/]*):80(/|$)'::text, '\1\2'::text)
                    ELSE rtrim(lower(btrim(e_1.url, ' '::text)), '/'::text)
                END)))
             LEFT JOIN stashbox.scenes d ON (((d.endpoint_id = e_1.id) AND (d.id = lower(x.stash_id)))))
        UNION
         SELECT c.endpoint_id,
            c.box_scene_id
           FROM (matches.stashbox_candidates c
             JOIN ops.instances i ON (((i.id = c.instance_id) AND (i.removed_at IS NULL))))
          WHERE (c.action = ANY (ARRAY['automatic'::text, 'accepted'::text]))
        ), possible AS MATERIALIZED (
         SELECT DISTINCT c.endpoint_id,
            c.box_scene_id AS scene_id
           FROM matches.stashbox_candidates c
          WHERE (c.action = 'review'::text)
        ), newest AS (
         SELECT DISTINCT ON (s.endpoint_id, s.scene_id) s.endpoint_id,
            s.entity,
            s.owner_id,
            s.scene_id,
            s.title,
            s.date_text,
            s.duration,
            s.code,
            s.studio_id,
            s.studio,
            s.performers,
            s.seen_at,
            s.misses
           FROM stashbox.listed_scenes s
          ORDER BY s.endpoint_id, s.scene_id, s.seen_at DESC, s.entity, s.owner_id
        ), owners AS (
         SELECT s.endpoint_id,
            s.scene_id,
            array_agg(DISTINCT COALESCE(p.name, t.name, s.owner_id)) AS favorites
           FROM ((stashbox.listed_scenes s
             LEFT JOIN stashbox.performers p ON (((s.entity = 'performers'::text) AND (p.endpoint_id = s.endpoint_id) AND (p.id = s.owner_id))))
             LEFT JOIN stashbox.studios t ON (((s.entity = 'studios'::text) AND (t.endpoint_id = s.endpoint_id) AND (t.id = s.owner_id))))
          GROUP BY s.endpoint_id, s.scene_id
        )
 SELECT e.name AS box,
    l.endpoint_id,
    l.scene_id,
    l.title,
    l.date_text,
    l.duration,
    l.code,
    l.studio,
    l.performers,
    f.favorites,
    (EXISTS ( SELECT
           FROM possible m
          WHERE ((m.endpoint_id = l.endpoint_id) AND (m.scene_id = l.scene_id)))) AS waits_for_decision,
    l.seen_at
   FROM ((newest l
     JOIN owners f USING (endpoint_id, scene_id))
     JOIN ops.stashbox_endpoints e ON (((e.id = l.endpoint_id) AND e.enabled AND e.list_missing)))
  WHERE (NOT (EXISTS ( SELECT
           FROM owned o
          WHERE ((o.endpoint_id = l.endpoint_id) AND (o.scene_id = l.scene_id)))));

COMMENT ON VIEW stashbox.missing IS 'Scenes that boxes list for favorite performers and studios, and that no instance owns.';

CREATE VIEW catalog.provenance AS
SELECT s.entity,
    s.id,
    f.field,
    s.instance_ids[f.n] AS instance_id,
    s.object_ids[f.n] AS object_id,
        CASE
            WHEN ((s.box_numbers[f.n] IS NOT NULL) AND (s.rules[f.n] <> 'agreed'::text)) THEN 'stash_box'::text
            ELSE s.rules[f.n]
        END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id,
    s.box_ids[s.box_numbers[f.n]] AS box_id
   FROM (catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text), (2,'sort_name'::text), (3,'description'::text), (4,'favorite'::text), (5,'ignore_auto_tag'::text), (6,'image_path'::text), (7,'custom_fields'::text), (8,'created_at'::text), (9,'updated_at'::text)) f(n, field))
  WHERE ((s.entity = 'tags'::text) AND (s.rules[f.n] IS NOT NULL))
UNION ALL
 SELECT 'tags'::text AS entity,
    c.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
    'only'::text AS rule,
    NULL::integer AS endpoint_id,
    NULL::text AS box_id
   FROM ((catalog.tags c
     JOIN catalog.members m ON ((m.canonical_id = c.id)))
     CROSS JOIN LATERAL ( VALUES ('name'::text,(c.name IS NOT NULL)), ('sort_name'::text,(c.sort_name IS NOT NULL)), ('description'::text,(c.description IS NOT NULL)), ('favorite'::text,(c.favorite IS NOT NULL)), ('ignore_auto_tag'::text,(c.ignore_auto_tag IS NOT NULL)), ('image_path'::text,(c.image_path IS NOT NULL)), ('custom_fields'::text,(c.custom_fields IS NOT NULL)), ('created_at'::text,(c.created_at IS NOT NULL)), ('updated_at'::text,(c.updated_at IS NOT NULL))) f(field, present))
  WHERE ((c.objects = 1) AND f.present AND (NOT (EXISTS ( SELECT
           FROM catalog.sources s
          WHERE (s.id = c.id)))))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    s.instance_ids[f.n] AS instance_id,
    s.object_ids[f.n] AS object_id,
        CASE
            WHEN ((s.box_numbers[f.n] IS NOT NULL) AND (s.rules[f.n] <> 'agreed'::text)) THEN 'stash_box'::text
            ELSE s.rules[f.n]
        END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id,
    s.box_ids[s.box_numbers[f.n]] AS box_id
   FROM (catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text), (2,'details'::text), (3,'rating100'::text), (4,'favorite'::text), (5,'organized'::text), (6,'ignore_auto_tag'::text), (7,'image_path'::text), (8,'custom_fields'::text), (9,'created_at'::text), (10,'updated_at'::text), (11,'parent_studio'::text)) f(n, field))
  WHERE ((s.entity = 'studios'::text) AND (s.rules[f.n] IS NOT NULL))
UNION ALL
 SELECT 'studios'::text AS entity,
    c.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
    'only'::text AS rule,
    NULL::integer AS endpoint_id,
    NULL::text AS box_id
   FROM ((catalog.studios c
     JOIN catalog.members m ON ((m.canonical_id = c.id)))
     CROSS JOIN LATERAL ( VALUES ('name'::text,(c.name IS NOT NULL)), ('details'::text,(c.details IS NOT NULL)), ('rating100'::text,(c.rating100 IS NOT NULL)), ('favorite'::text,(c.favorite IS NOT NULL)), ('organized'::text,(c.organized IS NOT NULL)), ('ignore_auto_tag'::text,(c.ignore_auto_tag IS NOT NULL)), ('image_path'::text,(c.image_path IS NOT NULL)), ('custom_fields'::text,(c.custom_fields IS NOT NULL)), ('created_at'::text,(c.created_at IS NOT NULL)), ('updated_at'::text,(c.updated_at IS NOT NULL)), ('parent_studio'::text,(c.parent_studio_id IS NOT NULL))) f(field, present))
  WHERE ((c.objects = 1) AND f.present AND (NOT (EXISTS ( SELECT
           FROM catalog.sources s
          WHERE (s.id = c.id)))))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    s.instance_ids[f.n] AS instance_id,
    s.object_ids[f.n] AS object_id,
        CASE
            WHEN ((s.box_numbers[f.n] IS NOT NULL) AND (s.rules[f.n] <> 'agreed'::text)) THEN 'stash_box'::text
            ELSE s.rules[f.n]
        END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id,
    s.box_ids[s.box_numbers[f.n]] AS box_id
   FROM (catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text), (2,'disambiguation'::text), (3,'gender'::text), (4,'birthdate'::text), (5,'death_date'::text), (6,'ethnicity'::text), (7,'country'::text), (8,'eye_color'::text), (9,'hair_color'::text), (10,'height_cm'::text), (11,'weight'::text), (12,'measurements'::text), (13,'fake_tits'::text), (14,'penis_length'::text), (15,'circumcised'::text), (16,'career_length'::text), (17,'career_start'::text), (18,'career_end'::text), (19,'tattoos'::text), (20,'piercings'::text), (21,'details'::text), (22,'rating100'::text), (23,'favorite'::text), (24,'ignore_auto_tag'::text), (25,'image_path'::text), (26,'custom_fields'::text), (27,'created_at'::text), (28,'updated_at'::text)) f(n, field))
  WHERE ((s.entity = 'performers'::text) AND (s.rules[f.n] IS NOT NULL))
UNION ALL
 SELECT 'performers'::text AS entity,
    c.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
    'only'::text AS rule,
    NULL::integer AS endpoint_id,
    NULL::text AS box_id
   FROM ((catalog.performers c
     JOIN catalog.members m ON ((m.canonical_id = c.id)))
     CROSS JOIN LATERAL ( VALUES ('name'::text,(c.name IS NOT NULL)), ('disambiguation'::text,(c.disambiguation IS NOT NULL)), ('gender'::text,(c.gender IS NOT NULL)), ('birthdate'::text,(c.birthdate_text IS NOT NULL)), ('death_date'::text,(c.death_date_text IS NOT NULL)), ('ethnicity'::text,(c.ethnicity IS NOT NULL)), ('country'::text,(c.country IS NOT NULL)), ('eye_color'::text,(c.eye_color IS NOT NULL)), ('hair_color'::text,(c.hair_color IS NOT NULL)), ('height_cm'::text,(c.height_cm IS NOT NULL)), ('weight'::text,(c.weight IS NOT NULL)), ('measurements'::text,(c.measurements IS NOT NULL)), ('fake_tits'::text,(c.fake_tits IS NOT NULL)), ('penis_length'::text,(c.penis_length IS NOT NULL)), ('circumcised'::text,(c.circumcised IS NOT NULL)), ('career_length'::text,(c.career_length IS NOT NULL)), ('career_start'::text,(c.career_start_text IS NOT NULL)), ('career_end'::text,(c.career_end_text IS NOT NULL)), ('tattoos'::text,(c.tattoos IS NOT NULL)), ('piercings'::text,(c.piercings IS NOT NULL)), ('details'::text,(c.details IS NOT NULL)), ('rating100'::text,(c.rating100 IS NOT NULL)), ('favorite'::text,(c.favorite IS NOT NULL)), ('ignore_auto_tag'::text,(c.ignore_auto_tag IS NOT NULL)), ('image_path'::text,(c.image_path IS NOT NULL)), ('custom_fields'::text,(c.custom_fields IS NOT NULL)), ('created_at'::text,(c.created_at IS NOT NULL)), ('updated_at'::text,(c.updated_at IS NOT NULL))) f(field, present))
  WHERE ((c.objects = 1) AND f.present AND (NOT (EXISTS ( SELECT
           FROM catalog.sources s
          WHERE (s.id = c.id)))))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    s.instance_ids[f.n] AS instance_id,
    s.object_ids[f.n] AS object_id,
        CASE
            WHEN ((s.box_numbers[f.n] IS NOT NULL) AND (s.rules[f.n] <> 'agreed'::text)) THEN 'stash_box'::text
            ELSE s.rules[f.n]
        END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id,
    s.box_ids[s.box_numbers[f.n]] AS box_id
   FROM (catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text), (2,'aliases'::text), (3,'duration'::text), (4,'date'::text), (5,'rating100'::text), (6,'director'::text), (7,'synopsis'::text), (8,'front_image_path'::text), (9,'back_image_path'::text), (10,'custom_fields'::text), (11,'created_at'::text), (12,'updated_at'::text), (13,'studio'::text)) f(n, field))
  WHERE ((s.entity = 'groups'::text) AND (s.rules[f.n] IS NOT NULL))
UNION ALL
 SELECT 'groups'::text AS entity,
    c.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
    'only'::text AS rule,
    NULL::integer AS endpoint_id,
    NULL::text AS box_id
   FROM ((catalog.groups c
     JOIN catalog.members m ON ((m.canonical_id = c.id)))
     CROSS JOIN LATERAL ( VALUES ('name'::text,(c.name IS NOT NULL)), ('aliases'::text,(c.aliases IS NOT NULL)), ('duration'::text,(c.duration IS NOT NULL)), ('date'::text,(c.date_text IS NOT NULL)), ('rating100'::text,(c.rating100 IS NOT NULL)), ('director'::text,(c.director IS NOT NULL)), ('synopsis'::text,(c.synopsis IS NOT NULL)), ('front_image_path'::text,(c.front_image_path IS NOT NULL)), ('back_image_path'::text,(c.back_image_path IS NOT NULL)), ('custom_fields'::text,(c.custom_fields IS NOT NULL)), ('created_at'::text,(c.created_at IS NOT NULL)), ('updated_at'::text,(c.updated_at IS NOT NULL)), ('studio'::text,(c.studio_id IS NOT NULL))) f(field, present))
  WHERE ((c.objects = 1) AND f.present)
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    s.instance_ids[f.n] AS instance_id,
    s.object_ids[f.n] AS object_id,
        CASE
            WHEN ((s.box_numbers[f.n] IS NOT NULL) AND (s.rules[f.n] <> 'agreed'::text)) THEN 'stash_box'::text
            ELSE s.rules[f.n]
        END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id,
    s.box_ids[s.box_numbers[f.n]] AS box_id
   FROM (catalog.sources s
     CROSS JOIN ( VALUES (1,'title'::text), (2,'code'::text), (3,'details'::text), (4,'photographer'::text), (5,'date'::text), (6,'rating100'::text), (7,'o_counter'::text), (8,'organized'::text), (9,'image_path'::text), (10,'thumbnail_path'::text), (11,'preview_path'::text), (12,'custom_fields'::text), (13,'created_at'::text), (14,'updated_at'::text), (15,'studio'::text)) f(n, field))
  WHERE ((s.entity = 'images'::text) AND (s.rules[f.n] IS NOT NULL))
UNION ALL
 SELECT 'images'::text AS entity,
    c.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
    'only'::text AS rule,
    NULL::integer AS endpoint_id,
    NULL::text AS box_id
   FROM ((catalog.images c
     JOIN catalog.members m ON ((m.canonical_id = c.id)))
     CROSS JOIN LATERAL ( VALUES ('title'::text,(c.title IS NOT NULL)), ('code'::text,(c.code IS NOT NULL)), ('details'::text,(c.details IS NOT NULL)), ('photographer'::text,(c.photographer IS NOT NULL)), ('date'::text,(c.date_text IS NOT NULL)), ('rating100'::text,(c.rating100 IS NOT NULL)), ('o_counter'::text,(c.o_counter IS NOT NULL)), ('organized'::text,(c.organized IS NOT NULL)), ('image_path'::text,(c.image_path IS NOT NULL)), ('thumbnail_path'::text,(c.thumbnail_path IS NOT NULL)), ('preview_path'::text,(c.preview_path IS NOT NULL)), ('custom_fields'::text,(c.custom_fields IS NOT NULL)), ('created_at'::text,(c.created_at IS NOT NULL)), ('updated_at'::text,(c.updated_at IS NOT NULL)), ('studio'::text,(c.studio_id IS NOT NULL))) f(field, present))
  WHERE ((c.objects = 1) AND f.present)
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    s.instance_ids[f.n] AS instance_id,
    s.object_ids[f.n] AS object_id,
        CASE
            WHEN ((s.box_numbers[f.n] IS NOT NULL) AND (s.rules[f.n] <> 'agreed'::text)) THEN 'stash_box'::text
            ELSE s.rules[f.n]
        END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id,
    s.box_ids[s.box_numbers[f.n]] AS box_id
   FROM (catalog.sources s
     CROSS JOIN ( VALUES (1,'title'::text), (2,'code'::text), (3,'details'::text), (4,'photographer'::text), (5,'date'::text), (6,'rating100'::text), (7,'organized'::text), (8,'cover_path'::text), (9,'preview_path'::text), (10,'custom_fields'::text), (11,'created_at'::text), (12,'updated_at'::text), (13,'studio'::text), (14,'cover'::text)) f(n, field))
  WHERE ((s.entity = 'galleries'::text) AND (s.rules[f.n] IS NOT NULL))
UNION ALL
 SELECT 'galleries'::text AS entity,
    c.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
    'only'::text AS rule,
    NULL::integer AS endpoint_id,
    NULL::text AS box_id
   FROM ((catalog.galleries c
     JOIN catalog.members m ON ((m.canonical_id = c.id)))
     CROSS JOIN LATERAL ( VALUES ('title'::text,(c.title IS NOT NULL)), ('code'::text,(c.code IS NOT NULL)), ('details'::text,(c.details IS NOT NULL)), ('photographer'::text,(c.photographer IS NOT NULL)), ('date'::text,(c.date_text IS NOT NULL)), ('rating100'::text,(c.rating100 IS NOT NULL)), ('organized'::text,(c.organized IS NOT NULL)), ('cover_path'::text,(c.cover_path IS NOT NULL)), ('preview_path'::text,(c.preview_path IS NOT NULL)), ('custom_fields'::text,(c.custom_fields IS NOT NULL)), ('created_at'::text,(c.created_at IS NOT NULL)), ('updated_at'::text,(c.updated_at IS NOT NULL)), ('studio'::text,(c.studio_id IS NOT NULL)), ('cover'::text,(c.cover_id IS NOT NULL))) f(field, present))
  WHERE ((c.objects = 1) AND f.present)
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    s.instance_ids[f.n] AS instance_id,
    s.object_ids[f.n] AS object_id,
        CASE
            WHEN ((s.box_numbers[f.n] IS NOT NULL) AND (s.rules[f.n] <> 'agreed'::text)) THEN 'stash_box'::text
            ELSE s.rules[f.n]
        END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id,
    s.box_ids[s.box_numbers[f.n]] AS box_id
   FROM (catalog.sources s
     CROSS JOIN ( VALUES (1,'title'::text), (2,'code'::text), (3,'details'::text), (4,'director'::text), (5,'date'::text), (6,'rating100'::text), (7,'organized'::text), (8,'o_counter'::text), (9,'play_count'::text), (10,'play_duration'::text), (11,'resume_time'::text), (12,'last_played_at'::text), (13,'interactive'::text), (14,'interactive_speed'::text), (15,'screenshot_path'::text), (16,'preview_path'::text), (17,'webp_path'::text), (18,'vtt_path'::text), (19,'sprite_path'::text), (20,'funscript_path'::text), (21,'interactive_heatmap_path'::text), (22,'caption_path'::text), (23,'custom_fields'::text), (24,'created_at'::text), (25,'updated_at'::text), (26,'studio'::text)) f(n, field))
  WHERE ((s.entity = 'scenes'::text) AND (s.rules[f.n] IS NOT NULL))
UNION ALL
 SELECT 'scenes'::text AS entity,
    c.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
    'only'::text AS rule,
    NULL::integer AS endpoint_id,
    NULL::text AS box_id
   FROM ((catalog.scenes c
     JOIN catalog.members m ON ((m.canonical_id = c.id)))
     CROSS JOIN LATERAL ( VALUES ('title'::text,(c.title IS NOT NULL)), ('code'::text,(c.code IS NOT NULL)), ('details'::text,(c.details IS NOT NULL)), ('director'::text,(c.director IS NOT NULL)), ('date'::text,(c.date_text IS NOT NULL)), ('rating100'::text,(c.rating100 IS NOT NULL)), ('organized'::text,(c.organized IS NOT NULL)), ('o_counter'::text,(c.o_counter IS NOT NULL)), ('play_count'::text,(c.play_count IS NOT NULL)), ('play_duration'::text,(c.play_duration IS NOT NULL)), ('resume_time'::text,(c.resume_time IS NOT NULL)), ('last_played_at'::text,(c.last_played_at IS NOT NULL)), ('interactive'::text,(c.interactive IS NOT NULL)), ('interactive_speed'::text,(c.interactive_speed IS NOT NULL)), ('screenshot_path'::text,(c.screenshot_path IS NOT NULL)), ('preview_path'::text,(c.preview_path IS NOT NULL)), ('webp_path'::text,(c.webp_path IS NOT NULL)), ('vtt_path'::text,(c.vtt_path IS NOT NULL)), ('sprite_path'::text,(c.sprite_path IS NOT NULL)), ('funscript_path'::text,(c.funscript_path IS NOT NULL)), ('interactive_heatmap_path'::text,(c.interactive_heatmap_path IS NOT NULL)), ('caption_path'::text,(c.caption_path IS NOT NULL)), ('custom_fields'::text,(c.custom_fields IS NOT NULL)), ('created_at'::text,(c.created_at IS NOT NULL)), ('updated_at'::text,(c.updated_at IS NOT NULL)), ('studio'::text,(c.studio_id IS NOT NULL))) f(field, present))
  WHERE ((c.objects = 1) AND f.present AND (NOT (EXISTS ( SELECT
           FROM catalog.sources s
          WHERE (s.id = c.id)))));

COMMENT ON VIEW catalog.provenance IS 'Of which object or stash-box each field of a record is, and the rule that decided; only: no other member has a value, agreed: all values are equal.';

CREATE VIEW catalog.conflicts AS
SELECT s.entity,
    s.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
        CASE f.n
            WHEN 1 THEN to_jsonb(o.name)
            WHEN 2 THEN to_jsonb(o.sort_name)
            WHEN 3 THEN to_jsonb(o.description)
            ELSE NULL::jsonb
        END AS value,
    COALESCE(((m.instance_id = s.instance_ids[f.n]) AND (m.id = s.object_ids[f.n])), false) AS survives,
        CASE
            WHEN ((s.box_numbers[f.n] IS NOT NULL) AND (s.rules[f.n] <> 'agreed'::text)) THEN 'stash_box'::text
            ELSE s.rules[f.n]
        END AS rule,
    NULL::integer AS endpoint_id,
    NULL::text AS box_id
   FROM (((catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text), (2,'sort_name'::text), (3,'description'::text)) f(n, field))
     JOIN catalog.members m ON ((m.canonical_id = s.id)))
     JOIN stash.tags o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE ((s.entity = 'tags'::text) AND (s.rules[f.n] = ANY (ARRAY['choice'::text, 'stash_box'::text, 'own_picture'::text, 'priority'::text, 'played_last'::text, 'precise'::text, 'newest'::text, 'longest'::text, 'lowest'::text])))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    NULL::integer AS instance_id,
    NULL::bigint AS object_id,
        CASE f.n
            WHEN 1 THEN to_jsonb(
            CASE
                WHEN (jsonb_typeof((d.document -> 'name'::text)) = 'string'::text) THEN NULLIF(btrim((d.document ->> 'name'::text)), ''::text)
                ELSE NULL::text
            END)
            WHEN 3 THEN to_jsonb(
            CASE
                WHEN (jsonb_typeof((d.document -> 'description'::text)) = 'string'::text) THEN NULLIF(btrim((d.document ->> 'description'::text)), ''::text)
                ELSE NULL::text
            END)
            ELSE NULL::jsonb
        END AS value,
    (NOT (b.n IS DISTINCT FROM s.box_numbers[f.n])) AS survives,
        CASE
            WHEN ((s.box_numbers[f.n] IS NOT NULL) AND (s.rules[f.n] <> 'agreed'::text)) THEN 'stash_box'::text
            ELSE s.rules[f.n]
        END AS rule,
    b.endpoint_id,
    b.box_id
   FROM (((catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text), (3,'description'::text)) f(n, field))
     CROSS JOIN LATERAL UNNEST(s.endpoint_ids, s.box_ids) WITH ORDINALITY b(endpoint_id, box_id, n))
     JOIN stashbox.tags d ON (((d.endpoint_id = b.endpoint_id) AND (d.id = b.box_id))))
  WHERE ((s.entity = 'tags'::text) AND (s.rules[f.n] = ANY (ARRAY['choice'::text, 'stash_box'::text, 'own_picture'::text, 'priority'::text, 'played_last'::text, 'precise'::text, 'newest'::text, 'longest'::text, 'lowest'::text])))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
        CASE f.n
            WHEN 1 THEN to_jsonb(o.name)
            WHEN 2 THEN to_jsonb(o.details)
            WHEN 3 THEN to_jsonb(o.rating100)
            WHEN 11 THEN ( SELECT to_jsonb(t.canonical_id) AS to_jsonb
               FROM catalog.members t
              WHERE ((t.entity = 'studios'::text) AND (t.instance_id = o.instance_id) AND (t.id = o.parent_studio_id)))
            ELSE NULL::jsonb
        END AS value,
    COALESCE(((m.instance_id = s.instance_ids[f.n]) AND (m.id = s.object_ids[f.n])), false) AS survives,
        CASE
            WHEN ((s.box_numbers[f.n] IS NOT NULL) AND (s.rules[f.n] <> 'agreed'::text)) THEN 'stash_box'::text
            ELSE s.rules[f.n]
        END AS rule,
    NULL::integer AS endpoint_id,
    NULL::text AS box_id
   FROM (((catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text), (2,'details'::text), (3,'rating100'::text), (11,'parent_studio'::text)) f(n, field))
     JOIN catalog.members m ON ((m.canonical_id = s.id)))
     JOIN stash.studios o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE ((s.entity = 'studios'::text) AND (s.rules[f.n] = ANY (ARRAY['choice'::text, 'stash_box'::text, 'own_picture'::text, 'priority'::text, 'played_last'::text, 'precise'::text, 'newest'::text, 'longest'::text, 'lowest'::text])))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    NULL::integer AS instance_id,
    NULL::bigint AS object_id,
        CASE f.n
            WHEN 1 THEN to_jsonb(
            CASE
                WHEN (jsonb_typeof((d.document -> 'name'::text)) = 'string'::text) THEN NULLIF(btrim((d.document ->> 'name'::text)), ''::text)
                ELSE NULL::text
            END)
            ELSE NULL::jsonb
        END AS value,
    (NOT (b.n IS DISTINCT FROM s.box_numbers[f.n])) AS survives,
        CASE
            WHEN ((s.box_numbers[f.n] IS NOT NULL) AND (s.rules[f.n] <> 'agreed'::text)) THEN 'stash_box'::text
            ELSE s.rules[f.n]
        END AS rule,
    b.endpoint_id,
    b.box_id
   FROM (((catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text)) f(n, field))
     CROSS JOIN LATERAL UNNEST(s.endpoint_ids, s.box_ids) WITH ORDINALITY b(endpoint_id, box_id, n))
     JOIN stashbox.studios d ON (((d.endpoint_id = b.endpoint_id) AND (d.id = b.box_id))))
  WHERE ((s.entity = 'studios'::text) AND (s.rules[f.n] = ANY (ARRAY['choice'::text, 'stash_box'::text, 'own_picture'::text, 'priority'::text, 'played_last'::text, 'precise'::text, 'newest'::text, 'longest'::text, 'lowest'::text])))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
        CASE f.n
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
            ELSE NULL::jsonb
        END AS value,
    COALESCE(((m.instance_id = s.instance_ids[f.n]) AND (m.id = s.object_ids[f.n])), false) AS survives,
        CASE
            WHEN ((s.box_numbers[f.n] IS NOT NULL) AND (s.rules[f.n] <> 'agreed'::text)) THEN 'stash_box'::text
            ELSE s.rules[f.n]
        END AS rule,
    NULL::integer AS endpoint_id,
    NULL::text AS box_id
   FROM (((catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text), (2,'disambiguation'::text), (3,'gender'::text), (4,'birthdate'::text), (5,'death_date'::text), (6,'ethnicity'::text), (7,'country'::text), (8,'eye_color'::text), (9,'hair_color'::text), (10,'height_cm'::text), (11,'weight'::text), (12,'measurements'::text), (13,'fake_tits'::text), (14,'penis_length'::text), (15,'circumcised'::text), (16,'career_length'::text), (17,'career_start'::text), (18,'career_end'::text), (19,'tattoos'::text), (20,'piercings'::text), (21,'details'::text), (22,'rating100'::text)) f(n, field))
     JOIN catalog.members m ON ((m.canonical_id = s.id)))
     JOIN stash.performers o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE ((s.entity = 'performers'::text) AND (s.rules[f.n] = ANY (ARRAY['choice'::text, 'stash_box'::text, 'own_picture'::text, 'priority'::text, 'played_last'::text, 'precise'::text, 'newest'::text, 'longest'::text, 'lowest'::text])))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    NULL::integer AS instance_id,
    NULL::bigint AS object_id,
        CASE f.n
            WHEN 1 THEN to_jsonb(
            CASE
                WHEN (jsonb_typeof((d.document -> 'name'::text)) = 'string'::text) THEN NULLIF(btrim((d.document ->> 'name'::text)), ''::text)
                ELSE NULL::text
            END)
            WHEN 2 THEN to_jsonb(
            CASE
                WHEN (jsonb_typeof((d.document -> 'disambiguation'::text)) = 'string'::text) THEN NULLIF(btrim((d.document ->> 'disambiguation'::text)), ''::text)
                ELSE NULL::text
            END)
            WHEN 3 THEN to_jsonb(
            CASE
                WHEN ((d.document ->> 'gender'::text) = ANY (ARRAY['MALE'::text, 'FEMALE'::text, 'TRANSGENDER_MALE'::text, 'TRANSGENDER_FEMALE'::text, 'INTERSEX'::text, 'NON_BINARY'::text])) THEN (d.document ->> 'gender'::text)
                ELSE NULL::text
            END)
            WHEN 4 THEN to_jsonb(COALESCE(
            CASE
                WHEN (stash.date_precision((d.document ->> 'birth_date'::text)) IS NOT NULL) THEN (d.document ->> 'birth_date'::text)
                ELSE NULL::text
            END,
            CASE
                WHEN (stash.date_precision("left"((d.document #>> '{birthdate,date}'::text[]),
                CASE (d.document #>> '{birthdate,accuracy}'::text[])
                    WHEN 'DAY'::text THEN 10
                    WHEN 'MONTH'::text THEN 7
                    ELSE 4
                END)) IS NOT NULL) THEN "left"((d.document #>> '{birthdate,date}'::text[]),
                CASE (d.document #>> '{birthdate,accuracy}'::text[])
                    WHEN 'DAY'::text THEN 10
                    WHEN 'MONTH'::text THEN 7
                    ELSE 4
                END)
                ELSE NULL::text
            END))
            WHEN 5 THEN to_jsonb(
            CASE
                WHEN (stash.date_precision((d.document ->> 'death_date'::text)) IS NOT NULL) THEN (d.document ->> 'death_date'::text)
                ELSE NULL::text
            END)
            WHEN 6 THEN to_jsonb(
            CASE
                WHEN ((d.document ->> 'ethnicity'::text) ~ '^[A-Za-z]+([ _][A-Za-z]+)*$'::text) THEN initcap(replace((d.document ->> 'ethnicity'::text), '_'::text, ' '::text))
                ELSE NULL::text
            END)
            WHEN 7 THEN to_jsonb(
            CASE
                WHEN (jsonb_typeof((d.document -> 'country'::text)) = 'string'::text) THEN NULLIF(btrim((d.document ->> 'country'::text)), ''::text)
                ELSE NULL::text
            END)
            WHEN 8 THEN to_jsonb(
            CASE
                WHEN ((d.document ->> 'eye_color'::text) ~ '^[A-Za-z]+([ _][A-Za-z]+)*$'::text) THEN initcap(replace((d.document ->> 'eye_color'::text), '_'::text, ' '::text))
                ELSE NULL::text
            END)
            WHEN 9 THEN to_jsonb(
            CASE
                WHEN ((d.document ->> 'hair_color'::text) ~ '^[A-Za-z]+([ _][A-Za-z]+)*$'::text) THEN initcap(replace((d.document ->> 'hair_color'::text), '_'::text, ' '::text))
                ELSE NULL::text
            END)
            WHEN 10 THEN to_jsonb(
            CASE
                WHEN ((d.document ->> 'height'::text) ~ '^[1-9][0-9]{1,2}$'::text) THEN ((d.document ->> 'height'::text))::integer
                ELSE NULL::integer
            END)
            WHEN 12 THEN to_jsonb(( SELECT (((((m.band || m.cup) || '-'::text) || m.waist) || '-'::text) || m.hip)
               FROM ( SELECT COALESCE((d.document ->> 'band_size'::text), (d.document #>> '{measurements,band_size}'::text[])) AS "coalesce",
                        COALESCE((d.document ->> 'cup_size'::text), (d.document #>> '{measurements,cup_size}'::text[])) AS "coalesce",
                        COALESCE((d.document ->> 'waist_size'::text), (d.document #>> '{measurements,waist}'::text[])) AS "coalesce",
                        COALESCE((d.document ->> 'hip_size'::text), (d.document #>> '{measurements,hip}'::text[])) AS "coalesce") m(band, cup, waist, hip)
              WHERE ((m.band ~ '^[0-9]+$'::text) AND (m.cup ~ '^[A-Za-z]+$'::text) AND (m.waist ~ '^[0-9]+$'::text) AND (m.hip ~ '^[0-9]+$'::text))))
            WHEN 13 THEN to_jsonb(
            CASE
                WHEN ((d.document ->> 'breast_type'::text) = ANY (ARRAY['NATURAL'::text, 'FAKE'::text])) THEN initcap((d.document ->> 'breast_type'::text))
                ELSE NULL::text
            END)
            WHEN 16 THEN to_jsonb(( SELECT
                    CASE
                        WHEN (COALESCE(y.first, y.last) IS NOT NULL) THEN concat_ws(' '::text, y.first, '-', y.last)
                        ELSE NULL::text
                    END AS "case"
               FROM ( SELECT
                            CASE
                                WHEN ((d.document ->> 'career_start_year'::text) ~ '^[12][0-9]{3}$'::text) THEN (d.document ->> 'career_start_year'::text)
                                ELSE NULL::text
                            END AS "case",
                            CASE
                                WHEN ((d.document ->> 'career_end_year'::text) ~ '^[12][0-9]{3}$'::text) THEN (d.document ->> 'career_end_year'::text)
                                ELSE NULL::text
                            END AS "case") y(first, last)))
            WHEN 19 THEN to_jsonb(( SELECT string_agg(concat_ws(', '::text, (e.value ->> 'location'::text), NULLIF((e.value ->> 'description'::text), ''::text)), '; '::text ORDER BY e.n) AS string_agg
               FROM jsonb_array_elements(
                    CASE
                        WHEN (jsonb_typeof((d.document -> 'tattoos'::text)) = 'array'::text) THEN (d.document -> 'tattoos'::text)
                        ELSE '[]'::jsonb
                    END) WITH ORDINALITY e(value, n)
              WHERE ((e.value ->> 'location'::text) <> ''::text)))
            WHEN 20 THEN to_jsonb(( SELECT string_agg(concat_ws(', '::text, (e.value ->> 'location'::text), NULLIF((e.value ->> 'description'::text), ''::text)), '; '::text ORDER BY e.n) AS string_agg
               FROM jsonb_array_elements(
                    CASE
                        WHEN (jsonb_typeof((d.document -> 'piercings'::text)) = 'array'::text) THEN (d.document -> 'piercings'::text)
                        ELSE '[]'::jsonb
                    END) WITH ORDINALITY e(value, n)
              WHERE ((e.value ->> 'location'::text) <> ''::text)))
            ELSE NULL::jsonb
        END AS value,
    (NOT (b.n IS DISTINCT FROM s.box_numbers[f.n])) AS survives,
        CASE
            WHEN ((s.box_numbers[f.n] IS NOT NULL) AND (s.rules[f.n] <> 'agreed'::text)) THEN 'stash_box'::text
            ELSE s.rules[f.n]
        END AS rule,
    b.endpoint_id,
    b.box_id
   FROM (((catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text), (2,'disambiguation'::text), (3,'gender'::text), (4,'birthdate'::text), (5,'death_date'::text), (6,'ethnicity'::text), (7,'country'::text), (8,'eye_color'::text), (9,'hair_color'::text), (10,'height_cm'::text), (12,'measurements'::text), (13,'fake_tits'::text), (16,'career_length'::text), (19,'tattoos'::text), (20,'piercings'::text)) f(n, field))
     CROSS JOIN LATERAL UNNEST(s.endpoint_ids, s.box_ids) WITH ORDINALITY b(endpoint_id, box_id, n))
     JOIN stashbox.performers d ON (((d.endpoint_id = b.endpoint_id) AND (d.id = b.box_id))))
  WHERE ((s.entity = 'performers'::text) AND (s.rules[f.n] = ANY (ARRAY['choice'::text, 'stash_box'::text, 'own_picture'::text, 'priority'::text, 'played_last'::text, 'precise'::text, 'newest'::text, 'longest'::text, 'lowest'::text])))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
        CASE f.n
            WHEN 1 THEN to_jsonb(o.name)
            WHEN 2 THEN to_jsonb(o.aliases)
            WHEN 3 THEN to_jsonb(o.duration)
            WHEN 4 THEN to_jsonb(o.date_text)
            WHEN 5 THEN to_jsonb(o.rating100)
            WHEN 6 THEN to_jsonb(o.director)
            WHEN 7 THEN to_jsonb(o.synopsis)
            WHEN 13 THEN ( SELECT to_jsonb(t.canonical_id) AS to_jsonb
               FROM catalog.members t
              WHERE ((t.entity = 'studios'::text) AND (t.instance_id = o.instance_id) AND (t.id = o.studio_id)))
            ELSE NULL::jsonb
        END AS value,
    COALESCE(((m.instance_id = s.instance_ids[f.n]) AND (m.id = s.object_ids[f.n])), false) AS survives,
        CASE
            WHEN ((s.box_numbers[f.n] IS NOT NULL) AND (s.rules[f.n] <> 'agreed'::text)) THEN 'stash_box'::text
            ELSE s.rules[f.n]
        END AS rule,
    NULL::integer AS endpoint_id,
    NULL::text AS box_id
   FROM (((catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text), (2,'aliases'::text), (3,'duration'::text), (4,'date'::text), (5,'rating100'::text), (6,'director'::text), (7,'synopsis'::text), (13,'studio'::text)) f(n, field))
     JOIN catalog.members m ON ((m.canonical_id = s.id)))
     JOIN stash.groups o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE ((s.entity = 'groups'::text) AND (s.rules[f.n] = ANY (ARRAY['choice'::text, 'stash_box'::text, 'own_picture'::text, 'priority'::text, 'played_last'::text, 'precise'::text, 'newest'::text, 'longest'::text, 'lowest'::text])))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
        CASE f.n
            WHEN 1 THEN to_jsonb(o.title)
            WHEN 2 THEN to_jsonb(o.code)
            WHEN 3 THEN to_jsonb(o.details)
            WHEN 4 THEN to_jsonb(o.photographer)
            WHEN 5 THEN to_jsonb(o.date_text)
            WHEN 6 THEN to_jsonb(o.rating100)
            WHEN 15 THEN ( SELECT to_jsonb(t.canonical_id) AS to_jsonb
               FROM catalog.members t
              WHERE ((t.entity = 'studios'::text) AND (t.instance_id = o.instance_id) AND (t.id = o.studio_id)))
            ELSE NULL::jsonb
        END AS value,
    COALESCE(((m.instance_id = s.instance_ids[f.n]) AND (m.id = s.object_ids[f.n])), false) AS survives,
        CASE
            WHEN ((s.box_numbers[f.n] IS NOT NULL) AND (s.rules[f.n] <> 'agreed'::text)) THEN 'stash_box'::text
            ELSE s.rules[f.n]
        END AS rule,
    NULL::integer AS endpoint_id,
    NULL::text AS box_id
   FROM (((catalog.sources s
     CROSS JOIN ( VALUES (1,'title'::text), (2,'code'::text), (3,'details'::text), (4,'photographer'::text), (5,'date'::text), (6,'rating100'::text), (15,'studio'::text)) f(n, field))
     JOIN catalog.members m ON ((m.canonical_id = s.id)))
     JOIN stash.images o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE ((s.entity = 'images'::text) AND (s.rules[f.n] = ANY (ARRAY['choice'::text, 'stash_box'::text, 'own_picture'::text, 'priority'::text, 'played_last'::text, 'precise'::text, 'newest'::text, 'longest'::text, 'lowest'::text])))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
        CASE f.n
            WHEN 1 THEN to_jsonb(o.title)
            WHEN 2 THEN to_jsonb(o.code)
            WHEN 3 THEN to_jsonb(o.details)
            WHEN 4 THEN to_jsonb(o.photographer)
            WHEN 5 THEN to_jsonb(o.date_text)
            WHEN 6 THEN to_jsonb(o.rating100)
            WHEN 13 THEN ( SELECT to_jsonb(t.canonical_id) AS to_jsonb
               FROM catalog.members t
              WHERE ((t.entity = 'studios'::text) AND (t.instance_id = o.instance_id) AND (t.id = o.studio_id)))
            WHEN 14 THEN ( SELECT to_jsonb(t.canonical_id) AS to_jsonb
               FROM catalog.members t
              WHERE ((t.entity = 'images'::text) AND (t.instance_id = o.instance_id) AND (t.id = o.cover_id)))
            ELSE NULL::jsonb
        END AS value,
    COALESCE(((m.instance_id = s.instance_ids[f.n]) AND (m.id = s.object_ids[f.n])), false) AS survives,
        CASE
            WHEN ((s.box_numbers[f.n] IS NOT NULL) AND (s.rules[f.n] <> 'agreed'::text)) THEN 'stash_box'::text
            ELSE s.rules[f.n]
        END AS rule,
    NULL::integer AS endpoint_id,
    NULL::text AS box_id
   FROM (((catalog.sources s
     CROSS JOIN ( VALUES (1,'title'::text), (2,'code'::text), (3,'details'::text), (4,'photographer'::text), (5,'date'::text), (6,'rating100'::text), (13,'studio'::text), (14,'cover'::text)) f(n, field))
     JOIN catalog.members m ON ((m.canonical_id = s.id)))
     JOIN stash.galleries o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE ((s.entity = 'galleries'::text) AND (s.rules[f.n] = ANY (ARRAY['choice'::text, 'stash_box'::text, 'own_picture'::text, 'priority'::text, 'played_last'::text, 'precise'::text, 'newest'::text, 'longest'::text, 'lowest'::text])))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
        CASE f.n
            WHEN 1 THEN to_jsonb(o.title)
            WHEN 2 THEN to_jsonb(o.code)
            WHEN 3 THEN to_jsonb(o.details)
            WHEN 4 THEN to_jsonb(o.director)
            WHEN 5 THEN to_jsonb(o.date_text)
            WHEN 6 THEN to_jsonb(o.rating100)
            WHEN 14 THEN to_jsonb(o.interactive_speed)
            WHEN 26 THEN ( SELECT to_jsonb(t.canonical_id) AS to_jsonb
               FROM catalog.members t
              WHERE ((t.entity = 'studios'::text) AND (t.instance_id = o.instance_id) AND (t.id = o.studio_id)))
            ELSE NULL::jsonb
        END AS value,
    COALESCE(((m.instance_id = s.instance_ids[f.n]) AND (m.id = s.object_ids[f.n])), false) AS survives,
        CASE
            WHEN ((s.box_numbers[f.n] IS NOT NULL) AND (s.rules[f.n] <> 'agreed'::text)) THEN 'stash_box'::text
            ELSE s.rules[f.n]
        END AS rule,
    NULL::integer AS endpoint_id,
    NULL::text AS box_id
   FROM (((catalog.sources s
     CROSS JOIN ( VALUES (1,'title'::text), (2,'code'::text), (3,'details'::text), (4,'director'::text), (5,'date'::text), (6,'rating100'::text), (14,'interactive_speed'::text), (26,'studio'::text)) f(n, field))
     JOIN catalog.members m ON ((m.canonical_id = s.id)))
     JOIN stash.scenes o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE ((s.entity = 'scenes'::text) AND (s.rules[f.n] = ANY (ARRAY['choice'::text, 'stash_box'::text, 'own_picture'::text, 'priority'::text, 'played_last'::text, 'precise'::text, 'newest'::text, 'longest'::text, 'lowest'::text])))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    NULL::integer AS instance_id,
    NULL::bigint AS object_id,
        CASE f.n
            WHEN 1 THEN to_jsonb(
            CASE
                WHEN (jsonb_typeof((d.document -> 'title'::text)) = 'string'::text) THEN NULLIF(btrim((d.document ->> 'title'::text)), ''::text)
                ELSE NULL::text
            END)
            WHEN 2 THEN to_jsonb(
            CASE
                WHEN (jsonb_typeof((d.document -> 'code'::text)) = 'string'::text) THEN NULLIF(btrim((d.document ->> 'code'::text)), ''::text)
                ELSE NULL::text
            END)
            WHEN 3 THEN to_jsonb(
            CASE
                WHEN (jsonb_typeof((d.document -> 'details'::text)) = 'string'::text) THEN NULLIF(btrim((d.document ->> 'details'::text)), ''::text)
                ELSE NULL::text
            END)
            WHEN 4 THEN to_jsonb(
            CASE
                WHEN (jsonb_typeof((d.document -> 'director'::text)) = 'string'::text) THEN NULLIF(btrim((d.document ->> 'director'::text)), ''::text)
                ELSE NULL::text
            END)
            WHEN 5 THEN to_jsonb(COALESCE(
            CASE
                WHEN (stash.date_precision((d.document ->> 'release_date'::text)) IS NOT NULL) THEN (d.document ->> 'release_date'::text)
                ELSE NULL::text
            END,
            CASE
                WHEN (stash.date_precision(regexp_replace(regexp_replace((d.document ->> 'date'::text), '-01-01$'::text, ''::text), '-01$'::text, ''::text)) IS NOT NULL) THEN regexp_replace(regexp_replace((d.document ->> 'date'::text), '-01-01$'::text, ''::text), '-01$'::text, ''::text)
                ELSE NULL::text
            END))
            ELSE NULL::jsonb
        END AS value,
    (NOT (b.n IS DISTINCT FROM s.box_numbers[f.n])) AS survives,
        CASE
            WHEN ((s.box_numbers[f.n] IS NOT NULL) AND (s.rules[f.n] <> 'agreed'::text)) THEN 'stash_box'::text
            ELSE s.rules[f.n]
        END AS rule,
    b.endpoint_id,
    b.box_id
   FROM (((catalog.sources s
     CROSS JOIN ( VALUES (1,'title'::text), (2,'code'::text), (3,'details'::text), (4,'director'::text), (5,'date'::text)) f(n, field))
     CROSS JOIN LATERAL UNNEST(s.endpoint_ids, s.box_ids) WITH ORDINALITY b(endpoint_id, box_id, n))
     JOIN stashbox.scenes d ON (((d.endpoint_id = b.endpoint_id) AND (d.id = b.box_id))))
  WHERE ((s.entity = 'scenes'::text) AND (s.rules[f.n] = ANY (ARRAY['choice'::text, 'stash_box'::text, 'own_picture'::text, 'priority'::text, 'played_last'::text, 'precise'::text, 'newest'::text, 'longest'::text, 'lowest'::text])));

COMMENT ON VIEW catalog.conflicts IS 'The fields on which the members of a record and its stash-boxes disagree: one row per member or box, with its value.';

CREATE VIEW catalog.by_instance AS
SELECT m.entity,
    m.canonical_id AS id,
    m.instance_id,
    m.id AS object_id,
    NULL::integer AS rating100,
    NULL::boolean AS organized,
    NULL::integer AS o_counter,
    NULL::integer AS play_count,
    NULL::double precision AS play_duration,
    NULL::double precision AS resume_time,
    NULL::timestamp with time zone AS last_played_at,
    o.favorite
   FROM (catalog.members m
     JOIN stash.tags o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE (m.entity = 'tags'::text)
UNION ALL
 SELECT m.entity,
    m.canonical_id AS id,
    m.instance_id,
    m.id AS object_id,
    o.rating100,
    o.organized,
    NULL::integer AS o_counter,
    NULL::integer AS play_count,
    NULL::double precision AS play_duration,
    NULL::double precision AS resume_time,
    NULL::timestamp with time zone AS last_played_at,
    o.favorite
   FROM (catalog.members m
     JOIN stash.studios o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE (m.entity = 'studios'::text)
UNION ALL
 SELECT m.entity,
    m.canonical_id AS id,
    m.instance_id,
    m.id AS object_id,
    o.rating100,
    NULL::boolean AS organized,
    NULL::integer AS o_counter,
    NULL::integer AS play_count,
    NULL::double precision AS play_duration,
    NULL::double precision AS resume_time,
    NULL::timestamp with time zone AS last_played_at,
    o.favorite
   FROM (catalog.members m
     JOIN stash.performers o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE (m.entity = 'performers'::text)
UNION ALL
 SELECT m.entity,
    m.canonical_id AS id,
    m.instance_id,
    m.id AS object_id,
    o.rating100,
    NULL::boolean AS organized,
    NULL::integer AS o_counter,
    NULL::integer AS play_count,
    NULL::double precision AS play_duration,
    NULL::double precision AS resume_time,
    NULL::timestamp with time zone AS last_played_at,
    NULL::boolean AS favorite
   FROM (catalog.members m
     JOIN stash.groups o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE (m.entity = 'groups'::text)
UNION ALL
 SELECT m.entity,
    m.canonical_id AS id,
    m.instance_id,
    m.id AS object_id,
    o.rating100,
    o.organized,
    o.o_counter,
    NULL::integer AS play_count,
    NULL::double precision AS play_duration,
    NULL::double precision AS resume_time,
    NULL::timestamp with time zone AS last_played_at,
    NULL::boolean AS favorite
   FROM (catalog.members m
     JOIN stash.images o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE (m.entity = 'images'::text)
UNION ALL
 SELECT m.entity,
    m.canonical_id AS id,
    m.instance_id,
    m.id AS object_id,
    o.rating100,
    o.organized,
    NULL::integer AS o_counter,
    NULL::integer AS play_count,
    NULL::double precision AS play_duration,
    NULL::double precision AS resume_time,
    NULL::timestamp with time zone AS last_played_at,
    NULL::boolean AS favorite
   FROM (catalog.members m
     JOIN stash.galleries o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE (m.entity = 'galleries'::text)
UNION ALL
 SELECT m.entity,
    m.canonical_id AS id,
    m.instance_id,
    m.id AS object_id,
    o.rating100,
    o.organized,
    o.o_counter,
    o.play_count,
    o.play_duration,
    o.resume_time,
    o.last_played_at,
    NULL::boolean AS favorite
   FROM (catalog.members m
     JOIN stash.scenes o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE (m.entity = 'scenes'::text);

COMMENT ON VIEW catalog.by_instance IS 'What each server has of its own of a record: ratings, plays, flags.';

CREATE VIEW catalog.changes AS
SELECT 'tags'::text AS entity,
    tags.id,
    tags.revision,
    false AS vanished,
    NULL::uuid AS successor_id
   FROM catalog.tags
UNION ALL
 SELECT 'studios'::text AS entity,
    studios.id,
    studios.revision,
    false AS vanished,
    NULL::uuid AS successor_id
   FROM catalog.studios
UNION ALL
 SELECT 'performers'::text AS entity,
    performers.id,
    performers.revision,
    false AS vanished,
    NULL::uuid AS successor_id
   FROM catalog.performers
UNION ALL
 SELECT 'groups'::text AS entity,
    groups.id,
    groups.revision,
    false AS vanished,
    NULL::uuid AS successor_id
   FROM catalog.groups
UNION ALL
 SELECT 'images'::text AS entity,
    images.id,
    images.revision,
    false AS vanished,
    NULL::uuid AS successor_id
   FROM catalog.images
UNION ALL
 SELECT 'galleries'::text AS entity,
    galleries.id,
    galleries.revision,
    false AS vanished,
    NULL::uuid AS successor_id
   FROM catalog.galleries
UNION ALL
 SELECT 'scenes'::text AS entity,
    scenes.id,
    scenes.revision,
    false AS vanished,
    NULL::uuid AS successor_id
   FROM catalog.scenes
UNION ALL
 SELECT v.entity,
    v.id,
    v.revision,
    true AS vanished,
    r.cluster_id AS successor_id
   FROM (catalog.vanished v
     LEFT JOIN matches.redirects r ON ((r.id = v.id)));

COMMENT ON VIEW catalog.changes IS 'Records with the revision of the object log when they last changed or vanished; successor_id is the record into which a vanished one was merged.';
