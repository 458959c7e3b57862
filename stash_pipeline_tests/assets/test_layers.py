"""Import rules between the packages."""

import ast
from functools import cache
from pathlib import Path

import stash_pipeline

ROOT = Path(stash_pipeline.__file__).parent
MODULES = sorted(path for path in ROOT.rglob("*.py") if "__pycache__" not in path.parts)

# A layer, and what of ours it may import besides itself and the plain modules (errors, settings, …).
LAYERS = {
    "stash": set[str](),
    "stashbox": {"stash"},
    "matching": set[str](),
    "search": {"stash", "warehouse"},
    "warehouse": {"stash", "stashbox", "matching", "search"},
    "sync": {"stash", "stashbox", "warehouse"},
    "runtime": {"stash", "warehouse"},
    "assets": {"stash", "stashbox", "matching", "search", "warehouse", "sync"},
    "automation": {"stash", "stashbox", "matching", "search", "warehouse", "sync", "runtime", "assets"},
}
ABOVE = {"assets", "automation", "definitions", "partitions", "commands", "cli"}
DAGSTER = ("assets", "automation", "live", "runtime", "partitions.py", "definitions.py")


@cache
def imports(path: Path) -> list[str]:
    """Names of all modules that a file imports, anywhere."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            module = node.module or ""
            found += [module, *[f"{module}.{alias.name}" for alias in node.names]]
    return found


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def layer_of(path: Path) -> str:
    return name_of(path).split("/")[0]


def test_dagster_is_imported_only_by_its_own_packages() -> None:
    users = {path for path in MODULES if any(name.split(".")[0].startswith("dagster") for name in imports(path))}
    assert users
    assert {name_of(path) for path in users if layer_of(path) not in DAGSTER} == set()


def test_a_layer_imports_only_the_layers_below_it() -> None:
    wrong = {}
    for path in MODULES:
        layer = layer_of(path)
        if layer not in LAYERS:
            continue
        ours = {name.split(".")[1] for name in imports(path) if name.startswith("stash_pipeline.")}
        forbidden = (LAYERS.keys() | ABOVE) - LAYERS[layer] - {layer}
        if layer in ("assets", "automation"):
            forbidden -= {"partitions", "assets"} if layer == "automation" else {"partitions"}
        if ours & forbidden:
            wrong[name_of(path)] = ours & forbidden
    assert wrong == {}


def test_the_warehouse_imports_only_documents_from_the_search() -> None:
    for path in (ROOT / "warehouse").rglob("*.py"):
        of_search = {name for name in imports(path) if name.startswith("stash_pipeline.search")}
        assert {".".join(name.split(".")[:3]) for name in of_search} <= {"stash_pipeline.search.documents"}, path
    for name in ("documents", "request", "backend", "folding", "stored"):
        of_warehouse = [one for one in imports(ROOT / "search" / f"{name}.py") if "warehouse" in one]
        assert not of_warehouse, name


def test_the_stash_package_imports_no_other_package_of_ours() -> None:
    for path in (ROOT / "stash").glob("*.py"):
        for name in imports(path):
            top = name.split(".")
            assert top[0] != "stash_pipeline" or top[1] == "stash", (path.name, name)
            assert top[0] not in ("psycopg", "sqlalchemy", "dagster", "alembic", "pandas"), (path.name, name)


def test_only_the_simulator_and_the_demo_import_the_simulator() -> None:
    for path in MODULES:
        layer = layer_of(path)
        if layer in LAYERS or layer in ("definitions.py", "instances.py", "partitions.py", "settings.py"):
            assert not [name for name in imports(path) if name.startswith("stash_pipeline.simulator")], path
