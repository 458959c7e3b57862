CREATE TABLE catalog.galleries (
    id UUID NOT NULL,
    objects INTEGER NOT NULL,
    instances INTEGER NOT NULL,
    title TEXT,
    code TEXT,
    details TEXT,
    photographer TEXT,
    date DATE,
    date_text TEXT,
    date_precision TEXT,
    rating100 INTEGER,
    organized BOOLEAN,
    cover_path TEXT,
    preview_path TEXT,
    custom_fields JSONB,
    created_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE,
    studio_id UUID,
    cover_id UUID,
    revision BIGINT NOT NULL,
    CONSTRAINT galleries_pkey PRIMARY KEY (id)
);

COMMENT ON TABLE catalog.galleries IS 'The galleries of all instances, each once: one golden record per cluster.';

COMMENT ON COLUMN catalog.galleries.id IS 'matches.clusters.id';

COMMENT ON COLUMN catalog.galleries.objects IS 'that are this one, see catalog.members';

COMMENT ON COLUMN catalog.galleries.instances IS 'that have one of them';

COMMENT ON COLUMN catalog.galleries.date IS 'first day of the period that the server gives';

COMMENT ON COLUMN catalog.galleries.date_text IS 'as the server spells it';

COMMENT ON COLUMN catalog.galleries.date_precision IS 'day, month or year; null if it is not a date';

COMMENT ON COLUMN catalog.galleries.cover_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN catalog.galleries.preview_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN catalog.galleries.studio_id IS '→ catalog.studios.id';

COMMENT ON COLUMN catalog.galleries.cover_id IS '→ catalog.images.id';

COMMENT ON COLUMN catalog.galleries.revision IS 'of the object log, when the record, its members or one of its lists last changed';

CREATE INDEX galleries_cover_id_idx ON catalog.galleries (cover_id);

CREATE INDEX galleries_date_idx ON catalog.galleries USING btree (date);

CREATE INDEX galleries_revision_idx ON catalog.galleries (revision);

CREATE INDEX galleries_studio_id_idx ON catalog.galleries (studio_id);

CREATE INDEX galleries_title_idx ON catalog.galleries USING hash (title);

CREATE TABLE catalog.gallery_chapters (
    gallery_id UUID NOT NULL,
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    title TEXT,
    image_index INTEGER,
    created_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT gallery_chapters_pkey PRIMARY KEY (gallery_id, instance_id, id)
);

COMMENT ON TABLE catalog.gallery_chapters IS 'Gallery chapters of all members of a record, each once.';

COMMENT ON COLUMN catalog.gallery_chapters.gallery_id IS '→ catalog.galleries.id';

COMMENT ON COLUMN catalog.gallery_chapters.instance_id IS 'ops.instances.id';

CREATE TABLE catalog.gallery_files (
    gallery_id UUID NOT NULL,
    instance_id INTEGER NOT NULL,
    file_id BIGINT NOT NULL,
    is_primary BOOLEAN NOT NULL,
    CONSTRAINT gallery_files_pkey PRIMARY KEY (gallery_id, instance_id, file_id)
);

COMMENT ON TABLE catalog.gallery_files IS 'Gallery files of all members of a record, each once.';

COMMENT ON COLUMN catalog.gallery_files.gallery_id IS '→ catalog.galleries.id';

COMMENT ON COLUMN catalog.gallery_files.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN catalog.gallery_files.file_id IS 'stash.files.id';

COMMENT ON COLUMN catalog.gallery_files.is_primary IS 'the first of the server''s list';

CREATE TABLE catalog.gallery_performers (
    gallery_id UUID NOT NULL,
    performer_id UUID NOT NULL,
    CONSTRAINT gallery_performers_pkey PRIMARY KEY (gallery_id, performer_id)
);

COMMENT ON TABLE catalog.gallery_performers IS 'Gallery performers of all members of a record, each once.';

COMMENT ON COLUMN catalog.gallery_performers.gallery_id IS '→ catalog.galleries.id';

COMMENT ON COLUMN catalog.gallery_performers.performer_id IS '→ catalog.performers.id';

CREATE INDEX gallery_performers_performer_id_idx ON catalog.gallery_performers (performer_id, gallery_id);

CREATE TABLE catalog.gallery_tags (
    gallery_id UUID NOT NULL,
    tag_id UUID NOT NULL,
    CONSTRAINT gallery_tags_pkey PRIMARY KEY (gallery_id, tag_id)
);

COMMENT ON TABLE catalog.gallery_tags IS 'Gallery tags of all members of a record, each once.';

COMMENT ON COLUMN catalog.gallery_tags.gallery_id IS '→ catalog.galleries.id';

COMMENT ON COLUMN catalog.gallery_tags.tag_id IS '→ catalog.tags.id';

CREATE INDEX gallery_tags_tag_id_idx ON catalog.gallery_tags (tag_id, gallery_id);

CREATE TABLE catalog.gallery_urls (
    gallery_id UUID NOT NULL,
    position INTEGER NOT NULL,
    url TEXT,
    CONSTRAINT gallery_urls_pkey PRIMARY KEY (gallery_id, position)
);

COMMENT ON TABLE catalog.gallery_urls IS 'Gallery urls of all members of a record, each once.';

COMMENT ON COLUMN catalog.gallery_urls.gallery_id IS '→ catalog.galleries.id';

COMMENT ON COLUMN catalog.gallery_urls.position IS 'from 0';

CREATE TABLE catalog.group_containing (
    containing_group_id UUID NOT NULL,
    group_id UUID NOT NULL,
    description TEXT,
    order_index INTEGER NOT NULL,
    CONSTRAINT group_containing_pkey PRIMARY KEY (containing_group_id, group_id)
);

COMMENT ON TABLE catalog.group_containing IS 'Group containing of all members of a record, each once.';

COMMENT ON COLUMN catalog.group_containing.containing_group_id IS '→ catalog.groups.id';

COMMENT ON COLUMN catalog.group_containing.group_id IS '→ catalog.groups.id';

COMMENT ON COLUMN catalog.group_containing.order_index IS 'from 0';

CREATE INDEX group_containing_group_id_idx ON catalog.group_containing (group_id, containing_group_id);

CREATE TABLE catalog.group_tags (
    group_id UUID NOT NULL,
    tag_id UUID NOT NULL,
    CONSTRAINT group_tags_pkey PRIMARY KEY (group_id, tag_id)
);

COMMENT ON TABLE catalog.group_tags IS 'Group tags of all members of a record, each once.';

COMMENT ON COLUMN catalog.group_tags.group_id IS '→ catalog.groups.id';

COMMENT ON COLUMN catalog.group_tags.tag_id IS '→ catalog.tags.id';

CREATE INDEX group_tags_tag_id_idx ON catalog.group_tags (tag_id, group_id);

CREATE TABLE catalog.group_urls (
    group_id UUID NOT NULL,
    position INTEGER NOT NULL,
    url TEXT,
    CONSTRAINT group_urls_pkey PRIMARY KEY (group_id, position)
);

COMMENT ON TABLE catalog.group_urls IS 'Group urls of all members of a record, each once.';

COMMENT ON COLUMN catalog.group_urls.group_id IS '→ catalog.groups.id';

COMMENT ON COLUMN catalog.group_urls.position IS 'from 0';

CREATE TABLE catalog.groups (
    id UUID NOT NULL,
    objects INTEGER NOT NULL,
    instances INTEGER NOT NULL,
    name TEXT,
    aliases TEXT,
    duration INTEGER,
    date DATE,
    date_text TEXT,
    date_precision TEXT,
    rating100 INTEGER,
    director TEXT,
    synopsis TEXT,
    front_image_path TEXT,
    back_image_path TEXT,
    custom_fields JSONB,
    created_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE,
    studio_id UUID,
    revision BIGINT NOT NULL,
    CONSTRAINT groups_pkey PRIMARY KEY (id)
);

COMMENT ON TABLE catalog.groups IS 'The groups of all instances, each once: one golden record per cluster.';

COMMENT ON COLUMN catalog.groups.id IS 'matches.clusters.id';

COMMENT ON COLUMN catalog.groups.objects IS 'that are this one, see catalog.members';

COMMENT ON COLUMN catalog.groups.instances IS 'that have one of them';

COMMENT ON COLUMN catalog.groups.date IS 'first day of the period that the server gives';

COMMENT ON COLUMN catalog.groups.date_text IS 'as the server spells it';

COMMENT ON COLUMN catalog.groups.date_precision IS 'day, month or year; null if it is not a date';

COMMENT ON COLUMN catalog.groups.front_image_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN catalog.groups.back_image_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN catalog.groups.studio_id IS '→ catalog.studios.id';

COMMENT ON COLUMN catalog.groups.revision IS 'of the object log, when the record, its members or one of its lists last changed';

CREATE INDEX groups_date_idx ON catalog.groups USING btree (date);

CREATE INDEX groups_name_idx ON catalog.groups USING hash (lower(name));

CREATE INDEX groups_revision_idx ON catalog.groups (revision);

CREATE INDEX groups_studio_id_idx ON catalog.groups (studio_id);

CREATE TABLE catalog.image_files (
    image_id UUID NOT NULL,
    instance_id INTEGER NOT NULL,
    file_id BIGINT NOT NULL,
    is_primary BOOLEAN NOT NULL,
    CONSTRAINT image_files_pkey PRIMARY KEY (image_id, instance_id, file_id)
);

COMMENT ON TABLE catalog.image_files IS 'Image files of all members of a record, each once.';

COMMENT ON COLUMN catalog.image_files.image_id IS '→ catalog.images.id';

COMMENT ON COLUMN catalog.image_files.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN catalog.image_files.file_id IS 'stash.files.id';

COMMENT ON COLUMN catalog.image_files.is_primary IS 'the first of the server''s list';

CREATE TABLE catalog.image_galleries (
    image_id UUID NOT NULL,
    gallery_id UUID NOT NULL,
    CONSTRAINT image_galleries_pkey PRIMARY KEY (image_id, gallery_id)
);

COMMENT ON TABLE catalog.image_galleries IS 'Image galleries of all members of a record, each once.';

COMMENT ON COLUMN catalog.image_galleries.image_id IS '→ catalog.images.id';

COMMENT ON COLUMN catalog.image_galleries.gallery_id IS '→ catalog.galleries.id';

CREATE INDEX image_galleries_gallery_id_idx ON catalog.image_galleries (gallery_id, image_id);

CREATE TABLE catalog.image_performers (
    image_id UUID NOT NULL,
    performer_id UUID NOT NULL,
    CONSTRAINT image_performers_pkey PRIMARY KEY (image_id, performer_id)
);

COMMENT ON TABLE catalog.image_performers IS 'Image performers of all members of a record, each once.';

COMMENT ON COLUMN catalog.image_performers.image_id IS '→ catalog.images.id';

COMMENT ON COLUMN catalog.image_performers.performer_id IS '→ catalog.performers.id';

CREATE INDEX image_performers_performer_id_idx ON catalog.image_performers (performer_id, image_id);

CREATE TABLE catalog.image_tags (
    image_id UUID NOT NULL,
    tag_id UUID NOT NULL,
    CONSTRAINT image_tags_pkey PRIMARY KEY (image_id, tag_id)
);

COMMENT ON TABLE catalog.image_tags IS 'Image tags of all members of a record, each once.';

COMMENT ON COLUMN catalog.image_tags.image_id IS '→ catalog.images.id';

COMMENT ON COLUMN catalog.image_tags.tag_id IS '→ catalog.tags.id';

CREATE INDEX image_tags_tag_id_idx ON catalog.image_tags (tag_id, image_id);

CREATE TABLE catalog.image_urls (
    image_id UUID NOT NULL,
    position INTEGER NOT NULL,
    url TEXT,
    CONSTRAINT image_urls_pkey PRIMARY KEY (image_id, position)
);

COMMENT ON TABLE catalog.image_urls IS 'Image urls of all members of a record, each once.';

COMMENT ON COLUMN catalog.image_urls.image_id IS '→ catalog.images.id';

COMMENT ON COLUMN catalog.image_urls.position IS 'from 0';

CREATE TABLE catalog.images (
    id UUID NOT NULL,
    objects INTEGER NOT NULL,
    instances INTEGER NOT NULL,
    title TEXT,
    code TEXT,
    details TEXT,
    photographer TEXT,
    date DATE,
    date_text TEXT,
    date_precision TEXT,
    rating100 INTEGER,
    o_counter BIGINT,
    organized BOOLEAN,
    image_path TEXT,
    thumbnail_path TEXT,
    preview_path TEXT,
    custom_fields JSONB,
    created_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE,
    studio_id UUID,
    revision BIGINT NOT NULL,
    CONSTRAINT images_pkey PRIMARY KEY (id)
);

COMMENT ON TABLE catalog.images IS 'The images of all instances, each once: one golden record per cluster.';

COMMENT ON COLUMN catalog.images.id IS 'matches.clusters.id';

COMMENT ON COLUMN catalog.images.objects IS 'that are this one, see catalog.members';

COMMENT ON COLUMN catalog.images.instances IS 'that have one of them';

COMMENT ON COLUMN catalog.images.date IS 'first day of the period that the server gives';

COMMENT ON COLUMN catalog.images.date_text IS 'as the server spells it';

COMMENT ON COLUMN catalog.images.date_precision IS 'day, month or year; null if it is not a date';

COMMENT ON COLUMN catalog.images.image_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN catalog.images.thumbnail_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN catalog.images.preview_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN catalog.images.studio_id IS '→ catalog.studios.id';

COMMENT ON COLUMN catalog.images.revision IS 'of the object log, when the record, its members or one of its lists last changed';

CREATE INDEX images_date_idx ON catalog.images USING btree (date);

CREATE INDEX images_revision_idx ON catalog.images (revision);

CREATE INDEX images_studio_id_idx ON catalog.images (studio_id);

CREATE TABLE catalog.members (
    entity TEXT NOT NULL,
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    canonical_id UUID NOT NULL,
    CONSTRAINT members_pkey PRIMARY KEY (entity, instance_id, id)
);

COMMENT ON TABLE catalog.members IS 'The record of every object of the servers.';

COMMENT ON COLUMN catalog.members.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN catalog.members.id IS 'the server''s id';

COMMENT ON COLUMN catalog.members.canonical_id IS 'the id of the record in the table of the entity';

CREATE INDEX members_canonical_idx ON catalog.members (canonical_id);

CREATE TABLE catalog.performer_aliases (
    performer_id UUID NOT NULL,
    alias TEXT NOT NULL,
    CONSTRAINT performer_aliases_pkey PRIMARY KEY (performer_id, alias)
);

COMMENT ON TABLE catalog.performer_aliases IS 'Performer aliases of all members of a record, each once.';

COMMENT ON COLUMN catalog.performer_aliases.performer_id IS '→ catalog.performers.id';

CREATE INDEX performer_aliases_alias_idx ON catalog.performer_aliases USING hash (lower(alias));

CREATE TABLE catalog.performer_stash_ids (
    performer_id UUID NOT NULL,
    endpoint TEXT NOT NULL,
    stash_id TEXT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT performer_stash_ids_pkey PRIMARY KEY (performer_id, endpoint, stash_id)
);

COMMENT ON TABLE catalog.performer_stash_ids IS 'Performer stash ids of all members of a record, each once.';

COMMENT ON COLUMN catalog.performer_stash_ids.performer_id IS '→ catalog.performers.id';

CREATE INDEX performer_stash_ids_stash_id_idx ON catalog.performer_stash_ids USING btree (stash_id);

CREATE TABLE catalog.performer_tags (
    performer_id UUID NOT NULL,
    tag_id UUID NOT NULL,
    CONSTRAINT performer_tags_pkey PRIMARY KEY (performer_id, tag_id)
);

COMMENT ON TABLE catalog.performer_tags IS 'Performer tags of all members of a record, each once.';

COMMENT ON COLUMN catalog.performer_tags.performer_id IS '→ catalog.performers.id';

COMMENT ON COLUMN catalog.performer_tags.tag_id IS '→ catalog.tags.id';

CREATE INDEX performer_tags_tag_id_idx ON catalog.performer_tags (tag_id, performer_id);

CREATE TABLE catalog.performer_urls (
    performer_id UUID NOT NULL,
    position INTEGER NOT NULL,
    url TEXT,
    CONSTRAINT performer_urls_pkey PRIMARY KEY (performer_id, position)
);

COMMENT ON TABLE catalog.performer_urls IS 'Performer urls of all members of a record, each once.';

COMMENT ON COLUMN catalog.performer_urls.performer_id IS '→ catalog.performers.id';

COMMENT ON COLUMN catalog.performer_urls.position IS 'from 0';

CREATE TABLE catalog.performers (
    id UUID NOT NULL,
    objects INTEGER NOT NULL,
    instances INTEGER NOT NULL,
    name TEXT,
    disambiguation TEXT,
    gender TEXT,
    birthdate DATE,
    birthdate_text TEXT,
    birthdate_precision TEXT,
    death_date DATE,
    death_date_text TEXT,
    death_date_precision TEXT,
    ethnicity TEXT,
    country TEXT,
    eye_color TEXT,
    hair_color TEXT,
    height_cm INTEGER,
    weight INTEGER,
    measurements TEXT,
    fake_tits TEXT,
    penis_length DOUBLE PRECISION,
    circumcised TEXT,
    career_length TEXT,
    career_start DATE,
    career_start_text TEXT,
    career_start_precision TEXT,
    career_end DATE,
    career_end_text TEXT,
    career_end_precision TEXT,
    tattoos TEXT,
    piercings TEXT,
    details TEXT,
    rating100 INTEGER,
    favorite BOOLEAN,
    ignore_auto_tag BOOLEAN,
    image_path TEXT,
    custom_fields JSONB,
    created_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE,
    revision BIGINT NOT NULL,
    CONSTRAINT performers_pkey PRIMARY KEY (id)
);

COMMENT ON TABLE catalog.performers IS 'The performers of all instances, each once: one golden record per cluster.';

COMMENT ON COLUMN catalog.performers.id IS 'matches.clusters.id';

COMMENT ON COLUMN catalog.performers.objects IS 'that are this one, see catalog.members';

COMMENT ON COLUMN catalog.performers.instances IS 'that have one of them';

COMMENT ON COLUMN catalog.performers.birthdate IS 'first day of the period that the server gives';

COMMENT ON COLUMN catalog.performers.birthdate_text IS 'as the server spells it';

COMMENT ON COLUMN catalog.performers.birthdate_precision IS 'day, month or year; null if it is not a date';

COMMENT ON COLUMN catalog.performers.death_date IS 'first day of the period that the server gives';

COMMENT ON COLUMN catalog.performers.death_date_text IS 'as the server spells it';

COMMENT ON COLUMN catalog.performers.death_date_precision IS 'day, month or year; null if it is not a date';

COMMENT ON COLUMN catalog.performers.career_start IS 'first day of the period that the server gives';

COMMENT ON COLUMN catalog.performers.career_start_text IS 'as the server spells it';

COMMENT ON COLUMN catalog.performers.career_start_precision IS 'day, month or year; null if it is not a date';

COMMENT ON COLUMN catalog.performers.career_end IS 'first day of the period that the server gives';

COMMENT ON COLUMN catalog.performers.career_end_text IS 'as the server spells it';

COMMENT ON COLUMN catalog.performers.career_end_precision IS 'day, month or year; null if it is not a date';

COMMENT ON COLUMN catalog.performers.image_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN catalog.performers.revision IS 'of the object log, when the record, its members or one of its lists last changed';

CREATE INDEX performers_gender_idx ON catalog.performers USING btree (gender);

CREATE INDEX performers_name_idx ON catalog.performers USING hash (lower(name));

CREATE INDEX performers_revision_idx ON catalog.performers (revision);

CREATE TABLE catalog.row_counts (
    table_name TEXT NOT NULL,
    rows BIGINT NOT NULL,
    PRIMARY KEY (table_name)
);

COMMENT ON TABLE catalog.row_counts IS 'Rows per table of the catalog, kept because counting would grow with the library.';

CREATE TABLE catalog.scene_captions (
    scene_id UUID NOT NULL,
    language_code TEXT NOT NULL,
    caption_type TEXT NOT NULL,
    CONSTRAINT scene_captions_pkey PRIMARY KEY (scene_id, language_code, caption_type)
);

COMMENT ON TABLE catalog.scene_captions IS 'Scene captions of all members of a record, each once.';

COMMENT ON COLUMN catalog.scene_captions.scene_id IS '→ catalog.scenes.id';

CREATE TABLE catalog.scene_files (
    scene_id UUID NOT NULL,
    instance_id INTEGER NOT NULL,
    file_id BIGINT NOT NULL,
    is_primary BOOLEAN NOT NULL,
    CONSTRAINT scene_files_pkey PRIMARY KEY (scene_id, instance_id, file_id)
);

COMMENT ON TABLE catalog.scene_files IS 'Scene files of all members of a record, each once.';

COMMENT ON COLUMN catalog.scene_files.scene_id IS '→ catalog.scenes.id';

COMMENT ON COLUMN catalog.scene_files.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN catalog.scene_files.file_id IS 'stash.files.id';

COMMENT ON COLUMN catalog.scene_files.is_primary IS 'the first of the server''s list';

CREATE TABLE catalog.scene_galleries (
    scene_id UUID NOT NULL,
    gallery_id UUID NOT NULL,
    CONSTRAINT scene_galleries_pkey PRIMARY KEY (scene_id, gallery_id)
);

COMMENT ON TABLE catalog.scene_galleries IS 'Scene galleries of all members of a record, each once.';

COMMENT ON COLUMN catalog.scene_galleries.scene_id IS '→ catalog.scenes.id';

COMMENT ON COLUMN catalog.scene_galleries.gallery_id IS '→ catalog.galleries.id';

CREATE INDEX scene_galleries_gallery_id_idx ON catalog.scene_galleries (gallery_id, scene_id);

CREATE TABLE catalog.scene_groups (
    scene_id UUID NOT NULL,
    group_id UUID NOT NULL,
    scene_index INTEGER,
    CONSTRAINT scene_groups_pkey PRIMARY KEY (scene_id, group_id)
);

COMMENT ON TABLE catalog.scene_groups IS 'Scene groups of all members of a record, each once.';

COMMENT ON COLUMN catalog.scene_groups.scene_id IS '→ catalog.scenes.id';

COMMENT ON COLUMN catalog.scene_groups.group_id IS '→ catalog.groups.id';

CREATE INDEX scene_groups_group_id_idx ON catalog.scene_groups (group_id, scene_id);

CREATE TABLE catalog.scene_os (
    scene_id UUID NOT NULL,
    position INTEGER NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT scene_os_pkey PRIMARY KEY (scene_id, position)
);

COMMENT ON TABLE catalog.scene_os IS 'Scene os of all members of a record, each once.';

COMMENT ON COLUMN catalog.scene_os.scene_id IS '→ catalog.scenes.id';

COMMENT ON COLUMN catalog.scene_os.position IS 'from 0';

CREATE TABLE catalog.scene_performers (
    scene_id UUID NOT NULL,
    performer_id UUID NOT NULL,
    CONSTRAINT scene_performers_pkey PRIMARY KEY (scene_id, performer_id)
);

COMMENT ON TABLE catalog.scene_performers IS 'Scene performers of all members of a record, each once.';

COMMENT ON COLUMN catalog.scene_performers.scene_id IS '→ catalog.scenes.id';

COMMENT ON COLUMN catalog.scene_performers.performer_id IS '→ catalog.performers.id';

CREATE INDEX scene_performers_performer_id_idx ON catalog.scene_performers (performer_id, scene_id);

CREATE TABLE catalog.scene_plays (
    scene_id UUID NOT NULL,
    position INTEGER NOT NULL,
    played_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT scene_plays_pkey PRIMARY KEY (scene_id, position)
);

COMMENT ON TABLE catalog.scene_plays IS 'Scene plays of all members of a record, each once.';

COMMENT ON COLUMN catalog.scene_plays.scene_id IS '→ catalog.scenes.id';

COMMENT ON COLUMN catalog.scene_plays.position IS 'from 0';

CREATE INDEX scene_plays_played_at_idx ON catalog.scene_plays USING btree (played_at);

CREATE TABLE catalog.scene_stash_ids (
    scene_id UUID NOT NULL,
    endpoint TEXT NOT NULL,
    stash_id TEXT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT scene_stash_ids_pkey PRIMARY KEY (scene_id, endpoint, stash_id)
);

COMMENT ON TABLE catalog.scene_stash_ids IS 'Scene stash ids of all members of a record, each once.';

COMMENT ON COLUMN catalog.scene_stash_ids.scene_id IS '→ catalog.scenes.id';

CREATE INDEX scene_stash_ids_stash_id_idx ON catalog.scene_stash_ids USING btree (stash_id);

CREATE TABLE catalog.scene_tags (
    scene_id UUID NOT NULL,
    tag_id UUID NOT NULL,
    CONSTRAINT scene_tags_pkey PRIMARY KEY (scene_id, tag_id)
);

COMMENT ON TABLE catalog.scene_tags IS 'Scene tags of all members of a record, each once.';

COMMENT ON COLUMN catalog.scene_tags.scene_id IS '→ catalog.scenes.id';

COMMENT ON COLUMN catalog.scene_tags.tag_id IS '→ catalog.tags.id';

CREATE INDEX scene_tags_tag_id_idx ON catalog.scene_tags (tag_id, scene_id);

CREATE TABLE catalog.scene_urls (
    scene_id UUID NOT NULL,
    position INTEGER NOT NULL,
    url TEXT,
    CONSTRAINT scene_urls_pkey PRIMARY KEY (scene_id, position)
);

COMMENT ON TABLE catalog.scene_urls IS 'Scene urls of all members of a record, each once.';

COMMENT ON COLUMN catalog.scene_urls.scene_id IS '→ catalog.scenes.id';

COMMENT ON COLUMN catalog.scene_urls.position IS 'from 0';

CREATE TABLE catalog.scenes (
    id UUID NOT NULL,
    objects INTEGER NOT NULL,
    instances INTEGER NOT NULL,
    title TEXT,
    code TEXT,
    details TEXT,
    director TEXT,
    date DATE,
    date_text TEXT,
    date_precision TEXT,
    rating100 INTEGER,
    organized BOOLEAN,
    o_counter BIGINT,
    play_count BIGINT,
    play_duration DOUBLE PRECISION,
    resume_time DOUBLE PRECISION,
    last_played_at TIMESTAMP WITH TIME ZONE,
    interactive BOOLEAN,
    interactive_speed INTEGER,
    screenshot_path TEXT,
    preview_path TEXT,
    webp_path TEXT,
    vtt_path TEXT,
    sprite_path TEXT,
    funscript_path TEXT,
    interactive_heatmap_path TEXT,
    caption_path TEXT,
    custom_fields JSONB,
    created_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE,
    studio_id UUID,
    revision BIGINT NOT NULL,
    CONSTRAINT scenes_pkey PRIMARY KEY (id)
);

COMMENT ON TABLE catalog.scenes IS 'The scenes of all instances, each once: one golden record per cluster.';

COMMENT ON COLUMN catalog.scenes.id IS 'matches.clusters.id';

COMMENT ON COLUMN catalog.scenes.objects IS 'that are this one, see catalog.members';

COMMENT ON COLUMN catalog.scenes.instances IS 'that have one of them';

COMMENT ON COLUMN catalog.scenes.date IS 'first day of the period that the server gives';

COMMENT ON COLUMN catalog.scenes.date_text IS 'as the server spells it';

COMMENT ON COLUMN catalog.scenes.date_precision IS 'day, month or year; null if it is not a date';

COMMENT ON COLUMN catalog.scenes.screenshot_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN catalog.scenes.preview_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN catalog.scenes.webp_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN catalog.scenes.vtt_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN catalog.scenes.sprite_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN catalog.scenes.funscript_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN catalog.scenes.interactive_heatmap_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN catalog.scenes.caption_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN catalog.scenes.studio_id IS '→ catalog.studios.id';

COMMENT ON COLUMN catalog.scenes.revision IS 'of the object log, when the record, its members or one of its lists last changed';

CREATE INDEX scenes_date_idx ON catalog.scenes USING btree (date);

CREATE INDEX scenes_rating100_idx ON catalog.scenes USING btree (rating100);

CREATE INDEX scenes_revision_idx ON catalog.scenes (revision);

CREATE INDEX scenes_studio_id_idx ON catalog.scenes (studio_id);

CREATE INDEX scenes_title_idx ON catalog.scenes USING hash (title);

CREATE INDEX scenes_updated_at_idx ON catalog.scenes USING btree (updated_at);

CREATE TABLE catalog.sources (
    id UUID NOT NULL,
    entity TEXT NOT NULL,
    instance_ids INTEGER[] NOT NULL,
    object_ids BIGINT[] NOT NULL,
    rules TEXT[] NOT NULL,
    CONSTRAINT sources_pkey PRIMARY KEY (id)
);

COMMENT ON TABLE catalog.sources IS 'Of which object the fields of a record are. Read it as catalog.provenance.';

COMMENT ON COLUMN catalog.sources.id IS 'of a record of several objects';

COMMENT ON COLUMN catalog.sources.instance_ids IS 'by field, in the order of catalog.provenance';

COMMENT ON COLUMN catalog.sources.rules IS 'the criterion or method that decided; null: no value';

CREATE TABLE catalog.studio_aliases (
    studio_id UUID NOT NULL,
    alias TEXT NOT NULL,
    CONSTRAINT studio_aliases_pkey PRIMARY KEY (studio_id, alias)
);

COMMENT ON TABLE catalog.studio_aliases IS 'Studio aliases of all members of a record, each once.';

COMMENT ON COLUMN catalog.studio_aliases.studio_id IS '→ catalog.studios.id';

CREATE INDEX studio_aliases_alias_idx ON catalog.studio_aliases USING hash (lower(alias));

CREATE TABLE catalog.studio_stash_ids (
    studio_id UUID NOT NULL,
    endpoint TEXT NOT NULL,
    stash_id TEXT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT studio_stash_ids_pkey PRIMARY KEY (studio_id, endpoint, stash_id)
);

COMMENT ON TABLE catalog.studio_stash_ids IS 'Studio stash ids of all members of a record, each once.';

COMMENT ON COLUMN catalog.studio_stash_ids.studio_id IS '→ catalog.studios.id';

CREATE INDEX studio_stash_ids_stash_id_idx ON catalog.studio_stash_ids USING btree (stash_id);

CREATE TABLE catalog.studio_tags (
    studio_id UUID NOT NULL,
    tag_id UUID NOT NULL,
    CONSTRAINT studio_tags_pkey PRIMARY KEY (studio_id, tag_id)
);

COMMENT ON TABLE catalog.studio_tags IS 'Studio tags of all members of a record, each once.';

COMMENT ON COLUMN catalog.studio_tags.studio_id IS '→ catalog.studios.id';

COMMENT ON COLUMN catalog.studio_tags.tag_id IS '→ catalog.tags.id';

CREATE INDEX studio_tags_tag_id_idx ON catalog.studio_tags (tag_id, studio_id);

CREATE TABLE catalog.studio_urls (
    studio_id UUID NOT NULL,
    position INTEGER NOT NULL,
    url TEXT,
    CONSTRAINT studio_urls_pkey PRIMARY KEY (studio_id, position)
);

COMMENT ON TABLE catalog.studio_urls IS 'Studio urls of all members of a record, each once.';

COMMENT ON COLUMN catalog.studio_urls.studio_id IS '→ catalog.studios.id';

COMMENT ON COLUMN catalog.studio_urls.position IS 'from 0';

CREATE TABLE catalog.studios (
    id UUID NOT NULL,
    objects INTEGER NOT NULL,
    instances INTEGER NOT NULL,
    name TEXT,
    details TEXT,
    rating100 INTEGER,
    favorite BOOLEAN,
    organized BOOLEAN,
    ignore_auto_tag BOOLEAN,
    image_path TEXT,
    custom_fields JSONB,
    created_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE,
    parent_studio_id UUID,
    revision BIGINT NOT NULL,
    CONSTRAINT studios_pkey PRIMARY KEY (id)
);

COMMENT ON TABLE catalog.studios IS 'The studios of all instances, each once: one golden record per cluster.';

COMMENT ON COLUMN catalog.studios.id IS 'matches.clusters.id';

COMMENT ON COLUMN catalog.studios.objects IS 'that are this one, see catalog.members';

COMMENT ON COLUMN catalog.studios.instances IS 'that have one of them';

COMMENT ON COLUMN catalog.studios.image_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN catalog.studios.parent_studio_id IS '→ catalog.studios.id';

COMMENT ON COLUMN catalog.studios.revision IS 'of the object log, when the record, its members or one of its lists last changed';

CREATE INDEX studios_name_idx ON catalog.studios USING hash (lower(name));

CREATE INDEX studios_parent_studio_id_idx ON catalog.studios (parent_studio_id);

CREATE INDEX studios_revision_idx ON catalog.studios (revision);

CREATE TABLE catalog.tag_aliases (
    tag_id UUID NOT NULL,
    alias TEXT NOT NULL,
    CONSTRAINT tag_aliases_pkey PRIMARY KEY (tag_id, alias)
);

COMMENT ON TABLE catalog.tag_aliases IS 'Tag aliases of all members of a record, each once.';

COMMENT ON COLUMN catalog.tag_aliases.tag_id IS '→ catalog.tags.id';

CREATE INDEX tag_aliases_alias_idx ON catalog.tag_aliases USING hash (lower(alias));

CREATE TABLE catalog.tag_parents (
    tag_id UUID NOT NULL,
    parent_id UUID NOT NULL,
    CONSTRAINT tag_parents_pkey PRIMARY KEY (tag_id, parent_id)
);

COMMENT ON TABLE catalog.tag_parents IS 'Tag parents of all members of a record, each once.';

COMMENT ON COLUMN catalog.tag_parents.tag_id IS '→ catalog.tags.id';

COMMENT ON COLUMN catalog.tag_parents.parent_id IS '→ catalog.tags.id';

CREATE INDEX tag_parents_parent_id_idx ON catalog.tag_parents (parent_id, tag_id);

CREATE TABLE catalog.tag_stash_ids (
    tag_id UUID NOT NULL,
    endpoint TEXT NOT NULL,
    stash_id TEXT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT tag_stash_ids_pkey PRIMARY KEY (tag_id, endpoint, stash_id)
);

COMMENT ON TABLE catalog.tag_stash_ids IS 'Tag stash ids of all members of a record, each once.';

COMMENT ON COLUMN catalog.tag_stash_ids.tag_id IS '→ catalog.tags.id';

CREATE INDEX tag_stash_ids_stash_id_idx ON catalog.tag_stash_ids USING btree (stash_id);

CREATE TABLE catalog.tags (
    id UUID NOT NULL,
    objects INTEGER NOT NULL,
    instances INTEGER NOT NULL,
    name TEXT,
    sort_name TEXT,
    description TEXT,
    favorite BOOLEAN,
    ignore_auto_tag BOOLEAN,
    image_path TEXT,
    custom_fields JSONB,
    created_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE,
    revision BIGINT NOT NULL,
    CONSTRAINT tags_pkey PRIMARY KEY (id)
);

COMMENT ON TABLE catalog.tags IS 'The tags of all instances, each once: one golden record per cluster.';

COMMENT ON COLUMN catalog.tags.id IS 'matches.clusters.id';

COMMENT ON COLUMN catalog.tags.objects IS 'that are this one, see catalog.members';

COMMENT ON COLUMN catalog.tags.instances IS 'that have one of them';

COMMENT ON COLUMN catalog.tags.image_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN catalog.tags.revision IS 'of the object log, when the record, its members or one of its lists last changed';

CREATE INDEX tags_name_idx ON catalog.tags USING hash (lower(name));

CREATE INDEX tags_revision_idx ON catalog.tags (revision);

CREATE TABLE catalog.vanished (
    id UUID NOT NULL,
    entity TEXT NOT NULL,
    revision BIGINT NOT NULL,
    CONSTRAINT vanished_pkey PRIMARY KEY (id)
);

COMMENT ON TABLE catalog.vanished IS 'Records that are no more. catalog.changes has them with those that changed, and their successors.';

COMMENT ON COLUMN catalog.vanished.id IS 'of a record that is no more';

COMMENT ON COLUMN catalog.vanished.revision IS 'of the object log, when it vanished';

CREATE INDEX vanished_revision_idx ON catalog.vanished (revision);

CREATE TABLE matches.clusters (
    id UUID NOT NULL,
    entity TEXT NOT NULL,
    number BIGINT GENERATED ALWAYS AS IDENTITY,
    size INTEGER NOT NULL,
    instances INTEGER NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (id)
);

COMMENT ON TABLE matches.clusters IS 'Sets of objects that are the same thing; an object without a partner is a cluster of one.';

COMMENT ON COLUMN matches.clusters.id IS 'stays with the larger part when the cluster is split';

COMMENT ON COLUMN matches.clusters.number IS 'the smaller the older';

COMMENT ON COLUMN matches.clusters.size IS 'objects';

COMMENT ON COLUMN matches.clusters.instances IS 'that have one of them';

COMMENT ON COLUMN matches.clusters.revision IS 'of the object log, when the cluster last changed';

CREATE INDEX clusters_revision_idx ON matches.clusters (revision);

CREATE INDEX clusters_size_idx ON matches.clusters (entity, size) WHERE size > 1;

CREATE TABLE matches.decisions (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    entity TEXT NOT NULL,
    verdict TEXT NOT NULL,
    left_instance UUID NOT NULL,
    left_id BIGINT NOT NULL,
    left_created_at TIMESTAMP WITH TIME ZONE,
    left_content TEXT[] NOT NULL,
    right_instance UUID,
    right_id BIGINT,
    right_created_at TIMESTAMP WITH TIME ZONE,
    right_content TEXT[],
    field TEXT,
    note TEXT,
    decided_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    withdrawn_at TIMESTAMP WITH TIME ZONE,
    PRIMARY KEY (id),
    CONSTRAINT decisions_right_check CHECK ((verdict = 'primary') = (right_id IS NULL)),
    CONSTRAINT decisions_verdict_check CHECK (verdict IN ('same', 'different', 'primary'))
);

COMMENT ON TABLE matches.decisions IS 'What people decided about objects; above every rule, for ever.';

COMMENT ON COLUMN matches.decisions.verdict IS 'same or different; or primary, of one object';

COMMENT ON COLUMN matches.decisions.left_instance IS 'ops.instances.uuid';

COMMENT ON COLUMN matches.decisions.left_created_at IS 'of the object: its id may be used again';

COMMENT ON COLUMN matches.decisions.left_content IS 'keys by which it is recognised after a re-import';

COMMENT ON COLUMN matches.decisions.right_instance IS 'null if the verdict is primary';

COMMENT ON COLUMN matches.decisions.field IS 'of a primary object, the field that it is about; null: every field';

COMMENT ON COLUMN matches.decisions.withdrawn_at IS 'null: in force';

CREATE INDEX decisions_left_idx ON matches.decisions (entity, left_instance, left_id);

CREATE INDEX decisions_right_idx ON matches.decisions (entity, right_instance, right_id);

CREATE TABLE matches.duplicates (
    entity TEXT NOT NULL,
    kind TEXT NOT NULL,
    group_id UUID NOT NULL,
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    file_id BIGINT NOT NULL,
    is_keeper BOOLEAN NOT NULL,
    is_best_here BOOLEAN NOT NULL,
    protected BOOLEAN NOT NULL,
    compared_instance_id INTEGER,
    compared_id BIGINT,
    compared_file_id BIGINT,
    reasons TEXT[] NOT NULL,
    loses JSONB NOT NULL,
    bytes BIGINT NOT NULL,
    bytes_across BIGINT NOT NULL,
    identical BOOLEAN,
    phash_distance INTEGER,
    duration_difference BIGINT,
    duration BIGINT,
    width INTEGER,
    height INTEGER,
    video_codec TEXT,
    bit_rate BIGINT,
    frame_rate DOUBLE PRECISION,
    size BIGINT,
    markers INTEGER NOT NULL,
    CONSTRAINT duplicates_pkey PRIMARY KEY (entity, kind, group_id, instance_id, id, file_id),
    CONSTRAINT duplicates_kind_check CHECK (kind IN ('same', 'possible'))
);

COMMENT ON TABLE matches.duplicates IS 'Groups of copies of one thing, one row per copy, with the one to keep. Nothing is deleted on a server.';

COMMENT ON COLUMN matches.duplicates.entity IS 'scenes, files, performers, studios or tags';

COMMENT ON COLUMN matches.duplicates.kind IS 'same; or possible: two of one server, for a person to decide';

COMMENT ON COLUMN matches.duplicates.group_id IS 'if kind is same, matches.clusters.id; of files, that of scenes';

COMMENT ON COLUMN matches.duplicates.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN matches.duplicates.id IS 'the server''s id; of a file, that of its scene';

COMMENT ON COLUMN matches.duplicates.file_id IS '→ stash.files.id; of a scene its primary file; 0 if none';

COMMENT ON COLUMN matches.duplicates.is_keeper IS 'the best copy of all, by the keeper rules';

COMMENT ON COLUMN matches.duplicates.is_best_here IS 'the best copy of its server';

COMMENT ON COLUMN matches.duplicates.protected IS 'its path or one of its tags is in ops.protected';

COMMENT ON COLUMN matches.duplicates.compared_instance_id IS 'of the copy with which it is compared: the best of its server, or else the keeper; null for the keeper';

COMMENT ON COLUMN matches.duplicates.reasons IS 'why the keeper is kept; or else what the other one has';

COMMENT ON COLUMN matches.duplicates.loses IS 'what it has and the other one has not';

COMMENT ON COLUMN matches.duplicates.bytes IS 'freed if it is removed; its server keeps a better copy';

COMMENT ON COLUMN matches.duplicates.bytes_across IS 'freed if it is removed; only another server keeps one';

COMMENT ON COLUMN matches.duplicates.identical IS 'the same checksum as the other one; null if unknown';

COMMENT ON COLUMN matches.duplicates.phash_distance IS 'bits, from the other one; the least, if there are several files';

COMMENT ON COLUMN matches.duplicates.duration_difference IS 'milliseconds; positive if it is longer than the other one';

COMMENT ON COLUMN matches.duplicates.duration IS 'milliseconds; this and the next ones are of the (primary) file';

COMMENT ON COLUMN matches.duplicates.size IS 'bytes; of a scene all its files';

CREATE INDEX duplicates_object_idx ON matches.duplicates (instance_id, id, entity);

CREATE TABLE matches.keys (
    entity TEXT NOT NULL,
    key BIGINT NOT NULL,
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    CONSTRAINT match_keys_pkey PRIMARY KEY (entity, instance_id, id, key)
);

COMMENT ON TABLE matches.keys IS 'Blocking keys: only objects with a key in common, or with near perceptual hashes, are compared.';

COMMENT ON COLUMN matches.keys.key IS '64 bits of a hash of the method and the value';

COMMENT ON COLUMN matches.keys.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN matches.keys.id IS 'the server''s id';

CREATE INDEX match_keys_key_idx ON matches.keys (entity, key);

CREATE TABLE matches.link_counts (
    day DATE NOT NULL,
    rule TEXT NOT NULL,
    action TEXT NOT NULL,
    links BIGINT NOT NULL,
    CONSTRAINT link_counts_pkey PRIMARY KEY (day, rule, action)
);

COMMENT ON TABLE matches.link_counts IS 'How many links each rule made, by day; plotted in the metadata of matches.links.';

COMMENT ON COLUMN matches.link_counts.links IS 'at the last reconcile, sweep or rebuild of that day';

CREATE TABLE matches.links (
    entity TEXT NOT NULL,
    left_instance_id INTEGER NOT NULL,
    left_id BIGINT NOT NULL,
    right_instance_id INTEGER NOT NULL,
    right_id BIGINT NOT NULL,
    action TEXT NOT NULL,
    confidence DOUBLE PRECISION NOT NULL,
    rule TEXT NOT NULL,
    evidence JSONB NOT NULL,
    refused JSONB,
    CONSTRAINT links_pkey PRIMARY KEY (entity, left_instance_id, left_id, right_instance_id, right_id),
    CONSTRAINT links_order_check CHECK ((left_instance_id, left_id) < (right_instance_id, right_id)),
    CONSTRAINT links_action_check CHECK (action IN ('merge', 'propose'))
);

COMMENT ON TABLE matches.links IS 'Pairs of objects that are, or may be, the same thing.';

COMMENT ON COLUMN matches.links.action IS 'merge; or propose, for a person';

COMMENT ON COLUMN matches.links.confidence IS 'share of right pairs, as the rule states it';

COMMENT ON COLUMN matches.links.rule IS 'id of the rule that decided';

COMMENT ON COLUMN matches.links.evidence IS 'what agrees and contradicts';

COMMENT ON COLUMN matches.links.refused IS 'why it did not join clusters: the reason, and the objects between which';

CREATE INDEX links_possible_idx ON matches.links (entity, left_instance_id) WHERE left_instance_id = right_instance_id AND (action = 'propose' OR refused IS NOT NULL);

CREATE INDEX links_right_idx ON matches.links (entity, right_instance_id, right_id);

CREATE TABLE matches.phashes (
    instance_id INTEGER NOT NULL,
    scene_id BIGINT NOT NULL,
    file_id BIGINT NOT NULL,
    duration INTEGER NOT NULL,
    phash BIGINT NOT NULL,
    CONSTRAINT match_phashes_pkey PRIMARY KEY (instance_id, scene_id, file_id)
);

COMMENT ON TABLE matches.phashes IS 'Perceptual hashes that can prove something: of videos long enough, and not of plain frames.';

COMMENT ON COLUMN matches.phashes.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN matches.phashes.scene_id IS '→ stash.scenes.id';

COMMENT ON COLUMN matches.phashes.file_id IS '→ stash.files.id';

COMMENT ON COLUMN matches.phashes.duration IS 'milliseconds';

COMMENT ON COLUMN matches.phashes.phash IS 'as a signed 64-bit integer';

CREATE INDEX match_phashes_duration_idx ON matches.phashes (duration) INCLUDE (phash, instance_id, scene_id, file_id);

CREATE TABLE matches.members (
    entity TEXT NOT NULL,
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    cluster_id UUID NOT NULL,
    CONSTRAINT members_pkey PRIMARY KEY (entity, instance_id, id),
    CONSTRAINT members_cluster_fkey FOREIGN KEY(cluster_id) REFERENCES matches.clusters (id)
);

COMMENT ON TABLE matches.members IS 'The cluster of every live object.';

COMMENT ON COLUMN matches.members.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN matches.members.id IS 'the server''s id';

CREATE INDEX members_cluster_idx ON matches.members (cluster_id);

CREATE TABLE matches.redirects (
    id UUID NOT NULL,
    cluster_id UUID NOT NULL,
    revision BIGINT NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT redirects_cluster_fkey FOREIGN KEY(cluster_id) REFERENCES matches.clusters (id) ON DELETE CASCADE
);

COMMENT ON TABLE matches.redirects IS 'Ids of clusters that were merged into older ones.';

COMMENT ON COLUMN matches.redirects.id IS 'of a cluster that is no more';

COMMENT ON COLUMN matches.redirects.cluster_id IS 'into which it was merged';

COMMENT ON COLUMN matches.redirects.revision IS 'of the object log, when it was merged';

CREATE INDEX redirects_cluster_idx ON matches.redirects (cluster_id);

CREATE TABLE matches.resolved_decisions (
    decision_id BIGINT NOT NULL,
    entity TEXT NOT NULL,
    left_instance_id INTEGER NOT NULL,
    left_id BIGINT NOT NULL,
    right_instance_id INTEGER,
    right_id BIGINT,
    PRIMARY KEY (decision_id),
    CONSTRAINT resolved_decision_fkey FOREIGN KEY(decision_id) REFERENCES matches.decisions (id) ON DELETE CASCADE
);

COMMENT ON TABLE matches.resolved_decisions IS 'The decisions whose objects are live, with their current ids.';

COMMENT ON COLUMN matches.resolved_decisions.left_instance_id IS 'ops.instances.id';

COMMENT ON COLUMN matches.resolved_decisions.left_id IS 'the server''s id now';

CREATE INDEX resolved_left_idx ON matches.resolved_decisions (entity, left_instance_id, left_id);

CREATE INDEX resolved_right_idx ON matches.resolved_decisions (entity, right_instance_id, right_id);

CREATE TABLE ops.protected (
    instance_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    CONSTRAINT protected_pkey PRIMARY KEY (instance_id, kind, value),
    CONSTRAINT protected_kind_check CHECK (kind IN ('path', 'tag')),
    CONSTRAINT protected_instance_fkey FOREIGN KEY(instance_id) REFERENCES ops.instances (id) ON DELETE CASCADE
);

COMMENT ON TABLE ops.protected IS 'Folders and tags that people protect: duplicates among them are suggested to be kept.';

COMMENT ON COLUMN ops.protected.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN ops.protected.kind IS 'path or tag';

COMMENT ON COLUMN ops.protected.value IS 'a folder or file, with all below it; the name of a tag, in any case';

CREATE VIEW catalog.provenance AS
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    s.rules[f.n] AS rule
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'sort_name'), (3, 'description'), (4, 'favorite'), (5, 'ignore_auto_tag'), (6, 'image_path'), (7, 'custom_fields'), (8, 'created_at'), (9, 'updated_at')) AS f (n, field)
WHERE s.entity = 'tags' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'tags', c.id, f.field, m.instance_id, m.id, 'only'
FROM catalog.tags c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('name', c.name IS NOT NULL), ('sort_name', c.sort_name IS NOT NULL), ('description', c.description IS NOT NULL), ('favorite', c.favorite IS NOT NULL), ('ignore_auto_tag', c.ignore_auto_tag IS NOT NULL), ('image_path', c.image_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present
UNION ALL
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    s.rules[f.n] AS rule
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'details'), (3, 'rating100'), (4, 'favorite'), (5, 'organized'), (6, 'ignore_auto_tag'), (7, 'image_path'), (8, 'custom_fields'), (9, 'created_at'), (10, 'updated_at'), (11, 'parent_studio')) AS f (n, field)
WHERE s.entity = 'studios' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'studios', c.id, f.field, m.instance_id, m.id, 'only'
FROM catalog.studios c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('name', c.name IS NOT NULL), ('details', c.details IS NOT NULL), ('rating100', c.rating100 IS NOT NULL), ('favorite', c.favorite IS NOT NULL), ('organized', c.organized IS NOT NULL), ('ignore_auto_tag', c.ignore_auto_tag IS NOT NULL), ('image_path', c.image_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL), ('parent_studio', c.parent_studio_id IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present
UNION ALL
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    s.rules[f.n] AS rule
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'disambiguation'), (3, 'gender'), (4, 'birthdate'), (5, 'death_date'), (6, 'ethnicity'), (7, 'country'), (8, 'eye_color'), (9, 'hair_color'), (10, 'height_cm'), (11, 'weight'), (12, 'measurements'), (13, 'fake_tits'), (14, 'penis_length'), (15, 'circumcised'), (16, 'career_length'), (17, 'career_start'), (18, 'career_end'), (19, 'tattoos'), (20, 'piercings'), (21, 'details'), (22, 'rating100'), (23, 'favorite'), (24, 'ignore_auto_tag'), (25, 'image_path'), (26, 'custom_fields'), (27, 'created_at'), (28, 'updated_at')) AS f (n, field)
WHERE s.entity = 'performers' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'performers', c.id, f.field, m.instance_id, m.id, 'only'
FROM catalog.performers c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('name', c.name IS NOT NULL), ('disambiguation', c.disambiguation IS NOT NULL), ('gender', c.gender IS NOT NULL), ('birthdate', c.birthdate_text IS NOT NULL), ('death_date', c.death_date_text IS NOT NULL), ('ethnicity', c.ethnicity IS NOT NULL), ('country', c.country IS NOT NULL), ('eye_color', c.eye_color IS NOT NULL), ('hair_color', c.hair_color IS NOT NULL), ('height_cm', c.height_cm IS NOT NULL), ('weight', c.weight IS NOT NULL), ('measurements', c.measurements IS NOT NULL), ('fake_tits', c.fake_tits IS NOT NULL), ('penis_length', c.penis_length IS NOT NULL), ('circumcised', c.circumcised IS NOT NULL), ('career_length', c.career_length IS NOT NULL), ('career_start', c.career_start_text IS NOT NULL), ('career_end', c.career_end_text IS NOT NULL), ('tattoos', c.tattoos IS NOT NULL), ('piercings', c.piercings IS NOT NULL), ('details', c.details IS NOT NULL), ('rating100', c.rating100 IS NOT NULL), ('favorite', c.favorite IS NOT NULL), ('ignore_auto_tag', c.ignore_auto_tag IS NOT NULL), ('image_path', c.image_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present
UNION ALL
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    s.rules[f.n] AS rule
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'aliases'), (3, 'duration'), (4, 'date'), (5, 'rating100'), (6, 'director'), (7, 'synopsis'), (8, 'front_image_path'), (9, 'back_image_path'), (10, 'custom_fields'), (11, 'created_at'), (12, 'updated_at'), (13, 'studio')) AS f (n, field)
WHERE s.entity = 'groups' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'groups', c.id, f.field, m.instance_id, m.id, 'only'
FROM catalog.groups c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('name', c.name IS NOT NULL), ('aliases', c.aliases IS NOT NULL), ('duration', c.duration IS NOT NULL), ('date', c.date_text IS NOT NULL), ('rating100', c.rating100 IS NOT NULL), ('director', c.director IS NOT NULL), ('synopsis', c.synopsis IS NOT NULL), ('front_image_path', c.front_image_path IS NOT NULL), ('back_image_path', c.back_image_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL), ('studio', c.studio_id IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present
UNION ALL
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    s.rules[f.n] AS rule
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'photographer'), (5, 'date'), (6, 'rating100'), (7, 'o_counter'), (8, 'organized'), (9, 'image_path'), (10, 'thumbnail_path'), (11, 'preview_path'), (12, 'custom_fields'), (13, 'created_at'), (14, 'updated_at'), (15, 'studio')) AS f (n, field)
WHERE s.entity = 'images' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'images', c.id, f.field, m.instance_id, m.id, 'only'
FROM catalog.images c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('title', c.title IS NOT NULL), ('code', c.code IS NOT NULL), ('details', c.details IS NOT NULL), ('photographer', c.photographer IS NOT NULL), ('date', c.date_text IS NOT NULL), ('rating100', c.rating100 IS NOT NULL), ('o_counter', c.o_counter IS NOT NULL), ('organized', c.organized IS NOT NULL), ('image_path', c.image_path IS NOT NULL), ('thumbnail_path', c.thumbnail_path IS NOT NULL), ('preview_path', c.preview_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL), ('studio', c.studio_id IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present
UNION ALL
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    s.rules[f.n] AS rule
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'photographer'), (5, 'date'), (6, 'rating100'), (7, 'organized'), (8, 'cover_path'), (9, 'preview_path'), (10, 'custom_fields'), (11, 'created_at'), (12, 'updated_at'), (13, 'studio'), (14, 'cover')) AS f (n, field)
WHERE s.entity = 'galleries' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'galleries', c.id, f.field, m.instance_id, m.id, 'only'
FROM catalog.galleries c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('title', c.title IS NOT NULL), ('code', c.code IS NOT NULL), ('details', c.details IS NOT NULL), ('photographer', c.photographer IS NOT NULL), ('date', c.date_text IS NOT NULL), ('rating100', c.rating100 IS NOT NULL), ('organized', c.organized IS NOT NULL), ('cover_path', c.cover_path IS NOT NULL), ('preview_path', c.preview_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL), ('studio', c.studio_id IS NOT NULL), ('cover', c.cover_id IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present
UNION ALL
SELECT s.entity, s.id, f.field, s.instance_ids[f.n] AS instance_id, s.object_ids[f.n] AS object_id,
    s.rules[f.n] AS rule
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'director'), (5, 'date'), (6, 'rating100'), (7, 'organized'), (8, 'o_counter'), (9, 'play_count'), (10, 'play_duration'), (11, 'resume_time'), (12, 'last_played_at'), (13, 'interactive'), (14, 'interactive_speed'), (15, 'screenshot_path'), (16, 'preview_path'), (17, 'webp_path'), (18, 'vtt_path'), (19, 'sprite_path'), (20, 'funscript_path'), (21, 'interactive_heatmap_path'), (22, 'caption_path'), (23, 'custom_fields'), (24, 'created_at'), (25, 'updated_at'), (26, 'studio')) AS f (n, field)
WHERE s.entity = 'scenes' AND s.rules[f.n] IS NOT NULL
UNION ALL
SELECT 'scenes', c.id, f.field, m.instance_id, m.id, 'only'
FROM catalog.scenes c
JOIN catalog.members m ON m.canonical_id = c.id
CROSS JOIN LATERAL (VALUES ('title', c.title IS NOT NULL), ('code', c.code IS NOT NULL), ('details', c.details IS NOT NULL), ('director', c.director IS NOT NULL), ('date', c.date_text IS NOT NULL), ('rating100', c.rating100 IS NOT NULL), ('organized', c.organized IS NOT NULL), ('o_counter', c.o_counter IS NOT NULL), ('play_count', c.play_count IS NOT NULL), ('play_duration', c.play_duration IS NOT NULL), ('resume_time', c.resume_time IS NOT NULL), ('last_played_at', c.last_played_at IS NOT NULL), ('interactive', c.interactive IS NOT NULL), ('interactive_speed', c.interactive_speed IS NOT NULL), ('screenshot_path', c.screenshot_path IS NOT NULL), ('preview_path', c.preview_path IS NOT NULL), ('webp_path', c.webp_path IS NOT NULL), ('vtt_path', c.vtt_path IS NOT NULL), ('sprite_path', c.sprite_path IS NOT NULL), ('funscript_path', c.funscript_path IS NOT NULL), ('interactive_heatmap_path', c.interactive_heatmap_path IS NOT NULL), ('caption_path', c.caption_path IS NOT NULL), ('custom_fields', c.custom_fields IS NOT NULL), ('created_at', c.created_at IS NOT NULL), ('updated_at', c.updated_at IS NOT NULL), ('studio', c.studio_id IS NOT NULL)) AS f (field, present)
WHERE c.objects = 1 AND f.present;

COMMENT ON VIEW catalog.provenance IS 'Of which object each field of a record is, and the rule that decided; only: no other member has a value, agreed: all values are equal.';

CREATE VIEW catalog.conflicts AS
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.name)
        WHEN 2 THEN to_jsonb(o.sort_name)
        WHEN 3 THEN to_jsonb(o.description)
    END AS value,
    m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n] AS survives, s.rules[f.n] AS rule
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'sort_name'), (3, 'description')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.tags o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'tags' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.name)
        WHEN 2 THEN to_jsonb(o.details)
        WHEN 3 THEN to_jsonb(o.rating100)
        WHEN 11 THEN (SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = 'studios' AND t.instance_id = o.instance_id AND t.id = o.parent_studio_id)
    END AS value,
    m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n] AS survives, s.rules[f.n] AS rule
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'details'), (3, 'rating100'), (11, 'parent_studio')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.studios o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'studios' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.name)
        WHEN 2 THEN to_jsonb(o.disambiguation)
        WHEN 3 THEN to_jsonb(o.gender)
        WHEN 4 THEN to_jsonb(o.birthdate_text)
        WHEN 5 THEN to_jsonb(o.death_date_text)
        WHEN 6 THEN to_jsonb(o.ethnicity)
        WHEN 7 THEN to_jsonb(o.country)
        WHEN 8 THEN to_jsonb(o.eye_color)
        WHEN 9 THEN to_jsonb(o.hair_color)
        WHEN 10 THEN to_jsonb(o.height_cm)
        WHEN 11 THEN to_jsonb(o.weight)
        WHEN 12 THEN to_jsonb(o.measurements)
        WHEN 13 THEN to_jsonb(o.fake_tits)
        WHEN 14 THEN to_jsonb(o.penis_length)
        WHEN 15 THEN to_jsonb(o.circumcised)
        WHEN 16 THEN to_jsonb(o.career_length)
        WHEN 17 THEN to_jsonb(o.career_start_text)
        WHEN 18 THEN to_jsonb(o.career_end_text)
        WHEN 19 THEN to_jsonb(o.tattoos)
        WHEN 20 THEN to_jsonb(o.piercings)
        WHEN 21 THEN to_jsonb(o.details)
        WHEN 22 THEN to_jsonb(o.rating100)
    END AS value,
    m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n] AS survives, s.rules[f.n] AS rule
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'disambiguation'), (3, 'gender'), (4, 'birthdate'), (5, 'death_date'), (6, 'ethnicity'), (7, 'country'), (8, 'eye_color'), (9, 'hair_color'), (10, 'height_cm'), (11, 'weight'), (12, 'measurements'), (13, 'fake_tits'), (14, 'penis_length'), (15, 'circumcised'), (16, 'career_length'), (17, 'career_start'), (18, 'career_end'), (19, 'tattoos'), (20, 'piercings'), (21, 'details'), (22, 'rating100')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.performers o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'performers' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.name)
        WHEN 2 THEN to_jsonb(o.aliases)
        WHEN 3 THEN to_jsonb(o.duration)
        WHEN 4 THEN to_jsonb(o.date_text)
        WHEN 5 THEN to_jsonb(o.rating100)
        WHEN 6 THEN to_jsonb(o.director)
        WHEN 7 THEN to_jsonb(o.synopsis)
        WHEN 13 THEN (SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = 'studios' AND t.instance_id = o.instance_id AND t.id = o.studio_id)
    END AS value,
    m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n] AS survives, s.rules[f.n] AS rule
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'name'), (2, 'aliases'), (3, 'duration'), (4, 'date'), (5, 'rating100'), (6, 'director'), (7, 'synopsis'), (13, 'studio')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.groups o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'groups' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.title)
        WHEN 2 THEN to_jsonb(o.code)
        WHEN 3 THEN to_jsonb(o.details)
        WHEN 4 THEN to_jsonb(o.photographer)
        WHEN 5 THEN to_jsonb(o.date_text)
        WHEN 6 THEN to_jsonb(o.rating100)
        WHEN 15 THEN (SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = 'studios' AND t.instance_id = o.instance_id AND t.id = o.studio_id)
    END AS value,
    m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n] AS survives, s.rules[f.n] AS rule
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'photographer'), (5, 'date'), (6, 'rating100'), (15, 'studio')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.images o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'images' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.title)
        WHEN 2 THEN to_jsonb(o.code)
        WHEN 3 THEN to_jsonb(o.details)
        WHEN 4 THEN to_jsonb(o.photographer)
        WHEN 5 THEN to_jsonb(o.date_text)
        WHEN 6 THEN to_jsonb(o.rating100)
        WHEN 13 THEN (SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = 'studios' AND t.instance_id = o.instance_id AND t.id = o.studio_id)
        WHEN 14 THEN (SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = 'images' AND t.instance_id = o.instance_id AND t.id = o.cover_id)
    END AS value,
    m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n] AS survives, s.rules[f.n] AS rule
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'photographer'), (5, 'date'), (6, 'rating100'), (13, 'studio'), (14, 'cover')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.galleries o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'galleries' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest')
UNION ALL
SELECT s.entity, s.id, f.field, m.instance_id, m.id AS object_id, CASE f.n
        WHEN 1 THEN to_jsonb(o.title)
        WHEN 2 THEN to_jsonb(o.code)
        WHEN 3 THEN to_jsonb(o.details)
        WHEN 4 THEN to_jsonb(o.director)
        WHEN 5 THEN to_jsonb(o.date_text)
        WHEN 6 THEN to_jsonb(o.rating100)
        WHEN 14 THEN to_jsonb(o.interactive_speed)
        WHEN 26 THEN (SELECT to_jsonb(t.canonical_id) FROM catalog.members t WHERE t.entity = 'studios' AND t.instance_id = o.instance_id AND t.id = o.studio_id)
    END AS value,
    m.instance_id = s.instance_ids[f.n] AND m.id = s.object_ids[f.n] AS survives, s.rules[f.n] AS rule
FROM catalog.sources s
CROSS JOIN (VALUES (1, 'title'), (2, 'code'), (3, 'details'), (4, 'director'), (5, 'date'), (6, 'rating100'), (14, 'interactive_speed'), (26, 'studio')) AS f (n, field)
JOIN catalog.members m ON m.canonical_id = s.id
JOIN stash.scenes o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE s.entity = 'scenes' AND s.rules[f.n] IN ('choice', 'stash_box', 'own_picture', 'priority', 'played_last', 'precise', 'newest', 'longest', 'lowest');

COMMENT ON VIEW catalog.conflicts IS 'The fields on which the members of a record disagree: one row per member, with its value.';

CREATE VIEW catalog.by_instance AS
SELECT m.entity, m.canonical_id AS id, m.instance_id, m.id AS object_id,
    NULL::integer AS rating100, NULL::boolean AS organized, NULL::integer AS o_counter, NULL::integer AS play_count, NULL::double precision AS play_duration, NULL::double precision AS resume_time, NULL::timestamptz AS last_played_at, o.favorite
FROM catalog.members m
JOIN stash.tags o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE m.entity = 'tags'
UNION ALL
SELECT m.entity, m.canonical_id AS id, m.instance_id, m.id AS object_id,
    o.rating100, o.organized, NULL::integer AS o_counter, NULL::integer AS play_count, NULL::double precision AS play_duration, NULL::double precision AS resume_time, NULL::timestamptz AS last_played_at, o.favorite
FROM catalog.members m
JOIN stash.studios o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE m.entity = 'studios'
UNION ALL
SELECT m.entity, m.canonical_id AS id, m.instance_id, m.id AS object_id,
    o.rating100, NULL::boolean AS organized, NULL::integer AS o_counter, NULL::integer AS play_count, NULL::double precision AS play_duration, NULL::double precision AS resume_time, NULL::timestamptz AS last_played_at, o.favorite
FROM catalog.members m
JOIN stash.performers o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE m.entity = 'performers'
UNION ALL
SELECT m.entity, m.canonical_id AS id, m.instance_id, m.id AS object_id,
    o.rating100, NULL::boolean AS organized, NULL::integer AS o_counter, NULL::integer AS play_count, NULL::double precision AS play_duration, NULL::double precision AS resume_time, NULL::timestamptz AS last_played_at, NULL::boolean AS favorite
FROM catalog.members m
JOIN stash.groups o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE m.entity = 'groups'
UNION ALL
SELECT m.entity, m.canonical_id AS id, m.instance_id, m.id AS object_id,
    o.rating100, o.organized, o.o_counter, NULL::integer AS play_count, NULL::double precision AS play_duration, NULL::double precision AS resume_time, NULL::timestamptz AS last_played_at, NULL::boolean AS favorite
FROM catalog.members m
JOIN stash.images o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE m.entity = 'images'
UNION ALL
SELECT m.entity, m.canonical_id AS id, m.instance_id, m.id AS object_id,
    o.rating100, o.organized, NULL::integer AS o_counter, NULL::integer AS play_count, NULL::double precision AS play_duration, NULL::double precision AS resume_time, NULL::timestamptz AS last_played_at, NULL::boolean AS favorite
FROM catalog.members m
JOIN stash.galleries o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE m.entity = 'galleries'
UNION ALL
SELECT m.entity, m.canonical_id AS id, m.instance_id, m.id AS object_id,
    o.rating100, o.organized, o.o_counter, o.play_count, o.play_duration, o.resume_time, o.last_played_at, NULL::boolean AS favorite
FROM catalog.members m
JOIN stash.scenes o ON o.instance_id = m.instance_id AND o.id = m.id
WHERE m.entity = 'scenes';

COMMENT ON VIEW catalog.by_instance IS 'What each server has of its own of a record: ratings, plays, flags.';

CREATE VIEW catalog.changes AS
SELECT 'tags' AS entity, id, revision, false AS vanished, NULL::uuid AS successor_id
FROM catalog.tags
UNION ALL
SELECT 'studios' AS entity, id, revision, false AS vanished, NULL::uuid AS successor_id
FROM catalog.studios
UNION ALL
SELECT 'performers' AS entity, id, revision, false AS vanished, NULL::uuid AS successor_id
FROM catalog.performers
UNION ALL
SELECT 'groups' AS entity, id, revision, false AS vanished, NULL::uuid AS successor_id
FROM catalog.groups
UNION ALL
SELECT 'images' AS entity, id, revision, false AS vanished, NULL::uuid AS successor_id
FROM catalog.images
UNION ALL
SELECT 'galleries' AS entity, id, revision, false AS vanished, NULL::uuid AS successor_id
FROM catalog.galleries
UNION ALL
SELECT 'scenes' AS entity, id, revision, false AS vanished, NULL::uuid AS successor_id
FROM catalog.scenes
UNION ALL
SELECT v.entity, v.id, v.revision, true, r.cluster_id
FROM catalog.vanished v
LEFT JOIN matches.redirects r ON r.id = v.id;

COMMENT ON VIEW catalog.changes IS 'Records with the revision of the object log when they last changed or vanished; successor_id is the record into which a vanished one was merged.';
