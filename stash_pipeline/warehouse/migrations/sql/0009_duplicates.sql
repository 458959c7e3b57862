CREATE TABLE matches.duplicates (
    entity TEXT NOT NULL,
    kind TEXT NOT NULL,
    group_id UUID NOT NULL,
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    file_id BIGINT NOT NULL,
    is_keeper BOOLEAN NOT NULL,
    is_best_here BOOLEAN NOT NULL,
    protected BOOLEAN NOT NULL,
    compared_instance_id INTEGER,
    compared_id BIGINT,
    compared_file_id BIGINT,
    reasons TEXT[] NOT NULL,
    loses JSONB NOT NULL,
    bytes BIGINT NOT NULL,
    bytes_across BIGINT NOT NULL,
    identical BOOLEAN,
    phash_distance INTEGER,
    duration_difference BIGINT,
    duration BIGINT,
    width INTEGER,
    height INTEGER,
    video_codec TEXT,
    bit_rate BIGINT,
    frame_rate DOUBLE PRECISION,
    size BIGINT,
    markers INTEGER NOT NULL,
    CONSTRAINT duplicates_pkey PRIMARY KEY (entity, kind, group_id, instance_id, id, file_id),
    CONSTRAINT duplicates_kind_check CHECK (kind IN ('same', 'possible'))
);

COMMENT ON TABLE matches.duplicates IS 'Groups of copies of one thing, one row per copy, with the one to keep. Nothing is deleted on a server.';

COMMENT ON COLUMN matches.duplicates.entity IS 'scenes, files, performers, studios or tags';

COMMENT ON COLUMN matches.duplicates.kind IS 'same; or possible: two of one server, for a person to decide';

COMMENT ON COLUMN matches.duplicates.group_id IS 'if kind is same, matches.clusters.id; of files, that of scenes';

COMMENT ON COLUMN matches.duplicates.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN matches.duplicates.id IS 'the server''s id; of a file, that of its scene';

COMMENT ON COLUMN matches.duplicates.file_id IS '→ stash.files.id; of a scene its primary file; 0 if none';

COMMENT ON COLUMN matches.duplicates.is_keeper IS 'the best copy of all, by the keeper rules';

COMMENT ON COLUMN matches.duplicates.is_best_here IS 'the best copy of its server';

COMMENT ON COLUMN matches.duplicates.protected IS 'its path or one of its tags is in ops.protected';

COMMENT ON COLUMN matches.duplicates.compared_instance_id IS 'of the copy with which it is compared: the best of its server, or else the keeper; null for the keeper';

COMMENT ON COLUMN matches.duplicates.reasons IS 'why the keeper is kept; or else what the other one has';

COMMENT ON COLUMN matches.duplicates.loses IS 'what it has and the other one has not';

COMMENT ON COLUMN matches.duplicates.bytes IS 'freed if it is removed; its server keeps a better copy';

COMMENT ON COLUMN matches.duplicates.bytes_across IS 'freed if it is removed; only another server keeps one';

COMMENT ON COLUMN matches.duplicates.identical IS 'the same checksum as the other one; null if unknown';

COMMENT ON COLUMN matches.duplicates.phash_distance IS 'bits, from the other one; the least, if there are several files';

COMMENT ON COLUMN matches.duplicates.duration_difference IS 'milliseconds; positive if it is longer than the other one';

COMMENT ON COLUMN matches.duplicates.duration IS 'milliseconds; this and the next ones are of the (primary) file';

COMMENT ON COLUMN matches.duplicates.size IS 'bytes; of a scene all its files';

CREATE INDEX duplicates_object_idx ON matches.duplicates (instance_id, id, entity);

CREATE TABLE ops.protected (
    instance_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT protected_pkey PRIMARY KEY (instance_id, kind, value),
    CONSTRAINT protected_instance_fkey FOREIGN KEY(instance_id) REFERENCES ops.instances (id) ON DELETE CASCADE,
    CONSTRAINT protected_kind_check CHECK (kind IN ('path', 'tag'))
);

COMMENT ON TABLE ops.protected IS 'Folders and tags that people protect: duplicates among them are suggested to be kept.';

COMMENT ON COLUMN ops.protected.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN ops.protected.kind IS 'path or tag';

COMMENT ON COLUMN ops.protected.value IS 'a folder or file, with all below it; the name of a tag, in any case';

CREATE INDEX links_possible_idx ON matches.links (entity, left_instance_id) WHERE left_instance_id = right_instance_id AND (action = 'propose' OR refused IS NOT NULL);
