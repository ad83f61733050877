"""A TCP proxy before each server, which can cut connections in the middle of what they carry.

`python -m tests.faults.proxy CONTROL NAME:LISTEN:SERVER...`, all ports of the loopback address. Who connects to CONTROL
and sends a line `cut NAME` is answered with the number of connections: each of them passes only the first half of what
comes next, and is gone. After `drop NAME` all are gone at once.
"""

import asyncio
import contextlib
import socket
import struct
import sys
from dataclasses import dataclass

from deploy.local.programs import Program
from deploy.local.state import REPOSITORY, State
from deploy.local.system import System

HOST = "127.0.0.1"
SERVERS = ("postgresql", "rabbitmq", "s3")
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing throws away what is under way and says so, socket(7)


class Proxies:
    """The proxies as one more server of an installation (deploy.local.servers)."""

    name = "proxy"

    def __init__(self, state: State) -> None:
        self._state = state

    def port(self, server: str) -> int:
        """Where the server is reached through its proxy."""
        return self._state.port(f"proxy {server}")

    def cut(self, server: str) -> int:
        """Dooms every connection that is open to the server now; how many those are."""
        return self._command(f"cut {server}")

    def drop(self, server: str) -> int:
        """Resets every connection that is open to the server now; how many those are."""
        return self._command(f"drop {server}")

    def _command(self, command: str) -> int:
        with socket.create_connection((HOST, self._state.port("proxy control")), timeout=30) as control:
            control.sendall(f"{command}\n".encode())
            return int(control.makefile().readline())

    def prepare(self) -> None:
        """Nothing is kept."""

    def programs(self) -> list[Program]:
        ways = [f"{server}:{self.port(server)}:{self._state.port(server)}" for server in SERVERS]
        command = (sys.executable, "-m", "tests.faults.proxy", str(self._state.port("proxy control")), *ways)
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
        return [Program(name=self.name, command=command, folder=REPOSITORY, environment=environment, rank=90)]

    def is_ready(self) -> bool:
        try:
            socket.create_connection((HOST, self._state.port("proxy control")), timeout=5).close()
        except OSError:
            return False
        return True

    def set_up(self) -> None:
        """Nothing is left to do."""


def put_between(system: System) -> Proxies:
    """Makes a system that does not run yet reach its servers through proxies."""
    proxies = Proxies(system.state)
    for server in SERVERS:
        direct, by_proxy = f"{HOST}:{system.state.port(server)}", f"{HOST}:{proxies.port(server)}"
        for name, value in system.environment.items():
            system.environment[name] = value.replace(direct, by_proxy)
    system.servers.append(proxies)
    return proxies


@dataclass(eq=False)
class _Connection:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    doomed: bool = False

    async def carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(1 << 16):
                target.write(data[: len(data) // 2] if self.doomed else data)
                await target.drain()
                if self.doomed:
                    self.end(but=target)
                    return
            target.write_eof()
        except OSError:
            self.end()

    def end(self, but: asyncio.StreamWriter | None = None) -> None:
        """Resets both ways, but lets one have what is on its way to it."""
        for writer in (self.client, self.server):
            with contextlib.suppress(OSError):
                if writer is not but:
                    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.close()


class _Proxy:
    def __init__(self, port: int) -> None:
        self._port = port
        self._open: set[_Connection] = set()

    async def take(self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        try:
            from_server, to_server = await asyncio.open_connection(HOST, self._port)
        except OSError:
            _Connection(to_client, to_client).end()
            return
        connection = _Connection(to_client, to_server)
        self._open.add(connection)
        try:
            ways = (connection.carry(from_client, to_server), connection.carry(from_server, to_client))
            await asyncio.gather(*ways)
        finally:
            self._open.discard(connection)
            to_client.close()
            to_server.close()

    def cut(self) -> int:
        for connection in self._open:
            connection.doomed = True
        return len(self._open)

    def drop(self) -> int:
        for connection in self._open:
            connection.end()
        return len(self._open)


async def main(control: int, ways: list[str]) -> None:
    """Runs until it is killed."""
    proxies = {}
    for way in ways:
        name, port, upstream = way.split(":")
        proxies[name] = _Proxy(int(upstream))
        await asyncio.start_server(proxies[name].take, HOST, int(port))

    async def command(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        words = (await reader.readline()).decode().split()
        if words:
            verb, name = words
            number = proxies[name].cut() if verb == "cut" else proxies[name].drop()
            writer.write(f"{number}\n".encode())
        writer.close()

    async with await asyncio.start_server(command, HOST, control) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2:]))
