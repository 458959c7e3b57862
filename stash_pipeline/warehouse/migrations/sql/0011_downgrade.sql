DROP VIEW stash.scenes_full;

DROP VIEW stash.tag_descendants;

DROP VIEW stash.studio_tree;

DROP VIEW stash.marker_all_tags;

DROP VIEW stash.recent_changes;

DROP VIEW stash.duplicate_files;

DROP VIEW stash.watch_statistics;

COMMENT ON TABLE search.indexes IS 'What the search index held when it last followed.';

ALTER TABLE search.indexes DROP COLUMN place;
