-- From schema version 55 to 54 (v0.24): plays and o's are counted; only the last play has a date, if it is known.
ALTER TABLE scenes ADD COLUMN o_counter TINYINT NOT NULL DEFAULT 0;
ALTER TABLE scenes ADD COLUMN last_played_at DATETIME DEFAULT NULL;
ALTER TABLE scenes ADD COLUMN play_count TINYINT NOT NULL DEFAULT 0;
UPDATE scenes SET
    o_counter = (SELECT count(*) FROM scenes_o_dates AS o WHERE o.scene_id = scenes.id),
    play_count = (SELECT count(*) FROM scenes_view_dates AS v WHERE v.scene_id = scenes.id),
    last_played_at =
        (SELECT nullif(max(v.view_date), '1970-01-01T00:00:00Z') FROM scenes_view_dates AS v
        WHERE v.scene_id = scenes.id);
DROP TABLE scenes_o_dates;
DROP TABLE scenes_view_dates;
