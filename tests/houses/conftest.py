"""The house of the command line's tests, for those that take longer."""

from tests.commands.conftest import cheap_keystores, house, loyalty
from tests.houses.shops import shops

__all__ = ["cheap_keystores", "house", "loyalty", "shops"]
