"""The plugin for Stash: its files, and what its script sends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from stash_pipeline.errors import UserError
from stash_pipeline.live.hints import Hint
from stash_pipeline.live.plugin import TRIGGERS, install, plugin_files
from stash_pipeline_tests.live.test_webhook import UUIDS, Receiver

# of the plugin's configuration in v0.20.0, which refuses any other
KEYS = {"name", "description", "url", "version", "interface", "exec", "errLog", "tasks", "hooks"}


@pytest.mark.parametrize(("via", "interface"), [("log", "js"), ("webhook", "raw")])
def test_the_configuration_has_only_keys_of_the_oldest_release(via: str, interface: str) -> None:
    files = plugin_files(via)  # type: ignore[arg-type]
    config = yaml.safe_load(files["stash-pipeline.yml"])
    assert set(config) <= KEYS and config["interface"] == interface
    (hook,) = config["hooks"]
    assert set(hook) == {"name", "description", "triggeredBy"}
    assert hook["triggeredBy"] == TRIGGERS and len(set(TRIGGERS)) == 31
    script = config["exec"][-1].removeprefix("{pluginDir}/")
    assert script in files


def test_only_the_way_by_webhook_has_a_token(tmp_path: Path) -> None:
    assert "token" not in "".join(plugin_files("log", "http://127.0.0.1:1", "token").values())
    target = install(tmp_path, plugin_files("webhook", "http://127.0.0.1:1/", "the-token"))
    assert json.loads((target / "webhook.json").read_text()) == {"url": "http://127.0.0.1:1/hint", "token": "the-token"}
    assert (target / "webhook.json").stat().st_mode & 0o077 == 0


def test_installing_the_other_way_removes_the_files_of_the_first(tmp_path: Path) -> None:
    install(tmp_path, plugin_files("webhook", "http://127.0.0.1:1", "the-token"))
    target = install(tmp_path, plugin_files("log"))
    assert {file.name for file in target.iterdir()} == {"stash-pipeline.yml", "hint.js"}


def test_a_folder_that_does_not_exist_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist; give the folder `plugins`"):
        install(tmp_path / "missing", plugin_files("log"))


def _execute(folder: Path, sent: dict[str, object]) -> str:
    done = subprocess.run(
        [sys.executable, str(folder / "hint.py")], input=json.dumps(sent), text=True, capture_output=True, timeout=30
    )
    assert json.loads(done.stdout) == {"output": "ok"} and done.returncode == 0
    return done.stderr


def test_the_script_sends_the_hook_to_the_webhook(home: Path, tmp_path: Path) -> None:
    receiver = Receiver(home)
    url = f"http://127.0.0.1:{receiver.webhook.port}"
    target = install(tmp_path, plugin_files("webhook", url, receiver.webhook.tokens[UUIDS[0]]))
    context = {"id": 5, "type": "Gallery.Update.Post", "input": {"id": "5", "title": "A plain title"}}
    assert _execute(target, {"server_connection": {}, "args": {"hookContext": context}}) == ""
    receiver.webhook.close()
    assert receiver.hints == [(UUIDS[0], Hint("webhook", "galleries", 5, "Update"))]
    # the hook of the server does not fail while nobody listens, and nothing secret is logged there
    error = _execute(target, {"args": {"hookContext": context}})
    assert error.strip() == "URLError"
