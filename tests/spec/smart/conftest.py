"""A token endpoint over a real SQLite file, and a health system that signs real assertions."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey, RSAKey
from sqlalchemy import Engine, create_engine, event

from gateway.authn import sql
from gateway.authn.caller import Caller
from gateway.authn.clients import client_from_registration
from gateway.authn.tokens import (
    ASSERTION_TYPE,
    Endpoint,
    OAuthError,
    TokenResponse,
    authenticate,
    exchange_assertion,
)

NOW = 1_795_255_200
TOKEN_URL = "https://node.north.example/oauth/token"
ISSUER = "https://node.north.example"
NHS = "https://fhir.nhs.uk/Id/nhs-number|9990000018"

KEYS = {
    "ES384": ECKey.generate_key("P-384", {"kid": "es"}),
    "RS384": RSAKey.generate_key(3072, {"kid": "rs"}),
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}


def engine_at(path: Path) -> Engine:
    """SQLite with explicit BEGIN IMMEDIATE, as the node's writer runs it."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 60})

    @event.listens_for(engine, "connect")
    def _plain(connection: Any, _: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def compact(header: dict[str, Any], payload: dict[str, Any] | bytes, key: Any) -> str:
    """A JWS whose header may be as wrong as a test wants it."""
    registry = jws.JWSRegistry(algorithms=list(jws.JWSRegistry.algorithms), strict_check_header=False)
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return jws.serialize_compact(header, data, key, registry=registry)


@dataclass
class Node:
    """The endpoint under test. `ask` answers; `caller` opens a token."""

    engine: Engine
    endpoint: Endpoint = field(default_factory=lambda: Endpoint(TOKEN_URL, ISSUER))
    jtis: int = 0

    def register(self, id: str = "ward", **changes: Any) -> None:
        jwks = json.dumps({"keys": [key.as_dict(private=False) for key in KEYS.values()]}).encode()
        settings: dict[str, Any] = {
            "organisation": "st-brides",
            "jwks": jwks,
            "scope": ["system/Patient.rs", "system/Observation.rs"],
            "purposes": ["TREAT"],
            "roles": ["doctor", "nurse"],
        } | changes
        with self.engine.begin() as connection:
            sql.add_client(connection, client_from_registration(id, **settings), at=NOW)

    def claims(self, id: str = "ward", /, **changes: Any) -> dict[str, Any]:
        """Claims of a good assertion; a change of None leaves the claim out."""
        self.jtis += 1
        good = {
            "iss": id,
            "sub": id,
            "aud": TOKEN_URL,
            "exp": NOW + 240,
            "iat": NOW,
            "jti": f"jti-{self.jtis}",
        }
        return {name: value for name, value in (good | changes).items() if value is not None}

    def assertion(self, id: str = "ward", /, alg: str = "ES384", **changes: Any) -> str:
        header = {"alg": alg, "kid": KEYS[alg].kid, "typ": "JWT"}
        return compact(header, self.claims(id, **changes), KEYS[alg])

    def ask(
        self, assertion: str, scope: str = "system/Patient.rs", now: int = NOW, **fields: str
    ) -> TokenResponse | OAuthError:
        form = {
            "grant_type": "client_credentials",
            "scope": scope,
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": assertion,
        } | fields
        return self.ask_form(list(form.items()), now)

    def ask_form(self, form: list[tuple[str, str]], now: int = NOW) -> TokenResponse | OAuthError:
        below = {"ward-7": "st-brides"}
        with self.engine.begin() as connection:
            return exchange_assertion(
                connection,
                form,
                endpoint=self.endpoint,
                is_under=lambda org, top: org == top or below.get(org) == top,
                now=now,
                entropy=os.urandom,
            )

    def caller(self, answer: TokenResponse | OAuthError, now: int = NOW) -> Caller:
        assert isinstance(answer, TokenResponse), answer
        with self.engine.connect() as connection:
            found = authenticate(connection, answer.access_token, now)
        assert found is not None
        return found


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    """A node with one enabled client, `ward` of `st-brides`."""
    engine = engine_at(tmp_path / "node.db")
    sql.metadata.create_all(engine)
    node = Node(engine)
    node.register()
    yield node
    engine.dispose()


@pytest.fixture
def refused() -> Callable[..., None]:
    """Asserts that an answer is this refusal, and that its body is the fixed text of its step."""

    def check(answer: TokenResponse | OAuthError, step: int, error: str = "invalid_client") -> None:
        assert isinstance(answer, OAuthError), answer
        assert (answer.step, answer.error) == (step, error)
        assert answer.status == (401 if error == "invalid_client" else 400)
        assert answer.body()["error_description"].startswith(f"step {step}: ")

    return check


@pytest.fixture
def sign() -> Callable[..., str]:
    """`compact` for headers that no honest client sends."""
    return compact


@pytest.fixture
def keys() -> dict[str, Any]:
    """The private keys of `ward`, by algorithm."""
    return KEYS
