"""On whose behalf rows are read and written."""

from __future__ import annotations

from dataclasses import dataclass, field

from podium.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    Args:
        project_id: The project whose rows are seen; None: those of no project.
        scopes: What is allowed; ``admin`` sees every project.
        user_id: The user of the key, if it has one.
    """

    project_id: int | None
    scopes: frozenset[str] = field(default_factory=frozenset)
    user_id: int | None = None

    @property
    def is_admin(self) -> bool:
        """Whether the rows of all projects are seen."""
        return "admin" in self.scopes

    def require(self, scope: str) -> None:
        """Raise Forbidden unless the scope is there; ``admin`` holds all."""
        if scope not in self.scopes and not self.is_admin:
            raise Forbidden(f"this key lacks the scope {scope}")


SYSTEM = Principal(None, frozenset({"admin"}))
"""Controllers and workers."""
