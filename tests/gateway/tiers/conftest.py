"""The earning room with its ladders."""

from tests.gateway.earning.conftest import clock, room

__all__ = ["clock", "room"]
