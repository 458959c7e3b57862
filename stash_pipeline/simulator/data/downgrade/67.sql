-- From schema version 68 to 67 (v0.27.0): one index.
DROP INDEX index_images_on_studio_id;
CREATE INDEX index_images_on_studio_id ON images (studio_id);
