-- From schema version 58 to 55 (v0.25): studios and tags are no favorites.
ALTER TABLE studios DROP COLUMN favorite;
ALTER TABLE tags DROP COLUMN favorite;
