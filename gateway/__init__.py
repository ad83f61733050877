"""The gateway: REST /api/v1, the live stream, the composed overview. It keeps no state of its own."""
