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

        def complete() -> dict[str, Received]:
            spans = {span.name: span for span in collector.trace(trace_id)}
            assert {
                "labels.act_on_label",
                "publish labels.label.changed.v1",
                "analytics.projector.v1:labels.label.changed.v1",
                "hear analytics.counters.changed.v1",
                "push to live streams",
            } <= spans.keys()
            return spans

        eventually(complete)
    spans = collector.trace(trace_id)
    by_id = {span.span_id: span for span in spans}
    push = next(span for span in spans if span.name == "push to live streams")
    path = [push]
    while path[-1].parent_id in by_id:
        path.append(by_id[path[-1].parent_id])
    assert path[-1].parent_id == caller
    assert [span.process for span in path if span.name != "publish labels.label.changed.v1"] == [
        "gateway",  # push to live streams
        "gateway",  # hear analytics.counters.changed.v1
        "worker analytics.projector",
        "rpc labels",
        "gateway",  # the call
        "gateway",  # the request
    ]
