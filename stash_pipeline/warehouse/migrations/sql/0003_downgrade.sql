ALTER TABLE ops.sync_runs DROP COLUMN lane_reason;

ALTER TABLE ops.instances
    DROP COLUMN lane,
    DROP COLUMN snapshot_bytes,
    DROP COLUMN snapshot_seconds,
    DROP COLUMN snapshot_trouble;

DELETE FROM ops.readings WHERE purpose = 'snapshot';
COMMENT ON COLUMN ops.readings.purpose IS 'documents or listing';
