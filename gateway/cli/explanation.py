"""Decisions explained from kept receipts, once the signed statement is proven to hold over them.

1. Find the exchange, or the decision and its exchange. 2. Open every receipt of that exchange. 3. The signed
statement names exactly these bytes, in this order, by a key of this node. Only then is anything told.
"""

import json
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from gateway.cli.act import decline, instant_from_seconds
from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from consent.decision import Decision
    from gateway.audit.interface import Exchange
    from gateway.audit.receipts import KeptReceipt
    from gateway.bootstrap import Runtime
    from gateway.exchange.node import Node

WIDTH = 110


@dataclass(frozen=True, slots=True)
class Explanations:
    """`rows`: one decision each, for machines. `words`: the same for people, equal ones said once."""

    head: str
    rows: tuple[dict[str, Any], ...]
    words: tuple[tuple[str, tuple[str, ...]], ...]

    def texts(self) -> list[str]:
        """What holds for all, then each explanation with what it is about."""
        told = [self.head]
        for text, about in self.words:
            told += ["", text, *_wrapped(about)]
        return told


def _wrapped(about: Sequence[str]) -> list[str]:
    return textwrap.wrap(
        ", ".join(about),
        WIDTH,
        initial_indent="  for      ",
        subsequent_indent=" " * 11,
        break_long_words=False,
        break_on_hyphens=False,
    )


async def explanations(
    node: "Runtime", id: str, *, whom: str = "admin", language: str = "en"
) -> Explanations:
    """Every decision of an exchange, or one. Raises `not_found`, `conflict`, `refused`, `not_available`."""
    exchange, kept, only = await node.database.read(lambda c: kept_receipts(c, node.node, id))
    require_signed(node.node, exchange, kept)
    tellers: dict[str, Callable[[KeptReceipt], tuple[str, str, dict[str, Any]]]] = {
        "admin": _administrator,
        "requester": _requester,
        "patient": partial(_patient, exchange=exchange, language=language),
    }
    rows: list[dict[str, Any]] = []
    words: dict[str, list[str]] = {}
    for one in kept:
        if only in (None, one.id):
            text, about, row = tellers[whom](one)
            rows.append(row)
            words.setdefault(text, []).append(about)
    head = (
        f"exchange {exchange.id} at {instant_from_seconds(exchange.at)} for {exchange.purpose} "
        f"by {exchange.client} of {exchange.organisation}: {len(rows)} of {len(kept)} decisions; "
        "the signed statement holds over all of them"
    )
    return Explanations(head, tuple(rows), tuple((text, tuple(about)) for text, about in words.items()))


def kept_receipts(
    connection: "Connection", node: "Node", id: str
) -> "tuple[Exchange, tuple[KeptReceipt, ...], str | None]":
    """Steps 1 and 2: exchange, its receipts in order, and the id of the decision if one was asked for."""
    from gateway.audit import exchanges, receipts
    from gateway.audit.interface import Ambiguous
    from gateway.records.interface import KeyErased, SealBroken

    vault = node.room(connection).vault
    try:
        exchange, only = exchanges.find(connection, id), None
        if exchange is None:
            one = receipts.find(connection, id, vault)
            exchange = exchanges.find(connection, one.exchange) if one else None
            only = one.id if one else None
        if exchange is None:
            raise Problem("not_found", hint="Known ones: carepact exchange list")
        return exchange, receipts.of_exchange(connection, exchange.id, vault), only
    except Ambiguous:
        decline(Exit.CONFLICT, "more than one id begins so: give more of it")
    except KeyErased:
        raise Problem("not_available", hint="the record that this was about was erased") from None
    except SealBroken:
        raise Problem("refused", hint="a kept receipt does not open: carepact audit verify") from None


def require_signed(node: "Node", exchange: "Exchange", kept: "Sequence[KeptReceipt]") -> None:
    """Step 3. Raises `refused`."""
    from gateway.audit.receipts import read_decision, require_receipts
    from gateway.cli.own_keys import own_resolver
    from keys.errors import StatementRefused

    try:
        decision = read_decision(exchange.decision or b"", own_resolver(node.keys))
        require_receipts(decision, [one.data for one in kept])
        if decision.exchange != exchange.id:
            raise StatementRefused("claims")
    except StatementRefused:
        hint = "the signed statement does not hold over the kept receipts: carepact audit verify"
        raise Problem("refused", hint=hint) from None


def _administrator(kept: "KeptReceipt") -> tuple[str, str, dict[str, Any]]:
    from consent.explain import for_administrator

    receipt = json.loads(kept.data)
    return for_administrator(decision_from_receipt(receipt)), receipt["resource"]["ref"], receipt


def _requester(kept: "KeptReceipt") -> tuple[str, str, dict[str, Any]]:
    from consent.explain import for_requester

    told = for_requester(decision_from_receipt(json.loads(kept.data)), kept.id)
    text = "  ".join(part for part in (told["effect"].upper(), told.get("reason", "")) if part)
    return text, kept.id, dict(told)


def _patient(kept: "KeptReceipt", exchange: "Exchange", language: str) -> tuple[str, str, dict[str, Any]]:
    """In her words: raises `invalid` for a language that the catalogue does not speak."""
    from consent.errors import Uncomputable
    from consent.voices import for_patient, languages

    receipt = json.loads(kept.data)
    about = receipt["resource"]
    decision = decision_from_receipt(receipt)
    try:
        text = for_patient(
            decision,
            org=exchange.organisation,
            purpose=exchange.purpose,
            custodian=about["custodian"],
            language=language,
        )
    except Uncomputable:
        raise Problem("invalid", expression="--lang", hint=f"one of {', '.join(languages())}") from None
    return text, about["ref"], {"decision": kept.id, "effect": decision.effect, "told": text}


def decision_from_receipt(receipt: dict[str, Any]) -> "Decision":
    """The decision that a receipt (`consent.explain.receipt`) is about."""
    from consent.decision import Deny, Permit

    trace = tuple(receipt["trace"])
    if receipt["effect"] == "deny":
        return Deny(receipt["layer"], receipt["reason"], receipt["overridable"], trace)
    obligations, redactions = tuple(receipt["obligations"]), tuple(receipt["redactions"])
    return Permit(receipt["layer"], receipt["reason"], obligations, redactions, trace)
