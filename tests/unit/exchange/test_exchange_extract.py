"""A practice that only writes extracts takes part in an exchange like one that is asked over HTTP."""

from contextlib import AsyncExitStack

import pytest

from gateway.errors import RefusedToStart
from gateway.source_settings import SourceSettings
from gateway.sources import bind

pytestmark = pytest.mark.anyio
FULL = "patient_with_full_record"
MAP = """
dates = "iso"
patient = ["N"]
[columns]
"N" = "patient.nhs-number"
"F" = "patient.family"
"G" = "patient.given"
"B" = "patient.birth-date"
"T" = "condition.text"
"""


def written(standing, tmp_path, *terms, columns=MAP):
    """The extract with a row of the full patient for each term and one of somebody else; its settings."""
    person = standing.population.find(FULL).person
    first = f"{person.nhs_number},{person.family},{person.given},{person.born}"
    rows = [f"{first},{term}" for term in terms] + ["9990000026,Somebody,Else,1990-01-01,Gout"]
    (tmp_path / "extract.csv").write_text("\n".join(["N,F,G,B,T", *rows]), "utf-8")
    (tmp_path / "map.toml").write_text(columns, "utf-8")
    said = SourceSettings(
        id="gp", kind="gp", custodian=standing.node.member, path="extract.csv", columns="map.toml"
    )
    return said.under(tmp_path)


@pytest.fixture
async def extracted(standing, tmp_path):
    """The node with the extract in the place of its GP system; a function writes it anew."""
    async with AsyncExitStack() as stack:
        bound = await bind(
            standing.runtime.settings, written(standing, tmp_path, "Asthma"), b"\x01" * 32, stack
        )
        sources = tuple(bound if one.source.id == "gp" else one for one in standing.node.sources)
        object.__setattr__(standing.node, "sources", sources)
        await standing.permit()
        yield lambda *terms: written(standing, tmp_path, *terms)


async def _conditions(standing):
    reply = await standing.everything(await standing.patient_id(source="gp"))
    found = [entry["resource"] for entry in reply.json()["entry"]]
    ours = [one for one in found if ":gp#" in one.get("meta", {}).get("source", "")]
    assert ours and b"Gout" not in reply.content
    return sorted(one["code"]["text"] for one in ours if one["resourceType"] == "Condition")


async def test_rows_of_an_extract_are_released_like_any_record(standing, extracted):
    """Her rows and nobody else's; what is gone from the next extract is returned no more."""
    assert await _conditions(standing) == ["Asthma"]
    extracted("Asthma", "Migraine")
    assert await _conditions(standing) == ["Asthma", "Migraine"]
    extracted("Migraine")
    assert await _conditions(standing) == ["Migraine"]


async def test_a_row_that_cannot_be_used_keeps_what_was_known(standing, extracted, tmp_path):
    """An answer that is short by a row retires nothing: the row may be the one that is missed."""
    assert await _conditions(standing) == ["Asthma"]
    extracted("Migraine")
    path = tmp_path / "extract.csv"
    path.write_text(path.read_text("utf-8") + "\nshort", "utf-8")
    assert await _conditions(standing) == ["Asthma", "Migraine"]


async def test_a_wrong_map_refuses_to_start_by_the_name_of_its_key(standing, tmp_path):
    """Nobody finds out at the first exchange."""
    said = written(standing, tmp_path, "Asthma", columns=MAP.replace("condition.text", "condition.tint"))
    async with AsyncExitStack() as stack:
        with pytest.raises(RefusedToStart, match=r"sources\.gp\.columns: columns\.T"):
            await bind(standing.runtime.settings, said, b"\x01" * 32, stack)
        (tmp_path / "map.toml").unlink()
        with pytest.raises(RefusedToStart, match=r"sources\.gp\.columns"):
            await bind(standing.runtime.settings, said, b"\x01" * 32, stack)


@pytest.mark.parametrize(
    "said",
    [
        {"path": "x.csv"},
        {"columns": "x.toml", "url": "https://gp.example"},
        {"path": "x.csv", "columns": "x.toml", "url": "https://gp.example"},
        {"path": "x.csv", "columns": "x.toml", "kind": "specialist"},
        {"url": "https://gp.example", "includes": ("includeEverything",)},
        {},
    ],
)
def test_settings_of_an_extract_that_make_no_sense_are_refused(said):
    """A map without a file, a file without a map, two ways to one source, an include that does not exist."""
    with pytest.raises(ValueError, match="1 validation error"):
        SourceSettings(**{"id": "gp", "kind": "gp", "custodian": "elm.example"} | said)
