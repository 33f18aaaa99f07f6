"""`carepact patient`: who is who here (normalisation.md 9b, and 3.4 for merges)."""

from gateway.cli.noun import noun
from gateway.cli.patient_links import links, unmerge
from gateway.cli.patient_match import match

_EXAMPLES = """Examples:

\b
  carepact patient links --patient 'https://fhir.nhs.uk/Id/nhs-number|9990000018'
  carepact patient match --patient 'https://fhir.nhs.uk/Id/nhs-number|9990000018'
  carepact patient unmerge Patient/a1b2 Patient/c3d4 --reason 'two people, ticket of the records office'"""

app = noun("Patients: which records are one here, who else might be; part two that were merged.", _EXAMPLES)

app.command(epilog="Example: carepact patient links --patient 'SYSTEM|VALUE' --json")(links)
app.command(epilog="Example: carepact patient match --patient 'SYSTEM|VALUE' --count 3")(match)
app.command(epilog="Example: carepact patient unmerge Patient/a1b2 Patient/c3d4 --reason 'two people'")(
    unmerge
)
