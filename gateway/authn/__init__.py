"""Who is calling: registered clients, their signed assertions, scopes and access tokens (http-api.md 2)."""
