# Tokens of names, as detectors.names tells them apart.


def _words():
    """Return titles and particles as little-endian words in a table with open addressing."""
    table, marks = np.zeros(WORDS, dtype=np.uint64), np.zeros(WORDS, dtype=np.uint8)
    for mark, known in ((1, names.TITLES), (2, names.PARTICLES)):
        for word in sorted(known):
            value = int.from_bytes(word.encode(), "little")
            assert len(word) <= 8
            at = (value * 0x9E3779B97F4A7C15 & (1 << 64) - 1) >> 55
            while table[at] not in (0, value):
                at = (at + 1) % WORDS
            table[at] = value
            marks[at] |= mark
    return table, marks


_WORD_TABLE, _WORD_MARKS = _words()
cdef const uint64_t[::1] KNOWN = _WORD_TABLE
cdef const uint8_t[::1] MARKS = _WORD_MARKS


cdef struct Token:
    const uint8_t* at
    int n
    int characters
    uint8_t mark    # 1 for a title, 2 for a particle, 3 for both
    uint8_t is_cjk


cdef struct Tokens:
    int n
    Token of[MAX_TOKENS]
    uint8_t text[FOLDED]


cdef uint8_t _mark(Token* token) noexcept nogil:
    """Return 1 for a title, 2 for a particle, 3 for both."""
    cdef uint64_t value = 0
    cdef int at
    if token.n > 8 or token.n == 0:
        return 0
    memcpy(&value, token.at, token.n)
    at = (value * 0x9E3779B97F4A7C15ULL) >> 55
    while KNOWN[at]:
        if KNOWN[at] == value:
            return MARKS[at]
        at = (at + 1) % WORDS
    return 0


cdef int _same(Token* one, Token* other) noexcept nogil:
    return one.n == other.n and memcmp(one.at, other.at, one.n) == 0


cdef int _after(Token* one, Token* other) noexcept nogil:
    """Whether a token sorts behind another one: UTF-8 sorts as code points do."""
    cdef int order = memcmp(one.at, other.at, min(one.n, other.n))
    return order > 0 or (order == 0 and one.n > other.n)


cdef int _telling(Tokens* tokens, int least, int8_t* telling) noexcept nogil:
    """Choose the tokens that tell people apart, as ``detectors.names`` does; return how many."""
    cdef int n = 0, i, full, mark
    cdef int8_t kept[MAX_TOKENS]
    for i in range(tokens.n):
        if tokens.of[i].characters <= MAX_TOKEN and (tokens.of[i].characters > 1 or tokens.of[i].is_cjk):
            telling[n] = i
            n += 1
    for mark in range(1, 3):
        full = 0
        for i in range(n):
            if not tokens.of[telling[i]].mark & mark:
                kept[full] = telling[i]
                full += 1
        if full >= least:
            n = full
            memcpy(telling, kept, n)
    return n
