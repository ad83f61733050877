"""A service that answers with nothing, at once: what RPC costs by itself.

`python -m benchmarks.overview.empty` answers as every service's process does (nameko, eventlet, the chassis's
entrypoint), until it is stopped. Several share the calls.
"""


def main() -> None:
    """Answer until SIGTERM."""
    import eventlet

    eventlet.monkey_patch()  # before anything else is imported
    from kombu import Queue
    from nameko.runners import ServiceRunner

    from benchmarks.overview.ping import Ping
    from chassis.broker import RPC_EXCHANGE, connect
    from chassis.rpc.server import Service, rpc
    from chassis.settings import settings
    from contracts.rpc import Nothing

    class Empty(Service):
        name = Ping.service

        @rpc(transaction=False)
        def ping(self, request: Ping) -> Nothing:
            return Nothing()

    with connect() as connection:  # as the topology does for services
        Queue("rpc-empty", exchange=RPC_EXCHANGE, routing_key="empty.*", channel=connection.channel()).declare()
    runner = ServiceRunner({"AMQP_URI": settings().require("amqp_url"), "max_workers": settings().rpc_workers})
    runner.add_service(Empty)
    runner.start()
    runner.wait()


if __name__ == "__main__":
    main()
