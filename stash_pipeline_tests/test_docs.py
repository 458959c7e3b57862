"""What the documentation says is so."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from stash_pipeline.cli import app
from stash_pipeline.commands.panels import PANELS
from stash_pipeline.definitions import defs
from stash_pipeline.error_documentation import PACKAGE, error_sentences, troubleshooting_page
from stash_pipeline.settings import ENV_PREFIX, Settings
from stash_pipeline.simulator.box.command import simulate_box
from stash_pipeline.simulator.box.faults import KINDS as KINDS_OF_BOXES
from stash_pipeline.simulator.command import simulate
from stash_pipeline.simulator.faults import KINDS
from stash_pipeline.warehouse.documentation import tables_page
from stash_pipeline_tests.test_imports import imports_of_modules

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text("utf-8")
SIMULATOR = (DOCS / "simulator.md").read_text("utf-8")
_ONE_PAGE = 70
"""Lines."""


def test_tables_md_is_up_to_date() -> None:
    assert (DOCS / "tables.md").read_text("utf-8") == tables_page(), (
        "run python -m stash_pipeline.warehouse.documentation docs"
    )


def test_the_readme_is_one_page_that_leads_to_every_other() -> None:
    assert len(README.splitlines()) <= _ONE_PAGE
    linked = {target for _, target in _links(ROOT / "README.md")}
    # in the place of the README, the site has its own first page
    left = {page.name for page in DOCS.glob("*.md")} - {"index.md"}
    reached = {Path(target).name for target in linked if target.startswith("docs/")} & left
    while reached:
        # what a page of docs leads to
        left -= reached
        reached = {target for name in reached for _, target in _links(DOCS / name)} & left
    assert left == set()


def test_settings_md_lists_every_setting_with_its_default() -> None:
    rows = dict(re.findall(r"\| `(STASH_PIPELINE_\w+)` \| ([^|]+) \|", (DOCS / "settings.md").read_text("utf-8")))
    assert set(rows) == {ENV_PREFIX + name.upper() for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        # that of the home is worked out, by user
        default = "~/.stash-pipeline" if name == "home" else "none" if field.default is None else str(field.default)
        default = default.lower() if isinstance(field.default, bool) else default
        assert rows[ENV_PREFIX + name.upper()].strip(" `").removesuffix(".0") == default.removesuffix(".0")


@pytest.mark.parametrize("name", sorted(typer.main.get_command(app).commands))  # type: ignore[attr-defined]
def test_commands_md_lists_every_command(name: str) -> None:
    assert re.search(rf"`stash-pipeline {name}[ `]", (DOCS / "commands.md").read_text("utf-8"))


def test_the_help_groups_the_commands_as_commands_md_does() -> None:
    sections = re.split(r"^## ", (DOCS / "commands.md").read_text("utf-8"), flags=re.MULTILINE)[1:]
    headings = {section.partition("\n")[0]: section for section in sections}
    assert list(PANELS) == [heading for heading in headings if heading != "Rules for all commands"]
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert sorted(name for names in PANELS.values() for name in names) == sorted(commands)
    for panel, names in PANELS.items():
        listed = re.findall(r"^\* `stash-pipeline ([\w-]+)", headings[panel], re.MULTILINE)
        assert sorted(set(listed)) == sorted(names)


def test_automation_md_lists_every_sensor_and_schedule() -> None:
    repository = defs.get_repository_def()
    names = {sensor.name for sensor in repository.sensor_defs} | {each.name for each in repository.schedule_defs}
    listed = re.findall(r"^\| `(\w+)` \|", (DOCS / "automation.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(names)


def test_schemas_md_lists_every_group_of_the_lineage() -> None:
    groups = {spec.group_name for spec in defs.resolve_all_asset_specs()}
    listed = re.findall(r"^\| `(\w+)` \| [`–]", (DOCS / "schemas.md").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(str(group) for group in groups)


def test_architecture_md_lists_the_packages_and_what_they_import() -> None:
    page = (DOCS / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE)
    assert {name: set(re.findall(r"`(\w+)`", imported)) for name, imported in rows} == _package_imports()
    parts = re.findall(r"^\| `(\w+)` \| [^|]+ \|$", page, re.MULTILINE)
    assert sorted(parts) == _packages(PACKAGE / "warehouse")


def _packages(folder: Path) -> list[str]:
    return sorted(path.parent.name for path in folder.glob("*/*.py") if path.name == "__init__.py")


def _package_imports() -> dict[str, set[str]]:
    """Per package, the other packages of which it imports something."""
    packages = _packages(PACKAGE)
    imported: dict[str, set[str]] = {name: set() for name in packages}
    for module, found in imports_of_modules().items():
        package = module.partition(".")[0]
        if package in imported:
            imported[package] |= {name.partition(".")[0] for name in found} & set(packages) - {package}
    return imported


def test_troubleshooting_md_is_up_to_date() -> None:
    assert (DOCS / "troubleshooting.md").read_text("utf-8") == troubleshooting_page(), (
        "run python -m stash_pipeline.error_documentation docs"
    )


def test_troubleshooting_finds_the_sentences_of_all_errors() -> None:
    by_module = error_sentences()
    found = {sentence for sentences in by_module.values() for sentence in sentences}
    assert any(sentence.startswith("Another demo uses the folder *home*") for sentence in found)
    # an error of a subclass, and one that is built from two literals
    assert len(found) > 150 and {"stash/", "sync/", "warehouse/"} <= {
        module.partition("/")[0] + "/" for module in by_module
    }


def test_the_site_has_every_page_once() -> None:
    listed = re.findall(r"^ +- [^:]+: ([a-z-]+\.md)$", (ROOT / "mkdocs.yml").read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(page.name for page in DOCS.glob("*.md"))


def test_the_commands_of_getting_started_exist() -> None:
    page = (DOCS / "getting-started.md").read_text("utf-8")
    named = set(re.findall(r"^stash-pipeline ([a-z]+)", page, re.MULTILINE))
    assert named and named <= set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]
    options = {option for one in typer.main.get_command(app).commands["demo"].params for option in one.opts}  # type: ignore[attr-defined]
    assert set(re.findall(r"^\| `(--[a-z-]+)", page, re.MULTILINE)) <= options | {"--no-ui"}


def _links(page: Path) -> list[tuple[str, str]]:
    """The texts and the files of all links of a page within the repository."""
    return re.findall(r"\[([^]]*)\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))


def test_every_linked_file_exists() -> None:
    for page in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("*.md")):
        for _, target in _links(page):
            assert (page.parent / target).exists(), f"{page.name} points to {target}"


def test_pages_of_the_site_link_only_to_the_site() -> None:
    for page in DOCS.glob("*.md"):
        assert [target for _, target in _links(page) if target.startswith("..")] == [], page.name
        # the site has no folder docs
        assert [text for text, _ in _links(page) if text.startswith("docs/")] == [], page.name


def test_pages_mean_the_same_on_the_site_as_in_the_repository() -> None:
    """Within backticks, the site shows the backslash before a vertical bar; it does not draw diagrams."""
    for page in DOCS.glob("*.md"):
        text = page.read_text("utf-8")
        assert re.findall(r"`[^`\n]*\\\|[^`\n]*`", text) == [], page.name
        assert "```mermaid" not in text, page.name


def test_every_make_target_that_is_named_exists() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    contributing = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    for target in set(re.findall(r"(?:^|`)make ([a-z-]+)", README + contributing, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("page", ["README.md", "docs/dagster.md", "docs/export.md"])
def test_blocks_of_commands_begin_with_the_environment(page: str) -> None:
    for block in re.findall(r"```sh\n(.*?)```", (ROOT / page).read_text("utf-8"), re.DOTALL):
        if first := re.search(r"^(?:\w+=\S+ )?(stash-pipeline|dagster)", block, re.MULTILINE):
            assert 0 <= block.find(". .venv/bin/activate") < first.start(), block


def test_folders_are_made_before_something_is_copied_into_them() -> None:
    blocks = [
        block
        for page in DOCS.glob("*.md")
        for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    ]
    copying = [block for block in blocks if re.search(r"^cp ", block, re.MULTILINE)]
    assert copying and all(block.index("mkdir -p") < block.index("\ncp ") for block in copying)


def _options(function: Any) -> set[str]:
    """The options of a command, without those of the shell."""
    command = typer.Typer()
    command.command()(function)
    options = {option for one in typer.main.get_command(command).params for option in one.opts}
    return {option for option in options if "completion" not in option}


def _table(page: str, heading: str) -> str:
    """The first column of the table below a heading, line by line."""
    section = page.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return "\n".join(row.split("|")[1] for row in section.splitlines() if row.startswith("| `"))


def test_simulator_md_lists_all_options_and_faults() -> None:
    assert set(re.findall(r"`(--[a-z-]+)", _table(SIMULATOR, "Serve a library"))) == _options(simulate)
    assert re.findall(r"`(\w+)`", _table(SIMULATOR, "Faults")) == list(KINDS)


def test_simulator_md_lists_all_options_and_faults_of_boxes() -> None:
    listed = re.findall(r"`(--[a-z-]+)", _table(SIMULATOR, "The simulated stash-box"))
    assert set(listed) == _options(simulate_box)
    assert re.findall(r"`(\w+)`", _table(SIMULATOR, "Faults of a stash-box")) == list(KINDS_OF_BOXES)


def test_the_examples_in_simulator_md_run(capsys: pytest.CaptureFixture[str]) -> None:
    example, of_a_box = re.findall(r"```python\n(.*?)```", SIMULATOR, re.DOTALL)
    names: dict[str, Any] = {}
    exec(example, names)
    assert capsys.readouterr().out.startswith("http://127.0.0.1:")
    assert names["library"].scalar("SELECT title FROM scenes WHERE id = 1") == "new"
    exec(of_a_box, names)
    assert re.match(r"http://127\.0\.0\.1:\d+/graphql\n", capsys.readouterr().out)
    assert names["server"].requests.mutations() == []
