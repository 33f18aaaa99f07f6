"""A member's log and witness keys as note keys, straight from its record, where each is proven."""

from keys.errors import ProofRefused
from keys.interface import Use
from keys.member import Member, MemberKey
from keys.note import ED25519, ML_DSA_44, NoteKey

_TYPES = {"Ed25519": ED25519, "ML-DSA-44": ML_DSA_44}


def log_origin(member: str) -> str:
    """Origin line and key name of a member's first log; after a restart its record names another."""
    return f"{member}/ledger"


def witness_name(member: str) -> str:
    """Key name of the lines by which a member cosigns others' checkpoints."""
    return f"{member}/witness"


def log_keys(member: Member, origin: str | None = None, at: int | None = None) -> tuple[NoteKey, ...]:
    """Keys that may have signed checkpoints of its log, of both types.

    `origin`: of one of its logs, if not the present one. `at`: POSIX seconds for which evidence is judged; a
    key counts if it was in force then. Without it every key counts that was never revoked.
    """
    return _note_keys(member, "log", origin or member.log_origin or log_origin(member.id), at)


def witness_keys(member: Member, at: int | None = None) -> tuple[NoteKey, ...]:
    """Keys that may have cosigned as this member."""
    return _note_keys(member, "witness", witness_name(member.id), at)


def origins(member: Member) -> tuple[str, ...]:
    """The present origin, then those of earlier logs, as its record lists them."""
    previous = member.rest.get("previous") or []
    held = [one.get("origin") for one in previous if isinstance(one, dict)]
    return (member.log_origin or log_origin(member.id), *(one for one in held if isinstance(one, str)))


def in_force(member: Member, key: MemberKey, at: int | None) -> bool:
    """Whether a key of the record could be believed at a time; None: ever, unless revoked at all."""
    since = member.revoked.get(key.kid)
    if at is None:
        return since is None
    return key.nbf <= at < key.exp and (since is None or at < since)


def _note_keys(member: Member, use: Use, name: str, at: int | None) -> tuple[NoteKey, ...]:
    try:
        return tuple(
            NoteKey(name, key.raw, _TYPES[key.alg])
            for key in member.keys
            if key.use == use and key.alg in _TYPES and in_force(member, key, at)
        )
    except ProofRefused:
        return ()
