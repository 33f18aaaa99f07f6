"""What the index is searched by: keyed hashes; the table tells nobody an identifier, a name or a date. Pure.

1. An identifier's token may link records and answers who somebody is.
2. A block's token only finds whom to compare: people with a birth date, a family name and year, a postcode
   and year, a telephone or an e-mail address in common. It has a key of its own, so that no identifier that
   anybody sends or asks for can ever be one.
"""

import hmac
from collections.abc import Iterable

from adapters.interface import Identifier
from gateway.records.features import Features, is_placeholder

_BLOCKS = b"carepact index blocks"


def token_of(key: bytes, identifier: Identifier) -> bytes:
    """32 bytes: HMAC-SHA-256(index_key, system US value)."""
    return hmac.digest(key, f"{identifier.system}\x1f{identifier.value}".encode(), "sha256")


def tokens_of(key: bytes, features: Features) -> list[bytes]:
    """Of all identifiers that stand for somebody, each once."""
    real = (n.identifier for n in features.identifiers if not is_placeholder(n.identifier))
    return list(dict.fromkeys(token_of(key, one) for one in real))


def block_tokens_of(key: bytes, features: Features) -> list[bytes]:
    """Of all blocks, each once, in a stable order."""
    own = hmac.digest(key, _BLOCKS, "sha256")
    return [
        hmac.digest(own, "\x1f".join(block).encode(), "sha256") for block in sorted(set(_blocks(features)))
    ]


def _blocks(features: Features) -> Iterable[tuple[str, ...]]:
    if len(features.birth) == 10:
        yield ("birth", features.birth)
    year = features.birth[:4]
    if year:
        yield from (("family", one, year) for one in features.family)
        yield from (("postcode", one, year) for one in features.postcodes)
    yield from (("phone", one) for one in features.phones)
    yield from (("email", one) for one in features.emails)
