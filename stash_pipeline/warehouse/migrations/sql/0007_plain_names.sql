DROP VIEW raw.unstamped_changes;

ALTER TABLE ops.clocks RENAME TO read_watermarks;
ALTER TABLE ops.readings RENAME TO complete_reads;
ALTER TABLE ops.read_watermarks RENAME CONSTRAINT clocks_pkey TO read_watermarks_pkey;
ALTER TABLE ops.read_watermarks RENAME CONSTRAINT clocks_instance_fkey TO read_watermarks_instance_fkey;
ALTER TABLE ops.complete_reads RENAME CONSTRAINT readings_pkey TO complete_reads_pkey;
ALTER TABLE ops.complete_reads RENAME CONSTRAINT readings_instance_fkey TO complete_reads_instance_fkey;
ALTER TABLE ops.complete_reads RENAME CONSTRAINT readings_run_fkey TO complete_reads_run_fkey;
ALTER INDEX raw.raw_history_noted_idx RENAME TO raw_history_recorded_idx;
ALTER TABLE ops.sync_runs RENAME COLUMN lacking TO missing_fields;
ALTER TABLE ops.sync_runs RENAME COLUMN unknown TO unmapped_fields;
ALTER TABLE ops.instances RENAME COLUMN probe TO probe_query;
ALTER TABLE ops.instances RENAME COLUMN probed TO probe_response;
ALTER TABLE ops.instances RENAME COLUMN snapshot_trouble TO snapshot_error;
ALTER TABLE ops.object_log RENAME COLUMN kind TO entity;
ALTER TABLE stash.merges RENAME COLUMN kind TO entity;
ALTER TABLE raw.pages RENAME COLUMN known TO unchanged;
ALTER TABLE raw.history RENAME COLUMN noted_at TO recorded_at;

-- the statistics that runs keep of each entity
UPDATE ops.sync_runs SET entities = (
    SELECT jsonb_object_agg(e.key, (e.value - 'unstamped' - 'causes' - 'known') || jsonb_strip_nulls(jsonb_build_object(
        'silent_changes', e.value -> 'unstamped', 'silent_fields', e.value -> 'causes', 'unchanged_pages', e.value -> 'known'))
    )
    FROM jsonb_each(entities) AS e
)
WHERE jsonb_path_exists(entities, '$.*.unstamped');

CREATE OR REPLACE FUNCTION ops.log_instance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    instance integer := CASE WHEN TG_OP = 'DELETE' THEN OLD.id ELSE NEW.id END;
    newest bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM ops.object_log WHERE instance_id = instance;
    END IF;
    UPDATE ops.object_log_head SET revision = revision + 1 RETURNING revision INTO newest;
    INSERT INTO ops.object_log (instance_id, entity, id, revision) VALUES (instance, 'instances', instance, newest)
    ON CONFLICT ON CONSTRAINT object_log_pkey DO UPDATE SET revision = excluded.revision;
    RETURN NULL;
END
$$;

COMMENT ON COLUMN ops.complete_reads.revision IS 'of the instance when the read was complete';
COMMENT ON COLUMN ops.complete_reads.form IS 'digest of the query, the release and the code that made the documents';
COMMENT ON TABLE ops.complete_reads IS 'The last complete read of each entity. Its pages are not decoded again while their objects are unchanged.';
COMMENT ON COLUMN ops.dangling_references.owner IS 'entity of the object that refers';
COMMENT ON COLUMN ops.dangling_references.target IS 'entity of the object that is missing';
COMMENT ON TABLE ops.dangling_references IS 'References to objects that the warehouse does not have (yet, or any more); resolved when those arrive.';
COMMENT ON COLUMN ops.instances.api_key_encrypted IS 'with the key file in the project''s home';
COMMENT ON COLUMN ops.instances.priority IS 'the smaller number wins a conflict';
COMMENT ON COLUMN ops.instances.release IS 'as last reported by the server';
COMMENT ON COLUMN ops.instances.database_schema IS 'as last reported by the server';
COMMENT ON COLUMN ops.instances.removed_at IS 'when the instance was removed with its rows kept';
COMMENT ON COLUMN ops.instances.utc_offset IS 'seconds; of the newest timestamp that the server has written';
COMMENT ON COLUMN ops.instances.timezone IS 'of its schedules; null: the zone of the machine that runs them';
COMMENT ON COLUMN ops.instances.probe_query IS 'the query that shows in one request whether anything changed';
COMMENT ON COLUMN ops.instances.probe_response IS 'the response to that query just before the last successful sync';
COMMENT ON COLUMN ops.instances.snapshot_bytes IS 'size of the last snapshot of its database';
COMMENT ON COLUMN ops.instances.snapshot_seconds IS 'that the server took to create it; it accepts no writes meanwhile';
COMMENT ON COLUMN ops.instances.snapshot_error IS 'why the last snapshot could not be downloaded or read';
COMMENT ON COLUMN ops.instances.header_names IS 'headers sent to its proxy';
COMMENT ON COLUMN ops.instances.headers_encrypted IS 'their values, encrypted with the key file in the project''s home';
COMMENT ON COLUMN ops.instances.client_cert IS 'PEM file of the certificate presented to its proxy';
COMMENT ON COLUMN ops.instances.client_key IS 'PEM file of the certificate''s key; null if one file holds both';
COMMENT ON TABLE ops.instances IS 'The Stash servers that are kept in sync.';
COMMENT ON COLUMN ops.layer_watermarks.version IS 'of the code that made its rows; rows of another version are rebuilt';
COMMENT ON TABLE ops.layer_watermarks IS 'How far each layer has followed raw. Written in the transaction that changes the layer.';
COMMENT ON COLUMN ops.object_log.instance_id IS 'ops.instances.id; one row with entity instances remains of a removed instance';
COMMENT ON COLUMN ops.object_log.entity IS 'name of the object''s table in stash, or instances';
COMMENT ON COLUMN ops.object_log.id IS 'the server''s id; ops.instances.id if entity is instances';
COMMENT ON COLUMN ops.object_log.revision IS 'revision of the log at which its row or one of its join rows last changed, or the object vanished';
COMMENT ON TABLE ops.object_log IS 'The objects of schema stash that changed, in the order of commits. Read what is newer than the revision seen last.';
COMMENT ON TABLE ops.object_log_head IS 'The newest revision of ops.object_log. Its row is locked until a change is committed.';
COMMENT ON COLUMN ops.read_watermarks.read_at IS 'the server''s clock when the last successful read of the entity began';
COMMENT ON COLUMN ops.read_watermarks.missing IS 'objects that the server counted and could not send in the last complete read';
COMMENT ON TABLE ops.read_watermarks IS 'The time up to which each entity matches its server. The next sync asks for later timestamps.';
COMMENT ON TABLE ops.row_counts IS 'Live rows per table, updated by the transactions that change them: counting would grow with the library.';
COMMENT ON COLUMN ops.shared_layers.revision IS 'of the object log that the layer has reached';
COMMENT ON COLUMN ops.shared_layers.version IS 'of the code that made its rows; rows of another version are rebuilt';
COMMENT ON COLUMN ops.shared_layers.error IS 'why its last attempt failed; null if it succeeded';
COMMENT ON TABLE ops.shared_layers IS 'How far each layer made of all instances has followed the object log.';
COMMENT ON COLUMN ops.sync_runs.unmapped_fields IS 'fields of the server that the specification does not have';
COMMENT ON COLUMN ops.sync_runs.requests IS 'requests sent to the server, including retries';
COMMENT ON COLUMN ops.sync_runs.bytes IS 'of the responses, decompressed';
COMMENT ON COLUMN ops.sync_runs.lane_reason IS 'why the run used that lane';
COMMENT ON TABLE ops.sync_runs IS 'One row per sync of an instance.';
COMMENT ON COLUMN raw.configuration.revision IS 'of the instance when the document last changed';
COMMENT ON COLUMN raw.configuration.run_id IS 'ops.sync_runs.id of the run that last changed it';
COMMENT ON COLUMN raw.configuration.deleted_at IS 'when a complete listing no longer had the object';
COMMENT ON TABLE raw.configuration IS 'Documents of configuration as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.files.revision IS 'of the instance when the document last changed';
COMMENT ON COLUMN raw.files.run_id IS 'ops.sync_runs.id of the run that last changed it';
COMMENT ON COLUMN raw.files.deleted_at IS 'when a complete listing no longer had the object';
COMMENT ON TABLE raw.files IS 'Documents of files as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.folders.revision IS 'of the instance when the document last changed';
COMMENT ON COLUMN raw.folders.run_id IS 'ops.sync_runs.id of the run that last changed it';
COMMENT ON COLUMN raw.folders.deleted_at IS 'when a complete listing no longer had the object';
COMMENT ON TABLE raw.folders IS 'Documents of folders as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.galleries.revision IS 'of the instance when the document last changed';
COMMENT ON COLUMN raw.galleries.run_id IS 'ops.sync_runs.id of the run that last changed it';
COMMENT ON COLUMN raw.galleries.deleted_at IS 'when a complete listing no longer had the object';
COMMENT ON TABLE raw.galleries IS 'Documents of galleries as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.groups.revision IS 'of the instance when the document last changed';
COMMENT ON COLUMN raw.groups.run_id IS 'ops.sync_runs.id of the run that last changed it';
COMMENT ON COLUMN raw.groups.deleted_at IS 'when a complete listing no longer had the object';
COMMENT ON TABLE raw.groups IS 'Documents of groups as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.history.revision IS 'of the instance when the document was replaced';
COMMENT ON COLUMN raw.history.change IS 'changed, removed, or returned (after a removal)';
COMMENT ON COLUMN raw.history.document IS 'the document until then';
COMMENT ON COLUMN raw.history.run_id IS 'ops.sync_runs.id of the run that found the change';
COMMENT ON TABLE raw.history IS 'Every document as it was before it changed or vanished.';
COMMENT ON COLUMN raw.images.revision IS 'of the instance when the document last changed';
COMMENT ON COLUMN raw.images.run_id IS 'ops.sync_runs.id of the run that last changed it';
COMMENT ON COLUMN raw.images.deleted_at IS 'when a complete listing no longer had the object';
COMMENT ON TABLE raw.images IS 'Documents of images as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.pages.bytes IS 'size of the response, decompressed';
COMMENT ON COLUMN raw.pages.milliseconds IS 'from the request to the last byte';
COMMENT ON COLUMN raw.pages.hash IS 'BLAKE2b, 16 bytes, of the response';
COMMENT ON COLUMN raw.pages.unchanged IS 'equal to a page of the previous complete read, and not decoded again';
COMMENT ON COLUMN raw.pages.first_id IS 'the page has all objects of its entity from here to last_id';
COMMENT ON TABLE raw.pages IS 'The ledger of responses in which the documents arrived.';
COMMENT ON COLUMN raw.performers.revision IS 'of the instance when the document last changed';
COMMENT ON COLUMN raw.performers.run_id IS 'ops.sync_runs.id of the run that last changed it';
COMMENT ON COLUMN raw.performers.deleted_at IS 'when a complete listing no longer had the object';
COMMENT ON TABLE raw.performers IS 'Documents of performers as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.saved_filters.revision IS 'of the instance when the document last changed';
COMMENT ON COLUMN raw.saved_filters.run_id IS 'ops.sync_runs.id of the run that last changed it';
COMMENT ON COLUMN raw.saved_filters.deleted_at IS 'when a complete listing no longer had the object';
COMMENT ON TABLE raw.saved_filters IS 'Documents of saved_filters as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.scene_markers.revision IS 'of the instance when the document last changed';
COMMENT ON COLUMN raw.scene_markers.run_id IS 'ops.sync_runs.id of the run that last changed it';
COMMENT ON COLUMN raw.scene_markers.deleted_at IS 'when a complete listing no longer had the object';
COMMENT ON TABLE raw.scene_markers IS 'Documents of scene_markers as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.scenes.revision IS 'of the instance when the document last changed';
COMMENT ON COLUMN raw.scenes.run_id IS 'ops.sync_runs.id of the run that last changed it';
COMMENT ON COLUMN raw.scenes.deleted_at IS 'when a complete listing no longer had the object';
COMMENT ON TABLE raw.scenes IS 'Documents of scenes as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.studios.revision IS 'of the instance when the document last changed';
COMMENT ON COLUMN raw.studios.run_id IS 'ops.sync_runs.id of the run that last changed it';
COMMENT ON COLUMN raw.studios.deleted_at IS 'when a complete listing no longer had the object';
COMMENT ON TABLE raw.studios IS 'Documents of studios as the servers returned them, with tombstones.';
COMMENT ON COLUMN raw.tags.revision IS 'of the instance when the document last changed';
COMMENT ON COLUMN raw.tags.run_id IS 'ops.sync_runs.id of the run that last changed it';
COMMENT ON COLUMN raw.tags.deleted_at IS 'when a complete listing no longer had the object';
COMMENT ON TABLE raw.tags IS 'Documents of tags as the servers returned them, with tombstones.';
COMMENT ON COLUMN stash.galleries.date IS 'first day of the period that the server gives';
COMMENT ON COLUMN stash.galleries.date_text IS 'as the server spells it';
COMMENT ON COLUMN stash.galleries.date_precision IS 'day, month or year; null if it is not a date';
COMMENT ON COLUMN stash.groups.date IS 'first day of the period that the server gives';
COMMENT ON COLUMN stash.groups.date_text IS 'as the server spells it';
COMMENT ON COLUMN stash.groups.date_precision IS 'day, month or year; null if it is not a date';
COMMENT ON COLUMN stash.images.date IS 'first day of the period that the server gives';
COMMENT ON COLUMN stash.images.date_text IS 'as the server spells it';
COMMENT ON COLUMN stash.images.date_precision IS 'day, month or year; null if it is not a date';
COMMENT ON COLUMN stash.merges.entity IS 'entity of both objects';
COMMENT ON COLUMN stash.merges.id IS 'of the object that vanished';
COMMENT ON COLUMN stash.merges.successor_id IS 'of the object that took over; it may have vanished since, with a successor of its own';
COMMENT ON COLUMN stash.merges.revision IS 'of the instance when the object was found missing';
COMMENT ON TABLE stash.merges IS 'Objects that vanished and whose files, stash ids or names another object has. Recorded when they vanish, and kept by a rebuild.';
COMMENT ON COLUMN stash.performers.birthdate IS 'first day of the period that the server gives';
COMMENT ON COLUMN stash.performers.birthdate_text IS 'as the server spells it';
COMMENT ON COLUMN stash.performers.birthdate_precision IS 'day, month or year; null if it is not a date';
COMMENT ON COLUMN stash.performers.death_date IS 'first day of the period that the server gives';
COMMENT ON COLUMN stash.performers.death_date_text IS 'as the server spells it';
COMMENT ON COLUMN stash.performers.death_date_precision IS 'day, month or year; null if it is not a date';
COMMENT ON COLUMN stash.performers.career_start IS 'first day of the period that the server gives';
COMMENT ON COLUMN stash.performers.career_start_text IS 'as the server spells it';
COMMENT ON COLUMN stash.performers.career_start_precision IS 'day, month or year; null if it is not a date';
COMMENT ON COLUMN stash.performers.career_end IS 'first day of the period that the server gives';
COMMENT ON COLUMN stash.performers.career_end_text IS 'as the server spells it';
COMMENT ON COLUMN stash.performers.career_end_precision IS 'day, month or year; null if it is not a date';
COMMENT ON COLUMN stash.scenes.date IS 'first day of the period that the server gives';
COMMENT ON COLUMN stash.scenes.date_text IS 'as the server spells it';
COMMENT ON COLUMN stash.scenes.date_precision IS 'day, month or year; null if it is not a date';

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
