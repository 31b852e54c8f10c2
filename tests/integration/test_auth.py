"""API keys at the door of a real gateway."""

from __future__ import annotations

import gzip
import http.client
import json
import logging
import re
from urllib.parse import urlsplit

import pytest
import yaml

from podium.gateway.app import create_app
from podium.gateway.settings import GatewaySettings
from podium.serving.http.keys import new_key
from tests.support.service_thread import serving
from tests.support.waiting import blocking_until

KEYS = {name: new_key() for name in ("free", "few", "small")}
LIMITS = {"few": {"requests_per_minute": 3}, "small": {"bytes_per_minute": 1000}}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    path = tmp_path_factory.mktemp("secret") / "keys.yaml"
    path.write_text(
        yaml.safe_dump(
            [{"id": n, "sha256": sha256, **LIMITS.get(n, {})} for n, (_, sha256) in KEYS.items()]
        )
    )
    with serving(create_app(GatewaySettings(api_keys=path))) as url:
        yield url


def call(url, path, body=None, *, chunked=False, **headers):
    """Status, headers and JSON of an answer."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        method = "GET" if body is None else "POST"
        sent = iter([body]) if chunked else body
        connection.request(method, path, sent, headers, encode_chunked=chunked)
        answer = connection.getresponse()
        data = answer.read()
        return answer.status, answer.headers, json.loads(data) if data[:1] == b"{" else data
    finally:
        connection.close()


def bearer(name):
    return {"authorization": f"Bearer {KEYS[name][0]}"}


@pytest.mark.parametrize("path", ["/v2/health/live", "/v2/health/ready", "/metrics", "/docs"])
def test_health_metrics_and_documentation_are_open(gateway, path):
    assert call(gateway, path)[0] == 200


def test_the_documentation_says_how_to_send_a_key_and_needs_no_other_host(gateway):
    page = call(gateway, "/openapi.json")[2]
    assert page["security"] == [{"bearer": []}, {"key": []}]
    assert page["components"]["securitySchemes"]["key"]["name"] == "x-api-key"
    assert page["paths"]["/metrics"]["get"]["security"] == []
    html = call(gateway, "/docs")[2].decode()
    assets = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert len(assets) >= 3
    for asset in assets:
        assert asset.startswith("/")
        assert call(gateway, asset)[0] == 200
    assert "://" not in html


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Bearer"},
        {"authorization": "Bearer wrong"},
        {"authorization": f"Bearer {KEYS['free'][1]}"},  # the hash is not the key
        {"authorization": f"Basic {KEYS['free'][0]}"},
        {"x-api-key": KEYS["free"][0][:-1]},
        {"x-api-key": "\xff"},
    ],
)
@pytest.mark.parametrize(
    "path", ["/v1/pipelines", "/v2", "/docs/../v2", "/nowhere", "/v2/health/../models/pose-2d"]
)
def test_without_a_known_key(gateway, path, headers):
    status, answered, body = call(gateway, path, **headers)
    assert status == 401
    assert answered["www-authenticate"].startswith("Bearer")
    assert "API key" in body["error"]


@pytest.mark.parametrize(
    "headers",
    [
        bearer("free"),
        {"Authorization": f"bearer {KEYS['free'][0]}"},
        {"X-API-Key": KEYS["free"][0]},
    ],
)
def test_with_a_key(gateway, headers):
    status, _, body = call(gateway, "/v1/pipelines", **headers)
    assert status == 200
    assert body["pipelines"]


def test_the_limit_of_requests(gateway):
    statuses = [call(gateway, "/v2", **bearer("few"))[0] for _ in range(3)]
    assert statuses == [200, 200, 200]
    status, headers, body = call(gateway, "/v2", **bearer("few"))
    assert status == 429
    assert 1 <= int(headers["retry-after"]) <= 20
    assert 0 < int(headers["retry-after-ms"]) <= 20_000
    assert "requests per minute" in body["error"]
    assert "few" in body["error"]
    assert call(gateway, "/v2", **bearer("free"))[0] == 200  # others are not held up


@pytest.mark.parametrize("chunked", [False, True])
def test_the_limit_of_bytes(tmp_path, chunked):
    key, sha256 = new_key()
    path = tmp_path / "keys.yaml"
    path.write_text(yaml.safe_dump([{"id": "a", "sha256": sha256, "bytes_per_minute": 6000}]))
    with serving(create_app(GatewaySettings(api_keys=path))) as url:
        infer, headers = "/v2/models/pose-2d/infer", {"x-api-key": key}
        # Not a request that the pipeline can read, but one that is charged for.
        assert call(url, infer, b" " * 7000, chunked=chunked, **headers)[0] == 400
        status, answered, body = call(url, infer, b"{}", chunked=chunked, **headers)
        assert status == 429
        assert 5 <= int(answered["retry-after"]) <= 10  # 1000 bytes of debt at 100 per second
        assert "bytes per minute" in body["error"]


def test_the_limit_of_bytes_counts_what_a_body_decompresses_to(tmp_path):
    key, sha256 = new_key()
    path = tmp_path / "keys.yaml"
    path.write_text(yaml.safe_dump([{"id": "a", "sha256": sha256, "bytes_per_minute": 6000}]))
    with serving(create_app(GatewaySettings(api_keys=path))) as url:
        infer = "/v2/models/pose-2d/infer"
        headers = {"x-api-key": key, "content-encoding": "gzip"}
        assert call(url, infer, gzip.compress(b" " * 7000), **headers)[0] == 400
        assert call(url, infer, gzip.compress(b"{}"), **headers)[0] == 429


def test_refusals_are_counted_and_keys_are_logged_by_id_alone(gateway, caplog):
    caplog.set_level(logging.INFO)
    call(gateway, "/v2", **bearer("free"))
    call(gateway, "/v2", authorization="Bearer wrong-secret")

    def lines():
        return [r.fields for r in caplog.records if hasattr(r, "fields")]

    blocking_until(lambda: len(lines()) == 2)  # a line may come a moment after its answer
    assert [(line["status"], line.get("api_key")) for line in lines()] == [
        (200, "free"),
        (401, None),
    ]
    logged = repr([record.__dict__ for record in caplog.records])
    assert KEYS["free"][0] not in logged
    assert "wrong-secret" not in logged
    _, _, metrics = call(gateway, "/metrics")
    assert b'podium_rejections_total{reason="api_key",service="gateway"}' in metrics


def test_off_by_default():
    with serving(create_app(GatewaySettings())) as url:
        assert call(url, "/v1/pipelines")[0] == 200
