"""Small GeoTIFFs and trees of raster sources, for tests that need files but no physics."""

from __future__ import annotations

import json
import struct
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

STRIP = "20190822070610_20190822070846"
ORIGIN = (590000.0, 5750000.0)
"""Easting and northing of upper-left corners in UTM 31 N: Rotterdam."""

Pixels = NDArray[Any]


def write_tif(
    path: Path,
    pixels: Pixels,
    *,
    crs: str | None = "EPSG:32631",
    transform: Sequence[float] = (0.5, 0.0, ORIGIN[0], 0.0, -0.5, ORIGIN[1]),
    descriptions: Sequence[str] = (),
    nodata: float | None = None,
    mask: NDArray[np.bool_] | None = None,
    dtype: str | None = None,
    **creation: Any,
) -> Path:
    """Writes (bands, H, W) or (H, W) pixels and returns the path."""
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning
    from rasterio.transform import Affine

    stack = pixels[None] if pixels.ndim == 2 else pixels
    path.parent.mkdir(parents=True, exist_ok=True)
    place = {"crs": crs, "transform": Affine(*transform)} if crs else {}
    shape = {"count": stack.shape[0], "height": stack.shape[1], "width": stack.shape[2]}
    with warnings.catch_warnings(), rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        kind = dtype or str(stack.dtype)
        with rasterio.open(path, "w", driver="GTiff", dtype=kind, nodata=nodata, **shape, **place, **creation) as file:
            file.write(stack)
            for number, text in enumerate(descriptions, 1):
                file.set_band_description(number, text)
            if mask is not None:
                file.write_mask(mask)
    return path


def speckle(seed: int, bands: int = 1, size: tuple[int, int] = (24, 32), dtype: str = "float32") -> Pixels:
    """(bands, H, W) noise: decibels for floats, the lower half of the range for integers."""
    rng = np.random.default_rng(seed)
    noise = rng.exponential(1.0, (bands, *size))
    if np.issubdtype(dtype, np.integer):
        return np.minimum(noise / 8 * np.iinfo(dtype).max, np.iinfo(dtype).max // 2).astype(dtype)
    return (10 * np.log10(noise)).astype(dtype)


def colours(seed: int, size: tuple[int, int] = (24, 32)) -> Pixels:
    """(3, H, W) uint8 noise."""
    return np.random.default_rng(seed).integers(0, 256, (3, *size), np.uint8)


def declared_tif(path: Path, width: int, height: int) -> Path:
    """A TIFF of 134 bytes that declares an image of any size, grey and 8-bit, in a single strip."""
    tags = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, height), (279, 2**32 - 1)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    path.write_bytes(b"II*\x00\x10\x00\x00\x00" + bytes(8) + struct.pack("<H", len(tags)) + entries + bytes(4))
    return path


def spacenet6_tree(root: Path, tiles: Mapping[int, Pixels], *, strip: str = STRIP, twins: bool = True, **options: Any) -> Path:
    """SpaceNet 6's training part: (4, H, W) float tiles by number, all of one strip."""
    folder = root / "train/AOI_11_Rotterdam"
    for number, pixels in tiles.items():
        name = f"SN6_Train_AOI_11_Rotterdam_{{}}_{strip}_tile_{number}.tif"
        write_tif(folder / "SAR-Intensity" / name.format("SAR-Intensity"), pixels, **options)
        if twins:
            size = (pixels.shape[1], pixels.shape[2])
            write_tif(folder / "PS-RGB" / name.format("PS-RGB"), colours(number, size))
    return root


def orientations(root: Path, lines: str) -> Path:
    path = root / "train/AOI_11_Rotterdam/SummaryData/SAR_orientations.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(lines)
    return path


def outlines(root: Path, number: int, rings: Sequence[Any], *, crs: str | None = "urn:ogc:def:crs:EPSG::32631") -> Path:
    """Building outlines of a tile of `spacenet6_tree`, one polygon for each ring of (column, row) in pixels."""
    folder = root / "train/AOI_11_Rotterdam/geojson_buildings"
    path = folder / f"SN6_Train_AOI_11_Rotterdam_Buildings_{STRIP}_tile_{number}.geojson"
    path.parent.mkdir(parents=True, exist_ok=True)
    on_map = [[[ORIGIN[0] + 0.5 * x, ORIGIN[1] - 0.5 * y] for x, y in ring] for ring in rings]
    features = [{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}} for ring in on_map]
    named = {"crs": {"type": "name", "properties": {"name": crs}}} if crs else {}
    path.write_text(json.dumps({"type": "FeatureCollection", **named, "features": features}))
    return path


def roofs_json(images: Sequence[str], annotations: Sequence[Mapping[str, Any]], size: tuple[int, int] = (32, 24)) -> str:
    """COCO JSON of DFC2023: image ids from 1, the category ids 1 flat and 2 gable."""
    rows = [{"id": i, "file_name": name, "width": size[0], "height": size[1]} for i, name in enumerate(images, 1)]
    categories = [{"id": 1, "name": "Flat"}, {"id": 2, "name": "gable_roof"}]
    marks = [{"id": i, "iscrowd": 0, **annotation} for i, annotation in enumerate(annotations, 1)]
    return json.dumps({"images": rows, "annotations": marks, "categories": categories})


def dfc2023_track(
    root: Path,
    train: Sequence[str],
    val: Sequence[str] = (),
    *,
    annotations: Sequence[Mapping[str, Any]] = (),
    file: str = "roof_fine_train.json",
    heights: str = "",
) -> Path:
    """One track of DFC2023 with uint16 SAR; `file` may lie in annotations/, `heights` is dsm or height."""
    for part, names in (("train", train), ("val", val)):
        for seed, name in enumerate(names):
            write_tif(root / part / "sar" / name, speckle(seed, dtype="uint16"), crs="EPSG:32618")
            write_tif(root / part / "rgb" / name, colours(seed), crs="EPSG:32618")
            if heights and part == "train":
                write_tif(root / part / heights / name, np.zeros((24, 32), np.float32), crs="EPSG:32618")
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(roofs_json(train, annotations))
    return root


def openearthmap_tree(root: Path, parts: Mapping[str, Sequence[str]], *, twins: Sequence[str] = ("train",)) -> Path:
    """OpenEarthMap-SAR's parts with the stems of their tiles; optical images in the parts named in `twins`."""
    for part, stems in parts.items():
        for seed, stem in enumerate(stems):
            write_tif(root / part / "sar_images" / f"{stem}.tif", speckle(seed, dtype="uint8"))
            if part in twins:
                write_tif(root / part / "rgb_images" / f"{stem}.tif", colours(seed))
    return root


def paired_tree(root: Path, radar: Sequence[str], optical: Sequence[str], *, bands: int = 2) -> Path:
    """Folders sar/ and rgb/ with files of these names; a png or jpg has 8 bits and no georeference."""
    from PIL import Image

    for part, names in (("sar", radar), ("rgb", optical)):
        (root / part).mkdir(parents=True, exist_ok=True)
        for name in names:
            path, seed = root / part / name, sum(name.encode())
            if path.suffix.lower() in {".tif", ".tiff"}:
                write_tif(path, speckle(seed, bands, dtype="float64") if part == "sar" else colours(seed))
            else:
                grey = speckle(seed, dtype="uint8")[0]
                Image.fromarray(grey if part == "sar" else np.moveaxis(colours(seed), 0, -1)).save(path)
    return root
