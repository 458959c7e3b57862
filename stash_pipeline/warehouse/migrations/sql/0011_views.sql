ALTER TABLE search.indexes ADD COLUMN place TEXT NOT NULL;

COMMENT ON COLUMN search.indexes.place IS 'the name of a home, or the address of a server and a prefix';

COMMENT ON TABLE search.indexes IS 'What each search index held when it last followed: that of every home, or of a server.';

CREATE VIEW stash.scenes_full AS
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
    ARRAY(SELECT j.performer_id FROM stash.scene_performers j
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY (SELECT t.name FROM stash.performers t WHERE t.instance_id = j.instance_id AND t.id = j.performer_id), 1) AS performer_ids,
    ARRAY(SELECT (SELECT t.name FROM stash.performers t WHERE t.instance_id = j.instance_id AND t.id = j.performer_id) FROM stash.scene_performers j
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY 1) AS performers,
    ARRAY(SELECT j.tag_id FROM stash.scene_tags j
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY (SELECT t.name FROM stash.tags t WHERE t.instance_id = j.instance_id AND t.id = j.tag_id), 1) AS tag_ids,
    ARRAY(SELECT (SELECT t.name FROM stash.tags t WHERE t.instance_id = j.instance_id AND t.id = j.tag_id) FROM stash.scene_tags j
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY 1) AS tags,
    ARRAY(SELECT j.group_id FROM stash.scene_groups j
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY (SELECT t.name FROM stash.groups t WHERE t.instance_id = j.instance_id AND t.id = j.group_id), 1) AS group_ids,
    ARRAY(SELECT (SELECT t.name FROM stash.groups t WHERE t.instance_id = j.instance_id AND t.id = j.group_id) FROM stash.scene_groups j
        WHERE j.instance_id = s.instance_id AND j.scene_id = s.id ORDER BY 1) AS groups,
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
LEFT JOIN stash.files f ON f.instance_id = j.instance_id AND f.id = j.file_id;

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

CREATE VIEW stash.tag_descendants AS
SELECT t.instance_id, i.name AS instance, t.id AS tag_id, t.name AS tag,
    d.id AS descendant_id, d.name AS descendant, below.depth
FROM stash.tags t
JOIN ops.instances i ON i.id = t.instance_id
CROSS JOIN LATERAL (
    WITH RECURSIVE level (ids, seen, depth) AS (
        SELECT started.ids, started.ids, 0 FROM (SELECT ARRAY[t.id] AS ids) AS started
        UNION ALL
        SELECT found.ids, level.seen || found.ids, level.depth + 1
        FROM level CROSS JOIN LATERAL (
            SELECT array_agg(DISTINCT p.tag_id) AS ids FROM stash.tag_parents p
            WHERE p.instance_id = t.instance_id AND p.parent_id = ANY(level.ids) AND p.tag_id <> ALL(level.seen)
        ) AS found
        WHERE found.ids IS NOT NULL
    )
    SELECT one.id, level.depth FROM level CROSS JOIN LATERAL unnest(level.ids) AS one (id)
) AS below
JOIN stash.tags d ON d.instance_id = t.instance_id AND d.id = below.id;

COMMENT ON VIEW stash.tag_descendants IS 'Every tag with itself (depth 0) and all tags below it. Join descendant_id to find what has a tag or one below it.';

COMMENT ON COLUMN stash.tag_descendants.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.tag_descendants.instance IS 'name of the instance';

COMMENT ON COLUMN stash.tag_descendants.tag_id IS 'stash.tags.id of the upper tag';

COMMENT ON COLUMN stash.tag_descendants.tag IS 'name of the upper tag';

COMMENT ON COLUMN stash.tag_descendants.descendant_id IS 'stash.tags.id of the lower tag';

COMMENT ON COLUMN stash.tag_descendants.descendant IS 'name of the lower tag';

COMMENT ON COLUMN stash.tag_descendants.depth IS '0: the tag itself, 1: its children, and so on, by the shortest way';

CREATE VIEW stash.studio_tree AS
SELECT s.instance_id, i.name AS instance, s.id, s.name, s.parent_studio_id, chain.ids[1] AS root_id,
    chain.ids AS path_ids, chain.names AS path, cardinality(chain.ids) - 1 AS depth, chain.circular
FROM stash.studios s
JOIN ops.instances i ON i.id = s.instance_id
CROSS JOIN LATERAL (
    WITH RECURSIVE above (ids, names, parent_id) AS (
        SELECT ARRAY[s.id], ARRAY[s.name], s.parent_studio_id
        UNION ALL
        SELECT p.id || above.ids, p.name || above.names, p.parent_studio_id
        FROM above JOIN stash.studios p ON p.instance_id = s.instance_id AND p.id = above.parent_id
        WHERE p.id <> ALL(above.ids)
    )
    SELECT above.ids, above.names, above.parent_id IS NOT NULL AS circular
    FROM above ORDER BY cardinality(above.ids) DESC LIMIT 1
) AS chain;

COMMENT ON VIEW stash.studio_tree IS 'Every studio with its path from the uppermost studio. path_ids @> ARRAY[id] finds a studio and all below it.';

COMMENT ON COLUMN stash.studio_tree.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.studio_tree.instance IS 'name of the instance';

COMMENT ON COLUMN stash.studio_tree.id IS 'stash.studios.id';

COMMENT ON COLUMN stash.studio_tree.name IS 'name of the studio';

COMMENT ON COLUMN stash.studio_tree.parent_studio_id IS 'stash.studios.id of the studio above it';

COMMENT ON COLUMN stash.studio_tree.root_id IS 'stash.studios.id of the uppermost studio; its own if there is none above it';

COMMENT ON COLUMN stash.studio_tree.path_ids IS 'stash.studios.id from the uppermost studio to this one';

COMMENT ON COLUMN stash.studio_tree.path IS 'names from the uppermost studio to this one';

COMMENT ON COLUMN stash.studio_tree.depth IS 'studios above it';

COMMENT ON COLUMN stash.studio_tree.circular IS 'whether the studios above it go round in a circle; path then begins where the circle would close';

CREATE VIEW stash.marker_all_tags AS
SELECT m.instance_id, i.name AS instance, m.id AS marker_id, m.scene_id, t.id AS tag_id, t.name AS tag,
    above.depth, t.id = m.primary_tag_id AS is_primary
FROM stash.scene_markers m
JOIN ops.instances i ON i.id = m.instance_id
CROSS JOIN LATERAL (
    WITH RECURSIVE level (ids, seen, depth) AS (
        SELECT started.ids, started.ids, 0 FROM (SELECT ARRAY(SELECT m.primary_tag_id WHERE m.primary_tag_id IS NOT NULL UNION SELECT o.tag_id FROM stash.marker_tags o WHERE o.instance_id = m.instance_id AND o.marker_id = m.id) AS ids) AS started
        UNION ALL
        SELECT found.ids, level.seen || found.ids, level.depth + 1
        FROM level CROSS JOIN LATERAL (
            SELECT array_agg(DISTINCT p.parent_id) AS ids FROM stash.tag_parents p
            WHERE p.instance_id = m.instance_id AND p.tag_id = ANY(level.ids) AND p.parent_id <> ALL(level.seen)
        ) AS found
        WHERE found.ids IS NOT NULL
    )
    SELECT one.id, level.depth FROM level CROSS JOIN LATERAL unnest(level.ids) AS one (id)
) AS above
JOIN stash.tags t ON t.instance_id = m.instance_id AND t.id = above.id;

COMMENT ON VIEW stash.marker_all_tags IS 'The tags of every marker: its primary tag, its other tags, and all tags above them, each once.';

COMMENT ON COLUMN stash.marker_all_tags.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.marker_all_tags.instance IS 'name of the instance';

COMMENT ON COLUMN stash.marker_all_tags.marker_id IS 'stash.scene_markers.id';

COMMENT ON COLUMN stash.marker_all_tags.scene_id IS 'stash.scenes.id of its scene';

COMMENT ON COLUMN stash.marker_all_tags.tag_id IS 'stash.tags.id';

COMMENT ON COLUMN stash.marker_all_tags.tag IS 'name of the tag';

COMMENT ON COLUMN stash.marker_all_tags.depth IS '0: a tag of the marker itself, 1: a parent of one of them, and so on, by the shortest way';

COMMENT ON COLUMN stash.marker_all_tags.is_primary IS 'whether it is the primary tag of the marker; null if the marker has none';

CREATE VIEW stash.recent_changes AS
SELECT h.recorded_at, h.instance_id, i.name AS instance, h.entity, h.id,
    coalesce(nullif(h.document ->> 'title', ''), nullif(h.document ->> 'name', ''), h.document ->> 'path') AS name, h.change, differing.field,
    h.document ->> differing.field AS old, following.document ->> differing.field AS new, h.run_id, h.revision
FROM raw.history h
JOIN ops.instances i ON i.id = h.instance_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN h.change <> 'removed' THEN coalesce(
        (SELECT n.document FROM raw.history n
            WHERE n.instance_id = h.instance_id AND n.entity = h.entity AND n.id = h.id AND n.revision > h.revision
            ORDER BY n.revision LIMIT 1),
        CASE h.entity
            WHEN 'tags' THEN (SELECT d.document FROM raw.tags d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'folders' THEN (SELECT d.document FROM raw.folders d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'files' THEN (SELECT d.document FROM raw.files d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'studios' THEN (SELECT d.document FROM raw.studios d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'performers' THEN (SELECT d.document FROM raw.performers d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'groups' THEN (SELECT d.document FROM raw.groups d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'images' THEN (SELECT d.document FROM raw.images d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'galleries' THEN (SELECT d.document FROM raw.galleries d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'scenes' THEN (SELECT d.document FROM raw.scenes d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'scene_markers' THEN (SELECT d.document FROM raw.scene_markers d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'saved_filters' THEN (SELECT d.document FROM raw.saved_filters d WHERE d.instance_id = h.instance_id AND d.id = h.id)
            WHEN 'configuration' THEN (SELECT d.document FROM raw.configuration d WHERE d.instance_id = h.instance_id AND d.id = h.id)
        END
    ) END AS document
    OFFSET 0
) AS following
CROSS JOIN LATERAL (
    SELECT NULL::text AS field WHERE h.change = 'removed'
    UNION ALL
    SELECT either.name
    FROM (
        SELECT jsonb_object_keys(h.document)
        UNION SELECT jsonb_object_keys(following.document)
    ) AS either (name)
    -- null and absent are one
    WHERE h.change <> 'removed'
        AND coalesce(h.document -> either.name, 'null') <> coalesce(following.document -> either.name, 'null')
) AS differing;

COMMENT ON VIEW stash.recent_changes IS 'What changed in the objects of the servers, and when: one row per field; of a removed object one row without a field. Goes back STASH_PIPELINE_KEEP_HISTORY_DAYS.';

COMMENT ON COLUMN stash.recent_changes.recorded_at IS 'when the pipeline found the change';

COMMENT ON COLUMN stash.recent_changes.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.recent_changes.instance IS 'name of the instance';

COMMENT ON COLUMN stash.recent_changes.entity IS 'scenes, performers, …';

COMMENT ON COLUMN stash.recent_changes.id IS 'the server''s id of the object';

COMMENT ON COLUMN stash.recent_changes.name IS 'title, name or path of the object before the change';

COMMENT ON COLUMN stash.recent_changes.change IS 'changed, removed, or returned (after a removal)';

COMMENT ON COLUMN stash.recent_changes.field IS 'of the server''s response, in its spelling there; null if the object was removed';

COMMENT ON COLUMN stash.recent_changes.old IS 'value before the change; lists and objects as JSON';

COMMENT ON COLUMN stash.recent_changes.new IS 'value after the change; lists and objects as JSON';

COMMENT ON COLUMN stash.recent_changes.run_id IS 'ops.sync_runs.id of the run that found the change';

COMMENT ON COLUMN stash.recent_changes.revision IS 'of the instance when the document was replaced';

CREATE VIEW stash.duplicate_files AS
SELECT c.instance_id, i.name AS instance, f.id AS file_id, f.path, f.size, f.type AS file_type,
    c.type AS checksum_type, c.value AS checksum, c.copies, c.copies_here, c.instances,
    ARRAY(SELECT j.scene_id FROM stash.scene_files j
        WHERE j.instance_id = f.instance_id AND j.file_id = f.id ORDER BY j.scene_id) AS scene_ids
FROM (
    SELECT one.*, count(*) OVER everywhere AS copies,
        count(*) OVER (PARTITION BY one.type, one.value, one.instance_id) AS copies_here,
        -- rank of the last one: DISTINCT is not allowed in a window
        dense_rank() OVER (PARTITION BY one.type, one.value ORDER BY one.instance_id)
            + dense_rank() OVER (PARTITION BY one.type, one.value ORDER BY one.instance_id DESC) - 1 AS instances
    FROM (
        SELECT p.instance_id, p.file_id, p.type, p.value FROM stash.file_fingerprints p
        WHERE p.type = 'oshash'
        UNION ALL
        SELECT p.instance_id, p.file_id, p.type, p.value FROM stash.file_fingerprints p
        WHERE p.type = 'md5' AND NOT EXISTS (
            SELECT FROM stash.file_fingerprints o
            WHERE o.instance_id = p.instance_id AND o.file_id = p.file_id AND o.type = 'oshash'
        )
    ) AS one
    WINDOW everywhere AS (PARTITION BY one.type, one.value)
) AS c
JOIN ops.instances i ON i.id = c.instance_id
JOIN stash.files f ON f.instance_id = c.instance_id AND f.id = c.file_id
WHERE c.copies > 1;

COMMENT ON VIEW stash.duplicate_files IS 'Files with the same checksum (oshash, or else MD5) as another file of any instance. matches.duplicates also has copies that differ, and which one to keep.';

COMMENT ON COLUMN stash.duplicate_files.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.duplicate_files.instance IS 'name of the instance';

COMMENT ON COLUMN stash.duplicate_files.file_id IS 'stash.files.id';

COMMENT ON COLUMN stash.duplicate_files.path IS 'as the server sees it';

COMMENT ON COLUMN stash.duplicate_files.size IS 'bytes';

COMMENT ON COLUMN stash.duplicate_files.file_type IS 'VIDEO, IMAGE, GALLERY or FILE, as in stash.files';

COMMENT ON COLUMN stash.duplicate_files.checksum_type IS 'oshash or md5';

COMMENT ON COLUMN stash.duplicate_files.checksum IS 'equal for all copies';

COMMENT ON COLUMN stash.duplicate_files.copies IS 'files with this checksum on all instances';

COMMENT ON COLUMN stash.duplicate_files.copies_here IS 'files with this checksum on this instance';

COMMENT ON COLUMN stash.duplicate_files.instances IS 'instances that have a file with this checksum';

COMMENT ON COLUMN stash.duplicate_files.scene_ids IS 'stash.scenes.id of the scenes with this file';

CREATE VIEW stash.watch_statistics AS
SELECT s.instance_id, i.name AS instance, 'scenes' AS entity, s.id,
    coalesce(nullif(s.title, ''), f.basename) AS name, 1::bigint AS scenes,
    CASE WHEN s.play_count > 0 THEN 1 ELSE 0 END::bigint AS scenes_played,
    coalesce(s.play_count, 0)::bigint AS play_count, coalesce(s.play_duration, 0) AS play_duration,
    coalesce(s.o_counter, 0)::bigint AS o_counter, s.last_played_at
FROM stash.scenes s
JOIN ops.instances i ON i.id = s.instance_id
LEFT JOIN stash.scene_files j ON j.instance_id = s.instance_id AND j.scene_id = s.id AND j.is_primary
LEFT JOIN stash.files f ON f.instance_id = j.instance_id AND f.id = j.file_id
UNION ALL
SELECT w.instance_id, i.name AS instance, w.entity, w.id, o.name, w.scenes, w.scenes_played,
    w.play_count, w.play_duration, w.o_counter, w.last_played_at
FROM (SELECT j.instance_id, 'performers' AS entity, j.performer_id AS id, count(*) AS scenes, count(*) FILTER (WHERE s.play_count > 0) AS scenes_played,
    coalesce(sum(s.play_count), 0)::bigint AS play_count,
    coalesce(sum(s.play_duration), 0) AS play_duration,
    coalesce(sum(s.o_counter), 0)::bigint AS o_counter,
    max(s.last_played_at) AS last_played_at
FROM stash.scene_performers j JOIN stash.scenes s ON s.instance_id = j.instance_id AND s.id = j.scene_id
GROUP BY j.instance_id, j.performer_id) AS w
JOIN stash.performers o ON o.instance_id = w.instance_id AND o.id = w.id
JOIN ops.instances i ON i.id = w.instance_id
UNION ALL
SELECT w.instance_id, i.name AS instance, w.entity, w.id, o.name, w.scenes, w.scenes_played,
    w.play_count, w.play_duration, w.o_counter, w.last_played_at
FROM (SELECT s.instance_id, 'studios' AS entity, s.studio_id AS id, count(*) AS scenes, count(*) FILTER (WHERE s.play_count > 0) AS scenes_played,
    coalesce(sum(s.play_count), 0)::bigint AS play_count,
    coalesce(sum(s.play_duration), 0) AS play_duration,
    coalesce(sum(s.o_counter), 0)::bigint AS o_counter,
    max(s.last_played_at) AS last_played_at
FROM stash.scenes s WHERE s.studio_id IS NOT NULL GROUP BY s.instance_id, s.studio_id) AS w
JOIN stash.studios o ON o.instance_id = w.instance_id AND o.id = w.id
JOIN ops.instances i ON i.id = w.instance_id
UNION ALL
SELECT w.instance_id, i.name AS instance, w.entity, w.id, o.name, w.scenes, w.scenes_played,
    w.play_count, w.play_duration, w.o_counter, w.last_played_at
FROM (SELECT j.instance_id, 'tags' AS entity, j.tag_id AS id, count(*) AS scenes, count(*) FILTER (WHERE s.play_count > 0) AS scenes_played,
    coalesce(sum(s.play_count), 0)::bigint AS play_count,
    coalesce(sum(s.play_duration), 0) AS play_duration,
    coalesce(sum(s.o_counter), 0)::bigint AS o_counter,
    max(s.last_played_at) AS last_played_at
FROM stash.scene_tags j JOIN stash.scenes s ON s.instance_id = j.instance_id AND s.id = j.scene_id
GROUP BY j.instance_id, j.tag_id) AS w
JOIN stash.tags o ON o.instance_id = w.instance_id AND o.id = w.id
JOIN ops.instances i ON i.id = w.instance_id
UNION ALL
SELECT w.instance_id, i.name AS instance, w.entity, w.id, o.name, w.scenes, w.scenes_played,
    w.play_count, w.play_duration, w.o_counter, w.last_played_at
FROM (SELECT j.instance_id, 'groups' AS entity, j.group_id AS id, count(*) AS scenes, count(*) FILTER (WHERE s.play_count > 0) AS scenes_played,
    coalesce(sum(s.play_count), 0)::bigint AS play_count,
    coalesce(sum(s.play_duration), 0) AS play_duration,
    coalesce(sum(s.o_counter), 0)::bigint AS o_counter,
    max(s.last_played_at) AS last_played_at
FROM stash.scene_groups j JOIN stash.scenes s ON s.instance_id = j.instance_id AND s.id = j.scene_id
GROUP BY j.instance_id, j.group_id) AS w
JOIN stash.groups o ON o.instance_id = w.instance_id AND o.id = w.id
JOIN ops.instances i ON i.id = w.instance_id;

COMMENT ON VIEW stash.watch_statistics IS 'How often and how long scenes were played, summed up per performer, studio, tag and group. Give an entity: a scene counts once in each.';

COMMENT ON COLUMN stash.watch_statistics.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN stash.watch_statistics.instance IS 'name of the instance';

COMMENT ON COLUMN stash.watch_statistics.entity IS 'scenes, performers, studios, tags or groups';

COMMENT ON COLUMN stash.watch_statistics.id IS 'the server''s id of the object';

COMMENT ON COLUMN stash.watch_statistics.name IS 'name of the object; of a scene its title, or else its file name';

COMMENT ON COLUMN stash.watch_statistics.scenes IS 'scenes with this performer, studio, tag or group itself, without those below it';

COMMENT ON COLUMN stash.watch_statistics.scenes_played IS 'scenes that were played at least once';

COMMENT ON COLUMN stash.watch_statistics.play_count IS 'plays';

COMMENT ON COLUMN stash.watch_statistics.play_duration IS 'seconds played';

COMMENT ON COLUMN stash.watch_statistics.o_counter IS 'sum of the counters';

COMMENT ON COLUMN stash.watch_statistics.last_played_at IS 'when one of the scenes was last played';
