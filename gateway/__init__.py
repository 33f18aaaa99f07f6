"""The trunk: HTTP API, command line, exchange cycle, storage. Start reading at `exchange/`."""

__version__ = "0.1.0"
