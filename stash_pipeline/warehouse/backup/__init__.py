"""Backups of the database: what they hold, how they are written, and how they are restored."""
