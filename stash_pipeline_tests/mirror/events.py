"""Events of a library, as changes of the server's SQLite that update no timestamp unless they say so.

Each is a list of statements that do something in any invented library of some size. ``{n}`` is a number that
makes what is created unique.
"""

NOW = "'2026-02-03T04:05:06+01:00'"

EVENTS: dict[str, tuple[str, ...]] = {
    "a scene gets another title": ("UPDATE scenes SET title = 'other {n} – ünïcode ✎ 漢字' WHERE id = 2",),
    "a scene loses its texts": ("UPDATE scenes SET title = NULL, details = '', code = NULL WHERE id = 3",),
    "a scene gets partial dates": (
        "UPDATE scenes SET date = '2020-01-01', date_precision = 2 WHERE id = 4",
        "UPDATE scenes SET date = '2020-05-01', date_precision = 1 WHERE id = 5",
    ),
    "a scene is rated and touched": (f"UPDATE scenes SET rating = 77, updated_at = {NOW} WHERE id = 6",),
    "a scene loses its studio": ("UPDATE scenes SET studio_id = NULL WHERE studio_id IS NOT NULL AND id < 20",),
    "scenes change studios": ("UPDATE scenes SET studio_id = (SELECT max(id) FROM studios) WHERE id % 3 = 0",),
    "scenes are played": (
        "INSERT INTO scenes_view_dates VALUES (1, '2025-10-26T00:30:00Z'), (1, '2025-10-26T00:30:00Z'),"
        " (2, '2001-01-01T00:00:00Z')",
    ),
    "plays are forgotten": ("DELETE FROM scenes_view_dates WHERE scene_id IN (1, 2, 3)",),
    "o's happen": (
        "INSERT INTO scenes_o_dates VALUES (1, '2025-03-30T01:00:00Z'), (7, '2025-03-30T01:00:00Z')",
        "UPDATE images SET o_counter = o_counter + 1 WHERE id % 2 = 0",
    ),
    "activity is saved": ("UPDATE scenes SET resume_time = 12.5, play_duration = 99.25 WHERE id = 1",),
    "tags are put on and taken off": (
        "DELETE FROM scenes_tags WHERE scene_id % 2 = 0",
        "INSERT OR IGNORE INTO scenes_tags SELECT id, 3 FROM scenes",
    ),
    "a tag is renamed": ("UPDATE tags SET name = 'renamed {n}', sort_name = '' WHERE id = 2",),
    "a tag is merged into another": (
        "UPDATE scene_markers SET primary_tag_id = 3 WHERE primary_tag_id = 4",
        "UPDATE OR IGNORE scenes_tags SET tag_id = 3 WHERE tag_id = 4",
        "UPDATE OR IGNORE images_tags SET tag_id = 3 WHERE tag_id = 4",
        "UPDATE OR IGNORE performers_tags SET tag_id = 3 WHERE tag_id = 4",
        "DELETE FROM tags WHERE id = 4",
    ),
    "a tag is destroyed": (
        "UPDATE scene_markers SET primary_tag_id = 3 WHERE primary_tag_id = (SELECT max(id) FROM tags)",
        "DELETE FROM tags WHERE id = (SELECT max(id) FROM tags)",
    ),
    "tags get other parents": (
        "DELETE FROM tags_relations",
        "INSERT INTO tags_relations (parent_id, child_id) SELECT (SELECT max(id) FROM tags"
        " WHERE {n} % 2 = 0 OR id < (SELECT max(id) FROM tags)), id FROM tags"
        " WHERE id NOT IN (SELECT id FROM tags ORDER BY id DESC LIMIT 2)",
    ),
    "aliases change": (
        "DELETE FROM tag_aliases WHERE tag_id = 1",
        "INSERT INTO tag_aliases VALUES (1, 'Ünter {n}'), (1, ' with blanks {n} '), (1, '\\ backslash {n}')",
        "DELETE FROM performer_aliases WHERE performer_id = 1",
        "INSERT INTO performer_aliases VALUES (1, 'tab\tnew\nline {n}'), (1, 'x{n}')",
    ),
    "a performer is destroyed": ("DELETE FROM performers WHERE id = 2",),
    "performers are merged": (
        "UPDATE OR IGNORE performers_scenes SET performer_id = 1 WHERE performer_id = 3",
        "DELETE FROM performers WHERE id = 3",
    ),
    "a performer gets everything": (
        "UPDATE performers SET birthdate = '1990-02-01', birthdate_precision = 1, penis_length = 12.5,"
        " circumcised = 'CUT', weight = 0, rating = 0, favorite = 1, country = '' WHERE id = 1",
        "INSERT OR REPLACE INTO performer_custom_fields VALUES (1, 'n{n}', 3.25), (1, 'text', 'a\"b\\c')",
        "INSERT INTO performer_stash_ids VALUES (1, 'https://a.example', 'id-{n}', '2025-01-02T03:04:05.123456789Z')",
    ),
    "a studio is destroyed": ("DELETE FROM studios WHERE id = 1",),
    "studios get other parents": (
        "UPDATE studios SET parent_id = NULL",
        "UPDATE studios SET parent_id = (SELECT min(id) FROM studios)"
        " WHERE id = (SELECT max(id) FROM studios) AND id <> (SELECT min(id) FROM studios)",
    ),
    "a group is destroyed": ("DELETE FROM groups WHERE id = (SELECT max(id) FROM groups)",),
    "groups contain others in another order": (
        "DELETE FROM groups_relations",
        "INSERT INTO groups_relations SELECT (SELECT min(id) FROM groups), id, 100 - id, 'part {n}' FROM groups"
        " WHERE id > (SELECT min(id) FROM groups)",
    ),
    "scenes join groups": ("INSERT OR REPLACE INTO groups_scenes SELECT 1, id, NULL FROM scenes WHERE id < 9",),
    "scenes are numbered in groups": ("UPDATE groups_scenes SET scene_index = scene_id % 7",),
    "a gallery is destroyed": ("DELETE FROM galleries WHERE id = 1",),
    "images move between galleries": (
        "DELETE FROM galleries_images WHERE image_id % 2 = 0",
        "INSERT OR IGNORE INTO galleries_images SELECT 2, id, 0 FROM images WHERE id % 3 = 0",
    ),
    "a cover is chosen": (
        "UPDATE galleries_images SET cover = 0 WHERE gallery_id = 2",
        "UPDATE galleries_images SET cover = 1 WHERE gallery_id = 2"
        " AND image_id = (SELECT max(image_id) FROM galleries_images WHERE gallery_id = 2)",
    ),
    "chapters come and go": (
        "DELETE FROM galleries_chapters WHERE gallery_id = 2",
        f"INSERT INTO galleries_chapters (title, image_index, gallery_id, created_at, updated_at)"
        f" VALUES ('eins {{n}}', 1, 2, {NOW}, {NOW}), ('', 0, 3, {NOW}, {NOW})",
    ),
    "an image is destroyed": ("DELETE FROM images WHERE id IN (1, 4)",),
    "a scene is destroyed with its markers": (
        "DELETE FROM scene_markers WHERE scene_id IN (8, 9)",
        "DELETE FROM scenes WHERE id IN (8, 9)",
    ),
    "markers move to another scene": ("UPDATE scene_markers SET scene_id = 10 WHERE scene_id > 20",),
    "markers change": (
        "UPDATE scene_markers SET end_seconds = seconds + 1.5, title = '' WHERE id % 2 = 0",
        "INSERT OR IGNORE INTO scene_markers_tags SELECT id, 1 FROM scene_markers",
    ),
    "a marker is destroyed": ("DELETE FROM scene_markers WHERE id = (SELECT max(id) FROM scene_markers)",),
    "a file is renamed": ("UPDATE files SET basename = 'renamed {n}.mp4' WHERE id = 1",),
    "a folder is renamed": ("UPDATE folders SET path = path || ' {n}'",),
    "phashes are made": (
        "DELETE FROM files_fingerprints WHERE type = 'phash' AND file_id < 5",
        "INSERT INTO files_fingerprints VALUES (1, 'phash', -1), (2, 'phash', 255),"
        " (3, 'phash', 9223372036854775807), (4, 'phash', -9223372036854775808 + {n})",
    ),
    "a file moves to another scene": (
        "DELETE FROM scenes_files WHERE file_id = 2",
        'INSERT INTO scenes_files (scene_id, file_id, "primary")'
        ' SELECT 1, 2, NOT EXISTS (SELECT 1 FROM scenes_files WHERE scene_id = 1 AND "primary")',
    ),
    "another file becomes the primary one": (
        'UPDATE scenes_files SET "primary" = 0 WHERE scene_id IN'
        " (SELECT scene_id FROM scenes_files GROUP BY 1 HAVING count(*) > 1)",
        'UPDATE scenes_files SET "primary" = 1 WHERE (scene_id, file_id) IN'
        " (SELECT scene_id, max(file_id) FROM scenes_files GROUP BY 1 HAVING count(*) > 1)",
    ),
    "urls are replaced": (
        "DELETE FROM scene_urls WHERE scene_id < 10",
        "INSERT INTO scene_urls VALUES (1, 0, 'https://b.example'), (1, 1, 'https://a.example'),"
        " (1, 2, 'https://b.example'), (2, 0, 'no url at all {n}')",
    ),
    "urls change places": ("UPDATE scene_urls SET position = 10 - position",),
    "stash ids change": (
        "DELETE FROM scene_stash_ids WHERE scene_id % 2 = 1",
        "INSERT OR REPLACE INTO scene_stash_ids VALUES (1, 'https://x.example/graphql', 'id {n}',"
        " '1970-01-01T00:00:00Z')",
    ),
    "captions appear": (
        "INSERT OR REPLACE INTO video_captions SELECT file_id, 'de', 'x.de.vtt', 'vtt' FROM video_files"
        " WHERE file_id < 5",
    ),
    "images get other files": ("UPDATE images SET title = NULL, organized = 1 - organized WHERE id % 5 = 0",),
    "objects are created": (
        f"INSERT INTO tags (name, created_at, updated_at) VALUES ('made {{n}}', {NOW}, {NOW})",
        f"INSERT INTO studios (name, created_at, updated_at) VALUES ('made {{n}}', {NOW}, {NOW})",
        f"INSERT INTO performers (name, created_at, updated_at) VALUES ('made {{n}}', {NOW}, {NOW})",
        f"INSERT INTO scenes (title, studio_id, created_at, updated_at)"
        f" VALUES ('made {{n}}', (SELECT max(id) FROM studios), {NOW}, {NOW})",
        "INSERT INTO scenes_tags SELECT (SELECT max(id) FROM scenes), (SELECT max(id) FROM tags)",
        "INSERT INTO performers_scenes (performer_id, scene_id)"
        " SELECT (SELECT max(id) FROM performers), (SELECT max(id) FROM scenes)",
        f"INSERT INTO groups (name, created_at, updated_at) VALUES ('made {{n}}', {NOW}, {NOW})",
        f"INSERT INTO galleries (title, created_at, updated_at) VALUES ('made {{n}}', {NOW}, {NOW})",
        f"INSERT INTO images (title, created_at, updated_at) VALUES ('made {{n}}', {NOW}, {NOW})",
        f"INSERT INTO scene_markers (title, seconds, primary_tag_id, scene_id, created_at, updated_at)"
        f" VALUES ('made {{n}}', 0, (SELECT max(id) FROM tags), (SELECT max(id) FROM scenes), {NOW}, {NOW})",
    ),
    "a saved filter is saved and one dropped": (
        "DELETE FROM saved_filters WHERE id = 1",
        "INSERT INTO saved_filters (name, mode, find_filter, object_filter, ui_options) VALUES"
        ' (\'f {n}\', \'TAGS\', \'{{"q":"","page":1,"per_page":20}}\', \'{{"a":{{"b":[1,null,2.5]}}}}\', \'null\')',
    ),
}


def statements(event: str, number: int) -> list[str]:
    """The statements of an event, for its n-th occurrence."""
    return [one.replace("{n}", str(number)).replace("{{", "{").replace("}}", "}") for one in EVENTS[event]]
