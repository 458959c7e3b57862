DROP TABLE ops.protected;

DROP INDEX matches.resolved_right_idx;

DROP INDEX matches.resolved_left_idx;

DROP TABLE matches.resolved_decisions;

DROP INDEX matches.redirects_cluster_idx;

DROP TABLE matches.redirects;

DROP INDEX matches.members_cluster_idx;

DROP TABLE matches.members;

DROP INDEX matches.match_phashes_duration_idx;

DROP TABLE matches.phashes;

DROP INDEX matches.links_right_idx;

DROP INDEX matches.links_possible_idx;

DROP TABLE matches.links;

DROP TABLE matches.link_counts;

DROP INDEX matches.match_keys_key_idx;

DROP TABLE matches.keys;

DROP INDEX matches.duplicates_object_idx;

DROP TABLE matches.duplicates;

DROP INDEX matches.decisions_right_idx;

DROP INDEX matches.decisions_left_idx;

DROP TABLE matches.decisions;

DROP INDEX matches.clusters_size_idx;

DROP INDEX matches.clusters_revision_idx;

DROP TABLE matches.clusters;
