"""The schedules: what runs by itself while the daemon does."""

import dagster as dg

from stash_pipeline.automation.jobs import maintain

# At a quiet hour, and not at the full one, when whatever else there is starts.
maintenance_schedule = dg.ScheduleDefinition(
    name="maintenance_schedule",
    job=maintain,
    cron_schedule="17 4 * * *",
    description="Once a day: removes old runs, ticks and logs, so that they stay small.",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
