"""Tables and views as files: Parquet, CSV, JSON lines, and NFO files for media centers."""
