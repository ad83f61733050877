"""Too much to do: health still answers, and so does the overview."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
from kombu import Connection

from deploy.local.system import System
from tests.e2e.support import PASSWORD, Team, eventually
from tests.faults.support import ask_overview, unavailable, whole_overview


def test_health_answers_while_every_worker_of_a_service_is_busy(system: System, team: Team) -> None:
    """All workers of labels wait for a lock in their database, and more calls wait for a worker."""
    whole_overview(team)
    over = threading.Event()

    def ask_until_over() -> None:
        while not over.is_set():
            ask_overview(team)

    with psycopg.connect(system.environment["LABELYARD_LABELS_DSN"]) as database, ThreadPoolExecutor(40) as pool:
        database.execute("LOCK TABLE labels")
        askers = [pool.submit(ask_until_over) for _ in range(40)]
        try:
            eventually(lambda: _all_workers_busy(system, "labels"))
            eventually(lambda: _lives(system, "labels"))
            _all_workers_busy(system, "labels")
        finally:
            database.rollback()
            over.set()
    for asker in askers:
        asker.result()
    assert whole_overview(team)["to_do"]["data"]["items"][0]["done"]


def _lives(system: System, process: str) -> None:
    """It says so within a second; a process that is stuck never would, however often it is asked."""
    try:
        answer = httpx.get(f"http://127.0.0.1:{system.state.port(f'health {process}')}/livez", timeout=1)
    except httpx.TimeoutException:
        raise AssertionError(f"/livez of {process} did not answer within a second") from None
    assert answer.status_code == 200


def _all_workers_busy(system: System, service: str) -> None:
    """A consumer is handed as many calls as it has workers: that calls are left in the queue says that all are busy."""
    with Connection(system.environment["LABELYARD_AMQP_URL"]) as connection:
        waiting = connection.default_channel.queue_declare(f"rpc-{service}", passive=True).message_count
    assert waiting > 0


def test_the_overview_answers_during_a_storm_of_logins(system: System, team: Team) -> None:
    """A hundred people sign in from thirty places at once, every other one with a wrong password, until they know."""
    before = whole_overview(team)
    with httpx.Client(base_url=f"{system.url}/api/v1", timeout=60) as http, ThreadPoolExecutor(30) as pool:

        def sign_in(number: int) -> int:
            email = team.people["lena"].email
            password = PASSWORD if number % 2 else "a wrong password"
            while True:
                answer = http.post("/auth/login", json={"email": email, "password": password})
                if answer.status_code != 503:
                    return answer.status_code
                assert answer.json()["code"] == "busy"

        logins = [pool.submit(sign_in, number) for number in range(100)]
        seen = []
        while not all(login.done() for login in logins):
            seen.append(ask_overview(team))
        answers = [login.result() for login in logins]
    # those at work at one moment hold a guess each: with some wrong ones before, there may be none left for a while
    assert set(answers[::2]) <= {401, 429} and {200} <= set(answers[1::2]) <= {200, 429}
    # on a machine that has too much to do anyway, a card may miss its deadline now and then
    assert before in seen, [unavailable(cards) for cards in seen]
