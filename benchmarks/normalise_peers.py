"""Runs in the peers' own environment: one converter over a folder of inputs, as often as asked.

usage: python normalise_peers.py CONVERTER FOLDER ROUNDS, CONVERTER one of those at the end of this file
Prints one JSON object: seconds of each round (imports and templates loaded before), resources, Observations.
"""

import json
import logging
import sys
import time
from pathlib import Path

logging.disable(logging.CRITICAL)


def bridge():
    from v2fhir.config import load_config
    from v2fhir.convert import convert
    from v2fhir.hl7.parser import parse_bytes

    config = load_config(None)
    return lambda body: convert(parse_bytes(body), config).bundle


def bridge_checked():
    """With its own check of the bundle, which it never sends one without."""
    from v2fhir.validate import validate_bundle

    convert = bridge()

    def run(body):
        made = convert(body)
        validate_bundle(made)
        return made

    return run


def bright():
    from brightohir import v2_to_r5

    return lambda body: v2_to_r5(body.decode())


def liquid():
    from fhir_converter.renderers import CcdaRenderer

    renderer = CcdaRenderer()
    return lambda body: renderer.render_to_fhir("ConsultationNote", body.decode())


def ccda():
    from ccda_to_fhir import convert_document

    def run(body):
        made = convert_document(body.decode())
        bundle = made["bundle"] if isinstance(made, dict) else made.bundle
        return bundle if isinstance(bundle, dict) else bundle.model_dump(mode="json")

    return run


CONVERTERS = {
    "hl7v2-fhir-bridge": bridge,
    "hl7v2-fhir-bridge, checked": bridge_checked,
    "brightohir": bright,
    "python-fhir-converter": liquid,
    "ccda-to-fhir": ccda,
}


def kinds_of(bundle):
    entries = bundle.get("entry") or []
    return [(entry.get("resource") or {}).get("resourceType") for entry in entries]


def main(name, folder, rounds):
    bodies = [path.read_bytes() for path in sorted(Path(folder).iterdir())]
    convert = CONVERTERS[name]()
    kinds = [kind for body in bodies for kind in kinds_of(convert(body))]
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        for body in bodies:
            convert(body)
        seconds.append(time.process_time() - start)
    print(
        json.dumps({"seconds": seconds, "resources": len(kinds), "observations": kinds.count("Observation")})
    )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
