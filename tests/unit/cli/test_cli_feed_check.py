"""`carepact doctor` about a feed: TLS that is missing, wrong, ending or ended is said before a sender finds out."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from gateway.cli.feed_check import check_feed
from gateway.source_settings import SourceSettings

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def feed(**keys):
    return SourceSettings(
        **{"id": "adt", "kind": "hospital", "custodian": "st-brides.example", "listen": "10.0.0.1:2575"}
        | keys
    )


@pytest.fixture
def certificate(tmp_path):
    """A self-signed certificate that ends so many days from NOW."""

    def make(days):
        key, name = (
            ec.generate_private_key(ec.SECP256R1()),
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")]),
        )
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        builder = builder.serial_number(1).not_valid_before(NOW - timedelta(days=400))
        made = builder.not_valid_after(NOW + timedelta(days=days, hours=1)).sign(key, hashes.SHA256())
        cert, secret = tmp_path / "cert.pem", tmp_path / "key.pem"
        cert.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return {"tls_cert": cert, "tls_key": secret}

    return make


@pytest.mark.parametrize(
    ("days", "state"), [(200, "ok"), (30, "ok"), (29, "warning"), (0, "warning"), (-1, "failed")]
)
def test_the_end_of_a_certificate_is_told_in_time(certificate, days, state):
    """Thirty days ahead a warning, afterwards a failure; each with the next step."""
    found = check_feed(feed(**certificate(days)), NOW)
    assert found.state == state
    assert (found.next == "") == (state == "ok")


def test_a_certificate_that_cannot_be_read_is_a_failure(tmp_path):
    """Told by the element, before the node is started."""
    (tmp_path / "cert.pem").write_text("nothing", "utf-8")
    found = check_feed(feed(tls_cert=tmp_path / "cert.pem", tls_key=tmp_path / "cert.pem"), NOW)
    assert found.state == "failed" and "tls_cert" in found.said


def test_a_key_of_another_certificate_is_a_failure(certificate, tmp_path):
    """Both are good, and do not belong together."""
    first = certificate(200)
    kept = tmp_path / "other.pem"
    kept.write_bytes(first["tls_cert"].read_bytes())
    second = certificate(200)
    assert check_feed(feed(**second | {"tls_cert": kept}), NOW).state == "failed"


def test_plain_beyond_loopback_stays_a_warning():
    """`unsafe_plain_mllp` is said again at every look; loopback without TLS is all right."""
    assert check_feed(feed(unsafe_plain_mllp=True), NOW).state == "warning"
    assert check_feed(feed(listen="127.0.0.1:2575"), NOW).state == "ok"
