"""The audit: which rows a command leaves, what is in them, and how they are read."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from chassis import audit, context, idempotency
from chassis.database import Database
from chassis.ids import new_id
from chassis.settings import settings
from chassis.tables import audit as table
from contracts.audit import AuditEntry, ListAudit
from contracts.errors import Problem
from contracts.message import Message
from contracts.principals import Claims
from contracts.rpc import Nothing
from contracts.rpc.exports import DeleteExport, RenameExport
from contracts.rpc.members import ChangePassword, CreateToken, Token

WHO = Claims(
    user_id=UUID(int=7), token_id=UUID(int=8), project_id=UUID(int=9), address="192.0.2.7", agent="a program/1.0"
)


@pytest.fixture(autouse=True)
def somebody() -> Iterator[None]:
    with context.correlated("an-id"), context.acting_for(WHO):
        yield


def rename(key: str | None = None) -> RenameExport:
    return RenameExport(project_id=uuid4(), export_id=uuid4(), name="new", idempotency_key=key)


def entries(database: Database, **which: object) -> tuple[AuditEntry, ...]:
    with database.session() as session:
        return audit.page(session, "analytics", ListAudit.of("analytics").model_validate(which)).items


def carry_out(database: Database, command: RenameExport) -> None:
    def run() -> Message:
        audit.note(before={"name": "old"}, after={"name": command.name})
        return Nothing()

    with audit.doing(command), database.session() as session:
        idempotency.once(session, command, run)


def test_who_what_when_and_from_where_are_in_a_row(database: Database) -> None:
    command, before = rename("key"), datetime.now(UTC)
    carry_out(database, command)
    (entry,) = entries(database)
    assert entry.at >= before
    assert (entry.action, entry.outcome, entry.issuer) == ("exports.rename_export", "ok", "gateway")
    assert (entry.user_id, entry.token_id, entry.session_id) == (WHO.user_id, WHO.token_id, None)
    assert (entry.address, entry.agent, entry.correlation_id) == ("192.0.2.7", "a program/1.0", "an-id")
    assert (entry.project_id, entry.subject, entry.subject_id) == (
        command.project_id,
        "export",
        str(command.export_id),
    )
    assert (entry.before, entry.after) == ({"name": "old"}, {"name": "new"})


def test_a_command_that_is_sent_again_is_recorded_once(database: Database) -> None:
    command = rename("key")
    carry_out(database, command)
    carry_out(database, command)
    assert len(entries(database)) == 1


def test_the_row_goes_with_the_change(database: Database) -> None:
    def failing() -> Message:
        raise Problem("gone")

    with pytest.raises(Problem), audit.doing(rename()), database.session() as session:
        idempotency.once(session, rename("key"), failing)
    with pytest.raises(RuntimeError), audit.doing(rename()), database.session() as session:
        audit.settle(session)
        raise RuntimeError
    assert entries(database) == ()


def test_a_second_try_says_everything_itself(database: Database) -> None:
    with audit.doing(rename()):
        audit.note(after={"said": "before"})
        said = audit.noted()
        with pytest.raises(RuntimeError), database.session() as session:
            audit.note(after={"first": "try"})
            audit.settle(session)
            raise RuntimeError
        audit.as_noted(said)
        with database.session() as session:
            audit.settle(session)
    (entry,) = entries(database)
    assert entry.after == {"said": "before"}


def test_what_is_refused_for_want_of_a_right_is_recorded_and_nothing_else_is(database: Database) -> None:
    with audit.doing(rename()):
        for code in ("forbidden", "bad_credentials", "rate_limited", "not_found", "stale_version"):
            audit.refused(database, code)
    assert [entry.outcome for entry in entries(database)] == ["bad_credentials", "forbidden"]


def test_no_secret_is_kept(database: Database) -> None:
    change = ChangePassword(user_id=uuid4(), current_password="secret-1", new_password="secret-2")
    make = CreateToken(user_id=uuid4(), name="robot", idempotency_key="key")
    token = Token(id=new_id(), name="robot", created_at=datetime.now(UTC), secret="secret-3")
    with audit.doing(change), database.session() as session:
        audit.settle(session, Nothing())
    with audit.doing(make), database.session() as session:
        idempotency.once(session, make, lambda: token)
    made, changed = entries(database)
    assert (made.subject, made.subject_id) == ("token", str(token.id))
    assert made.after is not None and made.after["name"] == "robot"
    assert (changed.subject, changed.subject_id) == ("user", str(change.user_id))
    assert not any(f"secret-{number}" in entry.model_dump_json() for number in (1, 2, 3) for entry in (made, changed))


def test_what_is_large_is_left_out_with_its_size(database: Database) -> None:
    with audit.doing(rename()), database.session() as session:
        audit.note(before={"body": "x" * 100_000, "name": "small"}, after={str(each): "y" * 900 for each in range(20)})
        audit.settle(session)
    (entry,) = entries(database)
    assert entry.before == {"body": {"omitted": 100_002}, "name": "small"}
    assert entry.after is not None and entry.after.keys() == {"omitted"}


def test_notes_without_a_command_are_for_nobody(database: Database) -> None:
    audit.note("export", uuid4(), after={"name": "of a consumer"})
    with database.session() as session:
        audit.settle(session)
    assert entries(database) == ()


def test_work_without_a_command_writes_its_own(database: Database) -> None:
    with database.session() as session:
        audit.write(session, "labels.import_ended", "import", 5, project_id=UUID(int=9), after={"labels": 3})
    with context.acting_for(None), database.session() as session:
        audit.write(session, "members.setup", "user", 6, issuer="setup", user_id=UUID(int=6))
    by_itself, for_somebody = entries(database)
    assert (for_somebody.user_id, for_somebody.issuer, for_somebody.after) == (WHO.user_id, "gateway", {"labels": 3})
    assert (by_itself.user_id, by_itself.issuer, by_itself.address) == (UUID(int=6), "setup", None)


def test_filters_keep_what_fits_all_of_them(database: Database) -> None:
    command, other = rename(), rename()
    for each in (command, other, DeleteExport(project_id=command.project_id, export_id=other.export_id)):
        with audit.doing(each), database.session() as session:
            audit.settle(session)
    deleted, second, first = entries(database)
    assert entries(database, project_id=command.project_id) == (deleted, first)
    assert entries(database, project_id=command.project_id, action="exports.rename_export") == (first,)
    assert entries(database, subject="export", subject_id=str(other.export_id)) == (deleted, second)
    assert len(entries(database, action="exports.")) == 3 and entries(database, action="export") == ()
    assert len(entries(database, user_id=WHO.user_id, token_id=WHO.token_id, address=WHO.address)) == 3
    assert entries(database, user_id=uuid4()) == entries(database, outcome="forbidden") == ()
    assert len(entries(database, correlation_id="an-id")) == 3


def test_pages_and_times_go_by_the_ids(database: Database) -> None:
    with database.session() as session:
        for milliseconds in range(5):
            moment = datetime(2026, 5, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
            row = {"id": UUID(int=audit.first_id(moment).int + 1), "at": moment, "action": "a.b", "outcome": "ok"}
            session.execute(table.insert().values(row))
    everything = entries(database)
    assert [entry.at for entry in everything] == sorted((entry.at for entry in everything), reverse=True)
    with database.session() as session:
        first = audit.page(session, "analytics", ListAudit.of("analytics")(limit=2))
        rest = audit.page(session, "analytics", ListAudit.of("analytics")(limit=3, before=first.items[-1].id))
    assert (first.items + rest.items, first.more, rest.more) == (everything, True, False)
    assert entries(database, since=everything[2].at, until=everything[0].at) == everything[1:3]


def test_rows_of_other_versions_are_read(database: Database) -> None:
    """As an older version wrote them, without what was added since; and as a newer one may, with unknown words."""
    with database.session() as session:
        session.execute(table.insert().values(id=new_id(), at=datetime.now(UTC), action="gone.method", outcome="ok"))
        after = '{"deep": [1, {"a": null}]}'
        session.execute(
            sa.text(
                "INSERT INTO audit (id, at, action, outcome, issuer, subject, subject_id, before, after) VALUES "
                "(:id, now(), 'x.y', 'a_new_code', 'new', 'thing', 'not a uuid', 'null', CAST(:after AS jsonb))"
            ),
            {"id": new_id(), "after": after},
        )
    newer, older = entries(database)
    assert (older.action, older.user_id, older.after) == ("gone.method", None, None)
    assert (newer.outcome, newer.subject_id, newer.after) == ("a_new_code", "not a uuid", {"deep": [1, {"a": None}]})


def test_an_operator_cuts_what_is_old_and_that_is_recorded(settings_environment: dict[str, str]) -> None:
    settings.cache_clear()
    began = new_id()
    long_ago = datetime(2001, 5, 1, tzinfo=UTC)
    database = Database(settings().dsn("exports"))
    with database.session() as session:
        for each in range(5):
            row = {
                "id": UUID(int=audit.first_id(long_ago).int + each),
                "at": long_ago,
                "action": "old",
                "outcome": "ok",
            }
            session.execute(table.insert().values(row))
    assert audit.forget("exports", 3650, at_once=2) == 5
    assert audit.forget("exports", 3650) == 0
    with database.session() as session:
        assert audit.page(session, "exports", ListAudit.of("exports")(action="old")).items == ()
        cuts = audit.page(session, "exports", ListAudit.of("exports")(action="exports.forget_audit")).items
    database.close()
    assert [each.after and each.after["rows"] for each in cuts if each.id > began] == [1, 2, 2]
