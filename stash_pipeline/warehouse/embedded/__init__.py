"""The private Postgres that is used where no database is configured."""
