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

COMMENT ON COLUMN ops.notifications.sent_at IS 'null: not sent yet, or given up';

COMMENT ON COLUMN ops.notifications.resolved_at IS 'when the cause vanished; null as long as it lasts';

COMMENT ON COLUMN ops.notifications.attempts IS 'failed attempts to send it';

COMMENT ON COLUMN ops.notifications.error IS 'of the last attempt, without addresses';

CREATE INDEX notifications_kind_idx ON ops.notifications (kind) WHERE resolved_at IS NULL;
