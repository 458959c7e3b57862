DROP INDEX matches.links_possible_idx;

DROP TABLE ops.protected;

DROP INDEX matches.duplicates_object_idx;

DROP TABLE matches.duplicates;
