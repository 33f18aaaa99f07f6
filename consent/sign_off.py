"""Who answers for a pack of the law, and for exactly which text of it (consent.md 4).

`sign_off.sha256` is of the pack without `sign_off` itself, as compact JSON in UTF-8, members sorted by code
point: however a file is laid out, and whoever signs it, the text that was checked has one digest. A pack with
another text than the one that was signed does not load: somebody edited it afterwards.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from consent.errors import Uncomputable
from consent.shape import members, text

_PATH = "pack.sign_off"
_PARTS = ("by", "role", "at", "sha256")


def text_sha256(pack: Mapping[str, Any]) -> str:
    """Hex digest of what a sign-off is about."""
    rest = {name: value for name, value in pack.items() if name != "sign_off"}
    told = json.dumps(rest, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()


def is_signed(pack: Mapping[str, Any], *, kept: bool = False) -> bool:
    """Whether somebody answers for this text. Raises `Uncomputable` for a sign-off of another text.

    `kept`: a pack that decisions were made under is read as it was then.
    """
    if pack.get("sign_off") is None:
        return False
    found = members(pack["sign_off"], _PATH, _PARTS, _PARTS[:3] if kept else _PARTS)
    for name, item in found.items():
        text(item, f"{_PATH}.{name}")
    if not kept and found["sha256"].lower() != text_sha256(pack):
        raise Uncomputable(f"{_PATH}.sha256", "is of another text: this one was signed by nobody")
    return True
