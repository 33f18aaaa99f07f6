"""The column map: refused whole and by name of its key when it is wrong; the file that does not fit, too."""

import pytest

from adapters.gp.csv.columns import BadMap, columns_from_toml

GOOD = """
patient = ["N"]
[columns]
"N" = "patient.nhs-number"
"C" = "condition.code"
"S" = "condition.clinical-status"
"""


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("patient = [", "TOML"),
        ('patient = ["N"]', "columns"),
        (GOOD.replace("condition.code", "condition.colour"), "columns.C"),
        (GOOD.replace("condition.clinical-status", "condition.code"), "columns"),
        (GOOD.replace('patient = ["N"]', ""), "patient"),
        (GOOD.replace('patient = ["N"]', 'patient = "N"'), "patient"),
        ("colour = 1\n" + GOOD, "colour"),
        ('delimiter = ";;"\n' + GOOD, "delimiter"),
        ("delimiter = '\"'\n" + GOOD, "delimiter"),
        ('encoding = "utf-7"\n' + GOOD, "encoding"),
        ('dates = "guess"\n' + GOOD, "dates"),
        ('zone = "Europe/Nowhere"\n' + GOOD, "zone"),
        (GOOD + '[systems]\n"condition.code" = "snomed"', "systems.condition.code"),
        (GOOD + '[systems]\n"result.code" = "urn:x:1"', "systems.result.code"),
        (GOOD.replace("condition.code", "condition.label"), "systems.condition.label"),
        (GOOD.replace("condition.code", "patient.identifier"), "systems.patient.identifier"),
        (GOOD + '[values."condition.clinical-status"]\nA = "alive"', "values.condition.clinical-status"),
        (GOOD + '[values."condition.code"]\nA = "b"', "values.condition.code"),
    ],
)
def test_a_wrong_map_is_refused_by_its_key(text, named):
    """Whoever wrote it reads which key is wrong; nothing is read with half a map."""
    with pytest.raises(BadMap, match=named.replace(".", r"\.")):
        columns_from_toml(text)


def test_a_map_is_part_of_the_mapping(run):
    """Another map is another mapping in Provenance, so that a replay knows what was read how."""
    batch = run("1,9990000018,Extracted,01/04/1956,,x,,,,,,,")
    other = run("1,9990000018,Extracted,01/04/1956,,x,,,,,,,", text=_map() + "\n# changed")
    assert batch.mapping.startswith("csv:") and batch.mapping != other.mapping
    assert batch.provenance["policy"] == [f"urn:carepact:mapping:{batch.mapping}"]


def _map():
    return GOOD


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\r\n\r\n",
        b"Another,header\r\n1,2\r\n",
        b"N,C,S,N\r\n1,2,3,4\r\n",
        b'N,"C\r\n1,2\r\n',
        b"\xff\xfeN\x00",
        bytes(range(256)),
    ],
)
def test_a_file_with_another_header_is_refused_whole(run, body):
    """Nothing of it is guessed: an error, quarantined, with one line."""
    batch = run(body=body, text=GOOD)
    assert batch.quarantine == "unreadable" and batch.resources == ()
    assert batch.losses.status == "error" and batch.losses.balanced


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1252", "iso-8859-1", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
def test_encodings_and_delimiters_of_the_map(run, encoding, delimiter):
    """Letters beyond ASCII arrive as they were written, whatever stands between the cells."""
    text = f'encoding = "{encoding}"\ndelimiter = "{delimiter.replace(chr(9), chr(92) + "t")}"\n' + GOOD
    text = text.replace("condition.code", "condition.text")
    body = "\n".join((delimiter.join("NCS"), delimiter.join(("9990000018", "Ménière", "active"))))
    batch = run(body=body.encode(encoding), text=text)
    assert [one["code"]["text"] for one in batch.resources[1:]] == ["Ménière"]
    marked = run(body=body.encode("utf-8-sig"), text=text) if encoding == "utf-8" else None
    assert marked is None or marked.losses.status == "complete"


@pytest.mark.parametrize(
    ("dates", "written", "read"),
    [
        ("iso", "2020-07-03", "2020-07-03"),
        ("iso", "2020-07", "2020-07"),
        ("iso", "2020", "2020"),
        ("iso", "2020-07-03T09:30:15.250+02:00", "2020-07-03T09:30:15.250+02:00"),
        ("iso", "2020-07-03 09:30", "2020-07-03"),
        ("compact", "20200703", "2020-07-03"),
        ("dmy", "3.7.2020", "2020-07-03"),
        ("mdy", "7/3/2020", "2020-07-03"),
        ("dmonthy", "03-Jul-2020", "2020-07-03"),
    ],
)
def test_dates_are_read_in_the_one_form_of_the_map(run, dates, written, read):
    """No guessing between day and month; a time without offset and without zone is its date."""
    text = f'dates = "{dates}"\n' + GOOD.replace("condition.clinical-status", "condition.onset")
    batch = run(body=f"N,C,S\n9990000018,c,{written}\n".encode(), text=text)
    assert batch.resources[1]["onsetDateTime"] == read


@pytest.mark.parametrize("dates", ["iso", "compact", "dmy", "mdy", "dmonthy"])
def test_a_date_in_another_form_is_bad(run, dates):
    """Words, two-digit years and impossible days fail their row in every form."""
    text = f'dates = "{dates}"\n' + GOOD.replace("condition.clinical-status", "condition.onset")
    for written in ("yesterday", "03/07/20", "2020-02-30", "30-Foo-2020", "99999999"):
        batch = run(body=f"N,C,S\n9990000018,c,{written}\n".encode(), text=text)
        assert batch.resources == ()
        assert {"bad-date", "unreadable"} == {entry.reason for entry in batch.losses.entries}
