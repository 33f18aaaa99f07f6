"""Basics with what is kept as it came, under the name that this room calls them by."""

from adapters.kept import KEPT, basic_from_elements, basic_from_resource

__all__ = ["KEPT", "basic_from_elements", "basic_from_resource"]
