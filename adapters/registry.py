"""Which kind of source is served by which adapter and normaliser. The only file here that knows all kinds."""

from adapters.formats import Format
from adapters.gp.normaliser import GPNormaliser
from adapters.hospital.normaliser import HospitalNormaliser
from adapters.interface import Kind, Normaliser
from adapters.specialist.normaliser import SpecialistNormaliser

_NORMALISERS: dict[Kind, Normaliser] = {
    "gp": GPNormaliser(),
    "hospital": HospitalNormaliser(),
    "specialist": SpecialistNormaliser(),
}
_KINDS: dict[Format, Kind] = {"hl7v2": "hospital", "cda": "specialist", "gp-connect": "gp"}


def normaliser(kind: Kind) -> Normaliser:
    """The pure normaliser of a kind of source."""
    return _NORMALISERS[kind]


def kind_of(format: Format) -> Kind | None:
    """The kind of source whose normaliser reads this format; None for one that is not taken in."""
    return _KINDS.get(format)
