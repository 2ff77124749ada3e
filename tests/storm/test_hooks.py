from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from tests.storm.hooks import Hooks

HEAD = b"POST /lasting/1 HTTP/1.1\r\nHost: hooks\r\nContent-Length: 9\r\nWebhook-Id: msg_1\r\n\r\n"


@pytest.mark.parametrize(("body", "heard"), [(b"", 0), (b'{"data"', 0), (b'{"a": 12}', 1)], ids=str)
def test_a_message_that_was_cut_off_is_not_heard(body: bytes, heard: int) -> None:
    hooks = Hooks()
    parts = urlsplit(hooks.url("/lasting/1"))
    with socket.create_connection((parts.hostname, parts.port), timeout=60) as line:
        line.sendall(HEAD + body)
        line.shutdown(socket.SHUT_WR)
        answer = line.recv(64)
    assert answer.startswith(b"HTTP/1.0 204") == bool(heard)
    assert len(hooks.heard) == heard
    hooks.close()
