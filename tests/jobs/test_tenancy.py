"""Rows of a project are seen by that project alone, whatever the statement."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from sqlalchemy import Table, bindparam, delete, exists, func, insert, select, text, update
from sqlalchemy.orm import Session, aliased

from podium.errors import Forbidden
from podium.jobs.principal import SYSTEM, Principal
from podium.jobs.sql.database import Database
from podium.jobs.sql.schema.columns import Base, Owned, Shared
from podium.jobs.sql.schema.tables import Athlete, Pipeline, Project, User, UserGroup
from podium.jobs.sql.tenancy import OwnedRows, ScopedSession

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TIMES: dict[str, Any] = {"created_at": NOW, "updated_at": NOW}
OURS, THEIRS = Principal(1), Principal(2)


@pytest.fixture(autouse=True)
def _rows(sqlite: Database) -> None:
    def fill(session: Session) -> None:
        for number in (1, 2):
            session.add(
                Project(
                    id=number,
                    project_name=f"p{number}",
                    project_priority="standard",
                    project_concurrency=1,
                    input_prefixes=[],
                    **TIMES,
                )
            )
            session.flush()
            group = UserGroup(
                project_id=number, user_group_name="g", user_group_description="", **TIMES
            )
            session.add(group)
            session.flush()
            session.add(
                User(project_id=number, group_id=group.id, user_name="u", user_email="a@b", **TIMES)
            )
        for project in (1, 2, None):
            session.add(
                Pipeline(
                    project_id=project,
                    pipeline_name=f"of {project}",
                    pipeline_description="",
                    pipeline_endpoint="/v1/pipelines/x",
                    **TIMES,
                )
            )

    sqlite.write(SYSTEM, fill)


def test_statements_that_are_built_once_are_kept_apart_too(sqlite: Database) -> None:
    users = cast(Table, User.__table__)
    read = OwnedRows(select(users.c.project_id).where(users.c.user_name == bindparam("name")))
    by_project = OwnedRows(select(users.c.project_id, func.count()).group_by(users.c.project_id))

    def see(session: Session) -> tuple[list[int], int]:
        session.add(
            User(project_id=1, group_id=1, user_name="new", user_email="a@b", **TIMES)
        )  # seen without being committed, as by other statements
        found = [row.project_id for row in read(session, name="new")]
        return found + list(read(session, name="u").scalars()), len(by_project(session).all())

    assert sqlite.write(OURS, see) == ([1, 1], 1)
    assert sqlite.write(SYSTEM, see) == ([1, 1, 1, 2], 2)
    assert sqlite.read(THEIRS, lambda s: read(s, name="u").scalars().all()) == [2]
    assert sqlite.read(Principal(None), lambda s: read(s, name="u").all()) == []
    with ScopedSession(sqlite.engine) as nobody, pytest.raises(Forbidden):
        read(nobody, name="u")


def test_several_statements_are_read_without_a_session(sqlite: Database) -> None:
    users, groups = cast(Table, User.__table__), cast(Table, UserGroup.__table__)
    names = OwnedRows(
        select(users.c.project_id, users.c.user_name),
        select(groups.c.project_id, groups.c.user_group_name),
    )
    seen = {who: sqlite.look(who, lambda by: sorted(names(by).all())) for who in (OURS, THEIRS)}
    assert seen == {OURS: [(1, "g"), (1, "u")], THEIRS: [(2, "g"), (2, "u")]}
    assert len(sqlite.look(SYSTEM, lambda by: names(by).all())) == 4
    assert sqlite.look(Principal(None), lambda by: names(by).all()) == []


@pytest.mark.parametrize(
    "statement",
    [
        select(Project.__table__),
        select(Pipeline.__table__),
        select(User.__table__.alias()),
        select(User.id).where(User.group_id.in_(select(UserGroup.id))),
        select(User.id).join(UserGroup, User.group_id == UserGroup.id),
        select(User.id).where(exists().where(UserGroup.id == User.group_id)),
        select(select(User.id).subquery()),
        select(func.now()),
    ],
)
def test_what_cannot_be_kept_apart_is_not_built(statement: Any) -> None:
    with pytest.raises(TypeError):
        OwnedRows(statement)


def test_every_table_says_whose_its_rows_are() -> None:
    owners = {m.class_ for m in Base.registry.mappers if issubclass(m.class_, Owned | Shared)}
    assert {m.class_ for m in Base.registry.mappers} - owners == {Project}


def test_what_belongs_to_another_project_is_not_seen(sqlite: Database) -> None:
    def see(session: Session) -> None:
        assert [p.id for p in session.scalars(select(Project))] == [1]
        assert session.get(Project, 2) is None
        assert session.scalar(select(func.count()).select_from(User)) == 1
        assert session.scalar(select(func.count(User.id))) == 1
        assert session.get(User, 2) is None
        other = aliased(User)
        assert session.scalars(select(other.id)).all() == [1]
        joined = select(UserGroup.id).join(User, User.group_id == UserGroup.id)
        assert session.scalars(joined).all() == [1]
        inner = select(User.group_id).where(User.id == 2)
        assert session.scalars(select(UserGroup.id).where(UserGroup.id.in_(inner))).all() == []
        assert session.scalars(select(User.id).union_all(select(User.id))).all() == [1, 1]
        names = select(Pipeline.pipeline_name).order_by(Pipeline.id)
        assert session.scalars(names).all() == ["of 1", "of None"]

    sqlite.read(OURS, see)


def test_statements_change_rows_of_the_own_project_alone(sqlite: Database) -> None:
    changed = sqlite.write(OURS, lambda s: s.execute(update(User).values(user_name="x")).rowcount)  # type: ignore[attr-defined]
    assert changed == 1
    shared = update(Pipeline).values(pipeline_name="x")
    assert sqlite.write(OURS, lambda s: s.execute(shared).rowcount) == 1  # type: ignore[attr-defined]
    assert sqlite.write(THEIRS, lambda s: s.execute(delete(User)).rowcount) == 1  # type: ignore[attr-defined]
    assert sqlite.read(SYSTEM, lambda s: s.scalars(select(User.user_name)).all()) == ["x"]


@pytest.mark.parametrize(
    "statement",
    [
        text("SELECT * FROM user"),
        select(User.__table__),
        select(exists().where(User.id == 2)),
        insert(Athlete).values(project_id=2, athlete_name="x", athlete_sex="male", **TIMES),
    ],
    ids=["text", "table", "exists", "insert"],
)
def test_statements_without_an_owner_are_refused(sqlite: Database, statement: Any) -> None:
    assert isinstance(User.__table__, Table)
    with pytest.raises(Forbidden):
        sqlite.write(OURS, lambda session: session.execute(statement))


def test_nobody_writes_into_another_project_or_into_what_all_share(sqlite: Database) -> None:
    def add(**whose: Any) -> Any:
        row = Athlete(athlete_name="x", athlete_sex="male", **TIMES, **whose)
        return lambda session: session.add(row)

    with pytest.raises(Forbidden):
        sqlite.write(OURS, add(project_id=2))
    sqlite.write(OURS, add())
    assert sqlite.read(SYSTEM, lambda s: s.scalars(select(Athlete.project_id)).all()) == [1]

    def move(session: Session) -> None:
        session.scalars(select(User)).one().project_id = 2

    def share(session: Session) -> None:
        rows = session.scalars(select(Pipeline).order_by(Pipeline.id)).all()
        rows[-1].pipeline_name = "mine now"

    def grow(session: Session) -> None:
        session.scalars(select(Project)).one().project_concurrency = 4096

    for work in (move, share, grow):
        with pytest.raises(Forbidden):
            sqlite.write(OURS, work)


def test_without_a_project_or_a_principal_there_are_no_rows(sqlite: Database) -> None:
    nobody = Principal(None)
    for kind in (Project, User, Pipeline):
        assert sqlite.read(nobody, lambda s, k=kind: s.scalars(select(k)).all()) == []
    with ScopedSession(sqlite.engine) as session, pytest.raises(Forbidden):
        session.scalars(select(User)).all()
    with ScopedSession(sqlite.engine) as session:
        session.add(Athlete(athlete_name="x", athlete_sex="male", project_id=1, **TIMES))
        with pytest.raises(Forbidden):
            session.flush()
