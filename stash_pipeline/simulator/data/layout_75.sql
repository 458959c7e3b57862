-- Tables of a Stash database at schema version 75: names, columns, keys and indexes.
CREATE TABLE "blobs" (
    "checksum" VARCHAR(255) NOT NULL,
    "blob" BLOB,
    PRIMARY KEY ("checksum")
);
CREATE TABLE "files" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "basename" VARCHAR(255) NOT NULL,
    "zip_file_id" INTEGER,
    "parent_folder_id" INTEGER NOT NULL,
    "size" INTEGER NOT NULL,
    "mod_time" DATETIME NOT NULL,
    "created_at" DATETIME NOT NULL,
    "updated_at" DATETIME NOT NULL,
    FOREIGN KEY ("zip_file_id") REFERENCES "files" ("id"),
    FOREIGN KEY ("parent_folder_id") REFERENCES "folders" ("id"),
    CHECK ("basename" <> '')
);
CREATE TABLE "files_fingerprints" (
    "file_id" INTEGER NOT NULL,
    "type" VARCHAR(255) NOT NULL,
    "fingerprint" BLOB NOT NULL,
    PRIMARY KEY ("file_id", "type", "fingerprint"),
    FOREIGN KEY ("file_id") REFERENCES "files" ("id") ON DELETE CASCADE
);
CREATE TABLE "folders" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "path" VARCHAR(255) NOT NULL,
    "parent_folder_id" INTEGER,
    "mod_time" DATETIME NOT NULL,
    "created_at" DATETIME NOT NULL,
    "updated_at" DATETIME NOT NULL,
    "zip_file_id" INTEGER,
    FOREIGN KEY ("parent_folder_id") REFERENCES "folders" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("zip_file_id") REFERENCES "files" ("id")
);
CREATE TABLE "galleries" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "folder_id" INTEGER,
    "title" VARCHAR(255),
    "date" DATE,
    "details" TEXT,
    "studio_id" INTEGER,
    "rating" TINYINT,
    "organized" BOOLEAN NOT NULL DEFAULT 0,
    "created_at" DATETIME NOT NULL,
    "updated_at" DATETIME NOT NULL,
    "code" TEXT,
    "photographer" TEXT,
    "date_precision" TINYINT,
    FOREIGN KEY ("folder_id") REFERENCES "folders" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("studio_id") REFERENCES "studios" ("id") ON DELETE SET NULL
);
CREATE TABLE "galleries_chapters" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "title" VARCHAR(255) NOT NULL,
    "image_index" INTEGER NOT NULL,
    "gallery_id" INTEGER NOT NULL,
    "created_at" DATETIME NOT NULL,
    "updated_at" DATETIME NOT NULL,
    FOREIGN KEY ("gallery_id") REFERENCES "galleries" ("id") ON DELETE CASCADE
);
CREATE TABLE "galleries_files" (
    "gallery_id" INTEGER NOT NULL,
    "file_id" INTEGER NOT NULL,
    "primary" BOOLEAN NOT NULL,
    PRIMARY KEY ("gallery_id", "file_id"),
    FOREIGN KEY ("file_id") REFERENCES "files" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("gallery_id") REFERENCES "galleries" ("id") ON DELETE CASCADE
);
CREATE TABLE "galleries_images" (
    "gallery_id" INTEGER NOT NULL,
    "image_id" INTEGER NOT NULL,
    "cover" BOOLEAN NOT NULL DEFAULT 0,
    PRIMARY KEY ("gallery_id", "image_id"),
    FOREIGN KEY ("image_id") REFERENCES "images" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("gallery_id") REFERENCES "galleries" ("id") ON DELETE CASCADE
);
CREATE TABLE "galleries_tags" (
    "gallery_id" INTEGER NOT NULL,
    "tag_id" INTEGER NOT NULL,
    PRIMARY KEY ("gallery_id", "tag_id"),
    FOREIGN KEY ("tag_id") REFERENCES "tags" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("gallery_id") REFERENCES "galleries" ("id") ON DELETE CASCADE
);
CREATE TABLE "gallery_urls" (
    "gallery_id" INTEGER NOT NULL,
    "position" INTEGER NOT NULL,
    "url" VARCHAR(255) NOT NULL,
    PRIMARY KEY ("gallery_id", "position", "url"),
    FOREIGN KEY ("gallery_id") REFERENCES "galleries" ("id") ON DELETE CASCADE
);
CREATE TABLE "group_urls" (
    "group_id" INTEGER NOT NULL,
    "position" INTEGER NOT NULL,
    "url" VARCHAR(255) NOT NULL,
    PRIMARY KEY ("group_id", "position", "url"),
    FOREIGN KEY ("group_id") REFERENCES "groups" ("id") ON DELETE CASCADE
);
CREATE TABLE "groups" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" VARCHAR(255) NOT NULL,
    "aliases" VARCHAR(255),
    "duration" INTEGER,
    "date" DATE,
    "rating" TINYINT,
    "studio_id" INTEGER,
    "director" VARCHAR(255),
    "description" TEXT,
    "created_at" DATETIME NOT NULL,
    "updated_at" DATETIME NOT NULL,
    "front_image_blob" VARCHAR(255),
    "back_image_blob" VARCHAR(255),
    "date_precision" TINYINT,
    FOREIGN KEY ("back_image_blob") REFERENCES "blobs" ("checksum"),
    FOREIGN KEY ("front_image_blob") REFERENCES "blobs" ("checksum"),
    FOREIGN KEY ("studio_id") REFERENCES "studios" ("id") ON DELETE SET NULL
);
CREATE TABLE "groups_relations" (
    "containing_id" INTEGER NOT NULL,
    "sub_id" INTEGER NOT NULL,
    "order_index" INTEGER NOT NULL,
    "description" VARCHAR(255),
    PRIMARY KEY ("containing_id", "sub_id"),
    FOREIGN KEY ("sub_id") REFERENCES "groups" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("containing_id") REFERENCES "groups" ("id") ON DELETE CASCADE,
    CHECK ("containing_id" <> "sub_id")
);
CREATE TABLE "groups_scenes" (
    "group_id" INTEGER,
    "scene_id" INTEGER,
    "scene_index" TINYINT,
    PRIMARY KEY ("group_id", "scene_id"),
    FOREIGN KEY ("scene_id") REFERENCES "scenes" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("group_id") REFERENCES "groups" ("id") ON DELETE CASCADE
);
CREATE TABLE "groups_tags" (
    "group_id" INTEGER NOT NULL,
    "tag_id" INTEGER NOT NULL,
    PRIMARY KEY ("group_id", "tag_id"),
    FOREIGN KEY ("tag_id") REFERENCES "tags" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("group_id") REFERENCES "groups" ("id") ON DELETE CASCADE
);
CREATE TABLE "image_files" (
    "file_id" INTEGER NOT NULL,
    "format" VARCHAR(255) NOT NULL,
    "width" TINYINT NOT NULL,
    "height" TINYINT NOT NULL,
    PRIMARY KEY ("file_id"),
    FOREIGN KEY ("file_id") REFERENCES "files" ("id") ON DELETE CASCADE
);
CREATE TABLE "image_urls" (
    "image_id" INTEGER NOT NULL,
    "position" INTEGER NOT NULL,
    "url" VARCHAR(255) NOT NULL,
    PRIMARY KEY ("image_id", "position", "url"),
    FOREIGN KEY ("image_id") REFERENCES "images" ("id") ON DELETE CASCADE
);
CREATE TABLE "images" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "title" VARCHAR(255),
    "rating" TINYINT,
    "studio_id" INTEGER,
    "o_counter" TINYINT NOT NULL DEFAULT 0,
    "organized" BOOLEAN NOT NULL DEFAULT 0,
    "created_at" DATETIME NOT NULL,
    "updated_at" DATETIME NOT NULL,
    "date" DATE,
    "code" TEXT,
    "photographer" TEXT,
    "details" TEXT,
    "date_precision" TINYINT,
    FOREIGN KEY ("studio_id") REFERENCES "studios" ("id") ON DELETE SET NULL
);
CREATE TABLE "images_files" (
    "image_id" INTEGER NOT NULL,
    "file_id" INTEGER NOT NULL,
    "primary" BOOLEAN NOT NULL,
    PRIMARY KEY ("image_id", "file_id"),
    FOREIGN KEY ("file_id") REFERENCES "files" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("image_id") REFERENCES "images" ("id") ON DELETE CASCADE
);
CREATE TABLE "images_tags" (
    "image_id" INTEGER,
    "tag_id" INTEGER,
    PRIMARY KEY ("image_id", "tag_id"),
    FOREIGN KEY ("tag_id") REFERENCES "tags" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("image_id") REFERENCES "images" ("id") ON DELETE CASCADE
);
CREATE TABLE "performer_aliases" (
    "performer_id" INTEGER NOT NULL,
    "alias" VARCHAR(255) NOT NULL,
    PRIMARY KEY ("performer_id", "alias"),
    FOREIGN KEY ("performer_id") REFERENCES "performers" ("id") ON DELETE CASCADE
);
CREATE TABLE "performer_custom_fields" (
    "performer_id" INTEGER NOT NULL,
    "field" VARCHAR(64) NOT NULL,
    "value" BLOB NOT NULL,
    PRIMARY KEY ("performer_id", "field"),
    FOREIGN KEY ("performer_id") REFERENCES "performers" ("id") ON DELETE CASCADE
);
CREATE TABLE "performer_stash_ids" (
    "performer_id" INTEGER,
    "endpoint" VARCHAR(255),
    "stash_id" VARCHAR(36),
    "updated_at" DATETIME NOT NULL DEFAULT '1970-01-01T00:00:00Z',
    FOREIGN KEY ("performer_id") REFERENCES "performers" ("id") ON DELETE CASCADE
);
CREATE TABLE "performer_urls" (
    "performer_id" INTEGER NOT NULL,
    "position" INTEGER NOT NULL,
    "url" VARCHAR(255) NOT NULL,
    PRIMARY KEY ("performer_id", "position", "url"),
    FOREIGN KEY ("performer_id") REFERENCES "performers" ("id") ON DELETE CASCADE
);
CREATE TABLE "performers" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" VARCHAR(255) NOT NULL,
    "disambiguation" VARCHAR(255),
    "gender" VARCHAR(20),
    "birthdate" DATE,
    "ethnicity" VARCHAR(255),
    "country" VARCHAR(255),
    "eye_color" VARCHAR(255),
    "height" INT,
    "measurements" VARCHAR(255),
    "fake_tits" VARCHAR(255),
    "career_length" VARCHAR(255),
    "tattoos" VARCHAR(255),
    "piercings" VARCHAR(255),
    "favorite" BOOLEAN NOT NULL DEFAULT 0,
    "created_at" DATETIME NOT NULL,
    "updated_at" DATETIME NOT NULL,
    "details" TEXT,
    "death_date" DATE,
    "hair_color" VARCHAR(255),
    "weight" INTEGER,
    "rating" TINYINT,
    "ignore_auto_tag" BOOLEAN NOT NULL DEFAULT 0,
    "image_blob" VARCHAR(255),
    "penis_length" FLOAT,
    "circumcised" VARCHAR[10],
    "birthdate_precision" TINYINT,
    "death_date_precision" TINYINT,
    FOREIGN KEY ("image_blob") REFERENCES "blobs" ("checksum")
);
CREATE TABLE "performers_galleries" (
    "performer_id" INTEGER NOT NULL,
    "gallery_id" INTEGER NOT NULL,
    PRIMARY KEY ("gallery_id", "performer_id"),
    FOREIGN KEY ("gallery_id") REFERENCES "galleries" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("performer_id") REFERENCES "performers" ("id") ON DELETE CASCADE
);
CREATE TABLE "performers_images" (
    "performer_id" INTEGER,
    "image_id" INTEGER,
    PRIMARY KEY ("image_id", "performer_id"),
    FOREIGN KEY ("image_id") REFERENCES "images" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("performer_id") REFERENCES "performers" ("id") ON DELETE CASCADE
);
CREATE TABLE "performers_scenes" (
    "performer_id" INTEGER,
    "scene_id" INTEGER,
    PRIMARY KEY ("scene_id", "performer_id"),
    FOREIGN KEY ("scene_id") REFERENCES "scenes" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("performer_id") REFERENCES "performers" ("id") ON DELETE CASCADE
);
CREATE TABLE "performers_tags" (
    "performer_id" INTEGER NOT NULL,
    "tag_id" INTEGER NOT NULL,
    PRIMARY KEY ("performer_id", "tag_id"),
    FOREIGN KEY ("tag_id") REFERENCES "tags" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("performer_id") REFERENCES "performers" ("id") ON DELETE CASCADE
);
CREATE TABLE "saved_filters" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" VARCHAR(510) NOT NULL,
    "mode" VARCHAR(255) NOT NULL,
    "find_filter" BLOB,
    "object_filter" BLOB,
    "ui_options" BLOB
);
CREATE TABLE "scene_markers" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "title" VARCHAR(255) NOT NULL,
    "seconds" FLOAT NOT NULL,
    "primary_tag_id" INTEGER NOT NULL,
    "scene_id" INTEGER NOT NULL,
    "created_at" DATETIME NOT NULL,
    "updated_at" DATETIME NOT NULL,
    "end_seconds" FLOAT,
    FOREIGN KEY ("scene_id") REFERENCES "scenes" ("id"),
    FOREIGN KEY ("primary_tag_id") REFERENCES "tags" ("id")
);
CREATE TABLE "scene_markers_tags" (
    "scene_marker_id" INTEGER,
    "tag_id" INTEGER,
    PRIMARY KEY ("scene_marker_id", "tag_id"),
    FOREIGN KEY ("tag_id") REFERENCES "tags" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("scene_marker_id") REFERENCES "scene_markers" ("id") ON DELETE CASCADE
);
CREATE TABLE "scene_stash_ids" (
    "scene_id" INTEGER NOT NULL,
    "endpoint" VARCHAR(255) NOT NULL,
    "stash_id" VARCHAR(36) NOT NULL,
    "updated_at" DATETIME NOT NULL DEFAULT '1970-01-01T00:00:00Z',
    PRIMARY KEY ("scene_id", "endpoint"),
    FOREIGN KEY ("scene_id") REFERENCES "scenes" ("id") ON DELETE CASCADE
);
CREATE TABLE "scene_urls" (
    "scene_id" INTEGER NOT NULL,
    "position" INTEGER NOT NULL,
    "url" VARCHAR(255) NOT NULL,
    PRIMARY KEY ("scene_id", "position", "url"),
    FOREIGN KEY ("scene_id") REFERENCES "scenes" ("id") ON DELETE CASCADE
);
CREATE TABLE "scenes" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "title" VARCHAR(255),
    "details" TEXT,
    "date" DATE,
    "rating" TINYINT,
    "studio_id" INTEGER,
    "organized" BOOLEAN NOT NULL DEFAULT 0,
    "created_at" DATETIME NOT NULL,
    "updated_at" DATETIME NOT NULL,
    "code" TEXT,
    "director" TEXT,
    "resume_time" FLOAT NOT NULL DEFAULT 0,
    "play_duration" FLOAT NOT NULL DEFAULT 0,
    "cover_blob" VARCHAR(255),
    "date_precision" TINYINT,
    FOREIGN KEY ("studio_id") REFERENCES "studios" ("id") ON DELETE SET NULL,
    FOREIGN KEY ("cover_blob") REFERENCES "blobs" ("checksum")
);
CREATE TABLE "scenes_files" (
    "scene_id" INTEGER NOT NULL,
    "file_id" INTEGER NOT NULL,
    "primary" BOOLEAN NOT NULL,
    PRIMARY KEY ("scene_id", "file_id"),
    FOREIGN KEY ("file_id") REFERENCES "files" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("scene_id") REFERENCES "scenes" ("id") ON DELETE CASCADE
);
CREATE TABLE "scenes_galleries" (
    "scene_id" INTEGER NOT NULL,
    "gallery_id" INTEGER NOT NULL,
    PRIMARY KEY ("scene_id", "gallery_id"),
    FOREIGN KEY ("gallery_id") REFERENCES "galleries" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("scene_id") REFERENCES "scenes" ("id") ON DELETE CASCADE
);
CREATE TABLE "scenes_o_dates" (
    "scene_id" INTEGER NOT NULL,
    "o_date" DATETIME NOT NULL,
    FOREIGN KEY ("scene_id") REFERENCES "scenes" ("id") ON DELETE CASCADE
);
CREATE TABLE "scenes_tags" (
    "scene_id" INTEGER,
    "tag_id" INTEGER,
    PRIMARY KEY ("scene_id", "tag_id"),
    FOREIGN KEY ("tag_id") REFERENCES "tags" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("scene_id") REFERENCES "scenes" ("id") ON DELETE CASCADE
);
CREATE TABLE "scenes_view_dates" (
    "scene_id" INTEGER NOT NULL,
    "view_date" DATETIME NOT NULL,
    FOREIGN KEY ("scene_id") REFERENCES "scenes" ("id") ON DELETE CASCADE
);
CREATE TABLE "schema_migrations" (
    "version" UINT64,
    "dirty" BOOL
);
CREATE TABLE "studio_aliases" (
    "studio_id" INTEGER NOT NULL,
    "alias" VARCHAR(255) NOT NULL,
    PRIMARY KEY ("studio_id", "alias"),
    FOREIGN KEY ("studio_id") REFERENCES "studios" ("id") ON DELETE CASCADE
);
CREATE TABLE "studio_stash_ids" (
    "studio_id" INTEGER,
    "endpoint" VARCHAR(255),
    "stash_id" VARCHAR(36),
    "updated_at" DATETIME NOT NULL DEFAULT '1970-01-01T00:00:00Z',
    FOREIGN KEY ("studio_id") REFERENCES "studios" ("id") ON DELETE CASCADE
);
CREATE TABLE "studio_urls" (
    "studio_id" INTEGER NOT NULL,
    "position" INTEGER NOT NULL,
    "url" VARCHAR(255) NOT NULL,
    PRIMARY KEY ("studio_id", "position", "url"),
    FOREIGN KEY ("studio_id") REFERENCES "studios" ("id") ON DELETE CASCADE
);
CREATE TABLE "studios" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" VARCHAR(255) NOT NULL,
    "parent_id" INTEGER,
    "created_at" DATETIME NOT NULL,
    "updated_at" DATETIME NOT NULL,
    "details" TEXT,
    "rating" TINYINT,
    "ignore_auto_tag" BOOLEAN NOT NULL DEFAULT FALSE,
    "image_blob" VARCHAR(255),
    "favorite" BOOLEAN NOT NULL DEFAULT 0,
    FOREIGN KEY ("image_blob") REFERENCES "blobs" ("checksum"),
    FOREIGN KEY ("parent_id") REFERENCES "studios" ("id") ON DELETE SET NULL,
    CHECK ("id" IS NOT "parent_id")
);
CREATE TABLE "studios_tags" (
    "studio_id" INTEGER NOT NULL,
    "tag_id" INTEGER NOT NULL,
    PRIMARY KEY ("studio_id", "tag_id"),
    FOREIGN KEY ("tag_id") REFERENCES "tags" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("studio_id") REFERENCES "studios" ("id") ON DELETE CASCADE
);
CREATE TABLE "tag_aliases" (
    "tag_id" INTEGER NOT NULL,
    "alias" VARCHAR(255) NOT NULL,
    PRIMARY KEY ("tag_id", "alias"),
    FOREIGN KEY ("tag_id") REFERENCES "tags" ("id") ON DELETE CASCADE
);
CREATE TABLE "tag_stash_ids" (
    "tag_id" INTEGER,
    "endpoint" VARCHAR(255),
    "stash_id" VARCHAR(36),
    "updated_at" DATETIME NOT NULL DEFAULT '1970-01-01T00:00:00Z',
    FOREIGN KEY ("tag_id") REFERENCES "tags" ("id") ON DELETE CASCADE
);
CREATE TABLE "tags" (
    "id" INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    "name" VARCHAR(255),
    "created_at" DATETIME NOT NULL,
    "updated_at" DATETIME NOT NULL,
    "ignore_auto_tag" BOOLEAN NOT NULL DEFAULT 0,
    "description" TEXT,
    "image_blob" VARCHAR(255),
    "favorite" BOOLEAN NOT NULL DEFAULT 0,
    "sort_name" VARCHAR(255),
    FOREIGN KEY ("image_blob") REFERENCES "blobs" ("checksum")
);
CREATE TABLE "tags_relations" (
    "parent_id" INTEGER,
    "child_id" INTEGER,
    PRIMARY KEY ("parent_id", "child_id"),
    FOREIGN KEY ("child_id") REFERENCES "tags" ("id") ON DELETE CASCADE,
    FOREIGN KEY ("parent_id") REFERENCES "tags" ("id") ON DELETE CASCADE
);
CREATE TABLE "video_captions" (
    "file_id" INTEGER NOT NULL,
    "language_code" VARCHAR(255) NOT NULL,
    "filename" VARCHAR(255) NOT NULL,
    "caption_type" VARCHAR(255) NOT NULL,
    PRIMARY KEY ("file_id", "language_code", "caption_type"),
    FOREIGN KEY ("file_id") REFERENCES "video_files" ("file_id") ON DELETE CASCADE
);
CREATE TABLE "video_files" (
    "file_id" INTEGER NOT NULL,
    "duration" FLOAT NOT NULL,
    "video_codec" VARCHAR(255) NOT NULL,
    "format" VARCHAR(255) NOT NULL,
    "audio_codec" VARCHAR(255) NOT NULL,
    "width" TINYINT NOT NULL,
    "height" TINYINT NOT NULL,
    "frame_rate" FLOAT NOT NULL,
    "bit_rate" INTEGER NOT NULL,
    "interactive" BOOLEAN NOT NULL DEFAULT 0,
    "interactive_speed" INT,
    PRIMARY KEY ("file_id"),
    FOREIGN KEY ("file_id") REFERENCES "files" ("id") ON DELETE CASCADE
);
CREATE INDEX "index_files_on_basename" ON "files" ("basename");
CREATE UNIQUE INDEX "index_files_on_parent_folder_id_basename_unique" ON "files" ("parent_folder_id", "basename");
CREATE UNIQUE INDEX "index_files_zip_basename_unique" ON "files" ("zip_file_id", "parent_folder_id", "basename") WHERE "zip_file_id" IS NOT NULL;
CREATE INDEX "index_fingerprint_type_fingerprint" ON "files_fingerprints" ("type", "fingerprint");
CREATE INDEX "index_folders_on_parent_folder_id" ON "folders" ("parent_folder_id");
CREATE UNIQUE INDEX "index_folders_on_path_unique" ON "folders" ("path");
CREATE INDEX "index_folders_on_zip_file_id" ON "folders" ("zip_file_id") WHERE "zip_file_id" IS NOT NULL;
CREATE UNIQUE INDEX "index_galleries_on_folder_id_unique" ON "galleries" ("folder_id");
CREATE INDEX "index_galleries_on_studio_id" ON "galleries" ("studio_id");
CREATE INDEX "index_galleries_chapters_on_gallery_id" ON "galleries_chapters" ("gallery_id");
CREATE INDEX "index_galleries_files_file_id" ON "galleries_files" ("file_id");
CREATE UNIQUE INDEX "unique_index_galleries_files_on_primary" ON "galleries_files" ("gallery_id") WHERE "primary" = 1;
CREATE UNIQUE INDEX "index_galleries_images_gallery_id_cover" ON "galleries_images" ("gallery_id", "cover") WHERE "cover" = 1;
CREATE INDEX "index_galleries_images_on_image_id" ON "galleries_images" ("image_id");
CREATE INDEX "index_galleries_tags_on_tag_id" ON "galleries_tags" ("tag_id");
CREATE INDEX "gallery_urls_url" ON "gallery_urls" ("url");
CREATE INDEX "group_urls_url" ON "group_urls" ("url");
CREATE INDEX "index_groups_on_name" ON "groups" ("name");
CREATE INDEX "index_groups_on_studio_id" ON "groups" ("studio_id");
CREATE UNIQUE INDEX "index_groups_relations_order_index_unique" ON "groups_relations" ("containing_id", "order_index");
CREATE INDEX "index_groups_relations_sub_id" ON "groups_relations" ("sub_id");
CREATE INDEX "index_movies_scenes_on_movie_id" ON "groups_scenes" ("group_id");
CREATE INDEX "index_groups_tags_on_movie_id" ON "groups_tags" ("group_id");
CREATE INDEX "index_groups_tags_on_tag_id" ON "groups_tags" ("tag_id");
CREATE INDEX "image_urls_url" ON "image_urls" ("url");
CREATE INDEX "index_images_on_studio_id" ON "images" ("studio_id") WHERE "studio_id" IS NOT NULL;
CREATE INDEX "index_images_files_on_file_id" ON "images_files" ("file_id");
CREATE UNIQUE INDEX "unique_index_images_files_on_primary" ON "images_files" ("image_id") WHERE "primary" = 1;
CREATE INDEX "index_images_tags_on_tag_id" ON "images_tags" ("tag_id");
CREATE INDEX "performer_aliases_alias" ON "performer_aliases" ("alias");
CREATE INDEX "index_performer_custom_fields_field_value" ON "performer_custom_fields" ("field", "value");
CREATE INDEX "index_performer_stash_ids_on_performer_id" ON "performer_stash_ids" ("performer_id");
CREATE INDEX "performers_urls_url" ON "performer_urls" ("url");
CREATE UNIQUE INDEX "performers_name_disambiguation_unique" ON "performers" ("name", "disambiguation") WHERE "disambiguation" IS NOT NULL;
CREATE UNIQUE INDEX "performers_name_unique" ON "performers" ("name") WHERE "disambiguation" IS NULL;
CREATE INDEX "index_performers_galleries_on_performer_id" ON "performers_galleries" ("performer_id");
CREATE INDEX "index_performers_images_on_performer_id" ON "performers_images" ("performer_id");
CREATE INDEX "index_performers_scenes_on_performer_id" ON "performers_scenes" ("performer_id");
CREATE INDEX "index_performers_tags_on_tag_id" ON "performers_tags" ("tag_id");
CREATE UNIQUE INDEX "index_saved_filters_on_mode_name_unique" ON "saved_filters" ("mode", "name");
CREATE INDEX "index_scene_markers_on_primary_tag_id" ON "scene_markers" ("primary_tag_id");
CREATE INDEX "index_scene_markers_on_scene_id" ON "scene_markers" ("scene_id");
CREATE INDEX "index_scene_markers_tags_on_tag_id" ON "scene_markers_tags" ("tag_id");
CREATE INDEX "scene_urls_url" ON "scene_urls" ("url");
CREATE INDEX "index_scenes_on_studio_id" ON "scenes" ("studio_id");
CREATE INDEX "index_scenes_files_file_id" ON "scenes_files" ("file_id");
CREATE UNIQUE INDEX "unique_index_scenes_files_on_primary" ON "scenes_files" ("scene_id") WHERE "primary" = 1;
CREATE INDEX "index_scenes_galleries_on_gallery_id" ON "scenes_galleries" ("gallery_id");
CREATE INDEX "index_scenes_o_dates" ON "scenes_o_dates" ("scene_id");
CREATE INDEX "index_scenes_tags_on_tag_id" ON "scenes_tags" ("tag_id");
CREATE INDEX "index_scenes_view_dates" ON "scenes_view_dates" ("scene_id");
CREATE UNIQUE INDEX "version_unique" ON "schema_migrations" ("version");
CREATE UNIQUE INDEX "studio_aliases_alias_unique" ON "studio_aliases" ("alias");
CREATE INDEX "index_studio_stash_ids_on_studio_id" ON "studio_stash_ids" ("studio_id");
CREATE INDEX "studio_urls_url" ON "studio_urls" ("url");
CREATE UNIQUE INDEX "index_studios_on_name_unique" ON "studios" ("name");
CREATE INDEX "index_studios_tags_on_tag_id" ON "studios_tags" ("tag_id");
CREATE UNIQUE INDEX "tag_aliases_alias_unique" ON "tag_aliases" ("alias");
CREATE INDEX "index_tags_on_name" ON "tags" ("name");
