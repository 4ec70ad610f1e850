"""SipHash-2-4 (Aumasson and Bernstein, 2012) of one message, for compiled modules."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

cdef extern from "blocks.h" nogil:
    uint64_t load_word(const uint8_t* bytes)
    uint32_t load_half(const uint8_t* bytes)

cdef struct Sip:
    uint64_t k0
    uint64_t k1


cdef inline uint64_t rotate(uint64_t word, int bits) noexcept nogil:
    return (word << bits) | (word >> (64 - bits))


cdef inline void sip_round(uint64_t* v) noexcept nogil:
    v[0] += v[1]
    v[1] = rotate(v[1], 13) ^ v[0]
    v[0] = rotate(v[0], 32)
    v[2] += v[3]
    v[3] = rotate(v[3], 16) ^ v[2]
    v[0] += v[3]
    v[3] = rotate(v[3], 21) ^ v[0]
    v[2] += v[1]
    v[1] = rotate(v[1], 17) ^ v[2]
    v[2] = rotate(v[2], 32)


cdef inline uint64_t siphash(const uint8_t* message, int64_t length, Sip key) noexcept nogil:
    """Return the tag of a message: 64 bits."""
    cdef uint64_t v[4]
    cdef uint64_t word = <uint64_t>(length & 0xFF) << 56
    cdef uint64_t block
    cdef int64_t at = 0, left
    v[0] = key.k0 ^ <uint64_t>0x736F6D6570736575
    v[1] = key.k1 ^ <uint64_t>0x646F72616E646F6D
    v[2] = key.k0 ^ <uint64_t>0x6C7967656E657261
    v[3] = key.k1 ^ <uint64_t>0x7465646279746573
    while at + 8 <= length:
        block = load_word(message + at)
        v[3] ^= block
        sip_round(v)
        sip_round(v)
        v[0] ^= block
        at += 8
    left = length - at
    if left >= 4:  # two halves that overlap: no loop whose length nobody can predict
        word |= <uint64_t>load_half(message + at) | <uint64_t>load_half(message + length - 4) << (8 * (left - 4))
    elif left:
        word |= (
            <uint64_t>message[at] | <uint64_t>message[at + (left >> 1)] << (8 * (left >> 1))
            | <uint64_t>message[length - 1] << (8 * (left - 1))
        )
    v[3] ^= word
    sip_round(v)
    sip_round(v)
    v[0] ^= word
    v[2] ^= 0xFF
    sip_round(v)
    sip_round(v)
    sip_round(v)
    sip_round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]
