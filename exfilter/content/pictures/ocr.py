"""Reads what the pixels of a picture show, with RapidOCR (the extra ``exfilter[ocr]``).

Runs in a process with bounds of its own, which is forked from one that has loaded the models (see
``sandbox.table``). Failures are left as of any parser. Of the bytes of a picture, as many count as read as
the text that was found in it explains; the rest is unscanned(unsupported), as it is without OCR: noise
around one readable line may hold anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
import rapidocr

from exfilter.content.pictures import pixels
from exfilter.content.pictures.lines import Word, lines
from exfilter.content.sandbox.found import Found, Left, Member, Wishes
from exfilter.model import Reason

EXPLAINS = 512
"""Bytes of a picture that one character that was read explains: a screenshot of a list has about 30 for
each, a scanned page as JPEG about 300."""
_SURE = 0.5
"""Confidence from which on a line is taken, of 1."""


@cache
def _engine() -> rapidocr.RapidOCR:
    """Return the models. One thread: a pool of threads would not survive the fork."""
    cv2.setNumThreads(1)
    models = Path(rapidocr.__file__).parent / "models"
    paths = {  # by their paths, or it would look for other ones on the network
        f"{step}.model_path": str(next(models.glob(f"*_{step.lower()}_*.onnx")))
        for step in ("Det", "Cls", "Rec")
    }
    return rapidocr.RapidOCR(
        params={
            **paths,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            "Global.log_level": "critical",
            "Global.text_score": _SURE,
            "Global.max_side_len": pixels.LONG,
        }
    )


def prepare() -> None:
    """Load the models, which is done when they are first used."""
    sample = np.full((200, 200, 3), 255, dtype=np.uint8)
    cv2.putText(sample, "exfilter", (20, 100), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (0, 0, 0), 2)
    _engine()(sample)


def parse(file: BinaryIO, _: Wishes) -> Iterator[Found]:
    """Yield the text of each page or frame, and how much of the picture it does not explain."""
    size = len(file.read())
    file.seek(0)
    try:
        frames = pixels.opened(file)
    except pixels.UnknownError:
        yield Left(Reason.UNSUPPORTED, size)
        return
    read = letters = 0
    for tiles in frames.each():
        text = "".join(lines(_words(tile)) for tile in tiles)
        read += 1
        letters += len("".join(text.split()))
        if text:
            yield Member("", [text.encode()])
    unread = size * (frames.count - read) // frames.count
    left = max(size - EXPLAINS * letters, unread)
    if frames.excess:
        yield Left(Reason.OVER_BUDGET, size)
    elif left > 0:
        yield Left(Reason.UNSUPPORTED, left)


def _words(tile: pixels.Pixels) -> list[Word]:
    found = _engine()(tile)
    texts, boxes = (
        getattr(found, "txts", None),
        getattr(found, "boxes", None),
    )  # where there are none, neither
    if not texts or boxes is None:
        return []
    return [Word(text, box.astype(float)) for text, box in zip(texts, boxes, strict=True)]
