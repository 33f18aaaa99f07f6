"""Keys of data at rest over every storage."""

import pytest

from gateway.records.interface import KeyErased, SealBroken

pytestmark = pytest.mark.anyio


async def test_what_is_sealed_opens_in_its_place_only(run):
    """Sealed bytes open under their name and place; another place, name or a flipped bit does not."""
    sealed = await run(lambda r: r.vault.seal("Patient/a", b"text", b"here"))
    await run(lambda r: r.vault.seal("Patient/b", b"text", b"here"))
    assert await run(lambda r: r.vault.open("Patient/a", sealed, b"here")) == b"text"
    flipped = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for name, data, place in (
        ("Patient/a", sealed, b"there"),
        ("Patient/b", sealed, b"here"),
        ("Patient/a", flipped, b"here"),
        ("Patient/a", b"", b"here"),
        ("Patient/nobody", sealed, b"here"),
    ):
        with pytest.raises(SealBroken):
            await run(lambda r, n=name, d=data, p=place: r.vault.open(n, d, p))


async def test_erasing_takes_everything_of_the_person_and_nothing_else(run):
    """After erasure neither her records nor attached originals open, nothing is sealed anew, others stay."""
    hers = await run(lambda r: r.vault.seal("Patient/a", b"x", b""))
    original = await run(lambda r: r.vault.seal("intake/1", b"x", b""))
    other = await run(lambda r: r.vault.seal("intake/2", b"x", b""))
    await run(lambda r: r.vault.attach("intake/1", "Patient/a"))
    assert await run(lambda r: r.vault.erase("Patient/a")) == 2
    for name, data in (("Patient/a", hers), ("intake/1", original)):
        with pytest.raises(KeyErased):
            await run(lambda r, n=name, d=data: r.vault.open(n, d, b""))
    with pytest.raises(KeyErased):
        await run(lambda r: r.vault.seal("Patient/a", b"x", b""))
    assert await run(lambda r: r.vault.open("intake/2", other, b"")) == b"x"
    assert await run(lambda r: r.vault.erase("Patient/a")) == 0


async def test_tag_keys_are_one_per_person(run):
    """The key that chains a person's leaves is stable, and another person's is another."""
    first = await run(lambda r: r.vault.tag_key("Patient/a"))
    assert len(first) == 32 and first == await run(lambda r: r.vault.tag_key("Patient/a"))
    assert first != await run(lambda r: r.vault.tag_key("Patient/b"))


def test_derivation_is_the_documented_one(secrets):
    """K_tag and K_wrap are HKDF-SHA256 of K_s with the two infos of the ledger's design."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    from gateway.records.memory import MemoryKeys
    from gateway.records.vault import Vault

    keys = MemoryKeys()
    vault = Vault(keys, secrets.wrapper, secrets.entropy)
    sealed = vault.seal("Patient/a", b"plain", b"aad")
    k_s = secrets.wrapper.unwrap(keys.keys["Patient/a"], b"carepact/subject_key\0Patient/a")

    def derived(info):
        return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(k_s)

    assert vault.tag_key("Patient/a") == derived(b"carepact/subject/tag\0")
    assert AESGCM(derived(b"carepact/subject/wrap\0")).decrypt(sealed[:12], sealed[12:], b"aad") == b"plain"
