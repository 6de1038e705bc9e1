"""The optical twin: the same scene in true colours, pixel for pixel under the radar image, with the sun and no speckle."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from sarlang_hf.imaging.simulate.backdrop import Backdrop
from sarlang_hf.imaging.simulate.clutter import smooth_field
from sarlang_hf.imaging.simulate.geometry import Footprint
from sarlang_hf.imaging.simulate.scene import PlacedObject, Scene, SurfaceKind

Color = tuple[int, int, int]
SURFACE_RGB: dict[SurfaceKind, Color] = {
    "road": (98, 96, 94),
    "runway": (84, 84, 88),
    "apron": (164, 162, 156),
    "lot": (76, 76, 80),
    "pad": (170, 158, 132),
    "yard": (150, 146, 138),
}
_DEEP, _SHALLOW = np.array([18, 46, 74], dtype=np.float32), np.array([58, 104, 110], dtype=np.float32)
_SHADE: Color = (34, 38, 44)
_SUN = np.array([1.0, 1.0])
"""Direction of the shadows in the image: the sun stands in the upper left."""

_PAINT: dict[str, tuple[Color, ...]] = {
    "ship": ((150, 60, 48), (70, 78, 90), (196, 196, 190), (56, 88, 72)),
    "aircraft": ((236, 238, 240), (214, 218, 224)),
    "car": ((200, 40, 40), (230, 230, 232), (40, 60, 120), (24, 24, 28), (160, 164, 168)),
    "tank": ((236, 236, 230), (208, 206, 196)),
    "bridge": ((142, 140, 136), (122, 120, 120)),
    "harbor": ((176, 172, 164), (160, 154, 144)),
}
_ROOFS: tuple[Color, ...] = ((156, 92, 74), (120, 120, 124), (178, 174, 166), (96, 104, 118))


def optical_image(scene: Scene, ground: Backdrop, footprints: list[Footprint], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Draw the optical twin, (H, W, 3) uint8."""
    land = ground.color
    if scene.land == "rural":
        land = np.where(ground.boundary[:, :, None], np.float32(0.6) * land, land)
    canvas = Image.fromarray(np.clip(land, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(canvas)
    for surface in ground.surfaces:
        pen.polygon(surface.outline.ravel().tolist(), fill=SURFACE_RGB[surface.kind])
    for building in ground.buildings:
        pen.polygon((building.corners + _SUN * building.height * 0.5).ravel().tolist(), fill=_SHADE)
        pen.polygon(building.corners.ravel().tolist(), fill=_ROOFS[int(rng.integers(len(_ROOFS)))])
    image = _with_water(np.asarray(canvas), ground, scene)
    image = _with_shadows(image, scene)
    for thing, pixels in zip(scene.objects, footprints, strict=True):
        _paint(image, thing, pixels, rng)
    return _lit(image, rng)


def _with_water(land: npt.NDArray[np.uint8], ground: Backdrop, scene: Scene) -> npt.NDArray[np.uint8]:
    wet = ground.depth > 0
    if not wet.any():
        return land.copy()
    ramp = np.arange(256, dtype=np.float32)[:, None] / 255
    palette = (_SHALLOW + ramp * (_DEEP - _SHALLOW)).astype(np.uint8)
    shade = np.clip(ground.depth * np.float32(255 / (60 * scene.scale)) + 12 * ground.swell, 0, 255).astype(np.uint8)
    return np.where(wet[:, :, None], palette[shade], land)


def _with_shadows(image: npt.NDArray[np.uint8], scene: Scene) -> npt.NDArray[np.uint8]:
    canvas = Image.fromarray(image)
    pen = ImageDraw.Draw(canvas)
    for thing in scene.objects:
        height = (0.02 if thing.category == "harbor" else 0.12) * min(thing.length, thing.width)
        for outline in thing.outlines:
            pen.polygon((outline + _SUN * height).ravel().tolist(), fill=_SHADE)
    return np.array(canvas)


def _paint(image: npt.NDArray[np.uint8], thing: PlacedObject, pixels: Footprint, rng: np.random.Generator) -> None:
    colors = _PAINT[thing.category]
    window = image[pixels.window]
    window[pixels.mask] = colors[int(rng.integers(len(colors)))]
    if thing.category in ("ship", "tank", "car"):
        # A lighter middle: deck house, roof, windscreen.
        rows, columns = np.nonzero(pixels.mask)
        away = np.hypot(columns + pixels.left + 0.5 - thing.x, rows + pixels.top + 0.5 - thing.y)
        middle = away < 0.3 * min(thing.length, thing.width)
        window[rows[middle], columns[middle]] = (222, 222, 214)


def _lit(image: npt.NDArray[np.uint8], rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Uneven light and haze: a slow change of brightness of a few per cent."""
    size = image.shape[0]
    gain = 1.0 + 0.04 * smooth_field(rng, size, cells=8) + 0.02 * smooth_field(rng, size, cells=max(size // 6, 2))
    return np.clip(image * gain[:, :, None].astype(np.float32), 0, 255).astype(np.uint8)
