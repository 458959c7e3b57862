ALTER TABLE matches.decisions DROP CONSTRAINT decisions_right_check;

ALTER TABLE matches.decisions DROP CONSTRAINT decisions_stashbox_check;

ALTER TABLE matches.decisions ADD CONSTRAINT decisions_right_check CHECK (((verdict = 'primary'::text) = (right_id IS NULL)));

DROP INDEX matches.decisions_stashbox_idx;

COMMENT ON COLUMN matches.decisions.right_instance IS 'null if the verdict is primary';

ALTER TABLE matches.decisions DROP COLUMN stashbox_id;

ALTER TABLE matches.decisions DROP COLUMN stashbox_url;

DROP INDEX stashbox.stashbox_scene_fingerprints_hash_idx;

DROP TABLE stashbox.scene_fingerprints;

DROP INDEX stashbox.stashbox_tags_fetched_idx;

DROP TABLE stashbox.tags;

DROP INDEX stashbox.stashbox_studios_fetched_idx;

DROP TABLE stashbox.studios;

DROP INDEX stashbox.stashbox_scenes_fetched_idx;

DROP TABLE stashbox.scenes;

DROP INDEX stashbox.stashbox_performers_fetched_idx;

DROP TABLE stashbox.performers;

DROP INDEX stashbox.stashbox_lookups_scenes_idx;

DROP TABLE stashbox.lookups;

DROP TABLE ops.stashbox_endpoints;

DROP INDEX matches.stashbox_candidates_box_idx;

DROP INDEX matches.stashbox_candidates_action_idx;

DROP TABLE matches.stashbox_candidates;
