# cython: wraparound=False, cdivision=True
"""The passes over a text that reading it needs, at the speed of memory.

Each is equal to a way in numpy or in patterns, which stays beside it: ``signs``, ``escapes``,
``jsontext``, ``normal``, ``sniff``, ``encoded.sieve``. Texts are read where they lie, whatever the size of their characters.
Every pass looks at a character a bounded number of times.
"""

from libc.stdint cimport int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy, memset

import numpy as np

cdef extern from "blocks.h" nogil:
    int first_bit(uint64_t bits)

cdef extern from "marks.h" nogil:
    ctypedef struct Json:
        uint64_t quotes
        uint64_t slashes
        uint64_t lines
        uint64_t brackets
    uint64_t letter_bits(const uint8_t* text, uint8_t letter)
    uint64_t sign_bits(const uint8_t* text)
    void json_bits(const uint8_t* text, Json* json)
    uint64_t odd_bits(const uint8_t* text)
    uint64_t odd_before(uint64_t bits)
    void narrow2(const uint16_t* text, int64_t count, uint8_t* to)
    void narrow4(const uint32_t* text, int64_t count, uint8_t* to)
    void widen12(const uint8_t* text, int64_t count, uint16_t* to)
    void widen14(const uint8_t* text, int64_t count, uint32_t* to)
    void widen24(const uint16_t* text, int64_t count, uint32_t* to)
    bint is_high2(const uint16_t* text)
    bint is_high4(const uint32_t* text)

cdef enum:
    BLOCK = 64
    HALF = 32
    FIRST_MARK = 0x300
    LEVELS = 64
    FEW = 2

include "units.pxi"
include "spans.pxi"
include "json.pxi"
include "words.pxi"


cdef bint may_be_magic(const uint8_t* data, int64_t size, int64_t place) noexcept nogil:
    """Whether the odd byte at `place` may belong to one of the words that ``sniff.embedded`` looks for."""
    cdef uint8_t byte = data[place]
    cdef uint8_t before = data[place - 1] if place else 0
    cdef uint8_t after = data[place + 1] if place + 1 < size else 0
    if byte == 0x03 or byte == 0x05:
        return before == c"K"
    if byte == 0x1a:
        return before == c"!"
    if byte == 0x1c:
        return before == 0x27
    if byte == 0x11:
        return before == 0xCF
    if byte == 0x00:
        return before == c"3"
    if byte == 0x1f:
        return after == 0x8B
    if byte == 0xFD:
        return before == 0x2F or after == c"7"
    return byte == c"Y" or byte == c"%"


def oddities(bytes data):
    """Return whether there may be magic in the bytes, and whether they hold three control characters."""
    cdef const uint8_t* at = data
    cdef int64_t size = len(data), start = 0, place
    cdef uint64_t bits
    cdef uint8_t room[BLOCK + 1]
    cdef bint magic = False
    cdef int controls = 0
    with nogil:
        while start < size and not (magic and controls > FEW):
            if start + BLOCK < size:
                bits = odd_bits(at + start)  # the byte behind the block is looked at too
            else:
                memset(room, 0x20, sizeof(room))
                memcpy(room, at + start, size - start)
                bits = odd_bits(room)
            while bits:
                place = start + first_bit(bits)
                bits &= bits - 1
                magic = magic or may_be_magic(at, size, place)
                controls += at[place] < 0x20 or at[place] == 0x7f
            start += BLOCK
    return bool(magic), controls > FEW


def places(str text, uint8_t letter):
    """Return where an ASCII letter stands, ascending."""
    cdef Text seen
    cdef Places found
    cdef int64_t start = 0
    cdef uint64_t bits
    look_at(&seen, text)
    memset(&found, 0, sizeof(found))
    try:
        with nogil:
            while start < seen.size:
                bits = letter_bits(block_at(&seen, start), letter) & inside(&seen, start)
                while bits:
                    push(&found, start + first_bit(bits))
                    bits &= bits - 1
                start += BLOCK
        return given(&found)
    finally:
        dropped(&found)


def unsettled(str text, const uint8_t[::1] table):
    """Return where a character from U+0300 on stands that is not 0 in the table of all characters."""
    cdef Text seen
    cdef Places found
    cdef int64_t start = 0, place, end
    cdef uint32_t char
    if len(table) != 0x110000:
        raise ValueError("the table has to have an entry for every character")
    look_at(&seen, text)
    memset(&found, 0, sizeof(found))
    try:
        with nogil:
            while seen.one == NULL and start < seen.size:
                end = min(start + HALF, seen.size)
                if end < start + HALF or (
                    is_high2(seen.two + start) if seen.two != NULL else is_high4(seen.four + start)
                ):
                    for place in range(start, end):
                        char = char_at(&seen, place)
                        if char >= FIRST_MARK and table[char]:
                            push(&found, place)
                start = end
        return given(&found)
    finally:
        dropped(&found)
