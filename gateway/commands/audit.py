"""`loyalty audit`: does everything add up?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gateway.chain.deployment import Deployment
from gateway.chain.reads import Reads
from gateway.chain.rpc import Rpc
from gateway.commands import audit_chain, audit_logs
from gateway.commands.audit_books import Books
from gateway.commands.audit_chain import Backing
from gateway.commands.audit_model import Difference


@dataclass(frozen=True)
class AuditReport:
    """`totals`: points in hundredths, counts. `ok`: no difference anywhere."""

    block: int
    solvent: bool
    differences: list[Difference]
    totals: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return not self.differences


def run_audit(
    rpc: Rpc, deployment: Deployment, block: int | None = None, progress: Callable[[int], None] = lambda _: None
) -> AuditReport:
    deployment.verify(rpc)
    head = Reads(rpc, deployment).head("latest" if block is None else block)
    logs = audit_logs.fetch(rpc, deployment, head, progress)
    books = Books(deployment.hub)
    books.feed(logs)
    books.close(head.time)
    differences, backing = audit_chain.compare(books, rpc, deployment, head)
    return AuditReport(head.number, backing.solvent, books.differences + differences, {})
