"""What the compiled modules do without SSE2 is what they do with it: both are built here and compared."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from exfilter.kernel.plain.candidate import MARKS

ROOT = Path(__file__).parents[2] / "exfilter"
HARNESS = """
#include "kernel/blocks.h"
#include "content/marks.h"
void blocks(const uint8_t *text, uint64_t *out) {
    Block found;
    classify(text, &found);
    memcpy(out, &found, sizeof found);
}
void marks(const uint8_t *text, uint64_t *out) {
    Json found;
    json_bits(text, &found);
    memcpy(out, &found, sizeof found);
    out[4] = sign_bits(text);
    out[5] = letter_bits(text, (uint8_t)text[0]) + odd_bits(text);
}
void fields(const uint8_t *text, uint64_t *out) {
    memset(out, 0, 6 * sizeof *out);
    out[0] = marks_of(text);
    load_letters(text, 32 - text[0] % 33, out + 1);
    out[5] = (uint64_t)digraphs_in(load_word(text), text[8]);
}
int last(uint64_t word) { return last_bit(word); }
int64_t ascii2(const uint16_t *from, int64_t count, uint8_t *to) { return copy_ascii2(from, count, to); }
int bits(uint64_t word) { return count_bits(word) * 100 + first_bit(word); }
"""
RANDOM = np.random.default_rng(1)
TEXTS = [bytes(range(start, start + 64)) for start in range(0, 256, 64)] + [
    RANDOM.integers(0, 256, 64, dtype=np.uint8).tobytes() for _ in range(500)
]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> list[ctypes.CDLL]:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs gcc")
    folder = tmp_path_factory.mktemp("portable")
    source = folder / "harness.c"
    source.write_text(HARNESS)
    libraries = []
    for name, option in (("native", "-O2"), ("plain", "-U__SSE2__")):
        target = folder / f"{name}.so"
        command = [compiler, option, "-Wall", "-Werror", "-Wno-unused-function", "-shared", "-fPIC"]
        subprocess.run([*command, f"-I{ROOT}", "-o", target, source], check=True)
        libraries.append(ctypes.CDLL(str(target)))
    return libraries


def _words(library: ctypes.CDLL, function: str, text: bytes) -> list[int]:
    out = (ctypes.c_uint64 * 6)()
    library[function](text, out)
    return list(out)


@pytest.mark.parametrize("function", ["blocks", "marks", "fields"])
def test_blocks_are_classified_alike(both: list[ctypes.CDLL], function: str) -> None:
    native, plain = both
    assert all(_words(native, function, text) == _words(plain, function, text) for text in TEXTS)


def test_wide_text_is_narrowed_alike(both: list[ctypes.CDLL]) -> None:
    for first in range(40):
        units = np.full(64, ord("a"), dtype=np.uint16)
        units[first:] = 0x80 + first if first % 2 else 0x141
        answers = []
        for library in both:
            out = np.zeros(64, dtype=np.uint8)
            library.ascii2.restype = ctypes.c_int64
            count = library.ascii2(
                units.ctypes.data_as(ctypes.c_void_p), ctypes.c_int64(64), out.ctypes.data_as(ctypes.c_void_p)
            )
            answers.append((count, out[:count].tobytes()))
        assert answers[0] == answers[1]


def test_bits_are_counted(both: list[ctypes.CDLL]) -> None:
    words = [0, 1, 1 << 63, (1 << 64) - 1, *RANDOM.integers(0, 1 << 63, 200).tolist()]
    for word in words:
        first = (word & -word).bit_length() - 1 if word else 64
        assert {library.bits(ctypes.c_uint64(word)) for library in both} == {word.bit_count() * 100 + first}


def test_the_last_bit_is_found(both: list[ctypes.CDLL]) -> None:
    for word in [1, 1 << 63, (1 << 64) - 1, *RANDOM.integers(1, 1 << 63, 200).tolist()]:
        assert {library.last(ctypes.c_uint64(word)) for library in both} == {word.bit_length() - 1}


def test_marks_are_those_of_fields(both: list[ctypes.CDLL]) -> None:
    for text in TEXTS:
        wanted = sum(1 << at for at, byte in enumerate(text) if chr(byte) in MARKS)
        assert {_words(library, "fields", text)[0] for library in both} == {wanted}


@pytest.mark.parametrize("text", ["mueller__", "xxxxxxxae", "aabbooeu_", "joerg\0\0\0\0"])
def test_a_digraph_is_never_missed(both: list[ctypes.CDLL], text: str) -> None:
    assert all(_words(library, "fields", text.ljust(64, "_").encode())[5] for library in both)
