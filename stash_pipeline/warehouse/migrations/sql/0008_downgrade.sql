DROP VIEW catalog.provenance;

DROP VIEW catalog.conflicts;

DROP VIEW catalog.by_instance;

DROP VIEW catalog.changes;

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

DROP INDEX catalog.vanished_revision_idx;

DROP TABLE catalog.vanished;

DROP INDEX catalog.tags_revision_idx;

DROP INDEX catalog.tags_name_idx;

DROP TABLE catalog.tags;

DROP INDEX catalog.tag_stash_ids_stash_id_idx;

DROP TABLE catalog.tag_stash_ids;

DROP INDEX catalog.tag_parents_parent_id_idx;

DROP TABLE catalog.tag_parents;

DROP INDEX catalog.tag_aliases_alias_idx;

DROP TABLE catalog.tag_aliases;

DROP INDEX catalog.studios_revision_idx;

DROP INDEX catalog.studios_parent_studio_id_idx;

DROP INDEX catalog.studios_name_idx;

DROP TABLE catalog.studios;

DROP TABLE catalog.studio_urls;

DROP INDEX catalog.studio_tags_tag_id_idx;

DROP TABLE catalog.studio_tags;

DROP INDEX catalog.studio_stash_ids_stash_id_idx;

DROP TABLE catalog.studio_stash_ids;

DROP INDEX catalog.studio_aliases_alias_idx;

DROP TABLE catalog.studio_aliases;

DROP TABLE catalog.sources;

DROP INDEX catalog.scenes_updated_at_idx;

DROP INDEX catalog.scenes_title_idx;

DROP INDEX catalog.scenes_studio_id_idx;

DROP INDEX catalog.scenes_revision_idx;

DROP INDEX catalog.scenes_rating100_idx;

DROP INDEX catalog.scenes_date_idx;

DROP TABLE catalog.scenes;

DROP TABLE catalog.scene_urls;

DROP INDEX catalog.scene_tags_tag_id_idx;

DROP TABLE catalog.scene_tags;

DROP INDEX catalog.scene_stash_ids_stash_id_idx;

DROP TABLE catalog.scene_stash_ids;

DROP INDEX catalog.scene_plays_played_at_idx;

DROP TABLE catalog.scene_plays;

DROP INDEX catalog.scene_performers_performer_id_idx;

DROP TABLE catalog.scene_performers;

DROP TABLE catalog.scene_os;

DROP INDEX catalog.scene_groups_group_id_idx;

DROP TABLE catalog.scene_groups;

DROP INDEX catalog.scene_galleries_gallery_id_idx;

DROP TABLE catalog.scene_galleries;

DROP TABLE catalog.scene_files;

DROP TABLE catalog.scene_captions;

DROP TABLE catalog.row_counts;

DROP INDEX catalog.performers_revision_idx;

DROP INDEX catalog.performers_name_idx;

DROP INDEX catalog.performers_gender_idx;

DROP TABLE catalog.performers;

DROP TABLE catalog.performer_urls;

DROP INDEX catalog.performer_tags_tag_id_idx;

DROP TABLE catalog.performer_tags;

DROP INDEX catalog.performer_stash_ids_stash_id_idx;

DROP TABLE catalog.performer_stash_ids;

DROP INDEX catalog.performer_aliases_alias_idx;

DROP TABLE catalog.performer_aliases;

DROP INDEX catalog.members_canonical_idx;

DROP TABLE catalog.members;

DROP INDEX catalog.images_studio_id_idx;

DROP INDEX catalog.images_revision_idx;

DROP INDEX catalog.images_date_idx;

DROP TABLE catalog.images;

DROP TABLE catalog.image_urls;

DROP INDEX catalog.image_tags_tag_id_idx;

DROP TABLE catalog.image_tags;

DROP INDEX catalog.image_performers_performer_id_idx;

DROP TABLE catalog.image_performers;

DROP INDEX catalog.image_galleries_gallery_id_idx;

DROP TABLE catalog.image_galleries;

DROP TABLE catalog.image_files;

DROP INDEX catalog.groups_studio_id_idx;

DROP INDEX catalog.groups_revision_idx;

DROP INDEX catalog.groups_name_idx;

DROP INDEX catalog.groups_date_idx;

DROP TABLE catalog.groups;

DROP TABLE catalog.group_urls;

DROP INDEX catalog.group_tags_tag_id_idx;

DROP TABLE catalog.group_tags;

DROP INDEX catalog.group_containing_group_id_idx;

DROP TABLE catalog.group_containing;

DROP TABLE catalog.gallery_urls;

DROP INDEX catalog.gallery_tags_tag_id_idx;

DROP TABLE catalog.gallery_tags;

DROP INDEX catalog.gallery_performers_performer_id_idx;

DROP TABLE catalog.gallery_performers;

DROP TABLE catalog.gallery_files;

DROP TABLE catalog.gallery_chapters;

DROP INDEX catalog.galleries_title_idx;

DROP INDEX catalog.galleries_studio_id_idx;

DROP INDEX catalog.galleries_revision_idx;

DROP INDEX catalog.galleries_date_idx;

DROP INDEX catalog.galleries_cover_id_idx;

DROP TABLE catalog.galleries;
