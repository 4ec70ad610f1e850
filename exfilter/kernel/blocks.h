/* What the bytes of a block of 64 are, as one bit a byte; and the few instructions that C has no name for.
 *
 * SSE2 belongs to every x86-64 processor, so nothing is asked of the machine at run time. Elsewhere
 * the loop does the same, and the compiler may vectorise it.
 */
#ifndef EXFILTER_KERNEL_BLOCKS_H
#define EXFILTER_KERNEL_BLOCKS_H

#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define EXFILTER_SSE2 1
#endif

typedef struct {
    uint64_t letters; /* A to Z, a to z */
    uint64_t digits;  /* 0 to 9 */
    uint64_t joins;   /* underscores */
    uint64_t others;  /* apostrophes and what is not ASCII */
    uint64_t lines;   /* ends of lines */
} Block;

#ifdef EXFILTER_SSE2

static inline __m128i exfilter_within(__m128i bytes, char first, char span)
{
    __m128i distance = _mm_sub_epi8(bytes, _mm_set1_epi8(first));
    return _mm_cmpeq_epi8(_mm_min_epu8(distance, _mm_set1_epi8(span)), distance);
}

static inline void classify(const uint8_t *text, Block *block)
{
    uint64_t letters = 0, digits = 0, joins = 0, others = 0, lines = 0;
    for (int part = 0; part < 4; part++) {
        int shift = 16 * part;
        __m128i bytes = _mm_loadu_si128((const __m128i *)(text + shift));
        __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
        __m128i other = _mm_or_si128(bytes, _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\'')));
        letters |= (uint64_t)(uint32_t)_mm_movemask_epi8(exfilter_within(lower, 'a', 25)) << shift;
        digits |= (uint64_t)(uint32_t)_mm_movemask_epi8(exfilter_within(bytes, '0', 9)) << shift;
        joins |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('_'))) << shift;
        others |= (uint64_t)(uint32_t)_mm_movemask_epi8(other) << shift;
        lines |= (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('\n'))) << shift;
    }
    block->letters = letters;
    block->digits = digits;
    block->joins = joins;
    block->others = others;
    block->lines = lines;
}

/* Which of 64 bytes part the fields of a record. */
static inline uint64_t marks_of(const uint8_t *text)
{
    uint64_t marks = 0;
    for (int part = 0; part < 4; part++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(text + 16 * part));
        __m128i comma = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(','));
        __m128i semicolon = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(';'));
        __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
        __m128i bar = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('|'));
        __m128i any = _mm_or_si128(_mm_or_si128(comma, semicolon), _mm_or_si128(tab, bar));
        marks |= (uint64_t)(uint32_t)_mm_movemask_epi8(any) << 16 * part;
    }
    return marks;
}

#else

static inline uint64_t marks_of(const uint8_t *text)
{
    uint64_t marks = 0;
    for (int at = 0; at < 64; at++) {
        uint8_t byte = text[at];
        marks |= (uint64_t)(byte == ',' || byte == ';' || byte == '\t' || byte == '|') << at;
    }
    return marks;
}

static inline void classify(const uint8_t *text, Block *block)
{
    uint64_t letters = 0, digits = 0, joins = 0, others = 0, lines = 0;
    for (int at = 0; at < 64; at++) {
        uint8_t byte = text[at];
        letters |= (uint64_t)((uint8_t)((byte | 0x20) - 'a') < 26) << at;
        digits |= (uint64_t)((uint8_t)(byte - '0') < 10) << at;
        joins |= (uint64_t)(byte == '_') << at;
        others |= (uint64_t)(byte >> 7 || byte == '\'') << at;
        lines |= (uint64_t)(byte == '\n') << at;
    }
    block->letters = letters;
    block->digits = digits;
    block->joins = joins;
    block->others = others;
    block->lines = lines;
}

#endif

#if defined(__GNUC__) || defined(__clang__)
#define prefetch(address) __builtin_prefetch(address)
#else
#define prefetch(address) ((void)(address))
#endif

/* Hacker's Delight, 5-1: the instruction is not in every x86-64 processor. */
static inline int count_bits(uint64_t bits)
{
    bits -= bits >> 1 & 0x5555555555555555u;
    bits = (bits & 0x3333333333333333u) + (bits >> 2 & 0x3333333333333333u);
    return (int)(((bits + (bits >> 4)) & 0x0f0f0f0f0f0f0f0fu) * 0x0101010101010101u >> 56);
}

static inline int first_bit(uint64_t bits)
{
#if defined(__GNUC__) || defined(__clang__)
    return bits ? __builtin_ctzll(bits) : 64;
#else
    return count_bits((bits & (0 - bits)) - 1);
#endif
}

static inline int last_bit(uint64_t bits)
{
#if defined(__GNUC__) || defined(__clang__)
    return 63 - __builtin_clzll(bits);
#else
    int last = 0;
    while (bits >>= 1)
        last++;
    return last;
#endif
}

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#error "words are read as little-endian: on this machine the reference kernel runs"
#endif

/* Copies ASCII from units of 1, 2 or 4 bytes, 16 at a time. Returns how many it has copied. */
static inline int64_t copy_ascii1(const uint8_t *from, int64_t count, uint8_t *to)
{
    int64_t at = 0;
    for (; at + 16 <= count; at += 16) {
        uint64_t words[2];
        memcpy(words, from + at, 16);
        if ((words[0] | words[1]) & 0x8080808080808080u)
            break;
        memcpy(to + at, words, 16);
    }
    return at;
}

static inline int64_t copy_ascii2(const uint16_t *from, int64_t count, uint8_t *to)
{
    int64_t at = 0;
    for (; at + 16 <= count; at += 16) {
#ifdef EXFILTER_SSE2
        __m128i low = _mm_loadu_si128((const __m128i *)(from + at));
        __m128i high = _mm_loadu_si128((const __m128i *)(from + at + 8));
        __m128i beyond = _mm_and_si128(_mm_or_si128(low, high), _mm_set1_epi16((short)0xff80));
        if (_mm_movemask_epi8(_mm_cmpeq_epi16(beyond, _mm_setzero_si128())) != 0xffff)
            break;
        _mm_storeu_si128((__m128i *)(to + at), _mm_packus_epi16(low, high));
#else
        uint16_t any = 0;
        for (int unit = 0; unit < 16; unit++)
            any |= from[at + unit];
        if (any >= 0x80)
            break;
        for (int unit = 0; unit < 16; unit++)
            to[at + unit] = (uint8_t)from[at + unit];
#endif
    }
    return at;
}

static inline int64_t copy_ascii4(const uint32_t *from, int64_t count, uint8_t *to)
{
    int64_t at = 0;
    for (; at + 16 <= count; at += 16) {
        uint32_t any = 0;
        for (int unit = 0; unit < 16; unit++)
            any |= from[at + unit];
        if (any >= 0x80)
            break;
        for (int unit = 0; unit < 16; unit++)
            to[at + unit] = (uint8_t)from[at + unit];
    }
    return at;
}

static inline uint32_t load_half(const uint8_t *bytes)
{
    uint32_t half;
    memcpy(&half, bytes, 4);
    return half;
}

static inline uint64_t load_word(const uint8_t *bytes)
{
    uint64_t word;
    memcpy(&word, bytes, 8);
    return word;
}

/* Loads up to 32 letters as they stand, zeros behind them. 32 bytes must be there. */
static inline void load_letters(const uint8_t *bytes, int64_t length, uint64_t *form)
{
    for (int word = 0; word < 4; word++) {
        int64_t left = length - 8 * word;
        uint64_t mask = left >= 8 ? ~(uint64_t)0 : left <= 0 ? 0 : ~(uint64_t)0 >> (64 - 8 * left);
        form[word] = load_word(bytes + 8 * word) & mask;
    }
}

/* Marks the bytes that are 0, rarely also one beside them (Hacker's Delight, 6-1). */
static inline uint64_t zeros_in(uint64_t word)
{
    return (word - 0x0101010101010101u) & ~word & 0x8080808080808080u;
}

/* Whether one of eight letters may be an a, o or u with an e behind it. Rarely also where none is. */
static inline int digraphs_in(uint64_t letters, uint8_t behind)
{
    uint64_t following = letters >> 8 | (uint64_t)behind << 56;
    uint64_t es = zeros_in(following ^ 0x6565656565656565u);
    if (!es)
        return 0;
    return (es & (zeros_in(letters ^ 0x6161616161616161u) | zeros_in(letters ^ 0x6f6f6f6f6f6f6f6fu)
        | zeros_in(letters ^ 0x7575757575757575u))) != 0;
}


#endif
