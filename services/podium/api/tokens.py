"""Tokens of an OIDC issuer in place of API keys: JWTs, verified with the issuer's published keys.

Sources: OpenID Connect Core 1.0, RFC 7519 (JWT), RFC 7517 (JWK).
"""

from __future__ import annotations

import json
import threading
import time
from typing import Any, Protocol, get_args

import urllib3
from urllib3.exceptions import HTTPError

from podium.api.settings import ApiSettings
from podium.errors import SetupError, Unauthorized, Unavailable
from podium.jobs.principal import Principal
from podium.schemas.base import MAX_ID
from podium.schemas.objects import Scope

_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA")
_SCOPES = frozenset(get_args(Scope))
_KEYS_HOLD_S = 600.0
_FETCH_AGAIN_S = 30.0
_TIMEOUT_S = 5.0
_MAX_BYTES = 1 << 20
_LEEWAY_S = 30


class Tokens(Protocol):
    """Verifies tokens."""

    def principal(self, token: str) -> Principal:
        """The principal of a token. Raises Unauthorized or Unavailable."""


def is_token(secret: str) -> bool:
    """Whether this is a JWT rather than an API key."""
    return secret.count(".") == 2


def tokens_of(settings: ApiSettings) -> Tokens | None:
    """The tokens that the settings accept; None without an issuer. Raises SetupError."""
    if settings.oidc_issuer is None:
        return None
    try:
        return OidcTokens(settings.oidc_issuer, settings)
    except ImportError:
        raise SetupError("PODIUM_API_OIDC_ISSUER needs pip install 'podium[oidc]'") from None


class OidcTokens:
    """Tokens of one issuer.

    Args:
        issuer: Value of the claim ``iss``.
        settings: Has audience, address of the keys, and name of the project's claim.
    """

    def __init__(self, issuer: str, settings: ApiSettings) -> None:
        from joserfc import jwk, jwt

        self._read_keys, self._decode = jwk.KeySet.import_key_set, jwt.decode
        self._claims = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_S,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": settings.oidc_audience},
            exp={"essential": True},
        )
        self._issuer = issuer.rstrip("/")
        self._address = settings.oidc_jwks_url
        self._project_claim = settings.oidc_project_claim
        self._http = urllib3.PoolManager(timeout=urllib3.Timeout(total=_TIMEOUT_S), retries=1)
        self._lock = threading.Lock()
        self._keys: jwk.KeySet | None = None
        self._fetched_at = -_KEYS_HOLD_S

    def principal(self, token: str) -> Principal:
        from joserfc.errors import JoseError

        try:
            try:
                claims = self._verified(token, _KEYS_HOLD_S)
            except (
                JoseError,
                ValueError,
            ):  # perhaps by a key that the issuer has just begun to use
                claims = self._verified(token, _FETCH_AGAIN_S)
        except (JoseError, ValueError) as error:
            raise Unauthorized(f"the token is not accepted ({type(error).__name__})") from None
        scopes = frozenset(str(claims.get("scope", "")).split()) & _SCOPES
        return Principal(self._project_of(claims), scopes)

    def _project_of(self, claims: dict[str, Any]) -> int:
        project = claims.get(self._project_claim)
        if not isinstance(project, int) or isinstance(project, bool) or not 1 <= project <= MAX_ID:
            raise Unauthorized(
                f"the token has no claim {self._project_claim} with the id of a project"
            )
        return project

    def _verified(self, token: str, max_age_s: float) -> dict[str, Any]:
        decoded = self._decode(token, self._current_keys(max_age_s), algorithms=_ALGORITHMS)
        self._claims.validate(decoded.claims)
        return decoded.claims

    def _current_keys(self, max_age_s: float) -> Any:
        with self._lock:
            if time.monotonic() - self._fetched_at > max_age_s:
                self._keys = self._read_keys(self._get(self._address or self._discovered()))
                self._fetched_at = time.monotonic()
            return self._keys

    def _discovered(self) -> str:
        page = self._get(f"{self._issuer}/.well-known/openid-configuration")
        return str(page.get("jwks_uri", ""))

    def _get(self, url: str) -> Any:
        try:
            answer = self._http.request("GET", url, preload_content=False, redirect=False)
            body = answer.read(_MAX_BYTES)
            answer.release_conn()
            if answer.status != 200:
                raise Unavailable(f"the issuer of tokens answers {answer.status}")
            return json.loads(body)
        except (HTTPError, ValueError, OSError):
            raise Unavailable("the issuer of tokens does not answer; try again") from None
