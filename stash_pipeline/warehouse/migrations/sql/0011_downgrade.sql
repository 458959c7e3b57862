DELETE FROM search.indexes;

ALTER TABLE search.indexes DROP COLUMN place;

ALTER TABLE search.indexes ADD CONSTRAINT indexes_pkey PRIMARY KEY (backend);

COMMENT ON TABLE search.indexes IS 'What the search index held when it last followed.';
