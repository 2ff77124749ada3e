"""The HTTP process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

import structlog
from fastapi import FastAPI
from starlette.types import ASGIApp

from gateway.bootstrap import House, open_house, refusing
from gateway.core import garbage, logs
from gateway.loyalty.earning.counter.routes import ways
from gateway.settings import Settings
from gateway.web import errors, openapi
from gateway.web.guard import Guard

log = structlog.get_logger(__name__)


class Gateway(FastAPI):
    """FastAPI behind `guard`, which comes before all of its layers."""

    guard: Callable[[ASGIApp], ASGIApp]

    def build_middleware_stack(self) -> ASGIApp:
        return self.guard(super().build_middleware_stack())


def build(house: House) -> Gateway:
    """The application over an open house."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        house.auth.remember()
        log.info("gateway.started")
        yield
        house.close()  # the server has answered what was at work

    about = "Points that belong to who earned them"
    app = Gateway(title="Loyalty gateway", version=version("loyalty"), summary=about, lifespan=life)
    errors.install(app)
    routers = house.routers()
    for router in routers:
        app.include_router(router)
    openapi.install(app)
    limits = (house.settings.max_body, house.settings.max_requests, house.settings.max_bytes)
    app.guard = lambda layers: Guard(layers, *limits, ways=ways(routers), knows=house.auth.knows)
    app.state.house = house
    return app


def create() -> Gateway:
    """Entry for uvicorn (`uvicorn --factory gateway.app:create`): settings from the environment; refuses to start on a
    wrong deployment, an old schema or unsafe settings."""
    with refusing():
        settings = Settings()
        logs.configure(settings.log_level)
        house = open_house(settings)
        house.ground.db.leave_log()
        app = build(house)
    garbage.settle()
    return app
