ALTER TABLE ops.instances
    DROP COLUMN header_names,
    DROP COLUMN headers_encrypted,
    DROP COLUMN basic_auth_env,
    DROP COLUMN client_cert,
    DROP COLUMN client_key;
