-- From schema version 75 to 72 (v0.28): whole dates only, one url per studio, no stash ids of tags.
ALTER TABLE scenes DROP COLUMN date_precision;
ALTER TABLE images DROP COLUMN date_precision;
ALTER TABLE galleries DROP COLUMN date_precision;
ALTER TABLE "groups" DROP COLUMN date_precision;
ALTER TABLE performers DROP COLUMN birthdate_precision;
ALTER TABLE performers DROP COLUMN death_date_precision;
ALTER TABLE studios ADD COLUMN url VARCHAR(255);
UPDATE studios SET url =
    (SELECT u.url FROM studio_urls AS u WHERE u.studio_id = studios.id ORDER BY u.position LIMIT 1);
DROP TABLE studio_urls;
DROP TABLE tag_stash_ids;
