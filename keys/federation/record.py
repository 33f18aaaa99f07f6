"""A member's record under the rules of its federation (trust-and-ledger.md 2)."""

from keys.errors import KeyRefused
from keys.federation.documents import Federation
from keys.member import Member, member_from_json
from keys.syntax import SyntaxRefused, parse


def member_from_record(data: bytes, id: str, federation: Federation) -> Member:
    """The record of these bytes, if it is this member's and keeps the rules. Raises `KeyRefused`."""
    try:
        member = member_from_json(parse(data, lines=True), federation.id)
    except SyntaxRefused:
        raise KeyRefused("not a member record") from None
    if member.id != id:
        raise KeyRefused("a record of another member")
    if not set(member.suites) <= set(federation.suites) or member.min_suite < federation.min_suite:
        raise KeyRefused("suites outside the federation's")
    return member
