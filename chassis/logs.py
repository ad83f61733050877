"""Logs: one JSON object a line on standard error, each with the correlation id of the work it belongs to."""

import logging
import sys
from typing import Any

import structlog

from chassis import context


def _add_context(_: Any, __: str, record: structlog.typing.EventDict) -> structlog.typing.EventDict:
    correlation = context.known_correlation_id()
    if correlation:
        record["correlation_id"] = correlation
    return record


def configure(process: str, level: str = "INFO") -> None:
    """Send everything that this process logs, libraries too, to standard error as JSON, signed `process`."""

    def sign(_: Any, __: str, record: structlog.typing.EventDict) -> structlog.typing.EventDict:
        record["process"] = process
        return record

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _add_context,
        sign,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder()],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(default=str),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("amqp", "kombu", "urllib3", "alembic", "PIL"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """A logger: `log.info("what happened", key=value)`."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger
