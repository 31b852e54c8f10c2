"""${message}"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from podium.jobs.sql.schema.columns import BigId, Json, Moment

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go to this revision."""
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    """Go back to the revision before."""
    ${downgrades if downgrades else "pass"}
