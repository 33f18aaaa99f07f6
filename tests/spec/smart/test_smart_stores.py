"""A-1 on the databases that a node runs on: one `jti`, many workers, one token."""

import asyncio
import json
import os
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey

from gateway.authn import sql
from gateway.authn.clients import client_from_registration
from gateway.authn.tokens import (
    ASSERTION_TYPE,
    Endpoint,
    OAuthError,
    TokenResponse,
    answer,
    authenticate,
)

NOW = 1_795_255_200
URL = "https://node.north.example/oauth/token"
KEY = ECKey.generate_key("P-384", {"kid": "es"})


def assertion(jti: str) -> str:
    claims = {"iss": "ward", "sub": "ward", "aud": URL, "exp": NOW + 60, "jti": jti}
    header = {"alg": "ES384", "kid": "es", "typ": "JWT"}
    return jws.serialize_compact(header, json.dumps(claims).encode(), KEY, algorithms=["ES384"])


def form_of(text: str) -> list[tuple[str, str]]:
    return [
        ("grant_type", "client_credentials"),
        ("scope", "system/Patient.rs"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", text),
    ]


async def post(store: Any, text: str) -> TokenResponse | OAuthError:
    return await answer(
        store,
        form_of(text),
        endpoint=Endpoint(URL, "https://node.north.example"),
        is_under=lambda org, top: org == top,
        now=NOW,
        entropy=os.urandom,
    )


@pytest.fixture
async def store(database: Any) -> Any:
    """An open database with one registered client."""
    await database.write(lambda c: sql.metadata.create_all(c, checkfirst=True))
    jwks = json.dumps({"keys": [KEY.as_dict(private=False)]}).encode()
    client = client_from_registration("ward", "st-brides", jwks, ["system/Patient.rs"], ["TREAT"])
    await database.write(lambda c: sql.add_client(c, client, at=NOW))
    return database


@pytest.mark.anyio
async def test_A_1_one_token_on_both_databases(store: Any) -> None:
    """Fifty units with one assertion at once: one token, which opens; forty-nine refusals at step 5."""
    text = assertion("once")
    made = await asyncio.gather(*(post(store, text) for _ in range(50)))
    tokens = [one for one in made if isinstance(one, TokenResponse)]
    assert len(tokens) == 1
    assert all(one.step == 5 for one in made if isinstance(one, OAuthError))
    caller = await store.read(lambda c: authenticate(c, tokens[0].access_token, NOW))
    assert caller is not None and caller.client == "ward"
    assert len(await store.read(lambda c: sql.list_refusals(c, since=NOW))) == 49


@pytest.mark.anyio
async def test_a_client_ends_and_returns_on_both_databases(store: Any) -> None:
    """Disabling, purging and listing do the same on both."""
    first = await post(store, assertion("first"))
    assert isinstance(first, TokenResponse)
    await store.write(lambda c: sql.set_status(c, "ward", "disabled", at=NOW))
    assert await store.read(lambda c: authenticate(c, first.access_token, NOW)) is None
    assert [client.status for client in await store.read(sql.list_clients)] == ["disabled"]
    await store.write(lambda c: sql.set_status(c, "ward", "enabled", at=NOW))
    await post(store, assertion("second"))
    assert await store.write(lambda c: sql.purge(c, now=NOW + 300)) == 1
    assert await store.write(lambda c: sql.purge(c, now=NOW + 200_000)) == 2
