"""The schemas of releases that are stored: complete for planning, and those of the servers.

Written anew from the simulated servers by ``UPDATE_GOLDEN=1 pytest stash_pipeline_tests/stash/test_stored_schemas.py``;
the difference is then read in the commit.
"""

import gzip
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from stash_pipeline.simulator.library import Library
from stash_pipeline.simulator.server import SimulatedStash, known_releases
from stash_pipeline.stash import stored_schemas
from stash_pipeline.stash.errors import StashError
from stash_pipeline.stash.query_plan import QueryPlan, plan_library
from stash_pipeline.stash.schema import INTROSPECTION, ServerSchema, TypeInfo
from stash_pipeline.stash.stored_schemas import stored_introspection, stored_releases, stored_schema
from stash_pipeline_tests.recordings import RELEASES, recorded_json

FOLDER = Path(stored_schemas.__file__).parent / "introspection"


class _NotedTypes(dict[str, TypeInfo]):
    """Types that note which of them are asked for."""

    def __init__(self, types: Mapping[str, TypeInfo]) -> None:
        super().__init__(types)
        self.noted: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.noted.add(name)
        return super().get(name, default)

    def __getitem__(self, name: str) -> TypeInfo:
        self.noted.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.noted.add(str(name))
        return super().__contains__(name)


def _introspection(library: Library, release: str) -> dict[str, Any]:
    data: dict[str, Any] = SimulatedStash(library, release=release).execute(INTROSPECTION)["data"]
    return data


def _as_planned(data: dict[str, Any]) -> dict[str, Any]:
    """An introspection with the types that planning reads, and no others."""
    schema = ServerSchema(data)
    schema.types = types = _NotedTypes(schema.types)
    plan_library(schema)
    kept = [one for one in data["__schema"]["types"] if one["name"] in types.noted]
    return {"__schema": {**data["__schema"], "types": kept}}


def _planned(plans: dict[str, QueryPlan]) -> dict[str, Any]:
    """What plans ask a server, and what they say of it."""
    return {
        name: (
            plan.query and (plan.page_document(), plan.listing_document()),
            plan.missing_fields,
            plan.unmapped_fields,
        )
        for name, plan in plans.items()
    }


@pytest.fixture(scope="module")
def library() -> Library:
    return Library.create()


@pytest.mark.parametrize("minor", sorted({name.rpartition(".")[0] for name in known_releases()}))
def test_a_stored_schema_equals_the_introspection_of_all_patch_releases(library: Library, minor: str) -> None:
    patches = [_as_planned(_introspection(library, name)) for name in known_releases() if name.startswith(f"{minor}.")]
    if os.environ.get("UPDATE_GOLDEN"):
        content = json.dumps(patches[0], separators=(",", ":"), sort_keys=True).encode()
        (FOLDER / f"{minor}.json.gz").write_bytes(gzip.compress(content, 9, mtime=0))
    for patch in patches:
        assert stored_introspection(minor) == patch


def test_releases_are_listed_oldest_first() -> None:
    assert stored_releases() == list(dict.fromkeys(name.rpartition(".")[0] for name in known_releases()))


@pytest.mark.parametrize("release", RELEASES)
def test_a_stored_schema_gives_the_same_plans_as_a_real_server(release: str) -> None:
    real = plan_library(ServerSchema({"__schema": recorded_json(release, "introspection")}))
    assert _planned(plan_library(stored_schema(release))) == _planned(real)


@pytest.mark.parametrize("name", ["v9.9", "0.19.0", "latest", "", "v0.30.1.2"])
def test_an_unknown_release_is_rejected_with_the_known_ones(name: str) -> None:
    with pytest.raises(StashError, match=r"Known releases: v0\.20, .*v0\.30"):
        stored_schema(name)


def test_stored_schemas_are_small() -> None:
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 80_000
