"""Tokens of an OIDC issuer: accepted as signed, refused where anything is wrong."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from podium.api.settings import ApiSettings
from tests.support.api_world import ApiWorld, api_world


@dataclass
class Issuer:
    """Publishes keys and signs tokens."""

    url: str = ""
    keys: dict[str, RSAKey] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def new_key(self, kid: str) -> None:
        self.keys[kid] = RSAKey.generate_key(2048, {"kid": kid})

    def token(self, kid: str = "one", **claims: Any) -> str:
        usual = {
            "iss": self.url, "aud": "podium", "exp": int(time.time()) + 60,
            "scope": "openid jobs:read", "podium_project": 1,
        }  # fmt: skip
        return jwt.encode({"alg": "RS256", "kid": kid}, {**usual, **claims}, self.keys[kid])


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    known = Issuer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known.asked.append(self.path)
            page: dict[str, Any] = {"jwks_uri": f"{known.url}/keys"}
            if self.path == "/keys":
                page = {"keys": [key.as_dict(private=False) for key in known.keys.values()]}
            data = json.dumps(page).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        known.url = f"http://127.0.0.1:{server.server_port}"
        known.new_key("one")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield known
        server.shutdown()


@pytest.fixture(scope="module")
def api(issuer: Issuer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiWorld]:
    own = ApiSettings(oidc_issuer=issuer.url)
    with api_world(tmp_path_factory.mktemp("api"), own) as world:
        yield world


def ask(api: ApiWorld, token: str, method: str = "GET", path: str = "/v1/me") -> requests.Response:
    headers = {"authorization": f"Bearer {token}"}
    return requests.request(method, f"{api.url}{path}", headers=headers, json={}, timeout=10)


def test_a_token_does_what_its_scope_says_in_its_project(api: ApiWorld, issuer: Issuer) -> None:
    me = ask(api, issuer.token())
    assert (me.status_code, me.json()) == (
        200, {"project_id": 1, "user_id": None, "scopes": ["jobs:read"]}
    )  # fmt: skip
    assert ask(api, issuer.token(), "POST", "/v1/jobs").status_code == 403
    elsewhere = ask(api, issuer.token(podium_project=99), "GET", "/v1/projects")
    assert elsewhere.json()["items"] == []
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]  # and then remembered
    assert api.admin.get("/v1/me")["scopes"] == ["admin"]  # keys hold beside tokens


def test_what_is_not_signed_for_this_api_is_refused(api: ApiWorld, issuer: Issuer) -> None:
    stranger = RSAKey.generate_key(2048, {"kid": "one"})
    claims = jwt.decode(issuer.token(), issuer.keys["one"]).claims
    public = json.dumps(issuer.keys["one"].as_dict(private=False))
    good = issuer.token()
    refused = {
        "late": issuer.token(exp=int(time.time()) - 120),
        "for others": issuer.token(aud="somebody"),
        "from others": issuer.token(iss="https://elsewhere.example"),
        "without end": jwt.encode(
            {"alg": "RS256", "kid": "one"},
            {k: v for k, v in claims.items() if k != "exp"},
            issuer.keys["one"],
        ),
        "another key": jwt.encode({"alg": "RS256", "kid": "one"}, claims, stranger),
        "a public key as a secret": jwt.encode(
            {"alg": "HS256", "kid": "one"}, claims, OctKey.import_key(public)
        ),
        "changed": f"{good[:-10]}{'A' * 10}",
        "no project": issuer.token(podium_project=None),
        "no token": "a.b.c",
    }
    for why, token in refused.items():
        answer = ask(api, token)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized"), why


def test_a_new_key_of_the_issuer_is_found(
    api: ApiWorld, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("podium.api.tokens._FETCH_AGAIN_S", 0.0)
    issuer.new_key("two")
    assert ask(api, issuer.token("two")).status_code == 200
