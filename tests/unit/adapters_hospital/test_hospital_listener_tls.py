"""The MLLP listener over TLS: real sockets, certificates made here."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.hospital.ack import Verdict, acknowledgement
from adapters.hospital.listener import Limits, Listener, server_tls
from adapters.hospital.mllp import framed

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
MESSAGE = b"MSH|^~\\&|A|B|C|D|20260101||ADT^A01|M-1|P|2.5\rPID|1||1"


def named(common):
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


class Authority:
    """A certificate authority of one test; `issue` writes certificate and key as PEM."""

    def __init__(self, folder, name):
        self.folder, self.key = folder, ec.generate_private_key(ec.SECP256R1())
        self.name = named(name)
        now = datetime.now(UTC)
        self._valid = now - timedelta(days=1), now + timedelta(days=1)
        made = self._builder(self.name, self.key).add_extension(
            x509.BasicConstraints(True, None), critical=True
        )
        self.file = folder / f"{name}-ca.pem"
        self.file.write_bytes(made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def _builder(self, subject, key):
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(self.name)
        builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
        return builder.not_valid_before(self._valid[0]).not_valid_after(self._valid[1])

    def issue(self, common, *names):
        key = ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(named(common), key)
        if names:
            alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
            builder = builder.add_extension(alternatives, critical=False)
        certificate = builder.sign(self.key, hashes.SHA256())
        cert, secret = self.folder / f"{common}.pem", self.folder / f"{common}.key"
        cert.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        secret.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return cert, secret


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path, "hospital")


@pytest.fixture
def server(authority):
    return authority.issue("gateway.example", "gateway.example")


def client_tls(authority, own=None, newest=None):
    context = ssl.create_default_context(cafile=authority.file)
    context.verify_flags &= ~getattr(ssl, "VERIFY_X509_STRICT", 0)  # our small certificates name no key ids
    if own:
        context.load_cert_chain(*own)
    if newest:
        context.maximum_version = newest
    return context


def served(test, tls, **limits):
    """Run a test against a started listener; it sees who connected in `peers`."""

    async def run():
        peers = []

        async def accept(body, peer):
            peers.append(peer)
            return acknowledgement(body, Verdict("AA"), AT, "OWN-1")

        listener = Listener("127.0.0.1", 0, accept, Limits(**limits), not_now=lambda body, peer: b"", tls=tls)
        await listener.start()
        try:
            await test(listener, peers)
        finally:
            await listener.close()

    asyncio.run(run())


async def ask(listener, tls):
    """Connect, send one message, give back its answer; raises what the connection raises."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", listener.port, ssl=tls, server_hostname="gateway.example" if tls else None
    )
    try:
        writer.write(framed(MESSAGE))
        return await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 5)
    finally:
        writer.close()


def test_messages_are_taken_over_tls(authority, server):
    """The server proves itself; without client CA nobody has a name."""

    async def test(listener, peers):
        for _ in range(3):
            assert b"MSA|AA|M-1" in await ask(listener, client_tls(authority))
        assert [(peer.address, peer.names) for peer in peers] == [("127.0.0.1", frozenset())] * 3

    served(test, server_tls(*server))


def test_a_large_message_in_many_records_arrives_whole(authority, server):
    """Several TLS records and reads make one frame."""

    async def test(listener, peers):
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", listener.port, ssl=client_tls(authority), server_hostname="gateway.example"
        )
        writer.write(framed(MESSAGE + b"|" + b"x" * 2_000_000))
        assert b"MSA|AA|M-1" in await asyncio.wait_for(reader.readuntil(b"\x1c\r"), 20)
        writer.close()

    served(test, server_tls(*server))


def test_only_certificates_of_the_client_ca_may_send(authority, server, tmp_path):
    """None, or one of another authority: the connection ends and nothing is taken."""
    stranger = Authority(tmp_path, "elsewhere").issue("stranger.example", "stranger.example")

    async def test(listener, peers):
        for own in (None, stranger):
            with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
                await ask(listener, client_tls(authority, own))
        assert peers == []
        own = authority.issue("pas.example", "PAS.example", "adt.example")
        assert b"MSA|AA" in await ask(listener, client_tls(authority, own))
        assert peers[0].names == {"pas.example", "adt.example"}

    served(test, server_tls(*server, authority.file))


def test_a_certificate_without_names_has_its_common_name(authority, server):
    """Old senders' certificates name themselves in the subject only."""

    async def test(listener, peers):
        assert b"MSA|AA" in await ask(listener, client_tls(authority, authority.issue("Old.Sender")))
        assert peers[0].names == {"old.sender"}

    served(test, server_tls(*server, authority.file))


def test_tls_below_1_2_is_refused(authority, server):
    """The oldest version that is spoken is TLS 1.2."""
    context = server_tls(*server)
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2

    async def test(listener, peers):
        assert b"MSA|AA" in await ask(listener, client_tls(authority, newest=ssl.TLSVersion.TLSv1_2))

    served(test, context)


def test_plain_bytes_on_a_tls_port_are_no_message(server):
    """A sender that forgot TLS is closed without an answer; the next one is served."""

    async def test(listener, peers):
        with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
            await ask(listener, None)
        assert peers == [] and listener.faults == 1

    served(test, server_tls(*server))


def test_who_never_shakes_hands_takes_a_place_and_loses_it(authority, server):
    """The caps count connections before the handshake, and a handshake has its time."""

    async def test(listener, peers):
        _, silent = await asyncio.open_connection("127.0.0.1", listener.port)
        await asyncio.sleep(0.1)
        with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
            await ask(listener, client_tls(authority))
        assert listener.refused == 1
        await asyncio.sleep(0.6)
        assert b"MSA|AA" in await ask(listener, client_tls(authority))
        silent.close()

    served(test, server_tls(*server), per_address=1, handshake=0.3)
