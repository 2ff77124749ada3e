"""`loyalty up`: chain, deployment, gateway and worker in one command."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from gateway.chain import keystore
from gateway.chain.deployment import Deployment
from gateway.chain.hexes import checksum
from gateway.client import Json
from gateway.commands.console import AsJson, CommandError, facts, out
from gateway.commands.house import House, ending_in_order, only_one, set_aside
from gateway.commands.state import DEFAULT, State, StateDir


def up(
    port: Annotated[int, typer.Option(help="Port of the gateway.", min=1, max=65_535)] = 8000,
    rpc_port: Annotated[int, typer.Option(help="Port of the local chain.", min=1, max=65_535)] = 8545,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Set the old chain and database aside and begin anew.")
    ] = False,
    state: StateDir = DEFAULT,
    as_json: AsJson = False,
) -> None:
    """Start a local chain, the gateway and its worker; run again to go on with the same state. Ctrl-C stops all.

    Example: loyalty up --port 8001 --rpc-port 8546"""
    local = State(state)
    with only_one(local), ending_in_order():
        if fresh and (aside := set_aside(local)):
            out.note(f"[dim]the old state is in {aside}[/]")
        house = House(local, port, rpc_port, say=lambda text: out.note(f"[green]✓[/] {text}"))
        try:
            house.start()
            where = places(house)
            out.result(where, lambda: facts("Running", where.items()))
            out.note("Ctrl-C stops everything; `loyalty up` goes on from here.")
            watch(house)
        except KeyboardInterrupt:
            out.note("\nstopping …")
        finally:
            house.stop()


def watch(house: House) -> None:
    """Waits until Ctrl-C; CommandError when one of the processes ends by itself."""
    while True:
        time.sleep(0.5)
        child = house.dead()
        if child:
            raise CommandError(f"{child.name} ended by itself:\n{child.tail()}")


def places(house: House) -> Json:
    """Where everything is."""
    deployment = Deployment.load(house.state.deployment)
    return {
        "gateway": house.url,
        "documentation": f"{house.url}/docs",
        "rpc": house.rpc_url,
        "chain_id": deployment.chain_id,
        "token": checksum(deployment.token),
        "hub": checksum(deployment.hub),
        "asset": checksum(deployment.asset),
        "relayer": ", ".join(map(checksum, keystore.addresses(house.state.relayer))),
        "deployment_file": str(house.state.deployment),
        "operator_key_file": str(house.state.operator_key),
        "logs": str(house.state.logs),
    }
