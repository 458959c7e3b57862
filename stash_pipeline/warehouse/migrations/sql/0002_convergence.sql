ALTER TABLE ops.instances
    ADD COLUMN utc_offset INTEGER,
    ADD COLUMN timezone TEXT,
    ADD COLUMN probe TEXT,
    ADD COLUMN probed JSONB;

COMMENT ON COLUMN ops.instances.utc_offset IS 'seconds; of the newest timestamp that the server was seen to write';
COMMENT ON COLUMN ops.instances.timezone IS 'of its schedules; null is the zone of the machine that runs them';
COMMENT ON COLUMN ops.instances.probe IS 'the query that tells in one request whether anything changed';
COMMENT ON COLUMN ops.instances.probed IS 'what that query said just before the last good refresh';

ALTER TABLE ops.sync_runs
    ADD COLUMN seconds DOUBLE PRECISION,
    ADD COLUMN requests INTEGER,
    ADD COLUMN bytes BIGINT;

COMMENT ON COLUMN ops.sync_runs.seconds IS 'from the first request to the last commit in raw';
COMMENT ON COLUMN ops.sync_runs.requests IS 'sent to the server, retries included';
COMMENT ON COLUMN ops.sync_runs.bytes IS 'of its answers, decompressed';

ALTER TABLE ops.readings
    ADD COLUMN purpose TEXT DEFAULT 'documents' NOT NULL,
    DROP CONSTRAINT readings_pkey,
    ADD PRIMARY KEY (instance_id, entity, purpose);

COMMENT ON COLUMN ops.readings.purpose IS 'documents or listing';

CREATE TABLE ops.clocks (
    instance_id INTEGER NOT NULL,
    entity TEXT NOT NULL,
    read_at TIMESTAMP WITH TIME ZONE NOT NULL,
    missing INTEGER DEFAULT 0 NOT NULL,
    PRIMARY KEY (instance_id, entity),
    CONSTRAINT clocks_instance_fkey FOREIGN KEY (instance_id) REFERENCES ops.instances (id) ON DELETE CASCADE
);

COMMENT ON TABLE ops.clocks IS
    'Up to when each kind is known to be as the server has it: from there its timestamps are asked for.';
COMMENT ON COLUMN ops.clocks.instance_id IS 'ops.instances.id';
COMMENT ON COLUMN ops.clocks.read_at IS 'the server''s own clock when the last good reading of the kind began';
COMMENT ON COLUMN ops.clocks.missing IS 'objects that the server counts and could not send when all were read';

ALTER TABLE raw.tags ADD COLUMN merged_into BIGINT;
COMMENT ON COLUMN raw.tags.merged_into IS 'id of the object that has what was this one''s, if it is gone';
ALTER TABLE raw.folders ADD COLUMN merged_into BIGINT;
COMMENT ON COLUMN raw.folders.merged_into IS 'id of the object that has what was this one''s, if it is gone';
ALTER TABLE raw.files ADD COLUMN merged_into BIGINT;
COMMENT ON COLUMN raw.files.merged_into IS 'id of the object that has what was this one''s, if it is gone';
ALTER TABLE raw.studios ADD COLUMN merged_into BIGINT;
COMMENT ON COLUMN raw.studios.merged_into IS 'id of the object that has what was this one''s, if it is gone';
ALTER TABLE raw.performers ADD COLUMN merged_into BIGINT;
COMMENT ON COLUMN raw.performers.merged_into IS 'id of the object that has what was this one''s, if it is gone';
ALTER TABLE raw.groups ADD COLUMN merged_into BIGINT;
COMMENT ON COLUMN raw.groups.merged_into IS 'id of the object that has what was this one''s, if it is gone';
ALTER TABLE raw.images ADD COLUMN merged_into BIGINT;
COMMENT ON COLUMN raw.images.merged_into IS 'id of the object that has what was this one''s, if it is gone';
ALTER TABLE raw.galleries ADD COLUMN merged_into BIGINT;
COMMENT ON COLUMN raw.galleries.merged_into IS 'id of the object that has what was this one''s, if it is gone';
ALTER TABLE raw.scenes ADD COLUMN merged_into BIGINT;
COMMENT ON COLUMN raw.scenes.merged_into IS 'id of the object that has what was this one''s, if it is gone';
ALTER TABLE raw.scene_markers ADD COLUMN merged_into BIGINT;
COMMENT ON COLUMN raw.scene_markers.merged_into IS 'id of the object that has what was this one''s, if it is gone';
ALTER TABLE raw.saved_filters ADD COLUMN merged_into BIGINT;
COMMENT ON COLUMN raw.saved_filters.merged_into IS 'id of the object that has what was this one''s, if it is gone';
ALTER TABLE raw.configuration ADD COLUMN merged_into BIGINT;
COMMENT ON COLUMN raw.configuration.merged_into IS 'id of the object that has what was this one''s, if it is gone';
