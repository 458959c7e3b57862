CREATE TABLE matches.stashbox_candidates (
    endpoint_id INTEGER NOT NULL,
    instance_id INTEGER NOT NULL,
    scene_id BIGINT NOT NULL,
    box_scene_id TEXT NOT NULL,
    action TEXT NOT NULL,
    confidence DOUBLE PRECISION NOT NULL,
    rule TEXT,
    evidence JSONB NOT NULL,
    CONSTRAINT stashbox_candidates_pkey PRIMARY KEY (instance_id, scene_id, endpoint_id, box_scene_id),
    CONSTRAINT stashbox_candidates_action_check CHECK (action IN ('automatic', 'review', 'reject', 'accepted', 'rejected'))
);

COMMENT ON TABLE matches.stashbox_candidates IS 'Scenes of stash-boxes that are, or may be, local scenes.';

COMMENT ON COLUMN matches.stashbox_candidates.endpoint_id IS 'ops.stashbox_endpoints.id';

COMMENT ON COLUMN matches.stashbox_candidates.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN matches.stashbox_candidates.scene_id IS '→ stash.scenes.id';

COMMENT ON COLUMN matches.stashbox_candidates.box_scene_id IS '→ stashbox.scenes.id';

COMMENT ON COLUMN matches.stashbox_candidates.action IS 'automatic, review or reject; or what a person decided';

COMMENT ON COLUMN matches.stashbox_candidates.confidence IS 'share of right scenes, as the rule states it';

COMMENT ON COLUMN matches.stashbox_candidates.rule IS 'that decided; null if nothing agrees';

COMMENT ON COLUMN matches.stashbox_candidates.evidence IS 'what agrees and contradicts, and why it waits for a person';

CREATE INDEX stashbox_candidates_action_idx ON matches.stashbox_candidates (action, endpoint_id);

CREATE INDEX stashbox_candidates_box_idx ON matches.stashbox_candidates (endpoint_id, box_scene_id);

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
    CONSTRAINT stashbox_endpoints_requests_per_day_check CHECK (requests_per_day > 0),
    CONSTRAINT stashbox_endpoints_requests_per_minute_check CHECK (requests_per_minute BETWEEN 1 AND 240),
    UNIQUE (name),
    CONSTRAINT stashbox_endpoints_dialect_check CHECK (dialect IN ('stash-box', 'theporndb')),
    UNIQUE (url),
    CONSTRAINT stashbox_endpoints_name_check CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9-]*$')
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

CREATE TABLE stashbox.lookups (
    endpoint_id INTEGER NOT NULL,
    fingerprints UUID NOT NULL,
    oshashes BIGINT[] NOT NULL,
    phashes BIGINT[] NOT NULL,
    scene_ids TEXT[] NOT NULL,
    asked_at TIMESTAMP WITH TIME ZONE NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    box_version TEXT,
    CONSTRAINT stashbox_lookups_pkey PRIMARY KEY (endpoint_id, fingerprints),
    CONSTRAINT stashbox_lookups_endpoint_fkey FOREIGN KEY(endpoint_id) REFERENCES ops.stashbox_endpoints (id) ON DELETE CASCADE
);

COMMENT ON TABLE stashbox.lookups IS 'The scenes that a box returned for the hashes of local scenes. An empty answer is an answer.';

COMMENT ON COLUMN stashbox.lookups.endpoint_id IS 'ops.stashbox_endpoints.id';

COMMENT ON COLUMN stashbox.lookups.fingerprints IS 'digest of the hashes that were asked about together';

COMMENT ON COLUMN stashbox.lookups.oshashes IS 'as signed 64-bit integers';

COMMENT ON COLUMN stashbox.lookups.phashes IS 'as signed 64-bit integers';

COMMENT ON COLUMN stashbox.lookups.scene_ids IS 'the answer; empty if the box knows none of the hashes';

COMMENT ON COLUMN stashbox.lookups.changed_at IS 'when the answer last changed';

COMMENT ON COLUMN stashbox.lookups.box_version IS 'of the software: its answers depend on it';

CREATE INDEX stashbox_lookups_scenes_idx ON stashbox.lookups USING gin (scene_ids);

CREATE TABLE stashbox.performers (
    endpoint_id INTEGER NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    disambiguation TEXT,
    gender TEXT,
    birthdate_text TEXT,
    status TEXT NOT NULL,
    successor_id TEXT,
    document JSONB,
    digest UUID,
    updated_at TIMESTAMP WITH TIME ZONE,
    first_seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    misses INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT stashbox_performers_pkey PRIMARY KEY (endpoint_id, id),
    CONSTRAINT stashbox_performers_status_check CHECK (status IN ('active', 'merged', 'deleted', 'missing')),
    CONSTRAINT stashbox_performers_endpoint_fkey FOREIGN KEY(endpoint_id) REFERENCES ops.stashbox_endpoints (id) ON DELETE CASCADE
);

COMMENT ON TABLE stashbox.performers IS 'Performers of the boxes that local objects are linked to, or may be.';

COMMENT ON COLUMN stashbox.performers.endpoint_id IS 'ops.stashbox_endpoints.id';

COMMENT ON COLUMN stashbox.performers.id IS 'the id of the box, in lower case';

COMMENT ON COLUMN stashbox.performers.birthdate_text IS 'with the precision that is known';

COMMENT ON COLUMN stashbox.performers.status IS 'active, merged, deleted, missing';

COMMENT ON COLUMN stashbox.performers.successor_id IS 'into which it was merged';

COMMENT ON COLUMN stashbox.performers.document IS 'as the box returned it last while it was active; null: never seen';

COMMENT ON COLUMN stashbox.performers.digest IS 'of the document';

COMMENT ON COLUMN stashbox.performers.updated_at IS 'as the box says; merges do not change it';

COMMENT ON COLUMN stashbox.performers.fetched_at IS 'when the box was last asked about it';

COMMENT ON COLUMN stashbox.performers.changed_at IS 'when something of this row changed';

COMMENT ON COLUMN stashbox.performers.misses IS 'consecutive answers without it; after the second one it counts as missing';

CREATE INDEX stashbox_performers_fetched_idx ON stashbox.performers (endpoint_id, fetched_at);

CREATE TABLE stashbox.scenes (
    endpoint_id INTEGER NOT NULL,
    id TEXT NOT NULL,
    title TEXT,
    date_text TEXT,
    duration INTEGER,
    code TEXT,
    director TEXT,
    studio_id TEXT,
    status TEXT NOT NULL,
    successor_id TEXT,
    document JSONB,
    digest UUID,
    updated_at TIMESTAMP WITH TIME ZONE,
    first_seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    misses INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT stashbox_scenes_pkey PRIMARY KEY (endpoint_id, id),
    CONSTRAINT stashbox_scenes_endpoint_fkey FOREIGN KEY(endpoint_id) REFERENCES ops.stashbox_endpoints (id) ON DELETE CASCADE,
    CONSTRAINT stashbox_scenes_status_check CHECK (status IN ('active', 'merged', 'deleted', 'missing'))
);

COMMENT ON TABLE stashbox.scenes IS 'Scenes of the boxes that local objects are linked to, or may be.';

COMMENT ON COLUMN stashbox.scenes.endpoint_id IS 'ops.stashbox_endpoints.id';

COMMENT ON COLUMN stashbox.scenes.id IS 'the id of the box, in lower case';

COMMENT ON COLUMN stashbox.scenes.date_text IS 'with the precision that is known';

COMMENT ON COLUMN stashbox.scenes.duration IS 'seconds';

COMMENT ON COLUMN stashbox.scenes.studio_id IS '→ stashbox.studios.id';

COMMENT ON COLUMN stashbox.scenes.status IS 'active, merged, deleted, missing';

COMMENT ON COLUMN stashbox.scenes.successor_id IS 'into which it was merged';

COMMENT ON COLUMN stashbox.scenes.document IS 'as the box returned it last while it was active; null: never seen';

COMMENT ON COLUMN stashbox.scenes.digest IS 'of the document';

COMMENT ON COLUMN stashbox.scenes.updated_at IS 'as the box says; merges do not change it';

COMMENT ON COLUMN stashbox.scenes.fetched_at IS 'when the box was last asked about it';

COMMENT ON COLUMN stashbox.scenes.changed_at IS 'when something of this row changed';

COMMENT ON COLUMN stashbox.scenes.misses IS 'consecutive answers without it; after the second one it counts as missing';

CREATE INDEX stashbox_scenes_fetched_idx ON stashbox.scenes (endpoint_id, fetched_at);

CREATE TABLE stashbox.studios (
    endpoint_id INTEGER NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    parent_id TEXT,
    status TEXT NOT NULL,
    successor_id TEXT,
    document JSONB,
    digest UUID,
    updated_at TIMESTAMP WITH TIME ZONE,
    first_seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    misses INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT stashbox_studios_pkey PRIMARY KEY (endpoint_id, id),
    CONSTRAINT stashbox_studios_status_check CHECK (status IN ('active', 'merged', 'deleted', 'missing')),
    CONSTRAINT stashbox_studios_endpoint_fkey FOREIGN KEY(endpoint_id) REFERENCES ops.stashbox_endpoints (id) ON DELETE CASCADE
);

COMMENT ON TABLE stashbox.studios IS 'Studios of the boxes that local objects are linked to, or may be.';

COMMENT ON COLUMN stashbox.studios.endpoint_id IS 'ops.stashbox_endpoints.id';

COMMENT ON COLUMN stashbox.studios.id IS 'the id of the box, in lower case';

COMMENT ON COLUMN stashbox.studios.parent_id IS '→ stashbox.studios.id';

COMMENT ON COLUMN stashbox.studios.status IS 'active, merged, deleted, missing';

COMMENT ON COLUMN stashbox.studios.successor_id IS 'into which it was merged';

COMMENT ON COLUMN stashbox.studios.document IS 'as the box returned it last while it was active; null: never seen';

COMMENT ON COLUMN stashbox.studios.digest IS 'of the document';

COMMENT ON COLUMN stashbox.studios.updated_at IS 'as the box says; merges do not change it';

COMMENT ON COLUMN stashbox.studios.fetched_at IS 'when the box was last asked about it';

COMMENT ON COLUMN stashbox.studios.changed_at IS 'when something of this row changed';

COMMENT ON COLUMN stashbox.studios.misses IS 'consecutive answers without it; after the second one it counts as missing';

CREATE INDEX stashbox_studios_fetched_idx ON stashbox.studios (endpoint_id, fetched_at);

CREATE TABLE stashbox.tags (
    endpoint_id INTEGER NOT NULL,
    id TEXT NOT NULL,
    name TEXT,
    description TEXT,
    status TEXT NOT NULL,
    successor_id TEXT,
    document JSONB,
    digest UUID,
    updated_at TIMESTAMP WITH TIME ZONE,
    first_seen_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE NOT NULL,
    changed_at TIMESTAMP WITH TIME ZONE NOT NULL,
    misses INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT stashbox_tags_pkey PRIMARY KEY (endpoint_id, id),
    CONSTRAINT stashbox_tags_status_check CHECK (status IN ('active', 'merged', 'deleted', 'missing')),
    CONSTRAINT stashbox_tags_endpoint_fkey FOREIGN KEY(endpoint_id) REFERENCES ops.stashbox_endpoints (id) ON DELETE CASCADE
);

COMMENT ON TABLE stashbox.tags IS 'Tags of the boxes that local objects are linked to, or may be.';

COMMENT ON COLUMN stashbox.tags.endpoint_id IS 'ops.stashbox_endpoints.id';

COMMENT ON COLUMN stashbox.tags.id IS 'the id of the box, in lower case';

COMMENT ON COLUMN stashbox.tags.status IS 'active, merged, deleted, missing';

COMMENT ON COLUMN stashbox.tags.successor_id IS 'into which it was merged';

COMMENT ON COLUMN stashbox.tags.document IS 'as the box returned it last while it was active; null: never seen';

COMMENT ON COLUMN stashbox.tags.digest IS 'of the document';

COMMENT ON COLUMN stashbox.tags.updated_at IS 'as the box says; merges do not change it';

COMMENT ON COLUMN stashbox.tags.fetched_at IS 'when the box was last asked about it';

COMMENT ON COLUMN stashbox.tags.changed_at IS 'when something of this row changed';

COMMENT ON COLUMN stashbox.tags.misses IS 'consecutive answers without it; after the second one it counts as missing';

CREATE INDEX stashbox_tags_fetched_idx ON stashbox.tags (endpoint_id, fetched_at);

CREATE TABLE stashbox.scene_fingerprints (
    endpoint_id INTEGER NOT NULL,
    scene_id TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    hash BIGINT NOT NULL,
    duration INTEGER,
    submissions INTEGER NOT NULL,
    reports INTEGER NOT NULL,
    CONSTRAINT stashbox_scene_fingerprints_pkey PRIMARY KEY (endpoint_id, scene_id, algorithm, hash),
    CONSTRAINT stashbox_scene_fingerprints_scene_fkey FOREIGN KEY(endpoint_id, scene_id) REFERENCES stashbox.scenes (endpoint_id, id) ON DELETE CASCADE
);

COMMENT ON TABLE stashbox.scene_fingerprints IS 'The hashes that people submitted to scenes of a box.';

COMMENT ON COLUMN stashbox.scene_fingerprints.endpoint_id IS 'ops.stashbox_endpoints.id';

COMMENT ON COLUMN stashbox.scene_fingerprints.scene_id IS '→ stashbox.scenes.id';

COMMENT ON COLUMN stashbox.scene_fingerprints.algorithm IS 'OSHASH or PHASH';

COMMENT ON COLUMN stashbox.scene_fingerprints.hash IS 'as a signed 64-bit integer';

COMMENT ON COLUMN stashbox.scene_fingerprints.duration IS 'seconds, of the submitted files';

COMMENT ON COLUMN stashbox.scene_fingerprints.submissions IS 'people who vouch for it';

COMMENT ON COLUMN stashbox.scene_fingerprints.reports IS 'people who call it wrong';

CREATE INDEX stashbox_scene_fingerprints_hash_idx ON stashbox.scene_fingerprints (hash);

ALTER TABLE matches.decisions ADD COLUMN stashbox_url TEXT;

COMMENT ON COLUMN matches.decisions.stashbox_url IS 'of the endpoint, in lower case, if the other side is a record of a stash-box';

ALTER TABLE matches.decisions ADD COLUMN stashbox_id TEXT;

COMMENT ON COLUMN matches.decisions.stashbox_id IS 'of that record; its successor is meant once the box merged it';

COMMENT ON COLUMN matches.decisions.right_instance IS 'null if the verdict is primary, or the other side is of a stash-box';

CREATE INDEX decisions_stashbox_idx ON matches.decisions (stashbox_id) WHERE stashbox_id IS NOT NULL;

ALTER TABLE matches.decisions DROP CONSTRAINT decisions_right_check;

ALTER TABLE matches.decisions ADD CONSTRAINT decisions_right_check CHECK ((num_nonnulls(right_id, stashbox_id) =
CASE verdict
    WHEN 'primary'::text THEN 0
    ELSE 1
END));

ALTER TABLE matches.decisions ADD CONSTRAINT decisions_stashbox_check CHECK (((stashbox_url IS NULL) = (stashbox_id IS NULL)));
