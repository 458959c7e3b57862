-- From schema version 52 to 48 (v0.22): one url per gallery and image; a saved filter is one text.
ALTER TABLE galleries ADD COLUMN url VARCHAR(255);
UPDATE galleries SET url =
    (SELECT u.url FROM gallery_urls AS u WHERE u.gallery_id = galleries.id ORDER BY u.position LIMIT 1);
DROP TABLE gallery_urls;
ALTER TABLE images ADD COLUMN url VARCHAR(255);
UPDATE images SET url =
    (SELECT u.url FROM image_urls AS u WHERE u.image_id = images.id ORDER BY u.position LIMIT 1);
DROP TABLE image_urls;
ALTER TABLE saved_filters ADD COLUMN filter BLOB NOT NULL DEFAULT '';
UPDATE saved_filters SET filter = whole_filter(find_filter, object_filter);
ALTER TABLE saved_filters DROP COLUMN find_filter;
ALTER TABLE saved_filters DROP COLUMN object_filter;
ALTER TABLE saved_filters DROP COLUMN ui_options;
