"""C2SP signed notes and checkpoints (c2sp.org/signed-note, c2sp.org/tlog-checkpoint), Ed25519 lines.

Lines of ML-DSA-44 keys are `keys.cosignature`: what they sign is not the text, so here they are not judged.

A note is a text of lines, an empty line, and signature lines `— <name> <base64(key id 4 ‖ signature)>`.
A checkpoint is a note of exactly three lines: origin, size, base64 root; extension lines are refused.
A line of another key is kept and ignored; a line that claims a known key and does not verify is refused.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from keys.algorithms import verifies
from keys.errors import KeyRefused, ProofRefused
from keys.interface import KeyStore
from keys.jwk import jwk_from_public, public_from_jwk
from keys.ledger import HASH

ED25519 = 0x01
ML_DSA_44 = 0x06
_ALGORITHMS = {ED25519: "Ed25519", ML_DSA_44: "ML-DSA-44"}
MAX_LINES = 16
MAX_BYTES = 65_536
_DASH = "— "
_NAME = re.compile(r"[\x21-\x2a\x2c-\x7e]{1,193}").fullmatch
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}").fullmatch


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A public note key: name and raw bytes, of type `ED25519` or `ML_DSA_44`; `id` is its 4-byte key id."""

    name: str
    public: bytes
    type: int = ED25519

    @property
    def id(self) -> bytes:
        """First four bytes of SHA-256(name ‖ LF ‖ type ‖ key)."""
        typed = bytes((self.type,)) + self.public
        return hashlib.sha256(self.name.encode("ascii") + b"\n" + typed).digest()[:4]


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line: key name, 4-byte key id, raw signature."""

    name: str
    id: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Note:
    """A parsed note. `text` ends with a line feed and is what was signed."""

    text: bytes
    signatures: tuple[NoteSignature, ...]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: origin `<member id>/ledger`, number of leaves, root hash of 32 bytes."""

    origin: str
    size: int
    root: bytes


def vkey_from_public(name: str, public: bytes, type: int = ED25519) -> str:
    """`name+hash+base64(type ‖ key)`, as in `log.vkeys` and `witness.vkeys` of a member record."""
    key = NoteKey(require_name(name), public, type)
    return f"{name}+{key.id.hex()}+{base64_from_bytes(bytes((type,)) + public)}"


def key_from_vkey(vkey: str) -> NoteKey:
    """The key of a vkey line, guarded; `KeyRefused` otherwise."""
    name, _, rest = vkey.partition("+")
    claimed, _, encoded = rest.partition("+")
    try:
        typed = bytes_from_base64(encoded)
        key = NoteKey(require_name(name), typed[1:], int.from_bytes(typed[:1]))
    except ProofRefused:
        raise KeyRefused("not a note key") from None
    if key.type not in _ALGORITHMS or key.id.hex() != claimed:
        raise KeyRefused("not a note key that we take")
    public_from_jwk(jwk_from_public(_ALGORITHMS[key.type], key.public))
    return key


def sign_note(text: bytes, name: str, store: KeyStore, kid: str, public: bytes) -> bytes:
    """The note of this text with one Ed25519 line by a `log` key."""
    _require_text(text)
    key = NoteKey(require_name(name), public)
    line = f"{_DASH}{name} {base64_from_bytes(key.id + store.sign(kid, text))}\n"
    return text + b"\n" + line.encode()


def parse_note(data: bytes) -> Note:
    """Syntax only; `ProofRefused` for anything but a text, an empty line and 1 to 16 signature lines."""
    if len(data) > MAX_BYTES:
        raise ProofRefused("not a signed note")
    text, separator, lines = data.rpartition(b"\n\n")
    if not separator or not lines.endswith(b"\n"):
        raise ProofRefused("not a signed note")
    text += b"\n"
    _require_text(text)
    rows = lines[:-1].split(b"\n")
    if not 1 <= len(rows) <= MAX_LINES:
        raise ProofRefused("a note has 1 to 16 signatures")
    return Note(text, tuple(_signature(row) for row in rows))


def verify_note(data: bytes, keys: Sequence[NoteKey]) -> Note:
    """A note with at least one line by a known Ed25519 key, and no bad line by one. Else `ProofRefused`."""
    note = parse_note(data)
    known = {(key.name, key.id): key for key in keys if key.type == ED25519}
    held = 0
    for line in note.signatures:
        key = known.get((line.name, line.id))
        if key is None:
            continue
        if not verifies("Ed25519", key.public, line.signature, note.text):
            raise ProofRefused("a signature that does not hold")
        held += 1
    if not held:
        raise ProofRefused("no line by a known key")
    return note


def text_from_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The three lines."""
    if len(checkpoint.root) != HASH or checkpoint.size < 0:
        raise ProofRefused("not a checkpoint")
    lines = (require_name(checkpoint.origin), str(checkpoint.size), base64_from_bytes(checkpoint.root))
    return "".join(f"{line}\n" for line in lines).encode("ascii")


def checkpoint_from_note(note: Note) -> Checkpoint:
    """The head that a verified note states; one spelling only, no extension lines."""
    try:
        origin, size, root = note.text.decode("ascii").removesuffix("\n").split("\n")
    except (UnicodeDecodeError, ValueError):
        raise ProofRefused("not a checkpoint") from None
    checkpoint = Checkpoint(require_name(origin), int(size) if _SIZE(size) else -1, bytes_from_base64(root))
    if text_from_checkpoint(checkpoint) != note.text:
        raise ProofRefused("not a checkpoint")
    return checkpoint


def verify_checkpoint(data: bytes, origin: str, keys: Sequence[NoteKey]) -> Checkpoint:
    """A signed checkpoint of exactly this log."""
    checkpoint = checkpoint_from_note(verify_note(data, keys))
    if checkpoint.origin != origin:
        raise ProofRefused("a checkpoint of another log")
    return checkpoint


def _signature(row: bytes) -> NoteSignature:
    try:
        line = row.decode("utf-8")
    except UnicodeDecodeError:
        raise ProofRefused("not a signed note") from None
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    typed = bytes_from_base64(encoded)
    if not line.startswith(_DASH) or not space or len(typed) < 5:
        raise ProofRefused("not a signed note")
    return NoteSignature(require_name(name), typed[:4], typed[4:])


def _require_text(text: bytes) -> None:
    """UTF-8 without control characters but the line feed, ending with one."""
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        raise ProofRefused("not a signed note") from None
    if not decoded.endswith("\n") or any(ord(c) < 0x20 and c != "\n" for c in decoded):
        raise ProofRefused("not a signed note")


def require_name(name: str) -> str:
    """A key name or origin of visible ASCII without a plus sign. `ProofRefused` otherwise."""
    if not _NAME(name):
        raise ProofRefused("not a key name")
    return name


def base64_from_bytes(data: bytes) -> str:
    """Standard base64 with padding (RFC 4648 section 4), as all of C2SP writes it."""
    return base64.b64encode(data).decode("ascii")


def bytes_from_base64(text: str) -> bytes:
    """One spelling only. `ProofRefused` otherwise."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise ProofRefused("not base64") from None
    if base64_from_bytes(data) != text:
        raise ProofRefused("not base64")
    return data
