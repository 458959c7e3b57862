-- To schema version 75 (v0.30) from what v0.31 adds: custom fields of most kinds, careers, organized studios.
DROP TABLE scene_custom_fields;
DROP TABLE studio_custom_fields;
DROP TABLE tag_custom_fields;
DROP TABLE group_custom_fields;
DROP TABLE image_custom_fields;
DROP TABLE gallery_custom_fields;
ALTER TABLE studios DROP COLUMN organized;
ALTER TABLE performers DROP COLUMN career_start;
ALTER TABLE performers DROP COLUMN career_start_precision;
ALTER TABLE performers DROP COLUMN career_end;
ALTER TABLE performers DROP COLUMN career_end_precision;
