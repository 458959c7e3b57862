-- Counts that a server would compute row by row (performers: 4.8 s per 1000), derived from the join tables.

CREATE VIEW stash.tag_counts AS
SELECT t.instance_id, t.id AS tag_id,
    (SELECT count(*) FROM stash.scene_tags j WHERE j.instance_id = t.instance_id AND j.tag_id = t.id) AS scene_count,
    (SELECT count(*) FROM stash.scene_markers m WHERE m.instance_id = t.instance_id
        AND (m.primary_tag_id = t.id OR EXISTS (SELECT FROM stash.marker_tags j
             WHERE j.instance_id = t.instance_id AND j.tag_id = t.id AND j.marker_id = m.id))) AS scene_marker_count,
    (SELECT count(*) FROM stash.image_tags j WHERE j.instance_id = t.instance_id AND j.tag_id = t.id) AS image_count,
    (SELECT count(*) FROM stash.gallery_tags j WHERE j.instance_id = t.instance_id AND j.tag_id = t.id) AS gallery_count,
    (SELECT count(*) FROM stash.performer_tags j WHERE j.instance_id = t.instance_id AND j.tag_id = t.id) AS performer_count,
    (SELECT count(*) FROM stash.studio_tags j WHERE j.instance_id = t.instance_id AND j.tag_id = t.id) AS studio_count,
    (SELECT count(*) FROM stash.group_tags j WHERE j.instance_id = t.instance_id AND j.tag_id = t.id) AS group_count
FROM stash.tags t;

CREATE VIEW stash.performer_counts AS
SELECT p.instance_id, p.id AS performer_id,
    (SELECT count(*) FROM stash.scene_performers j WHERE j.instance_id = p.instance_id AND j.performer_id = p.id) AS scene_count,
    (SELECT count(*) FROM stash.image_performers j WHERE j.instance_id = p.instance_id AND j.performer_id = p.id) AS image_count,
    (SELECT count(*) FROM stash.gallery_performers j WHERE j.instance_id = p.instance_id AND j.performer_id = p.id) AS gallery_count,
    (SELECT count(DISTINCT g.group_id) FROM stash.scene_performers j
        JOIN stash.scene_groups g ON g.instance_id = j.instance_id AND g.scene_id = j.scene_id
        WHERE j.instance_id = p.instance_id AND j.performer_id = p.id) AS group_count,
    (SELECT coalesce(sum(s.o_counter), 0) FROM stash.scene_performers j
        JOIN stash.scenes s ON s.instance_id = j.instance_id AND s.id = j.scene_id
        WHERE j.instance_id = p.instance_id AND j.performer_id = p.id)
    + (SELECT coalesce(sum(i.o_counter), 0) FROM stash.image_performers j
        JOIN stash.images i ON i.instance_id = j.instance_id AND i.id = j.image_id
        WHERE j.instance_id = p.instance_id AND j.performer_id = p.id) AS o_counter
FROM stash.performers p;

CREATE VIEW stash.studio_counts AS
SELECT s.instance_id, s.id AS studio_id,
    (SELECT count(*) FROM stash.scenes x WHERE x.instance_id = s.instance_id AND x.studio_id = s.id) AS scene_count,
    (SELECT count(*) FROM stash.images x WHERE x.instance_id = s.instance_id AND x.studio_id = s.id) AS image_count,
    (SELECT count(*) FROM stash.galleries x WHERE x.instance_id = s.instance_id AND x.studio_id = s.id) AS gallery_count,
    (SELECT count(*) FROM stash.groups x WHERE x.instance_id = s.instance_id AND x.studio_id = s.id) AS group_count,
    (SELECT coalesce(sum(x.o_counter), 0) FROM stash.scenes x WHERE x.instance_id = s.instance_id AND x.studio_id = s.id)
    + (SELECT coalesce(sum(x.o_counter), 0) FROM stash.images x WHERE x.instance_id = s.instance_id AND x.studio_id = s.id)
        AS o_counter
FROM stash.studios s;

CREATE VIEW stash.group_counts AS
SELECT g.instance_id, g.id AS group_id,
    (SELECT count(*) FROM stash.scene_groups j WHERE j.instance_id = g.instance_id AND j.group_id = g.id) AS scene_count,
    (SELECT count(DISTINCT p.performer_id) FROM stash.scene_groups j
        JOIN stash.scene_performers p ON p.instance_id = j.instance_id AND p.scene_id = j.scene_id
        WHERE j.instance_id = g.instance_id AND j.group_id = g.id) AS performer_count,
    (SELECT count(*) FROM stash.group_containing c WHERE c.instance_id = g.instance_id AND c.containing_group_id = g.id) AS sub_group_count,
    (SELECT coalesce(sum(s.o_counter), 0) FROM stash.scene_groups j
        JOIN stash.scenes s ON s.instance_id = j.instance_id AND s.id = j.scene_id
        WHERE j.instance_id = g.instance_id AND j.group_id = g.id) AS o_counter
FROM stash.groups g;

CREATE VIEW stash.gallery_counts AS
SELECT g.instance_id, g.id AS gallery_id,
    (SELECT count(*) FROM stash.image_galleries j WHERE j.instance_id = g.instance_id AND j.gallery_id = g.id) AS image_count
FROM stash.galleries g;

-- The tables of the local-sync plan, for applications that were written to it. Spelled as there; instance comes last.

CREATE VIEW stash.stash_performers AS
SELECT p.id, p.name, p.gender, nullif(p.image_path, '') AS "imagePath", p.updated_at AS "stashUpdatedAt",
    r.fetched_at AS "syncedAt", p.instance_id AS "instanceId"
FROM stash.performers p JOIN raw.performers r USING (instance_id, id);

CREATE VIEW stash.stash_tags AS
SELECT t.id, t.name, t.updated_at AS "stashUpdatedAt", r.fetched_at AS "syncedAt", t.instance_id AS "instanceId"
FROM stash.tags t JOIN raw.tags r USING (instance_id, id);

CREATE VIEW stash.stash_tag_parents AS
SELECT j.tag_id AS "childId", j.parent_id AS "parentId", r.fetched_at AS "syncedAt", j.instance_id AS "instanceId"
FROM stash.tag_parents j JOIN raw.tags r ON r.instance_id = j.instance_id AND r.id = j.tag_id;

CREATE VIEW stash.stash_scenes AS
SELECT s.id, s.title, s.date, s.details, f.size AS filesize, f.duration, s.updated_at AS "stashUpdatedAt",
    r.fetched_at AS "syncedAt", s.instance_id AS "instanceId"
FROM stash.scenes s
JOIN raw.scenes r USING (instance_id, id)
LEFT JOIN stash.scene_files j ON j.instance_id = s.instance_id AND j.scene_id = s.id AND j.is_primary
LEFT JOIN stash.files f ON f.instance_id = j.instance_id AND f.id = j.file_id;

CREATE VIEW stash.stash_scene_performers AS
SELECT j.scene_id AS "sceneId", j.performer_id AS "performerId", r.fetched_at AS "syncedAt", j.instance_id AS "instanceId"
FROM stash.scene_performers j JOIN raw.scenes r ON r.instance_id = j.instance_id AND r.id = j.scene_id;

CREATE VIEW stash.stash_scene_tags AS
SELECT j.scene_id AS "sceneId", j.tag_id AS "tagId", r.fetched_at AS "syncedAt", j.instance_id AS "instanceId"
FROM stash.scene_tags j JOIN raw.scenes r ON r.instance_id = j.instance_id AND r.id = j.scene_id;
