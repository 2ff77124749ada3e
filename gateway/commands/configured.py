"""The settings with which gateway and worker run, as commands of the operator find them."""

from __future__ import annotations

import os

from pydantic import ValidationError

from gateway.commands.console import CommandError
from gateway.commands.house import House
from gateway.commands.state import State
from gateway.settings import Settings, UnsafeSettings


def find_settings(state: State) -> Settings:
    """From the environment where a master secret is set there, else those of the local house."""
    try:
        if "LOYALTY_MASTER_SECRET" in os.environ:
            return Settings()
        if not state.master.exists():
            raise CommandError(f"no house in {state.root} and no settings in the environment", "loyalty up")
        environment = House(state, 0, 0, {"LOYALTY_RPC_URL": state.endpoints()["rpc"]}).environment()
        return Settings.model_validate(
            {name.removeprefix("LOYALTY_").lower(): value for name, value in environment.items()}
        )
    except (ValidationError, UnsafeSettings) as error:
        raise CommandError(f"the settings are refused: {error}", code="unsafe-settings") from None
