"""Drawing a quicklook: the band before and after, both histograms with the limits of the stretch, and the numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from sarlang_hf.imaging.quicklook import Histograms, Quicklook

LONGEST = 512
"""Longer side of an image in the panel at most, pixels."""

Colour = tuple[int, int, int]
Rectangle = tuple[int, int, int, int]
_MARGIN, _HEAD, _LABEL, _FOOT = 28, 92, 26, 236
_NARROWEST = 400
_PAPER: Colour = (255, 255, 255)
_INK: Colour = (27, 31, 36)
_FAINT: Colour = (104, 112, 122)
_RULE: Colour = (206, 211, 217)
_NODATA: Colour = (190, 208, 230)
_BEFORE: Colour = (178, 184, 192)
_AFTER: Colour = (23, 98, 168)
_LIMIT: Colour = (205, 70, 45)
_LEGEND = (
    (_BEFORE, "before"),
    (_AFTER, "after the filter"),
    (_LIMIT, "limits of the stretch; dB of intensity"),
    (_NODATA, "nodata"),
)
_SMOOTH = 4
"""Pillow draws without smoothing: the histogram is drawn this much larger and reduced."""


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of a panel: file name, one line below it, and the numbers as (name, value) lines."""

    title: str
    subtitle: str
    numbers: Sequence[tuple[str, str]]


def draw_panel(look: Quicklook, words: Wording) -> Image.Image:
    """Draws one band's panel, an RGB image up to 1108 pixels wide; nodata is pale blue in it."""
    nodata = look.made.pixels == 0
    before, after = shown(look.raw, nodata), shown(look.made.pixels, nodata)
    slot = max(before.width, _NARROWEST)
    right, below = 2 * _MARGIN + slot, _HEAD + _LABEL + before.height + _MARGIN
    panel = Image.new("RGB", (right + slot + _MARGIN, below + _FOOT), _PAPER)
    pen = ImageDraw.Draw(panel)
    _write(pen, (_MARGIN, 24), words.title, 24, _INK, right + slot - _MARGIN)
    _write(pen, (_MARGIN, 60), words.subtitle, 15, _FAINT, right + slot - _MARGIN)
    for left, label, image in (
        (_MARGIN, "before: the band as 8 bit", before),
        (right, "after: refined Lee, logarithm, stretch", after),
    ):
        _write(pen, (left, _HEAD), label, 15, _INK, slot)
        panel.paste(image, (left, _HEAD + _LABEL))
    if look.histograms is not None and look.made.low_db is not None and look.made.high_db is not None:
        plot = (_MARGIN, below, right + 16, below + _FOOT - 72)
        _draw_histograms(panel, plot, look.histograms, (look.made.low_db, look.made.high_db))
    _draw_numbers(pen, (right + 48, below), words.numbers, slot - 48)
    return panel


def shown(pixels: NDArray[np.uint8], nodata: NDArray[np.bool_]) -> Image.Image:
    """Brings an image to at most `LONGEST` pixels: block means of the data when it is larger, whole repeats when smaller.

    A block that is mostly nodata is drawn as nodata.
    """
    height, width = pixels.shape
    block = -(-max(height, width) // LONGEST)
    grey, empty = _block_means(pixels, nodata, block) if block > 1 else (pixels, nodata)
    colours = np.where(empty[..., None], np.array(_NODATA, dtype=np.uint8), grey[..., None])
    repeat = max(LONGEST // max(grey.shape), 1)
    return Image.fromarray(colours.repeat(repeat, axis=0).repeat(repeat, axis=1))


def _block_means(pixels: NDArray[np.uint8], nodata: NDArray[np.bool_], block: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    rows, columns = (np.arange(0, length, block) for length in pixels.shape)

    def block_sums(values: NDArray[np.generic]) -> NDArray[np.int64]:
        return np.add.reduceat(np.add.reduceat(values, rows, axis=0, dtype=np.int64), columns, axis=1)

    data, total = block_sums(~nodata), block_sums(np.ones_like(nodata))
    brightness = block_sums(np.where(nodata, np.uint8(0), pixels))
    return (brightness / np.maximum(data, 1)).round().astype(np.uint8), 2 * data < total


def _write(pen: ImageDraw.ImageDraw, at: tuple[float, float], text: str, size: int, colour: Colour, room: float) -> None:
    """Writes a line, shortened in the middle where there is not enough room (file names differ at both ends)."""
    font = ImageFont.load_default(size)
    keep = len(text)
    line = text
    while pen.textlength(line, font) > room and keep > 8:
        keep -= 1
        line = f"{text[: keep - keep // 2]}...{text[len(text) - keep // 2 :]}"
    pen.text(at, line, colour, font)


def _draw_numbers(pen: ImageDraw.ImageDraw, corner: tuple[int, int], numbers: Sequence[tuple[str, str]], width: float) -> None:
    left, top = corner
    for line, (name, value) in enumerate(numbers):
        y = top + 4 + 25 * line
        _write(pen, (left, y), name, 15, _FAINT, 96)
        _write(pen, (left + 104, y), value, 15, _INK, width - 104)


def _draw_histograms(panel: Image.Image, plot: Rectangle, histograms: Histograms, limits: tuple[float, float]) -> None:
    left, top, right, base = plot
    span = (float(histograms.edges[0]), float(histograms.edges[-1]))
    tallest = float(max(histograms.before.max(), histograms.after.max()))
    large = Image.new("RGB", ((right - left) * _SMOOTH, (base - top) * _SMOOTH), _PAPER)
    pen = ImageDraw.Draw(large)
    pen.polygon(_steps(histograms.before, tallest, large.size), fill=_BEFORE)
    pen.line(_steps(histograms.after, tallest, large.size), fill=_AFTER, width=2 * _SMOOTH)
    for limit in limits:
        x = (limit - span[0]) / (span[1] - span[0]) * large.width
        for dash in range(0, large.height, 9 * _SMOOTH):
            pen.line([(x, dash), (x, dash + 5 * _SMOOTH)], fill=_LIMIT, width=2 * _SMOOTH)
    panel.paste(large.resize((right - left, base - top), Image.Resampling.LANCZOS), (left, top))
    _draw_axis(ImageDraw.Draw(panel), plot, span)


def _steps(shares: NDArray[np.float64], tallest: float, size: tuple[int, int]) -> list[tuple[float, float]]:
    """Outline of a histogram, closed along the bottom, in a plot of this (width, height)."""
    width, height = size
    edges = np.linspace(0, width, len(shares) + 1).repeat(2)
    tops = height * (1 - 0.94 * np.concatenate([[0], shares.repeat(2), [0]]) / tallest)
    return list(zip(edges.tolist(), tops.tolist(), strict=True))


def _draw_axis(pen: ImageDraw.ImageDraw, plot: Rectangle, span: tuple[float, float]) -> None:
    """Draws the axis below the histograms, in dB, and the legend."""
    left, _, right, base = plot
    small = ImageFont.load_default(13)
    pen.line([(left, base), (right, base)], fill=_RULE)
    step = next((step for step in (1, 2, 5, 10, 20, 50) if (span[1] - span[0]) / step <= 9), 100)
    for tick in range(math.ceil(span[0] / step) * step, math.floor(span[1]) + 1, step):
        x = left + (tick - span[0]) / (span[1] - span[0]) * (right - left)
        pen.line([(x, base), (x, base + 4)], fill=_RULE)
        pen.text((x, base + 7), f"{tick}", _FAINT, small, anchor="ma")
    at = float(left)
    for colour, words in _LEGEND:
        pen.rectangle((at, base + 34, at + 12, base + 44), fill=colour)
        pen.text((at + 18, base + 31), words, _INK, small)
        at += 18 + pen.textlength(words, small) + 22
