"""The plugin for a Stash server: a configuration with all hooks, and a script.

There are two ways. `log` is a script for the JavaScript interpreter inside Stash, which needs nothing else: it logs a
line at level trace, which reaches the subscribers of the log and no file. `webhook` is a script for Python on the
server's machine, as in the official image, which sends the hint to our webhook.
"""

import json
import os
from pathlib import Path
from typing import Final, Literal

from stash_pipeline.errors import UserError
from stash_pipeline.live.hints import ENTITY_OF_KIND
from stash_pipeline.live.subscriptions import MARK, PLUGIN
from stash_pipeline.live.webhook import PATH

Via = Literal["log", "webhook"]

VERSION: Final = "1"

TRIGGERS: Final = [
    *(f"{kind}.{event}.Post" for kind in ENTITY_OF_KIND for event in ("Create", "Update", "Destroy")),
    "Tag.Merge.Post",
]
"""All hooks of v0.20 to v0.30. A release ignores those that it does not know."""

# Old releases have an interpreter of ECMAScript 5. The hook's input is not repeated: it has titles and paths.
_JAVASCRIPT: Final = """\
(function () {
  var context = input.Args && input.Args.hookContext;
  if (context) {
    log.Trace("%(mark)s " + String(context.type || context.Type) + " " + String(context.id || context.ID || 0));
  }
  return { Output: "ok" };
})();
"""

_PYTHON: Final = """\
import json
import os
import sys
import urllib.request

SECONDS = 2  # Stash waits for this script


def main():
    context = json.load(sys.stdin).get("args", {}).get("hookContext")
    if not context:
        return
    folder = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(folder, "webhook.json"), encoding="utf-8") as file:
        webhook = json.load(file)
    hint = {"token": webhook["token"], "type": context.get("type"), "id": context.get("id")}
    request = urllib.request.Request(
        webhook["url"], json.dumps(hint).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    urllib.request.urlopen(request, timeout=SECONDS).close()


try:
    main()
except Exception as error:
    # a hint that is lost costs only time; the hook must not fail
    print(type(error).__name__, file=sys.stderr)
print(json.dumps({"output": "ok"}))
"""


def plugin_files(via: Via, url: str = "", token: str = "") -> dict[str, str]:
    """The files of the plugin, by name.

    Args:
        url, token: of the webhook, for the way `webhook`.
    """
    triggers = "".join(f"      - {trigger}\n" for trigger in TRIGGERS)
    command = {"log": ("js", ["hint.js"]), "webhook": ("raw", ["python", "{pluginDir}/hint.py"])}
    interface, words = command[via]
    config = (
        "name: stash-pipeline\n"
        "description: Tells stash-pipeline at once what changed, so that it need not wait for its next question.\n"
        f'version: "{VERSION}"\n'
        f"interface: {interface}\n"
        f"exec:\n{''.join(f'  - {json.dumps(word)}{chr(10)}' for word in words)}"
        "errLog: debug\n"
        "hooks:\n"
        "  - name: hints\n"
        "    description: Kind, id and event of every change.\n"
        f"    triggeredBy:\n{triggers}"
    )
    if via == "log":
        return {f"{PLUGIN}.yml": config, "hint.js": _JAVASCRIPT % {"mark": MARK}}
    webhook = json.dumps({"url": url.rstrip("/") + PATH, "token": token})
    return {f"{PLUGIN}.yml": config, "hint.py": _PYTHON, "webhook.json": webhook + "\n"}


def install(folder: Path, files: dict[str, str]) -> Path:
    """Writes the files into a folder of their own in the plugins folder of a Stash server; returns that folder.

    Raises:
        UserError: if the folder does not exist or cannot be written.
    """
    if not folder.is_dir():
        raise UserError(
            f"The plugins folder {folder} does not exist; give the folder `plugins` beside Stash's config.yml, or "
            "print the files with --print."
        )
    target = folder / PLUGIN
    try:
        target.mkdir(exist_ok=True)
        for stale in {"hint.js", "hint.py", "webhook.json"} - files.keys():
            (target / stale).unlink(missing_ok=True)
        for name, content in files.items():
            temporary = target / f".{name}.new"
            mode = 0o600 if name == "webhook.json" else 0o644
            temporary.unlink(missing_ok=True)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(content)
            temporary.replace(target / name)
    except OSError as error:
        raise UserError(f"The plugin cannot be written to {target}: {error.strerror}.") from None
    return target
