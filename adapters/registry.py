"""Which kind of source is served by which adapter and normaliser. The only file here that knows all kinds."""

from adapters.gp.normaliser import GPNormaliser
from adapters.hospital.normaliser import HospitalNormaliser
from adapters.interface import Kind, Normaliser
from adapters.specialist.normaliser import SpecialistNormaliser

_NORMALISERS: dict[Kind, Normaliser] = {
    "gp": GPNormaliser(),
    "hospital": HospitalNormaliser(),
    "specialist": SpecialistNormaliser(),
}


def normaliser(kind: Kind) -> Normaliser:
    """The pure normaliser of a kind of source."""
    return _NORMALISERS[kind]
