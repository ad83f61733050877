"""Use cases, by aggregate: one function a command or query."""
