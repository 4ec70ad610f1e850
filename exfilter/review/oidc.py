"""Log-in by OpenID Connect, by Authlib: authorization code with PKCE, state and nonce; a verified ID token.

What has to be kept between leaving for the issuer and coming back is in a signed cookie of ten minutes, of
its own: it is sent on the way back from another site, which the session's cookie never is.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from authlib.common.errors import AuthlibBaseError
from authlib.integrations.starlette_client import OAuth, StarletteOAuth2App
from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from itsdangerous import BadData, URLSafeTimedSerializer
from joserfc.errors import JoseError

from exfilter import private
from exfilter.review.roles import Role
from exfilter.review.served import Served
from exfilter.settings import Settings

LASTS = 600
"""Seconds for a log-in at the issuer."""
COOKIE = "openid"
SIGNED = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""By the issuer's private key: never ``none``, and never by a secret that this desk has too."""
PATIENCE = 10.0
"""Seconds that the issuer has for an answer."""


class NotLoggedIn(Exception):  # noqa: N818 - what the visitor is told
    """It did not work; the message quotes nothing of the issuer's answer."""


class NoRole(NotLoggedIn):
    """Whoever it is may nothing here, or nothing any more."""

    def __init__(self, subject: str) -> None:
        """``subject``: as in Someone."""
        super().__init__("You have no role here. Who runs this desk says which groups have one.")
        self.subject = subject


@dataclass(frozen=True, slots=True)
class Someone:
    """Who an issuer says it is."""

    name: str
    subject: str
    """Issuer and subject: what stays when a name changes."""
    role: Role


@dataclass(frozen=True, slots=True)
class Issuer:
    """A company's log-in."""

    settings: Settings
    served: Served
    secret: str
    client: StarletteOAuth2App

    @classmethod
    def of(cls, given: Settings, served: Served, secret: str) -> Issuer | None:
        """Return the issuer that the settings name, if any. Raises OSError or ValueError."""
        if not given.oidc_issuer:
            return None
        if not given.oidc_client_id or not given.oidc_roles:
            msg = "oidc_issuer needs oidc_client_id and oidc_roles: without a role nobody gets in"
            raise ValueError(msg)
        return cls(given, served, secret, _client(given))

    async def leave(self, request: Request, onward: str) -> Response:
        """Send the browser to the issuer. Raises NotLoggedIn."""
        kept: dict[str, Any] = {}
        await self._metadata()
        back = str(request.url_for("openid-back"))
        answer: RedirectResponse = await self.client.authorize_redirect(_with(request, kept), back)
        value = str(self._signer().dumps([kept, onward]))
        self.served.set_cookie(answer, COOKIE, value, LASTS / 86_400, "lax")
        return answer

    async def arrived(self, request: Request) -> tuple[Someone, str]:
        """Return who came back, and where they wanted to go. Raises NotLoggedIn."""
        try:
            cookie = request.cookies.get(self.served.cookie(COOKIE), "")
            kept, onward = self._signer().loads(cookie, max_age=LASTS)
        except (BadData, ValueError, TypeError):
            msg = "It took too long, or began in another browser. Try again."
            raise NotLoggedIn(msg) from None
        return self._someone(await self._claims(_with(request, kept))), str(onward)

    async def _claims(self, request: Request) -> dict[str, Any]:
        """Return what the verified ID token says, and the issuer besides where roles are not in it."""
        await self._metadata()
        options = {
            "iss": {"essential": True, "value": self.settings.oidc_issuer},
            "aud": {"essential": True, "value": self.settings.oidc_client_id},
        }
        try:
            token = await self.client.authorize_access_token(request, claims_options=options)
            claims = dict(token["userinfo"])
            if _claim(claims, self.settings.oidc_role_claim) is None:
                more = await self.client.userinfo(token=token)
                claims = {**more, **claims} if more.get("sub") == claims["sub"] else claims
        except _FAILURES as error:
            raise _failed(error) from None
        return claims

    async def _metadata(self) -> None:
        """Read what the issuer says of itself, and believe only what is about this issuer."""
        try:
            found = await self.client.load_server_metadata()
            named = found["issuer"]
        except _FAILURES as error:
            raise _failed(error) from None
        if named != self.settings.oidc_issuer:
            found.pop("_loaded_at", None)
            msg = (
                "The issuer's description is of another issuer: oidc_issuer must be spelt as it says itself."
            )
            raise NotLoggedIn(msg)
        offered = found.get("id_token_signing_alg_values_supported") or ["RS256"]
        found["id_token_signing_alg_values_supported"] = [each for each in offered if each in SIGNED]

    def _someone(self, claims: Mapping[str, Any]) -> Someone:
        name, subject = _claim(claims, self.settings.oidc_name), claims.get("sub")
        if not isinstance(name, str) or not isinstance(subject, str):
            msg = f"The issuer does not tell your name (claim {self.settings.oidc_name})."
            raise NotLoggedIn(msg)
        if self.settings.oidc_name == "email" and claims.get("email_verified") is not True:
            msg = "The issuer has not verified your e-mail address (claim email_verified)."
            raise NotLoggedIn(msg)
        identity = f"{self.settings.oidc_issuer}|{subject}"
        given = _claim(claims, self.settings.oidc_role_claim)
        values = given if isinstance(given, list) else [given]
        known = self.settings.oidc_roles
        roles = [Role(known[each]) for each in values if isinstance(each, str) and each in known]
        if not roles:
            raise NoRole(identity)
        best = max(roles, key=list(Role).index)
        return Someone(name, identity, best)

    def _signer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.secret, salt="openid")


_FAILURES = (
    AuthlibBaseError,
    JoseError,
    httpx2.HTTPError,
    OSError,
    KeyError,
    TypeError,
    ValueError,
    RuntimeError,
)
"""What a library raises when an issuer is not reached, refuses, or tells nonsense."""


def _failed(error: Exception) -> NotLoggedIn:
    return NotLoggedIn(f"The log-in at the issuer failed ({type(error).__name__}). Try again.")


def _with(request: Request, kept: dict[str, Any]) -> Request:
    """Return the request with a session that holds only this log-in."""
    return Request({**request.scope, "session": kept}, request.receive)


def _claim(claims: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 - what an issuer says
    """Return a claim; a path with dots leads into objects, as ``realm_access.roles``."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _trusted(file: Path) -> ssl.SSLContext:
    """Return what judges the issuer's certificate. Raises OSError for a file without certificates."""
    try:
        return ssl.create_default_context(cafile=file if file.name else None)
    except ssl.SSLError:
        msg = f"oidc_ca {file}: it holds no certificate, in PEM"
        raise OSError(msg) from None


def _client(given: Settings) -> StarletteOAuth2App:
    secret = private.read(given.oidc_secret_file).decode().strip() if given.oidc_secret_file.name else None
    trusted = _trusted(given.oidc_ca)
    made = OAuth().register(
        "issuer",
        client_id=given.oidc_client_id,
        client_secret=secret,
        server_metadata_url=given.oidc_issuer.rstrip("/") + "/.well-known/openid-configuration",
        client_kwargs={
            "scope": "openid profile email",
            "code_challenge_method": "S256",
            "verify": trusted,
            "timeout": PATIENCE,
            "trust_env": False,
            **({} if secret else {"token_endpoint_auth_method": "none"}),
        },
    )
    assert isinstance(made, StarletteOAuth2App)  # noqa: S101 - for the type checker: Authlib has no types
    return made
