"""The accounting reader that all JSON formats share, under the name that this room calls it by."""

from adapters.reading import Holder, Key, Reading, Step, as_list, keys_under, scalars

__all__ = ["Holder", "Key", "Reading", "Step", "as_list", "keys_under", "scalars"]
