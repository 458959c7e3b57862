CREATE TABLE ops.stashbox_endpoints (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    dialect TEXT NOT NULL,
    api_key_encrypted BYTEA,
    api_key_env TEXT,
    requests_per_minute INTEGER DEFAULT 120 NOT NULL,
    requests_per_day INTEGER DEFAULT 10000,
    enabled BOOLEAN DEFAULT true NOT NULL,
    feed_catalog BOOLEAN DEFAULT true NOT NULL,
    next_slot TIMESTAMP WITH TIME ZONE,
    requests_day DATE,
    requests_used INTEGER DEFAULT 0 NOT NULL,
    paused_until TIMESTAMP WITH TIME ZONE,
    version TEXT,
    last_error TEXT,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT stashbox_endpoints_requests_per_minute_check CHECK (requests_per_minute BETWEEN 1 AND 240),
    UNIQUE (name),
    UNIQUE (url),
    CONSTRAINT stashbox_endpoints_name_check CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9-]*$'),
    CONSTRAINT stashbox_endpoints_dialect_check CHECK (dialect IN ('stash-box', 'theporndb')),
    CONSTRAINT stashbox_endpoints_requests_per_day_check CHECK (requests_per_day > 0)
);

COMMENT ON TABLE ops.stashbox_endpoints IS 'The stash-boxes that may be asked, and how many requests each has had.';

COMMENT ON COLUMN ops.stashbox_endpoints.url IS 'normalised; its lower case equals the keys in stash_ids';

COMMENT ON COLUMN ops.stashbox_endpoints.dialect IS 'stash-box or theporndb';

COMMENT ON COLUMN ops.stashbox_endpoints.api_key_encrypted IS 'with the key file in the project''s home';

COMMENT ON COLUMN ops.stashbox_endpoints.api_key_env IS 'name of the environment variable that holds the key';

COMMENT ON COLUMN ops.stashbox_endpoints.requests_per_day IS 'null: not limited';

COMMENT ON COLUMN ops.stashbox_endpoints.feed_catalog IS 'whether its values enter catalog';

COMMENT ON COLUMN ops.stashbox_endpoints.next_slot IS 'when the next request may be sent, by any process';

COMMENT ON COLUMN ops.stashbox_endpoints.requests_day IS 'the day, in UTC, of requests_used';

COMMENT ON COLUMN ops.stashbox_endpoints.requests_used IS 'requests on that day';

COMMENT ON COLUMN ops.stashbox_endpoints.paused_until IS 'until when the box asked for no requests';

COMMENT ON COLUMN ops.stashbox_endpoints.version IS 'as last reported by the box';

COMMENT ON COLUMN ops.stashbox_endpoints.last_error IS 'of the last request that failed; null after a successful test or run';
