"""The warm process: receives hints that something changed on a server, and syncs at once instead of at the next tick."""
