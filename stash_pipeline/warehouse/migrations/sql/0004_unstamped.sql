-- Changes that updated_at did not tell of. A branch per kind that has one, so that a filter on entity or instance_id leaves the
-- others out, and one on noted_at finds its rows by the index of raw.history.

CREATE VIEW raw.unstamped_changes AS
SELECT was.instance_id, was.entity, was.id, was.noted_at, was.run_id, was.revision, differing.fields
FROM (
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.tags d USING (instance_id, id)
    WHERE h.entity = 'tags'
    UNION ALL
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.folders d USING (instance_id, id)
    WHERE h.entity = 'folders'
    UNION ALL
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.files d USING (instance_id, id)
    WHERE h.entity = 'files'
    UNION ALL
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.studios d USING (instance_id, id)
    WHERE h.entity = 'studios'
    UNION ALL
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.performers d USING (instance_id, id)
    WHERE h.entity = 'performers'
    UNION ALL
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.groups d USING (instance_id, id)
    WHERE h.entity = 'groups'
    UNION ALL
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.images d USING (instance_id, id)
    WHERE h.entity = 'images'
    UNION ALL
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.galleries d USING (instance_id, id)
    WHERE h.entity = 'galleries'
    UNION ALL
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.scenes d USING (instance_id, id)
    WHERE h.entity = 'scenes'
    UNION ALL
    SELECT h.*, d.document AS present FROM raw.history h JOIN raw.scene_markers d USING (instance_id, id)
    WHERE h.entity = 'scene_markers'
) AS was
LEFT JOIN LATERAL (
    SELECT n.document FROM raw.history n
    WHERE n.instance_id = was.instance_id AND n.entity = was.entity AND n.id = was.id AND n.revision > was.revision
    ORDER BY n.revision LIMIT 1
) AS next ON TRUE
CROSS JOIN LATERAL (
    SELECT array_agg(name ORDER BY name) AS fields
    FROM (
        SELECT jsonb_object_keys(was.document)
        UNION SELECT jsonb_object_keys(coalesce(next.document, was.present))
    ) AS either (name)
    -- null and absent are one
    WHERE coalesce(was.document -> name, 'null') <> coalesce(coalesce(next.document, was.present) -> name, 'null')
) AS differing
WHERE was.change <> 'removed'
    AND was.document -> 'updated_at' = coalesce(next.document, was.present) -> 'updated_at'
    AND differing.fields IS NOT NULL;

COMMENT ON VIEW raw.unstamped_changes IS
    'Objects that changed while their updated_at stayed as it was, and the fields that did';
