"""Deploy token, hub and badges to any network with Ape, and write the deployment file that the gateway reads.

    ape run deploy --network http://127.0.0.1:8545 --account TEST::0 --output deployment.json
    ape run deploy --network base:mainnet:node --account ACCOUNT --asset ADDRESS --treasury ADDRESS

The first is a running anvil. Other networks are named as Ape names them, with its plugin for them installed.
What is deployed are the committed artifacts, which CI rebuilds from the sources and compares. Without `--asset` a
worthless MockUSDC is deployed too, on local chains only.
"""

import json
from pathlib import Path
from typing import Any

import click
from ape.api import AccountAPI, ProviderAPI
from ape.cli import ConnectedProviderCommand, account_option
from ape.contracts import ContractContainer, ContractInstance
from ape.exceptions import ApeException
from ape.utils import ZERO_ADDRESS
from eth_utils.address import is_address, to_checksum_address
from eth_utils.crypto import keccak
from ethpm_types import ContractType

ARTIFACTS = Path(__file__).resolve().parent.parent / "gateway" / "chain" / "artifacts"
LOCAL_CHAINS = (1337, 31337)
MAX_NAME = 31  # bytes: the EIP-712 domain keeps the name in one word
MAX_FEE_BPS = 500
# One point, of two decimals, for one cent of an asset of six decimals.
DEFAULT_PAR = 100


def address(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is None:
        return None
    if not is_address(value) or value == ZERO_ADDRESS:
        raise click.BadParameter(f"{value!r} is not the address of anybody")
    return str(to_checksum_address(value))


def token_name(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not 0 < len(value.encode()) <= MAX_NAME:
        raise click.BadParameter(f"1 to {MAX_NAME} bytes")
    return value


def fresh_file(context: click.Context, parameter: click.Parameter, value: Path) -> Path:
    if value.exists():
        raise click.BadParameter(f"{value} exists; a deployment is not overwritten")
    if not value.parent.is_dir():
        raise click.BadParameter(f"{value.parent} is no folder")
    return value


@click.command(cls=ConnectedProviderCommand)
@account_option()
@click.option("--asset", callback=address, help="Settlement asset (ERC-20). Local chains: a MockUSDC when left out.")
@click.option(
    "--par",
    type=click.IntRange(min=1),
    default=DEFAULT_PAR,
    show_default=True,
    help="Asset units behind one hundredth of a point, fixed for ever.",
)
@click.option("--name", default="Loyalty Points", show_default=True, callback=token_name, help="Name of the points.")
@click.option("--symbol", default="PTS", show_default=True, help="Symbol of the points.")
@click.option("--treasury", callback=address, help="Receives the funding fee.  [default: the deploying account]")
@click.option(
    "--fee-bps",
    type=click.IntRange(0, MAX_FEE_BPS),
    default=0,
    show_default=True,
    help="Funding fee in basis points, fixed for ever.",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("deployment.json"),
    show_default=True,
    callback=fresh_file,
    help="The deployment file.",
)
def cli(
    provider: ProviderAPI,
    account: AccountAPI,
    asset: str | None,
    par: int,
    name: str,
    symbol: str,
    treasury: str | None,
    fee_bps: int,
    output: Path,
) -> None:
    """Deploy LoyaltyToken, CampaignHub and LoyaltyBadges and write the deployment file."""
    if asset is None and provider.chain_id not in LOCAL_CHAINS:
        raise click.UsageError("--asset is missing: a mock asset is for local chains only")
    if asset is not None and not provider.get_code(to_checksum_address(asset)):
        raise click.UsageError(f"--asset: no contract at {asset} on this chain")
    first_block = (provider.get_block("latest").number or 0) + 1
    try:
        asset = asset or str(deployed(account, "MockUSDC").address)
        token = deployed(account, "LoyaltyToken", name, symbol, asset, par)
        hub = deployed(account, "CampaignHub", token.address, treasury or account.address, fee_bps)
        badges = deployed(account, "LoyaltyBadges", hub.address)
    except ApeException as error:
        raise click.ClickException(f"deployment failed: {error}") from error

    deployment = describe(provider, token, hub, badges, first_block)
    output.write_text(json.dumps(deployment, indent=2) + "\n")
    click.echo(f"{output}: token {token.address}, hub {hub.address}, badges {badges.address}, asset {asset}")


def deployed(account: AccountAPI, contract: str, *arguments: object) -> ContractInstance:
    artifact = json.loads((ARTIFACTS / f"{contract}.json").read_text())
    contract_type = ContractType.model_validate(
        {
            "contractName": artifact["contractName"],
            "abi": artifact["abi"],
            "deploymentBytecode": {"bytecode": artifact["bytecode"]},
        }
    )
    return ContractContainer(contract_type).deploy(*arguments, sender=account)


def describe(
    provider: ProviderAPI, token: ContractInstance, hub: ContractInstance, badges: ContractInstance, first_block: int
) -> dict[str, Any]:
    """What the gateway checks before it starts; the contracts' own figures are read back from them.

    `first_block` is not above the block of any of the contracts.
    """
    genesis = provider.get_block(0).hash
    if genesis is None:
        raise click.ClickException("the node does not tell the hash of block 0")
    return {
        "chainId": provider.chain_id,
        "genesisHash": "0x" + bytes(genesis).hex(),
        "token": token.address,
        "hub": hub.address,
        "asset": token.asset(),
        "par": token.par(),
        "deployBlock": first_block,
        "tokenCodeHash": code_hash(provider, token),
        "hubCodeHash": code_hash(provider, hub),
        "tokenName": token.name(),
        "badges": badges.address,
        "badgesCodeHash": code_hash(provider, badges),
    }


def code_hash(provider: ProviderAPI, contract: ContractInstance) -> str:
    return "0x" + keccak(bytes(provider.get_code(contract.address))).hex()
