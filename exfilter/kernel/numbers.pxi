# Telephone numbers and ticket numbers: runs of digits, and of letters and digits.

cdef int digits(State* s, int64_t start, int64_t end) except -1 nogil:
    """Take a run of digits into the number that it may belong to, unless it is a part of a word."""
    cdef bint ends = not touches(s, end)
    if touches(s, start - 1) or not (ends or is_extension(s, end)):
        if s.even.groups:
            even_end(s)
        if not ends and lower(s.data[end]) == c"e":
            scientific(s, start, end)
        s.digits_end = -1
        return 0
    return group_of(s, start, end, ends)


cdef inline int group_of(State* s, int64_t start, int64_t end, bint ends) except -1 nogil:
    """Take a group of digits into the number that it may belong to. ``ends``: no extension follows."""
    cdef Group* group
    cdef const Group* before = &s.groups[s.group_count - 1] if s.digits_end >= 0 else NULL
    cdef uint8_t byte = s.data[start - 1] if start else 0
    cdef bint plus = byte == c"+" or (byte == c"(" and is_byte(s, start - 2, c"+"))
    cdef bint joined = before != NULL and not plus and is_joined(s, before, start, end)
    cdef bint abroad = s.record_count and joined and not before.joined and code_of(s, before) == COUNTRY_CODE
    if s.even.groups or (before != NULL and start - before.end <= LONGEST_GAP and end - start <= WIDEST):
        even_group(s, before, start, end, ends)
    if not joined:
        numbers(s)
    if s.group_count == s.group_room:
        s.groups = <Group*>grow(s.groups, &s.group_room, s.group_count, sizeof(Group))
    group = &s.groups[s.group_count]
    s.group_count += 1
    group.start, group.end, group.plus, group.joined = <uint32_t>start, <uint32_t>end, plus, joined
    group.trunk = end - start == 1 and byte == c"(" and s.data[start] == c"0" and is_byte(s, end, c")")
    group.abroad = abroad
    s.digits_end = end
    return 0


cdef inline bint is_joined(const State* s, const Group* before, int64_t start, int64_t end) noexcept nogil:
    """See ``plain.numbers._is_joined``."""
    if start - before.end <= 3 and is_gap(s, before.end, start):
        return True
    return s.record_count and start - before.end <= FARTHEST_FIELD and is_split(s, before, start, end)


cdef bint is_split(const State* s, const Group* before, int64_t start, int64_t end) noexcept nogil:
    """Whether the number of a code in one field stands in the next one."""
    cdef int code = code_of(s, before)
    if not code:
        return False
    if code == AREA_CODE and not before.joined and s.data[before.start] != c"0" and end - start != 7:
        if end - start != 3 or not is_local_number(s, end):
            return False
    return next_field(s, before.end) == start


cdef bint is_local_number(const State* s, int64_t at) noexcept nogil:
    """Whether four digits follow, behind three of a number of North America."""
    cdef int64_t digit
    if at + 5 > s.size or not is_sign(s, at, GAP):
        return False
    for digit in range(at + 1, at + 5):
        if not is_digit(s.data[digit]):
            return False
    return True


cdef int code_of(const State* s, const Group* group) noexcept nogil:
    """Return what code a group may be: see ``plain.numbers._groups``."""
    cdef int64_t size = group.end - group.start
    if group.joined:
        return AREA_CODE if group.abroad and 2 <= size <= 5 else 0
    if group.plus:
        return COUNTRY_CODE if size <= 3 else 0
    if s.data[group.start] == c"0":
        if size > 1 and s.data[group.start + 1] == c"0":
            return COUNTRY_CODE if size <= 5 else 0
        return AREA_CODE if 2 <= size <= 6 else 0
    return AREA_CODE if size == 3 and s.data[group.start] != c"1" else 0


cdef bint is_extension(const State* s, int64_t at) noexcept nogil:
    """See ``plain.numbers._is_extension``."""
    cdef int64_t after = at + 1
    if lower(s.data[at]) == c"e" and at + 3 <= s.size and is_text(s, at, at + 3, b"ext", 3):
        after = at + 3
        if after < s.size and (s.data[after] == c" " or s.data[after] == c"."):
            after += 1
    elif lower(s.data[at]) != c"x":
        return False
    return after < s.size and is_digit(s.data[after])


cdef inline bint is_gap(const State* s, int64_t start, int64_t end) noexcept nogil:
    cdef int64_t at
    for at in range(start, end):
        if not is_sign(s, at, GAP):
            return False
    return 1 <= end - start <= 3


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
    for number in range(first, min(s.group_count, first + MAX_GROUPS)):
        group = &s.groups[number]
        if not (international and group.trunk):
            if length + group.end - group.start > MAX_PHONE + PHONE_PREFIX:
                return 0
            for at in range(group.start, group.end):
                length += 1
                form[length] = s.data[at]
        if length >= MIN_PHONE:
            spellings(s, NUMBERS, s.groups[first].start, group.end, form, length, s.groups[first].plus)
    return 0


cdef int spellings(
    State* s, int stream, int64_t start, int64_t end, const uint8_t* form, int64_t length, bint plus
) except -1 nogil:
    """``detectors.phones.spellings``; ``form`` has a plus in front of its digits."""
    cdef const uint8_t* digits = form + 1
    if plus:
        return with_code(s, stream, start, end, digits, length)
    if digits[0] == c"0" and digits[1] == c"0":
        return with_code(s, stream, start, end, digits + 2, length - 2)
    if digits[0] == c"0" and digits[1] == c"1" and digits[2] == c"1":
        with_code(s, stream, start, end, digits + 3, length - 3)
    international(s, stream, start, end, digits, length)
    national(s, stream, start, end, digits, length)
    if digits[0] == c"0" or ((digits[0] == c"1" or digits[0] == c"8") and length == 11):
        national(s, stream, start, end, digits + 1, length - 1)
    return 0


cdef int with_code(
    State* s, int stream, int64_t start, int64_t end, const uint8_t* digits, int64_t length
) except -1 nogil:
    """Add a number with its country code, also without a trunk 0 behind the code."""
    cdef uint8_t spelled[LONGEST_NUMBER]
    cdef int code = 3
    international(s, stream, start, end, digits, length)
    if length and (digits[0] == c"1" or digits[0] == c"7"):
        code = 1
    elif length > 1 and s.tables.two_digit_codes[10 * (digits[0] - 48) + digits[1] - 48]:
        code = 2
    if length > code and digits[code] == c"0":
        memcpy(spelled, digits, code)
        memcpy(spelled + code, digits + code + 1, length - code - 1)
        international(s, stream, start, end, spelled, length - 1)
    return 0


cdef int international(
    State* s, int stream, int64_t start, int64_t end, const uint8_t* digits, int64_t length
) except -1 nogil:
    cdef uint8_t spelled[LONGEST_NUMBER]
    if length < 0 or s.tables.plus_shapes[length] < 0:
        return 0
    spelled[0] = c"+"
    memcpy(spelled + 1, digits, length)
    return add(s, stream, <int>s.tables.plus_shapes[length], start, end, spelled, length + 1, 1, -1)


cdef int national(
    State* s, int stream, int64_t start, int64_t end, const uint8_t* digits, int64_t length
) except -1 nogil:
    if s.tables.national_shapes[length] < 0:
        return 0
    return add(s, stream, <int>s.tables.national_shapes[length], start, end, digits, length, 1, -1)


# -- numbers written evenly, in any punctuation ----------------------------------------------

cdef int even_group(State* s, const Group* before, int64_t start, int64_t end, bint ends) except -1 nogil:
    """Take a group of digits into the run of even ones, or begin a run with the one before it."""
    cdef Even* even = &s.even
    cdef int64_t size = end - start, at
    if even.groups:
        if ends and even_goes_on(s, start, size):
            even.end, even.last = end, <uint8_t>size
            even.groups += 1
            return 0
        return even_end(s)
    if not ends or not before.end - before.start <= size <= WIDEST:
        return 0
    for at in range(before.end, start):
        if not is_sign(s, at, EVENLY):
            return 0
    even.start, even.gap, even.gap_length, even.end = before.start, before.end, start - before.end, end
    even.second = even.last = <uint8_t>size
    even.groups = 2
    return 0


cdef bint even_goes_on(const State* s, int64_t start, int64_t size) noexcept nogil:
    """See ``plain.numbers._Run.goes_on``."""
    cdef const Even* even = &s.even
    return (
        start - even.end == even.gap_length
        and memcmp(s.data + even.gap, s.data + even.end, even.gap_length) == 0
        and even.last == even.second and (size <= even.second or (size == 4 and even.second == 3))
    )


cdef int even_end(State* s) except -1 nogil:
    """Add the number that a run of even groups is, if it is one, and forget the run."""
    cdef Even* even = &s.even
    cdef uint8_t form[LONGEST_NUMBER]
    cdef int64_t groups = even.groups, length = 0, at
    cdef bint usual
    even.groups = 0
    if groups <= 2 or groups > MAX_PHONE:
        return 0
    for at in range(even.start, even.end):
        if is_digit(s.data[at]):
            if length == MAX_PHONE:
                return 0
            length += 1
            form[length] = s.data[at]
    if length < MIN_BARE:
        return 0
    usual = groups <= MAX_GROUPS and is_gap(s, even.gap, even.gap + even.gap_length)
    if not usual and length >= MIN_PHONE:
        spellings(s, EVEN_NUMBERS, even.start, even.end, form, length, is_byte(s, even.start - 1, c"+"))
    if even.second == 1 or (
        even.second == 3 and even.last == 3 and even.gap_length == 1 and is_thousands(s.data[even.gap])
    ):
        bare(s, even.start, even.end, form + 1, length)
    return 0


cdef inline bint is_thousands(uint8_t byte) noexcept nogil:
    return byte == c" " or byte == c"," or byte == c"." or byte == c"'"


cdef int bare(State* s, int64_t start, int64_t end, const uint8_t* digits, int64_t length) except -1 nogil:
    """Add a ticket number of nothing but digits."""
    if s.tables.bare_shapes[length] < 0:
        return 0
    return add(s, EVEN_NUMBERS, <int>s.tables.bare_shapes[length], start, end, digits, length, 2, -1)


cdef int scientific(State* s, int64_t start, int64_t end) except -1 nogil:
    """Add the number of which the decimals of a mantissa are given: ``plain.numbers._scientific``."""
    cdef uint8_t form[LONGEST_NUMBER]
    cdef int64_t at = end + 1, size = end - start, exponent = 0, first, length
    if not 4 <= size <= 14 or start < 2 or not (s.data[start - 1] == c"." or s.data[start - 1] == c","):
        return 0
    if not is_digit(s.data[start - 2]) or touches(s, start - 3):
        return 0
    if is_byte(s, start - 3, c".") or is_byte(s, start - 3, c","):
        return 0
    at += is_byte(s, at, c"+")
    first = at
    while at < s.size and at - first < 3 and is_digit(s.data[at]):
        exponent = 10 * exponent + s.data[at] - 48
        at += 1
    length = 1 + max(size, exponent)
    if not 1 <= at - first <= 2 or touches(s, at) or not 0 <= exponent - size <= 2 or length > MAX_PHONE:
        return 0
    numbers(s)
    memset(form, c"0", LONGEST_NUMBER)
    form[1] = s.data[start - 2]
    memcpy(form + 2, s.data + start, size)
    if length >= MIN_PHONE:
        spellings(s, EVEN_NUMBERS, start - 2, at, form, length, False)
    return bare(s, start - 2, at, form + 1, length)


# -- ticket numbers --------------------------------------------------------------------------

cdef inline int tickets(State* s, int64_t start) except -1 nogil:
    """Add the ticket numbers that begin here, where no letter or digit stands before."""
    if s.tables.begins[s.data[start]]:
        return tickets_at(s, start)
    return 0


cdef int tickets_at(State* s, int64_t start) except -1 nogil:
    cdef int64_t number
    cdef uint8_t byte = s.data[start]
    for number in range(s.tables.pattern_start[byte], s.tables.pattern_start[byte + 1]):
        if may_begin(s, start, s.tables.pattern_of[number]):
            ticket(s, start, s.tables.pattern_of[number])
    return 0


cdef inline bint may_begin(const State* s, int64_t start, int64_t number) noexcept nogil:
    """Whether one of its first run's places is as it must be: few words go further."""
    cdef const int64_t* part = &s.tables.runs[RUN * s.tables.patterns[PATTERN * number + 1]]
    if part[0] >= 0:
        return part[1] < 2 or (start + 1 < s.size and lower(s.data[start + 1]) == s.tables.literals[part[0] + 1])
    return s.tables.patterns[PATTERN * number + 3] < part[1] or (
        start + part[1] <= s.size and kind(s, start + part[1] - 1) & ALNUM
    )


cdef int ticket(State* s, int64_t start, int64_t number) except -1 nogil:
    """See ``plain.references._match``."""
    cdef uint8_t form[CANONICAL]
    cdef const int64_t* pattern = &s.tables.patterns[PATTERN * number]
    cdef const int64_t* part
    cdef int64_t run, at = start, length = 0, end
    cdef bint prefixed = pattern[4] != 0
    for run in range(pattern[1], pattern[2]):
        part = &s.tables.runs[RUN * run]
        if run > pattern[1]:
            at = behind_gap(s, at, part)
        if length + part[1] > CANONICAL:
            return 0
        end = taken_run(s, at, part, prefixed and run > pattern[1], form + length)
        if (prefixed or pattern[3] < part[1]) and run + 1 == pattern[2] and part[0] < 0 and part[2]:
            if end < 0 or touches(s, end):
                end = with_zeros(s, at, part, pattern, form + length)
        if end < 0:
            return 0
        at = end
        length += part[1]
    if touches(s, at):
        return 0
    if pattern[2] - pattern[1] == 1 and s.even.groups:
        even_end(s)  # what is of the same shape comes in the order of its places
    return add(s, REFERENCES, <int>pattern[0], start, at, form, length, 2, -1)


cdef int64_t behind_gap(const State* s, int64_t end, const int64_t* part) noexcept nogil:
    """Return where the next run begins, if there is one."""
    cdef int64_t at = end
    cdef bint wide = part[3] != 0
    cdef uint8_t byte
    while at < s.size and at < end + (WIDE_GAP if wide else MAX_GAP) and is_sign(s, at, WIDE if wide else SEPARATOR):
        at += 1
    if wide:
        byte = lower(s.data[at]) if at < s.size else 0
        if not (byte == s.tables.literals[part[0]] if part[0] >= 0 else is_of(byte, part)):
            return max(at, next_field(s, end))
    return at


cdef inline bint is_of(uint8_t byte, const int64_t* part) noexcept nogil:
    """Whether a run may hold a byte, in lower case."""
    return is_digit(byte) or (not part[2] and 97 <= byte <= 122)


cdef inline int64_t taken_run(
    const State* s, int64_t at, const int64_t* part, bint spaced, uint8_t* form
) noexcept nogil:
    """Write the run that begins here, in upper case. Return where it ends; -1: there is none."""
    cdef const uint8_t* literal
    cdef int64_t place
    cdef uint8_t byte
    if at + part[1] > s.size:
        return -1
    if part[0] >= 0:
        literal = &s.tables.literals[part[0]]
        for place in range(part[1]):
            byte = lower(s.data[at + place])
            if byte != literal[place]:
                return -1
            form[place] = byte - 32 if 97 <= byte <= 122 else byte
        return at + part[1]
    if spaced and part[2]:
        return spaced_digits(s, at, part[1], form)
    for place in range(part[1]):
        byte = s.data[at + place]
        if not is_digit(byte):
            byte = lower(byte)
            if part[2] or not 97 <= byte <= 122:
                return -1
            byte -= 32
        form[place] = byte
    return at + part[1]


cdef int64_t spaced_digits(const State* s, int64_t at, int64_t length, uint8_t* form) noexcept nogil:
    """Write digits of which any two may have one sign between them. Return where they end, or -1."""
    cdef int64_t place
    for place in range(length):
        at += place > 0 and is_sign(s, at, WITHIN)
        if at >= s.size or not is_digit(s.data[at]):
            return -1
        form[place] = s.data[at]
        at += 1
    return at


cdef int64_t with_zeros(
    const State* s, int64_t start, const int64_t* part, const int64_t* pattern, uint8_t* form
) noexcept nogil:
    """See ``plain.references._with_zeros``."""
    cdef int64_t end = start, told, written
    while end < s.size and is_digit(s.data[end]):
        end += 1
    written = told = end - start
    while told and s.data[end - told] == c"0":
        told -= 1
    if pattern[4]:
        if written > LONGEST_RUN or not pattern[3] or not pattern[3] <= told <= part[1]:
            return -1
    elif pattern[2] - pattern[1] > 1 or not pattern[3] <= written < part[1]:
        return -1
    memset(form, c"0", part[1])
    memcpy(form + part[1] - told, s.data + end - told, told)
    return end
