DROP VIEW stash.scenes_full;

DROP VIEW stash.tag_descendants;

DROP VIEW stash.studio_tree;

DROP VIEW stash.marker_all_tags;

DROP VIEW stash.recent_changes;

DROP VIEW stash.duplicate_files;

DROP VIEW stash.watch_statistics;
