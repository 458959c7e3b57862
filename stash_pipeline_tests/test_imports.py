"""How the modules of the package import each other: without cycles, and without the simulator.

Every import counts: those of types only, and those inside functions too. Both hide a cycle from Python, and not from
whoever wants to understand or move one of the modules.
"""

import ast
import pkgutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import stash_pipeline

ROOT = Path(stash_pipeline.__file__).parent
PACKAGE = stash_pipeline.__name__

OF_THE_SIMULATOR_ONLY = {"graphql", "starlette", "uvicorn"}
"""What the extra ``demo`` installs."""

MAY_IMPORT_THE_SIMULATOR = {"commands.simulators"}
"""The commands ``simulate`` and ``simulate-box``; ``demo`` starts them as programs."""


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _modules() -> dict[str, ast.Module]:
    """The modules of the package without its name; the package itself is the empty name."""
    return {_module_name(path): ast.parse(path.read_text("utf-8")) for path in sorted(ROOT.rglob("*.py"))}


def _imported_names(name: str, tree: ast.Module) -> Iterator[str]:
    """Full names of everything that a module imports, wherever the statement is."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} has a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _imports(modules: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    """Per module, the modules of the package that it imports."""
    graph: dict[str, set[str]] = {}
    for name, tree in modules.items():
        graph[name] = set()
        for imported in _imported_names(name, tree):
            head, _, module = imported.partition(".")
            while head == PACKAGE and module and module not in modules:
                module = module.rpartition(".")[0]
            if head == PACKAGE and module and module != name:
                graph[name].add(module)
    return graph


def imports_of_modules() -> dict[str, set[str]]:
    """Per module of the package, the others that it imports."""
    return _imports(_modules())


def _cycles(graph: Mapping[str, set[str]]) -> set[frozenset[str]]:
    """The sets of modules of which each imports, by way of others, each other one."""
    reached: dict[str, set[str]] = {}
    for start in graph:
        found: set[str] = set()
        left = [start]
        while left:
            new = graph[left.pop()] - found
            found |= new
            left += new
        reached[start] = found
    cyclic = {name for name, found in reached.items() if name in found}
    return {
        frozenset(other for other in cyclic if other in reached[name] and name in reached[other]) for name in cyclic
    }


def test_modules_have_no_import_cycles() -> None:
    graph = imports_of_modules()
    assert _cycles(graph) == set()
    # by another way, that nothing was missed
    TopologicalSorter(graph).prepare()


def test_cycles_through_type_and_function_imports_are_detected() -> None:
    sources = {
        "a": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from stash_pipeline.b import B\n",
        "b": "def late() -> None:\n    import stash_pipeline.c\n",
        "c": "from stash_pipeline import a\n",
        "d": "from stash_pipeline.a import A\n",
    }
    graph = _imports({name: ast.parse(text) for name, text in sources.items()})
    assert _cycles(graph) == {frozenset({"a", "b", "c"})}


def test_only_the_simulate_command_imports_the_simulator() -> None:
    importers = {
        name
        for name, found in imports_of_modules().items()
        if not name.startswith("simulator") and any(one.startswith("simulator") for one in found)
    }
    assert importers == MAY_IMPORT_THE_SIMULATOR


def test_only_the_simulator_imports_the_demo_dependencies() -> None:
    importers = {
        name
        for name, tree in _modules().items()
        if {imported.partition(".")[0] for imported in _imported_names(name, tree)} & OF_THE_SIMULATOR_ONLY
    }
    assert importers
    assert all(name.startswith("simulator.") for name in importers)


@pytest.mark.parametrize(
    ("module", "library"),
    [
        ("stash_pipeline.instances", "sqlalchemy"),
        ("stash_pipeline.sync.run", "numpy"),
        ("stash_pipeline.layers", "numpy"),
    ],
)
def test_what_every_process_imports_loads_no_large_library(module: str, library: str) -> None:
    program = f"import sys, {module}\nprint({library!r} in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "False"


def test_layers_register_all_tables() -> None:
    """A table that only a module imported later registers would be dropped by a generated migration."""
    modules = [
        name
        for _, name, _ in pkgutil.walk_packages(stash_pipeline.__path__, "stash_pipeline.")
        if not name.endswith(".__main__") and ".migrations." not in name
    ]
    program = (
        "import importlib, sys\n"
        "import stash_pipeline.layers\n"
        "from stash_pipeline.warehouse.metadata import METADATA\n"
        "registered = set(METADATA.tables)\n"
        "for name in sys.argv[1:]:\n"
        "    importlib.import_module(name)\n"
        "print(set(METADATA.tables) - registered)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *modules], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout.strip() == "set()"
