"""The gateway: mints, moves and redeems points that belong to the people who earned them."""

from importlib.metadata import version

__version__ = version("loyalty")
