"""What the consent desk typed, checked option by option: each refusal names the option and the next step.

What passes here is still admitted or refused whole by `consent.fhir`; this only says it in the desk's words.
"""

import re
from typing import TYPE_CHECKING, NoReturn

from gateway.errors import Exit, Problem

if TYPE_CHECKING:
    from datetime import datetime

    from consent.fhir import Excepted
    from gateway.bootstrap import Runtime
    from gateway.exchange.consents import Grant

_DATE = "use a date like 2027-12-31"
_MICROS = 1_000_000
_FHIR_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


def excepted_from_option(option: str, text: str) -> "Excepted":
    """`label:PSY`, `class:Observation`, `code:SYSTEM|CODE`. Raises `invalid`."""
    from consent.errors import Uncomputable
    from consent.fhir import excepted_from_text

    try:
        return excepted_from_text(text)
    except Uncomputable:
        label = text.startswith("label:")
        hint = (
            "not a label we know: use a sensitivity like label:PSY or label:HIV, or a level like label:R"
            if label
            else "use label:CODE, class:TYPE or code:SYSTEM|CODE, like label:PSY or class:Observation"
        )
        refuse(option, hint)


def performer_from_option(text: str | None) -> str | None:
    """`RelatedPerson/ID` or `Patient/ID`; her right is judged when it counts. Raises `invalid`."""
    from consent.references import plain_reference

    if text is None:
        return None
    kind, _, id = plain_reference(text).partition("/")
    if kind not in ("RelatedPerson", "Patient") or not id or "/" in id:
        refuse("--performer", "who gives it for her, like RelatedPerson/17 of the register")
    return f"{kind}/{id}"


def effective_from_option(text: str, now: "datetime", *, whole: bool) -> "datetime | None":
    """`now` is None; else an instant to come, and then of the whole consent alone. Raises `invalid`."""
    from consent.instants import datetime_from_micros, interval

    if text == "now":
        return None
    span = interval(text)
    if span is None or "T" not in text:
        refuse("--effective", "now, or an instant like 2027-01-31T18:00:00Z")
    if not whole:
        refuse("--effective", "a part is withdrawn at once; leave --effective or --only out")
    at = datetime_from_micros(span[0])
    if at <= now:
        refuse("--effective", "that is over: what was disclosed since cannot be taken back; use now")
    return at


async def require_given(node: "Runtime", given: "Grant") -> None:
    """Raises `invalid` with the option as it is typed; ends with exit 5 where the id is taken."""
    _require_purposes(given)
    _require_dates(given, node.clock().timestamp())
    _require_somebody(node, given)
    if given.evidence == b"":
        refuse("--evidence", "this file is empty: it shows no form")
    if given.id is not None:
        if not _FHIR_ID.fullmatch(given.id):
            refuse("--id", "1 to 64 of A-Z, a-z, 0-9, - and ., as FHIR has it; or leave --id out")
        await _require_free(node, given.id)


def _require_purposes(given: "Grant") -> None:
    from consent.vocabulary import PURPOSE_UP

    if not given.permit and not given.deny:
        raise Problem(
            "invalid", hint="nothing is said: name a purpose with --permit or --deny, like --permit TREAT"
        )
    for option, codes in (("--permit", given.permit), ("--deny", given.deny)):
        if any(code not in PURPOSE_UP for code in codes):
            refuse(
                option, "not a purpose we know: use a v3 ActReason code like TREAT, ETREAT, HPAYMT or HRESCH"
            )


def _require_dates(given: "Grant", now: float) -> None:
    from consent.instants import interval

    dates = (("--data-from", given.data_from), ("--data-to", given.data_to), ("--until", given.until))
    for option, written in dates:
        if written is not None and interval(written) is None:
            refuse(option, _DATE)
    last = interval(given.until) if given.until is not None else None
    if last is not None and last[1] < now * _MICROS:
        refuse("--until", "that day is over: it would never have held; name the last day on which it holds")


def _require_somebody(node: "Runtime", given: "Grant") -> None:
    from gateway.cli.organisation import NOBODY, is_known

    for option, orgs in (("--to", given.to), ("--custodian", given.custodians)):
        if not all(is_known(node, org) for org in orgs):
            refuse(option, NOBODY)


async def _require_free(node: "Runtime", id: str) -> None:
    from gateway.cli.act import decline

    try:
        await node.consents.get(id)
    except Problem:
        return
    decline(
        Exit.CONFLICT, f"--id: a consent {id} is there already: carepact consent show {id}, or leave --id out"
    )


def refuse(option: str, hint: str) -> NoReturn:
    """`invalid`, with the option as it is typed."""
    raise Problem("invalid", expression=option, hint=hint)
