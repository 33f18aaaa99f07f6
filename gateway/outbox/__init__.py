"""Work that outlives a request: rows written with what caused them, tried until they expire."""
