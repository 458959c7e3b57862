CREATE TABLE matches.clusters (
    id UUID NOT NULL,
    entity TEXT NOT NULL,
    number BIGINT GENERATED ALWAYS AS IDENTITY,
    size INTEGER NOT NULL,
    instances INTEGER NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (id)
);

COMMENT ON TABLE matches.clusters IS 'Sets of objects that are the same thing; an object without a partner is a cluster of one.';

COMMENT ON COLUMN matches.clusters.id IS 'stays with the larger part when the cluster is split';

COMMENT ON COLUMN matches.clusters.number IS 'the smaller the older';

COMMENT ON COLUMN matches.clusters.size IS 'objects';

COMMENT ON COLUMN matches.clusters.instances IS 'that have one of them';

COMMENT ON COLUMN matches.clusters.revision IS 'of the object log, when the cluster last changed';

CREATE INDEX clusters_revision_idx ON matches.clusters (revision);

CREATE INDEX clusters_size_idx ON matches.clusters (entity, size) WHERE size > 1;

CREATE TABLE matches.decisions (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    entity TEXT NOT NULL,
    verdict TEXT NOT NULL,
    left_instance UUID NOT NULL,
    left_id BIGINT NOT NULL,
    left_created_at TIMESTAMP WITH TIME ZONE,
    left_content TEXT[] NOT NULL,
    right_instance UUID,
    right_id BIGINT,
    right_created_at TIMESTAMP WITH TIME ZONE,
    right_content TEXT[],
    field TEXT,
    note TEXT,
    decided_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    withdrawn_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    CONSTRAINT decisions_right_check CHECK ((verdict = 'primary') = (right_id IS NULL)),
    CONSTRAINT decisions_verdict_check CHECK (verdict IN ('same', 'different', 'primary'))
);

COMMENT ON TABLE matches.decisions IS 'What people decided about objects; above every rule, for ever.';

COMMENT ON COLUMN matches.decisions.verdict IS 'same or different; or primary, of one object';

COMMENT ON COLUMN matches.decisions.left_instance IS 'ops.instances.uuid';

COMMENT ON COLUMN matches.decisions.left_created_at IS 'of the object: its id may be used again';

COMMENT ON COLUMN matches.decisions.left_content IS 'keys by which it is recognised after a re-import';

COMMENT ON COLUMN matches.decisions.right_instance IS 'null if the verdict is primary';

COMMENT ON COLUMN matches.decisions.field IS 'of a primary object, the field that it is about; null: every field';

COMMENT ON COLUMN matches.decisions.withdrawn_at IS 'null: in force';

CREATE INDEX decisions_left_idx ON matches.decisions (entity, left_instance, left_id);

CREATE INDEX decisions_right_idx ON matches.decisions (entity, right_instance, right_id);

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

CREATE TABLE matches.keys (
    entity TEXT NOT NULL,
    key BIGINT NOT NULL,
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    CONSTRAINT match_keys_pkey PRIMARY KEY (entity, instance_id, id, key)
);

COMMENT ON TABLE matches.keys IS 'Blocking keys: only objects with a key in common, or with near perceptual hashes, are compared.';

COMMENT ON COLUMN matches.keys.key IS '64 bits of a hash of the method and the value';

COMMENT ON COLUMN matches.keys.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN matches.keys.id IS 'the server''s id';

CREATE INDEX match_keys_key_idx ON matches.keys (entity, key);

CREATE TABLE matches.link_counts (
    day DATE NOT NULL,
    rule TEXT NOT NULL,
    action TEXT NOT NULL,
    links BIGINT NOT NULL,
    CONSTRAINT link_counts_pkey PRIMARY KEY (day, rule, action)
);

COMMENT ON TABLE matches.link_counts IS 'How many links each rule made, by day; plotted in the metadata of matches.links.';

COMMENT ON COLUMN matches.link_counts.links IS 'at the last reconcile, sweep or rebuild of that day';

CREATE TABLE matches.links (
    entity TEXT NOT NULL,
    left_instance_id INTEGER NOT NULL,
    left_id BIGINT NOT NULL,
    right_instance_id INTEGER NOT NULL,
    right_id BIGINT NOT NULL,
    action TEXT NOT NULL,
    confidence DOUBLE PRECISION NOT NULL,
    rule TEXT NOT NULL,
    evidence JSONB NOT NULL,
    refused JSONB,
    CONSTRAINT links_pkey PRIMARY KEY (entity, left_instance_id, left_id, right_instance_id, right_id),
    CONSTRAINT links_order_check CHECK ((left_instance_id, left_id) < (right_instance_id, right_id)),
    CONSTRAINT links_action_check CHECK (action IN ('merge', 'propose'))
);

COMMENT ON TABLE matches.links IS 'Pairs of objects that are, or may be, the same thing.';

COMMENT ON COLUMN matches.links.action IS 'merge; or propose, for a person';

COMMENT ON COLUMN matches.links.confidence IS 'share of right pairs, as the rule states it';

COMMENT ON COLUMN matches.links.rule IS 'id of the rule that decided';

COMMENT ON COLUMN matches.links.evidence IS 'what agrees and contradicts';

COMMENT ON COLUMN matches.links.refused IS 'why it did not join clusters: the reason, and the objects between which';

CREATE INDEX links_possible_idx ON matches.links (entity, left_instance_id) WHERE left_instance_id = right_instance_id AND (action = 'propose' OR refused IS NOT NULL);

CREATE INDEX links_right_idx ON matches.links (entity, right_instance_id, right_id);

CREATE TABLE matches.phashes (
    instance_id INTEGER NOT NULL,
    scene_id BIGINT NOT NULL,
    file_id BIGINT NOT NULL,
    duration INTEGER NOT NULL,
    phash BIGINT NOT NULL,
    CONSTRAINT match_phashes_pkey PRIMARY KEY (instance_id, scene_id, file_id)
);

COMMENT ON TABLE matches.phashes IS 'Perceptual hashes that can prove something: of videos long enough, and not of plain frames.';

COMMENT ON COLUMN matches.phashes.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN matches.phashes.scene_id IS '→ stash.scenes.id';

COMMENT ON COLUMN matches.phashes.file_id IS '→ stash.files.id';

COMMENT ON COLUMN matches.phashes.duration IS 'milliseconds';

COMMENT ON COLUMN matches.phashes.phash IS 'as a signed 64-bit integer';

CREATE INDEX match_phashes_duration_idx ON matches.phashes (duration) INCLUDE (phash, instance_id, scene_id, file_id);

CREATE TABLE matches.members (
    entity TEXT NOT NULL,
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    cluster_id UUID NOT NULL,
    CONSTRAINT members_pkey PRIMARY KEY (entity, instance_id, id),
    CONSTRAINT members_cluster_fkey FOREIGN KEY(cluster_id) REFERENCES matches.clusters (id)
);

COMMENT ON TABLE matches.members IS 'The cluster of every live object.';

COMMENT ON COLUMN matches.members.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN matches.members.id IS 'the server''s id';

CREATE INDEX members_cluster_idx ON matches.members (cluster_id);

CREATE TABLE matches.redirects (
    id UUID NOT NULL,
    cluster_id UUID NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT redirects_cluster_fkey FOREIGN KEY(cluster_id) REFERENCES matches.clusters (id) ON DELETE CASCADE
);

COMMENT ON TABLE matches.redirects IS 'Ids of clusters that were merged into older ones.';

COMMENT ON COLUMN matches.redirects.id IS 'of a cluster that is no more';

COMMENT ON COLUMN matches.redirects.cluster_id IS 'into which it was merged';

COMMENT ON COLUMN matches.redirects.revision IS 'of the object log, when it was merged';

CREATE INDEX redirects_cluster_idx ON matches.redirects (cluster_id);

CREATE TABLE matches.resolved_decisions (
    decision_id BIGINT NOT NULL,
    entity TEXT NOT NULL,
    left_instance_id INTEGER NOT NULL,
    left_id BIGINT NOT NULL,
    right_instance_id INTEGER,
    right_id BIGINT,
    PRIMARY KEY (decision_id),
    CONSTRAINT resolved_decision_fkey FOREIGN KEY(decision_id) REFERENCES matches.decisions (id) ON DELETE CASCADE
);

COMMENT ON TABLE matches.resolved_decisions IS 'The decisions whose objects are live, with their current ids.';

COMMENT ON COLUMN matches.resolved_decisions.left_instance_id IS 'ops.instances.id';

COMMENT ON COLUMN matches.resolved_decisions.left_id IS 'the server''s id now';

CREATE INDEX resolved_left_idx ON matches.resolved_decisions (entity, left_instance_id, left_id);

CREATE INDEX resolved_right_idx ON matches.resolved_decisions (entity, right_instance_id, right_id);

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
