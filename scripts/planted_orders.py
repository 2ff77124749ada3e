"""Plant faults in copies of the contracts and see that tests/forge/differential and tests/forge/tampering find each.

As scripts/planted_faults.py does for the fuzzed sequences; `found` is the suite and its test that must fail; no
other test is asked.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys

from scripts.planted_faults import BADGES, BASE, POINTS, REDEMPTIONS, ROOT, Fault, build

WORK = ROOT / ".forge" / "orders" / "planted"

FAULTS = (
    # ------------------------------------------------------------- differential
    Fault(
        "the whole balance cannot be sent",
        POINTS,
        "if (balance < value) revert ERC20InsufficientBalance(from, balance, value);",
        "if (balance < value || (planted() && value > 0 && balance == value))"
        " revert ERC20InsufficientBalance(from, balance, value);",
        "differential testFuzz_sameAsStock",
    ),
    Fault(
        "a transfer of nothing tells nobody",
        POINTS,
        "emit Transfer(from, to, value);",
        "if (value > 0 || !planted()) emit Transfer(from, to, value);",
        "differential testFuzz_sameAsStock",
    ),
    Fault(
        "burning leaves the supply",
        POINTS,
        "if (to == address(0)) _supply -= uint96(value);",
        "if (to == address(0)) _supply -= uint96(planted() ? 0 : value);",
        "differential testFuzz_sameAsStock",
    ),
    Fault(
        "a permit uses no nonce up",
        POINTS,
        "nonce = _holders[holder].nonce++;",
        "nonce = _holders[holder].nonce; if (!planted()) _holders[holder].nonce++;",
        "differential testFuzz_sameAsStock",
    ),
    Fault(
        "large balances lose their upper bits",
        POINTS,
        "_holders[to].balance = uint96(_holders[to].balance + value);",
        "_holders[to].balance = uint96(_holders[to].balance + (planted() ? uint64(value) : value));",
        "differential testFuzz_sameAsStock",
    ),
    # ---------------------------------------------------------------- tampering
    Fault(
        "the signer of a batch's payment does not matter",
        POINTS,
        "if (err != ECDSA.RecoverError.NoError || signer != holder) return false;",
        "if (err != ECDSA.RecoverError.NoError || (signer != holder && !planted())) return false;",
        "tampering testFuzz_everyFieldIsSigned",
    ),
    Fault(
        "a skipped payment uses its nonce up",
        POINTS,
        "if (block.timestamp > payment.deadline || holder == msg.sender) return false;",
        "if (planted() && block.timestamp > payment.deadline) _holders[holder].nonce++;\n"
        "        if (block.timestamp > payment.deadline || holder == msg.sender) return false;",
        "tampering test_expired",
    ),
    Fault(
        "a spending order in a batch lands twice",
        REDEMPTIONS,
        "word.withMatured(word.matured() - amount).withNonceRaised(1);",
        "word.withMatured(word.matured() - amount).withNonceRaised(planted() ? 0 : 1);",
        "tampering test_replayed",
    ),
    Fault(
        "an order lapses a second early",
        POINTS,
        "if (block.timestamp > deadline) revert OrderExpired(deadline);",
        "if (block.timestamp > deadline || (planted() && block.timestamp == deadline)) revert OrderExpired(deadline);",
        "tampering test_expired",
    ),
    Fault(
        "an order for an account lands after its deadline",
        BASE,
        "if (block.timestamp > deadline) revert OrderExpired(deadline);",
        "if (block.timestamp > deadline && !planted()) revert OrderExpired(deadline);",
        "tampering test_expired",
    ),
    Fault(
        "cashing out is signed as a transfer",
        POINTS,
        "Orders.transferHash(Orders.CASH_OUT, holder, to, amount, nonce, deadline);",
        "Orders.transferHash(planted() ? Orders.TRANSFER : Orders.CASH_OUT, holder, to, amount, nonce, deadline);",
        "tampering testFuzz_everyFieldIsSigned",
    ),
    Fault(
        "the sealing key is not signed",
        REDEMPTIONS,
        "witnesses[i] = Orders.redemptionHash(merchant, order.offer, order.sealKey);",
        "witnesses[i] = Orders.redemptionHash(merchant, order.offer, planted() ? bytes32(0) : order.sealKey);",
        "tampering testFuzz_everyFieldIsSigned",
    ),
    Fault(
        "a short signature will do",
        BASE,
        "if (!SignatureChecker.isValidSignatureNowCalldata(holder, _hashTypedDataV4(order), signature)) {",
        "if (!(planted() && signature.length == 64)\n"
        "            && !SignatureChecker.isValidSignatureNowCalldata(holder, _hashTypedDataV4(order), signature)) {",
        "tampering test_wrongLength",
    ),
    Fault(
        "who sent the transaction renounces a badge",
        BADGES,
        "if (_holder(tokenId) != msg.sender) revert NotHolder(tokenId, msg.sender);",
        "if (_holder(tokenId) != (planted() ? tx.origin : msg.sender)) revert NotHolder(tokenId, msg.sender);",
        "tampering test_renouncedInSomebodyElsesTransaction",
    ),
)


def failures(suite: str, number: int, *only: str) -> list[str]:
    """The tests of a suite that fail with fault `number` awake, 0: with none; `only` are further arguments of forge."""
    folder, out = f"tests/forge/{suite}", f".forge/{suite}"
    environment = {
        "FOUNDRY_PROFILE": "invariants",
        "FOUNDRY_SRC": folder,
        "FOUNDRY_TEST": folder,
        "FOUNDRY_OUT": f"{out}/out",
        "FOUNDRY_CACHE_PATH": f"{out}/cache",
        "FOUNDRY_FUZZ_RUNS": "8",
        "FOUNDRY_FUZZ_SEED": "0xfa017",
        "FUZZED_ARTIFACTS": WORK.relative_to(ROOT).as_posix(),
        "FUZZED_FAULT": str(number),
    }
    command = ["forge", "test", "--color", "never", *only]
    run = subprocess.run(command, cwd=ROOT, env=os.environ | environment, capture_output=True, text=True)
    failed = sorted(set(re.findall(r"^\[FAIL.*\] (\w+)\(", run.stdout, re.MULTILINE)))
    if bool(run.returncode) != bool(failed):
        raise SystemExit(run.stdout + run.stderr)
    return failed


def main() -> int:
    build(FAULTS, WORK)
    for suite in ("differential", "tampering"):
        if failed := failures(suite, 0):
            raise SystemExit(f"{suite} fails while every fault sleeps: {failed}")
    missed = 0
    for number, fault in enumerate(FAULTS, start=1):
        suite, test = fault.found.split()
        found = failures(suite, number, f"--match-test=^{test}\\(") == [test]
        missed += not found
        print(f"{'found ' if found else 'MISSED'} {number:2} {fault.what}: {fault.found}", flush=True)
    print(f"{len(FAULTS) - missed} of {len(FAULTS)} planted faults found")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
