"""The newest checkpoint that the node signed, in a file of its state folder.

A backup of the database that is put back takes the ledger back and not this file: so the node itself notices
that it signed more than it still has, and signs nothing more (trust-and-ledger.md 10). Where the folder came
back with the database, only peers know; they are asked at the next publication.
"""

from pathlib import Path

from sqlalchemy import Connection

from gateway.audit import origins
from gateway.logs import log
from gateway.records.interface import Database
from keys.errors import ProofRefused
from keys.note import NoteKey, checkpoint_from_note, parse_note
from keys.store.file import replace_private

NAME = "ledger.checkpoint"
_LIMIT = 65_536


class MarkFile:
    """`<state>/ledger.checkpoint`: one signed note, replaced whole."""

    def __init__(self, state: Path) -> None:
        self._path = state / NAME

    def __call__(self, note: bytes) -> None:
        """Keep this note, unless a larger one of the same origin is there. A full disk stops nobody here."""
        if not _follows(note, self.read()):
            return
        try:
            replace_private(self._path, note)
        except OSError:
            log.error("checkpoint_mark_not_written")

    def read(self) -> bytes | None:
        """The note; None where there is none, or none that can be read."""
        try:
            with self._path.open("rb") as file:
                return file.read(_LIMIT) or None
        except OSError:
            return None


def _follows(new: bytes, held: bytes | None) -> bool:
    try:
        before = checkpoint_from_note(parse_note(held or b""))
    except ProofRefused:
        return True
    after = checkpoint_from_note(parse_note(new))
    return after.origin != before.origin or after.size > before.size


async def compare(database: Database, mark: MarkFile, member: str, keys: tuple[NoteKey, ...]) -> bool:
    """Whether the database has all that the mark says was signed; else from now on it signs nothing.

    A mark that our own keys did not sign for the present origin says nothing.
    """
    note = mark.read()
    if note is None:
        return True
    try:
        checkpoint_from_note(parse_note(note))
    except ProofRefused:
        log.error("checkpoint_mark_unreadable", member=member)  # a rollback shows to peers alone now
        return True

    def look(connection: Connection) -> bool:
        try:
            origins.verified(note, origins.sizes_of_origins(connection, member)[-1:], keys)
        except ProofRefused:
            return True
        return not origins.lacks(connection, note)

    if await database.read(look):
        return True
    log.error("ledger_rolled_back", member=member)
    return not await database.write(lambda c: origins.adopt(c, note))
