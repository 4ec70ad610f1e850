# E-mail addresses: they grow from an @.

cdef int emails(State* s) except -1 nogil:
    cdef const void* found
    cdef int64_t at = -1
    while True:
        found = memchr(s.data + at + 1, c"@", s.size - at - 1)
        if found == NULL:
            return 0
        at = <const uint8_t*>found - s.data
        addresses(s, at)


cdef int addresses(State* s, int64_t at) except -1 nogil:
    """See ``reference._grow_right`` and ``reference._local_starts``."""
    cdef int64_t end = at + 1, length = 0, plain = at, whole, bottom = MAX_LOCAL + 1, first = -1, trimmed
    cdef bint inside
    while end < s.size and length < MAX_DOMAIN + 1 and is_domain(s, end):
        end = following(s, end)
        length += 1
    while end > at + 1 and (s.data[end - 1] == c"." or s.data[end - 1] == c"-"):
        end -= 1
    while plain > 0 and bottom > 0 and kind(s, plain - 1) & LOCAL:
        plain = preceding(s, plain)
        bottom -= 1
    whole = plain
    while whole > 0 and bottom > 0 and kind(s, whole - 1) & (LOCAL | RARE):
        whole = preceding(s, whole)
        bottom -= 1
    inside = plain > 1 and s.data[plain - 1] == c"'" and kind(s, plain - 2) & ALNUM
    inside = inside and not opens_string(s, plain - 1, end)
    if whole < plain:
        first = trim(s, whole, at)
        address(s, first, at, end)
    trimmed = trim(s, plain, at)
    if not inside and trimmed != first:
        address(s, trimmed, at, end)
    return 0


cdef bint opens_string(const State* s, int64_t quote, int64_t end) noexcept nogil:
    """See ``reference._opens_string``."""
    cdef uint8_t letter = lower(s.data[quote - 1])
    if end < s.size and s.data[end] == c"'":
        return True
    if quote > 1 and kind(s, quote - 2) & ALNUM:
        return False
    return (
        letter == c"n" or letter == c"e" or letter == c"b" or letter == c"u"
        or letter == c"f" or letter == c"r" or letter == c"q"
    )


cdef inline bint is_domain(const State* s, int64_t at) noexcept nogil:
    cdef uint8_t byte = s.data[at]
    return byte == c"." or byte == c"-" or kind(s, at) & ALNUM


cdef inline int64_t trim(const State* s, int64_t start, int64_t at) noexcept nogil:
    cdef uint8_t byte
    while start < at:
        byte = s.data[start]
        if not (byte == c"'" or byte == c"`" or byte == c"." or byte == c"-" or byte == c"+"):
            break
        start += 1
    return start


cdef int address(State* s, int64_t start, int64_t at, int64_t end) except -1 nogil:
    """Add the address; Python reads one with source characters that are not ASCII."""
    cdef uint8_t form[CANONICAL]
    cdef int64_t length
    if start >= at or characters(s, start, at) > MAX_LOCAL:
        return 0
    if s.source != NULL and is_foreign(s, start, end):
        with gil:
            return foreign_address(s, start, end)
    length = canonical(s, start, at, end, form)
    if length:
        add(s, ADDRESSES, EMAIL, start, end, form, length, 0, -1)
        mask(s, start, end)
    return 0


cdef bint is_foreign(State* s, int64_t start, int64_t end) noexcept nogil:
    """Whether any source character of a span is not ASCII."""
    cdef int64_t at
    for at in range(source_from(s, start, &s.address), source_from(s, end - 1, &s.address) + 1):
        if source_unit(s, at) >= 0x80:
            return True
    return False


cdef int foreign_address(State* s, int64_t start, int64_t end) except -1:
    cdef int64_t at
    text = "".join([chr(source_unit(s, at)) for at in range(source_of(s, start), source_of(s, end - 1) + 1)])
    cdef bytes form = read_address(text)
    if form is not None:
        add(s, ADDRESSES, EMAIL, start, end, form, len(form), 0, -1)
        mask(s, start, end)
    return 0


cdef int64_t canonical(const State* s, int64_t start, int64_t at, int64_t end, uint8_t* form) noexcept nogil:
    """Write the canonical form (``detectors.emails``). Return its length; 0: no address."""
    cdef int64_t local = start, first, length = 0, place
    cdef bint dotted = False, dotless
    while local < at and s.data[local] != c"+":
        local += 1
    while local > start and s.data[local - 1] == c".":
        local -= 1
    while start < local and s.data[start] == c".":
        start += 1
    first = at + 1
    while first < end and (s.data[first] == c"." or s.data[first] == c"-"):
        first += 1
    for place in range(first, end):
        dotted = dotted or s.data[place] == c"."
    if start == local or not dotted or end - first > MAX_DOMAIN:
        return 0
    dotless = is_text(s, first, end, b"gmail.com", 9) or is_text(s, first, end, b"googlemail.com", 14)
    for place in range(start, local):
        if not (dotless and s.data[place] == c"."):
            form[length] = lower(s.data[place])
            length += 1
    form[length] = c"@"
    length += 1
    if dotless:
        memcpy(form + length, <const char*>b"gmail.com", 9)
        return length + 9
    for place in range(first, end):
        form[length] = lower(s.data[place])
        length += 1
    return length


cdef int mask(State* s, int64_t start, int64_t end) except -1 nogil:
    """The words of an address are not a person's name. Spans come by ascending end."""
    while s.span_count and s.spans[s.span_count - 2] >= start:
        s.span_count -= 2
    if s.span_count and s.spans[s.span_count - 1] >= start:
        s.spans[s.span_count - 1] = max(end, s.spans[s.span_count - 1])
        return 0
    s.spans = <int64_t*>grow(s.spans, &s.span_room, s.span_count + 1, sizeof(int64_t))
    s.spans[s.span_count] = start
    s.spans[s.span_count + 1] = end
    s.span_count += 2
    return 0
