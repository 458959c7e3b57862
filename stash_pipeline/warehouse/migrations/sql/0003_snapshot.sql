ALTER TABLE ops.instances
    ADD COLUMN lane TEXT DEFAULT 'auto' NOT NULL,
    ADD COLUMN snapshot_bytes BIGINT,
    ADD COLUMN snapshot_seconds DOUBLE PRECISION,
    ADD COLUMN snapshot_trouble TEXT,
    ADD CONSTRAINT instances_lane_check CHECK (lane IN ('graphql', 'snapshot', 'auto'));

COMMENT ON COLUMN ops.instances.lane IS 'graphql, snapshot or auto';
COMMENT ON COLUMN ops.instances.snapshot_bytes IS 'size of the last copy of its database';
COMMENT ON COLUMN ops.instances.snapshot_seconds IS 'that the server took to make it, and did not write meanwhile';
COMMENT ON COLUMN ops.instances.snapshot_trouble IS 'why the last copy could not be had, or not be read';

ALTER TABLE ops.sync_runs ADD COLUMN lane_reason TEXT;

COMMENT ON COLUMN ops.sync_runs.lane_reason IS 'why it took that lane';

COMMENT ON COLUMN ops.readings.purpose IS 'documents, listing, or snapshot';
