# The characters of a text as they lie in memory, and places that are collected without the GIL.

cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    const void* PyUnicode_DATA(object text)
    uint32_t PyUnicode_MAX_CHAR_VALUE(object text)
    object PyUnicode_New(Py_ssize_t size, uint32_t highest)
    bint is_decimal "Py_UNICODE_ISDECIMAL"(uint32_t character) nogil

cdef struct Text:
    const uint8_t* one
    const uint16_t* two
    const uint32_t* four
    int64_t size
    uint8_t room[BLOCK]


cdef void look_at(Text* seen, str text):
    cdef int kind = PyUnicode_KIND(text)
    cdef const void* data = PyUnicode_DATA(text)
    seen.one = <const uint8_t*>data if kind == 1 else NULL
    seen.two = <const uint16_t*>data if kind == 2 else NULL
    seen.four = <const uint32_t*>data if kind == 4 else NULL
    seen.size = len(text)


cdef inline uint32_t char_at(const Text* text, int64_t place) noexcept nogil:
    """Return a character, zero beyond the ends."""
    if place < 0 or place >= text.size:
        return 0
    if text.one != NULL:
        return text.one[place]
    return text.two[place] if text.two != NULL else text.four[place]


cdef inline const uint8_t* block_at(Text* text, int64_t place) noexcept nogil:
    """Return the 64 characters from `place` on as bytes, zeros behind the end."""
    cdef int64_t count = min(<int64_t>BLOCK, text.size - place)
    if text.one != NULL:
        if count == BLOCK:
            return text.one + place
        memcpy(text.room, text.one + place, count)
    elif text.two != NULL:
        narrow2(text.two + place, count, text.room)
    else:
        narrow4(text.four + place, count, text.room)
    memset(text.room + count, 0, BLOCK - count)
    return text.room


cdef inline uint64_t inside(const Text* text, int64_t place) noexcept nogil:
    """Return which of the 64 characters from `place` on there are."""
    cdef int64_t count = text.size - place
    return (<uint64_t>1 << count) - 1 if count < BLOCK else <uint64_t>0 - 1


cdef struct Places:
    int64_t* at
    int64_t count
    int64_t room


cdef int push(Places* places, int64_t place) except -1 nogil:
    cdef int64_t room
    cdef int64_t* at
    if places.count == places.room:
        room = 2 * places.room + 64
        at = <int64_t*>realloc(places.at, room * sizeof(int64_t))
        if at == NULL:
            raise MemoryError
        places.at, places.room = at, room
    places.at[places.count] = place
    places.count += 1
    return 0


NOWHERE = np.empty(0, dtype=np.int64)
"""Most texts hold nothing of a kind: an array for each would take longer than the look."""


cdef object given(Places* places):
    """Return the places as an array and release them."""
    if not places.count:
        dropped(places)
        return NOWHERE
    made = np.empty(places.count, dtype=np.int64)
    cdef int64_t[::1] view = made
    memcpy(&view[0], places.at, places.count * sizeof(int64_t))
    dropped(places)
    return made


cdef void dropped(Places* places) noexcept:
    free(places.at)
    memset(places, 0, sizeof(Places))
