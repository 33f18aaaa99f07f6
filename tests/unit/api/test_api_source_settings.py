"""Settings of sources: what a feed may say, and what is refused before anything listens."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from gateway.errors import RefusedToStart
from gateway.source_settings import SourceSettings, overlay_of, require_distinct

TLS = {"tls_cert": Path("c.pem"), "tls_key": Path("k.pem")}


def feed(id="adt", **keys):
    return SourceSettings(
        **{"id": id, "kind": "hospital", "custodian": "st-brides.example", "listen": "127.0.0.1:2575"} | keys
    )


def test_a_feed_may_say_all_that_it_needs(tmp_path):
    """Every key; paths are relative to the file that names them."""
    made = feed(
        **TLS,
        client_ca="ca.pem",
        clients=["pas.example"],
        allow=["10.0.0.0/8", "::1"],
        senders=["PAS|RXX"],
        ack="enhanced",
        busy="AR",
        charset="8859/1",
        charset_override="UNICODE UTF-8",
        zone="Europe/London",
        facility="RXX",
        identifier_order=["https://fhir.nhs.uk/Id/nhs-number", "RXX"],
        authorities={"RXX": "https://st-brides.example/id/mrn"},
        test_messages="refuse",
    ).under(tmp_path)
    assert made.tls == (tmp_path / "c.pem", tmp_path / "k.pem", tmp_path / "ca.pem")
    assert [str(one) for one in made.allow] == ["10.0.0.0/8", "::1/128"]


@pytest.mark.parametrize(
    "keys",
    [
        {"listen": None},
        {"tls_cert": "c.pem"},
        {"tls_key": "k.pem"},
        {"client_ca": "ca.pem"},
        {"clients": ["pas.example"]},
        {**TLS, "clients": ["pas.example"]},
        {"allow": ["10.0.0.0/33"]},
        {"allow": ["hospital.example"]},
        {"allow": ["10.0.0.1/8"]},
        {"senders": ["PAS"]},
        {"senders": ["|"]},
        {"senders": ["A|B|C"]},
        {"ack": "both"},
        {"busy": "CR"},
        {"charset": "klingon"},
        {"charset_override": "hex"},
        {"zone": "Mars/Base"},
        {"test_messages": "maybe"},
        {"tls_certificate": "c.pem"},
    ],
)
def test_what_cannot_be_meant_is_refused(keys):
    """Unknown names, half of a pair, a name without its issuer, a network with host bits."""
    with pytest.raises(ValidationError):
        feed(**keys)


@pytest.mark.parametrize(
    "keys", [{"listen": "127.0.0.1:1"}, {"busy": "AR"}, {"allow": ["::1"]}, {"ack": "original"}]
)
def test_keys_of_a_feed_have_no_place_in_a_source_that_is_asked(keys):
    """A key without effect would be believed to have one."""
    with pytest.raises(ValidationError):
        SourceSettings(id="gp", kind="gp", custodian="c", url="http://x", **keys)
    SourceSettings(id="gp", kind="gp", custodian="c", url="http://x", zone="Europe/London")


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ({}, {"listen": "127.0.0.1:2576"}),
        ({"listen": "127.0.0.1:0"}, {"listen": "127.0.0.1:0"}),
        ({"senders": ["PAS|RXX"]}, {"senders": ["LAB|RXX"]}),
        ({"senders": ["PAS|RXX"]}, {}),
        ({"allow": ["10.1.0.0/16"]}, {"allow": ["10.2.0.0/16"]}),
        ({"allow": ["10.1.0.0/16"]}, {}),
        ({"allow": ["10.1.0.0/16"]}, {"allow": ["fd00::/8"]}),
        ({**TLS, "client_ca": "a", "clients": ["pas"]}, {**TLS, "client_ca": "a", "clients": ["lab"]}),
    ],
)
def test_feeds_that_can_be_told_apart_may_share_a_port(a, b):
    """By senders, addresses or certificates; feeds of two ports need not be."""
    require_distinct([feed("a", **a), feed("b", **b)])


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ({}, {}),
        ({"senders": ["PAS|RXX"]}, {"senders": ["PAS|RXX", "LAB|"]}),
        ({"senders": ["PAS|"]}, {"senders": ["|RXX"]}),
        ({"allow": ["10.0.0.0/8"]}, {"allow": ["10.2.0.0/16"]}),
        ({**TLS, "client_ca": "a", "clients": ["pas"]}, {**TLS, "client_ca": "a", "allow": ["10.0.0.0/8"]}),
        ({**TLS}, {"senders": ["PAS|"]}),
        ({**TLS, "client_ca": "a", "clients": ["pas"]}, {**TLS, "client_ca": "b", "clients": ["lab"]}),
    ],
)
def test_feeds_that_one_message_could_both_mean_are_refused(a, b):
    """Found at the start, in either order, not with the first message; TLS belongs to the port."""
    for pair in ([feed("a", **a), feed("b", **b)], [feed("b", **b), feed("a", **a)]):
        with pytest.raises(ValueError, match="one port"):
            require_distinct(pair)


HEADER = "source_system,source_code,target_system,target_code,target_display,relation,origin\n"


def test_the_overlay_of_a_source_is_read_at_the_start(tmp_path):
    """A path relative to the configuration; none is none."""
    (tmp_path / "codes.csv").write_text(
        HEADER + "99LAB,K,http://loinc.org,2823-3,,equivalent,lead\n", "utf-8"
    )
    found = overlay_of(feed(codes="codes.csv").under(tmp_path))
    assert found.rows["urn:carepact:source:st-brides.example:adt:99LAB", "K"].code == "2823-3"
    assert overlay_of(feed()) is None


@pytest.mark.parametrize(
    "text", [None, "no table", HEADER + "LN,Zq7canary,http://loinc.org,1-8,,equivalent,lead\n"]
)
def test_an_overlay_that_cannot_be_used_refuses_to_start(tmp_path, text):
    """One line with the element, the file and the line, without a value."""
    if text:
        (tmp_path / "codes.csv").write_text(text, "utf-8")
    with pytest.raises(RefusedToStart, match=r"sources\.adt\.codes: .*codes\.csv") as refused:
        overlay_of(feed(codes=tmp_path / "codes.csv"))
    assert "Zq7canary" not in str(refused.value)


def test_an_overlay_that_everybody_can_write_is_refused(tmp_path):
    """It decides what codes mean."""
    file = tmp_path / "codes.csv"
    file.write_text(HEADER, "utf-8")
    file.chmod(0o666)
    with pytest.raises(RefusedToStart, match="chmod"):
        overlay_of(feed(codes=file))
