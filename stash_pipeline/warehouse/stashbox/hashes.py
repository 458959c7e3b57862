"""The hashes of local scenes that a stash-box is asked about together.

One question is asked per set of hashes, and not per scene: scenes of two servers with the same files share the answer.
Perceptual hashes that prove nothing are not asked about: of short clips, and of plain frames. Their answers would be
many, and wrong.
"""

from stash_pipeline.matching.phash import FEWEST_BITS, MOST_BITS
from stash_pipeline.matching.rule_table import PARAMETERS

_SHORTEST = PARAMETERS["phash"]["minimum_duration"]


def scene_hashes(source: str) -> str:
    """The query for the hashes of the scenes in a table with the columns instance_id and id.

    Its columns: instance_id, scene_id, oshashes and phashes (signed), and their digest ``fingerprints``. Scenes without
    a hash to ask about are left out.
    """
    return f"""
SELECT s.instance_id, s.id AS scene_id, h.oshashes, h.phashes,
    md5(array_to_string(h.oshashes, ',') || '/' || array_to_string(h.phashes, ','))::uuid AS fingerprints
FROM {source} AS s
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(DISTINCT o.hash ORDER BY o.hash) FILTER (WHERE o.hash <> 0), '{{}}') AS oshashes,
        coalesce(array_agg(DISTINCT p.phash ORDER BY p.phash) FILTER (
            WHERE f.duration >= {_SHORTEST / 1000}
              AND bit_count(p.phash::bit(64)) BETWEEN {FEWEST_BITS} AND {MOST_BITS}
        ), '{{}}') AS phashes
    FROM stash.scene_files AS x
    JOIN stash.files AS f ON f.instance_id = x.instance_id AND f.id = x.file_id
    JOIN stash.file_fingerprints AS p ON p.instance_id = f.instance_id AND p.file_id = f.id
    LEFT JOIN LATERAL (
        SELECT ('x' || lpad(p.value, 16, '0'))::bit(64)::bigint AS hash
        WHERE p.type = 'oshash' AND p.value ~ '^[0-9A-Fa-f]{{1,16}}$'
    ) AS o ON true
    WHERE x.instance_id = s.instance_id AND x.scene_id = s.id
) AS h
WHERE h.oshashes <> '{{}}' OR h.phashes <> '{{}}'"""
