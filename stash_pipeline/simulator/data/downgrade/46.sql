-- From schema version 48 to 46 (v0.21): one url per scene; movies and studios have checksums of their names.
ALTER TABLE scenes ADD COLUMN url VARCHAR(255);
UPDATE scenes SET url =
    (SELECT u.url FROM scene_urls AS u WHERE u.scene_id = scenes.id ORDER BY u.position LIMIT 1);
DROP TABLE scene_urls;
ALTER TABLE movies ADD COLUMN checksum VARCHAR(255) NOT NULL DEFAULT '';
UPDATE movies SET checksum = md5(name);
CREATE INDEX index_movies_on_checksum ON movies (checksum);
ALTER TABLE studios ADD COLUMN checksum VARCHAR(255) NOT NULL DEFAULT '';
UPDATE studios SET checksum = md5(name);
CREATE UNIQUE INDEX studios_checksum_unique ON studios (checksum);
CREATE INDEX index_studios_on_checksum ON studios (checksum);
DROP INDEX index_studios_on_name_unique;
CREATE INDEX index_studios_on_name ON studios (name);
-- which no release has used for years
CREATE TABLE scraped_items (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    title VARCHAR(255),
    description TEXT,
    url VARCHAR(255),
    date DATE,
    rating VARCHAR(255),
    tags VARCHAR(510),
    models VARCHAR(510),
    episode INTEGER,
    gallery_filename VARCHAR(255),
    gallery_url VARCHAR(510),
    video_filename VARCHAR(255),
    video_url VARCHAR(255),
    studio_id INTEGER,
    created_at DATETIME NOT NULL,
    updated_at DATETIME NOT NULL,
    FOREIGN KEY (studio_id) REFERENCES studios (id)
);
CREATE INDEX index_scraped_items_on_studio_id ON scraped_items (studio_id);
