"""The node's keys and secrets in its state folder, under the KEK that the settings name (envelope.md 12)."""

from functools import partial

from gateway.config import Settings
from gateway.errors import RefusedToStart
from keys.interface import Entropy, KeyWrapper
from keys.store.file import FileKeyStore, FileSecretStore
from keys.store.process import forbid_core_dumps
from keys.store.provider import signer_from
from keys.store.turning import TurningWrapper, turn_path
from keys.store.wrapper import create_kek_file, wrapper_from


def open_kek(settings: Settings, entropy: Entropy) -> TurningWrapper:
    """The KEK that the settings name, and the other one too while it is being replaced. `KeyFault`.

    The default file is made with a new node, never beside old keys. From here on there are keys in this
    process, so no crash of it is written anywhere.
    """
    forbid_core_dumps()
    state = settings.node.state
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    default = state / "kek"
    if not settings.keys.kek and not default.exists() and not turn_path(state).exists():
        if (state / "keys").exists():
            raise RefusedToStart(f"{default} is gone: without it the node's keys cannot be read; restore it")
        create_kek_file(default, entropy)
    return TurningWrapper(settings.kek, state, partial(wrapper_from, entropy=entropy))


def open_keys(
    settings: Settings, wrapper: KeyWrapper, entropy: Entropy
) -> tuple[FileKeyStore, FileSecretStore]:
    """Both stores, each item opened once; what lives elsewhere shows itself when it signs. `KeyFault`."""
    state, elsewhere = settings.node.state, signer_from(settings.keys.signer)
    keys = FileKeyStore(state / "keys", wrapper, entropy, elsewhere)
    secrets = FileSecretStore(state / "secrets", wrapper, entropy)
    secrets.check()
    return keys, secrets
