"""What crosses a service boundary, and only that: events, RPC payloads, enumerations, permissions, errors."""
