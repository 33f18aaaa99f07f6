"""What authn/ raises. Refusing an assertion is a value (`tokens.OAuthError`), not an exception."""


class RegistrationRefused(ValueError):
    """A client cannot be registered so. The message names the field and the reason, never a value."""


class ClientExists(Exception):
    """A client with this id is registered already."""


class UnknownClient(LookupError):
    """No client with this id is registered."""


class Refused(Exception):
    """A token request is refused at a numbered step of http-api.md 2; step 0 is the form itself.

    `error` is a code of RFC 6749 5.2. Nothing of the request is kept, so that nothing of it can be shown.
    """

    def __init__(self, step: int, error: str = "invalid_client") -> None:
        super().__init__("token request refused")
        self.step = step
        self.error = error
