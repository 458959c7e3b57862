"""The private Postgres that is used if no database is configured."""
