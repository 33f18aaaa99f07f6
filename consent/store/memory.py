"""Registries in memory: for tests, what-if questions and the sandbox."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from consent.errors import AlreadySigned, StaleVersion
from consent.interface import StoredAgreement, StoredConsent, StoredStatement
from consent.store.statements import statement_repeats


class MemoryConsentRegistry:
    """All versions of all consents."""

    def __init__(self) -> None:
        self._versions: dict[str, list[StoredConsent]] = {}
        self._epochs: dict[str, int] = {}

    def put(self, consent: StoredConsent) -> None:
        held = self._versions.get(consent.id, [])
        newest = held[-1].version if held else 0
        if consent.version != newest + 1:
            raise StaleVersion("the consent has another newest version")
        self._versions[consent.id] = [*held, consent]
        for subject in {consent.subject, *(item.subject for item in held)}:
            self._epochs[subject] = self._epochs.get(subject, 0) + 1

    def current(self, id: str) -> StoredConsent | None:
        held = self._versions.get(id)
        return held[-1] if held else None

    def version(self, id: str, version: int) -> StoredConsent | None:
        return next((item for item in self._versions.get(id, ()) if item.version == version), None)

    def of_subjects(self, subjects: Sequence[str], *, as_of: datetime) -> tuple[StoredConsent, ...]:
        found = (
            item
            for held in self._versions.values()
            for item in held
            if item.subject in subjects and item.recorded <= as_of
        )
        return tuple(sorted(found, key=lambda item: (item.recorded, item.id, item.version)))

    def ids_since(self, at: datetime) -> tuple[str, ...]:
        held = self._versions.items()
        return tuple(sorted(id for id, made in held if any(one.recorded >= at for one in made)))

    def epoch(self, subject: str) -> int:
        return self._epochs.get(subject, 0)


class MemoryAgreementRegistry:
    """All versions of all agreements with their statements."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, int], StoredAgreement] = {}
        self._epoch = 0

    def put(self, agreement: StoredAgreement) -> None:
        key = agreement.id, agreement.version
        held = self._versions.get(key)
        if held is not None:
            if held.document != agreement.document:
                raise StaleVersion("this version of the agreement has another text")
            return
        newest = max((version for id_, version in self._versions if id_ == agreement.id), default=0)
        if agreement.version <= newest:
            raise StaleVersion("the agreement has a newer version")
        self._versions[key] = replace(agreement, statements=())
        self._epoch += 1

    def add_statement(self, statement: StoredStatement) -> None:
        key = statement.agreement, statement.version
        held = self._versions.get(key)
        if held is None:
            raise StaleVersion("there is no such version of the agreement")
        if statement_repeats(statement, held.statements):
            raise AlreadySigned("that organisation has already made this statement")
        self._versions[key] = replace(held, statements=(*held.statements, statement))
        self._epoch += 1

    def known(self, *, as_of: datetime) -> tuple[StoredAgreement, ...]:
        return tuple(
            replace(item, statements=tuple(made for made in item.statements if made.at <= as_of))
            for _, item in sorted(self._versions.items())
            if item.recorded <= as_of
        )

    def epoch(self) -> int:
        return self._epoch
