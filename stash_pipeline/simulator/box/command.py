"""The command that serves a simulated stash-box.

Contains options and messages. Serving is in ``server``, generating boxes in ``generate``.
"""

import os
import sqlite3
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from stash_pipeline.interrupts import accept_interrupt
from stash_pipeline.simulator.box.box import Box
from stash_pipeline.simulator.box.faults import KINDS, box_faults
from stash_pipeline.simulator.box.generate import generate_box
from stash_pipeline.simulator.box.happenings import box_kinds
from stash_pipeline.simulator.box.releases import find_release
from stash_pipeline.simulator.box.server import SimulatedStashBox
from stash_pipeline.simulator.generate import generate_library
from stash_pipeline.simulator.kept import keep
from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.life import Life

_MOST_DISTANCE = 64


def _prepare(
    scenes: int,
    seed: int,
    for_seeds: list[int],
    overlap_seed: int | None,
    variants: bool,
    release: str,
    phash_distance: int,
    api_key_env: str | None,
    faults: list[str],
    live: float | None = None,
    kept: Path | None = None,
) -> tuple[SimulatedStashBox, Life]:
    find_release(release)
    planned = box_faults(*faults, seed=seed) if faults else None
    if scenes < 0:
        raise ValueError("The number of scenes cannot be negative.")
    if not 0 <= phash_distance <= _MOST_DISTANCE:
        raise ValueError(f"A distance of perceptual hashes is between 0 and {_MOST_DISTANCE}, not {phash_distance}.")
    if len(for_seeds) > 1 and len(set(for_seeds)) < len(for_seeds):
        raise ValueError("--for-seed is given twice with the same seed; name each library once.")
    api_key = None
    if api_key_env is not None:
        api_key = os.environ.get(api_key_env)
        if not api_key:
            raise ValueError(f"The environment variable {api_key_env} is not set; it should contain the API key.")
    libraries: list[Library] = []
    if live is not None or kept is None or not kept.exists():
        for library_seed in for_seeds:
            library = Library.create()
            generate_library(library, scenes=scenes, seed=library_seed, overlap_seed=overlap_seed, variants=variants)
            libraries.append(library)
    if kept is None:
        box, _ = generate_box(libraries, seed=seed)
    else:
        options = {"scenes": scenes, "seed": seed, "overlap_seed": overlap_seed, "variants": variants}
        box = keep(
            kept,
            {**options, "for_seed": " --for-seed ".join(map(str, for_seeds))},
            lambda path: generate_box(libraries, seed=seed, path=path)[0],
            lambda path: Box.in_file(path, seed),
        )
    server = SimulatedStashBox(box, release=release, api_key=api_key, phash_distance=phash_distance, faults=planned)
    return server, Life(box, seed, box_kinds(box, seed, libraries))


def simulate_box(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port on 127.0.0.1; 0 chooses a free one.")] = 9998,
    scenes: Annotated[
        int, typer.Option(help="Scenes of each library that the box is for; the box has about as many.")
    ] = 2000,
    seed: Annotated[int, typer.Option(help="The same seed gives the same box.")] = 1,
    for_seed: Annotated[
        list[int] | None,
        typer.Option(
            metavar="SEED",
            help="Seed of a library of `simulate` that the box knows in part; give the same --scenes, --overlap-seed"
            " and --variants. Repeatable; default: 1.",
        ),
    ] = None,
    overlap_seed: Annotated[
        int | None, typer.Option(help="The overlap seed of these libraries, if they have one.")
    ] = None,
    variants: Annotated[bool, typer.Option("--variants", help="These libraries differ in what they share.")] = False,
    release: Annotated[
        str, typer.Option(help="Release of stash-box to simulate, v0.6 to v0.10, or tpdb for ThePornDB.")
    ] = "v0.10.2",
    phash_distance: Annotated[
        int, typer.Option(help="Distance at which the box finds perceptual hashes; clients cannot see it.")
    ] = 0,
    api_key_env: Annotated[
        str | None,
        typer.Option(help="Environment variable with the API key to require; no key is required by default."),
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            "--faults",
            metavar="KIND:SPEC",
            help="Faults and their frequency: 429:every=7,retry_after=2, html:next=1, latency:0.1. Repeatable."
            f" Kinds: {', '.join(KINDS)}.",
        ),
    ] = None,
    live: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", min=0.01, help="Change the box about this often, as its users would."),
    ] = None,
    kept: Annotated[
        Path | None,
        typer.Option(
            "--keep",
            metavar="FILE",
            help="File of the box; a later start continues with it. Default: changes are lost.",
        ),
    ] = None,
) -> None:
    """Serve a simulated stash-box on this machine until Ctrl-C."""
    if variants and overlap_seed is None:
        _end("--variants has no effect without --overlap-seed; give both, or neither.")
    try:
        server, life = _prepare(
            scenes,
            seed,
            for_seed or [1],
            overlap_seed,
            variants,
            release,
            phash_distance,
            api_key_env,
            fault or [],
            live,
            kept,
        )
    except ValueError as error:
        _end(str(error))
    except sqlite3.DatabaseError as error:
        _end(f"{kept} is not the file of a box: {error}.")
    except OSError as error:
        _end(f"Cannot write {error.filename or kept}: {error.strerror or error}.")
    except KeyboardInterrupt:
        accept_interrupt()
        return
    name = "ThePornDB" if server.release.is_tpdb else f"stash-box {server.release.name}"
    try:
        with nullcontext() if live is None else life.going_on(live):
            server.serve(port=port, ready=lambda url: print(f"Simulated {name} at {url}", flush=True))
    except OSError as error:
        _end(f"Cannot listen on port {port}: {error.strerror or error}.")
    except KeyboardInterrupt:
        accept_interrupt()
        return


def _end(sentence: str) -> NoReturn:
    print(sentence, file=sys.stderr)
    raise typer.Exit(1)
