"""One server into ``raw``: what is read, in which way, and what stops it. Knows nothing of Dagster."""
