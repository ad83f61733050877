"""The answering side: nameko entrypoints that check the deadline, replay commands, and speak in contracts.

    class Projects(Service):
        name = "projects"

        @rpc
        def get_project(self, session: Session, request: GetProject) -> Project:
            return handlers.get_project(session, request.project_id)

The session commits when the method returns, with the events that were added to its outbox. Who asks is checked before:
the signature of the call, and the right that its request class states (chassis.rpc.rights). `context.principal()` says
who that is.
"""

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, TypeVar, get_type_hints

import sqlalchemy as sa
from nameko.extensions import DependencyProvider
from nameko.rpc import Rpc, RpcConsumer
from opentelemetry.trace import SpanKind
from pydantic import ValidationError
from sqlalchemy.orm import Session

from chassis import audit, context, failed, idempotency, metrics, principals, tracing
from chassis.consumer import raw
from chassis.database import Database
from chassis.logs import get_logger
from chassis.rpc import rights
from chassis.settings import settings
from contracts.audit import AuditPage, ListAudit
from contracts.errors import Problem
from contracts.failed import (
    DropFailed,
    FailedCount,
    FailedMessageBody,
    FailedPage,
    GetFailed,
    ListFailed,
    ReplayFailed,
)
from contracts.message import Message
from contracts.principals import Claims
from contracts.rpc import Command, Query, Request

log = get_logger()

Answer = TypeVar("Answer", bound=Message)

RETRIES = 3
"""How often a transaction is run at most when PostgreSQL asks for another try."""


_DIGEST_HEADER = "nameko.digest"


class CallContext(DependencyProvider):  # type: ignore[misc]  # nameko is untyped
    """The headers of the call being answered."""

    def get_dependency(self, worker_ctx: Any) -> dict[str, Any]:
        """The call's headers, without their prefix."""
        return dict(worker_ctx.data)


class _Consumer(RpcConsumer):  # type: ignore[misc]  # nameko is untyped
    """nameko's consumer of a service's calls, which takes the queue as the topology declared it."""

    def setup(self) -> None:
        super().setup()
        self.queue.no_declare = True


class _Entrypoint(Rpc):  # type: ignore[misc]  # nameko is untyped
    """nameko's RPC entrypoint, which refuses expired calls before they take a worker."""

    rpc_consumer = _Consumer()

    # what a service refuses on purpose is no error in its logs
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(expected_exceptions=(Problem,), **kwargs)

    def handle_message(self, body: Any, message: Any) -> None:
        if _expired(message.headers.get("nameko.deadline")):
            # Prefetched requests outlive the broker's expiry. Nobody waits for an answer: none is sent.
            metrics.handled.labels("rpc", message.delivery_info["routing_key"], "expired").observe(0)
            self.rpc_consumer.queue_consumer.ack_message(message)
            return
        # of the very bytes that arrived, whatever the caller says that it is
        message.headers[_DIGEST_HEADER] = principals.digest_of_call(
            message.delivery_info["routing_key"],
            message.properties.get("reply_to", ""),
            message.properties.get("correlation_id", ""),
            raw(message.body),
        )
        super().handle_message(body, message)


def _expired(deadline: object) -> bool:
    return isinstance(deadline, int | float) and time.time() > deadline


Again = Callable[[Session, Any, dict[str, Any]], Message]
"""`(session, request, what was kept of the answer)` -> the answer, complete once more."""


def rpc(
    method: Callable[..., Any] | None = None, *, transaction: bool = True, again: Again | None = None
) -> Callable[..., Any]:
    """Make a method of a Service answer the request class that its `request` argument names.

    With `transaction` the method is `(self, session, request)`. A command's transaction is the chassis's, is replayed
    under an idempotency key, and is tried again after PostgreSQL's serialization failures and deadlocks; a query has
    none (Database.reading). Without `transaction` the method is `(self, request)` and opens its own. `again` completes
    an answer that is replayed with what is not kept of it, because it is secret or expires (chassis.idempotency).
    """
    if method is None:
        return functools.partial(rpc, transaction=transaction, again=again)
    request_type: type[Request[Message]] = get_type_hints(method)["request"]

    @functools.wraps(method)
    def call(self: "Service", request: dict[str, Any]) -> dict[str, Any]:
        name = f"{self.name}.{request_type.method()}"
        started = time.perf_counter()
        outcome = "error"
        with (
            context.correlated(self.call.get("correlation_id")),
            context.due(self.call.get("deadline")),
            context.working_as(self.name),
            tracing.span(name, SpanKind.SERVER, self.call.get("traceparent")),
        ):
            try:
                deadline = self.call.get("deadline")
                if _expired(deadline):
                    raise Problem("deadline_exceeded", "The call waited too long before it could start.")
                with _refusals(name):
                    claims = _signed(self)
                parsed = _parse(request_type.of(self.name), request)
                if claims is not None:
                    with _refusals(name):
                        _permit(self, claims, parsed)
                with context.acting_for(claims):
                    if isinstance(parsed, Command):
                        answer = _carry_out(self, method, parsed, transaction=transaction, again=again)
                    elif transaction:
                        answer = _run(self, method, parsed)
                    else:
                        answer = method(self, parsed).model_dump(mode="json")
                outcome = "ok"
                return answer
            except Problem as problem:
                outcome = problem.code
                raise
            except sa.exc.DataError as error:
                # text that PostgreSQL does not store, such as a NUL character
                raise Problem("validation_failed", f"A value cannot be stored: {error.orig}") from None
            except sa.exc.OperationalError as error:
                log.warning("the database is away", method=name, error=str(error))
                raise Problem("unavailable", f"The database of {self.name} does not answer.") from None
            except sa.exc.TimeoutError:
                raise Problem("busy", f"{self.name} has no free database connection.") from None
            except Exception:
                log.exception("rpc failed", method=name)
                raise Problem("internal", "The error is in the log under the correlation id.") from None
            finally:
                metrics.handled.labels("rpc", name, outcome).observe(time.perf_counter() - started)

    entrypoint: Callable[..., Any] = _Entrypoint.decorator(call)
    return entrypoint


class Service:
    """Base of the five services' entrypoints; `name` is the service's."""

    name: ClassVar[str]
    call = CallContext()

    @property
    def database(self) -> Database:
        """The service's own database."""
        return Database.of(self.name)

    def transact(self, request: Request[Answer], handle: Callable[[Session], Answer]) -> Answer:
        """What `rpc` does with a transaction, for methods without one that need it at their end."""
        answer = _run(self, lambda _self, session, _request: handle(session), request)
        return request.answer.model_validate(answer)  # type: ignore[return-value]  # a request names its answer

    @rpc
    def list_audit(self, session: Session, request: ListAudit) -> AuditPage:
        """What was changed in the service, and by whom."""
        return audit.page(session, self.name, request)

    @rpc
    def list_failed(self, session: Session, request: ListFailed) -> FailedPage:
        """What the service's handlers failed at."""
        return failed.page(session, self.name, request)

    @rpc
    def get_failed(self, session: Session, request: GetFailed) -> FailedMessageBody:
        """One message that a handler failed at."""
        return failed.show(session, self.name, request.id)

    @rpc
    def replay_failed(self, session: Session, request: ReplayFailed) -> FailedCount:
        """Have messages tried again."""
        return failed.replay(session, self.name, request)

    @rpc
    def drop_failed(self, session: Session, request: DropFailed) -> FailedCount:
        """Forget messages."""
        return failed.drop(session, self.name, request)


def _parse(request_type: type[Request[Message]], request: dict[str, Any]) -> Request[Message]:
    try:
        return request_type.model_validate(request)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        raise Problem("validation_failed", f"{len(faults)} fault(s) in the request.", errors=faults) from None


def _carry_out(
    service: "Service",
    method: Callable[..., Any],
    command: Command[Message],
    *,
    transaction: bool,
    again: Again | None,
) -> dict[str, Any]:
    """The answer to a command, which has its row in the audit."""
    with audit.doing(command):
        try:
            if transaction:
                return _run(service, method, command, again)
            answer: Message = method(service, command)
        except Problem as problem:
            audit.refused(service.database, problem.code)
            raise
        if not audit.settled():  # its own transactions are over; it should have written the row in one of them
            log.warning("a command is in the audit only after the fact", method=command.method())
            with service.database.session() as session:
                audit.settle(session, answer)
        return answer.model_dump(mode="json")


def _signed(service: "Service") -> Claims | None:
    """Who asks, as it is signed; Problem `bad_principal`. None: nobody has signed it, and that is accepted
    (LABELYARD_PRINCIPALS)."""
    passport = service.call.get("principal")
    if passport is None:
        if settings().principals == "accepted":
            return None
        raise Problem("bad_principal", "Nobody has signed the call.")
    try:
        return principals.check(passport, service.call.get("digest", ""))
    except principals.Distrusted as fault:
        raise Problem("bad_principal", f"The call is not trusted: {fault}.") from None


def _permit(service: "Service", claims: Claims, request: Request[Message]) -> None:
    """Problem `forbidden` unless who asks may; a command's refusal has its row in the audit."""
    try:
        rights.check(claims, request)
    except Problem as problem:
        if isinstance(request, Command):
            with context.acting_for(claims), audit.doing(request):
                audit.refused(service.database, problem.code)
        raise


@contextmanager
def _refusals(name: str) -> Iterator[None]:
    """Counts and logs what is refused for who asks."""
    try:
        yield
    except Problem as problem:
        metrics.distrusted.labels("rpc", name, problem.code).inc()
        log.warning("call refused", method=name, code=problem.code, reason=problem.detail)
        raise


def _run(
    service: Service, method: Callable[..., Any], request: Request[Any], again: Again | None = None
) -> dict[str, Any]:
    said = audit.noted()
    for attempt in range(1, RETRIES + 1):
        try:
            database = service.database
            audit.as_noted(said)
            with database.reading() if isinstance(request, Query) else database.session() as session:
                return _answer(service, session, method, request, again)
        except sa.exc.OperationalError as error:
            if attempt == RETRIES or getattr(error.orig, "sqlstate", None) not in ("40001", "40P01"):
                raise
            log.info("transaction tried again", method=request.method(), attempt=attempt)
    raise AssertionError


def _answer(
    service: Service, session: Session, method: Callable[..., Any], request: Request[Message], again: Again | None
) -> dict[str, Any]:
    def run() -> Message:
        answer: Message = method(service, session, request)
        return answer

    if isinstance(request, Command) and request.idempotency_key is not None:
        completed = None if again is None else functools.partial(again, session, request)
        return idempotency.once(session, request, run, completed)
    answer = run()
    audit.settle(session, answer)
    return answer.model_dump(mode="json")
