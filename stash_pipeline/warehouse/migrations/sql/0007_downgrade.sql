DROP VIEW raw.silent_changes;

COMMENT ON COLUMN stash.scenes.date_precision IS 'day, month or year; null if it is no date';
COMMENT ON COLUMN stash.scenes.date_text IS 'as the server says it';
COMMENT ON COLUMN stash.scenes.date IS 'first day of what the server says';
COMMENT ON COLUMN stash.performers.career_end_precision IS 'day, month or year; null if it is no date';
COMMENT ON COLUMN stash.performers.career_end_text IS 'as the server says it';
COMMENT ON COLUMN stash.performers.career_end IS 'first day of what the server says';
COMMENT ON COLUMN stash.performers.career_start_precision IS 'day, month or year; null if it is no date';
COMMENT ON COLUMN stash.performers.career_start_text IS 'as the server says it';
COMMENT ON COLUMN stash.performers.career_start IS 'first day of what the server says';
COMMENT ON COLUMN stash.performers.death_date_precision IS 'day, month or year; null if it is no date';
COMMENT ON COLUMN stash.performers.death_date_text IS 'as the server says it';
COMMENT ON COLUMN stash.performers.death_date IS 'first day of what the server says';
COMMENT ON COLUMN stash.performers.birthdate_precision IS 'day, month or year; null if it is no date';
COMMENT ON COLUMN stash.performers.birthdate_text IS 'as the server says it';
COMMENT ON COLUMN stash.performers.birthdate IS 'first day of what the server says';
COMMENT ON TABLE stash.merges IS 'Objects that are gone and whose files, stash ids or names another object has. Noted when they vanish; a rebuild keeps them.';
COMMENT ON COLUMN stash.merges.revision IS 'of the instance, when the object was missed';
COMMENT ON COLUMN stash.merges.successor_id IS 'of the object that has what was its own; it may be gone by now, and have a successor itself';
COMMENT ON COLUMN stash.merges.id IS 'of the object that is gone';
COMMENT ON COLUMN stash.merges.entity IS 'of both objects';
COMMENT ON COLUMN stash.images.date_precision IS 'day, month or year; null if it is no date';
COMMENT ON COLUMN stash.images.date_text IS 'as the server says it';
COMMENT ON COLUMN stash.images.date IS 'first day of what the server says';
COMMENT ON COLUMN stash.groups.date_precision IS 'day, month or year; null if it is no date';
COMMENT ON COLUMN stash.groups.date_text IS 'as the server says it';
COMMENT ON COLUMN stash.groups.date IS 'first day of what the server says';
COMMENT ON COLUMN stash.galleries.date_precision IS 'day, month or year; null if it is no date';
COMMENT ON COLUMN stash.galleries.date_text IS 'as the server says it';
COMMENT ON COLUMN stash.galleries.date IS 'first day of what the server says';
COMMENT ON TABLE raw.tags IS 'Documents of tags, as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.tags.deleted_at IS 'set when a complete listing no longer had it';
COMMENT ON COLUMN raw.tags.run_id IS 'ops.sync_runs, when it last changed';
COMMENT ON COLUMN raw.tags.revision IS 'of the instance, when it last changed';
COMMENT ON TABLE raw.studios IS 'Documents of studios, as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.studios.deleted_at IS 'set when a complete listing no longer had it';
COMMENT ON COLUMN raw.studios.run_id IS 'ops.sync_runs, when it last changed';
COMMENT ON COLUMN raw.studios.revision IS 'of the instance, when it last changed';
COMMENT ON TABLE raw.scenes IS 'Documents of scenes, as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.scenes.deleted_at IS 'set when a complete listing no longer had it';
COMMENT ON COLUMN raw.scenes.run_id IS 'ops.sync_runs, when it last changed';
COMMENT ON COLUMN raw.scenes.revision IS 'of the instance, when it last changed';
COMMENT ON TABLE raw.scene_markers IS 'Documents of scene_markers, as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.scene_markers.deleted_at IS 'set when a complete listing no longer had it';
COMMENT ON COLUMN raw.scene_markers.run_id IS 'ops.sync_runs, when it last changed';
COMMENT ON COLUMN raw.scene_markers.revision IS 'of the instance, when it last changed';
COMMENT ON TABLE raw.saved_filters IS 'Documents of saved_filters, as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.saved_filters.deleted_at IS 'set when a complete listing no longer had it';
COMMENT ON COLUMN raw.saved_filters.run_id IS 'ops.sync_runs, when it last changed';
COMMENT ON COLUMN raw.saved_filters.revision IS 'of the instance, when it last changed';
COMMENT ON TABLE raw.performers IS 'Documents of performers, as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.performers.deleted_at IS 'set when a complete listing no longer had it';
COMMENT ON COLUMN raw.performers.run_id IS 'ops.sync_runs, when it last changed';
COMMENT ON COLUMN raw.performers.revision IS 'of the instance, when it last changed';
COMMENT ON TABLE raw.pages IS 'The ledger of the answers that the documents came in.';
COMMENT ON COLUMN raw.pages.first_id IS 'it held all objects of its kind from here to last_id';
COMMENT ON COLUMN raw.pages.unchanged IS 'equal to a page of the reading before, and not decoded again';
COMMENT ON COLUMN raw.pages.hash IS 'BLAKE2b, 16 bytes, of the answer';
COMMENT ON COLUMN raw.pages.milliseconds IS 'from request to last byte';
COMMENT ON COLUMN raw.pages.bytes IS 'size of the answer, decompressed';
COMMENT ON TABLE raw.images IS 'Documents of images, as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.images.deleted_at IS 'set when a complete listing no longer had it';
COMMENT ON COLUMN raw.images.run_id IS 'ops.sync_runs, when it last changed';
COMMENT ON COLUMN raw.images.revision IS 'of the instance, when it last changed';
COMMENT ON TABLE raw.history IS 'What every document was before it changed or vanished.';
COMMENT ON COLUMN raw.history.run_id IS 'ops.sync_runs, which found the change';
COMMENT ON COLUMN raw.history.document IS 'as it was until then';
COMMENT ON COLUMN raw.history.change IS 'changed, removed, or returned (it had been removed)';
COMMENT ON COLUMN raw.history.revision IS 'of the instance, when the document was replaced';
COMMENT ON TABLE raw.groups IS 'Documents of groups, as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.groups.deleted_at IS 'set when a complete listing no longer had it';
COMMENT ON COLUMN raw.groups.run_id IS 'ops.sync_runs, when it last changed';
COMMENT ON COLUMN raw.groups.revision IS 'of the instance, when it last changed';
COMMENT ON TABLE raw.galleries IS 'Documents of galleries, as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.galleries.deleted_at IS 'set when a complete listing no longer had it';
COMMENT ON COLUMN raw.galleries.run_id IS 'ops.sync_runs, when it last changed';
COMMENT ON COLUMN raw.galleries.revision IS 'of the instance, when it last changed';
COMMENT ON TABLE raw.folders IS 'Documents of folders, as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.folders.deleted_at IS 'set when a complete listing no longer had it';
COMMENT ON COLUMN raw.folders.run_id IS 'ops.sync_runs, when it last changed';
COMMENT ON COLUMN raw.folders.revision IS 'of the instance, when it last changed';
COMMENT ON TABLE raw.files IS 'Documents of files, as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.files.deleted_at IS 'set when a complete listing no longer had it';
COMMENT ON COLUMN raw.files.run_id IS 'ops.sync_runs, when it last changed';
COMMENT ON COLUMN raw.files.revision IS 'of the instance, when it last changed';
COMMENT ON TABLE raw.configuration IS 'Documents of configuration, as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.configuration.deleted_at IS 'set when a complete listing no longer had it';
COMMENT ON COLUMN raw.configuration.run_id IS 'ops.sync_runs, when it last changed';
COMMENT ON COLUMN raw.configuration.revision IS 'of the instance, when it last changed';
COMMENT ON TABLE ops.sync_runs IS 'One row per reading of a server.';
COMMENT ON COLUMN ops.sync_runs.lane_reason IS 'why it took that lane';
COMMENT ON COLUMN ops.sync_runs.bytes IS 'of its answers, decompressed';
COMMENT ON COLUMN ops.sync_runs.requests IS 'sent to the server, retries included';
COMMENT ON COLUMN ops.sync_runs.unmapped_fields IS 'fields of the server that no specification knows';
COMMENT ON TABLE ops.shared_layers IS 'How far each layer that is made of all instances has followed the object log.';
COMMENT ON COLUMN ops.shared_layers.error IS 'why its last attempt failed; null if it did not';
COMMENT ON COLUMN ops.shared_layers.version IS 'of the code that made its rows; rows of another version are made anew';
COMMENT ON COLUMN ops.shared_layers.revision IS 'of the object log, up to which the layer has followed it';
COMMENT ON TABLE ops.row_counts IS 'Live rows per table, kept by the transactions that change them: counting would grow with the library.';
COMMENT ON TABLE ops.read_watermarks IS 'Up to when each kind is known to be as the server has it: from there its timestamps are asked for.';
COMMENT ON COLUMN ops.read_watermarks.missing IS 'objects that the server counts and could not send when all were read';
COMMENT ON COLUMN ops.read_watermarks.read_at IS 'the server''s own clock when the last good reading of the kind began';
COMMENT ON TABLE ops.object_log_head IS 'The newest revision of ops.object_log; its row is locked until a change is committed.';
COMMENT ON TABLE ops.object_log IS 'Which objects of schema stash changed, in the order of commits: read what is newer than the revision seen last.';
COMMENT ON COLUMN ops.object_log.revision IS 'of the log, when its row or a join row of it last changed, or it vanished';
COMMENT ON COLUMN ops.object_log.id IS 'the server''s id; of kind instances, ops.instances.id';
COMMENT ON COLUMN ops.object_log.entity IS 'kind of the object, as its table in stash is named; or instances';
COMMENT ON COLUMN ops.object_log.instance_id IS 'ops.instances.id; of a removed instance, one row of kind instances remains';
COMMENT ON TABLE ops.layer_watermarks IS 'How far each layer has followed raw, written in the transaction that followed it.';
COMMENT ON COLUMN ops.layer_watermarks.version IS 'of the code that made its rows; rows of another version are made anew';
COMMENT ON TABLE ops.instances IS 'The Stash servers that are mirrored.';
COMMENT ON COLUMN ops.instances.client_key IS 'PEM file of the certificate''s key; null where one file holds both';
COMMENT ON COLUMN ops.instances.client_cert IS 'PEM file of the certificate that is shown to it';
COMMENT ON COLUMN ops.instances.headers_encrypted IS 'their values, by the key file in the project''s home';
COMMENT ON COLUMN ops.instances.header_names IS 'sent to its proxy';
COMMENT ON COLUMN ops.instances.snapshot_error IS 'why the last copy could not be had, or not be read';
COMMENT ON COLUMN ops.instances.snapshot_seconds IS 'that the server took to make it, and did not write meanwhile';
COMMENT ON COLUMN ops.instances.snapshot_bytes IS 'size of the last copy of its database';
COMMENT ON COLUMN ops.instances.probe_response IS 'what that query said just before the last good refresh';
COMMENT ON COLUMN ops.instances.probe_query IS 'the query that tells in one request whether anything changed';
COMMENT ON COLUMN ops.instances.timezone IS 'of its schedules; null is the zone of the machine that runs them';
COMMENT ON COLUMN ops.instances.utc_offset IS 'seconds; of the newest timestamp that the server was seen to write';
COMMENT ON COLUMN ops.instances.removed_at IS 'removed on this day, and its rows kept';
COMMENT ON COLUMN ops.instances.database_schema IS 'as the server last said';
COMMENT ON COLUMN ops.instances.release IS 'as the server last said';
COMMENT ON COLUMN ops.instances.priority IS 'smaller wins a conflict';
COMMENT ON COLUMN ops.instances.api_key_encrypted IS 'by the key file in the project''s home';
COMMENT ON TABLE ops.dangling_references IS 'References to objects that the mirror does not have (yet, or any more); made good when they come.';
COMMENT ON COLUMN ops.dangling_references.target IS 'kind of the object that is not there';
COMMENT ON COLUMN ops.dangling_references.owner IS 'kind of the object that refers';
COMMENT ON TABLE ops.complete_reads IS 'The last complete reading of each kind: its pages are known again while their objects stand unchanged.';
COMMENT ON COLUMN ops.complete_reads.form IS 'of the query, the release and the code that made documents';
COMMENT ON COLUMN ops.complete_reads.revision IS 'of the instance, when the reading had ended';

ALTER TABLE ops.read_watermarks RENAME CONSTRAINT read_watermarks_pkey TO clocks_pkey;
ALTER TABLE ops.read_watermarks RENAME CONSTRAINT read_watermarks_instance_fkey TO clocks_instance_fkey;
ALTER TABLE ops.complete_reads RENAME CONSTRAINT complete_reads_pkey TO readings_pkey;
ALTER TABLE ops.complete_reads RENAME CONSTRAINT complete_reads_instance_fkey TO readings_instance_fkey;
ALTER TABLE ops.complete_reads RENAME CONSTRAINT complete_reads_run_fkey TO readings_run_fkey;
ALTER TABLE ops.read_watermarks RENAME TO clocks;
ALTER TABLE ops.complete_reads RENAME TO readings;
ALTER INDEX raw.raw_history_recorded_idx RENAME TO raw_history_noted_idx;
ALTER TABLE ops.sync_runs RENAME COLUMN missing_fields TO lacking;
ALTER TABLE ops.sync_runs RENAME COLUMN unmapped_fields TO unknown;
ALTER TABLE ops.instances RENAME COLUMN probe_query TO probe;
ALTER TABLE ops.instances RENAME COLUMN probe_response TO probed;
ALTER TABLE ops.instances RENAME COLUMN snapshot_error TO snapshot_trouble;
ALTER TABLE ops.object_log RENAME COLUMN entity TO kind;
ALTER TABLE stash.merges RENAME COLUMN entity TO kind;
ALTER TABLE raw.pages RENAME COLUMN unchanged TO known;
ALTER TABLE raw.history RENAME COLUMN recorded_at TO noted_at;

UPDATE ops.sync_runs SET entities = (
    SELECT jsonb_object_agg(e.key, (e.value - 'silent_changes' - 'silent_fields' - 'unchanged_pages') || jsonb_strip_nulls(jsonb_build_object(
        'unstamped', e.value -> 'silent_changes', 'causes', e.value -> 'silent_fields', 'known', e.value -> 'unchanged_pages'))
    )
    FROM jsonb_each(entities) AS e
)
WHERE jsonb_path_exists(entities, '$.*.silent_changes');

CREATE OR REPLACE FUNCTION ops.log_instance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    instance integer := CASE WHEN TG_OP = 'DELETE' THEN OLD.id ELSE NEW.id END;
    newest bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM ops.object_log WHERE instance_id = instance;
    END IF;
    UPDATE ops.object_log_head SET revision = revision + 1 RETURNING revision INTO newest;
    INSERT INTO ops.object_log (instance_id, kind, id, revision) VALUES (instance, 'instances', instance, newest)
    ON CONFLICT ON CONSTRAINT object_log_pkey DO UPDATE SET revision = excluded.revision;
    RETURN NULL;
END
$$;

CREATE VIEW raw.unstamped_changes AS
SELECT was.instance_id, was.entity, was.id, was.noted_at, was.run_id, was.revision, differing.fields
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

COMMENT ON VIEW raw.unstamped_changes IS
    'Objects that changed while their updated_at stayed as it was, and the fields that did';
