COMMENT ON COLUMN catalog.galleries.objects IS 'number of objects of all instances in it; see catalog.members';

COMMENT ON COLUMN catalog.galleries.instances IS 'number of instances with at least one of them';

COMMENT ON TABLE catalog.gallery_chapters IS 'The chapters of galleries: those of all members of a record, each once.';

COMMENT ON TABLE catalog.gallery_files IS 'The files of galleries: those of all members of a record, each once.';

COMMENT ON TABLE catalog.gallery_performers IS 'The performers of galleries: those of all members of a record, each once.';

COMMENT ON TABLE catalog.gallery_tags IS 'The tags of galleries: those of all members of a record, each once.';

COMMENT ON TABLE catalog.gallery_urls IS 'The URLs of galleries: those of all members of a record, each once.';

COMMENT ON TABLE catalog.group_containing IS 'The containing groups of groups: those of all members of a record, each once.';

COMMENT ON TABLE catalog.group_tags IS 'The tags of groups: those of all members of a record, each once.';

COMMENT ON TABLE catalog.group_urls IS 'The URLs of groups: those of all members of a record, each once.';

COMMENT ON COLUMN catalog.groups.objects IS 'number of objects of all instances in it; see catalog.members';

COMMENT ON COLUMN catalog.groups.instances IS 'number of instances with at least one of them';

COMMENT ON TABLE catalog.image_files IS 'The files of images: those of all members of a record, each once.';

COMMENT ON TABLE catalog.image_galleries IS 'The galleries of images: those of all members of a record, each once.';

COMMENT ON TABLE catalog.image_performers IS 'The performers of images: those of all members of a record, each once.';

COMMENT ON TABLE catalog.image_tags IS 'The tags of images: those of all members of a record, each once.';

COMMENT ON TABLE catalog.image_urls IS 'The URLs of images: those of all members of a record, each once.';

COMMENT ON COLUMN catalog.images.objects IS 'number of objects of all instances in it; see catalog.members';

COMMENT ON COLUMN catalog.images.instances IS 'number of instances with at least one of them';

COMMENT ON TABLE catalog.performer_aliases IS 'The aliases of performers: those of all members of a record, each once.';

COMMENT ON TABLE catalog.performer_stash_ids IS 'The stash ids of performers: those of all members of a record, each once.';

COMMENT ON TABLE catalog.performer_tags IS 'The tags of performers: those of all members of a record, each once.';

COMMENT ON TABLE catalog.performer_urls IS 'The URLs of performers: those of all members of a record, each once.';

COMMENT ON COLUMN catalog.performers.objects IS 'number of objects of all instances in it; see catalog.members';

COMMENT ON COLUMN catalog.performers.instances IS 'number of instances with at least one of them';

COMMENT ON TABLE catalog.scene_captions IS 'The captions of scenes: those of all members of a record, each once.';

COMMENT ON TABLE catalog.scene_files IS 'The files of scenes: those of all members of a record, each once.';

COMMENT ON TABLE catalog.scene_galleries IS 'The galleries of scenes: those of all members of a record, each once.';

COMMENT ON TABLE catalog.scene_groups IS 'The groups of scenes: those of all members of a record, each once.';

COMMENT ON TABLE catalog.scene_os IS 'The o''s of scenes: those of all members of a record, each once.';

COMMENT ON TABLE catalog.scene_performers IS 'The performers of scenes: those of all members of a record, each once.';

COMMENT ON TABLE catalog.scene_plays IS 'The plays of scenes: those of all members of a record, each once.';

COMMENT ON TABLE catalog.scene_stash_ids IS 'The stash ids of scenes: those of all members of a record, each once.';

COMMENT ON TABLE catalog.scene_tags IS 'The tags of scenes: those of all members of a record, each once.';

COMMENT ON TABLE catalog.scene_urls IS 'The URLs of scenes: those of all members of a record, each once.';

COMMENT ON COLUMN catalog.scenes.objects IS 'number of objects of all instances in it; see catalog.members';

COMMENT ON COLUMN catalog.scenes.instances IS 'number of instances with at least one of them';

COMMENT ON COLUMN catalog.sources.id IS 'a record of several objects, or one that is linked to a stash-box';

COMMENT ON COLUMN catalog.sources.box_numbers IS 'by field, the position of its box in endpoint_ids';

COMMENT ON TABLE catalog.studio_aliases IS 'The aliases of studios: those of all members of a record, each once.';

COMMENT ON TABLE catalog.studio_stash_ids IS 'The stash ids of studios: those of all members of a record, each once.';

COMMENT ON TABLE catalog.studio_tags IS 'The tags of studios: those of all members of a record, each once.';

COMMENT ON TABLE catalog.studio_urls IS 'The URLs of studios: those of all members of a record, each once.';

COMMENT ON COLUMN catalog.studios.objects IS 'number of objects of all instances in it; see catalog.members';

COMMENT ON COLUMN catalog.studios.instances IS 'number of instances with at least one of them';

COMMENT ON TABLE catalog.tag_aliases IS 'The aliases of tags: those of all members of a record, each once.';

COMMENT ON TABLE catalog.tag_parents IS 'The parents of tags: those of all members of a record, each once.';

COMMENT ON TABLE catalog.tag_stash_ids IS 'The stash ids of tags: those of all members of a record, each once.';

COMMENT ON COLUMN catalog.tags.objects IS 'number of objects of all instances in it; see catalog.members';

COMMENT ON COLUMN catalog.tags.instances IS 'number of instances with at least one of them';

COMMENT ON COLUMN catalog.vanished.id IS 'a record that no longer exists';

COMMENT ON TABLE catalog.vanished IS 'Records that no longer exist. catalog.changes has them with those that changed, and their successors.';

COMMENT ON COLUMN matches.clusters.size IS 'number of objects';

COMMENT ON COLUMN matches.clusters.instances IS 'number of instances with at least one of them';

COMMENT ON COLUMN matches.decisions.left_created_at IS 'when the object was created, because its id may be used again';

COMMENT ON COLUMN matches.redirects.id IS 'a cluster that no longer exists';

COMMENT ON COLUMN ops.cadence.seconds IS 'how long a comparison takes that finds no difference';

COMMENT ON COLUMN ops.cadence.last_seconds IS 'how long the last comparison took';

COMMENT ON COLUMN ops.cadence.blocked_seconds IS 'how long the server created a snapshot for the last comparison; it wrote nothing meanwhile';

COMMENT ON COLUMN ops.instances.snapshot_seconds IS 'how long the server took to create it; it accepts no writes meanwhile';

COMMENT ON COLUMN search.vanished.id IS 'a document that no longer exists';

COMMENT ON TABLE search.vanished IS 'Documents that no longer exist; kept as long as an index can follow.';

COMMENT ON COLUMN stashbox.listings.scenes IS 'number of scenes that the box counted when the reading began';
