"""``stash.duplicate_files``: files with equal checksums."""

from typing import Final

from stash_pipeline.warehouse.views import View

DUPLICATE_FILES: Final = View(
    "stash.duplicate_files",
    """SELECT c.instance_id, i.name AS instance, f.id AS file_id, f.path, f.size, f.type AS file_type,
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
WHERE c.copies > 1""",
    "Files with the same checksum (oshash, or else MD5) as another file of any instance. matches.duplicates also has "
    "copies that differ, and which one to keep.",
    {
        "instance_id": "ops.instances.id",
        "instance": "name of the instance",
        "file_id": "stash.files.id",
        "path": "as the server sees it",
        "size": "bytes",
        "file_type": "VIDEO, IMAGE, GALLERY or FILE, as in stash.files",
        "checksum_type": "oshash or md5",
        "checksum": "equal for all copies",
        "copies": "files with this checksum on all instances",
        "copies_here": "files with this checksum on this instance",
        "instances": "instances that have a file with this checksum",
        "scene_ids": "stash.scenes.id of the scenes with this file",
    },
)
