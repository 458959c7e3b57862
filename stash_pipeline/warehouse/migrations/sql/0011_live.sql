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

COMMENT ON TABLE ops.cadence IS 'How often each server is asked and compared, and what that cost; see docs/live.md.';

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
