/* Which of 64 bytes are characters that a grammar looks for, as one bit a byte.
 *
 * SSE2 belongs to every x86-64 processor, so nothing is asked of the machine at run time. Elsewhere
 * the loop does the same, and the compiler may vectorise it.
 */
#ifndef EXFILTER_CONTENT_MARKS_H
#define EXFILTER_CONTENT_MARKS_H

#include <stdint.h>

typedef struct {
    uint64_t quotes;
    uint64_t slashes; /* backslashes */
    uint64_t lines;   /* ends of lines */
    uint64_t brackets;
} Json;

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>

#define EXFILTER_IS(bytes, letter) _mm_cmpeq_epi8(bytes, _mm_set1_epi8(letter))
#define EXFILTER_BITS(found, part) ((uint64_t)(uint32_t)_mm_movemask_epi8(found) << 16 * (part))

static inline __m128i exfilter_load(const uint8_t *text)
{
    return _mm_loadu_si128((const __m128i *)text);
}

/* Bytes from `first` on, `span` more. */
static inline __m128i exfilter_from(__m128i bytes, uint8_t first, uint8_t span)
{
    __m128i distance = _mm_sub_epi8(bytes, _mm_set1_epi8((char)first));
    return _mm_cmpeq_epi8(_mm_min_epu8(distance, _mm_set1_epi8((char)span)), distance);
}

static inline uint64_t letter_bits(const uint8_t *text, uint8_t letter)
{
    uint64_t bits = 0;
    for (int part = 0; part < 4; part++)
        bits |= EXFILTER_BITS(EXFILTER_IS(exfilter_load(text + 16 * part), (char)letter), part);
    return bits;
}

static inline uint64_t sign_bits(const uint8_t *text)
{
    uint64_t bits = 0;
    for (int part = 0; part < 4; part++) {
        __m128i bytes = exfilter_load(text + 16 * part);
        __m128i found = _mm_or_si128(exfilter_from(bytes, '%', '&' - '%'), EXFILTER_IS(bytes, '+'));
        found = _mm_or_si128(found, _mm_or_si128(EXFILTER_IS(bytes, '='), EXFILTER_IS(bytes, '\\')));
        found = _mm_or_si128(found, _mm_or_si128(EXFILTER_IS(bytes, 0x1b), EXFILTER_IS(bytes, 0)));
        bits |= EXFILTER_BITS(found, part);
    }
    return bits;
}

static inline void json_bits(const uint8_t *text, Json *json)
{
    Json found = {0, 0, 0, 0};
    for (int part = 0; part < 4; part++) {
        __m128i bytes = exfilter_load(text + 16 * part);
        __m128i bent = _mm_or_si128(bytes, _mm_set1_epi8(0x20)); /* [ and { differ by it */
        __m128i brackets = _mm_or_si128(EXFILTER_IS(bent, '{'), EXFILTER_IS(bent, '}'));
        found.quotes |= EXFILTER_BITS(EXFILTER_IS(bytes, '"'), part);
        found.slashes |= EXFILTER_BITS(EXFILTER_IS(bytes, '\\'), part);
        found.lines |= EXFILTER_BITS(EXFILTER_IS(bytes, '\n'), part);
        found.brackets |= EXFILTER_BITS(brackets, part);
    }
    *json = found;
}

/* Where something stands that ordinary text does not have: a control character but for 0x08 to 0x0d and
 * ESC, a byte 0xfd, the letters "Y&" or "%P". Reads 65 bytes. */
static inline uint64_t odd_bits(const uint8_t *text)
{
    uint64_t bits = 0;
    for (int part = 0; part < 4; part++) {
        __m128i bytes = exfilter_load(text + 16 * part), next = exfilter_load(text + 16 * part + 1);
        __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
        __m128i usual = _mm_or_si128(exfilter_from(bytes, 0x08, 5), EXFILTER_IS(bytes, 0x1b));
        __m128i bzip2 = _mm_and_si128(EXFILTER_IS(bytes, 'Y'), EXFILTER_IS(next, '&'));
        __m128i pdf = _mm_and_si128(EXFILTER_IS(bytes, '%'), EXFILTER_IS(next, 'P'));
        __m128i any = _mm_or_si128(_mm_andnot_si128(usual, low), _mm_or_si128(bzip2, pdf));
        any = _mm_or_si128(any, _mm_or_si128(EXFILTER_IS(bytes, 0x7f), EXFILTER_IS(bytes, (char)0xfd)));
        bits |= EXFILTER_BITS(any, part);
    }
    return bits;
}

#else

static inline uint64_t letter_bits(const uint8_t *text, uint8_t letter)
{
    uint64_t bits = 0;
    for (int at = 0; at < 64; at++)
        bits |= (uint64_t)(text[at] == letter) << at;
    return bits;
}

static inline uint64_t sign_bits(const uint8_t *text)
{
    uint64_t bits = 0;
    for (int at = 0; at < 64; at++) {
        uint8_t byte = text[at];
        int found = byte == '%' || byte == '&' || byte == '+' || byte == '=' || byte == '\\';
        bits |= (uint64_t)(found || byte == 0x1b || byte == 0) << at;
    }
    return bits;
}

static inline void json_bits(const uint8_t *text, Json *json)
{
    Json found = {0, 0, 0, 0};
    for (int at = 0; at < 64; at++) {
        uint8_t bent = text[at] | 0x20;
        found.quotes |= (uint64_t)(text[at] == '"') << at;
        found.slashes |= (uint64_t)(text[at] == '\\') << at;
        found.lines |= (uint64_t)(text[at] == '\n') << at;
        found.brackets |= (uint64_t)(bent == '{' || bent == '}') << at;
    }
    *json = found;
}

static inline uint64_t odd_bits(const uint8_t *text)
{
    uint64_t bits = 0;
    for (int at = 0; at < 64; at++) {
        uint8_t byte = text[at], next = text[at + 1];
        int odd = byte < 0x20 && (uint8_t)(byte - 0x08) > 5 && byte != 0x1b;
        odd |= byte == 0x7f || byte == 0xfd || (byte == 'Y' && next == '&') || (byte == '%' && next == 'P');
        bits |= (uint64_t)odd << at;
    }
    return bits;
}

#endif

/* Bit i of the result: whether an odd number of the bits up to i are set. */
static inline uint64_t odd_before(uint64_t bits)
{
    for (int step = 1; step < 64; step *= 2)
        bits ^= bits << step;
    return bits;
}

/* One byte a character: what is beyond 0xff becomes 0xff. */
static inline void narrow2(const uint16_t *text, int64_t count, uint8_t *bytes)
{
    for (int64_t at = 0; at < count; at++)
        bytes[at] = (uint8_t)(text[at] < 0xff ? text[at] : 0xff);
}

static inline void narrow4(const uint32_t *text, int64_t count, uint8_t *bytes)
{
    for (int64_t at = 0; at < count; at++)
        bytes[at] = (uint8_t)(text[at] < 0xff ? text[at] : 0xff);
}

#define EXFILTER_WIDEN(name, from, to)                                          \
    static inline void name(const from *text, int64_t count, to *wide)          \
    {                                                                           \
        for (int64_t at = 0; at < count; at++)                                  \
            wide[at] = text[at];                                                \
    }
EXFILTER_WIDEN(widen12, uint8_t, uint16_t)
EXFILTER_WIDEN(widen14, uint8_t, uint32_t)
EXFILTER_WIDEN(widen24, uint16_t, uint32_t)

/* Whether one of 32 characters may be at 0x300 or beyond. */
static inline int is_high2(const uint16_t *text)
{
    uint16_t any = 0;
    for (int at = 0; at < 32; at++)
        any |= text[at];
    return any >= 0x200;
}

static inline int is_high4(const uint32_t *text)
{
    uint32_t any = 0;
    for (int at = 0; at < 32; at++)
        any |= text[at];
    return any >= 0x200;
}

#endif
