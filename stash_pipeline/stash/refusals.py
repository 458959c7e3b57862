"""Who refuses us, and what helps: Stash itself, a proxy before it that wants a login of its own, or another program.

Stash says 401 with ``WWW-Authenticate: FormBased``; another challenge, a web page, or a way to another host is a
proxy's. Nothing here asks anything.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urljoin, urlsplit

from stash_pipeline.stash.access import Access
from stash_pipeline.stash.errors import Barrier, StashHTTPError, shortened

_EDIT: Final = "`stash-pipeline instances edit NAME"
_THROUGH: Final = (
    f"give what it accepts with {_EDIT} --basic-auth-env VAR` or `--header 'Name: value'`, or have the proxy let "
    "/graphql and /downloads pass"
)
_LOGIN_WORDS: Final = re.compile(
    r"type=[\"']?password|\blog ?-?in\b|\bsign ?-?in\b|authelia|authentik|cloudflareaccess|oauth|keycloak",
    re.IGNORECASE,
)
_LOGIN_PATHS: Final = re.compile(
    r"(?:^|[/.])(?:log-?in|sign-?in|auth|authelia|authentik|authorize|oauth2?|oidc|saml|sso|cdn-cgi)(?:[/.]|\Z)",
    re.IGNORECASE,
)


def looks_like_a_login(page: str) -> bool:
    """Whether a web page asks for a login, as far as its beginning tells."""
    return bool(_LOGIN_WORDS.search(page))


def is_page(headers: Mapping[str, str], beginning: str) -> bool:
    """Whether an answer is a web page."""
    return "html" in headers.get("content-type", "").lower() or beginning.lstrip().lower().startswith(
        ("<!doctype html", "<html")
    )


def refusal(url: str, status: int, headers: Mapping[str, str], beginning: str, access: Access) -> StashHTTPError | None:
    """The error that an answer is, if it is a refusal; None for any other.

    Args:
        beginning: of its body, masked.
    """
    mask = access.mask()
    if status == 401:
        barrier, sentence = _unauthorized(url, headers, beginning, access)
        return StashHTTPError(status, mask.text(sentence), barrier=barrier)
    if status == 403:
        if is_page(headers, beginning):
            sentence = f"{url} answered 403 with a web page: a proxy before Stash refuses us; {_THROUGH}."
            return StashHTTPError(status, sentence, barrier="proxy")
        return StashHTTPError(
            status,
            f"{url} answered 403: the API key is missing, wrong, or sent to a server that has no credentials set; or a "
            "proxy forbids it.",
        )
    if status == 407:
        sentence = f"{url} answered 407: the proxy of this machine's environment (HTTP_PROXY) wants a login."
        return StashHTTPError(status, sentence, barrier="proxy")
    if status in (301, 302, 303, 307, 308):
        return _redirect(url, status, mask.text(headers.get("location", "")))
    if 200 <= status < 300 and is_page(headers, beginning) and looks_like_a_login(beginning):
        sentence = (
            f"{url} answered with a web page that asks for a login, which is not JSON: a proxy before Stash, or "
            f"another program; {_THROUGH}."
        )
        return StashHTTPError(status, sentence, barrier="proxy")
    return None


def _unauthorized(url: str, headers: Mapping[str, str], beginning: str, access: Access) -> tuple[Barrier | None, str]:
    challenge = headers.get("www-authenticate", "").strip()
    scheme = challenge.partition(" ")[0].rstrip(",").lower()
    if scheme == "formbased":
        return "stash", f"{url} answered 401: the API key is missing, wrong, or sent to a server that has none."
    if scheme == "basic":
        if access.basic_auth is not None or "authorization" in {name.lower() for name, _ in access.headers}:
            return "proxy login", (
                f"{url} answered 401: the proxy before Stash refuses the user and password that it was given; correct "
                f"them with {_EDIT} --basic-auth-env VAR`."
            )
        return "proxy", (
            f"{url} answered 401: a proxy before Stash wants a user and a password of its own, beside the API key; "
            f"give them with {_EDIT} --basic-auth-env VAR` (VAR holds user:password)."
        )
    if scheme:
        return "proxy", (
            f"{url} answered 401: a proxy before Stash wants a login ({shortened(scheme, 30)}); give it with {_EDIT} "
            "--header 'Authorization: …'`."
        )
    if is_page(headers, beginning):
        return "proxy", f"{url} answered 401 with a web page: a proxy before Stash wants a login; {_THROUGH}."
    return None, (
        f"{url} answered 401: the API key is missing, wrong, or sent to a server that has no credentials set."
    )


def _redirect(url: str, status: int, location: str) -> StashHTTPError:
    try:
        here, there = urlsplit(url), urlsplit(urljoin(url, location))
        host = there.hostname or ""
    except ValueError:
        return StashHTTPError(status, f"{url} redirects to nowhere.", location[:200])
    # the query may hold anything
    target = shortened(location.split("?")[0].split("#")[0], 200)
    barrier: Barrier | None = None
    if host != here.hostname and (_LOGIN_PATHS.search(f"{host}{there.path}") or there.query):
        barrier = "proxy"
        sentence = f"{url} redirects to the login page of a proxy at {shortened(host, 100)}; {_THROUGH}."
    elif host == here.hostname and _LOGIN_PATHS.search(there.path):
        barrier = "stash" if there.path.rstrip("/").endswith("/login") else "proxy"
        sentence = f"{url} redirects to a login page ({target}): give the API key"
        sentence += "." if barrier == "stash" else f", or, if it is a proxy's, {_THROUGH}."
    elif target:
        sentence = f"{url} redirects to {target}, which is not followed; give the URL that answers."
    else:
        sentence = f"{url} redirects to nowhere, which is not followed; give the URL that answers."
    return StashHTTPError(status, sentence, location, barrier)
