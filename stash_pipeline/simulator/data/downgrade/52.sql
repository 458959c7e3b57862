-- From schema version 54 to 52 (v0.23): galleries and images without codes and photographers.
ALTER TABLE galleries DROP COLUMN code;
ALTER TABLE galleries DROP COLUMN photographer;
ALTER TABLE images DROP COLUMN code;
ALTER TABLE images DROP COLUMN photographer;
ALTER TABLE images DROP COLUMN details;
