ALTER TABLE ops.instances
    ADD COLUMN header_names TEXT[] DEFAULT '{}' NOT NULL,
    ADD COLUMN headers_encrypted BYTEA,
    ADD COLUMN basic_auth_env TEXT,
    ADD COLUMN client_cert TEXT,
    ADD COLUMN client_key TEXT;

COMMENT ON COLUMN ops.instances.header_names IS 'sent to its proxy';
COMMENT ON COLUMN ops.instances.headers_encrypted IS 'their values, by the key file in the project''s home';
COMMENT ON COLUMN ops.instances.basic_auth_env IS
    'name of the environment variable that holds user:password for its proxy';
COMMENT ON COLUMN ops.instances.client_cert IS 'PEM file of the certificate that is shown to it';
COMMENT ON COLUMN ops.instances.client_key IS 'PEM file of the certificate''s key; null where one file holds both';
