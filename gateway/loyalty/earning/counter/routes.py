"""Takes reports in without FastAPI's machinery and many requests in one transaction.

Only what is well-formed comes this way. Whatever is not (no key, another content type, a field of the wrong type) is
left to the route as FastAPI declares it, so that there is one place for refusals, and the OpenAPI shows that one.
Measured a request: FastAPI's own way, with a transaction of its own, took 7 ms of processor time; see
docs/performance.md.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool

from gateway.core import crashes
from gateway.core.db import Database
from gateway.core.groups import Groups
from gateway.core.idempotency import KEY
from gateway.core.problems import IDEMPOTENCY_CONFLICT, Problem
from gateway.identity.merchants.auth import Auth, allowed
from gateway.identity.merchants.errors import UNAUTHENTICATED
from gateway.identity.merchants.models import Scope
from gateway.loyalty.earning import wire
from gateway.loyalty.earning.desk import Report
from gateway.loyalty.earning.intake import Result
from gateway.loyalty.earning.schemas import ActionIn, GoodBulk
from gateway.loyalty.earning.service import Earning

#: Actions in one transaction: more would keep the database's one writer from the worker for too long.
MOST = 1_000
BULK: TypeAdapter[GoodBulk] = TypeAdapter(GoodBulk)

#: The text of an API key, and what was reported with it.
Call = tuple[str, Sequence[Report]]
#: Answers a request, raises a refusal, or leaves it with None to the route.
Quick = Callable[[Request], Awaitable[Response | None]]


class QuickRoute(APIRoute):
    """A route of which well-formed requests take a shorter way."""

    way: Quick


def quick(way: Quick) -> type[QuickRoute]:
    """A route that `ways` finds."""
    return type("Route", (QuickRoute,), {"way": staticmethod(way)})


def ways(routers: Iterable[APIRouter]) -> dict[tuple[str, str], Quick]:
    """The short ways of all routes that have one, by method and path."""
    routes = (route for router in routers for route in router.routes if isinstance(route, QuickRoute))
    return {(method, route.path): route.way for route in routes for method in route.methods or ()}


class Counter:
    """Where reports wait for the next transaction: those with refunds in a place of their own, because refunds wait for
    settlements and awards do not (decision 0143)."""

    def __init__(self, db: Database, auth: Auth, earning: Earning) -> None:
        self._auth, self._earning = auth, earning
        self._awards, self._refunds = self._place(db, "awards"), self._place(db, "refunds")

    def _place(self, db: Database, name: str) -> Groups[Call, list[Result] | Problem]:
        return Groups(db, self._work, size=lambda call: len(call[1]), most=MOST, name=f"counter-{name}")

    async def one(self, request: Request) -> Response | None:
        """`POST /v1/actions`."""
        token, key = _token(request), request.headers.get("Idempotency-Key", "")
        if token is None or not KEY.fullmatch(key):
            return None
        try:
            action = ActionIn.model_validate_json(await request.body())
        except ValidationError:
            return None
        result = (await self._take((token, [Report(key, action)])))[0]
        crashes.reach("accepted", ("action",))
        if isinstance(result, Problem):
            raise result if result.refusal is not IDEMPOTENCY_CONFLICT else result.refusal.at("Idempotency-Key")
        return _json(wire.out_bytes(result), 202)

    async def many(self, request: Request) -> Response | None:
        """`POST /v1/actions/bulk`."""
        token = _token(request)
        if token is None:
            return None
        try:
            bulk = await run_in_threadpool(BULK.validate_json, await request.body())
        except ValidationError:
            return None
        results = await self._take((token, [Report(item.key, item) for item in bulk.actions]))
        told = zip((item.key for item in bulk.actions), results, strict=True)
        return _json(await run_in_threadpool(wire.bulk_bytes, told, bulk.explain), 200)

    async def _take(self, call: Call) -> list[Result]:
        refunds = any(report.action.kind == "refund" for report in call[1])
        found = await (self._refunds if refunds else self._awards).take(call)
        if isinstance(found, Problem):
            raise found
        return found

    def _work(self, session: Session, calls: Sequence[Call]) -> list[list[Result] | Problem]:
        """Each caller is looked up in the transaction that takes its reports: a revoked key counts for nothing more."""
        callers = self._auth.callers(session, {token for token, _ in calls})
        found: list[list[Result] | Problem] = []
        groups: list[tuple[int, Sequence[Report]]] = []
        for token, reports in calls:
            try:
                caller = callers[token]
                if caller is None:
                    raise UNAUTHENTICATED.at("Authorization")
                groups.append((allowed(caller, [Scope.ACTIONS]).merchant, reports))
                found.append([])
            except Problem as problem:
                found.append(problem)
        results = iter(self._earning.accept_groups(session, groups))
        crashes.reach("taken", ("action",))
        return [one if isinstance(one, Problem) else next(results) for one in found]


def _token(request: Request) -> str | None:
    """The API key of a request that carries JSON, without spaces around it, as FastAPI reads it."""
    scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
    token = rest.strip()
    is_json = request.headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/json"
    return token if scheme.lower() == "bearer" and token and is_json else None


def _json(content: bytes, status: int) -> Response:
    return Response(content, status, media_type="application/json")
