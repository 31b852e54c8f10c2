"""Objects around jobs, keys, and requests that must not be done twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from podium.errors import (
    Conflict,
    Forbidden,
    InvalidInput,
    NotFound,
    Outdated,
    Unauthorized,
    Unprocessable,
)
from podium.jobs.principal import SYSTEM, Principal
from podium.jobs.sql import catalogue, first_start, idempotency, keys
from podium.jobs.sql.catalogue import Kind
from podium.jobs.sql.database import Database
from podium.schemas import objects as schemas
from podium.schemas.objects import ApiKeyCreate

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def create(database: Database, who: Principal, kind: Kind[Any], **values: Any) -> Any:
    schema = getattr(schemas, f"{kind.shown.__name__}Create")
    return database.write(
        who, lambda s: catalogue.create(s, kind, schema.model_validate(values), NOW)
    )


def update(database: Database, who: Principal, shown: Any, kind: Kind[Any], **values: Any) -> Any:
    schema = getattr(schemas, f"{kind.shown.__name__}Update")
    wanted = schema.model_validate(values)
    return database.write(
        who,
        lambda s: catalogue.update(s, kind, shown.id, wanted, version=shown.version, now=NOW),
    )


@pytest.fixture
def admin(database: Database) -> Principal:
    project = create(database, SYSTEM, catalogue.PROJECT, project_name="default")
    return Principal(project.id, frozenset({"admin"}))


def everything(database: Database, admin: Principal) -> dict[str, Any]:
    """The way of the first users: pipeline, project, set, parameters, group, user."""
    pipeline = create(
        database,
        admin,
        catalogue.PIPELINE,
        pipeline_name="pose",
        pipeline_endpoint="/v1/pipelines/pose-3d",
    )
    project = create(
        database,
        admin,
        catalogue.PROJECT,
        project_name="club",
        project_cluster_url="https://db",
        project_queue_arn="arn:aws:kinesis:x",
        input_prefixes=["s3://clips/"],
    )
    parameter_set = create(
        database,
        admin,
        catalogue.PIPELINE_PARAMETER_SET,
        pipeline_parameter_set_name="sprinters",
    )
    parameters = create(
        database,
        admin,
        catalogue.PIPELINE_PARAMETERS,
        pipeline_id=pipeline.id,
        pipeline_parameter_set_id=parameter_set.id,
        pipeline_parameters_name="fine",
        pipeline_parameters_value={"frames": {"stride": 1}},
    )
    group = create(
        database,
        admin,
        catalogue.USER_GROUP,
        user_group_name="coaches",
        project_id=project.id,
        pipeline_parameter_set_id=parameter_set.id,
    )
    user = create(
        database,
        admin,
        catalogue.USER,
        user_name="Ada",
        user_email="ada@example.org",
        group_id=group.id,
    )
    club = Principal(project.id, frozenset({"jobs:write"}))
    athlete = create(database, club, catalogue.ATHLETE, athlete_name="Bo", athlete_height_m=1.8)
    return {
        "pipeline": pipeline,
        "project": project,
        "pipeline_parameter_set": parameter_set,
        "pipeline_parameters": parameters,
        "user_group": group,
        "user": user,
        "athlete": athlete,
    }


def test_every_kind_is_made_read_listed_changed_and_deleted(
    database: Database, admin: Principal
) -> None:
    made = everything(database, admin)
    assert made["user"].project_id == made["project"].id
    kinds = {kind.name: kind for kind in catalogue.KINDS}
    for name, shown in made.items():
        kind = kinds[name]
        assert database.read(admin, lambda s, k=kind, i=shown.id: catalogue.get(s, k, i)) == shown
        page = database.read(admin, lambda s, k=kind: catalogue.list_page(s, k))
        assert shown in page.items
    renamed = update(database, admin, made["user"], catalogue.USER, user_name="Ada L.")
    assert (renamed.user_name, renamed.user_email) == ("Ada L.", "ada@example.org")
    assert renamed.version == made["user"].version + 1
    with pytest.raises(Outdated):
        update(database, admin, made["user"], catalogue.USER, user_name="late")
    for name in ("pipeline", "project", "user_group"):
        kind = kinds[name]
        with pytest.raises(Conflict):
            database.write(admin, lambda s, k=kind, i=made[name].id: catalogue.delete(s, k, i))
    for name in ("athlete", "user", "user_group", "pipeline_parameters", "pipeline"):
        kind = kinds[name]
        database.write(admin, lambda s, k=kind, i=made[name].id: catalogue.delete(s, k, i))
        with pytest.raises(NotFound):
            database.read(admin, lambda s, k=kind, i=made[name].id: catalogue.get(s, k, i))


def test_ids_are_not_given_again(database: Database, admin: Principal) -> None:
    first = create(database, admin, catalogue.ATHLETE, athlete_name="one")
    database.write(admin, lambda s: catalogue.delete(s, catalogue.ATHLETE, first.id))
    assert create(database, admin, catalogue.ATHLETE, athlete_name="two").id == first.id + 1


def test_a_stranger_finds_nothing(database: Database, admin: Principal) -> None:
    made = everything(database, admin)
    stranger = Principal(admin.project_id, frozenset({"jobs:write"}))
    kinds = {kind.name: kind for kind in catalogue.KINDS}
    for name in ("user", "user_group", "athlete", "project"):
        kind, shown = kinds[name], made[name]
        listed = database.read(stranger, lambda s, k=kind: catalogue.list_page(s, k)).items
        assert shown not in listed
        for work in (
            lambda s, k=kind, i=shown.id: catalogue.get(s, k, i),
            lambda s, k=kind, i=shown.id: catalogue.delete(s, k, i),
        ):
            with pytest.raises(NotFound):
                database.write(stranger, work)
    with pytest.raises(Unprocessable, match="group_id"):
        create(
            database,
            stranger,
            catalogue.USER,
            user_name="x",
            user_email="x@y",
            group_id=made["user_group"].id,
        )
    # What belongs to all is read by everybody and changed by administrators.
    shared = made["pipeline"]
    assert shared.project_id is None
    assert database.read(
        stranger, lambda s: catalogue.get(s, catalogue.PIPELINE, shared.id)
    ).pipeline_name
    with pytest.raises(Forbidden):
        update(database, stranger, shared, catalogue.PIPELINE, pipeline_name="mine")
    with pytest.raises(Forbidden):
        create(database, stranger, catalogue.PROJECT, project_name="another")


def test_pages_hold_everything_once(database: Database, admin: Principal) -> None:
    for number in range(7):
        create(database, admin, catalogue.ATHLETE, athlete_name=f"a{number}")
    names: list[str] = []
    cursor = None
    while True:
        page = database.read(
            admin, lambda s, c=cursor: catalogue.list_page(s, catalogue.ATHLETE, limit=3, cursor=c)
        )
        names += [athlete.athlete_name for athlete in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert names == [f"a{number}" for number in range(7)]
    for nonsense in ("", "x", "e30", "eyJhZnRlciI6LTF9", "\0", "ä"):
        with pytest.raises(InvalidInput, match="cursor"):
            catalogue.read_cursor(nonsense)


def test_null_is_refused_where_there_must_be_something(
    database: Database, admin: Principal
) -> None:
    made = create(database, admin, catalogue.ATHLETE, athlete_name="a", athlete_height_m=1.8)
    with pytest.raises(Unprocessable, match="athlete_name: must not be null"):
        update(database, admin, made, catalogue.ATHLETE, athlete_name=None)
    changed = update(database, admin, made, catalogue.ATHLETE, athlete_height_m=None)
    assert changed.athlete_height_m is None


def test_keys_are_shown_once_and_end(database: Database, admin: Principal) -> None:
    made = everything(database, admin)
    user, project = made["user"], made["project"].id
    wanted = ApiKeyCreate(api_key_name="k", project_id=project, user_id=user.id)

    def make(wanted: ApiKeyCreate, who: Principal = admin) -> schemas.NewApiKey:
        return database.write(who, lambda s: keys.create(s, wanted, NOW))

    def check(secret: str, now: datetime = NOW) -> Principal:
        return database.read(SYSTEM, lambda s: keys.authenticate(s, secret, now))

    first, second = make(wanted), make(wanted)
    assert check(first.secret) == Principal(
        project, frozenset({"jobs:read", "jobs:write"}), user.id
    )
    with pytest.raises(Conflict, match="two keys"):
        make(wanted)
    database.write(admin, lambda s: keys.revoke(s, first.id, NOW))
    with pytest.raises(Unauthorized):
        check(first.secret)
    check(second.secret)
    make(wanted)
    short = make(
        ApiKeyCreate(api_key_name="k", project_id=project, expires_at=NOW + timedelta(hours=1))
    )
    with pytest.raises(Unauthorized, match="expired"):
        check(short.secret, NOW + timedelta(hours=2))
    with pytest.raises(Unauthorized):
        check("podium_guess")
    holder = check(second.secret)
    with pytest.raises(Forbidden, match="scopes"):
        make(ApiKeyCreate(api_key_name="more", scopes=["admin"]), holder)
    listed = database.read(holder, lambda s: keys.list_page(s, limit=50, cursor=None)).items
    assert len(listed) == 4
    assert not any(second.secret in key.model_dump_json() for key in listed)


def test_the_same_request_is_done_once(database: Database, admin: Principal) -> None:
    def begin(body: bytes, now: datetime = NOW, who: Principal = admin) -> Any:
        mark = idempotency.fingerprint("POST", "/v1/create_job", body)
        return idempotency.begin(database, who, "key-1", mark, keep_s=3600, now=now)

    assert begin(b"{}") is None
    with pytest.raises(Conflict, match="still at work"):
        begin(b"{}")
    with pytest.raises(Unprocessable, match="another request"):
        begin(b"{1}")
    answer = idempotency.Answer(202, {"id": 7})
    database.write(admin, lambda s: idempotency.finish(s, "key-1", answer))
    assert begin(b"{}") == answer
    other = create(database, SYSTEM, catalogue.PROJECT, project_name="other")
    assert begin(b"{}", who=replace(admin, project_id=other.id)) is None  # a key of their own
    assert begin(b"{}") == answer
    assert begin(b"{1}", now=NOW + timedelta(hours=2)) is None  # kept no longer
    with pytest.raises(InvalidInput):
        idempotency.begin(database, admin, "", "x", keep_s=1, now=NOW)


def test_of_many_at_once_one_begins(database: Database, admin: Principal) -> None:
    def begin(_: int) -> bool:
        try:
            return idempotency.begin(database, admin, "k", "x", keep_s=60, now=NOW) is None
        except Conflict:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(begin, range(16))) == 1


def test_what_a_transaction_raises_undoes_it(database: Database, admin: Principal) -> None:
    def work(session: Session) -> None:
        wanted = schemas.AthleteCreate(athlete_name="a")
        catalogue.create(session, catalogue.ATHLETE, wanted, NOW)
        raise Conflict("no")

    with pytest.raises(Conflict):
        database.write(admin, work)
    assert database.read(admin, lambda s: catalogue.list_page(s, catalogue.ATHLETE)).items == []


def test_the_first_start_makes_one_admin_key(database: Database) -> None:
    def start(**options: Any) -> schemas.NewApiKey | None:
        return database.write(
            SYSTEM, lambda s: first_start.prepare(s, {"pose-3d": "In 3D."}, NOW, **options)
        )

    first = start()
    assert first is not None
    assert first.scopes == ["admin"]
    assert start() is None
    admin = database.read(SYSTEM, lambda s: keys.authenticate(s, first.secret, NOW))
    pipelines = database.read(admin, lambda s: catalogue.list_page(s, catalogue.PIPELINE)).items
    assert [pipeline.pipeline_endpoint for pipeline in pipelines] == ["/v1/pipelines/pose-3d"]
    again = start(new_admin_key=True)
    assert again is not None
    assert again.secret != first.secret
