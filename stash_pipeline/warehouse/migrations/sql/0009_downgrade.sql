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
