-- From schema version 72 to 68 (v0.27.1): no custom fields, no sort names, no ends of markers, undated stash ids.
DROP TABLE performer_custom_fields;
ALTER TABLE performer_stash_ids DROP COLUMN updated_at;
ALTER TABLE scene_stash_ids DROP COLUMN updated_at;
ALTER TABLE studio_stash_ids DROP COLUMN updated_at;
ALTER TABLE scene_markers DROP COLUMN end_seconds;
ALTER TABLE tags DROP COLUMN sort_name;
