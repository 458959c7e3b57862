"""Dockerfile and compose.yaml agree with each other, with the program and with the list of what is copied."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from stash_pipeline.cli import app
from stash_pipeline.errors import UserError
from stash_pipeline.runtime.supervisor import _alone
from stash_pipeline.settings import ENV_PREFIX, FILE_SUFFIX, SECRET_SETTINGS, Settings, load_settings
from stash_pipeline_tests.ports import free_port
from stash_pipeline_tests.test_wheel import NOT_COPIED

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())
OURS = ("code", "web", "daemon")
DOCKERFILE = re.sub(r"\\\n", "", (ROOT / "Dockerfile").read_text())


def _stages() -> list[list[tuple[str, str]]]:
    """The instructions of each stage, with their arguments, in order."""
    stages: list[list[tuple[str, str]]] = []
    for instruction, line in re.findall(r"^([A-Z]+)\s+(.*)$", DOCKERFILE, re.MULTILINE):
        if instruction == "FROM":
            stages.append([])
        stages[-1].append((instruction, line))
    return stages


STAGES = _stages()


def instructions(name: str) -> list[str]:
    """The arguments of all instructions with this name."""
    return re.findall(rf"^{name}\s+(.*)$", DOCKERFILE, re.MULTILINE)


def test_the_image_has_no_secret_and_no_root() -> None:
    assert instructions("USER") == ["1000:1000"]
    assert instructions("ARG") == []
    assert not re.search(r"(?i)password|api_key|token", DOCKERFILE)


def test_only_what_is_needed_is_sent_to_the_build() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    kept = {line[1:] for line in ignored if line.startswith("!")}
    copied = {name for line in instructions("COPY") if "--from" not in line for name in line.split()[:-1]}
    assert kept == copied
    assert all((ROOT / name).exists() for name in copied)


def parsed(words: list[str]) -> None:
    """Parses the words of a command without running it."""
    command = typer.main.get_command(app)
    name, context = words[0], command.make_context("stash-pipeline", list(words))
    while hasattr(command, "commands"):
        command = command.commands[name]
        words = words[1:]
        context = command.make_context(name, list(words), parent=context)
        name = words[0] if words else ""


def test_the_commands_exist() -> None:
    # `dagster api execute_run …` is started in the same image
    assert instructions("ENTRYPOINT") == []
    (default,) = (yaml.safe_load(line) for line in re.findall(r"^CMD\s+(.*)$", DOCKERFILE, re.MULTILINE))
    for words in (default, *(COMPOSE["services"][name]["command"] for name in OURS)):
        assert words[0] == "stash-pipeline"
        parsed(words[1:])


def test_variables_are_settings_and_secrets_are_mounted() -> None:
    files = {f"{name.upper()}{FILE_SUFFIX}" for name in SECRET_SETTINGS} | {
        name.upper() for name in Settings.model_fields
    }
    for name in OURS:
        service = COMPOSE["services"][name]
        for variable, value in service["environment"].items():
            if variable != "TZ":
                assert variable.removeprefix(ENV_PREFIX) in files
            if str(value).startswith("/run/secrets/") and "KEY_FILE" not in variable:
                assert value.removeprefix("/run/secrets/") in service["secrets"]
        assert set(service["secrets"]) <= set(COMPOSE["secrets"])
    # the others never decrypt anything
    assert [name for name in OURS if "key" in COMPOSE["services"][name]["secrets"]] == ["code"]


def _interpolated(compose: str) -> dict[str, Any]:
    """compose.yaml with the defaults of its variables, and its anchors resolved."""
    return dict(yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", compose)))


def _judge(compose: dict[str, Any]) -> None:
    specification = pytest.importorskip("compose_spec", reason="compose-spec is not installed")
    # a value that Docker and Podman replace by an address, and that this package does not know
    text = yaml.safe_dump(compose).replace("host.docker.internal:host-gateway", "host.docker.internal:192.0.2.1")
    specification.PyCompose.from_yaml(text).validate()


def test_the_compose_specification_allows_the_file() -> None:
    _judge(_interpolated((ROOT / "compose.yaml").read_text()))


@pytest.mark.parametrize(
    ("service", "wrong", "says"),
    [
        ("web", {"restrat": "always"}, "restrat"),
        ("web", {"ports": ["127.0.0.1:x:3000"]}, "port"),
        ("daemon", {"secrets": ["missing"]}, "missing"),
        ("postgres", {"healthcheck": {"test": ["NONE"], "interval": "3 moments"}}, "moments"),
    ],
)
def test_a_mistake_in_the_compose_file_is_found(service: str, wrong: dict[str, Any], says: str) -> None:
    compose = _interpolated((ROOT / "compose.yaml").read_text())
    compose["services"][service].update(wrong)
    with pytest.raises(ValueError, match=says):
        _judge(compose)


def test_no_variable_of_a_service_refers_to_itself() -> None:
    """podman-compose 1.3 passes such a reference on as it is written."""
    for service in COMPOSE["services"].values():
        for variable, value in service.get("environment", {}).items():
            assert f"${{{variable}" not in str(value)


def test_services_use_the_volumes_and_depend_on_the_services_of_the_file() -> None:
    for service in COMPOSE["services"].values():
        assert {volume.partition(":")[0] for volume in service["volumes"]} <= set(COMPOSE["volumes"])
        assert set(service.get("depends_on", ())) <= set(COMPOSE["services"])


def test_hadolint_finds_nothing_in_the_dockerfile() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    if not hadolint.exists():
        pytest.skip("hadolint is not installed")
    done = subprocess.run([hadolint, ROOT / "Dockerfile"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    risky = "FROM debian\nRUN cd /tmp && sudo apt-get install thing\n"
    done = subprocess.run([hadolint, "-"], input=risky, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "DL3004" in done.stdout


def test_only_the_web_server_is_published_and_only_on_this_host() -> None:
    published = {name: service["ports"] for name, service in COMPOSE["services"].items() if "ports" in service}
    assert list(published) == ["web"]
    assert all(port.startswith("127.0.0.1:") for port in published["web"])


def test_every_service_restarts_and_has_a_health_check() -> None:
    for service in COMPOSE["services"].values():
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] == "CMD"


def test_the_secrets_are_written_once_and_can_be_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "deploy" / "secrets.sh"
    script.parent.mkdir()
    script.write_text((ROOT / "deploy" / "secrets.sh").read_text())
    subprocess.run(["sh", str(script)], check=True)
    written = {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}
    assert set(written) == {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    # `kubectl create secret --from-file` takes a line break for a part of the secret
    assert not any("\n" in text for text in written.values())
    subprocess.run(["sh", str(script)], check=True)
    assert written == {file.name: file.read_text() for file in (tmp_path / "secrets").iterdir()}

    from stash_pipeline.secrets import decrypt, encrypt
    from stash_pipeline.settings import settings_in_use

    monkeypatch.setenv("STASH_PIPELINE_DATABASE_URL_FILE", str(tmp_path / "secrets" / "database_url"))
    monkeypatch.setenv("STASH_PIPELINE_KEY_FILE", str(tmp_path / "secrets" / "key"))
    with settings_in_use(load_settings()) as settings:
        password = written["postgres_password"].strip()
        assert settings.database() == f"postgresql://stash:{password}@postgres:5432/stash"
        # two hosts with the same key file and different homes
        assert decrypt(tmp_path / "other", encrypt(tmp_path / "one", "of a server")) == "of a server"
    assert not (tmp_path / "one").exists()


@pytest.mark.processes
def test_the_steps_of_the_dockerfile_run_in_a_clean_directory(tmp_path: Path) -> None:
    """The same steps without a container: only what .dockerignore keeps, at another path, by an ordinary venv."""
    source, opt = tmp_path / "source", tmp_path / "opt"
    target = opt / "stash-pipeline"
    source.mkdir()
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    clean |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "REQUESTS_"))}
    *stages, _ = STAGES
    for instruction, line in (step for stage in stages for step in stage):
        if instruction == "COPY":
            *names, _ = line.split()
            for name in names:
                _copy(ROOT / name, source / name)
        elif instruction == "RUN":
            script = line.replace("/opt/", f"{opt}/").replace(
                "python -m venv", f"{shlex.quote(sys.executable)} -m venv"
            )
            _succeeds(["sh", "-ec", script], source, clean)
    _succeeds(["cp", "-a", f"{opt}/package/.", str(target)], tmp_path, clean)
    subprocess.run(["rm", "-rf", str(source), str(opt / "package")], check=True)
    clean = {"PATH": f"{target}/bin:/usr/bin:/bin", "STASH_PIPELINE_HOME": str(tmp_path / "data")}
    for command in (["stash-pipeline", "--version"], ["stash-pipeline", "serve", "web", "--help"]):
        subprocess.run(command, env=clean, check=True, capture_output=True, timeout=120)
    validate = [f"{target}/bin/dagster", "definitions", "validate", "-m", "stash_pipeline.definitions"]
    done = subprocess.run(validate, cwd=tmp_path, env=clean, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    pip = subprocess.run([f"{target}/bin/python", "-m", "pip", "--version"], capture_output=True)
    assert pip.returncode != 0


def test_a_changed_source_file_keeps_the_layer_of_the_dependencies() -> None:
    """The image has both, each in a layer of its own, and nothing of the package goes into the first one."""
    dependencies, *_, image = STAGES
    (copied,) = (line.split()[:-1] for instruction, line in dependencies if instruction == "COPY")
    assert copied == ["constraints.txt", "pyproject.toml", "setup.cfg"]
    assert any("pip install" in line and "--constraint" in line for _, line in dependencies)
    layers = [line.split() for instruction, line in image if instruction == "COPY"]
    assert layers == [
        ["--from=without-pip", "/opt/stash-pipeline", "/opt/stash-pipeline"],
        ["--from=package", "/opt/package", "/opt/stash-pipeline"],
    ]
    (package,) = (stage for stage in STAGES if ("FROM", "dependencies AS package") in stage)
    (install,) = (line for instruction, line in package if instruction == "RUN")
    assert "--no-deps" in install


def test_a_volume_of_another_user_is_refused_with_the_remedy() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        home = Path(directory)
        home.chmod(0o755)
        os.seteuid(65534)
        try:
            with pytest.raises(UserError, match=rf"belongs to user 0: .*`chown 65534 {home}`"), _alone(home):
                pass
        finally:
            os.seteuid(0)
        assert list(home.iterdir()) == []


@pytest.mark.processes
def test_why_the_code_server_waits_is_said(tmp_path: Path) -> None:
    url = f"postgresql://stash@127.0.0.1:{free_port()}/stash"
    environment = {**os.environ, "STASH_PIPELINE_HOME": str(tmp_path), "STASH_PIPELINE_DATABASE_URL": url}
    serve = [sys.executable, "-m", "stash_pipeline", "serve", "code", "--wait", "8"]
    done = subprocess.run(serve, env=environment, capture_output=True, text=True, timeout=300)
    waiting = [line for line in done.stderr.splitlines() if line.startswith("Waiting up to 8 s, because: ")]
    assert done.returncode == 1 and len(waiting) == 1, done.stderr


def test_logs_of_containers_are_limited() -> None:
    for service in COMPOSE["services"].values():
        assert set(service["logging"]["options"]) == {"max-size", "max-file"}


def _succeeds(command: list[str], folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def _copy(source: Path, target: Path) -> Any:
    if source.is_dir():
        return shutil.copytree(source, target, ignore=NOT_COPIED, dirs_exist_ok=True)
    return shutil.copy(source, target)
