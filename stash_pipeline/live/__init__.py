"""The warm process: receives hints that something changed on a server, and syncs at once, not at the next tick."""
