"""A merchant's server: real sockets, real HTTP, and TLS where it is asked for."""

from __future__ import annotations

import contextlib
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

#: A key for the name hooks.test and for nothing else, self-signed, valid for a hundred years.
PEM = Path(__file__).with_name("hooks.test.pem")


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Receiver:
    """Answers `statuses` one after the other, the last one for ever."""

    statuses: list[int] = field(default_factory=lambda: [204])
    delay: float = 0.0
    drip: bool = False
    received: list[Received] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def next_status(self) -> int:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


@contextlib.contextmanager
def listening(receiver: Receiver, tls: bool = False) -> Iterator[Receiver]:
    """Serves on a free port of the loopback interface."""

    class Handler(BaseHTTPRequestHandler):
        def setup(self) -> None:
            receiver.connections += 1
            super().setup()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            receiver.received.append(Received(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            time.sleep(receiver.delay)
            with contextlib.suppress(OSError):
                self._answer(receiver.next_status())

        def _answer(self, status: int) -> None:
            if receiver.drip:
                self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                while True:  # until who listens has gone
                    self.wfile.write(b"x-slow: 1\r\n")
                    self.wfile.flush()
                    time.sleep(0.1)
            self.send_response(status)
            self.send_header("location", "/elsewhere")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(PEM)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
