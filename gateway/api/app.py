"""The ASGI application: routes from the table, the guard in front, FHIR outcomes for every refusal."""

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from gateway.api.middleware import Guard, TooLarge
from gateway.api.problems import problem_response
from gateway.api.routes import TABLE
from gateway.api.services import Services
from gateway.errors import Problem


def application(services: Services) -> ASGIApp:
    """The app behind its guard. Starlette's redirects for a trailing slash are off: they trust `Host`."""
    app = Starlette(
        routes=[Route(path, _dispatch(path), methods=_methods(path)) for path in _paths()],
        exception_handlers={
            Problem: _problem,
            HTTPException: _http,
            TooLarge: _too_large,
            Exception: _unforeseen,
        },
    )
    app.router.redirect_slashes = False
    app.state.services = services
    app.state.interactions = list(dict.fromkeys((row.type, row.interaction) for row in TABLE if row.type))
    settings = services.settings
    return Guard(app, hosts=settings.serve.hosts, limits=settings.limits, new_id=services.new_id)


def _paths() -> list[str]:
    return list(dict.fromkeys(row.path for row in TABLE))


def _methods(path: str) -> list[str]:
    return [row.method for row in TABLE if row.path == path]


def _dispatch(path: str):  # type: ignore[no-untyped-def]
    handlers = {row.method: row.handler for row in TABLE if row.path == path}

    async def dispatch(request: Request) -> Response:
        if request.method not in handlers:  # Starlette adds HEAD to GET by itself
            return problem_response(Problem("method_not_allowed"), allow=", ".join(sorted(handlers)))
        return await handlers[request.method](request)

    return dispatch


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(error)


async def _too_large(_: Request, error: Exception) -> Response:
    return problem_response(Problem("too_large", hint="limits.body_bytes"))


async def _unforeseen(_: Request, error: Exception) -> Response:
    """In place of Starlette's plain text; it raises again afterwards, and the guard logs it."""
    return problem_response(Problem("internal"))


async def _http(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 405:
        allow = dict(getattr(error, "headers", None) or {}).get("Allow", "")
        return problem_response(
            Problem("method_not_allowed"), allow=allow.replace("HEAD, ", "").replace(", HEAD", "")
        )
    return problem_response(Problem("not_found" if status == 404 else "malformed"))
