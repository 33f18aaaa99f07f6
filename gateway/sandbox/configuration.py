"""The configuration of a sandbox node, as its operator would have written it."""


def configuration_text(
    node: str, hospital: str, clinic: str, *, gp: str, letters: str, http_port: int, mllp_port: int
) -> str:
    """TOML: the node with three sources, each of a custodian of its own. `gp`, `letters`: base URLs."""
    return f"""# A sandbox node. It is unsafe on purpose: never copy it to a real one.
[node]
id = "{node}"
public_url = "http://127.0.0.1:{http_port}"
state = "state"
allow_test_patients = true

[serve]
port = {http_port}

[directory]
members = "members.json"

[floor]
pack = "opt-in"
unsafe_unsigned = true

[[sources]]
id = "gp"
kind = "gp"
custodian = "{node}"
url = "{gp}"
asid_from = "200000000001"
asid_to = "200000000002"
ods = "A82038"

[[sources]]
id = "adt"
kind = "hospital"
custodian = "{hospital}"
listen = "127.0.0.1:{mllp_port}"
zone = "Europe/London"
facility = "RXX"
authorities = {{ NHS = "https://fhir.nhs.uk/Id/nhs-number", RXX = "https://st-brides.example/id/mrn" }}
identifier_order = ["https://fhir.nhs.uk/Id/nhs-number"]
test_messages = "accept"

[[sources]]
id = "letters"
kind = "specialist"
custodian = "{clinic}"
url = "{letters}"
zone = "Europe/London"
"""
