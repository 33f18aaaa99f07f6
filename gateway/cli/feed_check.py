"""What `doctor` says of a feed: where it listens, and whether and until when its certificate is good."""

from datetime import datetime
from typing import TYPE_CHECKING

from gateway.cli.check import Check
from gateway.errors import RefusedToStart

if TYPE_CHECKING:
    from gateway.source_settings import SourceSettings

RENEW_DAYS = 30
"""A certificate that ends sooner is worth a warning."""


def check_feed(one: "SourceSettings", now: datetime) -> Check:
    """A feed is asked by nobody, it comes to us; nothing is opened here."""
    from gateway.feeds import tls_of

    name = f"source {one.id}"
    place = f"feeds us on {one.listen} while the node serves"
    if one.tls_cert is None:
        if one.unsafe_plain_mllp:
            said = f"{place}, without TLS: anybody between can read and write"
            return Check(name, "warning", said, f"set sources.{one.id}.tls_cert and tls_key")
        return Check(name, "ok", place)
    try:
        tls_of(one)
    except RefusedToStart as refused:
        return Check(name, "failed", str(refused), f"correct sources.{one.id}")
    days = (_ends(one.tls_cert.read_bytes()) - now).days
    step = f"renew {one.tls_cert} and restart"
    if days < 0:
        return Check(name, "failed", "its certificate has ended: no sender will speak to us", step)
    if days < RENEW_DAYS:
        return Check(name, "warning", f"its certificate ends in {days} days", step)
    return Check(name, "ok", f"{place}, with TLS")


def _ends(pem: bytes) -> datetime:
    from cryptography.x509 import load_pem_x509_certificate

    return load_pem_x509_certificate(pem).not_valid_after_utc
