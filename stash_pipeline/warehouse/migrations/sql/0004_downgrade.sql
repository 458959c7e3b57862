DROP VIEW raw.unstamped_changes;
