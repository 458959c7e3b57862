"""One server into ``raw``: what is read, by which lane, and what stops a sync. Does not use Dagster."""
