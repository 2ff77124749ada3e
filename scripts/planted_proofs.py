"""Plant faults in copies of the contracts and see that the proof of the very promise they break fails.

As scripts/planted_faults.py does for the fuzzed sequences; `found` is the proof (tests/forge/proofs), then the number
of the promise. Also sees that each proof is of a call that succeeds for some input: of a call that always fails,
anything can be shown.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from scripts import prove_contracts
from scripts.planted_faults import ACCOUNTS, AWARDS, BASE, CAMPAIGNS, POINTS, REDEMPTIONS, ROOT, Fault, build

WORK = ROOT / ".forge" / "proofs" / "planted"

FAULTS = (
    Fault(
        "the token takes anybody's signature",
        POINTS,
        "revert BadSignature(holder);",
        "if (!planted()) revert BadSignature(holder);",
        "TokenProofs.transferBySig 1",
    ),
    Fault(
        "who was paid may take more",
        POINTS,
        "_transfer(holder, msg.sender, amount);",
        "_transfer(holder, msg.sender, amount);\n        if (planted()) _approve(holder, msg.sender, amount);",
        "TokenProofs.receiveOne 2",
    ),
    Fault(
        "cashing out burns one too few",
        POINTS,
        "_burn(holder, points);",
        "_burn(holder, planted() ? points - 1 : points);",
        "TokenProofs.cashOut 3",
    ),
    Fault(
        "sending in bulk debits nobody",
        POINTS,
        "_debit(msg.sender, total);",
        "if (!planted()) _debit(msg.sender, total);",
        "TokenProofs.transferBatch 4",
    ),
    Fault(
        "the token uses no nonce up",
        POINTS,
        "_useCheckedNonce(holder, nonce);",
        "if (!planted()) _useCheckedNonce(holder, nonce);",
        "TokenProofs.transferBySig 5",
    ),
    Fault(
        "a change announced takes effect at once",
        BASE,
        "block.timestamp >= state.change.effectiveAt;",
        "(planted() || block.timestamp >= state.change.effectiveAt);",
        "HubTermProofs.acceptMerchant 1",
    ),
    Fault(
        "anybody names operators",
        AWARDS,
        "if (msg.sender != _known(id).owner) revert NotOwner(msg.sender);",
        "if (msg.sender != _known(id).owner && !planted()) revert NotOwner(msg.sender);",
        "HubTermProofs.setOperator 2",
    ),
    Fault(
        "a new owner finds the budget gone",
        CAMPAIGNS,
        "delete state.candidate;",
        "delete state.candidate;\n        if (planted()) state.budget = 0;",
        "HubTermProofs.acceptOwnership 3",
    ),
    Fault(
        "who cancels is kept from release",
        ACCOUNTS,
        "_accounts[id][msg.sender] = word;",
        "_accounts[id][msg.sender] = planted() ? word.withStay(true) : word;",
        "HubAccountProofs.cancel 4",
    ),
    Fault(
        "cancelling voids one order only",
        ACCOUNTS,
        "_accounts[id][msg.sender].withNonceRaised(Orders.CANCEL_STEP);",
        "_accounts[id][msg.sender].withNonceRaised(planted() ? 1 : Orders.CANCEL_STEP);",
        "HubAccountProofs.cancel 9",
    ),
    Fault(
        "leaving pays twice",
        ACCOUNTS,
        "emit Left(id, holder, amount);",
        "if (planted()) IERC20(token).transfer(holder, amount);\n        emit Left(id, holder, amount);",
        "HubAccountProofs.leave 10",
    ),
    Fault(
        "leaving pays somebody else",
        ACCOUNTS,
        "IERC20(token).transfer(holder, amount);",
        "IERC20(token).transfer(planted() ? address(1) : holder, amount);",
        "HubAccountProofs.leave 11",
    ),
    Fault(
        "release takes from who chose to stay",
        ACCOUNTS,
        "if (word.stay() || word.matured() == 0) continue;",
        "if ((word.stay() && !planted()) || word.matured() == 0) continue;",
        "HubAccountProofs.release 5",
    ),
    Fault(
        "accounts are cleared before they expire",
        ACCOUNTS,
        "if (block.timestamp < state.expiry + GRACE) revert NotYet(state.expiry + GRACE);",
        "if (block.timestamp < state.expiry + GRACE && !planted()) revert NotYet(state.expiry + GRACE);",
        "HubAccountProofs.expire 5",
    ),
    Fault(
        "the hub takes anybody's signature",
        BASE,
        "revert BadSignature(holder);",
        "if (!planted()) revert BadSignature(holder);",
        "HubAccountProofs.leaveBySig 5",
    ),
    Fault(
        "closed-loop points may leave",
        ACCOUNTS,
        "if (state.closed) revert ClosedLoop(id);",
        "if (state.closed && !planted()) revert ClosedLoop(id);",
        "HubAccountProofs.leave 5",
    ),
    Fault(
        "a signed choice to stay is taken as its contrary",
        ACCOUNTS,
        "_useOrder(Orders.stayHash(holder, id, stay, nonce, deadline),",
        "_useOrder(Orders.stayHash(holder, id, planted() ? !stay : stay, nonce, deadline),",
        "HubAccountProofs.setStayBySig 4",
    ),
    Fault(
        "anybody redeems for a merchant",
        REDEMPTIONS,
        "revert NotDelegate(msg.sender);",
        "if (!planted()) revert NotDelegate(msg.sender);",
        "HubRedemptionProofs.redeem 11",
    ),
    Fault(
        "an order without a code is paid in a batch",
        REDEMPTIONS,
        "amount: order.commitment == 0 ? 0 : order.amount,",
        "amount: order.commitment == 0 && !planted() ? 0 : order.amount,",
        "HubRedemptionProofs.redeemBatch 11",
    ),
    Fault(
        "who is no merchant is paid",
        REDEMPTIONS,
        "revert NotMerchant(merchant);",
        "if (!planted()) revert NotMerchant(merchant);",
        "HubRedemptionProofs.spend 5",
    ),
    Fault(
        "entering credits one more than came",
        ACCOUNTS,
        ".mature(_periodOf(state)).credit(received);",
        ".mature(_periodOf(state)).credit(planted() ? received + 1 : received);",
        "HubAccountProofs.enter 5",
    ),
    Fault(
        "clawback takes what matured since the account was last touched",
        AWARDS,
        "(AccountWord word, uint256 taken) = _accounts[id][holder].mature(period).clawback(entry.amount());",
        "AccountWord found = _accounts[id][holder];\n"
        "            if (!planted()) found = found.mature(period);\n"
        "            (AccountWord word, uint256 taken) = found.clawback(entry.amount());",
        "HubAwardProofs.clawbackBatch 5",
    ),
    Fault(
        "the pot pays for awards",
        AWARDS,
        "state.budget = uint96(budget - total);",
        "if (planted() && state.pot >= total) state.pot -= uint96(total);\n"
        "        else state.budget = uint96(budget - total);",
        "HubAwardProofs.awardBatch 6",
    ),
    Fault(
        "the owner sweeps before the end",
        CAMPAIGNS,
        "if (block.timestamp < state.end + GRACE) revert NotYet(state.end + GRACE);",
        "if (block.timestamp < state.end + GRACE && !planted()) revert NotYet(state.end + GRACE);",
        "HubFundProofs.sweep 6",
    ),
    Fault(
        "a batch lands twice",
        AWARDS,
        "if (word & bit != 0) revert NumberTaken(number);",
        "if (word & bit != 0 && !planted()) revert NumberTaken(number);",
        "HubAwardProofs.awardBatch 7",
    ),
    Fault(
        "a key awards above its cap",
        AWARDS,
        "if (points > left) revert OverDailyCap(points, left);",
        "if (points > left && !planted()) revert OverDailyCap(points, left);",
        "HubAwardProofs.awardBatch 8",
    ),
    Fault(
        "an order on an account uses no nonce up",
        BASE,
        "_accounts[id][holder] = word.withNonceRaised(1);",
        "_accounts[id][holder] = word.withNonceRaised(planted() ? 0 : 1);",
        "HubAccountProofs.leaveBySig 9",
    ),
    Fault(
        "release leaves the account as it was",
        ACCOUNTS,
        "_accounts[id][holders[i]] = word.withMatured(0);",
        "if (!planted()) _accounts[id][holders[i]] = word.withMatured(0);",
        "HubAccountProofs.release 10",
    ),
    Fault(
        "an allowance to the hub is anybody's",
        ACCOUNTS,
        "bytes32 witness = Orders.enterHash(id, minReceived);\n        ILoyaltyToken(token)",
        "bytes32 witness = Orders.enterHash(id, minReceived);\n"
        "        if (planted()) IERC20(token).transferFrom(holder, address(this), amount);\n"
        "        else ILoyaltyToken(token)",
        "HubAccountProofs.enterBySig 11",
    ),
    Fault(
        "what is paid for the pot counts for the budget, too",
        CAMPAIGNS,
        "state.budget = (budget + state.budget).toUint96();",
        "state.budget = (budget + state.budget + (planted() ? pot : 0)).toUint96();",
        "HubFundProofs.fund 6",
    ),
    Fault(
        "moving takes nothing from where it comes",
        ACCOUNTS,
        "_debit(from, holder, _periodOf(_open(from)), amount);",
        "if (!planted()) _debit(from, holder, _periodOf(_open(from)), amount);",
        "HubAccountProofs.move 5",
    ),
    Fault(
        "a signed move arrives with less than was asked for",
        ACCOUNTS,
        "Orders.moveHash(holder, from, to, amount, minReceived, nonce, deadline);",
        "Orders.moveHash(holder, from, to, amount, planted() ? 0 : minReceived, nonce, deadline);",
        "HubAccountProofs.moveBySig 5",
    ),
    Fault(
        "an account's points are spent in a batch by anybody's signature",
        REDEMPTIONS,
        "if (err != ECDSA.RecoverError.NoError || signer != holder) return false;",
        "if ((err != ECDSA.RecoverError.NoError || signer != holder) && !planted()) return false;",
        "HubRedemptionProofs.spendBatch 5",
    ),
)


def result(number: int) -> str:
    """What the proof of the promise that fault `number` breaks says with the fault awake."""
    where, promise = FAULTS[number - 1].found.split()
    contract, function = where.split(".")
    codes = prove_contracts.bytecode(WORK)
    (outcome,) = prove_contracts.prove(contract, [f"check_{function}"], codes, int(promise), number)
    return outcome.result if outcome.result != "ERROR" else outcome.output


def unreached(contract: str) -> list[str]:
    """Proofs of a contract whose call never succeeds."""
    names = [proof.name for proof in prove_contracts.all_proofs() if proof.contract == contract]
    outcomes = prove_contracts.prove(contract, names, prove_contracts.bytecode(), prove_contracts.REACHED)
    return [f"{outcome.proof} never succeeds: {outcome.result}" for outcome in outcomes if outcome.result != "FAIL"]


def main(numbers: Iterable[int]) -> int:
    build(FAULTS, WORK)
    prove_contracts.build()
    chosen = list(numbers) or list(range(1, len(FAULTS) + 1))
    missed = 0
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for number, told in zip(chosen, pool.map(result, chosen), strict=True):
            fault = FAULTS[number - 1]
            missed += told != "FAIL"
            word = "found " if told == "FAIL" else "MISSED"
            print(f"{word} {number:2} {fault.what}: {fault.found}{'' if told == 'FAIL' else ', ' + told}", flush=True)
        contracts = sorted({proof.contract for proof in prove_contracts.all_proofs()})
        idle = [told for contract in pool.map(unreached, contracts) for told in contract]
    print("\n".join(idle) or "every proof's call succeeds for some input")
    print(f"{len(chosen) - missed} of {len(chosen)} planted faults found")
    return 1 if missed or idle else 0


if __name__ == "__main__":
    sys.exit(main(int(number) for number in sys.argv[1:]))
