DROP TRIGGER log_change ON ops.instances;
DROP TRIGGER log_presence ON ops.instances;
DROP FUNCTION ops.log_instance();

DO $$
DECLARE
    kind text;
BEGIN
    FOREACH kind IN ARRAY ARRAY[
        'tags', 'folders', 'files', 'studios', 'performers', 'groups', 'images', 'galleries', 'scenes',
        'scene_markers', 'saved_filters', 'configuration'
    ] LOOP
        EXECUTE format('ALTER TABLE raw.%I ADD COLUMN merged_into BIGINT', kind);
        EXECUTE format(
            'UPDATE raw.%I AS r SET merged_into = m.successor_id FROM stash.merges AS m '
            'WHERE m.kind = %L AND r.instance_id = m.instance_id AND r.id = m.id',
            kind, kind
        );
        EXECUTE format(
            'COMMENT ON COLUMN raw.%I.merged_into IS %L',
            kind, 'id of the object that has what was this one''s, if it is gone'
        );
    END LOOP;
END
$$;
DROP TABLE stash.merges;
DROP TABLE ops.shared_layers;
DROP TABLE ops.object_log;
DROP TABLE ops.object_log_head;
DELETE FROM ops.layer_watermarks WHERE layer = 'merges';
ALTER TABLE ops.layer_watermarks DROP COLUMN version;
