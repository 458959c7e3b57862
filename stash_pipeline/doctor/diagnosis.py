"""The whole diagnosis. It changes nothing, except that it starts the private Postgres."""

from collections.abc import Iterator
from contextlib import ExitStack

import psycopg

from stash_pipeline.doctor.database import has_newest_schema, of_database, of_records
from stash_pipeline.doctor.finding import Finding, broken, note
from stash_pipeline.doctor.machine import disk_of, key_file, of_machine
from stash_pipeline.doctor.servers import of_servers
from stash_pipeline.errors import UserError
from stash_pipeline.instances import list_instances
from stash_pipeline.settings import Settings
from stash_pipeline.warehouse.connect import connect, database_sentence
from stash_pipeline.warehouse.embedded.server import running_server


def diagnose(settings: Settings) -> Iterator[Finding]:
    """All findings, in the order in which causes come before their effects."""
    yield from of_machine(settings)
    own = settings.database() is not None
    remedy = (
        "Start it, or correct STASH_PIPELINE_DATABASE_URL." if own else "See its log, postgres/server.log in the home."
    )
    with ExitStack() as stack:
        try:
            url = settings.database() or stack.enter_context(running_server(settings.home))
            connection = stack.enter_context(connect(url))
            if not own:
                yield disk_of(settings.home / "postgres", "disk of the database")
            yield from of_database(connection, settings)
            if not has_newest_schema(connection):
                return
            stored = connection.execute(
                "SELECT count(*) FROM (SELECT api_key_encrypted, headers_encrypted FROM ops.instances UNION ALL\n"
                "    SELECT api_key_encrypted, NULL FROM ops.stashbox_endpoints) AS s\n"
                "WHERE api_key_encrypted IS NOT NULL OR headers_encrypted IS NOT NULL"
            ).fetchone()
            yield key_file(settings.home, int(stored[0]) if stored else 0)
            instances = list_instances(connection, enabled_only=True)
            if not instances:
                yield note("servers", "No server is enabled.", "`stash-pipeline instances add home URL`")
            yield from of_servers(instances, settings)
            yield from of_records(connection, settings.with_database(url))
        except UserError as error:
            yield broken("database", str(error), remedy)
        except psycopg.Error as error:
            yield broken("database", database_sentence(error), remedy)
