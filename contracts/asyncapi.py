"""The AsyncAPI 3.0 document of all events, kept in `contracts/asyncapi.json`.

    python -m contracts.asyncapi            write it
    python -m contracts.asyncapi --check    fail where it differs from the code

An event type is a channel (a routing key on its producer's exchange) that its producer sends to; a queue is a channel
that its service receives from. Who takes what is told here (QUEUES, HEARD) because contracts know no service; a
contract test compares it with the services' SUBSCRIPTIONS and with the gateway.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from contracts.events import (
    EVENTS,
    ArchiveChanged,
    ArchiveReady,
    AssetsCompleted,
    CheckDue,
    ComparisonDue,
    CountersChanged,
    EventData,
    ExportChanged,
    ExportReady,
    GuidelineChanged,
    ImportRequested,
    InvitationMailRequested,
    LabelChanged,
    MembershipChanged,
    PartReady,
    PasswordResetRequested,
    PrincipalChanged,
    ProjectChanged,
    ProjectDeleted,
    ProjectPurgeRequested,
    ProjectRestored,
    SnapshotCanceled,
    SnapshotCompleted,
    SnapshotFailed,
    SnapshotProgressed,
    SnapshotRequested,
    TaskChanged,
    TaskDue,
    VersionDue,
)

PATH = Path(__file__).with_name("asyncapi.json")

QUEUES: Final[Mapping[str, tuple[type[EventData], ...]]] = {
    "members.events.v1": (ProjectDeleted, ProjectRestored),
    "members.mail.v1": (InvitationMailRequested, PasswordResetRequested),
    "projects.clearing.v1": (GuidelineChanged,),
    "labels.events.v1": (ProjectChanged, ProjectDeleted, ProjectRestored, MembershipChanged, SnapshotCanceled),
    "labels.leaving.v1": (MembershipChanged, PrincipalChanged),
    "labels.verify.v1": (AssetsCompleted,),
    "labels.import.v1": (ImportRequested,),
    "labels.tasks.v1": (TaskDue,),
    "labels.versions.v1": (VersionDue,),
    "labels.comparisons.v1": (ComparisonDue,),
    "labels.snapshot.v1": (SnapshotRequested,),
    "analytics.events.v1": (ProjectPurgeRequested,),
    "analytics.projector.v1": (LabelChanged,),
    "analytics.checks.v1": (CheckDue,),
    "exports.events.v1": (
        ProjectChanged,
        ProjectDeleted,
        ProjectRestored,
        SnapshotProgressed,
        SnapshotCompleted,
        SnapshotFailed,
    ),
    "exports.clearing.v1": (ExportChanged, ArchiveChanged),
    "exports.export.v1": (ExportReady,),
    "exports.part.v1": (PartReady,),
    "exports.archive.v1": (ArchiveReady,),
}
"""Queue -> the event types bound to it. A queue's name begins with the service that takes from it."""

HEARD: Final[tuple[type[EventData], ...]] = (
    PrincipalChanged,
    MembershipChanged,
    ProjectChanged,
    ProjectDeleted,
    ProjectRestored,
    GuidelineChanged,
    CountersChanged,
    ExportChanged,
    ArchiveChanged,
    TaskChanged,
)
"""What every gateway process hears, on a queue of its own that ends with it."""

HINTS: Final = (CountersChanged,)
"""What is announced rather than published: neither stored nor confirmed, lost without harm."""


def queue_arguments(queue: str) -> dict[str, Any]:
    """With what a queue is declared, unless it is the gateway's."""
    return {
        "x-queue-type": "quorum",
        "x-delivery-limit": 20,
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": queue.split(".", 1)[0] + ".dead.v1",
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


_GATEWAY: Final = "gateway"
_BINDING: Final = "0.3.0"

_DESCRIPTION = """\
What Labelyard's services tell one another. Each event is written in the transaction of the change that it tells of \
and published at least once (hints at most once), in no particular order. It carries the new state and, where one \
thing changed, its version: a receiver takes what is newer than what it has and ignores the rest. A type's fields are \
only ever added to. A message that cannot be handled is kept by its receiver and tried again; one that kills its \
receiver, before that can keep it, goes to the dead letters of the receiver's service (`<service>.dead.v1`)."""


def consumers(event: type[EventData]) -> list[str]:
    """The queues that take an event type, and `gateway` where that hears it."""
    found = [queue for queue, events in QUEUES.items() if event in events]
    return [*found, _GATEWAY] if event in HEARD else found


def document() -> dict[str, Any]:
    """The AsyncAPI document."""
    mapping, definitions = models_json_schema(
        [(event, "validation") for event in EVENTS.values()], ref_template="#/components/schemas/{model}"
    )
    channels: dict[str, Any] = {}
    operations: dict[str, Any] = {}
    messages: dict[str, Any] = {}
    for name, event in sorted(EVENTS.items()):
        channels[name] = _event_channel(event)
        operations[f"{event.producer()}.send.{event.routing_key()}"] = _sent(event)
        messages[name] = _message(event, mapping[event, "validation"])
    for queue, events in {**QUEUES, _GATEWAY: HEARD}.items():
        channels[queue] = _queue_channel(queue, events)
        operations[f"{queue}.receive"] = _received(queue, events)
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Labelyard events", "version": "1", "description": _DESCRIPTION},
        "defaultContentType": "application/cloudevents+json",
        "channels": channels,
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": {"CloudEvent": _CLOUD_EVENT, **dict(sorted(definitions["$defs"].items()))},
        },
    }


_CLOUD_EVENT: Final[dict[str, Any]] = {
    "title": "CloudEvent",
    "description": "A CloudEvents 1.0 document in structured mode.",
    "type": "object",
    "required": ["specversion", "id", "source", "type", "time", "datacontenttype", "data"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "format": "uuid", "description": "The event; the same at each delivery."},
        "source": {"type": "string", "format": "uri-reference"},
        "type": {"type": "string"},
        "time": {"type": "string", "format": "date-time", "description": "When it was written."},
        "datacontenttype": {"const": "application/json"},
        "correlationid": {
            "type": ["string", "null"],
            "description": "Extension: the request that all this began with, as in its answer's X-Correlation-Id.",
        },
        "since": {
            "type": "string",
            "format": "date-time",
            "description": "Extension: when the change was made that the chain of events began with.",
        },
        "traceparent": {
            "type": "string",
            "description": "Extension (CloudEvents distributed tracing): the W3C trace context, where one is traced.",
        },
        "principal": {
            "type": "string",
            "description": "Extension, of orders: for whom it is given, as JSON, a dot, and its producer's signature.",
        },
        "data": {"type": "object"},
    },
}


def _message(event: type[EventData], data: Mapping[str, Any]) -> dict[str, Any]:
    summary, _, description = (event.__doc__ or "").strip().partition("\n")
    told = {"description": " ".join(description.split())} if description.strip() else {}
    return {
        "name": event.type,
        "title": event.__name__,
        "summary": summary,
        **told,
        "contentType": "application/json" if event in HINTS else "application/cloudevents+json",
        "x-producer": event.producer(),
        "x-consumers": consumers(event),
        "payload": {
            "allOf": [
                {"$ref": "#/components/schemas/CloudEvent"},
                {
                    "type": "object",
                    "properties": {
                        "type": {"const": event.type},
                        "source": {"const": f"/labelyard/{event.producer()}"},
                        "data": data,
                    },
                },
            ]
        },
    }


def _event_channel(event: type[EventData]) -> dict[str, Any]:
    exchange = {"name": f"{event.producer()}.events", "type": "topic", "durable": True, "autoDelete": False}
    return {
        "address": event.routing_key(),
        "messages": _messages([event]),
        "bindings": {"amqp": {"is": "routingKey", "exchange": exchange, "bindingVersion": _BINDING}},
    }


def _queue_channel(queue: str, events: tuple[type[EventData], ...]) -> dict[str, Any]:
    shared = queue != _GATEWAY
    binding: dict[str, Any] = {
        "is": "queue",
        "queue": {"name": queue, "durable": shared, "exclusive": not shared, "autoDelete": not shared},
        "bindingVersion": _BINDING,
    }
    if shared:
        binding["x-arguments"] = queue_arguments(queue)
    told = "A queue of all processes of its kind" if shared else "A queue for each process, named by it"
    return {
        "address": queue if shared else None,
        "description": f"{told}, bound to {', '.join(event.type for event in events)}.",
        "messages": _messages(events),
        "bindings": {"amqp": binding},
    }


def _sent(event: type[EventData]) -> dict[str, Any]:
    stored = event not in HINTS
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{event.type}"},
        "summary": f"The {event.producer()} service publishes it.",
        "tags": [{"name": event.producer()}],
        "messages": [{"$ref": f"#/channels/{event.type}/messages/{event.type}"}],
        "bindings": {
            "amqp": {
                "deliveryMode": 2 if stored else 1,
                "mandatory": stored,
                "bindingVersion": _BINDING,
            }
        },
    }


def _received(queue: str, events: tuple[type[EventData], ...]) -> dict[str, Any]:
    service = queue.partition(".")[0]
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{queue}"},
        "summary": "The gateway hears it." if queue == _GATEWAY else f"The {service} service takes it.",
        "tags": [{"name": service}],
        "messages": [{"$ref": f"#/channels/{queue}/messages/{event.type}"} for event in events],
        "bindings": {"amqp": {"ack": queue != _GATEWAY, "bindingVersion": _BINDING}},
    }


def _messages(events: tuple[type[EventData], ...] | list[type[EventData]]) -> dict[str, Any]:
    return {event.type: {"$ref": f"#/components/messages/{event.type}"} for event in events}


def text() -> str:
    """The document as it is kept."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


def main(arguments: list[str]) -> int:
    """Write the document, or with --check compare it; the exit code."""
    if arguments != ["--check"]:
        PATH.write_text(text(), encoding="utf-8")
        return 0
    if not PATH.exists() or PATH.read_text(encoding="utf-8") != text():
        print("contracts/asyncapi.json is not what the code says. Run: python -m contracts.asyncapi")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
