"""What the handlers need of the node; put together by `gateway/bootstrap.py`."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request

from gateway.api.openings import Openings
from gateway.audit.desk import LogDesk
from gateway.authn.tokens import Endpoint, IsUnder
from gateway.config import Settings
from gateway.directory.membership import Membership
from gateway.directory.ping import Answering
from gateway.exchange.consents import Consents
from gateway.exchange.node import Node
from gateway.exchange.request import Answer, Ask
from gateway.records.interface import Database
from keys.interface import Entropy


@dataclass(frozen=True, slots=True)
class Services:
    """`clock` and `entropy` are the node's; `exchange` runs the whole cycle for one question.

    `respond`: the sealed answer to another node's envelope, which comes in pieces.
    """

    settings: Settings
    database: Database
    exchange: Callable[[Ask], Awaitable[Answer]]
    respond: Callable[[AsyncIterator[bytes]], Awaitable[bytes]]
    consents: Consents
    endpoint: Endpoint
    membership: Membership
    """This node in its federation: what `/directory` serves and takes."""
    pings: Answering
    is_under: IsUnder
    clock: Callable[[], datetime]
    entropy: Entropy
    audited: Node
    """The node itself, for those who read what its ledger says of them."""
    logs: LogDesk
    """Our ledger as other members meet it."""
    openings: Openings = field(default_factory=Openings)

    def new_id(self) -> str:
        """128 random bits, as hex: exchange and request ids."""
        return self.entropy(16).hex()

    @property
    def base(self) -> str:
        return f"{self.settings.node.public_url.rstrip('/')}/fhir"


def services(request: Request) -> Services:
    """The services of the app that a request came to."""
    found: Services = request.app.state.services
    return found
