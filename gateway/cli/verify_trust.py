"""Who may have signed what is verified: from what was pinned, or else from what the file brings (section 13).

A pin is the `1.root.json` of a federation, a members file, or one member's record. Expiry and revocation are
judged at the time that is attested: by witnesses' cosignatures, else by the word of who signed.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.cli.act import decline
from gateway.errors import Exit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keys.jws import Resolve
    from keys.member import Member
    from keys.note import NoteKey
    from keys.trust import TrustList


@dataclass(frozen=True)
class Trusted:
    """`pinned`: the list does not come from the file alone. `fingerprint`: of what the file brought."""

    trust: "TrustList"
    pinned: bool
    fingerprint: str

    def member(self, id: str) -> "Member":
        """Its record. Ends with exit 6 where there is none."""
        found = self.trust.member(id)
        if found is None:
            decline(Exit.BAD_PROOF, "whoever signed this is not in what was pinned")
        return found

    def resolver(self, id: str, at: int) -> "Resolve":
        """Statement keys of a member that were in force at that time."""
        from keys.logs import in_force

        member = self.member(id)

        def resolve(alg: str, kid: str) -> bytes | None:
            for key in member.keys:
                if (key.kid, key.alg, key.use) == (kid, alg, "sig") and in_force(member, key, at):
                    return key.raw
            return None

        return resolve

    def logs(self, id: str, at: int | None = None) -> "tuple[Sequence[str], Sequence[NoteKey]]":
        """Origins of a member's logs, and the keys that sign them under every one."""
        from keys.logs import log_keys, origins

        member = self.trust.member(id)
        if member is None:
            return (), ()
        named = origins(member)
        return named, [key for origin in named for key in log_keys(member, origin, at)]

    def attested(self, note: bytes, by: str) -> "tuple[int, tuple[str, ...]]":
        """The earliest time at which a witness saw this tree, and the witnesses; (0, ()) where none did."""
        from keys.cosignature import cosignatures
        from keys.errors import ProofRefused
        from keys.logs import witness_keys
        from keys.note import parse_note

        seen: dict[str, int] = {}
        for member in self.trust.members.values():
            if member.id != by and (keys := witness_keys(member)):
                try:
                    held = cosignatures(parse_note(note), keys)
                except ProofRefused:
                    decline(Exit.BAD_PROOF, "a witness's cosignature does not hold")
                if held:
                    seen[member.id] = min(one.at for one in held)
        return (min(seen.values()), tuple(sorted(seen))) if seen else (0, ())


def trusted(material: Mapping[str, Any], pin: bytes | None, folder: Path | None = None) -> Trusted:
    """The list of the file's material under the pin. Ends with exit 6 where it does not hold."""
    from keys.errors import KeyRefused, TrustRefused
    from keys.syntax import SyntaxRefused

    try:
        return _trusted(material, pin, folder)
    except (KeyRefused, TrustRefused) as refused:
        decline(Exit.BAD_PROOF, f"the trust material does not hold: {refused}")
    except SyntaxRefused:
        decline(Exit.BAD_PROOF, "the trust material does not hold: not files")


def _trusted(material: Mapping[str, Any], pin: bytes | None, folder: Path | None) -> Trusted:
    from keys.errors import KeyRefused
    from keys.syntax import SyntaxRefused, parse_object, unb64u
    from keys.trust import trust_list_from_json

    federation = material.get("federation")
    if folder is not None:
        return _from_federation(_files_of(folder), pin)
    if isinstance(federation, Mapping):
        return _from_federation({str(path): unb64u(text) for path, text in federation.items()}, pin)
    own = _listed(material)
    if pin is None:
        if not own.members:
            decline(Exit.USAGE, "the file brings no trust material: name what you pinned with --root FILE")
        return Trusted(own, False, _fingerprint(material))
    try:
        held = parse_object(pin, lines=True)
    except SyntaxRefused:
        raise KeyRefused("what is pinned is neither a members file nor a member record") from None
    if "signed" in held:
        raise KeyRefused("a federation's root alone names no keys: its files with --trust FOLDER")
    if "members" in held:
        return Trusted(trust_list_from_json(pin), True, "")
    return Trusted(_with_pinned(held, material, own), True, "")


def _with_pinned(held: Mapping[str, Any], material: Mapping[str, Any], own: "TrustList") -> "TrustList":
    """The pinned record first: a record of the file that claims its id or a key of it is out."""
    from keys.member import member_from_json
    from keys.trust import trust_list

    pinned = member_from_json(held, str(material.get("id", "local")))
    others = [one for one in own.members.values() if one.id != pinned.id and one.id != _subject(material)]
    return trust_list(1, own.expires, [pinned, *others], federation=str(material.get("id", "local")))


def _subject(material: Mapping[str, Any]) -> str:
    member = material.get("member")
    return str(member.get("id")) if isinstance(member, Mapping) else ""


def _listed(material: Mapping[str, Any]) -> "TrustList":
    from keys.member import member_from_json
    from keys.syntax import MAX_INTEGER, parse_object, unb64u
    from keys.trust import trust_list

    named = str(material.get("id", "local"))
    held = [material["member"]] if "member" in material else []
    more = material.get("members", [])
    others = [parse_object(unb64u(one)) for one in (more if isinstance(more, list) else [])]
    records = [member_from_json(one, named) for one in (*held, *others)]
    return trust_list(1, MAX_INTEGER, records, federation=named)


def _from_federation(files: Mapping[str, bytes], pin: bytes | None) -> Trusted:
    """Walk from the pinned root; what has expired since was in force when it was signed."""
    from keys.federation.advance import begin
    from keys.federation.repository import advance_over

    first = files.get("metadata/1.root.json", b"")
    state = begin(first, hashlib.sha256(pin if pin is not None else first).hexdigest())
    trust = advance_over(files, state, None).trust
    return Trusted(trust, pin is not None, hashlib.sha256(first).hexdigest())


def _files_of(folder: Path) -> Mapping[str, bytes]:
    from gateway.directory.folder import files_from_folder
    from gateway.directory.interface import DirectoryRefused

    try:
        return files_from_folder(folder)
    except DirectoryRefused as refused:
        decline(Exit.BAD_PROOF, f"the trust material does not hold: {refused}")


def _fingerprint(material: Mapping[str, Any]) -> str:
    from keys.syntax import SyntaxRefused, emit

    try:
        return hashlib.sha256(emit(material.get("member"))).hexdigest()
    except SyntaxRefused:
        return ""
