"""Use cases, by aggregate: users, sessions, known devices, guesses at passwords, tokens, memberships."""
