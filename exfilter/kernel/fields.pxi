# Fields of records: their numbers, and what stands beside a field. See ``plain.fields``.

cdef int number_fields(State* s) except -1 nogil:
    """Note for each block of the text where marks and beginnings of records are in it."""
    cdef int64_t blocks = s.size // BLOCK + 1, block, number
    cdef uint8_t last[BLOCK]
    cdef uint32_t count = 0
    cdef uint64_t all_ = ~<uint64_t>0
    s.marks_in = <uint64_t*>grow(s.marks_in, &s.marks_in_room, blocks, sizeof(uint64_t))
    s.begins_in = <uint64_t*>grow(s.begins_in, &s.begins_in_room, blocks, sizeof(uint64_t))
    s.marks_before = <uint32_t*>grow(s.marks_before, &s.marks_before_room, blocks, sizeof(uint32_t))
    memset(s.begins_in, 0, blocks * sizeof(uint64_t))
    for number in range(s.record_count):
        if <uint64_t>s.records[number] < <uint64_t>s.size:
            s.begins_in[s.records[number] // BLOCK] |= <uint64_t>1 << (s.records[number] % BLOCK)
    for block in range(blocks):
        if (block + 1) * BLOCK <= s.size:
            s.marks_in[block] = marks_of(s.data + block * BLOCK)
        else:
            memset(last, 0, BLOCK)
            memcpy(last, s.data + block * BLOCK, s.size - block * BLOCK)
            s.marks_in[block] = marks_of(last)
        s.marks_before[block] = count
        if s.begins_in[block]:
            count = count_bits(s.marks_in[block] & all_ << last_bit(s.begins_in[block]))
        else:
            count += count_bits(s.marks_in[block])
    return 0


cdef inline int column_of(const State* s, int64_t at) noexcept nogil:
    """Return the number of the field that a place is in, in its record."""
    cdef int64_t block = at // BLOCK
    cdef uint64_t before = (<uint64_t>1 << (at % BLOCK)) - 1
    cdef uint64_t begins = s.begins_in[block] & (before << 1 | 1)
    cdef int64_t count
    if begins:
        count = count_bits(s.marks_in[block] & before & ~<uint64_t>0 << last_bit(begins))
    else:
        count = s.marks_before[block] + count_bits(s.marks_in[block] & before)
    return <int>min(1 + count, LAST_COLUMN)


cdef int64_t next_field(const State* s, int64_t end) noexcept nogil:
    """Return where the field behind the one that ends here begins; -1: none is there."""
    cdef int64_t at = end
    at += is_quote(s, at)
    at += is_byte(s, at, c" ")
    if not is_sign(s, at, MARK):
        return -1
    at += 1 + (s.data[at] == c"\t" and is_byte(s, at + 1, c"\t"))
    at += is_byte(s, at, c" ")
    at = behind_key(s, at)
    return at + is_quote(s, at)


cdef inline bint is_quote(const State* s, int64_t at) noexcept nogil:
    return is_byte(s, at, c'"') or is_byte(s, at, c"'")


cdef int64_t behind_key(const State* s, int64_t start) noexcept nogil:
    cdef int64_t at = start + 1, length = 0
    if not is_byte(s, start, c'"'):
        return start
    while at < s.size and s.data[at] != c'"':
        length += not continues(s.data[at])
        if s.data[at] == c"\n" or length > LONGEST_KEY:
            return start
        at += 1
    if at >= s.size or not length:
        return start
    at += 1
    at += is_byte(s, at, c" ")
    if not is_byte(s, at, c":"):
        return start
    return at + 1 + is_byte(s, at + 1, c" ")


cdef int64_t field_before(const State* s, int64_t start) noexcept nogil:
    """Return where the field before the one that begins here ends; -1: none is there."""
    cdef int64_t at = start
    at -= is_quote(s, at - 1)
    at = before_key(s, at)
    at -= is_byte(s, at - 1, c" ")
    if not is_sign(s, at - 1, MARK):
        return -1
    at -= 1 + (s.data[at - 1] == c"\t" and is_byte(s, at - 2, c"\t"))
    at -= is_byte(s, at - 1, c" ")
    return at - is_quote(s, at - 1)


cdef int64_t before_key(const State* s, int64_t end) noexcept nogil:
    cdef int64_t at = end, length = 0
    at -= is_byte(s, at - 1, c" ")
    if not is_byte(s, at - 1, c":"):
        return end
    at -= 1
    at -= is_byte(s, at - 1, c" ")
    if not is_byte(s, at - 1, c'"'):
        return end
    at -= 2
    while at >= 0 and s.data[at] != c'"':
        length += not continues(s.data[at])
        if s.data[at] == c"\n" or length > LONGEST_KEY:
            return end
        at -= 1
    return at if at >= 0 and length else end


cdef inline bint opens_field(const State* s, int64_t start) noexcept nogil:
    start -= is_byte(s, start - 1, c" ")
    return start == 0 or is_sign(s, start - 1, OPENING)


cdef inline bint closes_field(const State* s, int64_t end) noexcept nogil:
    return end == s.size or (is_sign(s, end, CLOSING) and not (s.data[end] == c'"' and is_byte(s, end + 1, c":")))
