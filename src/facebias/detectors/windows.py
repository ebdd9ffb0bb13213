"""Square windows over a whole picture at many sizes, cut in batches from one resized picture a size.

A picture is resized once for each window size, so that the window is 64 pixels there, with its aspect kept and by the
same antialiased filter as every other image of the project (Lanczos, `facebias.data.pixels.square`). torch resizes here
and Pillow there: both calculate with whole numbers, torch six to nine times faster with shorter ones, so that about one
value in a hundred differs by one grey level of 255. No window is stretched, none leaves the picture, and the last of
each row and column ends exactly at the picture's edge.

"lab" is another kind, for results to be held against those of MIT 6.S191's code: sides in even steps, cut from the
picture's own pixels from its upper left corner on, as far as whole strides go, and resized to the nearest pixel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from PIL import Image

from facebias.core.errors import FacebiasError
from facebias.core.words import IMAGE_SIZE

BATCH = 128  # windows at a time
_SUPPORT = 3  # pixels of the smaller picture that the Lanczos filter looks at to each side
_SPELLING = (
    "Use SMALLEST:LARGEST:RATIO@STRIDE, such as 0.25:1:1.2@0.25 (shares) or 64:300:1.2@0.25 (pixels), "
    "or with a number of even steps for the ratio, as in 0.5:1:5x@0.2"
)


@dataclass(frozen=True)
class Scan:
    """A window protocol: which sizes, how far apart, and how windows make one score of a picture.

    Attributes:
        smallest: side of the smallest window: a share of the picture's shorter side up to 1, pixels above.
        largest: side of the largest, in the same unit. Pixels that the picture lacks are left out.
        ratio: between one size and the next, at most.
        stride: distance of neighbouring windows as a share of their side, in whole 64ths.
        top: a picture's score is the mean of this many of its highest windows; 1 is the paper's "any window".
        count: of sizes in even steps, shares then being of the picture's width, cut as the course lab does; `ratio`
            says nothing then. 0 is sizes by ratio, cut as everywhere else here.

    Raises:
        FacebiasError: sizes in two units or in the wrong order, or a value outside its range.
    """

    smallest: float
    largest: float
    ratio: float
    stride: float
    top: int = 1
    count: int = 0

    def __post_init__(self) -> None:
        right = 0 < self.smallest <= self.largest and (self.smallest > 1) == (self.largest > 1)
        if not (
            right
            and math.isfinite(self.largest)
            and (1 < self.ratio < math.inf or self.count)
            and self.top >= 1
            and self.count >= 0
            and 1 / IMAGE_SIZE <= self.stride <= 1
        ):
            raise FacebiasError(
                "SCAN",
                str(self),
                "sizes must rise in one unit, ratio be over 1, stride 1/64 to 1, top 1 or more, count 0 or more",
                _SPELLING,
            )

    @classmethod
    def parse(cls, text: str, top: int = 1) -> Self:
        """A grid of windows by its name in `NAMED`, or spelled as SMALLEST:LARGEST:RATIO@STRIDE.

        Raises:
            FacebiasError: neither.
        """
        spelled = NAMED.get(text, text)
        try:
            sizes, stride = spelled.split("@")
            smallest, largest, ratio = sizes.split(":")
            count = int(ratio[:-1]) if ratio.endswith("x") else 0
            return cls(float(smallest), float(largest), 1.0 if count else float(ratio), float(stride), top, count)
        except ValueError as error:
            raise FacebiasError(
                "SCAN", text, f"neither one of {', '.join(NAMED)} nor sizes and stride", _SPELLING
            ) from error

    def __str__(self) -> str:
        spacing = f"{self.count}x" if self.count else f"{self.ratio:g}"
        return f"{self.smallest:g}:{self.largest:g}:{spacing}@{self.stride:g}"

    @property
    def sizes(self) -> np.ndarray:
        """Sides of the windows, geometrically spaced or in even steps, in the unit of `smallest`."""
        if self.count:
            return np.linspace(self.smallest, self.largest, self.count)
        steps = math.ceil(math.log(self.largest / self.smallest) / math.log(self.ratio) - 1e-9)
        return np.geomspace(self.smallest, self.largest, steps + 1) if steps else np.array([self.smallest])

    def places(self, width: int, height: int) -> np.ndarray:
        """Where the windows of a picture lie: float (n, 3), columns pixels, x and y.

        `pixels` are those of the picture's shorter side once a window is 64 pixels wide; rounding them to whole ones
        changes a window's side by less than 1 %. x and y are its upper left corner in that resized picture: whole
        numbers, but where the last one of the longer side ends at the edge. Windows of even steps have minus their
        side for `pixels`, and x and y in the picture itself.

        Raises:
            FacebiasError: every window is larger than the picture.
        """
        shorter = min(width, height)
        sides = self.sizes if self.largest > 1 else self.sizes * (width if self.count else shorter)
        sides = np.maximum(sides.astype(int), 1) if self.count else sides
        fitting = sides[sides <= shorter]
        counts = np.unique(fitting if self.count else np.rint(IMAGE_SIZE * shorter / fitting).astype(int))
        if not len(counts):
            kind = "pixels" if self.largest > 1 else "of its width"  # shares of the shorter side always fit
            raise FacebiasError(
                "WINDOW",
                str(self),
                f"no window of {self.smallest:g} {kind} or more fits a picture of {width} x {height}",
                "Take smaller windows, or shares",
            )
        if self.count:
            return np.concatenate(
                [_grid(-n, *(self._whole_strides(n, end) for end in (width, height))) for n in counts]
            )
        ends = [(n * width / shorter, n * height / shorter) for n in counts]
        return np.concatenate([_grid(n, *map(self._starts, end)) for n, end in zip(counts, ends, strict=True)])

    def _whole_strides(self, side: int, length: int) -> np.ndarray:
        return np.arange(0, length - side + 1, max(1, int(self.stride * side)))

    def _starts(self, length: float) -> np.ndarray:
        step, last = round(self.stride * IMAGE_SIZE), length - IMAGE_SIZE
        return np.append(np.arange(0, last, step), last)


def _grid(pixels: int, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    grid = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    return np.column_stack([np.full(len(grid), float(pixels)), grid])


# Each is found within "fine", which is therefore the only one that costs anything when all are asked for
GRIDS = {
    "coarse": "0.25:1:1.42@0.5",  # all sizes, far apart
    "fine": "0.25:1:1.19@0.25",  # all sizes, close together
    "narrow": "0.420448:0.594604:1.19@0.25",  # sizes near the face alone, as if its size were known
}
NAMED = {**GRIDS, "lab": "0.5:1:5x@0.2"}  # the course lab's over portraits: five sizes from half to the whole width


def boxes_of(places: np.ndarray, width: int, height: int) -> np.ndarray:
    """Windows as float (n, 4) boxes x0, y0, x1, y1 in pixels of the picture; all are square and inside it."""
    own = places[:, 0] < 0
    unit = np.where(own, 1, min(width, height) / places[:, 0])
    side = np.where(own, -places[:, 0], IMAGE_SIZE * unit)
    corner = places[:, 1:] * unit[:, None]
    return np.column_stack([corner, np.minimum(corner + side[:, None], [width, height])])


def batches(image: Image.Image, places: np.ndarray, length: int = BATCH) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cut windows in batches of `length`, the last one shorter.

    Args:
        image: upright RGB.
        places: (n, 3) from `Scan.places` of this picture's size.
        length: windows in a batch.

    Yields:
        rows (m,) of `places`, and their crops, uint8 (m, 64, 64, 3) RGB.
    """
    rows, crops = [], []
    for mine, cut in _by_plane(image, places, length):
        rows.append(mine)
        crops.append(cut)
        while sum(map(len, rows)) >= length:
            all_rows, all_crops = np.concatenate(rows), np.concatenate(crops)
            yield all_rows[:length], all_crops[:length]
            rows, crops = [all_rows[length:]], [all_crops[length:]]
    if sum(map(len, rows)):
        yield np.concatenate(rows), np.concatenate(crops)


def _by_plane(image: Image.Image, places: np.ndarray, length: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Resize once for each size, and a strip once more for windows that end at the edge between two of its pixels."""
    pixels, between = np.array(image), (places[:, 1:] % 1 > 0).any(axis=1)
    turned = _turned(image) if between.any() else pixels
    for start in range(0, int((places[:, 0] < 0).sum()), length):
        own = np.flatnonzero(places[:, 0] < 0)[start : start + length]
        yield own, _nearest(pixels, places[own])
    for count in np.unique(places[places[:, 0] > 0, 0]):
        scale = count / min(image.size)
        for last in (False, True):
            rows = np.flatnonzero((places[:, 0] == count) & (between == last))
            if not len(rows):
                continue
            plane = _last(turned, scale) if last else _resized(pixels, scale)
            # the corner between two pixels is where the strip begins
            x, y = np.where(places[rows, 1:] % 1 > 0, 0, places[rows, 1:]).astype(int).T
            views = np.lib.stride_tricks.sliding_window_view(plane, (IMAGE_SIZE, IMAGE_SIZE), axis=(0, 1)).transpose(
                0, 1, 3, 4, 2
            )
            for start in range(0, len(rows), length):
                part = slice(start, start + length)
                yield rows[part], views[y[part], x[part]]


def _nearest(pixels: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Windows of the picture's own pixels, each resized to the pixels that OpenCV's INTER_NEAREST takes."""
    side, x, y = (places * [-1, 1, 1]).astype(int).T[:, :, None]
    taken = np.arange(IMAGE_SIZE) * side // IMAGE_SIZE
    return pixels[(y + taken)[:, :, None], (x + taken)[:, None, :]]


def _resized(pixels: np.ndarray, scale: float) -> np.ndarray:
    """Pixels (H, W, 3) at `scale`, from the upper left corner on; a part of a pixel at the far edges is left out."""
    import torch  # here: the command line names protocols without it
    from torch.nn.functional import interpolate

    found = interpolate(
        torch.from_numpy(pixels).permute(2, 0, 1)[None],
        mode="lanczos",
        antialias=True,
        scale_factor=scale * (1 + 1e-12),
    )  # a hair more: 64 pixels must not be rounded down to 63
    return found[0].permute(1, 2, 0).numpy()


def _turned(image: Image.Image) -> np.ndarray:
    """The pixels with the longer side turned round, so that its far edge is where the grid of pixels begins."""
    sideways = image.width > image.height
    return np.array(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT if sideways else Image.Transpose.FLIP_TOP_BOTTOM))


def _last(turned: np.ndarray, scale: float) -> np.ndarray:
    """The last 64 pixels of the longer side at `scale`, which end at its edge; the shorter side whole."""
    length = math.ceil(IMAGE_SIZE / scale + _SUPPORT * max(1 / scale, 1)) + 1
    if turned.shape[1] > turned.shape[0]:
        return _resized(np.ascontiguousarray(turned[:, :length]), scale)[:, IMAGE_SIZE - 1 :: -1]
    return _resized(turned[:length], scale)[IMAGE_SIZE - 1 :: -1]
