"""Secrets that Podium makes."""

from __future__ import annotations

import base64
import secrets

_WEBHOOK_BYTES = 24


def new_webhook_secret() -> str:
    """A secret as Standard Webhooks writes it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_WEBHOOK_BYTES)).decode()
