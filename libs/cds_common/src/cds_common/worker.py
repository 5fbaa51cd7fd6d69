"""The frame of every worker process: consumers, relay, probes, a quiet end."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import structlog
import uvicorn
import uvloop
from aiokafka.errors import KafkaError
from fastapi import FastAPI
from faststream.kafka import KafkaBroker, KafkaRouter
from sqlalchemy.ext.asyncio import AsyncEngine
from starlette.requests import Request

from cds_common import db, telemetry
from cds_common.collector import calm_collector
from cds_common.faults import growing_pause, is_transient
from cds_common.health import Check, database_check, health_router, outbox_check
from cds_common.internal import build_http
from cds_common.kafka import build_broker, build_producer
from cds_common.relay import Heartbeat, Relay
from cds_common.settings import CommonSettings
from cds_common.worker_checks import consumers_check

log = structlog.get_logger(__name__)

_LONG_RUN_SECONDS = 30.0
"""A task that ran for this long had got over its last fault."""


@dataclass(frozen=True, slots=True)
class WorkerState:
    """What tasks and handlers of a worker share; handlers get it as `Context("settings")`, `Context("sessions")`, `Context("http")`."""

    settings: CommonSettings
    engine: AsyncEngine
    sessions: db.Sessions
    http: httpx.AsyncClient
    broker: KafkaBroker


Task = Callable[[WorkerState], Awaitable[None]]
"""Work beside the consumers (expiry, periodic checks). It runs until it is cancelled; a raise ends the worker."""


@dataclass(frozen=True, slots=True)
class WorkerPlan:
    """What a service's worker runs besides the relay."""

    routers: Iterable[KafkaRouter] = ()
    tasks: Sequence[Task] = ()
    heartbeat: Heartbeat | None = None
    context: Callable[[WorkerState], AbstractAsyncContextManager[Mapping[str, Any]]] | None = None
    """Opens what handlers need besides; each entry becomes a `Context` global."""
    checks: Callable[[WorkerState], Mapping[str, Check]] = field(default=lambda _state: {})


def run_worker(settings: CommonSettings, plan: WorkerPlan) -> None:
    """Run until SIGTERM or SIGINT; what is being handled then is finished first."""
    telemetry.set_up(settings, "worker")
    calm_collector()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_main(settings, plan))


async def _main(settings: CommonSettings, plan: WorkerPlan) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    async with running(settings, plan) as tasks:
        log.info("worker_started")
        stopped = asyncio.create_task(stop.wait())
        done, _ = await asyncio.wait({stopped, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopped}:
            task.result()
            raise RuntimeError(f"{task.get_name()} ended by itself")
    log.info("worker_stopped")


@asynccontextmanager
async def running(settings: CommonSettings, plan: WorkerPlan) -> AsyncIterator[list[asyncio.Task[Any]]]:
    """Run a worker inside this process (tests do); gives its long-running tasks."""
    async with AsyncExitStack() as stack:
        state = await _open(stack, settings, plan)
        checks = _checks(state) | dict(plan.checks(state))
        server, serving = _probes(settings, checks)
        relay = Relay(settings, lambda: build_producer(settings), heartbeat=plan.heartbeat)
        tasks: list[asyncio.Task[Any]] = [serving]
        try:
            tasks.append(asyncio.create_task(relay.run(), name="relay"))
            await _start(state.broker)
            tasks.extend(asyncio.create_task(_run_task(task, state), name=getattr(task, "__name__", "task")) for task in plan.tasks)
            yield tasks
        finally:
            await state.broker.stop()
            server.should_exit = True
            for task in tasks[1:]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _run_task(task: Task, state: WorkerState) -> None:
    """Run a task again after a fault that lies outside it: a database that was away must not end the worker."""
    failures, loop = 0, asyncio.get_running_loop()
    while True:
        started = loop.time()
        try:
            return await task(state)
        except Exception as error:
            if not is_transient(error):
                raise
            failures = 1 if loop.time() - started > _LONG_RUN_SECONDS else failures + 1
            log.warning("task_waits", task=getattr(task, "__name__", "task"), error_type=type(error).__name__)
        await asyncio.sleep(growing_pause(failures))


async def _open(stack: AsyncExitStack, settings: CommonSettings, plan: WorkerPlan) -> WorkerState:
    engine = db.create_engine(settings, process="worker")
    stack.push_async_callback(engine.dispose)
    http = await stack.enter_async_context(build_http())
    state = WorkerState(settings, engine, db.create_sessions(engine), http, build_broker(settings, routers=plan.routers))
    shared: dict[str, Any] = {"settings": settings, "sessions": state.sessions, "http": http}
    if plan.context is not None:
        shared |= await stack.enter_async_context(plan.context(state))
    for name, value in shared.items():
        state.broker.context.set_global(name, value)
    return state


async def _start(broker: KafkaBroker) -> None:
    """Connect, however long the bus needs to come up; readiness shows the wait."""
    pause = 0.2
    while True:
        try:
            await broker.start()
        except (KafkaError, OSError) as error:
            log.warning("bus_unreachable", error_type=type(error).__name__)
        else:
            return
        await broker.stop()
        await asyncio.sleep(pause)
        pause = min(pause * 2, 5.0)


def _checks(state: WorkerState) -> dict[str, Check]:
    return {
        "database": database_check(state.engine),
        "outbox": outbox_check(state.engine, state.settings.relay_age_limit),
        "consumers": consumers_check(state.broker, state.settings.consumer_lag_limit),
    }


def _probes(settings: CommonSettings, checks: Mapping[str, Check]) -> tuple[uvicorn.Server, asyncio.Task[None]]:
    def all_checks(_request: Request) -> Mapping[str, Check]:
        return checks

    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    app.include_router(health_router(all_checks))
    config = uvicorn.Config(
        app, settings.worker_health_host, settings.worker_health_port, log_config=None, access_log=False, lifespan="off"
    )
    server = _Server(config)
    return server, asyncio.create_task(server.serve(), name="probes")


class _Server(uvicorn.Server):
    """A server that leaves signals to the worker."""

    def install_signal_handlers(self) -> None: ...
