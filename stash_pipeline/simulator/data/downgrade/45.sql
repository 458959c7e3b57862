-- From schema version 46 to 45 (v0.20): two columns of performers fewer.
ALTER TABLE performers DROP COLUMN penis_length;
ALTER TABLE performers DROP COLUMN circumcised;
