-- replaced, because views of users may depend on it; its columns are the same
CREATE OR REPLACE VIEW stash.scenes_full AS
SELECT s.instance_id AS instance_id,
    i.name AS instance,
    s.id AS id,
    s.title AS title,
    s.code AS code,
    s.details AS details,
    s.director AS director,
    s.date AS date,
    s.date_text AS date_text,
    s.date_precision AS date_precision,
    s.rating100 AS rating100,
    s.organized AS organized,
    s.o_counter AS o_counter,
    s.play_count AS play_count,
    s.play_duration AS play_duration,
    s.resume_time AS resume_time,
    s.last_played_at AS last_played_at,
    s.interactive AS interactive,
    s.created_at AS created_at,
    s.updated_at AS updated_at,
    s.studio_id AS studio_id,
    u.name AS studio,
    f.id AS file_id,
    f.path AS path,
    f.size AS size,
    f.duration AS duration,
    f.width AS width,
    f.height AS height,
    CASE WHEN least(f.width, f.height) >= 4320 THEN '8K' WHEN least(f.width, f.height) >= 3584 THEN '7K' WHEN least(f.width, f.height) >= 3160 THEN '6K' WHEN least(f.width, f.height) >= 2880 THEN '5K' WHEN least(f.width, f.height) >= 2160 THEN '4K' WHEN least(f.width, f.height) >= 1920 THEN '1920p' WHEN least(f.width, f.height) >= 1440 THEN '1440p' WHEN least(f.width, f.height) >= 1080 THEN '1080p' WHEN least(f.width, f.height) >= 720 THEN '720p' WHEN least(f.width, f.height) >= 540 THEN '540p' WHEN least(f.width, f.height) >= 480 THEN '480p' WHEN least(f.width, f.height) >= 360 THEN '360p' WHEN least(f.width, f.height) >= 240 THEN '240p' WHEN least(f.width, f.height) >= 144 THEN '144p' END AS resolution,
    f.video_codec AS video_codec,
    f.audio_codec AS audio_codec,
    f.frame_rate AS frame_rate,
    f.bit_rate AS bit_rate,
    (SELECT p.value FROM stash.file_fingerprints p
        WHERE p.instance_id = f.instance_id AND p.file_id = f.id AND p.type = 'oshash'
        ORDER BY p.value LIMIT 1) AS oshash,
    (SELECT p.value FROM stash.file_fingerprints p
        WHERE p.instance_id = f.instance_id AND p.file_id = f.id AND p.type = 'phash'
        ORDER BY p.value LIMIT 1) AS phash,
    coalesce(performers_list.ids, '{}') AS performer_ids,
    coalesce(performers_list.names, '{}') AS performers,
    coalesce(tags_list.ids, '{}') AS tag_ids,
    coalesce(tags_list.names, '{}') AS tags,
    coalesce(groups_list.ids, '{}') AS group_ids,
    coalesce(groups_list.names, '{}') AS groups,
    ARRAY(SELECT j.gallery_id FROM stash.scene_galleries j
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY 1) AS gallery_ids,
    ARRAY(SELECT j.url FROM stash.scene_urls j
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY j.position) AS urls,
    ARRAY(SELECT j.stash_id FROM stash.scene_stash_ids j
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY j.endpoint, 1) AS stash_ids,
    (SELECT count(*) FROM stash.scene_performers j WHERE j.instance_id = s.instance_id AND j.scene_id = s.id) AS performer_count,
    (SELECT count(*) FROM stash.scene_tags j WHERE j.instance_id = s.instance_id AND j.scene_id = s.id) AS tag_count,
    (SELECT count(*) FROM stash.scene_files j WHERE j.instance_id = s.instance_id AND j.scene_id = s.id) AS file_count,
    (SELECT count(*) FROM stash.scene_markers j WHERE j.instance_id = s.instance_id AND j.scene_id = s.id) AS marker_count
FROM stash.scenes s
JOIN ops.instances i ON i.id = s.instance_id
LEFT JOIN stash.studios u ON u.instance_id = s.instance_id AND u.id = s.studio_id
LEFT JOIN stash.scene_files j ON j.instance_id = s.instance_id AND j.scene_id = s.id AND j.is_primary
LEFT JOIN stash.files f ON f.instance_id = j.instance_id AND f.id = j.file_id
LEFT JOIN LATERAL (
    SELECT array_agg(n.id) AS ids, array_agg(n.name) AS names
    FROM (
        SELECT j.performer_id AS id, t.name FROM stash.scene_performers j
        LEFT JOIN LATERAL (
            SELECT o.name FROM stash.performers o WHERE o.instance_id = s.instance_id AND o.id = j.performer_id OFFSET 0
        ) t ON TRUE
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id
        ORDER BY t.name, j.performer_id
    ) n
) performers_list ON TRUE
LEFT JOIN LATERAL (
    SELECT array_agg(n.id) AS ids, array_agg(n.name) AS names
    FROM (
        SELECT j.tag_id AS id, t.name FROM stash.scene_tags j
        LEFT JOIN LATERAL (
            SELECT o.name FROM stash.tags o WHERE o.instance_id = s.instance_id AND o.id = j.tag_id OFFSET 0
        ) t ON TRUE
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id
        ORDER BY t.name, j.tag_id
    ) n
) tags_list ON TRUE
LEFT JOIN LATERAL (
    SELECT array_agg(n.id) AS ids, array_agg(n.name) AS names
    FROM (
        SELECT j.group_id AS id, t.name FROM stash.scene_groups j
        LEFT JOIN LATERAL (
            SELECT o.name FROM stash.groups o WHERE o.instance_id = s.instance_id AND o.id = j.group_id OFFSET 0
        ) t ON TRUE
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id
        ORDER BY t.name, j.group_id
    ) n
) groups_list ON TRUE;

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
