"""The asking side: a client for threads (or eventlet's green ones), with a deadline on every call.

nameko's own client is for one thread and waits for ever. Here one thread owns the connection that answers arrive on,
calls are published on another connection under a lock, and callers wait on an event of their own. The wire is
nameko's (field notes, "RPC wire").
"""

import math
import threading
import time
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import Any, ClassVar, Generic, TypeVar
from uuid import uuid4

from kombu import Connection, Queue
from kombu.message import Message as Delivery
from opentelemetry.trace import SpanKind
from pydantic_core import from_json, to_json

from chassis import context, metrics, principals, tracing
from chassis.broker import CONNECTION_ERRORS, RPC_EXCHANGE, BrokerConnection, broker_session, close_quietly, connect
from chassis.logs import get_logger
from chassis.rpc import CORRELATION_HEADER, DEADLINE_HEADER, PRINCIPAL_HEADER, TRACE_HEADER
from contracts.errors import CODES, Problem
from contracts.message import Message
from contracts.rpc import Request

log = get_logger()

Answer = TypeVar("Answer", bound=Message)

MAX_ANSWERS = 10_000
"""Answers that wait for a process that takes none; the oldest of more are dropped. Nobody waits for them by then."""


class PendingCall(Generic[Answer]):
    """A call that has been sent. `result` waits for its answer until the deadline it was sent with."""

    def __init__(self, client: "RpcClient", request: Request[Answer], call_id: str, until: float) -> None:
        self._client = client
        self.request = request
        self._call_id = call_id
        self._until = until
        self._started = time.perf_counter()
        self._name = f"{request.service}.{request.method()}"
        self.span = tracing.start(self._name, SpanKind.CLIENT)
        self.future: Future[bytes] = Future()

    def result(self) -> Answer:
        """The answer, or the Problem that the callee raised; `deadline_exceeded` or `unavailable` without one."""
        outcome = "error"
        try:
            body = self.future.result(timeout=max(0.0, self._until - time.time()))
            answer: Answer = self._read(from_json(body))
            outcome = "ok"
            return answer
        except FutureTimeout:
            outcome = "deadline_exceeded"
            raise Problem("deadline_exceeded", f"{self.request.service} did not answer in time.") from None
        except Problem as problem:
            outcome = problem.code
            raise
        finally:
            self._client.forget(self._call_id)
            metrics.rpc_calls.labels(self._name, outcome).observe(time.perf_counter() - self._started)
            self.span.set_attribute("labelyard.outcome", outcome)
            self.span.end()

    def _read(self, reply: dict[str, Any]) -> Any:
        error = reply.get("error")
        if error is None:
            return self.request.answer.model_validate(reply["result"])
        arguments = error.get("exc_args") or []
        if error.get("exc_type") == "Problem" and len(arguments) == 3 and arguments[0] in CODES:
            code, detail, extra = arguments
            raise Problem(code, detail, **from_json(extra))
        log.error("rpc failed outside its handler", service=self.request.service, error=error.get("value"))
        raise Problem("internal", f"{self.request.service} could not answer.")


class RpcClient:
    """Calls services. One a process, shared by all its threads; start it after a fork."""

    _shared: ClassVar["RpcClient | None"] = None
    _shared_lock: ClassVar[threading.Lock] = threading.Lock()

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._connected = threading.Event()
        self._reply_to = str(uuid4())
        self._waiters: dict[str, Future[bytes]] = {}
        self._publish_lock = threading.Lock()
        self._publisher: BrokerConnection | None = None
        self._channel: Any = None
        self._thread = threading.Thread(target=self._listen, name="rpc-replies", daemon=True)
        self._thread.start()

    @classmethod
    def shared(cls) -> "RpcClient":
        """The process's client, made on first use."""
        with cls._shared_lock:
            if cls._shared is None:
                cls._shared = cls()
            return cls._shared

    @property
    def connected(self) -> bool:
        """Whether answers can arrive at present."""
        return self._connected.is_set()

    def call(self, request: Request[Answer], deadline: float) -> Answer:
        """Ask and wait for the answer, at most `deadline` seconds (see PendingCall.result)."""
        return self.send(request, deadline).result()

    def send(self, request: Request[Answer], deadline: float) -> PendingCall[Answer]:
        """Ask, for whom the work at hand is done (context.principal); the answer is waited for later. `deadline` in
        seconds from now; less where the work at hand is due earlier (context.due)."""
        until = min(time.time() + deadline, context.deadline() or math.inf)
        call_id = str(uuid4())
        call = PendingCall(self, request, call_id, until)
        self._waiters[call_id] = call.future
        try:
            if not self._connected.wait(timeout=max(0.0, min(until - time.time(), 1.0))):
                raise Problem("unavailable", "The message broker is away.")
            self._publish(request, call_id, until, tracing.traceparent(call.span))
        except Problem as problem:
            # whoever takes a call off the list tells it how it ended: the listener may have been first
            if self._waiters.pop(call_id, None) is not None:
                call.future.set_exception(problem)
        return call

    def forget(self, call_id: str) -> None:
        """Nobody waits for this answer any more."""
        self._waiters.pop(call_id, None)

    def close(self) -> None:
        """Stop; calls that are open end as `unavailable`."""
        self._stop.set()
        self._thread.join(timeout=3)
        with self._publish_lock:
            if self._publisher is not None:
                close_quietly(self._publisher)
                self._publisher = None

    def _publish(self, request: Request[Any], call_id: str, until: float, parent: str | None) -> None:
        method = f"{request.service}.{request.method()}"
        body = to_json({"args": [], "kwargs": {"request": request}})
        digest = principals.digest_of_call(method, self._reply_to, call_id, body)
        headers: dict[str, Any] = {
            "nameko.call_id_stack": [call_id],
            DEADLINE_HEADER: until,
            CORRELATION_HEADER: context.correlation_id(),
            PRINCIPAL_HEADER: principals.sign(context.principal(), digest, until),
        }
        if parent is not None:
            headers[TRACE_HEADER] = parent
        message = {
            "body": body,
            "content_type": "application/json",
            "content_encoding": "utf-8",
            "headers": headers,
        }
        properties = {"reply_to": self._reply_to, "correlation_id": call_id, "delivery_mode": 1}
        # another's message may be stuck on its way to a broker that takes nothing: nobody waits longer than for its own
        if not self._publish_lock.acquire(timeout=max(0.0, until - time.time())):
            raise Problem("deadline_exceeded", "No time was left to ask.")
        try:
            self._write(method, message, properties, until)
        finally:
            self._publish_lock.release()

    def _write(self, key: str, message: dict[str, Any], properties: dict[str, Any], until: float) -> None:
        for attempt in (1, 2):  # a kept connection may have died unseen
            remaining = until - time.time()
            if remaining <= 0:
                raise Problem("deadline_exceeded", "No time was left to ask.")
            try:
                if self._publisher is None:
                    self._publisher = connect(timeout=min(5.0, remaining))
                    self._publisher.connect()
                    self._channel = self._publisher.channel()
                elif self._publisher.blocked:
                    self._publisher.hear()
                    if self._publisher.blocked:
                        raise Problem("unavailable", "The message broker takes nothing at present.")
                expiration = str(max(1, int(remaining * 1000)))  # milliseconds on the wire
                self._channel.basic_publish(
                    self._channel.prepare_message(**message, properties={**properties, "expiration": expiration}),
                    exchange=RPC_EXCHANGE.name,
                    routing_key=key,
                    timeout=remaining,
                )
                return
            except CONNECTION_ERRORS as error:
                if self._publisher is not None:
                    close_quietly(self._publisher)
                self._publisher = None
                if attempt == 2:
                    raise Problem("unavailable", "The message broker is away.") from error

    def _listen(self) -> None:
        while not self._stop.is_set():
            try:
                with broker_session(self._stop) as connection:
                    self._consume(connection)
            except CONNECTION_ERRORS as error:
                log.warning("rpc client lost the broker", error=str(error))
            self._connected.clear()
            self._lose()
            self._stop.wait(0.2)

    def _lose(self) -> None:
        """No call that is open will be answered."""
        for call_id in list(self._waiters):
            future = self._waiters.pop(call_id, None)
            if future is not None:
                future.set_exception(Problem("unavailable", "The message broker went away."))

    def _consume(self, connection: Connection) -> None:
        if self._stop.is_set():
            return
        queue = Queue(
            f"rpc.reply-{self._reply_to}",
            exchange=RPC_EXCHANGE,
            routing_key=self._reply_to,
            exclusive=True,
            auto_delete=True,
            durable=False,
            max_length=MAX_ANSWERS,
        )
        with connection.Consumer(queue, on_message=self._answered, no_ack=True, accept=None):
            self._connected.set()
            while not self._stop.is_set():
                try:
                    connection.drain_events(timeout=1)
                except TimeoutError:
                    continue

    def _answered(self, message: Delivery) -> None:
        future = self._waiters.pop(message.properties.get("correlation_id", ""), None)
        if future is not None:
            body = message.body
            future.set_result(body if isinstance(body, bytes) else str(body).encode())
