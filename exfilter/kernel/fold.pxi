# Text that is not ASCII: folded as ``detectors.folding`` does, one character at a time.

# By code point: length, bytes, classes; NULL: not asked for yet. Entries are never moved or freed.
cdef const uint8_t** FOLDS = <const uint8_t**>calloc(0x110000, sizeof(uint8_t*))
if FOLDS == NULL:
    raise MemoryError

cdef enum:
    LONGEST_FOLD = 255
    MARK_EVERY = 64
    FEW = 4

cdef int64_t EVEN = <int64_t>1 << 62  # bit of a mark: each character up to the next one folds to one byte

ctypedef fused Unit:
    uint8_t
    uint16_t
    uint32_t


cdef const uint8_t* learn(uint32_t code) except NULL with gil:
    """Ask Python for the fold of a character."""
    cdef uint8_t* entry
    cdef const uint8_t* pieces
    cdef bytes encoded, classes
    encoded, classes = FOLD(chr(code))
    if len(encoded) > LONGEST_FOLD or len(classes) != len(encoded):
        raise ValueError("the fold of a character is too long")
    entry = <uint8_t*>malloc(1 + 2 * len(encoded))
    if entry == NULL:
        raise MemoryError
    entry[0] = <uint8_t>len(encoded)
    pieces = encoded
    memcpy(entry + 1, pieces, entry[0])
    pieces = classes
    memcpy(entry + 1 + entry[0], pieces, entry[0])
    FOLDS[code] = entry
    return entry


cdef int fold(State* s, const Unit* source, int64_t count) except -1 nogil:
    """Fold the source into ``data`` and ``classes``."""
    cdef int64_t at = 0, out = 0, stop, room = count + (count >> 3) + 2 * LONGEST_FOLD
    cdef int64_t marks = 0, copied
    cdef uint32_t code
    cdef const uint8_t* entry
    cdef int piece
    cdef bint uneven
    make_room(s, room)
    s.fold_marks = <int64_t*>grow(s.fold_marks, &s.mark_room, count // MARK_EVERY + 1, sizeof(int64_t))
    while at < count:
        s.fold_marks[marks] = out
        marks += 1
        uneven = False
        stop = min(count, at + MARK_EVERY)
        if room - out < MARK_EVERY * 4 + LONGEST_FOLD:
            room += (room >> 1) + MARK_EVERY * 4 + LONGEST_FOLD
            make_room(s, room)
        while at < stop:
            if at + 16 <= stop and source[at] < 0x80:
                if Unit is uint8_t:
                    copied = copy_ascii1(source + at, stop - at, s.folded + out)
                elif Unit is uint16_t:
                    copied = copy_ascii2(source + at, stop - at, s.folded + out)
                else:
                    copied = copy_ascii4(source + at, stop - at, s.folded + out)
                at += copied
                out += copied
                if at == stop:
                    break
            code = source[at]
            at += 1
            if code < 0x80:
                s.folded[out] = <uint8_t>code
                out += 1
                continue
            entry = FOLDS[code]
            if entry == NULL:
                entry = learn(code)
            uneven = uneven or entry[0] != 1
            if room - out < (stop - at) + LONGEST_FOLD + 8:
                room += (room >> 1) + LONGEST_FOLD
                make_room(s, room)
            for piece in range(entry[0]):
                s.folded[out] = entry[1 + piece]
                if entry[1 + piece] >= 0x80:
                    s.folded_classes[out] = entry[1 + entry[0] + piece]
                    s.wide = True
                out += 1
        if not uneven:
            s.fold_marks[marks - 1] |= EVEN
    s.data, s.classes, s.marks, s.size = s.folded, s.folded_classes, s.fold_marks, out
    return 0


cdef int make_room(State* s, int64_t room) except -1 nogil:
    cdef void* folded
    cdef void* classes
    if room <= s.folded_room:
        return 0
    s.folded_room = 0
    folded = realloc(s.folded, room)
    if folded != NULL:
        s.folded = <uint8_t*>folded
        classes = realloc(s.folded_classes, room)
        if classes != NULL:
            s.folded_classes = <uint8_t*>classes
            s.folded_room = room
            return 0
    with gil:
        raise MemoryError


# -- where in the source ---------------------------------------------------------------------

cdef inline uint32_t source_unit(const State* s, int64_t at) noexcept nogil:
    if s.unit == 1:
        return (<const uint8_t*>s.source)[at]
    if s.unit == 2:
        return (<const uint16_t*>s.source)[at]
    return (<const uint32_t*>s.source)[at]


cdef inline int64_t fold_length(const State* s, int64_t at) noexcept nogil:
    cdef uint32_t code = source_unit(s, at)
    return 1 if code < 0x80 else FOLDS[code][0]


cdef int64_t source_of(const State* s, int64_t offset) noexcept nogil:
    """Return the source character of a byte."""
    cdef Place place
    place.at, place.out = 0, 0
    return source_from(s, offset, &place)


cdef inline int64_t source_from(const State* s, int64_t offset, Place* place) noexcept nogil:
    """Return the source character of a byte, and leave its place for the next one, often close behind it."""
    cdef int64_t length, mark
    if s.source == NULL:
        return offset
    if not 0 <= offset - place.out < MARK_EVERY:
        find_mark(s, offset, place)
    mark = s.marks[place.at // MARK_EVERY]
    if mark & EVEN and offset - (mark & ~EVEN) < MARK_EVERY:
        place.at += offset - place.out
        place.out = offset
        return place.at
    while place.at < s.source_size:
        length = fold_length(s, place.at)
        if place.out + length > offset:
            break
        place.out += length
        place.at += 1
    return place.at


cdef void find_mark(const State* s, int64_t offset, Place* place) noexcept nogil:
    """Go to the last mark that is not behind a byte."""
    cdef int64_t low = 0, high = (s.source_size + MARK_EVERY - 1) // MARK_EVERY, middle
    middle = place.at // MARK_EVERY
    if offset >= place.out and middle + FEW < high and s.marks[middle + FEW] & ~EVEN > offset:
        low, high = middle, middle + FEW  # close behind the place before
    while high - low > 1:
        middle = (low + high) >> 1
        if s.marks[middle] & ~EVEN <= offset:
            low = middle
        else:
            high = middle
    place.at, place.out = low * MARK_EVERY, s.marks[low] & ~EVEN


cdef void places(const State* s, const int64_t* characters, int64_t count, int64_t* found) noexcept nogil:
    """Put the first byte that comes of each source character, or of one behind it, into ``found``.

    ``characters``: ascending.
    """
    cdef int64_t number, at = 0, out = 0, wanted
    for number in range(count):
        wanted = min(max(characters[number], 0), s.source_size)
        if wanted // MARK_EVERY > at // MARK_EVERY and wanted < s.source_size:
            at = wanted // MARK_EVERY * MARK_EVERY
            out = s.marks[at // MARK_EVERY] & ~EVEN
        while at < wanted:
            out += fold_length(s, at)
            at += 1
        found[number] = out
