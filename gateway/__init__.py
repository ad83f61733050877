"""The gateway: REST /api/v1, the live stream, the composed overview. It keeps nothing and knows services by contract."""
