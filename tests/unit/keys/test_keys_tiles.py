"""Hash tiles (C2SP tlog-tiles): any proof of any size comes out of a handful of fetched tiles."""

import hashlib
import random

import pytest

from keys.errors import ProofRefused
from keys.ledger import (
    Frontier,
    append,
    consistency_proof,
    frontier_at,
    inclusion_proof,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from keys.tiles import (
    Tile,
    exists,
    path_from_tile,
    reader,
    tile_from_path,
    tiles_of_consistency,
    tiles_of_inclusion,
)

SIZE = 70_000


@pytest.fixture(scope="module")
def tree():
    """The example of the specification: 70 000 leaves."""
    nodes, frontier = {}, Frontier()
    for n in range(SIZE):
        frontier, made = append(frontier, leaf_hash(n.to_bytes(4, "big")))
        nodes.update(((node.level, node.index), node.hash) for node in made)
    return nodes


def fetched(tree, tiles):
    """What a log serves: the hashes of each tile, in order."""
    return {
        tile: b"".join(tree[8 * tile.level, 256 * tile.index + n] for n in range(tile.width))
        for tile in tiles
    }


def test_the_example_of_the_specification():
    """273 full and one partial tile of width 112 at level 0, one and 17 at level 1, 1 at level 2."""
    assert exists(Tile(0, 272), SIZE) and not exists(Tile(0, 273), SIZE)
    assert exists(Tile(0, 273, 112), SIZE) and not exists(Tile(0, 273, 113), SIZE)
    assert exists(Tile(1, 0), SIZE) and exists(Tile(1, 1, 17), SIZE) and not exists(Tile(1, 1, 18), SIZE)
    assert exists(Tile(2, 0, 1), SIZE) and not exists(Tile(2, 0, 2), SIZE)


@pytest.mark.parametrize("sizes", [(1, 2), (255, 257), (256, 70_000), (65_536, 69_999), (4_097, 65_537)])
def test_consistency_from_tiles(tree, sizes):
    """The proof equals the log's own, verifies, and needs at most two tiles a level and size."""
    old, new = sizes
    tiles = tiles_of_consistency(old, new)
    assert len(tiles) <= 8 and all(exists(tile, new) for tile in tiles)
    read = reader(new, fetched(tree, tiles))
    proof = consistency_proof(old, new, read)
    stored = lambda level, index: tree[level, index]  # noqa: E731
    assert proof == consistency_proof(old, new, stored)
    roots = [root(frontier_at(size, stored)) for size in (old, new)]
    verify_consistency(old, new, *roots, proof)


def test_inclusion_from_tiles(tree):
    """Twenty leaves of several sizes: each proof from tiles verifies."""
    chance = random.Random(7)  # noqa: S311
    stored = lambda level, index: tree[level, index]  # noqa: E731
    for _ in range(20):
        size = chance.randrange(1, SIZE + 1)
        index = chance.randrange(size)
        tiles = tiles_of_inclusion(index, size)
        proof = inclusion_proof(index, size, reader(size, fetched(tree, tiles)))
        verify_inclusion(
            index, size, leaf_hash(index.to_bytes(4, "big")), proof, root(frontier_at(size, stored))
        )


def test_a_forged_tile_proves_nothing(tree):
    """A tile too short is refused; one with a changed hash that the proof uses leads to no root."""
    tiles = fetched(tree, tiles_of_consistency(300, 70_000))
    stored = lambda level, index: tree[level, index]  # noqa: E731
    old, new = (root(frontier_at(size, stored)) for size in (300, 70_000))
    true = consistency_proof(300, 70_000, stored)
    moved = 0
    for tile, data in tiles.items():
        for short in (data[:-1], b""):
            with pytest.raises(ProofRefused):
                consistency_proof(300, 70_000, reader(70_000, tiles | {tile: short}))
        for at in range(0, len(data), 32):
            forged = data[:at] + hashlib.sha256(data[at : at + 32]).digest() + data[at + 32 :]
            proof = consistency_proof(300, 70_000, reader(70_000, tiles | {tile: forged}))
            if proof != true:
                moved += 1
                with pytest.raises(ProofRefused):
                    verify_consistency(300, 70_000, old, new, proof)
    assert moved > 256


@pytest.mark.parametrize(
    ("path", "tile"),
    [
        ("tile/0/x001/x234/067", Tile(0, 1_234_067)),
        ("tile/0/000.p/1", Tile(0, 0, 1)),
        ("tile/7/999.p/255", Tile(7, 999, 255)),
    ],
)
def test_addresses(path, tile):
    """One address for each tile, and back."""
    assert path_from_tile(tile) == path
    assert tile_from_path(path) == tile


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/0", "tile/00/000", "tile/0/x000/067", "tile/0/000.p/256", "tile/0/000.p/0", "tile/64/000",
        "tile/entries/000", "tile/0/000.p/01", "tile/0/../000", "tile/-1/000", "tile/0/1000", "",
        "tile/0/x001/x001/x001/x001/x001/x001/x001/000", "tile/0/٠٠٠",
    ],
)  # fmt: skip
def test_other_spellings_are_no_tiles(path):
    """What is not exactly an address of a hash tile is refused; entries are never served."""
    with pytest.raises(ProofRefused):
        tile_from_path(path)
