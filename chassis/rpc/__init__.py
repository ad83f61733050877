"""RPC: nameko on the side that answers, a threaded client on the side that asks."""

DEADLINE_HEADER = "nameko.deadline"
"""Seconds since the epoch after which nobody waits for the answer any more."""

CORRELATION_HEADER = "nameko.correlation_id"

TRACE_HEADER = "nameko.traceparent"
"""The W3C trace context of the caller."""

PRINCIPAL_HEADER = "nameko.principal"
"""Who asks, signed (chassis.principals)."""
