# Words of eight characters as one number, by their lowest bytes, the first character lowest.

cdef enum:
    WORD = 8

cdef uint64_t ZEROS = 0x3030303030303030
cdef uint64_t HIGHEST = 0x8080808080808080


cdef inline uint64_t word_at(const Text* text, int64_t place) noexcept nogil:
    """Return the word from a place on, which has to be in the text."""
    cdef uint64_t word = 0
    cdef int step
    if text.one != NULL:
        for step in range(WORD):
            word |= <uint64_t>text.one[place + step] << (8 * step)
        return word
    for step in range(WORD):
        word |= <uint64_t>(char_at(text, place + step) & 0xFF) << (8 * step)
    return word


cdef inline uint64_t clipped(const Text* text, int64_t place) noexcept nogil:
    """Return the word from a place on, with the first or last character in the place of those that are not."""
    cdef uint64_t word = 0
    cdef int step
    for step in range(WORD):
        word |= <uint64_t>(char_at(text, min(max(place + step, 0), text.size - 1)) & 0xFF) << (8 * step)
    return word


def unbroken(str text, int64_t step):
    """Return which words have nothing below the digits, of one in each `step` characters, and the words."""
    cdef Text seen
    cdef Places found
    cdef int64_t number = 0, place = 0
    cdef uint64_t word
    if step < WORD:
        raise ValueError("words must not overlap")
    look_at(&seen, text)
    memset(&found, 0, sizeof(found))
    try:
        with nogil:
            while place + WORD <= seen.size:
                word = word_at(&seen, place)
                if not (word - ZEROS) & HIGHEST:
                    push(&found, number)
                number += 1
                place += step
        numbers = given(&found)
        return numbers, words(text, numbers * step)
    finally:
        dropped(&found)


def words(str text, const int64_t[::1] places):
    """Return the words from some places on."""
    cdef Text seen
    cdef int64_t number
    made = np.empty(len(places), dtype=np.uint64)
    cdef uint64_t[::1] view = made
    if len(places) and not len(text):
        raise ValueError("there is no character in the text")
    look_at(&seen, text)
    with nogil:
        for number in range(places.shape[0]):
            view[number] = clipped(&seen, places[number])
    return made
