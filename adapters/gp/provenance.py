"""The Provenance of one answer, under the name that this room calls it by."""

from adapters.provenance import provenance_from_answer

__all__ = ["provenance_from_answer"]
