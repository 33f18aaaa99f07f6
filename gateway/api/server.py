"""The ASGI server: uvicorn, quiet, without its access log (it would print paths and queries)."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp

from gateway.config import Settings
from gateway.errors import RefusedToStart

_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def check_exposure(settings: Settings) -> None:
    """Plain HTTP beyond loopback only if it was asked for by name. Raises `RefusedToStart`."""
    serve = settings.serve
    if serve.host not in _LOOPBACK and not serve.tls_cert and not serve.unsafe_plain_http:
        raise RefusedToStart(
            f"serve.host {serve.host} without TLS: set serve.tls_cert and serve.tls_key, "
            "or serve.unsafe_plain_http behind a TLS proxy on this machine"
        )


def bind(settings: Settings) -> socket.socket:
    """The listening socket; port 0 takes a free one. Raises `RefusedToStart` if the port is taken."""
    check_exposure(settings)
    family = socket.AF_INET6 if ":" in settings.serve.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.serve.host, settings.serve.port))
    except OSError:
        listener.close()
        raise RefusedToStart(
            f"port {settings.serve.port} is taken: choose another with CAREPACT_SERVE__PORT"
        ) from None
    return listener


class _Server(uvicorn.Server):
    """Ends serving on a signal, and not the process with it, as uvicorn would by raising it once more: what
    listens beside it and the database are still to be closed in order.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)


async def run(app: ASGIApp, settings: Settings, listener: socket.socket, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT, then drain within `limits.drain`. `ready` is called once listening."""
    limits = settings.limits
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=False,
        ws="none",
        lifespan="off",
        timeout_keep_alive=int(limits.keep_alive),
        timeout_graceful_shutdown=int(limits.drain),
        limit_concurrency=limits.connections,
        ssl_certfile=settings.serve.tls_cert,
        ssl_keyfile=settings.serve.tls_key,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not task.done():
        await asyncio.sleep(0.01)
    if server.started:
        ready()
    await task
