"""The pixels of a picture as arrays of a size that can be read, frame by frame, with Pillow."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "JPEG2000")
MOST = 64 << 20
"""Pixels of a frame that are decoded: the header says how many there are."""
SHORT, LONG = 1500, 2200
"""Pixels: what is larger on its shorter side is made smaller, what is longer then is cut into pieces."""
_SEAM = {0: 100, 1: 400}
"""Pixels that two pieces share, below each other and side by side: a line of text, a cell."""
_LEAST = 12
"""Pixels of the shorter side from which on a picture can show text."""
_FRAMES = 8
"""Of a moving picture. The pages of a TIFF are all read."""

Pixels = npt.NDArray[np.uint8]
"""Rows, columns, and blue, green, red."""


class UnknownError(Exception):
    """The format is not one of ``FORMATS``."""


@dataclass(slots=True)
class Frames:
    """The pages of a document, or the frames of a moving picture."""

    count: int
    excess: bool = field(default=False, init=False)
    """Some had too many pixels to be decoded."""
    _image: Image.Image = field(repr=False)

    def each(self) -> Iterator[list[Pixels]]:
        """Yield the pieces of each that is read. Raises what Pillow raises."""
        seen: set[bytes] = set()
        most = self.count if self._image.format == "TIFF" else min(self.count, _FRAMES)
        for number in range(most):
            self._image.seek(number)
            self._image.draft("RGB", (LONG, LONG))  # JPEG: decoded smaller, if it is at least twice as large
            if math.prod(self._image.size) > MOST:
                self.excess = True
                continue
            if min(self._image.size) < _LEAST:
                yield []
                continue
            pixels = _scaled(self._image)
            digest = hashlib.sha256(pixels).digest()
            yield [] if digest in seen else _pieces(pixels)
            seen.add(digest)


def opened(file: BinaryIO) -> Frames:
    """Return the frames of a picture. Raises UnknownError, or what Pillow raises for one that is broken."""
    Image.MAX_IMAGE_PIXELS = None  # MOST is looked at, before anything is decoded
    try:
        image = Image.open(file, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise UnknownError from error
    return Frames(max(1, getattr(image, "n_frames", 1)), _image=image)


def _scaled(image: Image.Image) -> Pixels:
    factor = SHORT / min(image.size)
    if factor < 1:
        size = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
        coloured = image if image.mode in ("L", "RGB") else _coloured(image)
        return _array(coloured.resize(size, Image.Resampling.BOX), image)
    return _array(_coloured(image), image)


def _array(image: Image.Image, whole: Image.Image) -> Pixels:
    """Return the pixels as they are to be seen. The camera's way to hold it is in the whole."""
    image.info, image.getexif()[274] = dict(whole.info), whole.getexif().get(274, 1)
    upright = ImageOps.exif_transpose(image).convert("RGB")
    return np.ascontiguousarray(np.asarray(upright)[:, :, ::-1])


def _coloured(image: Image.Image) -> Image.Image:
    """Return a picture in RGB. Sixteen bits become eight, and what is transparent contrasts with the rest."""
    if image.mode[0] in "IF":
        values = np.asarray(image, dtype=np.float64)
        low, high = float(values.min()), float(values.max())
        return Image.fromarray(((values - low) * (255 / ((high - low) or 1))).astype(np.uint8)).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    clear = image.convert("RGBA")
    seen, grey = np.asarray(clear.getchannel("A")) > 0, np.asarray(clear.convert("L"))
    dark = bool(seen.any()) and float(grey[seen].mean()) < 128
    ground = Image.new("RGBA", clear.size, "white" if dark else "black")
    return Image.alpha_composite(ground, clear).convert("RGB")


def _pieces(pixels: Pixels) -> list[Pixels]:
    """Return a frame in pieces of at most ``LONG`` that share a seam."""
    axis = 0 if pixels.shape[0] >= pixels.shape[1] else 1
    step = LONG - _SEAM[axis]
    starts = range(0, max(1, pixels.shape[axis] - _SEAM[axis]), step)
    cut = [np.arange(start, min(start + LONG, pixels.shape[axis])) for start in starts]
    return [np.ascontiguousarray(pixels.take(places, axis)) for places in cut] if len(cut) > 1 else [pixels]
