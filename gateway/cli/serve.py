"""`carepact serve`: run the node."""

import asyncio
import json
import os
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli.noun import noun
from gateway.cli.options import AsOption, ConfigOption
from gateway.cli.output import say

app = noun("Run the node.")


@app.command(epilog="Example: carepact serve --config /etc/carepact/carepact.toml")
def serve(
    config: ConfigOption = None,
    as_node: AsOption = None,
    ready_file: Annotated[
        Path | None, typer.Option(help="Write the addresses here, as JSON, once everything listens.")
    ] = None,
    parent: Annotated[int | None, typer.Option(help="Stop when this process is gone.")] = None,
) -> None:
    """Run the node: HTTP API and HL7 v2 listeners, until SIGTERM or Ctrl-C.

    On an empty state folder this makes keys, secrets and database first.
    """
    from gateway.bootstrap import open_node
    from gateway.config import load
    from gateway.sandbox.state import configuration_for
    from gateway.service import Addresses
    from gateway.service import serve as run

    settings = load(configuration_for(config, as_node))

    def ready(addresses: Addresses) -> None:
        host, port = addresses.http
        if ready_file is not None:
            feeds = {id: f"{h}:{p}" for id, (h, p) in addresses.feeds.items()}
            temporary = ready_file.with_suffix(".part")
            value = {"url": f"http://{host}:{port}", "feeds": feeds, "pid": os.getpid()}
            temporary.write_text(json.dumps(value), "utf-8")
            temporary.replace(ready_file)
        else:
            for id, (its_host, its_port) in addresses.feeds.items():
                say(f"carepact: feed {id} on {its_host}:{its_port} (MLLP)")
            say(f"carepact: listening on {host}:{port}; stop with Ctrl-C")

    async def main() -> None:
        async with open_node(settings, found=True) as runtime:
            if parent is None:
                await run(runtime, ready)
                return
            serving = asyncio.create_task(run(runtime, ready))
            watching = asyncio.create_task(_gone(parent))
            await asyncio.wait({serving, watching}, return_when=asyncio.FIRST_COMPLETED)
            watching.cancel()
            if not serving.done():
                os.kill(os.getpid(), 15)
            await serving

    asyncio.run(main())


async def _gone(pid: int) -> None:
    """Returns when our parent is no longer `pid`: a sandbox never leaves a node behind."""
    while os.getppid() == pid:
        await asyncio.sleep(0.5)
