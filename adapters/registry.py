"""Which kind of source is served by which adapter and normaliser. The only file here that knows all kinds."""

from adapters.boundary import CheckedNormaliser
from adapters.fhir_r4.normaliser import FHIRNormaliser
from adapters.formats import Format
from adapters.gp.csv.columns import ColumnMap
from adapters.gp.csv.normaliser import CSVNormaliser
from adapters.gp.normaliser import GPNormaliser
from adapters.hospital.normaliser import HospitalNormaliser
from adapters.interface import Kind, Normaliser, Original
from adapters.specialist.normaliser import SpecialistNormaliser
from adapters.terminology.overlay import Overlaying

_NORMALISERS: dict[Kind, Normaliser] = {
    "gp": CheckedNormaliser(Overlaying(GPNormaliser())),
    "hospital": CheckedNormaliser(Overlaying(HospitalNormaliser())),
    "specialist": CheckedNormaliser(Overlaying(SpecialistNormaliser())),
    "fhir-r4": CheckedNormaliser(Overlaying(FHIRNormaliser()), lacking="unreadable"),
}
_KINDS: dict[Format, Kind] = {
    "hl7v2": "hospital",
    "cda": "specialist",
    "gp-connect": "gp",
    "fhir-r4": "fhir-r4",
}


def normaliser(kind: Kind) -> Normaliser:
    """The pure normaliser of a kind of source; whatever it yields has passed the boundary check."""
    return _NORMALISERS[kind]


def normaliser_of_extract(columns: ColumnMap) -> Normaliser:
    """The pure normaliser of an extract as delimited text: its column map is what its bytes mean."""
    return CheckedNormaliser(CSVNormaliser(columns))


def kind_of(format: Format) -> Kind | None:
    """The kind of source whose normaliser reads this format; None for one that is not taken in."""
    return _KINDS.get(format)


def normaliser_of(handed_on: Original) -> Normaliser:
    """The normaliser of a document inside of another original (`SourceBatch.handed_on`): today always CDA."""
    return _NORMALISERS["specialist"]
