"""What must be done with a radar tile anyway, each part measured alone over all tiles of a source."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from pathlib import Path

from build_dataset import timed

from sarlang_hf.imaging import png
from sarlang_hf.imaging.contrast import DEFAULT_STRETCH
from sarlang_hf.imaging.decode import pixel_sha256
from sarlang_hf.imaging.preprocess import filtered_intensity, stretched_tile, warm
from sarlang_hf.imaging.raster import read_band, read_header
from sarlang_hf.schema import Radar, Tile
from sarlang_hf.sources import SpaceNet6

CHUNK = 50


def per_tile(source: SpaceNet6, scratch: Path) -> Counter[str]:
    """Seconds a tile of opening the headers of tile and twin, reading the band, filter, stretch, PNG, hashes and writing."""
    tiles = [tile for tile in source.tiles() if isinstance(tile, Tile)]
    seconds: Counter[str] = Counter()
    warm()
    with scratch.open("wb") as file:
        shard = hashlib.sha256()
        for start in range(0, len(tiles), CHUNK):
            files = _images(tiles[start : start + CHUNK], seconds)
            with timed(seconds, "hash"):
                for data in files:
                    shard.update(data)
            with timed(seconds, "write"):
                for data in files:
                    file.write(data)
        with timed(seconds, "write"):
            file.flush()
            os.fsync(file.fileno())
    scratch.unlink()
    return Counter({name: value / len(tiles) for name, value in seconds.items()})


def _images(tiles: list[Tile], seconds: Counter[str]) -> list[bytes]:
    with timed(seconds, "headers"):
        for tile in tiles:
            read_header(tile.path)
            read_header(tile.optical or tile.path)
    with timed(seconds, "read"):
        bands = [read_band(tile.path, radar.band) for tile in tiles if (radar := tile.radar)]
    with timed(seconds, "filter"):
        radars: list[Radar] = [tile.radar for tile in tiles if tile.radar]
        filtered = [filtered_intensity(band, radar) for band, radar in zip(bands, radars, strict=True)]
    with timed(seconds, "stretch"):
        pixels = [stretched_tile(intensity, DEFAULT_STRETCH).pixels for intensity in filtered]
    with timed(seconds, "png"):
        files = [png.encode(image) for image in pixels]
    with timed(seconds, "hash"):
        for image in pixels:
            pixel_sha256(image)
    return files
