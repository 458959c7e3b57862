COMMENT ON COLUMN stashbox.listings.scenes IS 'that the box counted when the reading began';

COMMENT ON TABLE search.vanished IS 'Documents that are no more; kept as long as an index can follow.';

COMMENT ON COLUMN search.vanished.id IS 'of a document that is no more';

COMMENT ON COLUMN ops.instances.snapshot_seconds IS 'that the server took to create it; it accepts no writes meanwhile';

COMMENT ON COLUMN ops.cadence.blocked_seconds IS 'of the last comparison, to create a snapshot; the server wrote nothing';

COMMENT ON COLUMN ops.cadence.last_seconds IS 'that the last comparison took';

COMMENT ON COLUMN ops.cadence.seconds IS 'that a comparison takes which finds nothing';

COMMENT ON COLUMN matches.redirects.id IS 'of a cluster that is no more';

COMMENT ON COLUMN matches.decisions.left_created_at IS 'of the object: its id may be used again';

COMMENT ON COLUMN matches.clusters.instances IS 'that have one of them';

COMMENT ON COLUMN matches.clusters.size IS 'objects';

COMMENT ON TABLE catalog.vanished IS 'Records that are no more. catalog.changes has them with those that changed, and their successors.';

COMMENT ON COLUMN catalog.vanished.id IS 'of a record that is no more';

COMMENT ON COLUMN catalog.tags.instances IS 'that have one of them';

COMMENT ON COLUMN catalog.tags.objects IS 'that are this one, see catalog.members';

COMMENT ON TABLE catalog.tag_stash_ids IS 'Tag stash ids of all members of a record, each once.';

COMMENT ON TABLE catalog.tag_parents IS 'Tag parents of all members of a record, each once.';

COMMENT ON TABLE catalog.tag_aliases IS 'Tag aliases of all members of a record, each once.';

COMMENT ON COLUMN catalog.studios.instances IS 'that have one of them';

COMMENT ON COLUMN catalog.studios.objects IS 'that are this one, see catalog.members';

COMMENT ON TABLE catalog.studio_urls IS 'Studio urls of all members of a record, each once.';

COMMENT ON TABLE catalog.studio_tags IS 'Studio tags of all members of a record, each once.';

COMMENT ON TABLE catalog.studio_stash_ids IS 'Studio stash ids of all members of a record, each once.';

COMMENT ON TABLE catalog.studio_aliases IS 'Studio aliases of all members of a record, each once.';

COMMENT ON COLUMN catalog.sources.box_numbers IS 'by field, the position in endpoint_ids of the box that it is of';

COMMENT ON COLUMN catalog.sources.id IS 'of a record of several objects, or linked to a stash-box';

COMMENT ON COLUMN catalog.scenes.instances IS 'that have one of them';

COMMENT ON COLUMN catalog.scenes.objects IS 'that are this one, see catalog.members';

COMMENT ON TABLE catalog.scene_urls IS 'Scene urls of all members of a record, each once.';

COMMENT ON TABLE catalog.scene_tags IS 'Scene tags of all members of a record, each once.';

COMMENT ON TABLE catalog.scene_stash_ids IS 'Scene stash ids of all members of a record, each once.';

COMMENT ON TABLE catalog.scene_plays IS 'Scene plays of all members of a record, each once.';

COMMENT ON TABLE catalog.scene_performers IS 'Scene performers of all members of a record, each once.';

COMMENT ON TABLE catalog.scene_os IS 'Scene os of all members of a record, each once.';

COMMENT ON TABLE catalog.scene_groups IS 'Scene groups of all members of a record, each once.';

COMMENT ON TABLE catalog.scene_galleries IS 'Scene galleries of all members of a record, each once.';

COMMENT ON TABLE catalog.scene_files IS 'Scene files of all members of a record, each once.';

COMMENT ON TABLE catalog.scene_captions IS 'Scene captions of all members of a record, each once.';

COMMENT ON COLUMN catalog.performers.instances IS 'that have one of them';

COMMENT ON COLUMN catalog.performers.objects IS 'that are this one, see catalog.members';

COMMENT ON TABLE catalog.performer_urls IS 'Performer urls of all members of a record, each once.';

COMMENT ON TABLE catalog.performer_tags IS 'Performer tags of all members of a record, each once.';

COMMENT ON TABLE catalog.performer_stash_ids IS 'Performer stash ids of all members of a record, each once.';

COMMENT ON TABLE catalog.performer_aliases IS 'Performer aliases of all members of a record, each once.';

COMMENT ON COLUMN catalog.images.instances IS 'that have one of them';

COMMENT ON COLUMN catalog.images.objects IS 'that are this one, see catalog.members';

COMMENT ON TABLE catalog.image_urls IS 'Image urls of all members of a record, each once.';

COMMENT ON TABLE catalog.image_tags IS 'Image tags of all members of a record, each once.';

COMMENT ON TABLE catalog.image_performers IS 'Image performers of all members of a record, each once.';

COMMENT ON TABLE catalog.image_galleries IS 'Image galleries of all members of a record, each once.';

COMMENT ON TABLE catalog.image_files IS 'Image files of all members of a record, each once.';

COMMENT ON COLUMN catalog.groups.instances IS 'that have one of them';

COMMENT ON COLUMN catalog.groups.objects IS 'that are this one, see catalog.members';

COMMENT ON TABLE catalog.group_urls IS 'Group urls of all members of a record, each once.';

COMMENT ON TABLE catalog.group_tags IS 'Group tags of all members of a record, each once.';

COMMENT ON TABLE catalog.group_containing IS 'Group containing of all members of a record, each once.';

COMMENT ON TABLE catalog.gallery_urls IS 'Gallery urls of all members of a record, each once.';

COMMENT ON TABLE catalog.gallery_tags IS 'Gallery tags of all members of a record, each once.';

COMMENT ON TABLE catalog.gallery_performers IS 'Gallery performers of all members of a record, each once.';

COMMENT ON TABLE catalog.gallery_files IS 'Gallery files of all members of a record, each once.';

COMMENT ON TABLE catalog.gallery_chapters IS 'Gallery chapters of all members of a record, each once.';

COMMENT ON COLUMN catalog.galleries.instances IS 'that have one of them';

COMMENT ON COLUMN catalog.galleries.objects IS 'that are this one, see catalog.members';
