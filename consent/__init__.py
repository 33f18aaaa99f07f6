"""May this resource go to this requester, for this purpose, now? Start reading at `interface.py`."""
