CREATE TABLE ops.object_log_head (
    singleton BOOLEAN DEFAULT true NOT NULL,
    revision BIGINT DEFAULT 0 NOT NULL,
    CONSTRAINT object_log_head_pkey PRIMARY KEY (singleton),
    CONSTRAINT object_log_head_check CHECK (singleton)
);
COMMENT ON TABLE ops.object_log_head IS 'The newest revision of ops.object_log; its row is locked until a change is committed.';
INSERT INTO ops.object_log_head DEFAULT VALUES;

CREATE TABLE ops.object_log (
    instance_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    CONSTRAINT object_log_pkey PRIMARY KEY (instance_id, kind, id)
);
CREATE INDEX object_log_revision_idx ON ops.object_log (revision);
COMMENT ON TABLE ops.object_log IS 'Which objects of schema stash changed, in the order of commits: read what is newer than the revision seen last.';
COMMENT ON COLUMN ops.object_log.instance_id IS 'ops.instances.id; of a removed instance, one row of kind instances remains';
COMMENT ON COLUMN ops.object_log.kind IS 'kind of the object, as its table in stash is named; or instances';
COMMENT ON COLUMN ops.object_log.id IS 'the server''s id; of kind instances, ops.instances.id';
COMMENT ON COLUMN ops.object_log.revision IS 'of the log, when its row or a join row of it last changed, or it vanished';

CREATE TABLE ops.shared_layers (
    layer TEXT NOT NULL,
    revision BIGINT NOT NULL,
    version TEXT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    error TEXT,
    failed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT shared_layers_pkey PRIMARY KEY (layer)
);
COMMENT ON TABLE ops.shared_layers IS 'How far each layer that is made of all instances has followed the object log.';
COMMENT ON COLUMN ops.shared_layers.revision IS 'of the object log, up to which the layer has followed it';
COMMENT ON COLUMN ops.shared_layers.version IS 'of the code that made its rows; rows of another version are made anew';
COMMENT ON COLUMN ops.shared_layers.error IS 'why its last attempt failed; null if it did not';

CREATE TABLE stash.merges (
    instance_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id BIGINT NOT NULL,
    successor_id BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    CONSTRAINT merges_pkey PRIMARY KEY (instance_id, kind, id),
    CONSTRAINT merges_instance_fkey FOREIGN KEY (instance_id) REFERENCES ops.instances (id) ON DELETE CASCADE
);
CREATE INDEX merges_successor_idx ON stash.merges (instance_id, kind, successor_id);
COMMENT ON TABLE stash.merges IS 'Objects that are gone and whose files, stash ids or names another object has. Noted when they vanish; a rebuild keeps them.';
COMMENT ON COLUMN stash.merges.instance_id IS 'ops.instances.id';
COMMENT ON COLUMN stash.merges.kind IS 'of both objects';
COMMENT ON COLUMN stash.merges.id IS 'of the object that is gone';
COMMENT ON COLUMN stash.merges.successor_id IS 'of the object that has what was its own; it may be gone by now, and have a successor itself';
COMMENT ON COLUMN stash.merges.revision IS 'of the instance, when the object was missed';

-- rows of earlier versions: merges stood in raw, and nothing was logged
DO $$
DECLARE
    kind text;
BEGIN
    FOREACH kind IN ARRAY ARRAY[
        'tags', 'folders', 'files', 'studios', 'performers', 'groups', 'images', 'galleries', 'scenes',
        'scene_markers', 'saved_filters', 'configuration'
    ] LOOP
        EXECUTE format(
            'INSERT INTO stash.merges SELECT instance_id, %L, id, merged_into, revision FROM raw.%I '
            'WHERE merged_into IS NOT NULL',
            kind, kind
        );
        EXECUTE format('ALTER TABLE raw.%I DROP COLUMN merged_into', kind);
        EXECUTE format('INSERT INTO ops.object_log SELECT instance_id, %L, id, 1 FROM stash.%I', kind, kind);
    END LOOP;
END
$$;
INSERT INTO ops.object_log
SELECT instance_id, kind, id, 1 FROM stash.merges ON CONFLICT DO NOTHING;
INSERT INTO ops.object_log SELECT id, 'instances', id, 1 FROM ops.instances;
UPDATE ops.object_log_head SET revision = 1 WHERE EXISTS (SELECT FROM ops.object_log);
ALTER TABLE ops.layer_watermarks ADD COLUMN version TEXT;
COMMENT ON COLUMN ops.layer_watermarks.version IS 'of the code that made its rows; rows of another version are made anew';
INSERT INTO ops.layer_watermarks (instance_id, layer, revision)
SELECT instance_id, 'merges', revision FROM ops.layer_watermarks WHERE layer = 'stash';

CREATE FUNCTION ops.log_instance() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    instance integer := CASE WHEN TG_OP = 'DELETE' THEN OLD.id ELSE NEW.id END;
    newest bigint;
BEGIN
    IF TG_OP = 'DELETE' THEN
        DELETE FROM ops.object_log WHERE instance_id = instance;
    END IF;
    UPDATE ops.object_log_head SET revision = revision + 1 RETURNING revision INTO newest;
    INSERT INTO ops.object_log (instance_id, kind, id, revision) VALUES (instance, 'instances', instance, newest)
    ON CONFLICT ON CONSTRAINT object_log_pkey DO UPDATE SET revision = excluded.revision;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION ops.log_instance() IS 'Logs that an instance was added or removed, or changed in what later layers depend on.';
CREATE TRIGGER log_presence AFTER INSERT OR DELETE ON ops.instances
FOR EACH ROW EXECUTE FUNCTION ops.log_instance();
CREATE TRIGGER log_change AFTER UPDATE OF name, priority, enabled, removed_at ON ops.instances
FOR EACH ROW
WHEN ((OLD.name, OLD.priority, OLD.enabled, OLD.removed_at)
      IS DISTINCT FROM (NEW.name, NEW.priority, NEW.enabled, NEW.removed_at))
EXECUTE FUNCTION ops.log_instance();
