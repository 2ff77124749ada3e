"""The earning room with its ladders."""

from tests.gateway.earning.conftest import room

__all__ = ["room"]
