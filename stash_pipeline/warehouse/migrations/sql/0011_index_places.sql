-- what was recorded does not say of which home it is; every index is recorded again when it follows
DELETE FROM search.indexes;

ALTER TABLE search.indexes ADD COLUMN place TEXT NOT NULL;

ALTER TABLE search.indexes DROP CONSTRAINT indexes_pkey;

ALTER TABLE search.indexes ADD CONSTRAINT indexes_pkey PRIMARY KEY (backend, place);

COMMENT ON COLUMN search.indexes.place IS 'the name of a home, or the address of a server and a prefix';

COMMENT ON TABLE search.indexes IS 'What each search index held when it last followed: that of every home, or of a server.';
