CREATE TABLE ops.instances (
    id INTEGER GENERATED ALWAYS AS IDENTITY,
    uuid UUID DEFAULT gen_random_uuid() NOT NULL,
    name TEXT NOT NULL,
    url TEXT NOT NULL,
    api_key_encrypted BYTEA,
    api_key_env TEXT,
    ca_file TEXT,
    priority INTEGER DEFAULT 0 NOT NULL,
    enabled BOOLEAN DEFAULT true NOT NULL,
    release TEXT,
    database_schema INTEGER,
    revision BIGINT DEFAULT 0 NOT NULL,
    removed_at TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id),
    CONSTRAINT instances_name_check CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9-]*$'),
    UNIQUE (uuid),
    UNIQUE (name)
);

CREATE TABLE ops.sync_runs (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    instance_id INTEGER NOT NULL,
    dagster_run_id TEXT,
    mode TEXT NOT NULL,
    lane TEXT NOT NULL,
    status TEXT NOT NULL,
    started_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE,
    release TEXT,
    lacking TEXT[],
    unknown TEXT[],
    entities JSONB,
    error TEXT,
    PRIMARY KEY (id),
    CONSTRAINT sync_runs_status_check CHECK (status IN ('running', 'succeeded', 'failed'))
);

CREATE TABLE ops.layer_watermarks (
    instance_id INTEGER NOT NULL,
    layer TEXT NOT NULL,
    revision BIGINT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (instance_id, layer)
);

CREATE TABLE ops.dangling_references (
    instance_id INTEGER NOT NULL,
    relation TEXT NOT NULL,
    owner TEXT NOT NULL,
    owner_id BIGINT NOT NULL,
    target TEXT NOT NULL,
    target_id BIGINT NOT NULL,
    PRIMARY KEY (instance_id, relation, owner_id, target_id)
);

CREATE TABLE ops.row_counts (
    instance_id INTEGER NOT NULL,
    table_name TEXT NOT NULL,
    rows BIGINT NOT NULL,
    PRIMARY KEY (instance_id, table_name)
);

CREATE TABLE ops.readings (
    instance_id INTEGER NOT NULL,
    entity TEXT NOT NULL,
    run_id BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    form BYTEA NOT NULL,
    finished_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (instance_id, entity)
);

CREATE TABLE raw.pages (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    instance_id INTEGER NOT NULL,
    entity TEXT NOT NULL,
    run_id BIGINT NOT NULL,
    lane TEXT NOT NULL,
    request JSONB NOT NULL,
    objects INTEGER NOT NULL,
    bytes BIGINT NOT NULL,
    milliseconds INTEGER NOT NULL,
    hash BYTEA NOT NULL,
    known BOOLEAN DEFAULT false NOT NULL,
    first_id BIGINT,
    last_id BIGINT,
    unreadable INTEGER DEFAULT 0 NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    PRIMARY KEY (id)
);

CREATE TABLE raw.history (
    instance_id INTEGER NOT NULL,
    entity TEXT NOT NULL,
    id BIGINT NOT NULL,
    revision BIGINT NOT NULL,
    change TEXT NOT NULL,
    document JSONB NOT NULL,
    run_id BIGINT NOT NULL,
    noted_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT raw_history_pkey PRIMARY KEY (instance_id, entity, id, revision),
    CONSTRAINT raw_history_change_check CHECK (change IN ('changed', 'removed', 'returned'))
)
 PARTITION BY LIST (instance_id);

CREATE TABLE raw.tags (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    document JSONB NOT NULL,
    hash BYTEA NOT NULL,
    server_created_at TIMESTAMP WITH TIME ZONE,
    server_updated_at TIMESTAMP WITH TIME ZONE,
    revision BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT raw_tags_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE raw.folders (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    document JSONB NOT NULL,
    hash BYTEA NOT NULL,
    server_created_at TIMESTAMP WITH TIME ZONE,
    server_updated_at TIMESTAMP WITH TIME ZONE,
    revision BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT raw_folders_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE raw.files (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    document JSONB NOT NULL,
    hash BYTEA NOT NULL,
    server_created_at TIMESTAMP WITH TIME ZONE,
    server_updated_at TIMESTAMP WITH TIME ZONE,
    revision BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT raw_files_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE raw.studios (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    document JSONB NOT NULL,
    hash BYTEA NOT NULL,
    server_created_at TIMESTAMP WITH TIME ZONE,
    server_updated_at TIMESTAMP WITH TIME ZONE,
    revision BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT raw_studios_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE raw.performers (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    document JSONB NOT NULL,
    hash BYTEA NOT NULL,
    server_created_at TIMESTAMP WITH TIME ZONE,
    server_updated_at TIMESTAMP WITH TIME ZONE,
    revision BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT raw_performers_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE raw.groups (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    document JSONB NOT NULL,
    hash BYTEA NOT NULL,
    server_created_at TIMESTAMP WITH TIME ZONE,
    server_updated_at TIMESTAMP WITH TIME ZONE,
    revision BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT raw_groups_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE raw.images (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    document JSONB NOT NULL,
    hash BYTEA NOT NULL,
    server_created_at TIMESTAMP WITH TIME ZONE,
    server_updated_at TIMESTAMP WITH TIME ZONE,
    revision BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT raw_images_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE raw.galleries (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    document JSONB NOT NULL,
    hash BYTEA NOT NULL,
    server_created_at TIMESTAMP WITH TIME ZONE,
    server_updated_at TIMESTAMP WITH TIME ZONE,
    revision BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT raw_galleries_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE raw.scenes (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    document JSONB NOT NULL,
    hash BYTEA NOT NULL,
    server_created_at TIMESTAMP WITH TIME ZONE,
    server_updated_at TIMESTAMP WITH TIME ZONE,
    revision BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT raw_scenes_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE raw.scene_markers (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    document JSONB NOT NULL,
    hash BYTEA NOT NULL,
    server_created_at TIMESTAMP WITH TIME ZONE,
    server_updated_at TIMESTAMP WITH TIME ZONE,
    revision BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT raw_scene_markers_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE raw.saved_filters (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    document JSONB NOT NULL,
    hash BYTEA NOT NULL,
    server_created_at TIMESTAMP WITH TIME ZONE,
    server_updated_at TIMESTAMP WITH TIME ZONE,
    revision BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT raw_saved_filters_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE raw.configuration (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    document JSONB NOT NULL,
    hash BYTEA NOT NULL,
    server_created_at TIMESTAMP WITH TIME ZONE,
    server_updated_at TIMESTAMP WITH TIME ZONE,
    revision BIGINT NOT NULL,
    run_id BIGINT NOT NULL,
    fetched_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    deleted_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT raw_configuration_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.tags (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    name TEXT,
    sort_name TEXT,
    description TEXT,
    favorite BOOLEAN,
    ignore_auto_tag BOOLEAN,
    image_path TEXT,
    custom_fields JSONB,
    created_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT tags_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.folders (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    path TEXT,
    mod_time TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE,
    parent_folder_id BIGINT,
    zip_file_id BIGINT,
    CONSTRAINT folders_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.files (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    type TEXT,
    path TEXT,
    basename TEXT,
    size BIGINT,
    format TEXT,
    width INTEGER,
    height INTEGER,
    duration DOUBLE PRECISION,
    video_codec TEXT,
    audio_codec TEXT,
    frame_rate DOUBLE PRECISION,
    bit_rate BIGINT,
    mod_time TIMESTAMP WITH TIME ZONE,
    created_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE,
    parent_folder_id BIGINT,
    zip_file_id BIGINT,
    CONSTRAINT files_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.studios (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
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
    parent_studio_id BIGINT,
    CONSTRAINT studios_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.performers (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
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
    CONSTRAINT performers_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.groups (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
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
    studio_id BIGINT,
    CONSTRAINT groups_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.images (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    title TEXT,
    code TEXT,
    details TEXT,
    photographer TEXT,
    date DATE,
    date_text TEXT,
    date_precision TEXT,
    rating100 INTEGER,
    o_counter INTEGER,
    organized BOOLEAN,
    image_path TEXT,
    thumbnail_path TEXT,
    preview_path TEXT,
    custom_fields JSONB,
    created_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE,
    studio_id BIGINT,
    CONSTRAINT images_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.galleries (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
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
    studio_id BIGINT,
    folder_id BIGINT,
    cover_id BIGINT,
    CONSTRAINT galleries_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.scenes (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    title TEXT,
    code TEXT,
    details TEXT,
    director TEXT,
    date DATE,
    date_text TEXT,
    date_precision TEXT,
    rating100 INTEGER,
    organized BOOLEAN,
    o_counter INTEGER,
    play_count INTEGER,
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
    studio_id BIGINT,
    CONSTRAINT scenes_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.scene_markers (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    title TEXT,
    seconds DOUBLE PRECISION,
    end_seconds DOUBLE PRECISION,
    screenshot_path TEXT,
    preview_path TEXT,
    created_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE,
    scene_id BIGINT,
    primary_tag_id BIGINT,
    CONSTRAINT scene_markers_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.saved_filters (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    mode TEXT,
    name TEXT,
    find_filter JSONB,
    object_filter JSONB,
    ui_options JSONB,
    legacy_filter TEXT,
    CONSTRAINT saved_filters_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.configuration (
    instance_id INTEGER NOT NULL,
    id BIGINT NOT NULL,
    database_path TEXT,
    generated_path TEXT,
    language TEXT,
    CONSTRAINT configuration_pkey PRIMARY KEY (instance_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.tag_parents (
    instance_id INTEGER NOT NULL,
    tag_id BIGINT NOT NULL,
    parent_id BIGINT NOT NULL,
    CONSTRAINT tag_parents_pkey PRIMARY KEY (instance_id, tag_id, parent_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.tag_aliases (
    instance_id INTEGER NOT NULL,
    tag_id BIGINT NOT NULL,
    alias TEXT NOT NULL,
    CONSTRAINT tag_aliases_pkey PRIMARY KEY (instance_id, tag_id, alias)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.tag_stash_ids (
    instance_id INTEGER NOT NULL,
    tag_id BIGINT NOT NULL,
    endpoint TEXT NOT NULL,
    stash_id TEXT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT tag_stash_ids_pkey PRIMARY KEY (instance_id, tag_id, endpoint, stash_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.file_fingerprints (
    instance_id INTEGER NOT NULL,
    file_id BIGINT NOT NULL,
    type TEXT NOT NULL,
    value TEXT NOT NULL,
    phash BIGINT,
    CONSTRAINT file_fingerprints_pkey PRIMARY KEY (instance_id, file_id, type, value)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.studio_tags (
    instance_id INTEGER NOT NULL,
    studio_id BIGINT NOT NULL,
    tag_id BIGINT NOT NULL,
    CONSTRAINT studio_tags_pkey PRIMARY KEY (instance_id, studio_id, tag_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.studio_aliases (
    instance_id INTEGER NOT NULL,
    studio_id BIGINT NOT NULL,
    alias TEXT NOT NULL,
    CONSTRAINT studio_aliases_pkey PRIMARY KEY (instance_id, studio_id, alias)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.studio_urls (
    instance_id INTEGER NOT NULL,
    studio_id BIGINT NOT NULL,
    url TEXT,
    position INTEGER NOT NULL,
    CONSTRAINT studio_urls_pkey PRIMARY KEY (instance_id, studio_id, position)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.studio_stash_ids (
    instance_id INTEGER NOT NULL,
    studio_id BIGINT NOT NULL,
    endpoint TEXT NOT NULL,
    stash_id TEXT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT studio_stash_ids_pkey PRIMARY KEY (instance_id, studio_id, endpoint, stash_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.performer_tags (
    instance_id INTEGER NOT NULL,
    performer_id BIGINT NOT NULL,
    tag_id BIGINT NOT NULL,
    CONSTRAINT performer_tags_pkey PRIMARY KEY (instance_id, performer_id, tag_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.performer_aliases (
    instance_id INTEGER NOT NULL,
    performer_id BIGINT NOT NULL,
    alias TEXT NOT NULL,
    CONSTRAINT performer_aliases_pkey PRIMARY KEY (instance_id, performer_id, alias)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.performer_urls (
    instance_id INTEGER NOT NULL,
    performer_id BIGINT NOT NULL,
    url TEXT,
    position INTEGER NOT NULL,
    CONSTRAINT performer_urls_pkey PRIMARY KEY (instance_id, performer_id, position)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.performer_stash_ids (
    instance_id INTEGER NOT NULL,
    performer_id BIGINT NOT NULL,
    endpoint TEXT NOT NULL,
    stash_id TEXT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT performer_stash_ids_pkey PRIMARY KEY (instance_id, performer_id, endpoint, stash_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.group_tags (
    instance_id INTEGER NOT NULL,
    group_id BIGINT NOT NULL,
    tag_id BIGINT NOT NULL,
    CONSTRAINT group_tags_pkey PRIMARY KEY (instance_id, group_id, tag_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.group_urls (
    instance_id INTEGER NOT NULL,
    group_id BIGINT NOT NULL,
    url TEXT,
    position INTEGER NOT NULL,
    CONSTRAINT group_urls_pkey PRIMARY KEY (instance_id, group_id, position)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.group_containing (
    instance_id INTEGER NOT NULL,
    containing_group_id BIGINT NOT NULL,
    group_id BIGINT NOT NULL,
    description TEXT,
    order_index INTEGER NOT NULL,
    CONSTRAINT group_containing_pkey PRIMARY KEY (instance_id, containing_group_id, group_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.image_files (
    instance_id INTEGER NOT NULL,
    image_id BIGINT NOT NULL,
    file_id BIGINT NOT NULL,
    is_primary BOOLEAN NOT NULL,
    CONSTRAINT image_files_pkey PRIMARY KEY (instance_id, image_id, file_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.image_tags (
    instance_id INTEGER NOT NULL,
    image_id BIGINT NOT NULL,
    tag_id BIGINT NOT NULL,
    CONSTRAINT image_tags_pkey PRIMARY KEY (instance_id, image_id, tag_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.image_performers (
    instance_id INTEGER NOT NULL,
    image_id BIGINT NOT NULL,
    performer_id BIGINT NOT NULL,
    CONSTRAINT image_performers_pkey PRIMARY KEY (instance_id, image_id, performer_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.image_galleries (
    instance_id INTEGER NOT NULL,
    image_id BIGINT NOT NULL,
    gallery_id BIGINT NOT NULL,
    CONSTRAINT image_galleries_pkey PRIMARY KEY (instance_id, image_id, gallery_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.image_urls (
    instance_id INTEGER NOT NULL,
    image_id BIGINT NOT NULL,
    url TEXT,
    position INTEGER NOT NULL,
    CONSTRAINT image_urls_pkey PRIMARY KEY (instance_id, image_id, position)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.gallery_files (
    instance_id INTEGER NOT NULL,
    gallery_id BIGINT NOT NULL,
    file_id BIGINT NOT NULL,
    is_primary BOOLEAN NOT NULL,
    CONSTRAINT gallery_files_pkey PRIMARY KEY (instance_id, gallery_id, file_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.gallery_tags (
    instance_id INTEGER NOT NULL,
    gallery_id BIGINT NOT NULL,
    tag_id BIGINT NOT NULL,
    CONSTRAINT gallery_tags_pkey PRIMARY KEY (instance_id, gallery_id, tag_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.gallery_performers (
    instance_id INTEGER NOT NULL,
    gallery_id BIGINT NOT NULL,
    performer_id BIGINT NOT NULL,
    CONSTRAINT gallery_performers_pkey PRIMARY KEY (instance_id, gallery_id, performer_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.gallery_urls (
    instance_id INTEGER NOT NULL,
    gallery_id BIGINT NOT NULL,
    url TEXT,
    position INTEGER NOT NULL,
    CONSTRAINT gallery_urls_pkey PRIMARY KEY (instance_id, gallery_id, position)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.gallery_chapters (
    instance_id INTEGER NOT NULL,
    gallery_id BIGINT NOT NULL,
    id BIGINT NOT NULL,
    title TEXT,
    image_index INTEGER,
    created_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT gallery_chapters_pkey PRIMARY KEY (instance_id, gallery_id, id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.scene_files (
    instance_id INTEGER NOT NULL,
    scene_id BIGINT NOT NULL,
    file_id BIGINT NOT NULL,
    is_primary BOOLEAN NOT NULL,
    CONSTRAINT scene_files_pkey PRIMARY KEY (instance_id, scene_id, file_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.scene_tags (
    instance_id INTEGER NOT NULL,
    scene_id BIGINT NOT NULL,
    tag_id BIGINT NOT NULL,
    CONSTRAINT scene_tags_pkey PRIMARY KEY (instance_id, scene_id, tag_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.scene_performers (
    instance_id INTEGER NOT NULL,
    scene_id BIGINT NOT NULL,
    performer_id BIGINT NOT NULL,
    CONSTRAINT scene_performers_pkey PRIMARY KEY (instance_id, scene_id, performer_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.scene_galleries (
    instance_id INTEGER NOT NULL,
    scene_id BIGINT NOT NULL,
    gallery_id BIGINT NOT NULL,
    CONSTRAINT scene_galleries_pkey PRIMARY KEY (instance_id, scene_id, gallery_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.scene_groups (
    instance_id INTEGER NOT NULL,
    scene_id BIGINT NOT NULL,
    group_id BIGINT NOT NULL,
    scene_index INTEGER,
    CONSTRAINT scene_groups_pkey PRIMARY KEY (instance_id, scene_id, group_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.scene_urls (
    instance_id INTEGER NOT NULL,
    scene_id BIGINT NOT NULL,
    url TEXT,
    position INTEGER NOT NULL,
    CONSTRAINT scene_urls_pkey PRIMARY KEY (instance_id, scene_id, position)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.scene_stash_ids (
    instance_id INTEGER NOT NULL,
    scene_id BIGINT NOT NULL,
    endpoint TEXT NOT NULL,
    stash_id TEXT NOT NULL,
    updated_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT scene_stash_ids_pkey PRIMARY KEY (instance_id, scene_id, endpoint, stash_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.scene_plays (
    instance_id INTEGER NOT NULL,
    scene_id BIGINT NOT NULL,
    played_at TIMESTAMP WITH TIME ZONE,
    position INTEGER NOT NULL,
    CONSTRAINT scene_plays_pkey PRIMARY KEY (instance_id, scene_id, position)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.scene_os (
    instance_id INTEGER NOT NULL,
    scene_id BIGINT NOT NULL,
    occurred_at TIMESTAMP WITH TIME ZONE,
    position INTEGER NOT NULL,
    CONSTRAINT scene_os_pkey PRIMARY KEY (instance_id, scene_id, position)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.scene_captions (
    instance_id INTEGER NOT NULL,
    scene_id BIGINT NOT NULL,
    language_code TEXT NOT NULL,
    caption_type TEXT NOT NULL,
    CONSTRAINT scene_captions_pkey PRIMARY KEY (instance_id, scene_id, language_code, caption_type)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.marker_tags (
    instance_id INTEGER NOT NULL,
    marker_id BIGINT NOT NULL,
    tag_id BIGINT NOT NULL,
    CONSTRAINT marker_tags_pkey PRIMARY KEY (instance_id, marker_id, tag_id)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.configuration_stashes (
    instance_id INTEGER NOT NULL,
    configuration_id BIGINT NOT NULL,
    path TEXT NOT NULL,
    exclude_video BOOLEAN,
    exclude_image BOOLEAN,
    CONSTRAINT configuration_stashes_pkey PRIMARY KEY (instance_id, configuration_id, path)
)
 PARTITION BY LIST (instance_id);

CREATE TABLE stash.configuration_stash_boxes (
    instance_id INTEGER NOT NULL,
    configuration_id BIGINT NOT NULL,
    name TEXT,
    endpoint TEXT NOT NULL,
    CONSTRAINT configuration_stash_boxes_pkey PRIMARY KEY (instance_id, configuration_id, endpoint)
)
 PARTITION BY LIST (instance_id);

COMMENT ON TABLE ops.instances IS 'The Stash servers that are mirrored.';

COMMENT ON COLUMN ops.instances.name IS 'also the key of the Dagster partition';

COMMENT ON COLUMN ops.instances.api_key_encrypted IS 'by the key file in the project''s home';

COMMENT ON COLUMN ops.instances.api_key_env IS 'name of the environment variable that holds the key';

COMMENT ON COLUMN ops.instances.ca_file IS 'PEM file of the authority that signed the server''s certificate';

COMMENT ON COLUMN ops.instances.priority IS 'smaller wins a conflict';

COMMENT ON COLUMN ops.instances.release IS 'as the server last said';

COMMENT ON COLUMN ops.instances.database_schema IS 'as the server last said';

COMMENT ON COLUMN ops.instances.revision IS 'newest revision in raw';

COMMENT ON COLUMN ops.instances.removed_at IS 'removed on this day, and its rows kept';

CREATE INDEX sync_runs_instance_started_idx ON ops.sync_runs (instance_id, started_at DESC);

ALTER TABLE ops.sync_runs ADD CONSTRAINT sync_runs_instance_fkey FOREIGN KEY(instance_id) REFERENCES ops.instances (id) ON DELETE CASCADE;

COMMENT ON TABLE ops.sync_runs IS 'One row per reading of a server.';

COMMENT ON COLUMN ops.sync_runs.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN ops.sync_runs.status IS 'running, succeeded or failed';

COMMENT ON COLUMN ops.sync_runs.lacking IS 'fields of the specification that the server does not have';

COMMENT ON COLUMN ops.sync_runs.unknown IS 'fields of the server that no specification knows';

COMMENT ON COLUMN ops.sync_runs.entities IS 'per entity: expected, fetched, inserted, updated, unchanged, removed, ...';

ALTER TABLE ops.layer_watermarks ADD CONSTRAINT layer_watermarks_instance_fkey FOREIGN KEY(instance_id) REFERENCES ops.instances (id) ON DELETE CASCADE;

COMMENT ON TABLE ops.layer_watermarks IS 'How far each layer has followed raw, written in the transaction that followed it.';

COMMENT ON COLUMN ops.layer_watermarks.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN ops.layer_watermarks.revision IS 'the newest revision of raw that the layer holds';

CREATE INDEX dangling_references_target_idx ON ops.dangling_references (instance_id, target, target_id);

ALTER TABLE ops.dangling_references ADD CONSTRAINT dangling_references_instance_fkey FOREIGN KEY(instance_id) REFERENCES ops.instances (id) ON DELETE CASCADE;

COMMENT ON TABLE ops.dangling_references IS 'References to objects that the mirror does not have (yet, or any more); made good when they come.';

COMMENT ON COLUMN ops.dangling_references.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN ops.dangling_references.relation IS 'table.column that would hold the reference';

COMMENT ON COLUMN ops.dangling_references.owner IS 'kind of the object that refers';

COMMENT ON COLUMN ops.dangling_references.target IS 'kind of the object that is not there';

ALTER TABLE ops.row_counts ADD CONSTRAINT row_counts_instance_fkey FOREIGN KEY(instance_id) REFERENCES ops.instances (id) ON DELETE CASCADE;

COMMENT ON TABLE ops.row_counts IS 'Live rows per table, kept by the transactions that change them: counting would grow with the library.';

COMMENT ON COLUMN ops.row_counts.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN ops.row_counts.table_name IS 'schema.table';

ALTER TABLE ops.readings ADD CONSTRAINT readings_instance_fkey FOREIGN KEY(instance_id) REFERENCES ops.instances (id) ON DELETE CASCADE;

ALTER TABLE ops.readings ADD CONSTRAINT readings_run_fkey FOREIGN KEY(run_id) REFERENCES ops.sync_runs (id) ON DELETE CASCADE;

COMMENT ON TABLE ops.readings IS 'The last complete reading of each kind: its pages are known again while their objects stand unchanged.';

COMMENT ON COLUMN ops.readings.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN ops.readings.revision IS 'of the instance, when the reading had ended';

COMMENT ON COLUMN ops.readings.form IS 'of the query, the release and the code that made documents';

CREATE INDEX pages_instance_idx ON raw.pages (instance_id, entity, id);

CREATE INDEX pages_run_idx ON raw.pages (run_id);

ALTER TABLE raw.pages ADD CONSTRAINT pages_instance_fkey FOREIGN KEY(instance_id) REFERENCES ops.instances (id) ON DELETE CASCADE;

ALTER TABLE raw.pages ADD CONSTRAINT pages_run_fkey FOREIGN KEY(run_id) REFERENCES ops.sync_runs (id) ON DELETE CASCADE;

COMMENT ON TABLE raw.pages IS 'The ledger of the answers that the documents came in.';

COMMENT ON COLUMN raw.pages.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN raw.pages.request IS 'variables of the request';

COMMENT ON COLUMN raw.pages.bytes IS 'size of the answer, decompressed';

COMMENT ON COLUMN raw.pages.milliseconds IS 'from request to last byte';

COMMENT ON COLUMN raw.pages.hash IS 'BLAKE2b, 16 bytes, of the answer';

COMMENT ON COLUMN raw.pages.known IS 'equal to a page of the reading before, and not decoded again';

COMMENT ON COLUMN raw.pages.first_id IS 'it held all objects of its kind from here to last_id';

COMMENT ON COLUMN raw.pages.unreadable IS 'objects with a value that its column cannot hold';

CREATE INDEX raw_history_noted_idx ON raw.history (instance_id, noted_at);

COMMENT ON TABLE raw.history IS 'What every document was before it changed or vanished.';

COMMENT ON COLUMN raw.history.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN raw.history.id IS 'the server''s id';

COMMENT ON COLUMN raw.history.revision IS 'of the instance, when the document was replaced';

COMMENT ON COLUMN raw.history.change IS 'changed, removed, or returned (it had been removed)';

COMMENT ON COLUMN raw.history.document IS 'as it was until then';

COMMENT ON COLUMN raw.history.run_id IS 'ops.sync_runs, which found the change';

CREATE INDEX raw_tags_revision_idx ON raw.tags (instance_id, revision);

COMMENT ON TABLE raw.tags IS 'Documents of tags, as the servers returned them, with tombstones.';

COMMENT ON COLUMN raw.tags.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN raw.tags.id IS 'the server''s id';

COMMENT ON COLUMN raw.tags.document IS 'canonical form, see stash/documents.py';

COMMENT ON COLUMN raw.tags.hash IS 'BLAKE2b, 16 bytes, of the document';

COMMENT ON COLUMN raw.tags.revision IS 'of the instance, when it last changed';

COMMENT ON COLUMN raw.tags.run_id IS 'ops.sync_runs, when it last changed';

COMMENT ON COLUMN raw.tags.deleted_at IS 'set when a complete listing no longer had it';

CREATE INDEX raw_folders_revision_idx ON raw.folders (instance_id, revision);

COMMENT ON TABLE raw.folders IS 'Documents of folders, as the servers returned them, with tombstones.';

COMMENT ON COLUMN raw.folders.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN raw.folders.id IS 'the server''s id';

COMMENT ON COLUMN raw.folders.document IS 'canonical form, see stash/documents.py';

COMMENT ON COLUMN raw.folders.hash IS 'BLAKE2b, 16 bytes, of the document';

COMMENT ON COLUMN raw.folders.revision IS 'of the instance, when it last changed';

COMMENT ON COLUMN raw.folders.run_id IS 'ops.sync_runs, when it last changed';

COMMENT ON COLUMN raw.folders.deleted_at IS 'set when a complete listing no longer had it';

CREATE INDEX raw_files_revision_idx ON raw.files (instance_id, revision);

COMMENT ON TABLE raw.files IS 'Documents of files, as the servers returned them, with tombstones.';

COMMENT ON COLUMN raw.files.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN raw.files.id IS 'the server''s id';

COMMENT ON COLUMN raw.files.document IS 'canonical form, see stash/documents.py';

COMMENT ON COLUMN raw.files.hash IS 'BLAKE2b, 16 bytes, of the document';

COMMENT ON COLUMN raw.files.revision IS 'of the instance, when it last changed';

COMMENT ON COLUMN raw.files.run_id IS 'ops.sync_runs, when it last changed';

COMMENT ON COLUMN raw.files.deleted_at IS 'set when a complete listing no longer had it';

CREATE INDEX raw_studios_revision_idx ON raw.studios (instance_id, revision);

COMMENT ON TABLE raw.studios IS 'Documents of studios, as the servers returned them, with tombstones.';

COMMENT ON COLUMN raw.studios.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN raw.studios.id IS 'the server''s id';

COMMENT ON COLUMN raw.studios.document IS 'canonical form, see stash/documents.py';

COMMENT ON COLUMN raw.studios.hash IS 'BLAKE2b, 16 bytes, of the document';

COMMENT ON COLUMN raw.studios.revision IS 'of the instance, when it last changed';

COMMENT ON COLUMN raw.studios.run_id IS 'ops.sync_runs, when it last changed';

COMMENT ON COLUMN raw.studios.deleted_at IS 'set when a complete listing no longer had it';

CREATE INDEX raw_performers_revision_idx ON raw.performers (instance_id, revision);

COMMENT ON TABLE raw.performers IS 'Documents of performers, as the servers returned them, with tombstones.';

COMMENT ON COLUMN raw.performers.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN raw.performers.id IS 'the server''s id';

COMMENT ON COLUMN raw.performers.document IS 'canonical form, see stash/documents.py';

COMMENT ON COLUMN raw.performers.hash IS 'BLAKE2b, 16 bytes, of the document';

COMMENT ON COLUMN raw.performers.revision IS 'of the instance, when it last changed';

COMMENT ON COLUMN raw.performers.run_id IS 'ops.sync_runs, when it last changed';

COMMENT ON COLUMN raw.performers.deleted_at IS 'set when a complete listing no longer had it';

CREATE INDEX raw_groups_revision_idx ON raw.groups (instance_id, revision);

COMMENT ON TABLE raw.groups IS 'Documents of groups, as the servers returned them, with tombstones.';

COMMENT ON COLUMN raw.groups.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN raw.groups.id IS 'the server''s id';

COMMENT ON COLUMN raw.groups.document IS 'canonical form, see stash/documents.py';

COMMENT ON COLUMN raw.groups.hash IS 'BLAKE2b, 16 bytes, of the document';

COMMENT ON COLUMN raw.groups.revision IS 'of the instance, when it last changed';

COMMENT ON COLUMN raw.groups.run_id IS 'ops.sync_runs, when it last changed';

COMMENT ON COLUMN raw.groups.deleted_at IS 'set when a complete listing no longer had it';

CREATE INDEX raw_images_revision_idx ON raw.images (instance_id, revision);

COMMENT ON TABLE raw.images IS 'Documents of images, as the servers returned them, with tombstones.';

COMMENT ON COLUMN raw.images.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN raw.images.id IS 'the server''s id';

COMMENT ON COLUMN raw.images.document IS 'canonical form, see stash/documents.py';

COMMENT ON COLUMN raw.images.hash IS 'BLAKE2b, 16 bytes, of the document';

COMMENT ON COLUMN raw.images.revision IS 'of the instance, when it last changed';

COMMENT ON COLUMN raw.images.run_id IS 'ops.sync_runs, when it last changed';

COMMENT ON COLUMN raw.images.deleted_at IS 'set when a complete listing no longer had it';

CREATE INDEX raw_galleries_revision_idx ON raw.galleries (instance_id, revision);

COMMENT ON TABLE raw.galleries IS 'Documents of galleries, as the servers returned them, with tombstones.';

COMMENT ON COLUMN raw.galleries.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN raw.galleries.id IS 'the server''s id';

COMMENT ON COLUMN raw.galleries.document IS 'canonical form, see stash/documents.py';

COMMENT ON COLUMN raw.galleries.hash IS 'BLAKE2b, 16 bytes, of the document';

COMMENT ON COLUMN raw.galleries.revision IS 'of the instance, when it last changed';

COMMENT ON COLUMN raw.galleries.run_id IS 'ops.sync_runs, when it last changed';

COMMENT ON COLUMN raw.galleries.deleted_at IS 'set when a complete listing no longer had it';

CREATE INDEX raw_scenes_revision_idx ON raw.scenes (instance_id, revision);

COMMENT ON TABLE raw.scenes IS 'Documents of scenes, as the servers returned them, with tombstones.';

COMMENT ON COLUMN raw.scenes.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN raw.scenes.id IS 'the server''s id';

COMMENT ON COLUMN raw.scenes.document IS 'canonical form, see stash/documents.py';

COMMENT ON COLUMN raw.scenes.hash IS 'BLAKE2b, 16 bytes, of the document';

COMMENT ON COLUMN raw.scenes.revision IS 'of the instance, when it last changed';

COMMENT ON COLUMN raw.scenes.run_id IS 'ops.sync_runs, when it last changed';

COMMENT ON COLUMN raw.scenes.deleted_at IS 'set when a complete listing no longer had it';

CREATE INDEX raw_scene_markers_revision_idx ON raw.scene_markers (instance_id, revision);

COMMENT ON TABLE raw.scene_markers IS 'Documents of scene_markers, as the servers returned them, with tombstones.';

COMMENT ON COLUMN raw.scene_markers.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN raw.scene_markers.id IS 'the server''s id';

COMMENT ON COLUMN raw.scene_markers.document IS 'canonical form, see stash/documents.py';

COMMENT ON COLUMN raw.scene_markers.hash IS 'BLAKE2b, 16 bytes, of the document';

COMMENT ON COLUMN raw.scene_markers.revision IS 'of the instance, when it last changed';

COMMENT ON COLUMN raw.scene_markers.run_id IS 'ops.sync_runs, when it last changed';

COMMENT ON COLUMN raw.scene_markers.deleted_at IS 'set when a complete listing no longer had it';

CREATE INDEX raw_saved_filters_revision_idx ON raw.saved_filters (instance_id, revision);

COMMENT ON TABLE raw.saved_filters IS 'Documents of saved_filters, as the servers returned them, with tombstones.';

COMMENT ON COLUMN raw.saved_filters.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN raw.saved_filters.id IS 'the server''s id';

COMMENT ON COLUMN raw.saved_filters.document IS 'canonical form, see stash/documents.py';

COMMENT ON COLUMN raw.saved_filters.hash IS 'BLAKE2b, 16 bytes, of the document';

COMMENT ON COLUMN raw.saved_filters.revision IS 'of the instance, when it last changed';

COMMENT ON COLUMN raw.saved_filters.run_id IS 'ops.sync_runs, when it last changed';

COMMENT ON COLUMN raw.saved_filters.deleted_at IS 'set when a complete listing no longer had it';

CREATE INDEX raw_configuration_revision_idx ON raw.configuration (instance_id, revision);

COMMENT ON TABLE raw.configuration IS 'Documents of configuration, as the servers returned them, with tombstones.';

COMMENT ON COLUMN raw.configuration.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN raw.configuration.id IS 'the server''s id';

COMMENT ON COLUMN raw.configuration.document IS 'canonical form, see stash/documents.py';

COMMENT ON COLUMN raw.configuration.hash IS 'BLAKE2b, 16 bytes, of the document';

COMMENT ON COLUMN raw.configuration.revision IS 'of the instance, when it last changed';

COMMENT ON COLUMN raw.configuration.run_id IS 'ops.sync_runs, when it last changed';

COMMENT ON COLUMN raw.configuration.deleted_at IS 'set when a complete listing no longer had it';

CREATE INDEX tags_name_idx ON stash.tags USING hash (lower(name));

COMMENT ON TABLE stash.tags IS 'Tags, with their hierarchy in tag_parents.';

COMMENT ON COLUMN stash.tags.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.tags.id IS 'the server''s id';

COMMENT ON COLUMN stash.tags.image_path IS 'URL without host, key and cache buster';

CREATE INDEX folders_parent_folder_id_idx ON stash.folders (instance_id, parent_folder_id);

CREATE INDEX folders_path_idx ON stash.folders USING hash (path);

CREATE INDEX folders_zip_file_id_idx ON stash.folders (instance_id, zip_file_id);

ALTER TABLE stash.folders ADD CONSTRAINT folders_parent_folder_id_fkey FOREIGN KEY(instance_id, parent_folder_id) REFERENCES stash.folders (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.folders ADD CONSTRAINT folders_zip_file_id_fkey FOREIGN KEY(instance_id, zip_file_id) REFERENCES stash.files (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.folders IS 'Folders of files. Before v0.29 only id and path, except for the folders that are galleries.';

COMMENT ON COLUMN stash.folders.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.folders.id IS 'the server''s id';

COMMENT ON COLUMN stash.folders.parent_folder_id IS 'stash.folders.id';

COMMENT ON COLUMN stash.folders.zip_file_id IS 'the archive that the folder lies in';

CREATE INDEX files_basename_idx ON stash.files USING hash (basename);

CREATE INDEX files_duration_idx ON stash.files USING btree (duration);

CREATE INDEX files_height_width_idx ON stash.files USING btree (height, width);

CREATE INDEX files_parent_folder_id_idx ON stash.files (instance_id, parent_folder_id);

CREATE INDEX files_path_idx ON stash.files USING hash (path);

CREATE INDEX files_size_idx ON stash.files USING btree (size);

CREATE INDEX files_zip_file_id_idx ON stash.files (instance_id, zip_file_id);

ALTER TABLE stash.files ADD CONSTRAINT files_parent_folder_id_fkey FOREIGN KEY(instance_id, parent_folder_id) REFERENCES stash.folders (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.files ADD CONSTRAINT files_zip_file_id_fkey FOREIGN KEY(instance_id, zip_file_id) REFERENCES stash.files (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.files IS 'Files of scenes, images and galleries. Before v0.29 those that belong to one of them.';

COMMENT ON COLUMN stash.files.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.files.id IS 'the server''s id';

COMMENT ON COLUMN stash.files.parent_folder_id IS 'stash.folders.id';

COMMENT ON COLUMN stash.files.zip_file_id IS 'stash.files.id';

CREATE INDEX studios_name_idx ON stash.studios USING hash (lower(name));

CREATE INDEX studios_parent_studio_id_idx ON stash.studios (instance_id, parent_studio_id);

ALTER TABLE stash.studios ADD CONSTRAINT studios_parent_studio_id_fkey FOREIGN KEY(instance_id, parent_studio_id) REFERENCES stash.studios (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.studios IS 'Studios, with their parent.';

COMMENT ON COLUMN stash.studios.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.studios.id IS 'the server''s id';

COMMENT ON COLUMN stash.studios.image_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN stash.studios.parent_studio_id IS 'stash.studios.id';

CREATE INDEX performers_gender_idx ON stash.performers USING btree (gender);

CREATE INDEX performers_name_idx ON stash.performers USING hash (lower(name));

COMMENT ON TABLE stash.performers IS 'Performers, with their aliases, urls and stash ids in the join tables.';

COMMENT ON COLUMN stash.performers.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.performers.id IS 'the server''s id';

COMMENT ON COLUMN stash.performers.birthdate IS 'first day of what the server says';

COMMENT ON COLUMN stash.performers.birthdate_text IS 'as the server says it';

COMMENT ON COLUMN stash.performers.birthdate_precision IS 'day, month or year; null if it is no date';

COMMENT ON COLUMN stash.performers.death_date IS 'first day of what the server says';

COMMENT ON COLUMN stash.performers.death_date_text IS 'as the server says it';

COMMENT ON COLUMN stash.performers.death_date_precision IS 'day, month or year; null if it is no date';

COMMENT ON COLUMN stash.performers.career_start IS 'first day of what the server says';

COMMENT ON COLUMN stash.performers.career_start_text IS 'as the server says it';

COMMENT ON COLUMN stash.performers.career_start_precision IS 'day, month or year; null if it is no date';

COMMENT ON COLUMN stash.performers.career_end IS 'first day of what the server says';

COMMENT ON COLUMN stash.performers.career_end_text IS 'as the server says it';

COMMENT ON COLUMN stash.performers.career_end_precision IS 'day, month or year; null if it is no date';

COMMENT ON COLUMN stash.performers.image_path IS 'URL without host, key and cache buster';

CREATE INDEX groups_date_idx ON stash.groups USING btree (date);

CREATE INDEX groups_name_idx ON stash.groups USING hash (lower(name));

CREATE INDEX groups_studio_id_idx ON stash.groups (instance_id, studio_id);

ALTER TABLE stash.groups ADD CONSTRAINT groups_studio_id_fkey FOREIGN KEY(instance_id, studio_id) REFERENCES stash.studios (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.groups IS 'Groups (movies before v0.27), with the groups they contain in group_containing.';

COMMENT ON COLUMN stash.groups.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.groups.id IS 'the server''s id';

COMMENT ON COLUMN stash.groups.date IS 'first day of what the server says';

COMMENT ON COLUMN stash.groups.date_text IS 'as the server says it';

COMMENT ON COLUMN stash.groups.date_precision IS 'day, month or year; null if it is no date';

COMMENT ON COLUMN stash.groups.front_image_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN stash.groups.back_image_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN stash.groups.studio_id IS 'stash.studios.id';

CREATE INDEX images_date_idx ON stash.images USING btree (date);

CREATE INDEX images_studio_id_idx ON stash.images (instance_id, studio_id);

ALTER TABLE stash.images ADD CONSTRAINT images_studio_id_fkey FOREIGN KEY(instance_id, studio_id) REFERENCES stash.studios (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.images IS 'Images, in and out of galleries.';

COMMENT ON COLUMN stash.images.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.images.id IS 'the server''s id';

COMMENT ON COLUMN stash.images.date IS 'first day of what the server says';

COMMENT ON COLUMN stash.images.date_text IS 'as the server says it';

COMMENT ON COLUMN stash.images.date_precision IS 'day, month or year; null if it is no date';

COMMENT ON COLUMN stash.images.image_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN stash.images.thumbnail_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN stash.images.preview_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN stash.images.studio_id IS 'stash.studios.id';

CREATE INDEX galleries_cover_id_idx ON stash.galleries (instance_id, cover_id);

CREATE INDEX galleries_date_idx ON stash.galleries USING btree (date);

CREATE INDEX galleries_folder_id_idx ON stash.galleries (instance_id, folder_id);

CREATE INDEX galleries_studio_id_idx ON stash.galleries (instance_id, studio_id);

CREATE INDEX galleries_title_idx ON stash.galleries USING hash (title);

ALTER TABLE stash.galleries ADD CONSTRAINT galleries_cover_id_fkey FOREIGN KEY(instance_id, cover_id) REFERENCES stash.images (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.galleries ADD CONSTRAINT galleries_folder_id_fkey FOREIGN KEY(instance_id, folder_id) REFERENCES stash.folders (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.galleries ADD CONSTRAINT galleries_studio_id_fkey FOREIGN KEY(instance_id, studio_id) REFERENCES stash.studios (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.galleries IS 'Galleries: a zip file, a folder, or neither.';

COMMENT ON COLUMN stash.galleries.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.galleries.id IS 'the server''s id';

COMMENT ON COLUMN stash.galleries.date IS 'first day of what the server says';

COMMENT ON COLUMN stash.galleries.date_text IS 'as the server says it';

COMMENT ON COLUMN stash.galleries.date_precision IS 'day, month or year; null if it is no date';

COMMENT ON COLUMN stash.galleries.cover_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN stash.galleries.preview_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN stash.galleries.studio_id IS 'stash.studios.id';

COMMENT ON COLUMN stash.galleries.folder_id IS 'stash.folders.id';

COMMENT ON COLUMN stash.galleries.cover_id IS 'stash.images.id';

CREATE INDEX scenes_date_idx ON stash.scenes USING btree (date);

CREATE INDEX scenes_rating100_idx ON stash.scenes USING btree (rating100);

CREATE INDEX scenes_studio_id_idx ON stash.scenes (instance_id, studio_id);

CREATE INDEX scenes_title_idx ON stash.scenes USING hash (title);

CREATE INDEX scenes_updated_at_idx ON stash.scenes USING btree (updated_at);

ALTER TABLE stash.scenes ADD CONSTRAINT scenes_studio_id_fkey FOREIGN KEY(instance_id, studio_id) REFERENCES stash.studios (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.scenes IS 'Scenes, with their counters; files, tags, performers and the rest are in the join tables.';

COMMENT ON COLUMN stash.scenes.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.scenes.id IS 'the server''s id';

COMMENT ON COLUMN stash.scenes.date IS 'first day of what the server says';

COMMENT ON COLUMN stash.scenes.date_text IS 'as the server says it';

COMMENT ON COLUMN stash.scenes.date_precision IS 'day, month or year; null if it is no date';

COMMENT ON COLUMN stash.scenes.screenshot_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN stash.scenes.preview_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN stash.scenes.webp_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN stash.scenes.vtt_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN stash.scenes.sprite_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN stash.scenes.funscript_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN stash.scenes.interactive_heatmap_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN stash.scenes.caption_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN stash.scenes.studio_id IS 'stash.studios.id';

CREATE INDEX scene_markers_primary_tag_id_idx ON stash.scene_markers (instance_id, primary_tag_id);

CREATE INDEX scene_markers_scene_id_idx ON stash.scene_markers (instance_id, scene_id);

ALTER TABLE stash.scene_markers ADD CONSTRAINT scene_markers_primary_tag_id_fkey FOREIGN KEY(instance_id, primary_tag_id) REFERENCES stash.tags (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.scene_markers ADD CONSTRAINT scene_markers_scene_id_fkey FOREIGN KEY(instance_id, scene_id) REFERENCES stash.scenes (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.scene_markers IS 'Markers on scenes; the primary tag is a column, the others are in marker_tags.';

COMMENT ON COLUMN stash.scene_markers.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.scene_markers.id IS 'the server''s id';

COMMENT ON COLUMN stash.scene_markers.screenshot_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN stash.scene_markers.preview_path IS 'URL without host, key and cache buster';

COMMENT ON COLUMN stash.scene_markers.scene_id IS 'stash.scenes.id';

COMMENT ON COLUMN stash.scene_markers.primary_tag_id IS 'stash.tags.id';

COMMENT ON TABLE stash.saved_filters IS 'Saved filters of the server''s own user interface.';

COMMENT ON COLUMN stash.saved_filters.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.saved_filters.id IS 'the server''s id';

COMMENT ON COLUMN stash.saved_filters.legacy_filter IS 'the whole filter as text, before v0.23';

COMMENT ON TABLE stash.configuration IS 'What the server is set up with; one row per instance. Secrets are never asked for.';

COMMENT ON COLUMN stash.configuration.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.configuration.id IS 'the server''s id';

CREATE INDEX tag_parents_parent_id_idx ON stash.tag_parents (instance_id, parent_id, tag_id);

ALTER TABLE stash.tag_parents ADD CONSTRAINT tag_parents_parent_id_fkey FOREIGN KEY(instance_id, parent_id) REFERENCES stash.tags (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.tag_parents ADD CONSTRAINT tag_parents_tag_id_fkey FOREIGN KEY(instance_id, tag_id) REFERENCES stash.tags (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.tag_parents IS 'Tag parents, one row per element of tags.';

COMMENT ON COLUMN stash.tag_parents.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.tag_parents.tag_id IS 'stash.tags.id';

COMMENT ON COLUMN stash.tag_parents.parent_id IS 'stash.tags.id';

CREATE INDEX tag_aliases_alias_idx ON stash.tag_aliases USING hash (lower(alias));

ALTER TABLE stash.tag_aliases ADD CONSTRAINT tag_aliases_tag_id_fkey FOREIGN KEY(instance_id, tag_id) REFERENCES stash.tags (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.tag_aliases IS 'Tag aliases, one row per element of tags.';

COMMENT ON COLUMN stash.tag_aliases.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.tag_aliases.tag_id IS 'stash.tags.id';

CREATE INDEX tag_stash_ids_stash_id_idx ON stash.tag_stash_ids USING btree (stash_id);

ALTER TABLE stash.tag_stash_ids ADD CONSTRAINT tag_stash_ids_tag_id_fkey FOREIGN KEY(instance_id, tag_id) REFERENCES stash.tags (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.tag_stash_ids IS 'Tag stash ids, one row per element of tags.';

COMMENT ON COLUMN stash.tag_stash_ids.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.tag_stash_ids.tag_id IS 'stash.tags.id';

CREATE INDEX file_fingerprints_phash_idx ON stash.file_fingerprints USING btree (phash);

CREATE INDEX file_fingerprints_type_value_idx ON stash.file_fingerprints USING btree (type, value);

ALTER TABLE stash.file_fingerprints ADD CONSTRAINT file_fingerprints_file_id_fkey FOREIGN KEY(instance_id, file_id) REFERENCES stash.files (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.file_fingerprints IS 'File fingerprints, one row per element of files.';

COMMENT ON COLUMN stash.file_fingerprints.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.file_fingerprints.file_id IS 'stash.files.id';

COMMENT ON COLUMN stash.file_fingerprints.phash IS 'a phash as a signed 64-bit integer';

CREATE INDEX studio_tags_tag_id_idx ON stash.studio_tags (instance_id, tag_id, studio_id);

ALTER TABLE stash.studio_tags ADD CONSTRAINT studio_tags_studio_id_fkey FOREIGN KEY(instance_id, studio_id) REFERENCES stash.studios (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.studio_tags ADD CONSTRAINT studio_tags_tag_id_fkey FOREIGN KEY(instance_id, tag_id) REFERENCES stash.tags (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.studio_tags IS 'Studio tags, one row per element of studios.';

COMMENT ON COLUMN stash.studio_tags.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.studio_tags.studio_id IS 'stash.studios.id';

COMMENT ON COLUMN stash.studio_tags.tag_id IS 'stash.tags.id';

CREATE INDEX studio_aliases_alias_idx ON stash.studio_aliases USING hash (lower(alias));

ALTER TABLE stash.studio_aliases ADD CONSTRAINT studio_aliases_studio_id_fkey FOREIGN KEY(instance_id, studio_id) REFERENCES stash.studios (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.studio_aliases IS 'Studio aliases, one row per element of studios.';

COMMENT ON COLUMN stash.studio_aliases.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.studio_aliases.studio_id IS 'stash.studios.id';

ALTER TABLE stash.studio_urls ADD CONSTRAINT studio_urls_studio_id_fkey FOREIGN KEY(instance_id, studio_id) REFERENCES stash.studios (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.studio_urls IS 'Studio urls, one row per element of studios.';

COMMENT ON COLUMN stash.studio_urls.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.studio_urls.studio_id IS 'stash.studios.id';

COMMENT ON COLUMN stash.studio_urls.position IS 'from 0';

CREATE INDEX studio_stash_ids_stash_id_idx ON stash.studio_stash_ids USING btree (stash_id);

ALTER TABLE stash.studio_stash_ids ADD CONSTRAINT studio_stash_ids_studio_id_fkey FOREIGN KEY(instance_id, studio_id) REFERENCES stash.studios (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.studio_stash_ids IS 'Studio stash ids, one row per element of studios.';

COMMENT ON COLUMN stash.studio_stash_ids.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.studio_stash_ids.studio_id IS 'stash.studios.id';

CREATE INDEX performer_tags_tag_id_idx ON stash.performer_tags (instance_id, tag_id, performer_id);

ALTER TABLE stash.performer_tags ADD CONSTRAINT performer_tags_performer_id_fkey FOREIGN KEY(instance_id, performer_id) REFERENCES stash.performers (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.performer_tags ADD CONSTRAINT performer_tags_tag_id_fkey FOREIGN KEY(instance_id, tag_id) REFERENCES stash.tags (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.performer_tags IS 'Performer tags, one row per element of performers.';

COMMENT ON COLUMN stash.performer_tags.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.performer_tags.performer_id IS 'stash.performers.id';

COMMENT ON COLUMN stash.performer_tags.tag_id IS 'stash.tags.id';

CREATE INDEX performer_aliases_alias_idx ON stash.performer_aliases USING hash (lower(alias));

ALTER TABLE stash.performer_aliases ADD CONSTRAINT performer_aliases_performer_id_fkey FOREIGN KEY(instance_id, performer_id) REFERENCES stash.performers (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.performer_aliases IS 'Performer aliases, one row per element of performers.';

COMMENT ON COLUMN stash.performer_aliases.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.performer_aliases.performer_id IS 'stash.performers.id';

ALTER TABLE stash.performer_urls ADD CONSTRAINT performer_urls_performer_id_fkey FOREIGN KEY(instance_id, performer_id) REFERENCES stash.performers (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.performer_urls IS 'Performer urls, one row per element of performers.';

COMMENT ON COLUMN stash.performer_urls.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.performer_urls.performer_id IS 'stash.performers.id';

COMMENT ON COLUMN stash.performer_urls.position IS 'from 0';

CREATE INDEX performer_stash_ids_stash_id_idx ON stash.performer_stash_ids USING btree (stash_id);

ALTER TABLE stash.performer_stash_ids ADD CONSTRAINT performer_stash_ids_performer_id_fkey FOREIGN KEY(instance_id, performer_id) REFERENCES stash.performers (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.performer_stash_ids IS 'Performer stash ids, one row per element of performers.';

COMMENT ON COLUMN stash.performer_stash_ids.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.performer_stash_ids.performer_id IS 'stash.performers.id';

CREATE INDEX group_tags_tag_id_idx ON stash.group_tags (instance_id, tag_id, group_id);

ALTER TABLE stash.group_tags ADD CONSTRAINT group_tags_group_id_fkey FOREIGN KEY(instance_id, group_id) REFERENCES stash.groups (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.group_tags ADD CONSTRAINT group_tags_tag_id_fkey FOREIGN KEY(instance_id, tag_id) REFERENCES stash.tags (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.group_tags IS 'Group tags, one row per element of groups.';

COMMENT ON COLUMN stash.group_tags.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.group_tags.group_id IS 'stash.groups.id';

COMMENT ON COLUMN stash.group_tags.tag_id IS 'stash.tags.id';

ALTER TABLE stash.group_urls ADD CONSTRAINT group_urls_group_id_fkey FOREIGN KEY(instance_id, group_id) REFERENCES stash.groups (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.group_urls IS 'Group urls, one row per element of groups.';

COMMENT ON COLUMN stash.group_urls.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.group_urls.group_id IS 'stash.groups.id';

COMMENT ON COLUMN stash.group_urls.position IS 'from 0';

CREATE INDEX group_containing_group_id_idx ON stash.group_containing (instance_id, group_id, containing_group_id);

ALTER TABLE stash.group_containing ADD CONSTRAINT group_containing_containing_group_id_fkey FOREIGN KEY(instance_id, containing_group_id) REFERENCES stash.groups (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.group_containing ADD CONSTRAINT group_containing_group_id_fkey FOREIGN KEY(instance_id, group_id) REFERENCES stash.groups (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.group_containing IS 'Group containing, one row per element of groups.';

COMMENT ON COLUMN stash.group_containing.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.group_containing.containing_group_id IS 'stash.groups.id';

COMMENT ON COLUMN stash.group_containing.group_id IS 'stash.groups.id';

COMMENT ON COLUMN stash.group_containing.order_index IS 'from 0';

CREATE INDEX image_files_file_id_idx ON stash.image_files (instance_id, file_id, image_id);

ALTER TABLE stash.image_files ADD CONSTRAINT image_files_file_id_fkey FOREIGN KEY(instance_id, file_id) REFERENCES stash.files (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.image_files ADD CONSTRAINT image_files_image_id_fkey FOREIGN KEY(instance_id, image_id) REFERENCES stash.images (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.image_files IS 'Image files, one row per element of images.';

COMMENT ON COLUMN stash.image_files.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.image_files.image_id IS 'stash.images.id';

COMMENT ON COLUMN stash.image_files.file_id IS 'stash.files.id';

COMMENT ON COLUMN stash.image_files.is_primary IS 'the first of the server''s list';

CREATE INDEX image_tags_tag_id_idx ON stash.image_tags (instance_id, tag_id, image_id);

ALTER TABLE stash.image_tags ADD CONSTRAINT image_tags_image_id_fkey FOREIGN KEY(instance_id, image_id) REFERENCES stash.images (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.image_tags ADD CONSTRAINT image_tags_tag_id_fkey FOREIGN KEY(instance_id, tag_id) REFERENCES stash.tags (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.image_tags IS 'Image tags, one row per element of images.';

COMMENT ON COLUMN stash.image_tags.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.image_tags.image_id IS 'stash.images.id';

COMMENT ON COLUMN stash.image_tags.tag_id IS 'stash.tags.id';

CREATE INDEX image_performers_performer_id_idx ON stash.image_performers (instance_id, performer_id, image_id);

ALTER TABLE stash.image_performers ADD CONSTRAINT image_performers_image_id_fkey FOREIGN KEY(instance_id, image_id) REFERENCES stash.images (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.image_performers ADD CONSTRAINT image_performers_performer_id_fkey FOREIGN KEY(instance_id, performer_id) REFERENCES stash.performers (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.image_performers IS 'Image performers, one row per element of images.';

COMMENT ON COLUMN stash.image_performers.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.image_performers.image_id IS 'stash.images.id';

COMMENT ON COLUMN stash.image_performers.performer_id IS 'stash.performers.id';

CREATE INDEX image_galleries_gallery_id_idx ON stash.image_galleries (instance_id, gallery_id, image_id);

ALTER TABLE stash.image_galleries ADD CONSTRAINT image_galleries_gallery_id_fkey FOREIGN KEY(instance_id, gallery_id) REFERENCES stash.galleries (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.image_galleries ADD CONSTRAINT image_galleries_image_id_fkey FOREIGN KEY(instance_id, image_id) REFERENCES stash.images (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.image_galleries IS 'Image galleries, one row per element of images.';

COMMENT ON COLUMN stash.image_galleries.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.image_galleries.image_id IS 'stash.images.id';

COMMENT ON COLUMN stash.image_galleries.gallery_id IS 'stash.galleries.id';

ALTER TABLE stash.image_urls ADD CONSTRAINT image_urls_image_id_fkey FOREIGN KEY(instance_id, image_id) REFERENCES stash.images (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.image_urls IS 'Image urls, one row per element of images.';

COMMENT ON COLUMN stash.image_urls.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.image_urls.image_id IS 'stash.images.id';

COMMENT ON COLUMN stash.image_urls.position IS 'from 0';

CREATE INDEX gallery_files_file_id_idx ON stash.gallery_files (instance_id, file_id, gallery_id);

ALTER TABLE stash.gallery_files ADD CONSTRAINT gallery_files_file_id_fkey FOREIGN KEY(instance_id, file_id) REFERENCES stash.files (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.gallery_files ADD CONSTRAINT gallery_files_gallery_id_fkey FOREIGN KEY(instance_id, gallery_id) REFERENCES stash.galleries (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.gallery_files IS 'Gallery files, one row per element of galleries.';

COMMENT ON COLUMN stash.gallery_files.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.gallery_files.gallery_id IS 'stash.galleries.id';

COMMENT ON COLUMN stash.gallery_files.file_id IS 'stash.files.id';

COMMENT ON COLUMN stash.gallery_files.is_primary IS 'the first of the server''s list';

CREATE INDEX gallery_tags_tag_id_idx ON stash.gallery_tags (instance_id, tag_id, gallery_id);

ALTER TABLE stash.gallery_tags ADD CONSTRAINT gallery_tags_gallery_id_fkey FOREIGN KEY(instance_id, gallery_id) REFERENCES stash.galleries (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.gallery_tags ADD CONSTRAINT gallery_tags_tag_id_fkey FOREIGN KEY(instance_id, tag_id) REFERENCES stash.tags (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.gallery_tags IS 'Gallery tags, one row per element of galleries.';

COMMENT ON COLUMN stash.gallery_tags.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.gallery_tags.gallery_id IS 'stash.galleries.id';

COMMENT ON COLUMN stash.gallery_tags.tag_id IS 'stash.tags.id';

CREATE INDEX gallery_performers_performer_id_idx ON stash.gallery_performers (instance_id, performer_id, gallery_id);

ALTER TABLE stash.gallery_performers ADD CONSTRAINT gallery_performers_gallery_id_fkey FOREIGN KEY(instance_id, gallery_id) REFERENCES stash.galleries (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.gallery_performers ADD CONSTRAINT gallery_performers_performer_id_fkey FOREIGN KEY(instance_id, performer_id) REFERENCES stash.performers (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.gallery_performers IS 'Gallery performers, one row per element of galleries.';

COMMENT ON COLUMN stash.gallery_performers.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.gallery_performers.gallery_id IS 'stash.galleries.id';

COMMENT ON COLUMN stash.gallery_performers.performer_id IS 'stash.performers.id';

ALTER TABLE stash.gallery_urls ADD CONSTRAINT gallery_urls_gallery_id_fkey FOREIGN KEY(instance_id, gallery_id) REFERENCES stash.galleries (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.gallery_urls IS 'Gallery urls, one row per element of galleries.';

COMMENT ON COLUMN stash.gallery_urls.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.gallery_urls.gallery_id IS 'stash.galleries.id';

COMMENT ON COLUMN stash.gallery_urls.position IS 'from 0';

ALTER TABLE stash.gallery_chapters ADD CONSTRAINT gallery_chapters_gallery_id_fkey FOREIGN KEY(instance_id, gallery_id) REFERENCES stash.galleries (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.gallery_chapters IS 'Gallery chapters, one row per element of galleries.';

COMMENT ON COLUMN stash.gallery_chapters.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.gallery_chapters.gallery_id IS 'stash.galleries.id';

CREATE INDEX scene_files_file_id_idx ON stash.scene_files (instance_id, file_id, scene_id);

ALTER TABLE stash.scene_files ADD CONSTRAINT scene_files_file_id_fkey FOREIGN KEY(instance_id, file_id) REFERENCES stash.files (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.scene_files ADD CONSTRAINT scene_files_scene_id_fkey FOREIGN KEY(instance_id, scene_id) REFERENCES stash.scenes (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.scene_files IS 'Scene files, one row per element of scenes.';

COMMENT ON COLUMN stash.scene_files.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.scene_files.scene_id IS 'stash.scenes.id';

COMMENT ON COLUMN stash.scene_files.file_id IS 'stash.files.id';

COMMENT ON COLUMN stash.scene_files.is_primary IS 'the first of the server''s list';

CREATE INDEX scene_tags_tag_id_idx ON stash.scene_tags (instance_id, tag_id, scene_id);

ALTER TABLE stash.scene_tags ADD CONSTRAINT scene_tags_scene_id_fkey FOREIGN KEY(instance_id, scene_id) REFERENCES stash.scenes (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.scene_tags ADD CONSTRAINT scene_tags_tag_id_fkey FOREIGN KEY(instance_id, tag_id) REFERENCES stash.tags (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.scene_tags IS 'Scene tags, one row per element of scenes.';

COMMENT ON COLUMN stash.scene_tags.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.scene_tags.scene_id IS 'stash.scenes.id';

COMMENT ON COLUMN stash.scene_tags.tag_id IS 'stash.tags.id';

CREATE INDEX scene_performers_performer_id_idx ON stash.scene_performers (instance_id, performer_id, scene_id);

ALTER TABLE stash.scene_performers ADD CONSTRAINT scene_performers_performer_id_fkey FOREIGN KEY(instance_id, performer_id) REFERENCES stash.performers (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.scene_performers ADD CONSTRAINT scene_performers_scene_id_fkey FOREIGN KEY(instance_id, scene_id) REFERENCES stash.scenes (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.scene_performers IS 'Scene performers, one row per element of scenes.';

COMMENT ON COLUMN stash.scene_performers.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.scene_performers.scene_id IS 'stash.scenes.id';

COMMENT ON COLUMN stash.scene_performers.performer_id IS 'stash.performers.id';

CREATE INDEX scene_galleries_gallery_id_idx ON stash.scene_galleries (instance_id, gallery_id, scene_id);

ALTER TABLE stash.scene_galleries ADD CONSTRAINT scene_galleries_gallery_id_fkey FOREIGN KEY(instance_id, gallery_id) REFERENCES stash.galleries (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.scene_galleries ADD CONSTRAINT scene_galleries_scene_id_fkey FOREIGN KEY(instance_id, scene_id) REFERENCES stash.scenes (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.scene_galleries IS 'Scene galleries, one row per element of scenes.';

COMMENT ON COLUMN stash.scene_galleries.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.scene_galleries.scene_id IS 'stash.scenes.id';

COMMENT ON COLUMN stash.scene_galleries.gallery_id IS 'stash.galleries.id';

CREATE INDEX scene_groups_group_id_idx ON stash.scene_groups (instance_id, group_id, scene_id);

ALTER TABLE stash.scene_groups ADD CONSTRAINT scene_groups_group_id_fkey FOREIGN KEY(instance_id, group_id) REFERENCES stash.groups (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.scene_groups ADD CONSTRAINT scene_groups_scene_id_fkey FOREIGN KEY(instance_id, scene_id) REFERENCES stash.scenes (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.scene_groups IS 'Scene groups, one row per element of scenes.';

COMMENT ON COLUMN stash.scene_groups.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.scene_groups.scene_id IS 'stash.scenes.id';

COMMENT ON COLUMN stash.scene_groups.group_id IS 'stash.groups.id';

ALTER TABLE stash.scene_urls ADD CONSTRAINT scene_urls_scene_id_fkey FOREIGN KEY(instance_id, scene_id) REFERENCES stash.scenes (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.scene_urls IS 'Scene urls, one row per element of scenes.';

COMMENT ON COLUMN stash.scene_urls.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.scene_urls.scene_id IS 'stash.scenes.id';

COMMENT ON COLUMN stash.scene_urls.position IS 'from 0';

CREATE INDEX scene_stash_ids_stash_id_idx ON stash.scene_stash_ids USING btree (stash_id);

ALTER TABLE stash.scene_stash_ids ADD CONSTRAINT scene_stash_ids_scene_id_fkey FOREIGN KEY(instance_id, scene_id) REFERENCES stash.scenes (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.scene_stash_ids IS 'Scene stash ids, one row per element of scenes.';

COMMENT ON COLUMN stash.scene_stash_ids.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.scene_stash_ids.scene_id IS 'stash.scenes.id';

CREATE INDEX scene_plays_played_at_idx ON stash.scene_plays USING btree (played_at);

ALTER TABLE stash.scene_plays ADD CONSTRAINT scene_plays_scene_id_fkey FOREIGN KEY(instance_id, scene_id) REFERENCES stash.scenes (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.scene_plays IS 'Scene plays, one row per element of scenes.';

COMMENT ON COLUMN stash.scene_plays.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.scene_plays.scene_id IS 'stash.scenes.id';

COMMENT ON COLUMN stash.scene_plays.position IS 'from 0';

ALTER TABLE stash.scene_os ADD CONSTRAINT scene_os_scene_id_fkey FOREIGN KEY(instance_id, scene_id) REFERENCES stash.scenes (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.scene_os IS 'Scene os, one row per element of scenes.';

COMMENT ON COLUMN stash.scene_os.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.scene_os.scene_id IS 'stash.scenes.id';

COMMENT ON COLUMN stash.scene_os.position IS 'from 0';

ALTER TABLE stash.scene_captions ADD CONSTRAINT scene_captions_scene_id_fkey FOREIGN KEY(instance_id, scene_id) REFERENCES stash.scenes (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.scene_captions IS 'Scene captions, one row per element of scenes.';

COMMENT ON COLUMN stash.scene_captions.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.scene_captions.scene_id IS 'stash.scenes.id';

CREATE INDEX marker_tags_tag_id_idx ON stash.marker_tags (instance_id, tag_id, marker_id);

ALTER TABLE stash.marker_tags ADD CONSTRAINT marker_tags_marker_id_fkey FOREIGN KEY(instance_id, marker_id) REFERENCES stash.scene_markers (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE stash.marker_tags ADD CONSTRAINT marker_tags_tag_id_fkey FOREIGN KEY(instance_id, tag_id) REFERENCES stash.tags (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.marker_tags IS 'Marker tags, one row per element of scene_markers.';

COMMENT ON COLUMN stash.marker_tags.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.marker_tags.marker_id IS 'stash.scene_markers.id';

COMMENT ON COLUMN stash.marker_tags.tag_id IS 'stash.tags.id';

ALTER TABLE stash.configuration_stashes ADD CONSTRAINT configuration_stashes_configuration_id_fkey FOREIGN KEY(instance_id, configuration_id) REFERENCES stash.configuration (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.configuration_stashes IS 'Configuration stashes, one row per element of configuration.';

COMMENT ON COLUMN stash.configuration_stashes.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.configuration_stashes.configuration_id IS 'stash.configuration.id';

ALTER TABLE stash.configuration_stash_boxes ADD CONSTRAINT configuration_stash_boxes_configuration_id_fkey FOREIGN KEY(instance_id, configuration_id) REFERENCES stash.configuration (instance_id, id) DEFERRABLE INITIALLY DEFERRED;

COMMENT ON TABLE stash.configuration_stash_boxes IS 'Configuration stash boxes, one row per element of configuration.';

COMMENT ON COLUMN stash.configuration_stash_boxes.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.configuration_stash_boxes.configuration_id IS 'stash.configuration.id';

