"""Users, credentials, project membership, roles."""
