"""Use cases, by aggregate: one function a command, query or event."""
