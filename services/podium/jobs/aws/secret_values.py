"""Secrets from Secrets Manager; read when they are used, so that rotation needs no restart."""

from __future__ import annotations

import json

from podium.errors import SetupError
from podium.jobs.aws.clients import aws_errors, client


class SecretValues:
    """The secrets that the role may read. All methods raise Unavailable if AWS refuses."""

    def __init__(self, region: str) -> None:
        self._client = client("secretsmanager", region)

    def text(self, name: str) -> str:
        """A secret that is one text."""
        with aws_errors(f"the secret {name}"):
            return str(self._client.get_secret_value(SecretId=name)["SecretString"])

    def credentials(self, name: str) -> tuple[str, str]:
        """User and password of a secret of RDS. Raises SetupError if it has none."""
        try:
            found = json.loads(self.text(name))
            return str(found["username"]), str(found["password"])
        except (ValueError, KeyError, TypeError):
            message = f"the secret {name} has no username and password"
            raise SetupError(message) from None
