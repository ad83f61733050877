"""Use cases, by aggregate: users, sessions, tokens, memberships."""
