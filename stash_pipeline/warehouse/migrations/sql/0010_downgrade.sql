DROP INDEX search.vanished_revision_idx;

DROP TABLE search.vanished;

DROP INDEX search.states_token_idx;

DROP TABLE search.states;

DROP TABLE search.row_counts;

DROP INDEX search.marker_tags_marker_idx;

DROP TABLE search.marker_tags;

DROP TABLE search.indexes;

DROP INDEX search.documents_revision_idx;

DROP INDEX search.documents_entity_idx;

DROP TABLE search.documents;
