"""Updated today: the labels whose latest change lies in the asker's day, wherever that is."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from chassis.database import Database
from chassis.ids import new_id
from contracts.enums import Review, Status
from contracts.events import LabelChanged, LabelState
from contracts.rpc.analytics import GetCounters
from gateway.overview import day_of
from services.analytics import handlers

SECOND = timedelta(seconds=1)


@pytest.fixture(scope="module")
def database(settings_environment: dict[str, str]) -> Database:
    return Database.of("analytics")


def state(updated_at: datetime, version: int = 1) -> LabelState:
    return LabelState(
        label_id=new_id(),
        version=version,
        status=Status.IN_PROGRESS,
        review=Review.NOT_SUBMITTED,
        updated_at=updated_at.astimezone(UTC),
    )


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("UTC", date(2026, 11, 23), 24),
        ("America/Los_Angeles", date(2026, 11, 23), 24),
        ("Asia/Kathmandu", date(2026, 11, 23), 24),  # 5 h 45 min ahead of UTC
        ("America/St_Johns", date(2026, 3, 8), 23),  # clocks go forward
        ("Europe/Berlin", date(2026, 10, 25), 25),  # and back
    ],
)
def test_a_day_is_the_askers_from_midnight_to_midnight(database: Database, zone: str, day: date, hours: int) -> None:
    there, project_id = ZoneInfo(zone), new_id()
    midnight, noon = (datetime.combine(day, time(hour), there) for hour in (0, 12))
    following = datetime.combine(day + timedelta(days=1), time(), there)
    assert following.astimezone(UTC) - midnight.astimezone(UTC) == timedelta(hours=hours)

    def updated(now: datetime) -> int:
        today = day_of(now, there)
        question = GetCounters(project_id=project_id, updated_since=today.since, updated_until=today.until)
        with database.session() as session:
            return handlers.get_counters(session, question).updated

    def fold(*states: LabelState) -> None:
        with database.session() as session:
            handlers.fold_label_changes(session, [LabelChanged(project_id=project_id, labels=states)])

    yesterday = state(midnight.astimezone(UTC) - SECOND)
    during = [state(midnight), state(noon), state(following.astimezone(UTC) - SECOND)]
    fold(yesterday, *during, state(following))
    counted = {when: updated(when.astimezone(UTC)) for when in (midnight, following)}
    assert counted == {midnight: 3, following: 1}
    assert updated(midnight.astimezone(UTC) - SECOND) == 1
    assert updated(following.astimezone(UTC) - SECOND) == 3

    again = {"version": 2, "updated_at": midnight.astimezone(UTC) + SECOND}
    fold(yesterday.model_copy(update=again))  # only its latest change counts
    assert updated(midnight.astimezone(UTC) - SECOND) == 0
    assert updated(noon) == 4
