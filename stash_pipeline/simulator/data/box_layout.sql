CREATE TABLE users (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);

CREATE TABLE site_categories (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    sort_order INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE sites (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT,
    url TEXT,
    regex TEXT,
    valid_types TEXT NOT NULL,
    category_id INTEGER REFERENCES site_categories (id),
    highlighted INTEGER NOT NULL DEFAULT 0,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE images (
    id TEXT PRIMARY KEY,
    url TEXT,
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    checksum TEXT UNIQUE
);

CREATE TABLE studios (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    parent_studio_id TEXT REFERENCES studios (id) ON DELETE CASCADE,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX studios_parent ON studios (parent_studio_id);

CREATE TABLE studio_aliases (
    studio_id TEXT NOT NULL REFERENCES studios (id) ON DELETE CASCADE,
    alias TEXT NOT NULL UNIQUE
);
CREATE INDEX studio_aliases_studio ON studio_aliases (studio_id);

CREATE TABLE studio_urls (
    studio_id TEXT NOT NULL REFERENCES studios (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    site_id TEXT NOT NULL REFERENCES sites (id),
    UNIQUE (studio_id, url)
);

CREATE TABLE studio_images (
    studio_id TEXT NOT NULL REFERENCES studios (id) ON DELETE CASCADE,
    image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    UNIQUE (studio_id, image_id)
);

CREATE TABLE performers (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    disambiguation TEXT,
    gender TEXT,
    ethnicity TEXT,
    country TEXT,
    eye_color TEXT,
    hair_color TEXT,
    height INTEGER,
    cup_size TEXT,
    band_size INTEGER,
    hip_size INTEGER,
    waist_size INTEGER,
    breast_type TEXT,
    career_start_year INTEGER,
    career_end_year INTEGER,
    birthdate TEXT,
    deathdate TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX performers_name ON performers (name, disambiguation) WHERE NOT deleted;

CREATE TABLE performer_aliases (
    performer_id TEXT NOT NULL REFERENCES performers (id) ON DELETE CASCADE,
    alias TEXT NOT NULL,
    UNIQUE (performer_id, alias)
);

CREATE TABLE performer_urls (
    performer_id TEXT NOT NULL REFERENCES performers (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    site_id TEXT NOT NULL REFERENCES sites (id),
    UNIQUE (performer_id, url)
);

CREATE TABLE performer_images (
    performer_id TEXT NOT NULL REFERENCES performers (id) ON DELETE CASCADE,
    image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    UNIQUE (performer_id, image_id)
);

CREATE TABLE performer_tattoos (
    performer_id TEXT NOT NULL REFERENCES performers (id) ON DELETE CASCADE,
    location TEXT NOT NULL,
    description TEXT
);
CREATE INDEX performer_tattoos_performer ON performer_tattoos (performer_id);

CREATE TABLE performer_piercings (
    performer_id TEXT NOT NULL REFERENCES performers (id) ON DELETE CASCADE,
    location TEXT NOT NULL,
    description TEXT
);
CREATE INDEX performer_piercings_performer ON performer_piercings (performer_id);

CREATE TABLE tag_categories (
    id TEXT PRIMARY KEY,
    "group" TEXT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    description TEXT
);

CREATE TABLE tags (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    description TEXT,
    category_id TEXT REFERENCES tag_categories (id),
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX tags_name ON tags (name) WHERE NOT deleted;

CREATE TABLE tag_aliases (
    tag_id TEXT NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    alias TEXT NOT NULL UNIQUE
);
CREATE INDEX tag_aliases_tag ON tag_aliases (tag_id);

CREATE TABLE scenes (
    id TEXT PRIMARY KEY,
    title TEXT,
    details TEXT,
    date TEXT,
    production_date TEXT,
    studio_id TEXT REFERENCES studios (id) ON DELETE SET NULL,
    duration INTEGER,
    director TEXT,
    code TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    deleted INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX scenes_studio ON scenes (studio_id);
CREATE INDEX scenes_date ON scenes (date);

CREATE TABLE scene_performers (
    scene_id TEXT NOT NULL REFERENCES scenes (id) ON DELETE CASCADE,
    performer_id TEXT NOT NULL REFERENCES performers (id) ON DELETE CASCADE,
    "as" TEXT,
    UNIQUE (scene_id, performer_id)
);
CREATE INDEX scene_performers_performer ON scene_performers (performer_id);

CREATE TABLE scene_tags (
    scene_id TEXT NOT NULL REFERENCES scenes (id) ON DELETE CASCADE,
    tag_id TEXT NOT NULL REFERENCES tags (id) ON DELETE CASCADE,
    UNIQUE (scene_id, tag_id)
);
CREATE INDEX scene_tags_tag ON scene_tags (tag_id);

CREATE TABLE scene_urls (
    scene_id TEXT NOT NULL REFERENCES scenes (id) ON DELETE CASCADE,
    url TEXT NOT NULL,
    site_id TEXT NOT NULL REFERENCES sites (id),
    UNIQUE (scene_id, url)
);
CREATE INDEX scene_urls_url ON scene_urls (url);

CREATE TABLE scene_images (
    scene_id TEXT NOT NULL REFERENCES scenes (id) ON DELETE CASCADE,
    image_id TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    UNIQUE (scene_id, image_id)
);

-- hash is the signed 64-bit value, as in SQLite's integers; other algorithms than these do not exist
CREATE TABLE fingerprints (
    id INTEGER PRIMARY KEY,
    hash INTEGER NOT NULL,
    algorithm TEXT NOT NULL CHECK (algorithm IN ('OSHASH', 'PHASH')),
    UNIQUE (hash, algorithm)
);

CREATE TABLE scene_fingerprints (
    fingerprint_id INTEGER NOT NULL REFERENCES fingerprints (id) ON DELETE CASCADE,
    scene_id TEXT NOT NULL REFERENCES scenes (id) ON DELETE CASCADE,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    duration INTEGER NOT NULL,
    vote INTEGER NOT NULL DEFAULT 1 CHECK (vote IN (1, -1)),
    created_at TEXT NOT NULL,
    UNIQUE (scene_id, user_id, fingerprint_id)
);
CREATE INDEX scene_fingerprints_fingerprint ON scene_fingerprints (fingerprint_id, scene_id);

CREATE TABLE scene_redirects (
    source_id TEXT PRIMARY KEY REFERENCES scenes (id) ON DELETE CASCADE,
    target_id TEXT NOT NULL REFERENCES scenes (id) ON DELETE CASCADE
);
CREATE TABLE performer_redirects (
    source_id TEXT PRIMARY KEY REFERENCES performers (id) ON DELETE CASCADE,
    target_id TEXT NOT NULL REFERENCES performers (id) ON DELETE CASCADE
);
CREATE INDEX performer_redirects_target ON performer_redirects (target_id);
CREATE TABLE studio_redirects (
    source_id TEXT PRIMARY KEY REFERENCES studios (id) ON DELETE CASCADE,
    target_id TEXT NOT NULL REFERENCES studios (id) ON DELETE CASCADE
);
CREATE TABLE tag_redirects (
    source_id TEXT PRIMARY KEY REFERENCES tags (id) ON DELETE CASCADE,
    target_id TEXT NOT NULL REFERENCES tags (id) ON DELETE CASCADE
);

CREATE TABLE edits (
    id TEXT PRIMARY KEY,
    user_id TEXT REFERENCES users (id),
    operation TEXT NOT NULL,
    target_type TEXT NOT NULL,
    data TEXT NOT NULL,
    votes INTEGER NOT NULL DEFAULT 0,
    status TEXT NOT NULL,
    applied INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    updated_at TEXT,
    closed_at TEXT,
    bot INTEGER NOT NULL DEFAULT 0,
    update_count INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE scene_edits (
    edit_id TEXT NOT NULL REFERENCES edits (id) ON DELETE CASCADE,
    scene_id TEXT NOT NULL REFERENCES scenes (id) ON DELETE CASCADE
);
CREATE TABLE performer_edits (
    edit_id TEXT NOT NULL REFERENCES edits (id) ON DELETE CASCADE,
    performer_id TEXT NOT NULL REFERENCES performers (id) ON DELETE CASCADE
);
CREATE TABLE studio_edits (
    edit_id TEXT NOT NULL REFERENCES edits (id) ON DELETE CASCADE,
    studio_id TEXT NOT NULL REFERENCES studios (id) ON DELETE CASCADE
);
CREATE TABLE tag_edits (
    edit_id TEXT NOT NULL REFERENCES edits (id) ON DELETE CASCADE,
    tag_id TEXT NOT NULL REFERENCES tags (id) ON DELETE CASCADE
);
