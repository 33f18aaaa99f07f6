"""Options that every command shares, and how a command opens the node (http-api.md 10)."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from adapters.interface import Identifier
from gateway.errors import Problem

if TYPE_CHECKING:
    from gateway.bootstrap import Runtime

T = TypeVar("T")

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", help="Configuration file; else CAREPACT_CONFIG, else ./carepact.toml."),
]
AsOption = Annotated[str | None, typer.Option("--as", help="Use this node of a running sandbox.")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON for machines; of a list one object a line.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Why; kept in the ledger.")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Check everything, store nothing.")]
AsOfOption = Annotated[
    str | None, typer.Option("--as-of", help="As it was known at this instant, like 2026-01-31T09:00:00Z.")
]
PatientOption = Annotated[
    str, typer.Option("--patient", help="SYSTEM|VALUE, or the name of a sandbox patient.")
]


def with_node(config: Path | None, as_node: str | None, act: "Callable[[Runtime], Awaitable[T]]") -> T:
    """Open the node that the options name, act on it, close it."""
    from gateway.bootstrap import open_node
    from gateway.config import load
    from gateway.sandbox.state import configuration_for

    async def run() -> T:
        async with open_node(load(configuration_for(config, as_node))) as node:
            return await act(node)

    return asyncio.run(run())


def identifier_from_text(text: str) -> Identifier:
    """`system|value`, or the name of a sandbox patient. Raises `invalid`."""
    system, bar, value = text.partition("|")
    if bar and system and value:
        return Identifier(system.strip(), value.strip())
    from gateway.sandbox.patients import identifier_of

    found = identifier_of(text)
    if found is None:
        raise Problem(
            "invalid",
            expression="--patient",
            hint="use 'SYSTEM|VALUE', or a name that carepact sandbox status --patients shows",
        )
    return Identifier(*found)


def required_reason(reason: str) -> str:
    """A reason that says something; every change is recorded with one."""
    if not reason.strip():
        raise Problem("invalid", expression="--reason", hint="say why, in a few words")
    return reason.strip()


def lines(value: dict[str, Any]) -> list[str]:
    """`name: value` lines of a flat mapping, for people."""
    return [f"{name}: {item}" for name, item in value.items() if item not in (None, "", [], ())]
