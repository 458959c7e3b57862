DROP VIEW catalog.provenance;

DROP VIEW catalog.conflicts;

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

CREATE TABLE matches.stashbox_proposals (
    entity TEXT NOT NULL,
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    field TEXT NOT NULL,
    endpoint_id INTEGER NOT NULL,
    box_id TEXT NOT NULL,
    value TEXT NOT NULL,
    replaces TEXT,
    CONSTRAINT proposals_pkey PRIMARY KEY (entity, instance_id, id, field, endpoint_id, box_id)
);

COMMENT ON TABLE matches.stashbox_proposals IS 'What servers lack and stash-boxes have: stash ids, and values of empty fields.';

COMMENT ON COLUMN matches.stashbox_proposals.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN matches.stashbox_proposals.id IS 'the server''s id';

COMMENT ON COLUMN matches.stashbox_proposals.field IS 'of the table in stash, or stash_id';

COMMENT ON COLUMN matches.stashbox_proposals.endpoint_id IS 'ops.stashbox_endpoints.id';

COMMENT ON COLUMN matches.stashbox_proposals.box_id IS 'the record that has the value; the id to add if field is stash_id';

COMMENT ON COLUMN matches.stashbox_proposals.replaces IS 'the dead stash id that the server has instead';

CREATE TABLE matches.totals (
    name TEXT NOT NULL,
    value BIGINT NOT NULL,
    PRIMARY KEY (name)
);

COMMENT ON TABLE matches.totals IS 'Rows of the tables and sums, kept because counting would grow with the library.';

COMMENT ON COLUMN matches.totals.name IS 'of a table, for its rows; or of a sum';

CREATE TABLE ops.stashbox_endpoints (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    dialect TEXT NOT NULL,
    api_key_encrypted BYTEA,
    api_key_env TEXT,
    ca_file TEXT,
    requests_per_minute INTEGER DEFAULT 120 NOT NULL,
    requests_per_day INTEGER DEFAULT 10000,
    enabled BOOLEAN DEFAULT true NOT NULL,
    feed_catalog BOOLEAN DEFAULT true NOT NULL,
    fresh_days INTEGER DEFAULT 90 NOT NULL,
    list_missing BOOLEAN DEFAULT false NOT NULL,
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
    CONSTRAINT stashbox_endpoints_fresh_days_check CHECK (fresh_days > 0),
    CONSTRAINT stashbox_endpoints_dialect_check CHECK (dialect IN ('stash-box', 'theporndb')),
    CONSTRAINT stashbox_endpoints_requests_per_day_check CHECK (requests_per_day > 0),
    CONSTRAINT stashbox_endpoints_name_check CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9-]*$')
);

COMMENT ON TABLE ops.stashbox_endpoints IS 'The stash-boxes that may be asked, and how many requests each has had.';

COMMENT ON COLUMN ops.stashbox_endpoints.url IS 'normalised; its lower case equals the keys in stash_ids';

COMMENT ON COLUMN ops.stashbox_endpoints.dialect IS 'stash-box or theporndb';

COMMENT ON COLUMN ops.stashbox_endpoints.api_key_encrypted IS 'with the key file in the project''s home';

COMMENT ON COLUMN ops.stashbox_endpoints.api_key_env IS 'name of the environment variable that holds the key';

COMMENT ON COLUMN ops.stashbox_endpoints.ca_file IS 'PEM file of the authority that signed the box''s certificate';

COMMENT ON COLUMN ops.stashbox_endpoints.requests_per_day IS 'null: not limited';

COMMENT ON COLUMN ops.stashbox_endpoints.feed_catalog IS 'whether its values enter catalog';

COMMENT ON COLUMN ops.stashbox_endpoints.fresh_days IS 'after how many days without an answer about it a record is stale';

COMMENT ON COLUMN ops.stashbox_endpoints.list_missing IS 'whether the scenes of favorite performers and studios are listed, see stashbox.missing';

COMMENT ON COLUMN ops.stashbox_endpoints.next_slot IS 'when the next request may be sent, by any process';

COMMENT ON COLUMN ops.stashbox_endpoints.requests_day IS 'the day, in UTC, of requests_used';

COMMENT ON COLUMN ops.stashbox_endpoints.requests_used IS 'requests on that day';

COMMENT ON COLUMN ops.stashbox_endpoints.paused_until IS 'until when the box asked for no requests';

COMMENT ON COLUMN ops.stashbox_endpoints.version IS 'as last reported by the box';

COMMENT ON COLUMN ops.stashbox_endpoints.last_error IS 'of the last request that failed; null after a successful test or run';

CREATE TABLE stashbox.listings (
    endpoint_id INTEGER NOT NULL,
    entity TEXT NOT NULL,
    id TEXT NOT NULL,
    next_page INTEGER DEFAULT 1 NOT NULL,
    scenes INTEGER,
    started_at TIMESTAMP WITH TIME ZONE,
    completed_at TIMESTAMP WITH TIME ZONE,
    failed_at TIMESTAMP WITH TIME ZONE,
    error TEXT,
    CONSTRAINT stashbox_listings_pkey PRIMARY KEY (endpoint_id, entity, id),
    CONSTRAINT stashbox_listings_entity_check CHECK (entity IN ('performers', 'studios')),
    CONSTRAINT stashbox_listings_endpoint_fkey FOREIGN KEY(endpoint_id) REFERENCES ops.stashbox_endpoints (id) ON DELETE CASCADE
);

COMMENT ON TABLE stashbox.listings IS 'The favorite performers and studios whose scenes are listed, and how far each list was read.';

COMMENT ON COLUMN stashbox.listings.endpoint_id IS 'ops.stashbox_endpoints.id';

COMMENT ON COLUMN stashbox.listings.entity IS 'performers or studios';

COMMENT ON COLUMN stashbox.listings.id IS 'the box''s id of a favorite of the catalog';

COMMENT ON COLUMN stashbox.listings.next_page IS 'where a reading continues';

COMMENT ON COLUMN stashbox.listings.scenes IS 'that the box counted when the reading began';

COMMENT ON COLUMN stashbox.listings.started_at IS 'when the reading of its first page began';

COMMENT ON COLUMN stashbox.listings.completed_at IS 'when all pages were read last; null: never';

COMMENT ON COLUMN stashbox.listings.failed_at IS 'of the last reading that failed; null after a success';

COMMENT ON COLUMN stashbox.listings.error IS 'why it failed';

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
    stale BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT stashbox_performers_pkey PRIMARY KEY (endpoint_id, id),
    CONSTRAINT stashbox_performers_endpoint_fkey FOREIGN KEY(endpoint_id) REFERENCES ops.stashbox_endpoints (id) ON DELETE CASCADE,
    CONSTRAINT stashbox_performers_status_check CHECK (status IN ('active', 'merged', 'deleted', 'missing'))
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

COMMENT ON COLUMN stashbox.performers.stale IS 'not fetched within ops.stashbox_endpoints.fresh_days, when a run last looked';

CREATE INDEX stashbox_performers_fetched_idx ON stashbox.performers (endpoint_id, fetched_at);

CREATE INDEX stashbox_performers_successor_idx ON stashbox.performers (endpoint_id, successor_id);

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
    stale BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT stashbox_scenes_pkey PRIMARY KEY (endpoint_id, id),
    CONSTRAINT stashbox_scenes_status_check CHECK (status IN ('active', 'merged', 'deleted', 'missing')),
    CONSTRAINT stashbox_scenes_endpoint_fkey FOREIGN KEY(endpoint_id) REFERENCES ops.stashbox_endpoints (id) ON DELETE CASCADE
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

COMMENT ON COLUMN stashbox.scenes.stale IS 'not fetched within ops.stashbox_endpoints.fresh_days, when a run last looked';

CREATE INDEX stashbox_scenes_fetched_idx ON stashbox.scenes (endpoint_id, fetched_at);

CREATE INDEX stashbox_scenes_successor_idx ON stashbox.scenes (endpoint_id, successor_id);

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
    stale BOOLEAN DEFAULT false NOT NULL,
    CONSTRAINT stashbox_studios_pkey PRIMARY KEY (endpoint_id, id),
    CONSTRAINT stashbox_studios_endpoint_fkey FOREIGN KEY(endpoint_id) REFERENCES ops.stashbox_endpoints (id) ON DELETE CASCADE,
    CONSTRAINT stashbox_studios_status_check CHECK (status IN ('active', 'merged', 'deleted', 'missing'))
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

COMMENT ON COLUMN stashbox.studios.stale IS 'not fetched within ops.stashbox_endpoints.fresh_days, when a run last looked';

CREATE INDEX stashbox_studios_fetched_idx ON stashbox.studios (endpoint_id, fetched_at);

CREATE INDEX stashbox_studios_successor_idx ON stashbox.studios (endpoint_id, successor_id);

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
    stale BOOLEAN DEFAULT false NOT NULL,
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

COMMENT ON COLUMN stashbox.tags.stale IS 'not fetched within ops.stashbox_endpoints.fresh_days, when a run last looked';

CREATE INDEX stashbox_tags_fetched_idx ON stashbox.tags (endpoint_id, fetched_at);

CREATE INDEX stashbox_tags_successor_idx ON stashbox.tags (endpoint_id, successor_id);

CREATE TABLE stashbox.listed_scenes (
    endpoint_id INTEGER NOT NULL,
    entity TEXT NOT NULL,
    owner_id TEXT NOT NULL,
    scene_id TEXT NOT NULL,
    title TEXT,
    date_text TEXT,
    duration INTEGER,
    code TEXT,
    studio_id TEXT,
    studio TEXT,
    performers TEXT[] NOT NULL,
    seen_at TIMESTAMP WITH TIME ZONE NOT NULL,
    misses INTEGER DEFAULT 0 NOT NULL,
    CONSTRAINT stashbox_listed_scenes_pkey PRIMARY KEY (endpoint_id, entity, owner_id, scene_id),
    CONSTRAINT stashbox_listed_scenes_listing_fkey FOREIGN KEY(endpoint_id, entity, owner_id) REFERENCES stashbox.listings (endpoint_id, entity, id) ON DELETE CASCADE
);

COMMENT ON TABLE stashbox.listed_scenes IS 'What a box lists for favorite performers and studios. Those that no instance owns are in the view stashbox.missing.';

COMMENT ON COLUMN stashbox.listed_scenes.endpoint_id IS 'ops.stashbox_endpoints.id';

COMMENT ON COLUMN stashbox.listed_scenes.entity IS 'performers or studios';

COMMENT ON COLUMN stashbox.listed_scenes.owner_id IS '→ stashbox.listings.id';

COMMENT ON COLUMN stashbox.listed_scenes.scene_id IS 'the id of the box, in lower case';

COMMENT ON COLUMN stashbox.listed_scenes.date_text IS 'with the precision that is known';

COMMENT ON COLUMN stashbox.listed_scenes.duration IS 'seconds';

COMMENT ON COLUMN stashbox.listed_scenes.studio_id IS 'of the box';

COMMENT ON COLUMN stashbox.listed_scenes.studio IS 'its name';

COMMENT ON COLUMN stashbox.listed_scenes.performers IS 'their names';

COMMENT ON COLUMN stashbox.listed_scenes.seen_at IS 'when it was in the list last';

COMMENT ON COLUMN stashbox.listed_scenes.misses IS 'consecutive complete lists without it; after the second one the row is removed';

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

DROP INDEX catalog.performer_stash_ids_stash_id_idx;

CREATE INDEX performer_stash_ids_stash_id_idx ON catalog.performer_stash_ids USING hash (lower(stash_id));

DROP INDEX catalog.scene_stash_ids_stash_id_idx;

CREATE INDEX scene_stash_ids_stash_id_idx ON catalog.scene_stash_ids USING hash (lower(stash_id));

ALTER TABLE catalog.sources ADD COLUMN endpoint_ids INTEGER[];

COMMENT ON COLUMN catalog.sources.endpoint_ids IS 'ops.stashbox_endpoints.id of the boxes that took part; null: none';

ALTER TABLE catalog.sources ADD COLUMN box_ids TEXT[];

COMMENT ON COLUMN catalog.sources.box_ids IS 'the ids of their records, in the same order';

ALTER TABLE catalog.sources ADD COLUMN box_numbers INTEGER[];

COMMENT ON COLUMN catalog.sources.box_numbers IS 'by field, the position in endpoint_ids of the box that it is of';

COMMENT ON COLUMN catalog.sources.id IS 'of a record of several objects, or linked to a stash-box';

DROP INDEX catalog.studio_stash_ids_stash_id_idx;

CREATE INDEX studio_stash_ids_stash_id_idx ON catalog.studio_stash_ids USING hash (lower(stash_id));

DROP INDEX catalog.tag_stash_ids_stash_id_idx;

CREATE INDEX tag_stash_ids_stash_id_idx ON catalog.tag_stash_ids USING hash (lower(stash_id));

ALTER TABLE matches.decisions ADD COLUMN stashbox_url TEXT;

COMMENT ON COLUMN matches.decisions.stashbox_url IS 'of the endpoint, in lower case, if the other side is a record of a stash-box';

ALTER TABLE matches.decisions ADD COLUMN stashbox_id TEXT;

COMMENT ON COLUMN matches.decisions.stashbox_id IS 'of that record; its successor is meant once the box merged it';

COMMENT ON COLUMN matches.decisions.right_instance IS 'null if the verdict is primary, or the other side is of a stash-box';

CREATE INDEX decisions_stashbox_idx ON matches.decisions (stashbox_id) WHERE stashbox_id IS NOT NULL;

ALTER TABLE ops.instances ADD COLUMN use_stash_boxes BOOLEAN DEFAULT true NOT NULL;

COMMENT ON COLUMN ops.instances.use_stash_boxes IS 'whether values of stash-boxes are added to its objects in catalog, and proposed for them';

DROP INDEX stash.performer_stash_ids_stash_id_idx;

CREATE INDEX performer_stash_ids_stash_id_idx ON stash.performer_stash_ids USING hash (lower(stash_id));

DROP INDEX stash.scene_stash_ids_stash_id_idx;

CREATE INDEX scene_stash_ids_stash_id_idx ON stash.scene_stash_ids USING hash (lower(stash_id));

DROP INDEX stash.studio_stash_ids_stash_id_idx;

CREATE INDEX studio_stash_ids_stash_id_idx ON stash.studio_stash_ids USING hash (lower(stash_id));

DROP INDEX stash.tag_stash_ids_stash_id_idx;

CREATE INDEX tag_stash_ids_stash_id_idx ON stash.tag_stash_ids USING hash (lower(stash_id));

ALTER TABLE matches.decisions DROP CONSTRAINT decisions_right_check;

ALTER TABLE matches.decisions ADD CONSTRAINT decisions_right_check CHECK ((num_nonnulls(right_id, stashbox_id) =
CASE verdict
    WHEN 'primary'::text THEN 0
    ELSE 1
END));

ALTER TABLE matches.decisions ADD CONSTRAINT decisions_stashbox_check CHECK (((stashbox_url IS NULL) = (stashbox_id IS NULL)));

CREATE VIEW stashbox.missing AS
WITH owned AS MATERIALIZED (
    SELECT e.id AS endpoint_id, coalesce(d.successor_id, lower(x.stash_id)) AS scene_id
    FROM stash.scene_stash_ids x
    JOIN ops.instances i ON i.id = x.instance_id AND i.removed_at IS NULL
    JOIN ops.stashbox_endpoints e ON (CASE WHEN position(':' IN substr(x.endpoint, 8)) > 0 THEN regexp_replace(regexp_replace(rtrim(lower(btrim(x.endpoint, ' ')), '/'), '^(https://[^/]*):443(/|$)', '\1\2'), '^(http://[^/]*):80(/|$)', '\1\2') ELSE rtrim(lower(btrim(x.endpoint, ' ')), '/') END) = (CASE WHEN position(':' IN substr(e.url, 8)) > 0 THEN regexp_replace(regexp_replace(rtrim(lower(btrim(e.url, ' ')), '/'), '^(https://[^/]*):443(/|$)', '\1\2'), '^(http://[^/]*):80(/|$)', '\1\2') ELSE rtrim(lower(btrim(e.url, ' ')), '/') END)
    LEFT JOIN stashbox.scenes d ON d.endpoint_id = e.id AND d.id = lower(x.stash_id)
    UNION
    SELECT c.endpoint_id, c.box_scene_id
    FROM matches.stashbox_candidates c
    JOIN ops.instances i ON i.id = c.instance_id AND i.removed_at IS NULL
    WHERE c.action IN ('automatic', 'accepted')
), possible AS MATERIALIZED (
    SELECT DISTINCT c.endpoint_id, c.box_scene_id AS scene_id FROM matches.stashbox_candidates c
    WHERE c.action = 'review'
), newest AS (
    SELECT DISTINCT ON (s.endpoint_id, s.scene_id) s.* FROM stashbox.listed_scenes s
    ORDER BY s.endpoint_id, s.scene_id, s.seen_at DESC, s.entity, s.owner_id
), owners AS (
    SELECT s.endpoint_id, s.scene_id, array_agg(DISTINCT coalesce(p.name, t.name, s.owner_id)) AS favorites
    FROM stashbox.listed_scenes s
    LEFT JOIN stashbox.performers p ON s.entity = 'performers' AND p.endpoint_id = s.endpoint_id AND p.id = s.owner_id
    LEFT JOIN stashbox.studios t ON s.entity = 'studios' AND t.endpoint_id = s.endpoint_id AND t.id = s.owner_id
    GROUP BY s.endpoint_id, s.scene_id
)
SELECT e.name AS box, l.endpoint_id, l.scene_id, l.title, l.date_text, l.duration, l.code, l.studio, l.performers,
    f.favorites,
    EXISTS (SELECT FROM possible m WHERE m.endpoint_id = l.endpoint_id AND m.scene_id = l.scene_id)
        AS waits_for_decision,
    l.seen_at
FROM newest l
JOIN owners f USING (endpoint_id, scene_id)
JOIN ops.stashbox_endpoints e ON e.id = l.endpoint_id AND e.enabled AND e.list_missing
WHERE NOT EXISTS (SELECT FROM owned o WHERE o.endpoint_id = l.endpoint_id AND o.scene_id = l.scene_id);

COMMENT ON VIEW stashbox.missing IS 'Scenes that boxes list for favorite performers and studios, and that no instance owns.';

CREATE VIEW catalog.provenance AS
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id, s.box_ids[s.box_numbers[f.n]] AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'sort_name'), (3, 'description'), (4, 'favorite'), (5, 'ignore_auto_tag'), (6, 'image_path'), (7, 'custom_fields'), (8, 'created_at'), (9, 'updated_at')) AS f (n, field)
WHERE s.entity = 'tags' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'tags', c.id, f.field, m.instance_id, m.id, 'only', NULL, NULL
FROM catalog.tags c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('name', c.name IS NOT NULL), ('sort_name', c.sort_name IS NOT NULL), ('description', c.description IS NOT NULL), ('favorite', c.favorite IS NOT NULL), ('ignore_auto_tag', c.ignore_auto_tag IS NOT NULL), ('image_path', c.image_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present AND NOT EXISTS (SELECT FROM catalog.sources s WHERE s.id = c.id)
UNION ALL
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id, s.box_ids[s.box_numbers[f.n]] AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'details'), (3, 'rating100'), (4, 'favorite'), (5, 'organized'), (6, 'ignore_auto_tag'), (7, 'image_path'), (8, 'custom_fields'), (9, 'created_at'), (10, 'updated_at'), (11, 'parent_studio')) AS f (n, field)
WHERE s.entity = 'studios' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'studios', c.id, f.field, m.instance_id, m.id, 'only', NULL, NULL
FROM catalog.studios c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('name', c.name IS NOT NULL), ('details', c.details IS NOT NULL), ('rating100', c.rating100 IS NOT NULL), ('favorite', c.favorite IS NOT NULL), ('organized', c.organized IS NOT NULL), ('ignore_auto_tag', c.ignore_auto_tag IS NOT NULL), ('image_path', c.image_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL), ('parent_studio', c.parent_studio_id IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present AND NOT EXISTS (SELECT FROM catalog.sources s WHERE s.id = c.id)
UNION ALL
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id, s.box_ids[s.box_numbers[f.n]] AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'disambiguation'), (3, 'gender'), (4, 'birthdate'), (5, 'death_date'), (6, 'ethnicity'), (7, 'country'), (8, 'eye_color'), (9, 'hair_color'), (10, 'height_cm'), (11, 'weight'), (12, 'measurements'), (13, 'fake_tits'), (14, 'penis_length'), (15, 'circumcised'), (16, 'career_length'), (17, 'career_start'), (18, 'career_end'), (19, 'tattoos'), (20, 'piercings'), (21, 'details'), (22, 'rating100'), (23, 'favorite'), (24, 'ignore_auto_tag'), (25, 'image_path'), (26, 'custom_fields'), (27, 'created_at'), (28, 'updated_at')) AS f (n, field)
WHERE s.entity = 'performers' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'performers', c.id, f.field, m.instance_id, m.id, 'only', NULL, NULL
FROM catalog.performers c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('name', c.name IS NOT NULL), ('disambiguation', c.disambiguation IS NOT NULL), ('gender', c.gender IS NOT NULL), ('birthdate', c.birthdate_text IS NOT NULL), ('death_date', c.death_date_text IS NOT NULL), ('ethnicity', c.ethnicity IS NOT NULL), ('country', c.country IS NOT NULL), ('eye_color', c.eye_color IS NOT NULL), ('hair_color', c.hair_color IS NOT NULL), ('height_cm', c.height_cm IS NOT NULL), ('weight', c.weight IS NOT NULL), ('measurements', c.measurements IS NOT NULL), ('fake_tits', c.fake_tits IS NOT NULL), ('penis_length', c.penis_length IS NOT NULL), ('circumcised', c.circumcised IS NOT NULL), ('career_length', c.career_length IS NOT NULL), ('career_start', c.career_start_text IS NOT NULL), ('career_end', c.career_end_text IS NOT NULL), ('tattoos', c.tattoos IS NOT NULL), ('piercings', c.piercings IS NOT NULL), ('details', c.details IS NOT NULL), ('rating100', c.rating100 IS NOT NULL), ('favorite', c.favorite IS NOT NULL), ('ignore_auto_tag', c.ignore_auto_tag IS NOT NULL), ('image_path', c.image_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present AND NOT EXISTS (SELECT FROM catalog.sources s WHERE s.id = c.id)
UNION ALL
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id, s.box_ids[s.box_numbers[f.n]] AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'aliases'), (3, 'duration'), (4, 'date'), (5, 'rating100'), (6, 'director'), (7, 'synopsis'), (8, 'front_image_path'), (9, 'back_image_path'), (10, 'custom_fields'), (11, 'created_at'), (12, 'updated_at'), (13, 'studio')) AS f (n, field)
WHERE s.entity = 'groups' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'groups', c.id, f.field, m.instance_id, m.id, 'only', NULL, NULL
FROM catalog.groups c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('name', c.name IS NOT NULL), ('aliases', c.aliases IS NOT NULL), ('duration', c.duration IS NOT NULL), ('date', c.date_text IS NOT NULL), ('rating100', c.rating100 IS NOT NULL), ('director', c.director IS NOT NULL), ('synopsis', c.synopsis IS NOT NULL), ('front_image_path', c.front_image_path IS NOT NULL), ('back_image_path', c.back_image_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL), ('studio', c.studio_id IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present
UNION ALL
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id, s.box_ids[s.box_numbers[f.n]] AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'photographer'), (5, 'date'), (6, 'rating100'), (7, 'o_counter'), (8, 'organized'), (9, 'image_path'), (10, 'thumbnail_path'), (11, 'preview_path'), (12, 'custom_fields'), (13, 'created_at'), (14, 'updated_at'), (15, 'studio')) AS f (n, field)
WHERE s.entity = 'images' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'images', c.id, f.field, m.instance_id, m.id, 'only', NULL, NULL
FROM catalog.images c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('title', c.title IS NOT NULL), ('code', c.code IS NOT NULL), ('details', c.details IS NOT NULL), ('photographer', c.photographer IS NOT NULL), ('date', c.date_text IS NOT NULL), ('rating100', c.rating100 IS NOT NULL), ('o_counter', c.o_counter IS NOT NULL), ('organized', c.organized IS NOT NULL), ('image_path', c.image_path IS NOT NULL), ('thumbnail_path', c.thumbnail_path IS NOT NULL), ('preview_path', c.preview_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL), ('studio', c.studio_id IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present
UNION ALL
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id, s.box_ids[s.box_numbers[f.n]] AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'photographer'), (5, 'date'), (6, 'rating100'), (7, 'organized'), (8, 'cover_path'), (9, 'preview_path'), (10, 'custom_fields'), (11, 'created_at'), (12, 'updated_at'), (13, 'studio'), (14, 'cover')) AS f (n, field)
WHERE s.entity = 'galleries' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'galleries', c.id, f.field, m.instance_id, m.id, 'only', NULL, NULL
FROM catalog.galleries c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('title', c.title IS NOT NULL), ('code', c.code IS NOT NULL), ('details', c.details IS NOT NULL), ('photographer', c.photographer IS NOT NULL), ('date', c.date_text IS NOT NULL), ('rating100', c.rating100 IS NOT NULL), ('organized', c.organized IS NOT NULL), ('cover_path', c.cover_path IS NOT NULL), ('preview_path', c.preview_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL), ('studio', c.studio_id IS NOT NULL), ('cover', c.cover_id IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present
UNION ALL
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule,
    s.endpoint_ids[s.box_numbers[f.n]] AS endpoint_id, s.box_ids[s.box_numbers[f.n]] AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'director'), (5, 'date'), (6, 'rating100'), (7, 'organized'), (8, 'o_counter'), (9, 'play_count'), (10, 'play_duration'), (11, 'resume_time'), (12, 'last_played_at'), (13, 'interactive'), (14, 'interactive_speed'), (15, 'screenshot_path'), (16, 'preview_path'), (17, 'webp_path'), (18, 'vtt_path'), (19, 'sprite_path'), (20, 'funscript_path'), (21, 'interactive_heatmap_path'), (22, 'caption_path'), (23, 'custom_fields'), (24, 'created_at'), (25, 'updated_at'), (26, 'studio')) AS f (n, field)
WHERE s.entity = 'scenes' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'scenes', c.id, f.field, m.instance_id, m.id, 'only', NULL, NULL
FROM catalog.scenes c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('title', c.title IS NOT NULL), ('code', c.code IS NOT NULL), ('details', c.details IS NOT NULL), ('director', c.director IS NOT NULL), ('date', c.date_text IS NOT NULL), ('rating100', c.rating100 IS NOT NULL), ('organized', c.organized IS NOT NULL), ('o_counter', c.o_counter IS NOT NULL), ('play_count', c.play_count IS NOT NULL), ('play_duration', c.play_duration IS NOT NULL), ('resume_time', c.resume_time IS NOT NULL), ('last_played_at', c.last_played_at IS NOT NULL), ('interactive', c.interactive IS NOT NULL), ('interactive_speed', c.interactive_speed IS NOT NULL), ('screenshot_path', c.screenshot_path IS NOT NULL), ('preview_path', c.preview_path IS NOT NULL), ('webp_path', c.webp_path IS NOT NULL), ('vtt_path', c.vtt_path IS NOT NULL), ('sprite_path', c.sprite_path IS NOT NULL), ('funscript_path', c.funscript_path IS NOT NULL), ('interactive_heatmap_path', c.interactive_heatmap_path IS NOT NULL), ('caption_path', c.caption_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL), ('studio', c.studio_id IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present AND NOT EXISTS (SELECT FROM catalog.sources s WHERE s.id = c.id);

COMMENT ON VIEW catalog.provenance IS 'Of which object or stash-box each field of a record is, and the rule that decided; only: no other member has a value, agreed: all values are equal.';

CREATE VIEW catalog.conflicts AS
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.name)
        WHEN 2 THEN to_jsonb(o.sort_name)
        WHEN 3 THEN to_jsonb(o.description)
    END AS value,
    coalesce(m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n], false) AS survives,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule, NULL::integer AS endpoint_id, NULL::text AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'sort_name'), (3, 'description')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.tags o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'tags' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, NULL, NULL, CASE f.n
        WHEN 1 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'name') = 'string' THEN nullif(btrim(d.document ->> 'name'), '') END)
        WHEN 3 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'description') = 'string' THEN nullif(btrim(d.document ->> 'description'), '') END)
    END,
    b.n IS NOT DISTINCT FROM s.box_numbers[f.n], CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END, b.endpoint_id, b.box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (3, 'description')) AS f (n, field)
CROSS JOIN LATERAL unnest(s.endpoint_ids, s.box_ids) WITH ORDINALITY AS b (endpoint_id, box_id, n)
JOIN stashbox.tags d ON d.endpoint_id = b.endpoint_id AND d.id = b.box_id
WHERE s.entity = 'tags' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.name)
        WHEN 2 THEN to_jsonb(o.details)
        WHEN 3 THEN to_jsonb(o.rating100)
        WHEN 11 THEN (SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = 'studios' AND t.instance_id = o.instance_id AND t.id = o.parent_studio_id)
    END AS value,
    coalesce(m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n], false) AS survives,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule, NULL::integer AS endpoint_id, NULL::text AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'details'), (3, 'rating100'), (11, 'parent_studio')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.studios o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'studios' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, NULL, NULL, CASE f.n
        WHEN 1 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'name') = 'string' THEN nullif(btrim(d.document ->> 'name'), '') END)
    END,
    b.n IS NOT DISTINCT FROM s.box_numbers[f.n], CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END, b.endpoint_id, b.box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name')) AS f (n, field)
CROSS JOIN LATERAL unnest(s.endpoint_ids, s.box_ids) WITH ORDINALITY AS b (endpoint_id, box_id, n)
JOIN stashbox.studios d ON d.endpoint_id = b.endpoint_id AND d.id = b.box_id
WHERE s.entity = 'studios' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.name)
        WHEN 2 THEN to_jsonb(o.disambiguation)
        WHEN 3 THEN to_jsonb(o.gender)
        WHEN 4 THEN to_jsonb(o.birthdate_text)
        WHEN 5 THEN to_jsonb(o.death_date_text)
        WHEN 6 THEN to_jsonb(o.ethnicity)
        WHEN 7 THEN to_jsonb(o.country)
        WHEN 8 THEN to_jsonb(o.eye_color)
        WHEN 9 THEN to_jsonb(o.hair_color)
        WHEN 10 THEN to_jsonb(o.height_cm)
        WHEN 11 THEN to_jsonb(o.weight)
        WHEN 12 THEN to_jsonb(o.measurements)
        WHEN 13 THEN to_jsonb(o.fake_tits)
        WHEN 14 THEN to_jsonb(o.penis_length)
        WHEN 15 THEN to_jsonb(o.circumcised)
        WHEN 16 THEN to_jsonb(o.career_length)
        WHEN 17 THEN to_jsonb(o.career_start_text)
        WHEN 18 THEN to_jsonb(o.career_end_text)
        WHEN 19 THEN to_jsonb(o.tattoos)
        WHEN 20 THEN to_jsonb(o.piercings)
        WHEN 21 THEN to_jsonb(o.details)
        WHEN 22 THEN to_jsonb(o.rating100)
    END AS value,
    coalesce(m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n], false) AS survives,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule, NULL::integer AS endpoint_id, NULL::text AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'disambiguation'), (3, 'gender'), (4, 'birthdate'), (5, 'death_date'), (6, 'ethnicity'), (7, 'country'), (8, 'eye_color'), (9, 'hair_color'), (10, 'height_cm'), (11, 'weight'), (12, 'measurements'), (13, 'fake_tits'), (14, 'penis_length'), (15, 'circumcised'), (16, 'career_length'), (17, 'career_start'), (18, 'career_end'), (19, 'tattoos'), (20, 'piercings'), (21, 'details'), (22, 'rating100')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.performers o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'performers' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, NULL, NULL, CASE f.n
        WHEN 1 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'name') = 'string' THEN nullif(btrim(d.document ->> 'name'), '') END)
        WHEN 2 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'disambiguation') = 'string' THEN nullif(btrim(d.document ->> 'disambiguation'), '') END)
        WHEN 3 THEN to_jsonb(CASE WHEN d.document ->> 'gender' IN ('MALE', 'FEMALE', 'TRANSGENDER_MALE', 'TRANSGENDER_FEMALE', 'INTERSEX', 'NON_BINARY') THEN d.document ->> 'gender' END)
        WHEN 4 THEN to_jsonb(coalesce(CASE WHEN stash.date_precision(d.document ->> 'birth_date') IS NOT NULL THEN d.document ->> 'birth_date' END, CASE WHEN stash.date_precision(left(d.document #>> '{birthdate,date}', CASE d.document #>> '{birthdate,accuracy}' WHEN 'DAY' THEN 10 WHEN 'MONTH' THEN 7 ELSE 4 END)) IS NOT NULL THEN left(d.document #>> '{birthdate,date}', CASE d.document #>> '{birthdate,accuracy}' WHEN 'DAY' THEN 10 WHEN 'MONTH' THEN 7 ELSE 4 END) END)::text)
        WHEN 5 THEN to_jsonb(CASE WHEN stash.date_precision(d.document ->> 'death_date') IS NOT NULL THEN d.document ->> 'death_date' END::text)
        WHEN 6 THEN to_jsonb(CASE WHEN d.document ->> 'ethnicity' ~ '^[A-Za-z]+([ _][A-Za-z]+)*$' THEN initcap(replace(d.document ->> 'ethnicity', '_', ' ')) END)
        WHEN 7 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'country') = 'string' THEN nullif(btrim(d.document ->> 'country'), '') END)
        WHEN 8 THEN to_jsonb(CASE WHEN d.document ->> 'eye_color' ~ '^[A-Za-z]+([ _][A-Za-z]+)*$' THEN initcap(replace(d.document ->> 'eye_color', '_', ' ')) END)
        WHEN 9 THEN to_jsonb(CASE WHEN d.document ->> 'hair_color' ~ '^[A-Za-z]+([ _][A-Za-z]+)*$' THEN initcap(replace(d.document ->> 'hair_color', '_', ' ')) END)
        WHEN 10 THEN to_jsonb(CASE WHEN d.document ->> 'height' ~ '^[1-9][0-9]{1,2}$' THEN (d.document ->> 'height')::integer END)
        WHEN 12 THEN to_jsonb((SELECT m.band || m.cup || '-' || m.waist || '-' || m.hip FROM (
    SELECT coalesce(d.document ->> 'band_size', d.document #>> '{measurements,band_size}'), coalesce(d.document ->> 'cup_size', d.document #>> '{measurements,cup_size}'), coalesce(d.document ->> 'waist_size', d.document #>> '{measurements,waist}'), coalesce(d.document ->> 'hip_size', d.document #>> '{measurements,hip}')
    ) AS m(band, cup, waist, hip)
    WHERE m.band ~ '^[0-9]+$' AND m.cup ~ '^[A-Za-z]+$' AND m.waist ~ '^[0-9]+$' AND m.hip ~ '^[0-9]+$'))
        WHEN 13 THEN to_jsonb(CASE WHEN d.document ->> 'breast_type' IN ('NATURAL', 'FAKE') THEN initcap(d.document ->> 'breast_type') END)
        WHEN 16 THEN to_jsonb((SELECT CASE WHEN coalesce(y.first, y.last) IS NOT NULL
        THEN concat_ws(' ', y.first, '-', y.last) END
    FROM (SELECT CASE WHEN d.document ->> 'career_start_year' ~ '^[12][0-9]{3}$' THEN d.document ->> 'career_start_year' END, CASE WHEN d.document ->> 'career_end_year' ~ '^[12][0-9]{3}$' THEN d.document ->> 'career_end_year' END) AS y(first, last)))
        WHEN 19 THEN to_jsonb((SELECT string_agg(concat_ws(', ', e.value ->> 'location', nullif(e.value ->> 'description', '')), '; ' ORDER BY e.n) FROM jsonb_array_elements(CASE WHEN jsonb_typeof(d.document -> 'tattoos') = 'array' THEN d.document -> 'tattoos' ELSE '[]' END) WITH ORDINALITY AS e(value, n) WHERE e.value ->> 'location' <> ''))
        WHEN 20 THEN to_jsonb((SELECT string_agg(concat_ws(', ', e.value ->> 'location', nullif(e.value ->> 'description', '')), '; ' ORDER BY e.n) FROM jsonb_array_elements(CASE WHEN jsonb_typeof(d.document -> 'piercings') = 'array' THEN d.document -> 'piercings' ELSE '[]' END) WITH ORDINALITY AS e(value, n) WHERE e.value ->> 'location' <> ''))
    END,
    b.n IS NOT DISTINCT FROM s.box_numbers[f.n], CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END, b.endpoint_id, b.box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'disambiguation'), (3, 'gender'), (4, 'birthdate'), (5, 'death_date'), (6, 'ethnicity'), (7, 'country'), (8, 'eye_color'), (9, 'hair_color'), (10, 'height_cm'), (12, 'measurements'), (13, 'fake_tits'), (16, 'career_length'), (19, 'tattoos'), (20, 'piercings')) AS f (n, field)
CROSS JOIN LATERAL unnest(s.endpoint_ids, s.box_ids) WITH ORDINALITY AS b (endpoint_id, box_id, n)
JOIN stashbox.performers d ON d.endpoint_id = b.endpoint_id AND d.id = b.box_id
WHERE s.entity = 'performers' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.name)
        WHEN 2 THEN to_jsonb(o.aliases)
        WHEN 3 THEN to_jsonb(o.duration)
        WHEN 4 THEN to_jsonb(o.date_text)
        WHEN 5 THEN to_jsonb(o.rating100)
        WHEN 6 THEN to_jsonb(o.director)
        WHEN 7 THEN to_jsonb(o.synopsis)
        WHEN 13 THEN (SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = 'studios' AND t.instance_id = o.instance_id AND t.id = o.studio_id)
    END AS value,
    coalesce(m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n], false) AS survives,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule, NULL::integer AS endpoint_id, NULL::text AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'aliases'), (3, 'duration'), (4, 'date'), (5, 'rating100'), (6, 'director'), (7, 'synopsis'), (13, 'studio')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.groups o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'groups' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.title)
        WHEN 2 THEN to_jsonb(o.code)
        WHEN 3 THEN to_jsonb(o.details)
        WHEN 4 THEN to_jsonb(o.photographer)
        WHEN 5 THEN to_jsonb(o.date_text)
        WHEN 6 THEN to_jsonb(o.rating100)
        WHEN 15 THEN (SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = 'studios' AND t.instance_id = o.instance_id AND t.id = o.studio_id)
    END AS value,
    coalesce(m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n], false) AS survives,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule, NULL::integer AS endpoint_id, NULL::text AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'photographer'), (5, 'date'), (6, 'rating100'), (15, 'studio')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.images o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'images' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.title)
        WHEN 2 THEN to_jsonb(o.code)
        WHEN 3 THEN to_jsonb(o.details)
        WHEN 4 THEN to_jsonb(o.photographer)
        WHEN 5 THEN to_jsonb(o.date_text)
        WHEN 6 THEN to_jsonb(o.rating100)
        WHEN 13 THEN (SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = 'studios' AND t.instance_id = o.instance_id AND t.id = o.studio_id)
        WHEN 14 THEN (SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = 'images' AND t.instance_id = o.instance_id AND t.id = o.cover_id)
    END AS value,
    coalesce(m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n], false) AS survives,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule, NULL::integer AS endpoint_id, NULL::text AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'photographer'), (5, 'date'), (6, 'rating100'), (13, 'studio'), (14, 'cover')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.galleries o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'galleries' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.title)
        WHEN 2 THEN to_jsonb(o.code)
        WHEN 3 THEN to_jsonb(o.details)
        WHEN 4 THEN to_jsonb(o.director)
        WHEN 5 THEN to_jsonb(o.date_text)
        WHEN 6 THEN to_jsonb(o.rating100)
        WHEN 14 THEN to_jsonb(o.interactive_speed)
        WHEN 26 THEN (SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = 'studios' AND t.instance_id = o.instance_id AND t.id = o.studio_id)
    END AS value,
    coalesce(m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n], false) AS survives,
    CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END AS rule, NULL::integer AS endpoint_id, NULL::text AS box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'director'), (5, 'date'), (6, 'rating100'), (14, 'interactive_speed'), (26, 'studio')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.scenes o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'scenes' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, NULL, NULL, CASE f.n
        WHEN 1 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'title') = 'string' THEN nullif(btrim(d.document ->> 'title'), '') END)
        WHEN 2 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'code') = 'string' THEN nullif(btrim(d.document ->> 'code'), '') END)
        WHEN 3 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'details') = 'string' THEN nullif(btrim(d.document ->> 'details'), '') END)
        WHEN 4 THEN to_jsonb(CASE WHEN jsonb_typeof(d.document -> 'director') = 'string' THEN nullif(btrim(d.document ->> 'director'), '') END)
        WHEN 5 THEN to_jsonb(coalesce(CASE WHEN stash.date_precision(d.document ->> 'release_date') IS NOT NULL THEN d.document ->> 'release_date' END, CASE WHEN stash.date_precision(regexp_replace(regexp_replace(d.document ->> 'date', '-01-01$', ''), '-01$', '')) IS NOT NULL THEN regexp_replace(regexp_replace(d.document ->> 'date', '-01-01$', ''), '-01$', '') END)::text)
    END,
    b.n IS NOT DISTINCT FROM s.box_numbers[f.n], CASE WHEN s.box_numbers[f.n] IS NOT NULL AND s.rules[f.n] <> 'agreed' THEN 'stash_box' ELSE s.rules[f.n] END, b.endpoint_id, b.box_id
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'director'), (5, 'date')) AS f (n, field)
CROSS JOIN LATERAL unnest(s.endpoint_ids, s.box_ids) WITH ORDINALITY AS b (endpoint_id, box_id, n)
JOIN stashbox.scenes d ON d.endpoint_id = b.endpoint_id AND d.id = b.box_id
WHERE s.entity = 'scenes' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest');

COMMENT ON VIEW catalog.conflicts IS 'The fields on which the members of a record and its stash-boxes disagree: one row per member or box, with its value.';
