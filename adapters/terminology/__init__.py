"""Code-system URIs and concept maps as data tables."""
