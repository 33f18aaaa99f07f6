"""What a source sends, turned into FHIR R4. Start reading at `interface.py`."""
