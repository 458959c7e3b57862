-- From schema version 67 to 58 (v0.26): groups are movies without tags, relations and more than one url; studios
-- have no tags, galleries no chosen cover; of a performer's urls three are left, two of them as handles.
ALTER TABLE performers ADD COLUMN url VARCHAR(255);
ALTER TABLE performers ADD COLUMN twitter VARCHAR(255);
ALTER TABLE performers ADD COLUMN instagram VARCHAR(255);
UPDATE performers SET
    url = (SELECT u.url FROM performer_urls AS u
        WHERE u.performer_id = performers.id AND site(u.url) IS NULL ORDER BY u.position LIMIT 1),
    twitter = (SELECT handle(u.url) FROM performer_urls AS u
        WHERE u.performer_id = performers.id AND site(u.url) = 'twitter' ORDER BY u.position LIMIT 1),
    instagram = (SELECT handle(u.url) FROM performer_urls AS u
        WHERE u.performer_id = performers.id AND site(u.url) = 'instagram' ORDER BY u.position LIMIT 1);
DROP TABLE performer_urls;
DROP TABLE studios_tags;
DROP TABLE groups_tags;
DROP TABLE groups_relations;
DROP INDEX index_galleries_images_gallery_id_cover;
ALTER TABLE galleries_images DROP COLUMN cover;
ALTER TABLE "groups" ADD COLUMN url VARCHAR(255);
UPDATE "groups" SET url =
    (SELECT u.url FROM group_urls AS u WHERE u.group_id = "groups".id ORDER BY u.position LIMIT 1);
DROP TABLE group_urls;
DROP INDEX index_groups_on_name;
DROP INDEX index_groups_on_studio_id;
ALTER TABLE "groups" RENAME COLUMN description TO synopsis;
ALTER TABLE "groups" RENAME TO movies;
-- not unique as on a real server: what newer releases allow must not stop a copy
CREATE INDEX index_movies_on_name ON movies (name);
CREATE INDEX index_movies_on_studio_id ON movies (studio_id);
ALTER TABLE groups_scenes RENAME COLUMN group_id TO movie_id;
ALTER TABLE groups_scenes RENAME TO movies_scenes;
