"""Projects, their specification, visibility, guidelines, auto-label set-up."""
