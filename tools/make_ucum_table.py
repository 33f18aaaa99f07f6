"""Writes adapters/terminology/ucum_units.csv: the units that a UCUM expression may be made of.

    python tools/make_ucum_table.py ValueSet-ucum-common.json

The value set of FHIR R4 says which units are in use; `METRIC` which of them take prefixes (UCUM, tables 2 to
17); `DOUBT` which are spelled like something else that records mean far more often. Never edit the table
itself: change this file and run it again.
"""

import csv
import json
import re
import sys
from pathlib import Path

TABLE = Path(__file__).parent.parent / "adapters" / "terminology" / "ucum_units.csv"
HEADER = ("code", "metric", "doubt", "origin")
ORIGIN = "FHIR R4 ValueSet ucum-common"
PREFIXES = "da Ki Mi Gi Ti Y Z E P T G M k h d c m u n p f a z y".split()
ARBITRARY = "[ELU] [EU] [EID_50] [IR] [anti'Xa'U] [wood'U]".split()
"""Clinical units that the value set leaves out (UCUM, tables of clinical and arbitrary units)."""
METRIC = frozenset(
    (
        "m s g rad K C cd mol sr Hz N Pa J W A V F Ohm S Wb Cel T H lm lx Bq Gy Sv l L ar t bar u eV pc st G "
        "P St Ky Gal Ci R RAD REM Mx Oe Gb Bi dyn erg sb ph Lmb cal cal_IT cal_m cal_th [Cal] cal_[15] "
        "cal_[20] eq osm [IU] [iU] U kat g% m[H2O] m[Hg] B B[SPL] B[V] B[mV] B[uV] B[W] B[kW] bit By Bd Np "
        "mho gf"
    ).split()
)
DOUBT = {
    "bare": "K S T P R B".split(),
    "always": "G C F H u t b st Gal ph pc AU ' ''".split(),
}
"""Kelvin for thousand, gauss for gram, coulomb for Celsius, henry for hour, atomic mass for unit, tonne in
`ft` and `pt`, parsec for piece: `bare` where only the unit without prefix is spelled like something else."""
UNIT = re.compile(r"10[*^]|(?:[^\[\]{}()./\d+\-\s]|\[[^\[\]]*\])+")


def units(codes: list[str]) -> set[str]:
    """Units that the codes are made of, prefixes off where what is left is a unit that takes them."""
    found = {unit for code in codes for unit in UNIT.findall(re.sub(r"\{[^}]*\}", "", code))}
    whole = found | METRIC
    return {one for one in whole if one in METRIC or not _is_prefixed(one)}


def _is_prefixed(unit: str) -> bool:
    return any(
        unit.startswith(prefix) and unit[len(prefix) :] in METRIC for prefix in PREFIXES
    ) and unit not in (OWN)


OWN = frozenset("cd Pa min mol Gy ar att dyn pc ph".split())
"""Units that would also read as prefix and unit."""


def main() -> None:
    source = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    codes = [one["code"] for part in source["compose"]["include"] for one in part["concept"]]
    doubts = {code: kind for kind, listed in DOUBT.items() for code in listed}
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(HEADER)
        for code in sorted(units(codes) | set(ARBITRARY)):
            origin = "UCUM 2.1" if code in ARBITRARY else ORIGIN
            writer.writerow((code, "yes" if code in METRIC else "no", doubts.get(code, ""), origin))


if __name__ == "__main__":
    main()
