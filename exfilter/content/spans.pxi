# Where escapes stand, and the lines around them.

cdef inline bint is_digit(uint32_t char) noexcept nogil:
    return char - 48 < 10


cdef inline bint is_letter(uint32_t char) noexcept nogil:
    return (char | 0x20) - 97 < 26


cdef inline bint is_capital(uint32_t char) noexcept nogil:
    return char - 65 < 26


cdef inline bint is_hex(uint32_t char) noexcept nogil:
    return is_digit(char) or (char | 0x20) - 97 < 6


cdef inline bint is_upper_hex(uint32_t char) noexcept nogil:
    return is_digit(char) or char - 65 < 6


cdef inline bint is_run(uint32_t char) noexcept nogil:
    return is_letter(char) or is_digit(char) or char == c"/"


cdef inline int hex_run(const Text* text, int64_t place, int most) noexcept nogil:
    """Return how many hexadecimal digits stand from `place` on."""
    cdef int count = 0
    while count < most and is_hex(char_at(text, place + count)):
        count += 1
    return count


cdef int64_t entity(const Text* text, int64_t place) noexcept nogil:
    """Return the end of ``&(?:#\\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});``, or 0."""
    cdef int64_t end = place + 1
    cdef int count = 0
    cdef int least = 1
    if char_at(text, end) != c"#":
        least = 2
        while count < 8 and is_letter(char_at(text, end + count)):
            count += 1
    elif char_at(text, end + 1) | 0x20 == c"x":
        end += 2
        count = hex_run(text, end, 6)
    else:
        end += 1
        while count < 7 and is_decimal(char_at(text, end + count)):
            count += 1
    return end + count + 1 if count >= least and char_at(text, end + count) == c";" else 0


cdef int64_t backslash(const Text* text, int64_t place) noexcept nogil:
    """Return the end of ``\\\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[nrt/\"])``, or 0."""
    cdef uint32_t after = char_at(text, place + 1)
    if after == c"u":
        return place + 6 if hex_run(text, place + 2, 4) == 4 else 0
    if after == c"x":
        return place + 4 if hex_run(text, place + 2, 2) == 2 else 0
    return place + 2 if after in (c"n", c"r", c"t", c"/", c'"') else 0


cdef int64_t quoted(const Text* text, int64_t place) noexcept nogil:
    """Return the end of a soft line break or of a byte of quoted-printable, or 0."""
    cdef uint32_t first = char_at(text, place + 1), second = char_at(text, place + 2)
    cdef int64_t end = place + 1
    if (first == c"4" and second == c"0") or (first == c"3" and second == c"D"):
        return place + 3
    if first == c"2" and second == c"E":
        return place + 3
    if first - 67 < 4:
        if not is_upper_hex(second) or char_at(text, place + 3) != c"=":
            return 0
        first, second = char_at(text, place + 4), char_at(text, place + 5)
        return place + 6 if first in (c"8", c"9", c"A", c"B") and is_upper_hex(second) else 0
    while end < place + 9 and char_at(text, end) in (c" ", c"\t"):
        end += 1
    end += char_at(text, end) == c"\r"
    if char_at(text, end) != c"\n" or end + 1 >= text.size:
        return 0
    return 0 if char_at(text, end + 1) in (c"\r", c"\n") else end + 1


cdef int64_t shifted(const Text* text, int64_t place) noexcept nogil:
    """Return the end of ``\\+A[A-Z][A-Za-z0-9+/]|\\+[A-Za-z0-9/]{3,}+-``, or 0.

    No run holds a plus sign: no character is looked at for two of them.
    """
    cdef int64_t end = place + 1
    cdef uint32_t third = char_at(text, place + 3)
    if char_at(text, end) == c"A" and is_capital(char_at(text, place + 2)) and (is_run(third) or third == c"+"):
        return place + 4
    while is_run(char_at(text, end)):
        end += 1
    return end + 1 if end > place + 3 and char_at(text, end) == c"-" else 0


cdef int64_t zeros(const Text* text, int64_t place) noexcept nogil:
    """Return the end of ``[^\\x00]\\x00[^\\x00]\\x00[^\\x00]\\x00`` around a first zero, or 0."""
    cdef int64_t at = place - 1
    cdef int step
    if at < 0 or at + 6 > text.size:
        return 0
    for step in range(6):
        if (char_at(text, at + step) == 0) != (step & 1):
            return 0
    return at + 6


NO_SPANS = NOWHERE.reshape(-1, 2)


def escapes(str text):
    """Return the spans, each [n, 2] and ascending, of the seven kinds of ``escapes.ESCAPES``."""
    cdef Text seen
    cdef Places[7] found
    cdef int64_t start = 0, place, first, end
    cdef uint64_t bits
    cdef uint32_t sign
    cdef int kind
    look_at(&seen, text)
    memset(found, 0, sizeof(found))
    try:
        with nogil:
            while start < seen.size:
                bits = sign_bits(block_at(&seen, start)) & inside(&seen, start)
                while bits:
                    place = start + first_bit(bits)
                    bits &= bits - 1
                    first, end, sign = place, 0, char_at(&seen, place)
                    if sign == c"%":
                        kind, end = 0, place + 3 if hex_run(&seen, place + 1, 2) == 2 else 0
                    elif sign == c"&":
                        kind, end = 1, entity(&seen, place)
                    elif sign == c"\\":
                        kind, end = 2, backslash(&seen, place)
                    elif sign == c"=":
                        kind, end = 3, quoted(&seen, place)
                    elif sign == 0x1b:
                        kind = 4
                        if char_at(&seen, place + 1) == c"$" and char_at(&seen, place + 2) in (c"@", c"B"):
                            end = place + 3
                    elif sign == c"+":
                        kind, end = 5, shifted(&seen, place)
                    else:
                        kind, first, end = 6, place - 1, zeros(&seen, place)
                    if end and (not found[kind].count or first >= found[kind].at[found[kind].count - 1]):
                        push(&found[kind], first)
                        push(&found[kind], end)
                start += BLOCK
        made = []
        for kind in range(7):
            made.append(given(&found[kind]).reshape(-1, 2) if found[kind].count else NO_SPANS)
        return made
    finally:
        for kind in range(7):
            dropped(&found[kind])


cdef int64_t line_before(const Text* text, int64_t place, int64_t least) noexcept nogil:
    """Return the last line end before `place` and not before `least`, or -1."""
    while place > least:
        place -= 1
        if char_at(text, place) == c"\n":
            return place
    return -1


cdef int64_t line_from(Text* text, int64_t place) noexcept nogil:
    """Return the first line end from `place` on, or the end of the text."""
    cdef uint64_t bits
    while place < text.size:
        bits = letter_bits(block_at(text, place), c"\n")
        if bits:
            return place + first_bit(bits)
        place += BLOCK
    return text.size


def around(str text, const int64_t[:, ::1] spans):
    """Return the beginnings and the ends of the runs of lines that hold the spans, ascending.

    With a line goes the one before and the one behind it.
    """
    cdef Text seen
    cdef Places starts, ends
    cdef int64_t number, line, start, end = 0, known = -1
    look_at(&seen, text)
    memset(&starts, 0, sizeof(starts))
    memset(&ends, 0, sizeof(ends))
    try:
        with nogil:
            for number in range(spans.shape[0]):
                if not starts.count or spans[number, 0] >= end:
                    start = end
                    line = line_before(&seen, spans[number, 0], end)
                    if line >= 0:
                        start = max(end, line_before(&seen, line, end) + 1)
                    if not starts.count or start > end:
                        push(&starts, start)
                        push(&ends, 0)
                if spans[number, 1] > known:
                    known = line_from(&seen, spans[number, 1])
                    end = min(line_from(&seen, known + 1) + 1, seen.size)
                ends.at[ends.count - 1] = end
        return given(&starts), given(&ends)
    finally:
        dropped(&starts)
        dropped(&ends)
