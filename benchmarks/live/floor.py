"""The two messages of a change, bare: persistent and confirmed to a quorum queue, from there on to a passing one."""

import threading
import time
from uuid import uuid4

from kombu import Exchange, Producer, Queue
from kombu.message import Message

from chassis.broker import connect


def two_messages(rate: float, seconds: float, size: int = 600) -> list[float]:
    """Seconds that each of `rate` messages a second, of `size` bytes, takes over both queues."""
    name = f"floor-{uuid4()}"
    took: list[float] = []
    stop = threading.Event()
    first = Queue(f"{name}-1", durable=True, queue_arguments={"x-queue-type": "quorum"})
    second = Queue(f"{name}-2", exclusive=True, auto_delete=True, durable=False)
    ready = threading.Barrier(3)
    with connect() as declaring:
        first(declaring.channel()).declare()

        def pass_on() -> None:
            with connect() as connection, connect() as onward:
                producer = Producer(onward.channel(), Exchange(""))

                def take(message: Message) -> None:
                    producer.publish(message.body, routing_key=second.name, delivery_mode=1, serializer="raw")
                    message.ack()

                with connection.Consumer([first], on_message=take, accept=None, prefetch_count=100):
                    ready.wait()
                    _drain(connection, stop)

        def arrive() -> None:
            with connect() as connection:

                def take(message: Message) -> None:
                    took.append(time.monotonic() - float(bytes(message.body).split()[0]))

                with connection.Consumer([second], on_message=take, accept=None, no_ack=True):
                    ready.wait()
                    _drain(connection, stop)

        threads = [threading.Thread(target=work) for work in (arrive, pass_on)]
        for thread in threads:
            thread.start()
        with connect() as connection:
            channel = connection.channel()
            channel.confirm_select()
            producer = Producer(channel, Exchange(""))
            ready.wait()
            start = time.monotonic()
            for number in range(int(rate * seconds)):
                time.sleep(max(0.0, start + number / rate - time.monotonic()))
                body = f"{time.monotonic()} ".encode().ljust(size)
                producer.publish(body, routing_key=first.name, delivery_mode=2, serializer="raw")
        time.sleep(0.5)
        stop.set()
        for thread in threads:
            thread.join()
        first(declaring.channel()).delete()
    return took


def _drain(connection: object, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            connection.drain_events(timeout=0.2)  # type: ignore[attr-defined]  # kombu's Connection
        except TimeoutError:
            continue
