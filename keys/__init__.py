"""Signing, encryption and the life of keys. Start reading at `interface.py`."""
