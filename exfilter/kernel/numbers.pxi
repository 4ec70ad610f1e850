# Telephone numbers and ticket numbers: runs of digits, and of letters and digits.

cdef int digits(State* s, int64_t start, int64_t end) except -1 nogil:
    """Take a run of digits into the number that it may belong to, unless it is a part of a word."""
    if is_word(s, start - 1) or (is_word(s, end) and not is_extension(s, end)):
        s.digits_end = -1
        return 0
    return group_of(s, start, end)


cdef inline int group_of(State* s, int64_t start, int64_t end) except -1 nogil:
    """Take a group of digits into the number that it may belong to."""
    cdef Group* group
    cdef int64_t before = s.digits_end
    cdef bint plus = (start > 0 and s.data[start - 1] == c"+") or (
        start > 1 and s.data[start - 2] == c"+" and s.data[start - 1] == c"("
    )
    cdef bint joined = before >= 0 and start - before <= 3 and not plus and is_gap(s, before, start)
    if not joined:
        numbers(s)
    s.groups = <Group*>grow(s.groups, &s.group_room, s.group_count, sizeof(Group))
    group = &s.groups[s.group_count]
    s.group_count += 1
    group.start, group.end, group.plus, group.joined = <uint32_t>start, <uint32_t>end, plus, joined
    group.trunk = (
        end - start == 1 and s.data[start] == c"0" and start > 0 and s.data[start - 1] == c"("
        and end < s.size and s.data[end] == c")"
    )
    s.digits_end = end
    return 0


cdef bint is_extension(const State* s, int64_t at) noexcept nogil:
    """See ``reference._is_extension``."""
    cdef int64_t after = at + 1
    if lower(s.data[at]) == c"e" and at + 3 <= s.size and is_text(s, at, at + 3, b"ext", 3):
        after = at + 3
        if after < s.size and (s.data[after] == c" " or s.data[after] == c"."):
            after += 1
    elif lower(s.data[at]) != c"x":
        return False
    return after < s.size and is_digit(s.data[after])


cdef bint is_gap(const State* s, int64_t start, int64_t end) noexcept nogil:
    cdef uint8_t byte
    cdef int64_t at
    if not 1 <= end - start <= 3:
        return False
    for at in range(start, end):
        byte = s.data[at]
        if not (byte == c" " or byte == c"-" or byte == c"." or byte == c"/" or byte == c"(" or byte == c")"):
            return False
    return True


cdef inline int numbers(State* s) except -1 nogil:
    """Add the numbers in one run of joined groups, and forget it."""
    cdef int64_t count = s.group_count
    if count > 1 or (count == 1 and s.groups[0].end - s.groups[0].start >= MIN_PHONE):
        joined_numbers(s)
    s.group_count = 0
    return 0


cdef int joined_numbers(State* s) except -1 nogil:
    cdef int64_t first, consumed = AFTER_PLUS
    cdef Group* group
    for first in range(s.group_count):
        group = &s.groups[first]
        if group.plus or (
            group.end - group.start >= 2 and s.data[group.start] == c"0" and s.data[group.start + 1] == c"0"
        ):
            consumed = 0
        elif not group.joined:
            consumed = AFTER_PLUS
        if consumed == 0 or consumed >= AFTER_PLUS:
            numbers_from(s, first, consumed == 0)
        consumed += group.end - group.start
    return 0


cdef int numbers_from(State* s, int64_t first, bint international) except -1 nogil:
    cdef uint8_t form[MAX_PHONE + PHONE_PREFIX + 1]
    cdef int64_t number, at, length = 0
    cdef Group* group
    form[0] = c"+"
    for number in range(first, min(s.group_count, first + MAX_GROUPS)):
        group = &s.groups[number]
        if not (international and group.trunk):
            if length + group.end - group.start > MAX_PHONE + PHONE_PREFIX:
                return 0
            for at in range(group.start, group.end):
                length += 1
                form[length] = s.data[at]
        if length >= MIN_PHONE:
            spellings(s, s.groups[first].start, group.end, form, length, s.groups[first].plus)
    return 0


cdef int spellings(
    State* s, int64_t start, int64_t end, const uint8_t* form, int64_t length, bint plus
) except -1 nogil:
    """``detectors.phones.spellings``; ``form`` has a plus in front of its digits."""
    cdef const uint8_t* digits = form + 1
    if plus:
        return international(s, start, end, form, length, 0)
    if digits[0] == c"0" and digits[1] == c"0":
        return international(s, start, end, form, length, 2)
    if digits[0] == c"0" and digits[1] == c"1" and digits[2] == c"1":
        international(s, start, end, form, length, 3)
    international(s, start, end, form, length, 0)
    national(s, start, end, digits, length)
    if digits[0] == c"0" or ((digits[0] == c"1" or digits[0] == c"8") and length == 11):
        national(s, start, end, digits + 1, length - 1)
    return 0


cdef int international(
    State* s, int64_t start, int64_t end, const uint8_t* form, int64_t length, int64_t skip
) except -1 nogil:
    cdef uint8_t spelled[MAX_PHONE + PHONE_PREFIX + 1]
    length -= skip
    if length < 0 or s.tables.plus_shapes[length] < 0:
        return 0
    spelled[0] = c"+"
    memcpy(spelled + 1, form + 1 + skip, length)
    return add(s, NUMBERS, <int>s.tables.plus_shapes[length], start, end, spelled, length + 1, 1, -1)


cdef int national(State* s, int64_t start, int64_t end, const uint8_t* digits, int64_t length) except -1 nogil:
    if s.tables.national_shapes[length] < 0:
        return 0
    return add(s, NUMBERS, <int>s.tables.national_shapes[length], start, end, digits, length, 1, -1)


# -- ticket numbers --------------------------------------------------------------------------

cdef inline int tickets(State* s, int64_t start) except -1 nogil:
    """Add the ticket numbers that begin here, where no letter or digit stands before."""
    cdef int64_t number
    cdef uint8_t byte = s.data[start]
    if not s.tables.begins[byte]:
        return 0
    for number in range(s.tables.pattern_start[byte], s.tables.pattern_start[byte + 1]):
        ticket(s, start, s.tables.pattern_of[number])
    return 0


cdef int ticket(State* s, int64_t start, int64_t number) except -1 nogil:
    cdef uint8_t form[CANONICAL]
    cdef const int64_t* pattern = &s.tables.patterns[3 * number]
    cdef const int64_t* part
    cdef int64_t run, at = start, length = 0, gap, place, wanted
    cdef uint8_t byte
    for run in range(pattern[1], pattern[2]):
        part = &s.tables.runs[3 * run]
        if run > pattern[1]:
            gap = 0
            while gap < MAX_GAP and at < s.size and is_separator(s.data[at]):
                at += 1
                gap += 1
        wanted = part[1]
        if at + wanted > s.size or length + wanted > CANONICAL:
            return 0
        for place in range(wanted):
            byte = lower(s.data[at])
            if part[0] >= 0:
                if byte != s.tables.literals[part[0] + place]:
                    return 0
            elif not (is_digit(byte) or (not part[2] and 97 <= byte <= 122)):
                return 0
            form[length] = byte - 32 if 97 <= byte <= 122 else byte
            length += 1
            at += 1
    if at < s.size and kind(s, at) & ALNUM:
        return 0
    return add(s, REFERENCES, <int>pattern[0], start, at, form, length, 2, -1)


cdef inline bint is_separator(uint8_t byte) noexcept nogil:
    return (
        byte == c" " or byte == c"-" or byte == c"_" or byte == c"."
        or byte == c"/" or byte == c":" or byte == c"#"
    )
