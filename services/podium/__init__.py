"""Podium: video of athletes in, key points, biomechanics and overlays out."""

__version__ = "0.1.0"

_SDK = {
    "AsyncClient": "podium.client.jobs.async_client",
    "Client": "podium.client.jobs.client",
    "ApiError": "podium.client.jobs.failures",
    "JobFailed": "podium.client.jobs.failures",
}
"""Names of the SDK, imported on first use, because services import ``podium``, too, and do not need
it. ``__init__.pyi`` has the types."""


def __getattr__(name: str) -> object:
    if name not in _SDK:
        raise AttributeError(f"module 'podium' has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(_SDK[name]), name)
    return found


def __dir__() -> list[str]:
    return [*globals(), *_SDK]
