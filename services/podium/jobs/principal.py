"""The principal on whose behalf rows are read and written."""

from __future__ import annotations

from dataclasses import dataclass, field

from podium.errors import Forbidden


@dataclass(frozen=True, slots=True)
class Principal:
    """The owner of a request.

    Args:
        project_id: The project whose rows are visible; None: only shared rows.
        scopes: Permissions; ``admin`` sees every project.
        user_id: The user of the key, if it has one.
    """

    project_id: int | None
    scopes: frozenset[str] = field(default_factory=frozenset)
    user_id: int | None = None

    @property
    def is_admin(self) -> bool:
        """Whether the rows of all projects are visible."""
        return "admin" in self.scopes

    def require(self, scope: str) -> None:
        """Raise Forbidden without this scope; ``admin`` includes all scopes."""
        if scope not in self.scopes and not self.is_admin:
            raise Forbidden(f"this key lacks the scope {scope}")


SYSTEM = Principal(None, frozenset({"admin"}))
"""Controllers and workers."""
