DROP VIEW stashbox.missing;

DROP VIEW catalog.provenance;

DROP VIEW catalog.conflicts;

ALTER TABLE matches.decisions DROP CONSTRAINT decisions_right_check;

ALTER TABLE matches.decisions DROP CONSTRAINT decisions_stashbox_check;

ALTER TABLE matches.decisions ADD CONSTRAINT decisions_right_check CHECK (((verdict = 'primary'::text) = (right_id IS NULL)));

DROP INDEX stash.tag_stash_ids_stash_id_idx;

CREATE INDEX tag_stash_ids_stash_id_idx ON stash.tag_stash_ids (stash_id);

DROP INDEX stash.studio_stash_ids_stash_id_idx;

CREATE INDEX studio_stash_ids_stash_id_idx ON stash.studio_stash_ids (stash_id);

DROP INDEX stash.scene_stash_ids_stash_id_idx;

CREATE INDEX scene_stash_ids_stash_id_idx ON stash.scene_stash_ids (stash_id);

DROP INDEX stash.performer_stash_ids_stash_id_idx;

CREATE INDEX performer_stash_ids_stash_id_idx ON stash.performer_stash_ids (stash_id);

ALTER TABLE ops.instances DROP COLUMN use_stash_boxes;

DROP INDEX matches.decisions_stashbox_idx;

COMMENT ON COLUMN matches.decisions.right_instance IS 'null if the verdict is primary';

ALTER TABLE matches.decisions DROP COLUMN stashbox_id;

ALTER TABLE matches.decisions DROP COLUMN stashbox_url;

DROP INDEX catalog.tag_stash_ids_stash_id_idx;

CREATE INDEX tag_stash_ids_stash_id_idx ON catalog.tag_stash_ids (stash_id);

DROP INDEX catalog.studio_stash_ids_stash_id_idx;

CREATE INDEX studio_stash_ids_stash_id_idx ON catalog.studio_stash_ids (stash_id);

COMMENT ON COLUMN catalog.sources.id IS 'of a record of several objects';

ALTER TABLE catalog.sources DROP COLUMN box_numbers;

ALTER TABLE catalog.sources DROP COLUMN box_ids;

ALTER TABLE catalog.sources DROP COLUMN endpoint_ids;

DROP INDEX catalog.scene_stash_ids_stash_id_idx;

CREATE INDEX scene_stash_ids_stash_id_idx ON catalog.scene_stash_ids (stash_id);

DROP INDEX catalog.performer_stash_ids_stash_id_idx;

CREATE INDEX performer_stash_ids_stash_id_idx ON catalog.performer_stash_ids (stash_id);

DROP INDEX stashbox.stashbox_scene_fingerprints_hash_idx;

DROP TABLE stashbox.scene_fingerprints;

DROP TABLE stashbox.listed_scenes;

DROP INDEX stashbox.stashbox_tags_successor_idx;

DROP INDEX stashbox.stashbox_tags_fetched_idx;

DROP TABLE stashbox.tags;

DROP INDEX stashbox.stashbox_studios_successor_idx;

DROP INDEX stashbox.stashbox_studios_fetched_idx;

DROP TABLE stashbox.studios;

DROP INDEX stashbox.stashbox_scenes_successor_idx;

DROP INDEX stashbox.stashbox_scenes_fetched_idx;

DROP TABLE stashbox.scenes;

DROP INDEX stashbox.stashbox_performers_successor_idx;

DROP INDEX stashbox.stashbox_performers_fetched_idx;

DROP TABLE stashbox.performers;

DROP INDEX stashbox.stashbox_lookups_scenes_idx;

DROP TABLE stashbox.lookups;

DROP TABLE stashbox.listings;

DROP TABLE ops.stashbox_endpoints;

DROP TABLE matches.totals;

DROP TABLE matches.stashbox_proposals;

DROP INDEX matches.stashbox_candidates_box_idx;

DROP INDEX matches.stashbox_candidates_action_idx;

DROP TABLE matches.stashbox_candidates;

CREATE VIEW catalog.provenance AS
SELECT s.entity,
    s.id,
    f.field,
    s.instance_ids[f.n] AS instance_id,
    s.object_ids[f.n] AS object_id,
    s.rules[f.n] AS rule
   FROM (catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text), (2,'sort_name'::text), (3,'description'::text), (4,'favorite'::text), (5,'ignore_auto_tag'::text), (6,'image_path'::text), (7,'custom_fields'::text), (8,'created_at'::text), (9,'updated_at'::text)) f(n, field))
  WHERE ((s.entity = 'tags'::text) AND (s.rules[f.n] IS NOT NULL))
UNION ALL
 SELECT 'tags'::text AS entity,
    c.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
    'only'::text AS rule
   FROM ((catalog.tags c
     JOIN catalog.members m ON ((m.canonical_id = c.id)))
     CROSS JOIN LATERAL ( VALUES ('name'::text,(c.name IS NOT NULL)), ('sort_name'::text,(c.sort_name IS NOT NULL)), ('description'::text,(c.description IS NOT NULL)), ('favorite'::text,(c.favorite IS NOT NULL)), ('ignore_auto_tag'::text,(c.ignore_auto_tag IS NOT NULL)), ('image_path'::text,(c.image_path IS NOT NULL)), ('custom_fields'::text,(c.custom_fields IS NOT NULL)), ('created_at'::text,(c.created_at IS NOT NULL)), ('updated_at'::text,(c.updated_at IS NOT NULL))) f(field, present))
  WHERE ((c.objects = 1) AND f.present)
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    s.instance_ids[f.n] AS instance_id,
    s.object_ids[f.n] AS object_id,
    s.rules[f.n] AS rule
   FROM (catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text), (2,'details'::text), (3,'rating100'::text), (4,'favorite'::text), (5,'organized'::text), (6,'ignore_auto_tag'::text), (7,'image_path'::text), (8,'custom_fields'::text), (9,'created_at'::text), (10,'updated_at'::text), (11,'parent_studio'::text)) f(n, field))
  WHERE ((s.entity = 'studios'::text) AND (s.rules[f.n] IS NOT NULL))
UNION ALL
 SELECT 'studios'::text AS entity,
    c.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
    'only'::text AS rule
   FROM ((catalog.studios c
     JOIN catalog.members m ON ((m.canonical_id = c.id)))
     CROSS JOIN LATERAL ( VALUES ('name'::text,(c.name IS NOT NULL)), ('details'::text,(c.details IS NOT NULL)), ('rating100'::text,(c.rating100 IS NOT NULL)), ('favorite'::text,(c.favorite IS NOT NULL)), ('organized'::text,(c.organized IS NOT NULL)), ('ignore_auto_tag'::text,(c.ignore_auto_tag IS NOT NULL)), ('image_path'::text,(c.image_path IS NOT NULL)), ('custom_fields'::text,(c.custom_fields IS NOT NULL)), ('created_at'::text,(c.created_at IS NOT NULL)), ('updated_at'::text,(c.updated_at IS NOT NULL)), ('parent_studio'::text,(c.parent_studio_id IS NOT NULL))) f(field, present))
  WHERE ((c.objects = 1) AND f.present)
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    s.instance_ids[f.n] AS instance_id,
    s.object_ids[f.n] AS object_id,
    s.rules[f.n] AS rule
   FROM (catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text), (2,'disambiguation'::text), (3,'gender'::text), (4,'birthdate'::text), (5,'death_date'::text), (6,'ethnicity'::text), (7,'country'::text), (8,'eye_color'::text), (9,'hair_color'::text), (10,'height_cm'::text), (11,'weight'::text), (12,'measurements'::text), (13,'fake_tits'::text), (14,'penis_length'::text), (15,'circumcised'::text), (16,'career_length'::text), (17,'career_start'::text), (18,'career_end'::text), (19,'tattoos'::text), (20,'piercings'::text), (21,'details'::text), (22,'rating100'::text), (23,'favorite'::text), (24,'ignore_auto_tag'::text), (25,'image_path'::text), (26,'custom_fields'::text), (27,'created_at'::text), (28,'updated_at'::text)) f(n, field))
  WHERE ((s.entity = 'performers'::text) AND (s.rules[f.n] IS NOT NULL))
UNION ALL
 SELECT 'performers'::text AS entity,
    c.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
    'only'::text AS rule
   FROM ((catalog.performers c
     JOIN catalog.members m ON ((m.canonical_id = c.id)))
     CROSS JOIN LATERAL ( VALUES ('name'::text,(c.name IS NOT NULL)), ('disambiguation'::text,(c.disambiguation IS NOT NULL)), ('gender'::text,(c.gender IS NOT NULL)), ('birthdate'::text,(c.birthdate_text IS NOT NULL)), ('death_date'::text,(c.death_date_text IS NOT NULL)), ('ethnicity'::text,(c.ethnicity IS NOT NULL)), ('country'::text,(c.country IS NOT NULL)), ('eye_color'::text,(c.eye_color IS NOT NULL)), ('hair_color'::text,(c.hair_color IS NOT NULL)), ('height_cm'::text,(c.height_cm IS NOT NULL)), ('weight'::text,(c.weight IS NOT NULL)), ('measurements'::text,(c.measurements IS NOT NULL)), ('fake_tits'::text,(c.fake_tits IS NOT NULL)), ('penis_length'::text,(c.penis_length IS NOT NULL)), ('circumcised'::text,(c.circumcised IS NOT NULL)), ('career_length'::text,(c.career_length IS NOT NULL)), ('career_start'::text,(c.career_start_text IS NOT NULL)), ('career_end'::text,(c.career_end_text IS NOT NULL)), ('tattoos'::text,(c.tattoos IS NOT NULL)), ('piercings'::text,(c.piercings IS NOT NULL)), ('details'::text,(c.details IS NOT NULL)), ('rating100'::text,(c.rating100 IS NOT NULL)), ('favorite'::text,(c.favorite IS NOT NULL)), ('ignore_auto_tag'::text,(c.ignore_auto_tag IS NOT NULL)), ('image_path'::text,(c.image_path IS NOT NULL)), ('custom_fields'::text,(c.custom_fields IS NOT NULL)), ('created_at'::text,(c.created_at IS NOT NULL)), ('updated_at'::text,(c.updated_at IS NOT NULL))) f(field, present))
  WHERE ((c.objects = 1) AND f.present)
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    s.instance_ids[f.n] AS instance_id,
    s.object_ids[f.n] AS object_id,
    s.rules[f.n] AS rule
   FROM (catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text), (2,'aliases'::text), (3,'duration'::text), (4,'date'::text), (5,'rating100'::text), (6,'director'::text), (7,'synopsis'::text), (8,'front_image_path'::text), (9,'back_image_path'::text), (10,'custom_fields'::text), (11,'created_at'::text), (12,'updated_at'::text), (13,'studio'::text)) f(n, field))
  WHERE ((s.entity = 'groups'::text) AND (s.rules[f.n] IS NOT NULL))
UNION ALL
 SELECT 'groups'::text AS entity,
    c.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
    'only'::text AS rule
   FROM ((catalog.groups c
     JOIN catalog.members m ON ((m.canonical_id = c.id)))
     CROSS JOIN LATERAL ( VALUES ('name'::text,(c.name IS NOT NULL)), ('aliases'::text,(c.aliases IS NOT NULL)), ('duration'::text,(c.duration IS NOT NULL)), ('date'::text,(c.date_text IS NOT NULL)), ('rating100'::text,(c.rating100 IS NOT NULL)), ('director'::text,(c.director IS NOT NULL)), ('synopsis'::text,(c.synopsis IS NOT NULL)), ('front_image_path'::text,(c.front_image_path IS NOT NULL)), ('back_image_path'::text,(c.back_image_path IS NOT NULL)), ('custom_fields'::text,(c.custom_fields IS NOT NULL)), ('created_at'::text,(c.created_at IS NOT NULL)), ('updated_at'::text,(c.updated_at IS NOT NULL)), ('studio'::text,(c.studio_id IS NOT NULL))) f(field, present))
  WHERE ((c.objects = 1) AND f.present)
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    s.instance_ids[f.n] AS instance_id,
    s.object_ids[f.n] AS object_id,
    s.rules[f.n] AS rule
   FROM (catalog.sources s
     CROSS JOIN ( VALUES (1,'title'::text), (2,'code'::text), (3,'details'::text), (4,'photographer'::text), (5,'date'::text), (6,'rating100'::text), (7,'o_counter'::text), (8,'organized'::text), (9,'image_path'::text), (10,'thumbnail_path'::text), (11,'preview_path'::text), (12,'custom_fields'::text), (13,'created_at'::text), (14,'updated_at'::text), (15,'studio'::text)) f(n, field))
  WHERE ((s.entity = 'images'::text) AND (s.rules[f.n] IS NOT NULL))
UNION ALL
 SELECT 'images'::text AS entity,
    c.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
    'only'::text AS rule
   FROM ((catalog.images c
     JOIN catalog.members m ON ((m.canonical_id = c.id)))
     CROSS JOIN LATERAL ( VALUES ('title'::text,(c.title IS NOT NULL)), ('code'::text,(c.code IS NOT NULL)), ('details'::text,(c.details IS NOT NULL)), ('photographer'::text,(c.photographer IS NOT NULL)), ('date'::text,(c.date_text IS NOT NULL)), ('rating100'::text,(c.rating100 IS NOT NULL)), ('o_counter'::text,(c.o_counter IS NOT NULL)), ('organized'::text,(c.organized IS NOT NULL)), ('image_path'::text,(c.image_path IS NOT NULL)), ('thumbnail_path'::text,(c.thumbnail_path IS NOT NULL)), ('preview_path'::text,(c.preview_path IS NOT NULL)), ('custom_fields'::text,(c.custom_fields IS NOT NULL)), ('created_at'::text,(c.created_at IS NOT NULL)), ('updated_at'::text,(c.updated_at IS NOT NULL)), ('studio'::text,(c.studio_id IS NOT NULL))) f(field, present))
  WHERE ((c.objects = 1) AND f.present)
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    s.instance_ids[f.n] AS instance_id,
    s.object_ids[f.n] AS object_id,
    s.rules[f.n] AS rule
   FROM (catalog.sources s
     CROSS JOIN ( VALUES (1,'title'::text), (2,'code'::text), (3,'details'::text), (4,'photographer'::text), (5,'date'::text), (6,'rating100'::text), (7,'organized'::text), (8,'cover_path'::text), (9,'preview_path'::text), (10,'custom_fields'::text), (11,'created_at'::text), (12,'updated_at'::text), (13,'studio'::text), (14,'cover'::text)) f(n, field))
  WHERE ((s.entity = 'galleries'::text) AND (s.rules[f.n] IS NOT NULL))
UNION ALL
 SELECT 'galleries'::text AS entity,
    c.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
    'only'::text AS rule
   FROM ((catalog.galleries c
     JOIN catalog.members m ON ((m.canonical_id = c.id)))
     CROSS JOIN LATERAL ( VALUES ('title'::text,(c.title IS NOT NULL)), ('code'::text,(c.code IS NOT NULL)), ('details'::text,(c.details IS NOT NULL)), ('photographer'::text,(c.photographer IS NOT NULL)), ('date'::text,(c.date_text IS NOT NULL)), ('rating100'::text,(c.rating100 IS NOT NULL)), ('organized'::text,(c.organized IS NOT NULL)), ('cover_path'::text,(c.cover_path IS NOT NULL)), ('preview_path'::text,(c.preview_path IS NOT NULL)), ('custom_fields'::text,(c.custom_fields IS NOT NULL)), ('created_at'::text,(c.created_at IS NOT NULL)), ('updated_at'::text,(c.updated_at IS NOT NULL)), ('studio'::text,(c.studio_id IS NOT NULL)), ('cover'::text,(c.cover_id IS NOT NULL))) f(field, present))
  WHERE ((c.objects = 1) AND f.present)
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    s.instance_ids[f.n] AS instance_id,
    s.object_ids[f.n] AS object_id,
    s.rules[f.n] AS rule
   FROM (catalog.sources s
     CROSS JOIN ( VALUES (1,'title'::text), (2,'code'::text), (3,'details'::text), (4,'director'::text), (5,'date'::text), (6,'rating100'::text), (7,'organized'::text), (8,'o_counter'::text), (9,'play_count'::text), (10,'play_duration'::text), (11,'resume_time'::text), (12,'last_played_at'::text), (13,'interactive'::text), (14,'interactive_speed'::text), (15,'screenshot_path'::text), (16,'preview_path'::text), (17,'webp_path'::text), (18,'vtt_path'::text), (19,'sprite_path'::text), (20,'funscript_path'::text), (21,'interactive_heatmap_path'::text), (22,'caption_path'::text), (23,'custom_fields'::text), (24,'created_at'::text), (25,'updated_at'::text), (26,'studio'::text)) f(n, field))
  WHERE ((s.entity = 'scenes'::text) AND (s.rules[f.n] IS NOT NULL))
UNION ALL
 SELECT 'scenes'::text AS entity,
    c.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
    'only'::text AS rule
   FROM ((catalog.scenes c
     JOIN catalog.members m ON ((m.canonical_id = c.id)))
     CROSS JOIN LATERAL ( VALUES ('title'::text,(c.title IS NOT NULL)), ('code'::text,(c.code IS NOT NULL)), ('details'::text,(c.details IS NOT NULL)), ('director'::text,(c.director IS NOT NULL)), ('date'::text,(c.date_text IS NOT NULL)), ('rating100'::text,(c.rating100 IS NOT NULL)), ('organized'::text,(c.organized IS NOT NULL)), ('o_counter'::text,(c.o_counter IS NOT NULL)), ('play_count'::text,(c.play_count IS NOT NULL)), ('play_duration'::text,(c.play_duration IS NOT NULL)), ('resume_time'::text,(c.resume_time IS NOT NULL)), ('last_played_at'::text,(c.last_played_at IS NOT NULL)), ('interactive'::text,(c.interactive IS NOT NULL)), ('interactive_speed'::text,(c.interactive_speed IS NOT NULL)), ('screenshot_path'::text,(c.screenshot_path IS NOT NULL)), ('preview_path'::text,(c.preview_path IS NOT NULL)), ('webp_path'::text,(c.webp_path IS NOT NULL)), ('vtt_path'::text,(c.vtt_path IS NOT NULL)), ('sprite_path'::text,(c.sprite_path IS NOT NULL)), ('funscript_path'::text,(c.funscript_path IS NOT NULL)), ('interactive_heatmap_path'::text,(c.interactive_heatmap_path IS NOT NULL)), ('caption_path'::text,(c.caption_path IS NOT NULL)), ('custom_fields'::text,(c.custom_fields IS NOT NULL)), ('created_at'::text,(c.created_at IS NOT NULL)), ('updated_at'::text,(c.updated_at IS NOT NULL)), ('studio'::text,(c.studio_id IS NOT NULL))) f(field, present))
  WHERE ((c.objects = 1) AND f.present);

COMMENT ON VIEW catalog.provenance IS 'Of which object each field of a record is, and the rule that decided; only: no other member has a value, agreed: all values are equal.';

CREATE VIEW catalog.conflicts AS
SELECT s.entity,
    s.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
        CASE f.n
            WHEN 1 THEN to_jsonb(o.name)
            WHEN 2 THEN to_jsonb(o.sort_name)
            WHEN 3 THEN to_jsonb(o.description)
            ELSE NULL::jsonb
        END AS value,
    ((m.instance_id = s.instance_ids[f.n]) AND (m.id = s.object_ids[f.n])) AS survives,
    s.rules[f.n] AS rule
   FROM (((catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text), (2,'sort_name'::text), (3,'description'::text)) f(n, field))
     JOIN catalog.members m ON ((m.canonical_id = s.id)))
     JOIN stash.tags o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE ((s.entity = 'tags'::text) AND (s.rules[f.n] = ANY (ARRAY['choice'::text, 'stash_box'::text, 'own_picture'::text, 'priority'::text, 'played_last'::text, 'precise'::text, 'newest'::text, 'longest'::text, 'lowest'::text])))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
        CASE f.n
            WHEN 1 THEN to_jsonb(o.name)
            WHEN 2 THEN to_jsonb(o.details)
            WHEN 3 THEN to_jsonb(o.rating100)
            WHEN 11 THEN ( SELECT to_jsonb(t.canonical_id) AS to_jsonb
               FROM catalog.members t
              WHERE ((t.entity = 'studios'::text) AND (t.instance_id = o.instance_id) AND (t.id = o.parent_studio_id)))
            ELSE NULL::jsonb
        END AS value,
    ((m.instance_id = s.instance_ids[f.n]) AND (m.id = s.object_ids[f.n])) AS survives,
    s.rules[f.n] AS rule
   FROM (((catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text), (2,'details'::text), (3,'rating100'::text), (11,'parent_studio'::text)) f(n, field))
     JOIN catalog.members m ON ((m.canonical_id = s.id)))
     JOIN stash.studios o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE ((s.entity = 'studios'::text) AND (s.rules[f.n] = ANY (ARRAY['choice'::text, 'stash_box'::text, 'own_picture'::text, 'priority'::text, 'played_last'::text, 'precise'::text, 'newest'::text, 'longest'::text, 'lowest'::text])))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
        CASE f.n
            WHEN 1 THEN to_jsonb(o.name)
            WHEN 2 THEN to_jsonb(o.disambiguation)
            WHEN 3 THEN to_jsonb(o.gender)
            WHEN 4 THEN to_jsonb(o.birthdate_text)
            WHEN 5 THEN to_jsonb(o.death_date_text)
            WHEN 6 THEN to_jsonb(o.ethnicity)
            WHEN 7 THEN to_jsonb(o.country)
            WHEN 8 THEN to_jsonb(o.eye_color)
            WHEN 9 THEN to_jsonb(o.hair_color)
            WHEN 10 THEN to_jsonb(o.height_cm)
            WHEN 11 THEN to_jsonb(o.weight)
            WHEN 12 THEN to_jsonb(o.measurements)
            WHEN 13 THEN to_jsonb(o.fake_tits)
            WHEN 14 THEN to_jsonb(o.penis_length)
            WHEN 15 THEN to_jsonb(o.circumcised)
            WHEN 16 THEN to_jsonb(o.career_length)
            WHEN 17 THEN to_jsonb(o.career_start_text)
            WHEN 18 THEN to_jsonb(o.career_end_text)
            WHEN 19 THEN to_jsonb(o.tattoos)
            WHEN 20 THEN to_jsonb(o.piercings)
            WHEN 21 THEN to_jsonb(o.details)
            WHEN 22 THEN to_jsonb(o.rating100)
            ELSE NULL::jsonb
        END AS value,
    ((m.instance_id = s.instance_ids[f.n]) AND (m.id = s.object_ids[f.n])) AS survives,
    s.rules[f.n] AS rule
   FROM (((catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text), (2,'disambiguation'::text), (3,'gender'::text), (4,'birthdate'::text), (5,'death_date'::text), (6,'ethnicity'::text), (7,'country'::text), (8,'eye_color'::text), (9,'hair_color'::text), (10,'height_cm'::text), (11,'weight'::text), (12,'measurements'::text), (13,'fake_tits'::text), (14,'penis_length'::text), (15,'circumcised'::text), (16,'career_length'::text), (17,'career_start'::text), (18,'career_end'::text), (19,'tattoos'::text), (20,'piercings'::text), (21,'details'::text), (22,'rating100'::text)) f(n, field))
     JOIN catalog.members m ON ((m.canonical_id = s.id)))
     JOIN stash.performers o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE ((s.entity = 'performers'::text) AND (s.rules[f.n] = ANY (ARRAY['choice'::text, 'stash_box'::text, 'own_picture'::text, 'priority'::text, 'played_last'::text, 'precise'::text, 'newest'::text, 'longest'::text, 'lowest'::text])))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
        CASE f.n
            WHEN 1 THEN to_jsonb(o.name)
            WHEN 2 THEN to_jsonb(o.aliases)
            WHEN 3 THEN to_jsonb(o.duration)
            WHEN 4 THEN to_jsonb(o.date_text)
            WHEN 5 THEN to_jsonb(o.rating100)
            WHEN 6 THEN to_jsonb(o.director)
            WHEN 7 THEN to_jsonb(o.synopsis)
            WHEN 13 THEN ( SELECT to_jsonb(t.canonical_id) AS to_jsonb
               FROM catalog.members t
              WHERE ((t.entity = 'studios'::text) AND (t.instance_id = o.instance_id) AND (t.id = o.studio_id)))
            ELSE NULL::jsonb
        END AS value,
    ((m.instance_id = s.instance_ids[f.n]) AND (m.id = s.object_ids[f.n])) AS survives,
    s.rules[f.n] AS rule
   FROM (((catalog.sources s
     CROSS JOIN ( VALUES (1,'name'::text), (2,'aliases'::text), (3,'duration'::text), (4,'date'::text), (5,'rating100'::text), (6,'director'::text), (7,'synopsis'::text), (13,'studio'::text)) f(n, field))
     JOIN catalog.members m ON ((m.canonical_id = s.id)))
     JOIN stash.groups o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE ((s.entity = 'groups'::text) AND (s.rules[f.n] = ANY (ARRAY['choice'::text, 'stash_box'::text, 'own_picture'::text, 'priority'::text, 'played_last'::text, 'precise'::text, 'newest'::text, 'longest'::text, 'lowest'::text])))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
        CASE f.n
            WHEN 1 THEN to_jsonb(o.title)
            WHEN 2 THEN to_jsonb(o.code)
            WHEN 3 THEN to_jsonb(o.details)
            WHEN 4 THEN to_jsonb(o.photographer)
            WHEN 5 THEN to_jsonb(o.date_text)
            WHEN 6 THEN to_jsonb(o.rating100)
            WHEN 15 THEN ( SELECT to_jsonb(t.canonical_id) AS to_jsonb
               FROM catalog.members t
              WHERE ((t.entity = 'studios'::text) AND (t.instance_id = o.instance_id) AND (t.id = o.studio_id)))
            ELSE NULL::jsonb
        END AS value,
    ((m.instance_id = s.instance_ids[f.n]) AND (m.id = s.object_ids[f.n])) AS survives,
    s.rules[f.n] AS rule
   FROM (((catalog.sources s
     CROSS JOIN ( VALUES (1,'title'::text), (2,'code'::text), (3,'details'::text), (4,'photographer'::text), (5,'date'::text), (6,'rating100'::text), (15,'studio'::text)) f(n, field))
     JOIN catalog.members m ON ((m.canonical_id = s.id)))
     JOIN stash.images o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE ((s.entity = 'images'::text) AND (s.rules[f.n] = ANY (ARRAY['choice'::text, 'stash_box'::text, 'own_picture'::text, 'priority'::text, 'played_last'::text, 'precise'::text, 'newest'::text, 'longest'::text, 'lowest'::text])))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
        CASE f.n
            WHEN 1 THEN to_jsonb(o.title)
            WHEN 2 THEN to_jsonb(o.code)
            WHEN 3 THEN to_jsonb(o.details)
            WHEN 4 THEN to_jsonb(o.photographer)
            WHEN 5 THEN to_jsonb(o.date_text)
            WHEN 6 THEN to_jsonb(o.rating100)
            WHEN 13 THEN ( SELECT to_jsonb(t.canonical_id) AS to_jsonb
               FROM catalog.members t
              WHERE ((t.entity = 'studios'::text) AND (t.instance_id = o.instance_id) AND (t.id = o.studio_id)))
            WHEN 14 THEN ( SELECT to_jsonb(t.canonical_id) AS to_jsonb
               FROM catalog.members t
              WHERE ((t.entity = 'images'::text) AND (t.instance_id = o.instance_id) AND (t.id = o.cover_id)))
            ELSE NULL::jsonb
        END AS value,
    ((m.instance_id = s.instance_ids[f.n]) AND (m.id = s.object_ids[f.n])) AS survives,
    s.rules[f.n] AS rule
   FROM (((catalog.sources s
     CROSS JOIN ( VALUES (1,'title'::text), (2,'code'::text), (3,'details'::text), (4,'photographer'::text), (5,'date'::text), (6,'rating100'::text), (13,'studio'::text), (14,'cover'::text)) f(n, field))
     JOIN catalog.members m ON ((m.canonical_id = s.id)))
     JOIN stash.galleries o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE ((s.entity = 'galleries'::text) AND (s.rules[f.n] = ANY (ARRAY['choice'::text, 'stash_box'::text, 'own_picture'::text, 'priority'::text, 'played_last'::text, 'precise'::text, 'newest'::text, 'longest'::text, 'lowest'::text])))
UNION ALL
 SELECT s.entity,
    s.id,
    f.field,
    m.instance_id,
    m.id AS object_id,
        CASE f.n
            WHEN 1 THEN to_jsonb(o.title)
            WHEN 2 THEN to_jsonb(o.code)
            WHEN 3 THEN to_jsonb(o.details)
            WHEN 4 THEN to_jsonb(o.director)
            WHEN 5 THEN to_jsonb(o.date_text)
            WHEN 6 THEN to_jsonb(o.rating100)
            WHEN 14 THEN to_jsonb(o.interactive_speed)
            WHEN 26 THEN ( SELECT to_jsonb(t.canonical_id) AS to_jsonb
               FROM catalog.members t
              WHERE ((t.entity = 'studios'::text) AND (t.instance_id = o.instance_id) AND (t.id = o.studio_id)))
            ELSE NULL::jsonb
        END AS value,
    ((m.instance_id = s.instance_ids[f.n]) AND (m.id = s.object_ids[f.n])) AS survives,
    s.rules[f.n] AS rule
   FROM (((catalog.sources s
     CROSS JOIN ( VALUES (1,'title'::text), (2,'code'::text), (3,'details'::text), (4,'director'::text), (5,'date'::text), (6,'rating100'::text), (14,'interactive_speed'::text), (26,'studio'::text)) f(n, field))
     JOIN catalog.members m ON ((m.canonical_id = s.id)))
     JOIN stash.scenes o ON (((o.instance_id = m.instance_id) AND (o.id = m.id))))
  WHERE ((s.entity = 'scenes'::text) AND (s.rules[f.n] = ANY (ARRAY['choice'::text, 'stash_box'::text, 'own_picture'::text, 'priority'::text, 'played_last'::text, 'precise'::text, 'newest'::text, 'longest'::text, 'lowest'::text])));

COMMENT ON VIEW catalog.conflicts IS 'The fields on which the members of a record disagree: one row per member, with its value.';
