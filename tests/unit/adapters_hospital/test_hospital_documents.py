"""MDM: a document as it was sent, what it replaces, and a CDA inside of it."""

import base64

import pytest

from adapters.codec import encode

PID = "PID|1||9990001006^^^NHS^NH~4711^^^RXX^MR||WARDLESS^Winifred||19580704|F"
PV1 = "PV1|1|I|||||||||||||||||V-99^^^RXX"
TXA = (
    "TXA|1|DS^Discharge summary^HL70270|TX|20260301|C7^Consult^Clara|20260301101500|||C7^Consult^Clara|"
    "A1^Attest^Ada||DOC-2^RXX|DOC-1^RXX|||summary.txt|AU|R|AV||||||Discharge summary"
)
CDA = (
    b'<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3">'
    b'<id root="2.999.1.2" extension="CDA-77"/><title>Letter</title></ClinicalDocument>'
)


def message(event, *rest, txa=TXA):
    header = rf"MSH|^~\&|DOCS|RXX|EXCH|RXX|20260301102000||MDM^{event}^MDM_T02|MDM-1|P|2.5"
    return (header, f"EVN|{event}|20260301102000", PID, PV1, txa, *rest)


def text_of(document):
    return base64.b64decode(document["content"][0]["attachment"]["data"]).decode()


def test_document_with_its_text(checked, only, marks):
    """Number, type, people, status, confidentiality; all text of the document as one, lines kept."""
    batch = checked(
        message("T02", "OBX|1|TX|1^Body||First line~Second line||||||F", r"OBX|2|FT|2^Plan||A\.br\B||||||F")
    )
    document = only(batch, "DocumentReference")
    assert document["masterIdentifier"]["value"] == "DOC-2"
    assert (document["status"], document["docStatus"]) == ("current", "final")
    assert document["type"]["coding"][0]["code"] == "DS"
    assert document["date"] == "2026-03-01T10:15:00+00:00"
    assert text_of(document) == "First line\nSecond line\nA\nB"
    assert document["context"]["encounter"][0]["reference"].startswith("Encounter/")
    assert document["authenticator"]["display"] == "Ada Attest"
    assert marks(document) == {"R"} and marks(only(batch, "Patient")) == set()


@pytest.mark.parametrize(("event", "code"), [("T06", "appends"), ("T10", "replaces"), ("T05", "appends")])
def test_addendum_and_replacement_name_their_parent(event, code, checked, only):
    """TXA-13 becomes `relatesTo` by the event; a notification of the same document names none."""
    made = [one for one in checked(message(event)).resources if one["resourceType"] == "DocumentReference"]
    (own,) = [one for one in made if one.get("masterIdentifier", {}).get("value") == "DOC-2"]
    assert [(one["code"], one["target"]["identifier"]["value"]) for one in own["relatesTo"]] == [
        (code, "DOC-1")
    ]
    assert "relatesTo" not in only(checked(message("T02")), "DocumentReference")


def test_cancelled_document_is_entered_in_error(checked, only):
    """T11, and an availability of deleted; it is the document that was sent before."""
    sent, gone = (
        only(checked(message("T02")), "DocumentReference"),
        only(checked(message("T11")), "DocumentReference"),
    )
    assert gone["status"] == "entered-in-error" and gone["id"] == sent["id"]
    deleted = only(checked(message("T04", txa=TXA.replace("|AV|", "|CA|"))), "DocumentReference")
    assert deleted["status"] == "entered-in-error"


def test_notification_without_content_says_so(checked, only):
    """T01 has no OBX: the attachment has its name and that it did not come, never an empty one."""
    attachment = only(checked(message("T01")), "DocumentReference")["content"][0]["attachment"]
    assert attachment["title"] == "summary.txt" and "data" not in attachment
    assert attachment["extension"][0]["valueCode"] == "unknown"


def test_attachments_are_checked(checked, only, reasons):
    """Base64 is decoded and checked, an address is never fetched, a bad one fails alone."""
    batch = checked(
        message(
            "T02",
            "OBX|1|ED|1^Scan||X^IM^PNG^Base64^aGVsbG8=||||||F",
            "OBX|2|ED|2^Broken||X^AP^PDF^Base64^!!!||||||F",
            "OBX|3|RP|3^Picture||https://pacs.example/1^PACS^IM^JPEG||||||F",
        )
    )
    content = [one["attachment"] for one in only(batch, "DocumentReference")["content"]]
    assert [one["contentType"] for one in content] == ["image/png", "image/jpeg"]
    assert (content[0]["data"], content[1]["url"]) == ("aGVsbG8=", "https://pacs.example/1")
    assert ("rejected", "bad-base64") in reasons(batch)


def test_cda_inside_is_handed_on(checked, only):
    """The document is an original of its own, asked about this patient; here only its hash and its relation."""
    packed = base64.b64encode(CDA).decode()
    batch = checked(message("T02", f"OBX|1|ED|1^CCD||X^AP^XML^Base64^{packed}||||||F"))
    (inner,) = batch.handed_on
    assert inner.body == CDA and inner.media_type == "text/xml"
    assert inner.asked[0].value == "9990001006"
    document = only(batch, "DocumentReference")
    assert document["relatesTo"] == [
        {
            "code": "transforms",
            "target": {
                "type": "DocumentReference",
                "identifier": {"system": "urn:oid:2.999.1.2", "value": "CDA-77"},
            },
        }
    ]
    assert packed.encode() not in encode(list(batch.resources))
    assert document["content"][0]["attachment"]["size"] == len(CDA)


def test_document_that_is_broken_is_still_handed_on(checked, only):
    """What the other reader will refuse is handed on as it came; entities and doctypes are not read here."""
    for body in (CDA[:-5], CDA.replace(b"<Clin", b"<!DOCTYPE x [<!ENTITY e 'v'>]><Clin", 1)):
        packed = base64.b64encode(body).decode()
        batch = checked(message("T02", f"OBX|1|ED|1^CCD||X^AP^XML^Base64^{packed}||||||F"))
        assert batch.handed_on[0].body == body
        only(batch, "DocumentReference")


def test_order_and_coded_findings_belong_to_the_document(checked, only):
    """ORC and OBR before TXA are what it is about; an OBX that is no text is an Observation of it."""
    lines = list(message("T02", "OBX|1|NM|8867-4^Heart rate^LN||72|/min||||||F"))
    lines[4:4] = ["ORC|RE|PL-1^RXX|FI-1^RXX||CM", "OBR|1|PL-1^RXX|FI-1^RXX|11502-2^Report^LN"]
    batch = checked(lines)
    related = only(batch, "DocumentReference")["context"]["related"]
    kinds = {one["reference"].partition("/")[0] for one in related if "reference" in one}
    assert kinds == {"ServiceRequest", "Observation"}


def test_two_documents_keep_their_own_content(checked):
    """Each TXA takes the OBX that follow it."""
    lines = message("T02", "OBX|1|TX|1||One||||||F", TXA.replace("DOC-2", "DOC-3"), "OBX|1|TX|1||Two||||||F")
    documents = [one for one in checked(lines).resources if one["resourceType"] == "DocumentReference"]
    assert [text_of(one) for one in documents] == ["One", "Two"]


def test_document_without_number_is_told(checked, reasons):
    """No TXA-12: keyed by the message, with a remark, because no later message can find it."""
    batch = checked(message("T02", txa=TXA.replace("DOC-2^RXX", "")))
    assert ("assumed", "no-key") in reasons(batch)
