"""Hash tiles of a Merkle log (C2SP tlog-tiles): the tree in subtrees of height 8, each a file of hashes.

Tile (level L, index N) holds the nodes (8 L, 256 N .. 256 N + width - 1); every other node is computed from
one tile. `path_from_tile` and `tile_from_path` are the addresses `tile/<L>/<N>[.p/<W>]`.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from keys.errors import ProofRefused
from keys.ledger import HASH, ReadNode, consistency_proof, inclusion_proof, node_hash

HEIGHT = 8
WIDTH = 1 << HEIGHT
_PATH = re.compile(r"tile/(0|[1-9][0-9]?)/((?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?").fullmatch


@dataclass(frozen=True, slots=True, order=True)
class Tile:
    """`width` hashes, 1 to 256; below 256 the tile is partial."""

    level: int
    index: int
    width: int = WIDTH


def path_from_tile(tile: Tile) -> str:
    """`tile/0/x001/x234/067.p/17`."""
    groups = [f"{tile.index % 1000:03d}"]
    rest = tile.index // 1000
    while rest:
        groups.insert(0, f"x{rest % 1000:03d}")
        rest //= 1000
    partial = f".p/{tile.width}" if tile.width < WIDTH else ""
    return f"tile/{tile.level}/{'/'.join(groups)}{partial}"


def tile_from_path(path: str) -> Tile:
    """One spelling only. `ProofRefused` otherwise."""
    found = _PATH(path)
    if found is None:
        raise ProofRefused("not a tile")
    width = int(found[3]) if found[3] else WIDTH
    tile = Tile(int(found[1]), int(found[2].replace("x", "").replace("/", "")), width)
    if tile.level > 63 or path_from_tile(tile) != path:
        raise ProofRefused("not a tile")
    return tile


def exists(tile: Tile, size: int) -> bool:
    """Whether a tree of that size holds every hash of the tile."""
    return tile.index * WIDTH + tile.width <= size >> HEIGHT * tile.level


def tile_of(level: int, index: int, size: int) -> Tile:
    """The tile that the node (level, index) is read or computed from, as wide as a tree of `size` has it."""
    row = level // HEIGHT
    number = (index << level % HEIGHT) >> HEIGHT
    return Tile(row, number, min(WIDTH, (size >> HEIGHT * row) - number * WIDTH))


def tiles_of_consistency(old: int, new: int) -> tuple[Tile, ...]:
    """Every tile that a proof between two sizes is made from."""
    return _needed(new, lambda read: consistency_proof(old, new, read))


def tiles_of_inclusion(index: int, size: int) -> tuple[Tile, ...]:
    """Every tile that an inclusion proof is made from."""
    return _needed(size, lambda read: inclusion_proof(index, size, read))


def reader(size: int, tiles: Mapping[Tile, bytes]) -> ReadNode:
    """Nodes of a tree of that size from fetched tiles; `ProofRefused` where one is missing or too short."""

    def read(level: int, index: int) -> bytes:
        tile = tile_of(level, index, size)
        data = tiles.get(tile, b"")
        if len(data) != tile.width * HASH:
            raise ProofRefused("a tile of another length")
        inner = level % HEIGHT
        first = (index << inner) % WIDTH
        hashes = [data[HASH * at : HASH * (at + 1)] for at in range(first, first + (1 << inner))]
        while len(hashes) > 1:
            hashes = [node_hash(left, right) for left, right in zip(hashes[::2], hashes[1::2], strict=True)]
        return hashes[0]

    return read


def _needed(size: int, prove: Callable[[ReadNode], object]) -> tuple[Tile, ...]:
    asked: set[Tile] = set()

    def read(level: int, index: int) -> bytes:
        asked.add(tile_of(level, index, size))
        return bytes(HASH)

    prove(read)
    return tuple(sorted(asked))
