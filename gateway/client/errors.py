"""What the SDK raises. Messages are fixed; nothing of an answer or a patient stands in them."""

from typing import Any


class ClientError(Exception):
    """Something kept the question from being answered."""


class NotReached(ClientError):
    """The node could not be reached within the deadline, or broke off."""


class Refused(ClientError):
    """The node refused. `category` is its word (http-api.md 7), `status` the HTTP status.

    `told`: what it says of each source, where it says so (fixed texts, organisation ids and codes).
    """

    def __init__(self, status: int, category: str, told: tuple[str, ...] = ()) -> None:
        super().__init__("; ".join((f"the node refused: {category} ({status})", *told)))
        self.status = status
        self.category = category
        self.told = told


class Unverified(ClientError):
    """The answer, or its completeness statement, did not verify: nothing of it was handed out."""


class PartialAnswer(ClientError):
    """Some source did not answer. `sources` says which; ask with `accept_partial=True` to take what came."""

    def __init__(self, sources: tuple[dict[str, Any], ...]) -> None:
        super().__init__("the answer is partial: some source did not answer")
        self.sources = sources
