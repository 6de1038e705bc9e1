"""The refined Lee filter where the 7x7 window is complete. Importing this module loads numba; import it inside functions.

The image is filtered in vertical strips, row by row. Sums of pixels and of their squares over small blocks are formed once and
shared by all windows. The 28 pixels of a half-plane or triangle are a 4x4 square in a corner of the window and one or two
blocks more; for the upper right, two corners of six pixels:

    a a a S S S S
      a a S S S S
        a S S S S
          S S S S
            b b b
              b b
                b

Two rings of rows keep what the next rows need:

* `columns`, 4 rows of [value, sum of 2, 3, 4 rows upwards] and the same of the squares;
* `blocks`, 5 rows of sums over blocks whose lower left pixel stands at (row, x), the same of the squares, and the three
  coefficients of variation of a row of sub-areas in ascending order.

All sums are float64, in which sums of float32 and of their squares are exact or nearly so: no reference value needs to be
subtracted, bright targets and large offsets cancel harmlessly, and nothing depends on where a strip begins. No running sum goes
along a row, so that no pixel reaches beyond the windows that hold it.

Compilers vectorise a loop only if few comparisons at run time tell that its arrays do not overlap. The parts of a ring row
therefore stand at distances known when compiling, and each loop writes to one row of one ring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from sarlang_hf.imaging.jit import inlined, kernel

Rows = NDArray[np.float64]

STRIP = 512
"""Pixels of an output row that are filtered together; the rings then stay in the second-level cache."""
PITCH = STRIP + 8
"""Length of one part of a ring row: a strip, the 6 columns by which windows overhang it, rounded up to whole cache lines."""

# Parts of a row of `columns`: a pixel, and sums of it and the pixels above.
VALUE, TWO, THREE, FOUR = 0, PITCH, 2 * PITCH, 3 * PITCH
COLUMN_SQUARES = 4 * PITCH

# Parts of a row of `blocks`: 3x3, 3 rows x 4 columns, 4 x 3, 4x4, and the corners of six pixels named after their right angle.
NINE, THREE_FOUR, FOUR_THREE, SIXTEEN = 0, PITCH, 2 * PITCH, 3 * PITCH
UPPER_LEFT, UPPER_RIGHT, LOWER_LEFT, LOWER_RIGHT = 4 * PITCH, 5 * PITCH, 6 * PITCH, 7 * PITCH
BLOCK_SQUARES = 8 * PITCH
LOW, MIDDLE, HIGH = 16 * PITCH, 17 * PITCH, 18 * PITCH


@kernel
def filter_complete(image: NDArray[np.float32], out: NDArray[np.float32], codes: NDArray[np.int8], strip: int) -> None:
    """Filters the pixels whose 7x7 window lies within the image, (H, W) float32; leaves a frame of 3 pixels of `out` alone.

    Args:
        image: linear values. Windows that hold nodata come out as something, to be overwritten.
        out: (H, W) float32, written.
        codes: (H, W) int8, written with the direction of each window (see `write_directions`), or of size 0.
        strip: pixels of a row that are filtered together, at most `STRIP`.
    """
    height, width = image.shape
    columns, blocks = aligned(4, 2 * COLUMN_SQUARES), aligned(5, HIGH + PITCH)
    variation, code = aligned(1, PITCH)[0], aligned(1, PITCH)[0].view(np.int64)
    for left in range(0, width - 6, strip):
        count = min(strip, width - 6 - left)
        for row in range(height):
            read_row(columns, image, row, left, count)
            sum_blocks(columns, blocks, row, 0, 0, count)
            sum_blocks(columns, blocks, row, COLUMN_SQUARES, BLOCK_SQUARES, count)
            sort_variations(blocks, variation, row, count)
            if row < 6:
                continue
            write_directions(blocks, code, row, count)
            estimate_row(image, blocks, code, out, row, left, count)
            if codes.size:
                for x in range(count):  # assigning slices takes 2 s longer to compile
                    codes[row - 3, left + 3 + x] = np.int8(code[x])


@kernel
def aligned(rows: int, length: int) -> Rows:
    """Zeros (rows, length) at the start of a cache line: vectors that straddle two lines cost a tenth of the whole time."""
    raw = np.zeros(rows * length + 8)
    skip = (-(raw.ctypes.data // 8)) % 8
    return raw[skip : skip + rows * length].reshape((rows, length))


@kernel
def read_row(columns: Rows, image: NDArray[np.float32], row: int, left: int, count: int) -> None:
    """Values and squares of a row, and their sums with the rows above."""
    here, up1, up2, up3 = row % 4, (row - 1) % 4, (row - 2) % 4, (row - 3) % 4
    for x in range(count + 6):
        value = np.float64(image[row, left + x])
        pair = value + columns[up1, VALUE + x]
        triple = pair + columns[up2, VALUE + x]
        columns[here, VALUE + x] = value
        columns[here, TWO + x] = pair
        columns[here, THREE + x] = triple
        columns[here, FOUR + x] = triple + columns[up3, VALUE + x]
        value *= value
        pair = value + columns[up1, COLUMN_SQUARES + VALUE + x]
        triple = pair + columns[up2, COLUMN_SQUARES + VALUE + x]
        columns[here, COLUMN_SQUARES + VALUE + x] = value
        columns[here, COLUMN_SQUARES + TWO + x] = pair
        columns[here, COLUMN_SQUARES + THREE + x] = triple
        columns[here, COLUMN_SQUARES + FOUR + x] = triple + columns[up3, COLUMN_SQUARES + VALUE + x]


@kernel
def sum_blocks(columns: Rows, blocks: Rows, row: int, column: int, block: int, count: int) -> None:
    """Sums over the blocks that end in this row; `column` and `block` say where the values or the squares stand."""
    here, up1, up2, ring = row % 4, (row - 1) % 4, (row - 2) % 4, row % 5
    value, two, three, four = column + VALUE, column + TWO, column + THREE, column + FOUR
    for x in range(count + 4):
        first, last = columns[here, three + x], columns[here, three + x + 2]
        nine = first + columns[here, three + x + 1] + last
        blocks[ring, block + NINE + x] = nine
        blocks[ring, block + THREE_FOUR + x] = nine + columns[here, three + x + 3]
        twelve = columns[here, four + x] + columns[here, four + x + 1] + columns[here, four + x + 2]
        blocks[ring, block + FOUR_THREE + x] = twelve
        blocks[ring, block + SIXTEEN + x] = twelve + columns[here, four + x + 3]
        pair = columns[up1, two + x + 1]
        blocks[ring, block + UPPER_LEFT + x] = first + (pair + columns[up2, value + x + 2])
        blocks[ring, block + UPPER_RIGHT + x] = last + (pair + columns[up2, value + x])
        pair = columns[here, two + x + 1]
        blocks[ring, block + LOWER_LEFT + x] = first + (pair + columns[here, value + x + 2])
        blocks[ring, block + LOWER_RIGHT + x] = last + (pair + columns[here, value + x])


@kernel
def sort_variations(blocks: Rows, variation: Rows, row: int, count: int) -> None:
    """Squared coefficients of variation of the 3x3 areas that end in this row, and each window's three in ascending order.

    With sums s and q of nine values and their squares, variance / mean^2 = ((9 q - s^2) / 72) / (s^2 / 81). Nine equal values
    give exactly zero. 0 where the mean is not positive.
    """
    ring = row % 5
    for x in range(count + 4):
        total = blocks[ring, NINE + x]
        power = total * total
        spread = 9.0 * blocks[ring, BLOCK_SQUARES + NINE + x] - power
        spread = spread if spread > 0.0 else 0.0
        variation[x] = 1.125 * spread / power if total > 0.0 else 0.0
    for x in range(count):
        a, b, c = variation[x], variation[x + 2], variation[x + 4]
        smaller, larger = lower(a, b), upper(a, b)
        blocks[ring, LOW + x] = lower(smaller, lower(larger, c))
        blocks[ring, MIDDLE + x] = upper(smaller, lower(larger, c))
        blocks[ring, HIGH + x] = upper(larger, c)


@kernel
def write_directions(blocks: Rows, code: NDArray[np.int64], row: int, count: int) -> None:
    """The side of each window that is averaged: 0 right, then counter-clockwise in steps of 45 degrees to 7 lower right.

    Of the four differences between opposite 3x3 sums the first largest wins (W-E, NE-SW, N-S, NW-SE), and of its two sides
    the one nearer to the central sum, the second if they are equally near.
    """
    top, centre, bottom = (row - 4) % 5, (row - 2) % 5, row % 5
    for x in range(count):
        middle = blocks[centre, NINE + x + 2]
        west, east = blocks[centre, NINE + x], blocks[centre, NINE + x + 4]
        largest, best = abs(west - east), nearer(west, middle, east, 4, 0)
        northeast, southwest = blocks[top, NINE + x + 4], blocks[bottom, NINE + x]
        gradient = abs(northeast - southwest)
        best = nearer(northeast, middle, southwest, 1, 5) if gradient > largest else best
        largest = upper(largest, gradient)
        north, south = blocks[top, NINE + x + 2], blocks[bottom, NINE + x + 2]
        gradient = abs(north - south)
        best = nearer(north, middle, south, 2, 6) if gradient > largest else best
        largest = upper(largest, gradient)
        northwest, southeast = blocks[top, NINE + x], blocks[bottom, NINE + x + 4]
        gradient = abs(northwest - southeast)
        code[x] = nearer(northwest, middle, southeast, 3, 7) if gradient > largest else best


@kernel
def estimate_row(
    image: NDArray[np.float32],
    blocks: Rows,
    code: NDArray[np.int64],
    out: NDArray[np.float32],
    row: int,
    left: int,
    count: int,
) -> None:
    """Lee's estimate from 28 values with sum s, sum of squares q and noise v: mean + gain (pixel - mean).

    gain = max(0, variance - mean^2 v) / ((1 + v) variance), with numerator and denominator multiplied by 28 x 27.
    """
    for x in range(count):
        total = side_sum(blocks, row, x, 0, code[x])
        square = side_sum(blocks, row, x, BLOCK_SQUARES, code[x])
        noise = five_smallest(blocks, row, x)
        power = total * total
        spread = 28.0 * square - power
        signal = upper(spread - (27.0 / 28.0) * power * noise, 0.0)
        gain = signal / (spread * (1.0 + noise)) if spread > 0.0 else 0.0
        mean = total * (1.0 / 28.0)
        out[row - 3, left + x + 3] = mean + gain * (image[row - 3, left + x + 3] - mean)


@inlined
def side_sum(blocks: Rows, row: int, x: int, block: int, side: int) -> float:
    """Sum of the 28 pixels on one side of a window, or of their squares: all eight are formed, one is kept."""
    corner, middle, bottom = (row - 4) % 5, (row - 3) % 5, row % 5
    nw, ne = blocks[middle, block + SIXTEEN + x], blocks[middle, block + SIXTEEN + x + 3]
    sw, se = blocks[bottom, block + SIXTEEN + x], blocks[bottom, block + SIXTEEN + x + 3]
    chosen = ne + blocks[bottom, block + THREE_FOUR + x + 3]
    candidate = ne + (blocks[corner, block + UPPER_RIGHT + x] + blocks[bottom, block + UPPER_RIGHT + x + 4])
    chosen = candidate if side == 1 else chosen
    candidate = nw + blocks[middle, block + FOUR_THREE + x + 4]
    chosen = candidate if side == 2 else chosen
    candidate = nw + (blocks[corner, block + UPPER_LEFT + x + 4] + blocks[bottom, block + UPPER_LEFT + x])
    chosen = candidate if side == 3 else chosen
    candidate = nw + blocks[bottom, block + THREE_FOUR + x]
    chosen = candidate if side == 4 else chosen
    candidate = sw + (blocks[corner, block + LOWER_LEFT + x] + blocks[bottom, block + LOWER_LEFT + x + 4])
    chosen = candidate if side == 5 else chosen
    candidate = sw + blocks[bottom, block + FOUR_THREE + x + 4]
    chosen = candidate if side == 6 else chosen
    candidate = se + (blocks[corner, block + LOWER_RIGHT + x + 4] + blocks[bottom, block + LOWER_RIGHT + x])
    return float(candidate if side == 7 else chosen)


@inlined
def five_smallest(blocks: Rows, row: int, x: int) -> float:
    """Mean of the five smallest of nine variations, which stand in three sorted rows.

    Sorted by column too, three of the nine are among the five smallest for certain and three are not; the other two are the
    smaller ones of the three on the rising diagonal.
    """
    top, centre, bottom = (row - 4) % 5, (row - 2) % 5, row % 5
    a, b, c = blocks[top, LOW + x], blocks[centre, LOW + x], blocks[bottom, LOW + x]
    certain = lower(a, b) + lower(upper(a, b), c)
    third_low = upper(upper(a, b), c)
    a, b, c = blocks[top, MIDDLE + x], blocks[centre, MIDDLE + x], blocks[bottom, MIDDLE + x]
    certain += lower(lower(a, b), c)
    second_middle = upper(lower(a, b), lower(upper(a, b), c))
    first_high = lower(lower(blocks[top, HIGH + x], blocks[centre, HIGH + x]), blocks[bottom, HIGH + x])
    smaller, larger = lower(third_low, second_middle), upper(third_low, second_middle)
    return 0.2 * (certain + smaller + lower(larger, first_high))


@inlined
def nearer(first: float, centre: float, second: float, code: int, opposite: int) -> int:
    """The code of the side nearer to the centre, the second's if they are equally near."""
    return code if abs(first - centre) < abs(centre - second) else opposite


@inlined
def lower(a: float, b: float) -> float:
    return a if a < b else b


@inlined
def upper(a: float, b: float) -> float:
    return b if a < b else a
