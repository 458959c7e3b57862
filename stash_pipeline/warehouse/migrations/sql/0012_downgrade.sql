-- replaced, because views of users may depend on it; its columns are the same
CREATE OR REPLACE VIEW stash.scenes_full AS
SELECT s.instance_id,
    i.name AS instance,
    s.id,
    s.title,
    s.code,
    s.details,
    s.director,
    s.date,
    s.date_text,
    s.date_precision,
    s.rating100,
    s.organized,
    s.o_counter,
    s.play_count,
    s.play_duration,
    s.resume_time,
    s.last_played_at,
    s.interactive,
    s.created_at,
    s.updated_at,
    s.studio_id,
    u.name AS studio,
    f.id AS file_id,
    f.path,
    f.size,
    f.duration,
    f.width,
    f.height,
        CASE
            WHEN (LEAST(f.width, f.height) >= 4320) THEN '8K'::text
            WHEN (LEAST(f.width, f.height) >= 3584) THEN '7K'::text
            WHEN (LEAST(f.width, f.height) >= 3160) THEN '6K'::text
            WHEN (LEAST(f.width, f.height) >= 2880) THEN '5K'::text
            WHEN (LEAST(f.width, f.height) >= 2160) THEN '4K'::text
            WHEN (LEAST(f.width, f.height) >= 1920) THEN '1920p'::text
            WHEN (LEAST(f.width, f.height) >= 1440) THEN '1440p'::text
            WHEN (LEAST(f.width, f.height) >= 1080) THEN '1080p'::text
            WHEN (LEAST(f.width, f.height) >= 720) THEN '720p'::text
            WHEN (LEAST(f.width, f.height) >= 540) THEN '540p'::text
            WHEN (LEAST(f.width, f.height) >= 480) THEN '480p'::text
            WHEN (LEAST(f.width, f.height) >= 360) THEN '360p'::text
            WHEN (LEAST(f.width, f.height) >= 240) THEN '240p'::text
            WHEN (LEAST(f.width, f.height) >= 144) THEN '144p'::text
            ELSE NULL::text
        END AS resolution,
    f.video_codec,
    f.audio_codec,
    f.frame_rate,
    f.bit_rate,
    ( SELECT p.value
           FROM stash.file_fingerprints p
          WHERE ((p.instance_id = f.instance_id) AND (p.file_id = f.id) AND (p.type = 'oshash'::text))
          ORDER BY p.value
         LIMIT 1) AS oshash,
    ( SELECT p.value
           FROM stash.file_fingerprints p
          WHERE ((p.instance_id = f.instance_id) AND (p.file_id = f.id) AND (p.type = 'phash'::text))
          ORDER BY p.value
         LIMIT 1) AS phash,
    ARRAY( SELECT j_1.performer_id
           FROM stash.scene_performers j_1
          WHERE ((j_1.instance_id = s.instance_id) AND (j_1.scene_id = s.id))
          ORDER BY ( SELECT t.name
                   FROM stash.performers t
                  WHERE ((t.instance_id = j_1.instance_id) AND (t.id = j_1.performer_id))), j_1.performer_id) AS performer_ids,
    ARRAY( SELECT ( SELECT t.name
                   FROM stash.performers t
                  WHERE ((t.instance_id = j_1.instance_id) AND (t.id = j_1.performer_id))) AS name
           FROM stash.scene_performers j_1
          WHERE ((j_1.instance_id = s.instance_id) AND (j_1.scene_id = s.id))
          ORDER BY ( SELECT t.name
                   FROM stash.performers t
                  WHERE ((t.instance_id = j_1.instance_id) AND (t.id = j_1.performer_id)))) AS performers,
    ARRAY( SELECT j_1.tag_id
           FROM stash.scene_tags j_1
          WHERE ((j_1.instance_id = s.instance_id) AND (j_1.scene_id = s.id))
          ORDER BY ( SELECT t.name
                   FROM stash.tags t
                  WHERE ((t.instance_id = j_1.instance_id) AND (t.id = j_1.tag_id))), j_1.tag_id) AS tag_ids,
    ARRAY( SELECT ( SELECT t.name
                   FROM stash.tags t
                  WHERE ((t.instance_id = j_1.instance_id) AND (t.id = j_1.tag_id))) AS name
           FROM stash.scene_tags j_1
          WHERE ((j_1.instance_id = s.instance_id) AND (j_1.scene_id = s.id))
          ORDER BY ( SELECT t.name
                   FROM stash.tags t
                  WHERE ((t.instance_id = j_1.instance_id) AND (t.id = j_1.tag_id)))) AS tags,
    ARRAY( SELECT j_1.group_id
           FROM stash.scene_groups j_1
          WHERE ((j_1.instance_id = s.instance_id) AND (j_1.scene_id = s.id))
          ORDER BY ( SELECT t.name
                   FROM stash.groups t
                  WHERE ((t.instance_id = j_1.instance_id) AND (t.id = j_1.group_id))), j_1.group_id) AS group_ids,
    ARRAY( SELECT ( SELECT t.name
                   FROM stash.groups t
                  WHERE ((t.instance_id = j_1.instance_id) AND (t.id = j_1.group_id))) AS name
           FROM stash.scene_groups j_1
          WHERE ((j_1.instance_id = s.instance_id) AND (j_1.scene_id = s.id))
          ORDER BY ( SELECT t.name
                   FROM stash.groups t
                  WHERE ((t.instance_id = j_1.instance_id) AND (t.id = j_1.group_id)))) AS groups,
    ARRAY( SELECT j_1.gallery_id
           FROM stash.scene_galleries j_1
          WHERE ((j_1.instance_id = s.instance_id) AND (j_1.scene_id = s.id))
          ORDER BY j_1.gallery_id) AS gallery_ids,
    ARRAY( SELECT j_1.url
           FROM stash.scene_urls j_1
          WHERE ((j_1.instance_id = s.instance_id) AND (j_1.scene_id = s.id))
          ORDER BY j_1."position") AS urls,
    ARRAY( SELECT j_1.stash_id
           FROM stash.scene_stash_ids j_1
          WHERE ((j_1.instance_id = s.instance_id) AND (j_1.scene_id = s.id))
          ORDER BY j_1.endpoint, j_1.stash_id) AS stash_ids,
    ( SELECT count(*) AS count
           FROM stash.scene_performers j_1
          WHERE ((j_1.instance_id = s.instance_id) AND (j_1.scene_id = s.id))) AS performer_count,
    ( SELECT count(*) AS count
           FROM stash.scene_tags j_1
          WHERE ((j_1.instance_id = s.instance_id) AND (j_1.scene_id = s.id))) AS tag_count,
    ( SELECT count(*) AS count
           FROM stash.scene_files j_1
          WHERE ((j_1.instance_id = s.instance_id) AND (j_1.scene_id = s.id))) AS file_count,
    ( SELECT count(*) AS count
           FROM stash.scene_markers j_1
          WHERE ((j_1.instance_id = s.instance_id) AND (j_1.scene_id = s.id))) AS marker_count
   FROM ((((stash.scenes s
     JOIN ops.instances i ON ((i.id = s.instance_id)))
     LEFT JOIN stash.studios u ON (((u.instance_id = s.instance_id) AND (u.id = s.studio_id))))
     LEFT JOIN stash.scene_files j ON (((j.instance_id = s.instance_id) AND (j.scene_id = s.id) AND j.is_primary)))
     LEFT JOIN stash.files f ON (((f.instance_id = j.instance_id) AND (f.id = j.file_id))));

COMMENT ON VIEW stash.scenes_full IS 'Scenes with their primary file, studio, lists and counts in one row. Name the columns that you need: the others then cost nothing.';

COMMENT ON COLUMN stash.scenes_full.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.scenes_full.instance IS 'name of the instance';

COMMENT ON COLUMN stash.scenes_full.id IS 'the server''s id of the scene';

COMMENT ON COLUMN stash.scenes_full.title IS 'stash.scenes.title';

COMMENT ON COLUMN stash.scenes_full.code IS 'stash.scenes.code';

COMMENT ON COLUMN stash.scenes_full.details IS 'stash.scenes.details';

COMMENT ON COLUMN stash.scenes_full.director IS 'stash.scenes.director';

COMMENT ON COLUMN stash.scenes_full.date IS 'stash.scenes.date';

COMMENT ON COLUMN stash.scenes_full.date_text IS 'stash.scenes.date_text';

COMMENT ON COLUMN stash.scenes_full.date_precision IS 'stash.scenes.date_precision';

COMMENT ON COLUMN stash.scenes_full.rating100 IS 'stash.scenes.rating100';

COMMENT ON COLUMN stash.scenes_full.organized IS 'stash.scenes.organized';

COMMENT ON COLUMN stash.scenes_full.o_counter IS 'stash.scenes.o_counter';

COMMENT ON COLUMN stash.scenes_full.play_count IS 'stash.scenes.play_count';

COMMENT ON COLUMN stash.scenes_full.play_duration IS 'stash.scenes.play_duration';

COMMENT ON COLUMN stash.scenes_full.resume_time IS 'stash.scenes.resume_time';

COMMENT ON COLUMN stash.scenes_full.last_played_at IS 'stash.scenes.last_played_at';

COMMENT ON COLUMN stash.scenes_full.interactive IS 'stash.scenes.interactive';

COMMENT ON COLUMN stash.scenes_full.created_at IS 'stash.scenes.created_at';

COMMENT ON COLUMN stash.scenes_full.updated_at IS 'stash.scenes.updated_at';

COMMENT ON COLUMN stash.scenes_full.studio_id IS 'stash.studios.id';

COMMENT ON COLUMN stash.scenes_full.studio IS 'name of the studio';

COMMENT ON COLUMN stash.scenes_full.file_id IS 'stash.files.id of the primary file; this and the next ones are null if there is no file';

COMMENT ON COLUMN stash.scenes_full.path IS 'of the primary file, as the server sees it';

COMMENT ON COLUMN stash.scenes_full.size IS 'bytes of the primary file';

COMMENT ON COLUMN stash.scenes_full.duration IS 'seconds of the primary file';

COMMENT ON COLUMN stash.scenes_full.width IS 'pixels of the primary file';

COMMENT ON COLUMN stash.scenes_full.height IS 'pixels of the primary file';

COMMENT ON COLUMN stash.scenes_full.resolution IS 'name of the largest format that fits into the shorter side, such as 1080p or 4K';

COMMENT ON COLUMN stash.scenes_full.video_codec IS 'of the primary file';

COMMENT ON COLUMN stash.scenes_full.audio_codec IS 'of the primary file';

COMMENT ON COLUMN stash.scenes_full.frame_rate IS 'frames per second of the primary file';

COMMENT ON COLUMN stash.scenes_full.bit_rate IS 'bits per second of the primary file';

COMMENT ON COLUMN stash.scenes_full.oshash IS 'of the primary file';

COMMENT ON COLUMN stash.scenes_full.phash IS 'of the primary file, as hexadecimal digits';

COMMENT ON COLUMN stash.scenes_full.performer_ids IS 'in the order of performers';

COMMENT ON COLUMN stash.scenes_full.performers IS 'names of the performers, sorted';

COMMENT ON COLUMN stash.scenes_full.tag_ids IS 'in the order of tags';

COMMENT ON COLUMN stash.scenes_full.tags IS 'names of the tags, sorted; without the tags above them';

COMMENT ON COLUMN stash.scenes_full.group_ids IS 'in the order of groups';

COMMENT ON COLUMN stash.scenes_full.groups IS 'names of the groups (movies before v0.27), sorted';

COMMENT ON COLUMN stash.scenes_full.gallery_ids IS 'stash.galleries.id';

COMMENT ON COLUMN stash.scenes_full.urls IS 'in the server''s order';

COMMENT ON COLUMN stash.scenes_full.stash_ids IS 'ids on stash-boxes, by endpoint';

COMMENT ON COLUMN stash.scenes_full.performer_count IS 'performers';

COMMENT ON COLUMN stash.scenes_full.tag_count IS 'tags';

COMMENT ON COLUMN stash.scenes_full.file_count IS 'files, with the primary one';

COMMENT ON COLUMN stash.scenes_full.marker_count IS 'markers';
