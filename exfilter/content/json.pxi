# JSON: its marks, its records, its escapes.

def marks(str text, bint within):
    """Return the brackets outside of strings (places, bytes), the escapes in strings, and the state.

    ``within``: the text begins inside a string; the state says so of its end. No string goes over a
    line end.
    """
    cdef Text seen
    cdef Places brackets, found
    cdef int64_t start = 0, place, number, escaped = -1
    cdef uint64_t bits, strings
    cdef uint32_t char
    cdef Json json
    look_at(&seen, text)
    memset(&brackets, 0, sizeof(brackets))
    memset(&found, 0, sizeof(found))
    try:
        with nogil:
            while start < seen.size:
                json_bits(block_at(&seen, start), &json)
                strings = odd_before(json.quotes) ^ (<uint64_t>0 - within)
                if json.slashes or json.lines & strings or escaped == start:
                    bits = json.quotes | json.slashes | json.lines | json.brackets
                    while bits:
                        place = start + first_bit(bits)
                        bits &= bits - 1
                        char = char_at(&seen, place)
                        if char == c"\n":
                            within = False
                        elif char == c'"':
                            within ^= place != escaped
                        elif char != c"\\":
                            if not within:
                                push(&brackets, place)
                        elif place != escaped and place + 1 < seen.size:
                            escaped = place + 1
                            if within:
                                push(&found, place)
                else:
                    bits = json.brackets & ~strings
                    while bits:
                        push(&brackets, start + first_bit(bits))
                        bits &= bits - 1
                    within = strings >> 63
                start += BLOCK
        kinds = np.empty(brackets.count, dtype=np.uint8)
        fill_kinds(&seen, &brackets, kinds)
        return given(&brackets), kinds, given(&found), bool(within)
    finally:
        dropped(&brackets)
        dropped(&found)


cdef void fill_kinds(const Text* text, const Places* brackets, uint8_t[::1] kinds):
    cdef int64_t number
    for number in range(brackets.count):
        kinds[number] = <uint8_t>char_at(text, brackets.at[number])


def backslashes(str text):
    """Return the places of the backslashes that begin an escape: every second one of a run."""
    cdef Text seen
    cdef Places found
    cdef int64_t start = 0, place, escaped = -1
    cdef uint64_t bits
    look_at(&seen, text)
    memset(&found, 0, sizeof(found))
    try:
        with nogil:
            while start < seen.size:
                bits = letter_bits(block_at(&seen, start), c"\\")
                while bits:
                    place = start + first_bit(bits)
                    bits &= bits - 1
                    if place != escaped and place + 1 < seen.size:
                        push(&found, place)
                        escaped = place + 1
                start += BLOCK
        return given(&found)
    finally:
        dropped(&found)


cdef int32_t hex_value(const Text* text, int64_t place) noexcept nogil:
    """Return the number that four hexadecimal digits from `place` on write, or -1."""
    cdef int32_t value = 0
    cdef uint32_t char
    cdef int step
    if hex_run(text, place, 4) < 4:
        return -1
    for step in range(4):
        char = char_at(text, place + step)
        value = value * 16 + <int32_t>(char - 48 if is_digit(char) else (char | 0x20) - 87)
    return value


cdef struct Undone:
    uint32_t char
    int64_t size


cdef Undone undo(const Text* text, const int64_t[::1] escapes, int64_t number) noexcept nogil:
    """Return the character that an escape stands for and its length; length 0: it is none."""
    cdef int64_t place = escapes[number]
    cdef uint32_t after = char_at(text, place + 1)
    cdef int32_t value, low
    cdef Undone made = Undone(after, 2)
    if after in (c'"', c"\\", c"/"):
        return made
    if after == c"u":
        value = hex_value(text, place + 2)
        made = Undone(<uint32_t>value, 6 if value >= 0 else 0)
        if value & 0xF800 == 0xD800:
            made.char = 0xFFFD
            if value < 0xDC00 and number + 1 < len(escapes) and escapes[number + 1] == place + 6:
                low = hex_value(text, place + 8) if char_at(text, place + 7) == c"u" else -1
                if low & 0xFC00 == 0xDC00:
                    made = Undone(0x10000 + ((value - 0xD800) << 10) + (low - 0xDC00), 12)
        return made
    if after == c"b":
        made.char = 8
    elif after == c"f":
        made.char = 12
    elif after == c"n":
        made.char = 10
    elif after == c"r":
        made.char = 13
    elif after == c"t":
        made.char = 9
    else:
        made.size = 0
    return made


cdef struct Made:
    void* to
    int kind
    int64_t size


cdef void copy(const Text* text, int64_t start, int64_t end, Made* made) noexcept nogil:
    """Append characters of the text, which are no wider than what is made."""
    cdef int64_t count = end - start
    if text.one != NULL and made.kind == 1:
        memcpy(<uint8_t*>made.to + made.size, text.one + start, count)
    elif text.two != NULL and made.kind == 2:
        memcpy(<uint16_t*>made.to + made.size, text.two + start, 2 * count)
    elif text.four != NULL:
        memcpy(<uint32_t*>made.to + made.size, text.four + start, 4 * count)
    elif text.two != NULL:
        widen24(text.two + start, count, <uint32_t*>made.to + made.size)
    elif made.kind == 2:
        widen12(text.one + start, count, <uint16_t*>made.to + made.size)
    else:
        widen14(text.one + start, count, <uint32_t*>made.to + made.size)
    made.size += count


cdef inline void put(Made* made, int64_t place, uint32_t char) noexcept nogil:
    if made.kind == 1:
        (<uint8_t*>made.to)[place] = <uint8_t>char
    elif made.kind == 2:
        (<uint16_t*>made.to)[place] = <uint16_t>char
    else:
        (<uint32_t*>made.to)[place] = char


def unescape(str text, const int64_t[::1] escapes, const int64_t[::1] places):
    """Return the text with these escapes undone, and where these places, none of them in one, are in it.

    Both are ascending. An escape is a backslash; one that stands for no character stays.
    """
    cdef Text seen
    cdef Undone one
    cdef Made made
    cdef int64_t number = 0, at = 0, gone = 0, moved = 0
    cdef uint32_t highest = PyUnicode_MAX_CHAR_VALUE(text)
    look_at(&seen, text)
    with nogil:
        while number < escapes.shape[0]:
            one = undo(&seen, escapes, number)
            if one.size:
                highest = max(highest, one.char)
                gone += one.size - 1
            number += 2 if one.size == 12 else 1
    # Only ASCII is taken out: the widest character of the text is in what is made.
    plain = PyUnicode_New(seen.size - gone, highest)
    made.to, made.kind, made.size = <void*>PyUnicode_DATA(plain), PyUnicode_KIND(plain), 0
    there = np.empty(len(places), dtype=np.int64)
    cdef int64_t[::1] target = there
    with nogil:
        number = gone = 0
        while number < escapes.shape[0]:
            one = undo(&seen, escapes, number)
            if one.size:
                while moved < places.shape[0] and places[moved] <= escapes[number]:
                    target[moved] = places[moved] - gone
                    moved += 1
                copy(&seen, at, escapes[number], &made)
                put(&made, made.size, one.char)
                made.size += 1
                at = escapes[number] + one.size
                gone += one.size - 1
            number += 2 if one.size == 12 else 1
        copy(&seen, at, seen.size, &made)
        while moved < places.shape[0]:
            target[moved] = places[moved] - gone
            moved += 1
    return plain, there


cdef struct Level:
    bint array
    bint covered
    int64_t open  # the number of the record that it is unless something opens in it, or -1


cdef bint several(const uint8_t[::1] kinds, int64_t depth) noexcept nogil:
    """Whether two values or more open at the top level."""
    cdef int64_t number
    cdef int count = 0
    for number in range(kinds.shape[0]):
        if kinds[number] == c"{" or kinds[number] == c"[":
            count += depth == 0
            depth += 1
        else:
            depth = max(depth - 1, 0)
        if count > 1:
            return True
    return False


def records(const int64_t[::1] places, const uint8_t[::1] kinds, int64_t depth, bint begun, list stack):
    """Return which of the brackets begin a record, the depth behind them and the open levels.

    ``begun``: values of the top level came before. ``stack``: for each open level whether it is an
    array and whether it lies in a record. See ``jsontext.Records``.
    """
    cdef Level[LEVELS] levels
    cdef Places found
    cdef int64_t number
    cdef int level
    cdef bint covered, array, rows
    cdef bint top = begun or several(kinds, depth)
    for level in range(LEVELS):
        levels[level] = Level(False, False, -1)
    for level, (array, covered) in enumerate(stack):
        levels[level] = Level(array, covered, -1)
    memset(&found, 0, sizeof(found))
    try:
        with nogil:
            for number in range(min(places.shape[0], kinds.shape[0])):
                if kinds[number] != c"{" and kinds[number] != c"[":
                    depth = max(depth - 1, 0)
                    continue
                depth += 1
                if depth > LEVELS:
                    continue
                level = <int>depth - 1
                array = kinds[number] == c"["
                if level:
                    # An array that holds something is none after all.
                    if levels[level - 1].open >= 0:
                        found.at[levels[level - 1].open] = -1
                        levels[level - 1].open = -1
                        levels[level - 1].covered = False
                    covered = levels[level - 1].covered
                    rows = levels[level - 1].array
                else:
                    covered = False
                    rows = top
                levels[level] = Level(array, covered, -1)
                if rows and not covered:
                    levels[level].covered = True
                    if array:
                        levels[level].open = found.count
                    push(&found, places[number])
        inner = given(&found)
        stack = []
        for level in range(<int>min(depth, LEVELS)):
            stack.append((bool(levels[level].array), bool(levels[level].covered)))
        return inner[inner >= 0], depth, stack
    finally:
        dropped(&found)
