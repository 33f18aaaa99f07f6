"""The `KeyStore` and `SecretStore` contract, the same on memory, files and SQL."""

import os

import pytest
from sqlalchemy import create_engine

from keys.algorithms import CLASSICAL_KEM, KEM, verifies, wrap_to
from keys.errors import KeyFault, UnknownKey
from keys.jwk import public_from_jwk
from keys.store.memory import MemoryKeyStore, MemorySecretStore
from keys.store.sql import SQLKeyStore, SQLSecretStore, metadata
from keys.store.wrapper import RawWrapper

NBF, EXP = 1_767_225_600, 1_798_761_600


@pytest.fixture
def store(reopen, wrapper):
    """An empty key store."""
    return reopen("keys", wrapper)


@pytest.mark.parametrize("alg", ["Ed25519", "ML-DSA-65"])
def test_a_made_key_signs_what_its_public_half_verifies(reopen, wrapper, store, alg):
    """A signature holds under the published JWK, also by a store opened anew."""
    kid = store.create("sig", alg, nbf=NBF, exp=EXP)
    (public,) = reopen("keys", wrapper).public()
    assert (public.kid, public.use, public.alg, public.nbf, public.exp) == (kid, "sig", alg, NBF, EXP)
    signature = reopen("keys", wrapper).sign(kid, b"data")
    half = public_from_jwk(dict(public.jwk))
    assert half.kid == kid and verifies(alg, half.raw, signature, b"data")
    assert not verifies(alg, half.raw, signature, b"other")


def test_a_kem_key_opens_what_was_sealed_to_it(store):
    """HPKE open with the right info; anything else is `UnknownKey`, never an error of the library."""
    kid = store.create("enc", KEM, nbf=NBF, exp=EXP)
    sealed = wrap_to(public_from_jwk(dict(store.public()[0].jwk)).raw, b"cek", b"info")
    assert store.open(kid, sealed, b"info") == b"cek"
    for bad in (sealed[:-1], sealed + b"x", b"", bytes(len(sealed))):
        with pytest.raises(UnknownKey):
            store.open(kid, bad, b"info")
    with pytest.raises(UnknownKey):
        store.open(kid, sealed, b"other")


def test_one_key_has_one_use(store):
    """A signing key does not open, a KEM key does not sign, and no use takes another's algorithm."""
    sig, enc = store.create("sig", "Ed25519", nbf=NBF, exp=EXP), store.create("enc", KEM, nbf=NBF, exp=EXP)
    with pytest.raises(UnknownKey):
        store.sign(enc, b"")
    with pytest.raises(UnknownKey):
        store.open(sig, b"", b"")
    for use, alg in (
        ("sig", KEM),
        ("enc", "Ed25519"),
        ("log", "ES256"),
        ("enc", "ES256"),
        ("sig", CLASSICAL_KEM),
        ("spam", "Ed25519"),
    ):
        with pytest.raises(KeyFault):
            store.create(use, alg, nbf=NBF, exp=EXP)
    with pytest.raises(KeyFault):
        store.create("sig", "Ed25519", nbf=EXP, exp=NBF)


def test_retired_is_gone_but_known(reopen, wrapper, store):
    """After `retire` nothing is signed, also after a restart; the public half stays, with its end."""
    kid = store.create("sig", "Ed25519", nbf=NBF, exp=EXP)
    store.sign(kid, b"before")
    store.retire(kid, at=NBF + 5)
    store.retire(kid, at=NBF + 9)
    for opened in (store, reopen("keys", wrapper)):
        with pytest.raises(UnknownKey):
            opened.sign(kid, b"after")
        assert [(key.kid, key.exp) for key in opened.public()] == [(kid, NBF + 5)]


def test_public_lists_oldest_first_and_unknown_is_unknown(store):
    """Every key ever made, by the start of its life; a kid that is not there is `UnknownKey`."""
    later = store.create("sig", "Ed25519", nbf=NBF + 9, exp=EXP)
    first = store.create("sig", "Ed25519", nbf=NBF, exp=EXP)
    assert [key.kid for key in store.public()] == [first, later]
    for call in (lambda: store.sign("A" * 43, b""), lambda: store.retire("A" * 43, at=NBF)):
        with pytest.raises(UnknownKey):
            call()


def test_a_seed_is_adopted_once(store):
    """The same seed twice is refused: a key is one row, one file."""
    store.adopt("sig", "Ed25519", bytes(32), nbf=NBF, exp=EXP)
    with pytest.raises(KeyFault):
        store.adopt("sig", "Ed25519", bytes(32), nbf=NBF, exp=EXP)


def test_wrong_kek_is_a_fault(reopen, wrapper, store):
    """Another KEK opens no key: `KeyFault`, at the start or at the first use."""
    kid = store.create("sig", "Ed25519", nbf=NBF, exp=EXP)
    with pytest.raises(KeyFault):
        reopen("keys", RawWrapper(os.urandom(32), os.urandom)).sign(kid, b"")


def test_rewrap_moves_every_key_to_a_new_kek(reopen, wrapper, store):
    """After `rewrap` the new KEK opens all keys, retired ones too, and the old one none."""
    kid, gone = (store.create("sig", "Ed25519", nbf=NBF, exp=EXP) for _ in range(2))
    store.retire(gone, at=NBF)
    new = RawWrapper(os.urandom(32), os.urandom)
    store.rewrap(new)
    reopen("keys", new).check()
    assert store.sign(kid, b"x") == reopen("keys", new).sign(kid, b"x")
    with pytest.raises(KeyFault):
        reopen("keys", wrapper).check()


def test_secrets_are_made_once_and_differ(reopen, wrapper):
    """A node secret is 32 bytes, the same after a restart, another for another name."""
    first = reopen("secrets", wrapper).secret("id_key")
    again = reopen("secrets", wrapper)
    assert len(first) == 32 and again.secret("id_key") == first and again.secret("index_key") != first


def test_secrets_are_bound_to_name_and_kek(reopen, wrapper):
    """Another KEK, or a name that is none, is a `KeyFault`."""
    reopen("secrets", wrapper).secret("id_key")
    with pytest.raises(KeyFault):
        reopen("secrets", RawWrapper(os.urandom(32), os.urandom)).secret("id_key")
    for name in ("", "Id", "../x", "a" * 33):
        with pytest.raises(KeyFault):
            reopen("secrets", wrapper).secret(name)


def test_memory_stores_of_a_process_work_alone():
    """The two in-memory stores need nothing but entropy."""
    store = MemoryKeyStore(os.urandom)
    assert len(store.sign(store.create("log", "Ed25519", nbf=0, exp=1), b"")) == 64
    assert len(MemorySecretStore(os.urandom).secret("x")) == 32


def test_every_altered_byte_of_a_stored_key_is_found(wrapper):
    """ENV-19: a flip in magic, length, header, nonce, seed or tag is a `KeyFault`, at any position."""
    from keys.store.memory import MemoryShelf
    from keys.store.shelf import ShelfKeyStore

    shelf = MemoryShelf()
    kid = ShelfKeyStore(shelf, wrapper, os.urandom).create("sig", "Ed25519", nbf=NBF, exp=EXP)
    data = shelf.read(kid)
    for position in range(len(data)):
        shelf.replace(kid, data[:position] + bytes((data[position] ^ 1,)) + data[position + 1 :])
        with pytest.raises(KeyFault):
            ShelfKeyStore(shelf, wrapper, os.urandom).sign(kid, b"")
    for cut in (0, 4, 8, 60, len(data) - 1):
        shelf.replace(kid, data[:cut])
        with pytest.raises(KeyFault):
            ShelfKeyStore(shelf, wrapper, os.urandom).sign(kid, b"")


def test_sql_keys_are_part_of_the_callers_transaction(tmp_path, wrapper):
    """A key made in a unit of work that is rolled back was never made; one that is committed stays."""
    engine = create_engine(f"sqlite:///{tmp_path}/keys.db")
    with engine.begin() as connection:
        metadata.create_all(connection)
    with engine.connect() as connection:
        SQLKeyStore(connection, wrapper).create("sig", "Ed25519", nbf=NBF, exp=EXP)
        SQLSecretStore(connection, wrapper).secret("id_key")
        connection.rollback()
    with engine.begin() as connection:
        assert SQLKeyStore(connection, wrapper).public() == ()
        kid = SQLKeyStore(connection, wrapper).create("sig", "Ed25519", nbf=NBF, exp=EXP)
    with engine.begin() as connection:
        assert [key.kid for key in SQLKeyStore(connection, wrapper).public()] == [kid]
    engine.dispose()


def test_what_another_process_destroys_is_gone_here_too(reopen, wrapper, store):
    """A key that was used, and was destroyed elsewhere, signs no more; one that was made elsewhere is seen."""
    first = store.create("sig", "Ed25519", nbf=NBF, exp=EXP)
    store.sign(first, b"data")
    other = reopen("keys", wrapper)
    other.retire(first, at=NBF + 1)
    second = other.create("sig", "Ed25519", nbf=NBF + 2, exp=EXP)
    with pytest.raises(UnknownKey):
        store.sign(first, b"data")
    assert [key.kid for key in store.public()] == [first, second] and store.sign(second, b"data")


def test_a_folder_of_keys_is_read_again_only_after_a_change(tmp_path, wrapper):
    """A year of daily keys costs a look at the folder, not at every file; a change by another is seen at once."""
    from keys.store.file import FileKeyStore

    store = FileKeyStore(tmp_path / "keys", wrapper)
    store.create("sig", "Ed25519", nbf=NBF, exp=EXP)
    long_ago = 1_000_000_000
    os.utime(tmp_path / "keys", ns=(long_ago, long_ago))
    first = store.public()
    assert store.public() is first
    FileKeyStore(tmp_path / "keys", wrapper).create("sig", "Ed25519", nbf=NBF + 1, exp=EXP)
    assert len(store.public()) == 2
