"""The command that serves a simulated Stash server.

Contains options and messages. Serving is in ``server``, generating libraries in ``generate``.
"""

import os
import sqlite3
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from stash_pipeline.interrupts import accept_interrupt
from stash_pipeline.simulator.faults import KINDS, Faults
from stash_pipeline.simulator.generate import generate_library, move_to_windows
from stash_pipeline.simulator.happenings import library_kinds
from stash_pipeline.simulator.kept import keep
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.life import Life
from stash_pipeline.simulator.releases import find_release
from stash_pipeline.simulator.server import SimulatedStash, find_zone

_FAULTS = f"Kinds: {', '.join(KINDS)}"


def _prepare(
    scenes: int,
    seed: int,
    release: str,
    timezone: str,
    api_key_env: str | None,
    database: Path | None,
    overlap_seed: int | None,
    faults: list[str],
    windows: bool,
    external_host: str,
    variants: bool = False,
    kept: Path | None = None,
) -> SimulatedStash:
    find_zone(timezone)
    planned = Faults.of(*faults, seed=seed) if faults else None
    api_key = None
    if api_key_env is not None:
        api_key = os.environ.get(api_key_env)
        if not api_key:
            raise ValueError(f"The environment variable {api_key_env} is not set; it should contain the API key.")
    if scenes < 0:
        raise ValueError("The number of scenes cannot be negative.")
    if database is not None and not database.is_file():
        raise ValueError(f"There is no database file {database}.")
    clips = find_release(release).since(21)

    def generate(path: Path | None = None) -> Library:
        library = Library.create(path)
        generate_library(
            library,
            scenes=scenes,
            seed=seed,
            timezone=timezone,
            overlap_seed=overlap_seed,
            clips=clips,
            variants=variants,
        )
        if windows:
            move_to_windows(library)
        return library

    if database is not None:
        library = Library.open(database)
    elif kept is not None:
        options = {"scenes": scenes, "seed": seed, "overlap_seed": overlap_seed, "variants": variants}
        more = {"timezone": timezone, "windows": windows, "release": release}
        library = keep(kept, {**options, **more}, generate, Library.reopen)
    else:
        library = generate()
    return SimulatedStash(
        library,
        release=release,
        timezone=timezone,
        api_key=api_key,
        faults=planned,
        windows=windows,
        external_host=external_host,
    )


def simulate(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 chooses a free one.")] = 9999,
    scenes: Annotated[
        int | None, typer.Option(help="Number of scenes, 2000 by default; everything else is in proportion.")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed gives the same library; default: 1.")] = None,
    release: Annotated[str, typer.Option(help="Release to simulate, for example v0.27 or v0.30.1.")] = "v0.30.1",
    timezone: Annotated[str, typer.Option(help="Time zone of the server.")] = "Europe/Paris",
    api_key_env: Annotated[
        str | None,
        typer.Option(help="Environment variable with the API key to require; no key is required by default."),
    ] = None,
    database: Annotated[
        Path | None, typer.Option(help="Serve a copy of this Stash database instead of a generated library.")
    ] = None,
    overlap_seed: Annotated[
        int | None, typer.Option(help="Servers with the same overlap seed share about half of their objects.")
    ] = None,
    variants: Annotated[
        bool,
        typer.Option(
            "--variants", help="What is shared differs: other file names, some videos encoded again, aliases."
        ),
    ] = False,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND:SPEC",
            help=f"Faults and their frequency: 5xx:0.1, drop:every=7, locked:next=2. Repeatable. {_FAULTS}.",
        ),
    ] = None,
    windows: Annotated[
        bool, typer.Option("--windows", help="Simulate a server on Windows: a drive letter, paths with backslashes.")
    ] = False,
    external_host: Annotated[
        str,
        typer.Option(metavar="URL", help="The server's setting: the beginning of all URLs that it returns."),
    ] = "",
    live: Annotated[
        float | None,
        typer.Option(
            metavar="SECONDS", min=0.01, help="Change the library about this often, as its users and scans would."
        ),
    ] = None,
    kept: Annotated[
        Path | None,
        typer.Option(
            "--keep",
            metavar="FILE",
            help="File of the generated library; a later start continues with it. Default: changes are lost.",
        ),
    ] = None,
) -> None:
    """Serve a simulated Stash server on this machine until Ctrl-C."""
    invented = {
        "--scenes": scenes is not None,
        "--seed": seed is not None,
        "--overlap-seed": overlap_seed is not None,
        "--variants": variants,
        "--keep": kept is not None,
    }
    if database is not None and any(invented.values()):
        names = " and ".join(option for option, given in invented.items() if given)
        _end(f"--database serves an existing library, but {names} applies to a generated one; give one or the other.")
    if variants and overlap_seed is None:
        _end("--variants has no effect without --overlap-seed; give both, or neither.")
    if scenes is None:
        scenes = 2000
    try:
        stash = _prepare(
            scenes,
            1 if seed is None else seed,
            release,
            timezone,
            api_key_env,
            database,
            overlap_seed,
            fault or [],
            windows,
            external_host,
            variants,
            kept,
        )
    except ValueError as error:
        _end(str(error))
    except sqlite3.DatabaseError as error:
        _end(f"{database or kept} is not a Stash database that can be served: {error}.")
    except OSError as error:
        _end(f"Cannot read {error.filename or database or kept}: {error.strerror or error}.")
    except KeyboardInterrupt:
        accept_interrupt()
        return
    kinds = library_kinds(stash, seed or 1, overlap_seed)
    living = nullcontext() if live is None else Life(stash.library, seed or 1, kinds).going_on(live)
    try:
        with living:
            stash.serve(
                port=port, ready=lambda url: print(f"Simulated Stash {stash.release.name} at {url}", flush=True)
            )
    except OSError as error:
        _end(f"Cannot listen on port {port}: {error.strerror or error}.")
    except KeyboardInterrupt:
        accept_interrupt()
        return


def _end(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise typer.Exit(1)
