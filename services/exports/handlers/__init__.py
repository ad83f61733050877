"""Use cases of the exports service, by what they are about."""
