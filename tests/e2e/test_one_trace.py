"""One trace from the HTTP request through RPC, outbox, event and consumer to the live stream."""

import secrets

import httpx

from deploy.local.system import System
from tests.collector import Collector, Received
from tests.e2e.support import Team, Watcher, eventually


def test_a_submit_is_one_trace_down_to_the_stream(system: System, team: Team, collector: Collector) -> None:
    trace_id, caller = secrets.token_hex(16), secrets.token_hex(8)
    email, password = system.owner
    label = team.labels[0]
    with Watcher(team.manager, team.id) as watcher, httpx.Client(base_url=f"{system.url}/api/v1", timeout=30) as http:
        csrf = http.post("/auth/login", json={"email": email, "password": password}).json()["csrf_token"]

        def settled() -> None:
            assert watcher.messages
            last = watcher.messages[-1]["cards"]["labeling_status"]
            assert last["state"] == "ok" and last["data"]["total"] == len(team.labels), last

        eventually(settled)  # a batch of changes is in the trace of its first: the submit must come alone
        answer = http.post(
            f"/projects/{team.id}/labels/{label}:submit",
            json={},
            headers={"X-CSRF-Token": csrf, "traceparent": f"00-{trace_id}-{caller}-01"},
        )
        assert answer.status_code == 200, answer.text

        path = eventually(lambda: _way_up(collector.trace(trace_id), "push to live streams", caller))
    assert [span.process for span in path if span.name != "publish labels.label.changed.v1"] == [
        "gateway",  # push to live streams
        "gateway",  # hear analytics.counters.changed.v1
        "worker analytics.projector",
        "rpc labels",
        "gateway",  # the call
        "gateway",  # the request
    ]


def _way_up(spans: list[Received], name: str, caller: str) -> list[Received]:
    """The spans from that of this name up to the one below `caller`; every process sends its own when it likes."""
    by_id = {span.span_id: span for span in spans}
    path = [span for span in spans if span.name == name]
    assert path, f"no {name} among {sorted(span.name for span in spans)}"
    while path[-1].parent_id != caller:
        assert path[-1].parent_id in by_id, f"nothing above {path[-1]}"
        path.append(by_id[path[-1].parent_id])
    return path
