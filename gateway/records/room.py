"""The room put together for one unit of work: vault, patient index and record store over one storage."""

from dataclasses import dataclass

from gateway.records.candidates import Candidates
from gateway.records.index import Index
from gateway.records.rows import IndexRows, RecordRows
from gateway.records.store import Records
from gateway.records.vault import KeyRows, Vault
from keys.interface import Entropy, KeyWrapper


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the node gives the room. `index_key`: 32 bytes, never rotated (envelope.md 12)."""

    wrapper: KeyWrapper
    entropy: Entropy
    index_key: bytes
    allow_test_patients: bool = False
    """Whether identifiers of a test range (NHS 999…) may link records: sandbox and demo only."""


@dataclass(frozen=True, slots=True)
class Room:
    """Valid inside the unit of work that it was made for."""

    vault: Vault
    index: Index
    records: Records
    candidates: Candidates


def assemble(keys: KeyRows, index: IndexRows, records: RecordRows, secrets: Secrets) -> Room:
    """Bind the logic to a storage."""
    vault = Vault(keys, secrets.wrapper, secrets.entropy)
    patients = Index(
        index,
        vault,
        secrets.index_key,
        secrets.entropy,
        allow_test_patients=secrets.allow_test_patients,
    )
    candidates = Candidates(
        index, patients, secrets.index_key, allow_test_patients=secrets.allow_test_patients
    )
    return Room(vault, patients, Records(records, vault, patients), candidates)
