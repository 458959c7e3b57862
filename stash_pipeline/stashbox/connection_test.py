"""The test of a box: who the key belongs to, what it may do, which release answers, and what that lacks.

The requests are counted as all others are. Nothing is written.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from stash_pipeline.stashbox.client import StashBoxClient
from stash_pipeline.stashbox.errors import StashBoxError
from stash_pipeline.stashbox.models import exact_phashes_only


@dataclass(frozen=True)
class BoxReport:
    """The result of a test.

    Attributes:
        message: one sentence, of a failure or a success. notes: what works less than elsewhere.
        roles: of the key's user; None where the box does not say.
        missing: queries and fields that the box lacks.
    """

    name: str
    url: str
    ok: bool
    message: str
    version: str | None = None
    user: str | None = None
    roles: list[str] | None = None
    missing: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        return asdict(self)


def check_box(client: StashBoxClient) -> BoxReport:
    """Asks a box for its release, the key's user and what it lacks; errors of the box are in the report."""
    name, url = client.name, client.url
    version = None
    try:
        user = client.me()
        version = client.version()
        roles = None if user.roles is None else list(user.roles)
        if roles == []:
            sentence = f"The user {user.name} of {name} has no role, so that every query is refused; ask its owners."
            return BoxReport(name, url, False, sentence, version, user.name, roles)
        client.probe()
    except StashBoxError as error:
        return BoxReport(name, url, False, str(error), version)
    notes = []
    if exact_phashes_only(version):
        notes.append(f"{name} runs {version}, which finds equal PHASHes only, whatever distance its owners have set.")
    if client.missing:
        notes.append(f"{name} lacks {', '.join(client.missing)}; what needs them is skipped.")
    software = "stash-box" if client.dialect == "stash-box" else "ThePornDB's own software"
    product = f"{software} {version}" if version else software
    role = f" with {'role' if len(roles) == 1 else 'roles'} {', '.join(roles)}" if roles else ""
    message = f"{name} answers: {product}, user {user.name}{role}."
    return BoxReport(name, url, True, message, version, user.name, roles, client.missing, notes)
