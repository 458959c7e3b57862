CREATE TABLE search.documents (
    id UUID NOT NULL,
    entity TEXT NOT NULL,
    revision BIGINT NOT NULL,
    title TEXT NOT NULL,
    disambiguation TEXT NOT NULL,
    aliases TEXT[] NOT NULL,
    code TEXT NOT NULL,
    details TEXT NOT NULL,
    files TEXT[] NOT NULL,
    hosts TEXT[] NOT NULL,
    people TEXT[] NOT NULL,
    people_aliases TEXT[] NOT NULL,
    tags TEXT[] NOT NULL,
    tag_aliases TEXT[] NOT NULL,
    studios TEXT[] NOT NULL,
    studio_aliases TEXT[] NOT NULL,
    groups TEXT[] NOT NULL,
    markers TEXT[] NOT NULL,
    instance_ids INTEGER[] NOT NULL,
    studio_id UUID,
    studio_ids UUID[] NOT NULL,
    performer_ids UUID[] NOT NULL,
    tag_ids UUID[] NOT NULL,
    all_tag_ids UUID[] NOT NULL,
    marker_tag_ids UUID[] NOT NULL,
    own_marker_tag_ids UUID[] NOT NULL,
    group_ids UUID[] NOT NULL,
    scene_id UUID,
    genders TEXT[] NOT NULL,
    date DATE,
    height INTEGER,
    duration BIGINT,
    size BIGINT,
    rating INTEGER,
    plays BIGINT,
    o_count BIGINT,
    organized BOOLEAN,
    favorite BOOLEAN,
    has_markers BOOLEAN,
    video_codecs TEXT[] NOT NULL,
    stash_box TEXT,
    seconds BIGINT,
    created_at TIMESTAMP WITH TIME ZONE,
    updated_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT documents_pkey PRIMARY KEY (id)
);

COMMENT ON TABLE search.documents IS 'What the search knows of each record of the catalog and of each scene marker; an index is made of them.';

COMMENT ON COLUMN search.documents.id IS 'of the record in catalog; of a marker, derived from its server and id';

COMMENT ON COLUMN search.documents.entity IS 'of the catalog, or scene_markers';

COMMENT ON COLUMN search.documents.revision IS 'of the object log, when the document last changed';

COMMENT ON COLUMN search.documents.title IS 'title or name; else the name of the primary file; of a marker else that of its primary tag';

COMMENT ON COLUMN search.documents.details IS 'details, description or synopsis';

COMMENT ON COLUMN search.documents.files IS 'names without folders';

COMMENT ON COLUMN search.documents.hosts IS 'of the urls';

COMMENT ON COLUMN search.documents.people IS 'performers, then director or photographer';

COMMENT ON COLUMN search.documents.tags IS 'names of the tags, then of all their ancestors';

COMMENT ON COLUMN search.documents.studios IS 'names of the studio and of its parents, from the nearest';

COMMENT ON COLUMN search.documents.markers IS 'titles of the markers of a scene, and names of their tags';

COMMENT ON COLUMN search.documents.instance_ids IS '→ ops.instances.id';

COMMENT ON COLUMN search.documents.studio_id IS '→ catalog.studios.id';

COMMENT ON COLUMN search.documents.studio_ids IS 'the studio and its parents';

COMMENT ON COLUMN search.documents.performer_ids IS '→ catalog.performers.id';

COMMENT ON COLUMN search.documents.tag_ids IS '→ catalog.tags.id';

COMMENT ON COLUMN search.documents.all_tag_ids IS 'the tags and all their ancestors';

COMMENT ON COLUMN search.documents.marker_tag_ids IS 'of a scene: the tags of its markers and all their ancestors';

COMMENT ON COLUMN search.documents.own_marker_tag_ids IS 'of a scene: the tags that its markers have themselves';

COMMENT ON COLUMN search.documents.group_ids IS '→ catalog.groups.id';

COMMENT ON COLUMN search.documents.scene_id IS '→ catalog.scenes.id';

COMMENT ON COLUMN search.documents.date IS 'first day of the period that is known; of a performer, the birthdate';

COMMENT ON COLUMN search.documents.height IS 'pixels of the shorter side, of the best file';

COMMENT ON COLUMN search.documents.duration IS 'milliseconds';

COMMENT ON COLUMN search.documents.size IS 'bytes of all files';

COMMENT ON COLUMN search.documents.rating IS '0 to 100';

COMMENT ON COLUMN search.documents.has_markers IS 'of scenes';

COMMENT ON COLUMN search.documents.stash_box IS 'linked, candidate or none; null for entities that boxes do not have';

COMMENT ON COLUMN search.documents.seconds IS 'milliseconds at which a marker begins';

CREATE INDEX documents_entity_idx ON search.documents (entity);

CREATE INDEX documents_revision_idx ON search.documents (revision);

CREATE TABLE search.indexes (
    backend TEXT NOT NULL,
    version TEXT NOT NULL,
    token TEXT NOT NULL,
    revision BIGINT NOT NULL,
    documents BIGINT NOT NULL,
    bytes BIGINT,
    followed_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    error TEXT,
    failed_at TIMESTAMP WITH TIME ZONE,
    CONSTRAINT indexes_pkey PRIMARY KEY (backend)
);

COMMENT ON TABLE search.indexes IS 'What the search index held when it last followed.';

COMMENT ON COLUMN search.indexes.backend IS 'tantivy or typesense';

COMMENT ON COLUMN search.indexes.version IS 'of how documents are indexed; empty if it never followed';

COMMENT ON COLUMN search.indexes.token IS 'of the state that it holds, see search.states';

COMMENT ON COLUMN search.indexes.revision IS 'of that state';

COMMENT ON COLUMN search.indexes.bytes IS 'on disk; null if the back end does not tell';

COMMENT ON COLUMN search.indexes.error IS 'why the last attempt failed; null if it succeeded';

CREATE TABLE search.marker_tags (
    tag_id UUID NOT NULL,
    scene_id UUID NOT NULL,
    seconds BIGINT NOT NULL,
    marker_id UUID NOT NULL,
    instance_id INTEGER NOT NULL,
    end_seconds BIGINT,
    own BOOLEAN NOT NULL,
    CONSTRAINT marker_tags_pkey PRIMARY KEY (tag_id, scene_id, seconds, marker_id)
);

COMMENT ON TABLE search.marker_tags IS 'Tags of scene markers, with all ancestors of the tags.';

COMMENT ON COLUMN search.marker_tags.tag_id IS '→ catalog.tags.id';

COMMENT ON COLUMN search.marker_tags.scene_id IS '→ catalog.scenes.id';

COMMENT ON COLUMN search.marker_tags.seconds IS 'milliseconds at which the marker begins';

COMMENT ON COLUMN search.marker_tags.marker_id IS '→ search.documents.id';

COMMENT ON COLUMN search.marker_tags.instance_id IS 'ops.instances.id';

COMMENT ON COLUMN search.marker_tags.end_seconds IS 'milliseconds at which it ends';

COMMENT ON COLUMN search.marker_tags.own IS 'whether the marker has the tag itself, not only one below it';

CREATE INDEX marker_tags_marker_idx ON search.marker_tags (marker_id);

CREATE TABLE search.row_counts (
    entity TEXT NOT NULL,
    rows BIGINT NOT NULL,
    CONSTRAINT row_counts_pkey PRIMARY KEY (entity)
);

COMMENT ON TABLE search.row_counts IS 'Documents per entity, kept because counting would grow with the library.';

CREATE TABLE search.states (
    id BIGINT GENERATED ALWAYS AS IDENTITY,
    token UUID NOT NULL,
    revision BIGINT NOT NULL,
    created_at TIMESTAMP WITH TIME ZONE DEFAULT now() NOT NULL,
    CONSTRAINT states_pkey PRIMARY KEY (id)
);

COMMENT ON TABLE search.states IS 'The latest states of the documents. An index of one of them can follow; any other is made again.';

COMMENT ON COLUMN search.states.token IS 'of the transaction that changed documents';

COMMENT ON COLUMN search.states.revision IS 'of the object log, that the documents reached';

CREATE UNIQUE INDEX states_token_idx ON search.states (token);

CREATE TABLE search.vanished (
    id UUID NOT NULL,
    entity TEXT NOT NULL,
    revision BIGINT NOT NULL,
    CONSTRAINT vanished_pkey PRIMARY KEY (id)
);

COMMENT ON TABLE search.vanished IS 'Documents that are no more; kept as long as an index can follow.';

COMMENT ON COLUMN search.vanished.id IS 'of a document that is no more';

COMMENT ON COLUMN search.vanished.revision IS 'of the object log, when it vanished';

CREATE INDEX vanished_revision_idx ON search.vanished (revision);
