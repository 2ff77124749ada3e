"""The HTTP process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

import structlog
from fastapi import FastAPI

from gateway.bootstrap import House, open_house, refusing
from gateway.core import garbage, logs
from gateway.settings import Settings
from gateway.web import errors, openapi

log = structlog.get_logger(__name__)


def build(house: House) -> FastAPI:
    """The application over an open house."""

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        log.info("gateway.started")
        yield
        house.close()  # the server has answered what was at work

    about = "Points that belong to who earned them"
    app = FastAPI(title="Loyalty gateway", version=version("loyalty"), summary=about, lifespan=life)
    errors.install(app)
    for router in house.routers():
        app.include_router(router)
    openapi.install(app)
    settings = house.settings
    app.add_middleware(
        errors.Guard, max_body=settings.max_body, max_requests=settings.max_requests, max_bytes=settings.max_bytes
    )
    app.state.house = house
    return app


def create() -> FastAPI:
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
