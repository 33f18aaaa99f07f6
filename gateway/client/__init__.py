"""SDK for health systems: ask a node, open and verify its sealed answer. Loads nothing of the server."""

from gateway.client.answer import Answer, Evidence
from gateway.client.assertion import Purpose
from gateway.client.errors import ClientError, NotReached, PartialAnswer, Refused, Unverified
from gateway.client.session import CarepactClient, Registration

__all__ = [
    "Answer",
    "CarepactClient",
    "ClientError",
    "Evidence",
    "NotReached",
    "PartialAnswer",
    "Purpose",
    "Refused",
    "Registration",
    "Unverified",
]
