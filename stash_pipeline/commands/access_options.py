"""Options that several commands share: access to a server and to a proxy in front of it."""

import getpass
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stash_pipeline.commands.options import refuse_together
from stash_pipeline.errors import UserError

if TYPE_CHECKING:
    from stash_pipeline.stash.access import Access, Headers

KeyEnv = Annotated[
    str | None, typer.Option("--api-key-env", metavar="VAR", help="Read the API key from this variable at run time.")
]
KeyStdin = Annotated[
    bool, typer.Option("--api-key-stdin", help="Read the API key from standard input and store it encrypted.")
]
CaFile = Annotated[
    str | None,
    typer.Option("--ca-file", metavar="PATH", help="PEM file of the private authority that signed its certificate."),
]
HeaderLines = Annotated[
    list[str] | None,
    typer.Option(
        "--header",
        metavar="'NAME: VALUE'",
        help="A header for a proxy in front of Stash, stored encrypted; repeatable.",
    ),
]
BasicAuthEnv = Annotated[
    str | None,
    typer.Option(
        "--basic-auth-env",
        metavar="VAR",
        help="Read user:password for a proxy in front of Stash from this variable at run time.",
    ),
]
ClientCert = Annotated[
    str | None,
    typer.Option("--client-cert", metavar="PATH", help="PEM file of a client certificate for a proxy."),
]
ClientKey = Annotated[
    str | None,
    typer.Option("--client-key", metavar="PATH", help="PEM file of its key, if it is not in the certificate's file."),
]


@dataclass(frozen=True)
class Given:
    """The access options given on the command line."""

    api_key: str | None
    api_key_env: str | None
    headers: "Headers"
    basic_auth_env: str | None
    ca_file: str | None
    client_cert: str | None
    client_key: str | None

    def arguments(self) -> dict[str, Any]:
        """Arguments to register or change an instance."""
        return dict(vars(self))

    def access(self) -> "Access":
        """The access for requests made now."""
        from stash_pipeline.instance_access import access_of

        return access_of(**self.arguments())


def given(
    api_key_env: str | None,
    api_key_stdin: bool,
    ca_file: str | None,
    headers: list[str] | None,
    basic_auth_env: str | None,
    client_cert: str | None,
    client_key: str | None,
    *,
    no_api_key: bool = False,
) -> Given:
    """Parses the options; reads the key from standard input if requested."""
    return Given(
        key_given(api_key_env, api_key_stdin, no_api_key),
        api_key_env,
        tuple(_header(line) for line in headers or ()),
        basic_auth_env,
        ca_file,
        client_cert,
        client_key,
    )


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    if not colon:
        # not repeated in the message: it may be the secret itself
        raise UserError("--header takes 'Name: value', with a colon after the name.")
    return name.strip(), value.strip()


def key_given(api_key_env: str | None, api_key_stdin: bool, no_api_key: bool = False) -> str | None:
    """The key from standard input, if requested; refuses several sources of the key."""
    refuse_together(
        {"--api-key-env": api_key_env is not None, "--api-key-stdin": api_key_stdin, "--no-api-key": no_api_key}
    )
    return _key_from_stdin() if api_key_stdin else None


def _key_from_stdin() -> str:
    if sys.stdin.isatty():
        key = getpass.getpass("API key (not shown): ").strip()
    else:
        # bytes that are not text become a character that no key contains
        key = sys.stdin.buffer.readline().decode("utf-8", "replace").strip()
    if not key:
        raise UserError("--api-key-stdin was given, but standard input is empty; pipe the key into the command.")
    return key
