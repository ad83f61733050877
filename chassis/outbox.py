"""Events: written in the transaction of the change they tell of, published by the relay (chassis.relay)."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic_core import from_json, to_json
from sqlalchemy.orm import Session

from chassis import context, principals, tracing
from chassis.database import PENDING
from chassis.ids import new_id
from chassis.tables import outbox
from contracts.events import EVENTS, EventData


@dataclass(frozen=True)
class Envelope:
    """An event as it was received: CloudEvents 1.0 attributes and the checked data.

    `since`: when the change was made that the chain of events began with; `passport`: for whom an order was given,
    signed, and `digest` what it must be of.
    """

    id: UUID
    type: str
    time: datetime
    since: datetime
    correlation_id: str | None
    traceparent: str | None
    data: EventData
    passport: str | None = None
    digest: str = ""


def encode(event: EventData, event_id: UUID | None = None) -> bytes:
    """A CloudEvents 1.0 structured JSON document; `correlationid`, `since`, `traceparent` and,
    of orders, `principal` are extensions."""
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": str(event_id or new_id()),
        "source": f"/labelyard/{event.producer()}",
        "type": event.type,
        "time": datetime.now(UTC).isoformat(),
        "datacontenttype": "application/json",
        "correlationid": context.correlation_id(),
        "since": context.since().isoformat(),
        "data": event,
    }
    parent = tracing.traceparent()
    if parent is not None:
        document["traceparent"] = parent
    if event.order:
        digest = principals.digest_of_order(event.type, from_json(to_json(event)))
        document["principal"] = principals.sign(context.principal(), digest, issuer=event.producer())
    return to_json(document)


def decode(body: bytes) -> Envelope:
    """Read what `encode` wrote; ValueError for anything else (pydantic's ValidationError is one)."""
    document = from_json(body)
    if not isinstance(document, dict):
        raise ValueError("an event is a JSON object")
    model = EVENTS.get(document.get("type", ""))
    if model is None:
        raise ValueError(f"unknown event type {document.get('type')!r}")
    time = datetime.fromisoformat(document["time"])
    return Envelope(
        id=UUID(document["id"]),
        type=document["type"],
        time=time,
        since=datetime.fromisoformat(document["since"]) if "since" in document else time,
        correlation_id=document.get("correlationid"),
        traceparent=document.get("traceparent"),
        data=model.model_validate(document["data"]),
        passport=document.get("principal"),
        digest=principals.digest_of_order(document["type"], document["data"]) if model.order else "",
    )


def add(session: Session, *events: EventData) -> None:
    """Publish `events` if and when the session's transaction commits."""
    rows = []
    for event in events:
        event_id = new_id()
        rows.append({"id": event_id, "type": event.type, "envelope": encode(event, event_id)})
    if rows:
        session.execute(outbox.insert(), rows)
        session.info[PENDING] = True
