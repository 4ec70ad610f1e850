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
    """See ``plain.addresses.addresses`` and ``_local_starts``."""
    cdef int64_t stop = local_end(s, at), plain, whole, bottom = MAX_LOCAL + 1, first = -1, trimmed, domain, end
    cdef bint inside
    plain = stop
    while plain > 0 and bottom > 0 and (kind(s, plain - 1) & LOCAL or (s.wide and is_full_stop(s, plain - 3))):
        plain = preceding(s, plain)
        bottom -= 1
    whole = plain
    while whole > 0 and bottom > 0 and (kind(s, whole - 1) & (LOCAL | RARE) or (s.wide and is_full_stop(s, whole - 3))):
        whole = preceding(s, whole)
        bottom -= 1
    if whole == stop:
        return 0
    domain = domain_start(s, at)
    end = grown_right(s, domain)
    inside = plain > 1 and s.data[plain - 1] == c"'" and kind(s, plain - 2) & ALNUM
    inside = inside and not opens_string(s, plain - 1, end)
    if whole < plain:
        first = trim(s, whole, stop)
        address(s, first, stop, domain, end)
    trimmed = trim(s, plain, stop)
    if not inside and trimmed != first:
        address(s, trimmed, stop, domain, end)
    return 0


cdef int64_t local_end(const State* s, int64_t at) noexcept nogil:
    """See ``plain.addresses._local_end``."""
    cdef int64_t stop = at
    if at == 0 or kind(s, at - 1) & (LOCAL | RARE):
        return at
    if s.data[at - 1] == c'"' and at > 1 and kind(s, at - 2) & LOCAL:
        return at - 1
    while stop > 0 and stop > at - SPACES and s.data[stop - 1] == c" ":
        stop -= 1
    if stop and kind(s, stop - 1) & LOCAL:
        return stop
    stop = field_before(s, at)
    return stop if stop > 0 and kind(s, stop - 1) & LOCAL else at


cdef int64_t domain_start(const State* s, int64_t at) noexcept nogil:
    """See ``plain.addresses._domain_start``."""
    cdef int64_t start = at + 1
    while start < s.size and start <= at + SPACES and s.data[start] == c" ":
        start += 1
    if start < s.size and is_domain(s, start):
        return start
    start = next_field(s, at + 1)
    return start if 0 <= start < s.size and is_domain(s, start) else at + 1


cdef int64_t grown_right(const State* s, int64_t start) noexcept nogil:
    """Return where a domain ends."""
    cdef int64_t end = start, length = 0
    while end < s.size and length < MAX_DOMAIN + 1 and (is_domain(s, end) or (s.wide and is_full_stop(s, end))):
        end = following(s, end)
        length += 1
    while end > start and (s.data[end - 1] == c"." or s.data[end - 1] == c"-"):
        end -= 1
    return end


cdef bint opens_string(const State* s, int64_t quote, int64_t end) noexcept nogil:
    """See ``plain.addresses._opens_string``."""
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


cdef bint is_full_stop(const State* s, int64_t at) noexcept nogil:
    """See ``plain.addresses._is_full_stop``."""
    if at < 1 or at + 3 >= s.size or memcmp(s.data + at, <const char*>b"\xe3\x80\x82", 3) != 0:
        return False
    return is_letter_or_digit(s.data[at - 1]) and is_letter_or_digit(s.data[at + 3])


cdef inline bint is_letter_or_digit(uint8_t byte) noexcept nogil:
    return is_letter(byte) or is_digit(byte)


cdef inline int64_t trim(const State* s, int64_t start, int64_t at) noexcept nogil:
    cdef uint8_t byte
    while start < at:
        byte = s.data[start]
        if not (byte == c"'" or byte == c"`" or byte == c"." or byte == c"-" or byte == c"+"):
            break
        start += 1
    return start


cdef int address(State* s, int64_t start, int64_t stop, int64_t domain, int64_t end) except -1 nogil:
    """Add the address; Python reads one with source characters that are not ASCII."""
    cdef uint8_t form[CANONICAL]
    cdef int64_t length
    if start >= stop or domain >= end or characters(s, start, stop) > MAX_LOCAL:
        return 0
    if s.source != NULL and (is_foreign(s, start, end) if stop + 1 == domain else (
        is_foreign(s, start, stop) or is_foreign(s, domain, end)
    )):
        with gil:
            return foreign_address(s, start, stop, domain, end)
    length = canonical(s, start, stop, domain, end, form)
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


cdef int foreign_address(State* s, int64_t start, int64_t stop, int64_t domain, int64_t end) except -1:
    cdef bytes form
    for form in read_address(source_text(s, start, stop), source_text(s, domain, end)):
        add(s, ADDRESSES, EMAIL, start, end, form, len(form), 0, -1)
        mask(s, start, end)
    return 0


cdef str source_text(State* s, int64_t start, int64_t end):
    """Return the source of a stretch."""
    cdef int64_t at
    return "".join([chr(source_unit(s, at)) for at in range(source_of(s, start), source_of(s, end - 1) + 1)])


cdef int64_t canonical(
    const State* s, int64_t start, int64_t stop, int64_t domain, int64_t end, uint8_t* form
) noexcept nogil:
    """Write the canonical form (``detectors.emails``). Return its length; 0: no address."""
    cdef int64_t local = start, length = 0, place
    cdef bint dotted = False, dotless
    while local < stop and s.data[local] != c"+":
        local += 1
    while local > start and s.data[local - 1] == c".":
        local -= 1
    while start < local and s.data[start] == c".":
        start += 1
    while domain < end and (s.data[domain] == c"." or s.data[domain] == c"-"):
        domain += 1
    for place in range(domain, end):
        dotted = dotted or s.data[place] == c"."
    if start == local or not dotted or end - domain > MAX_DOMAIN:
        return 0
    dotless = is_text(s, domain, end, b"gmail.com", 9) or is_text(s, domain, end, b"googlemail.com", 14)
    for place in range(start, local):
        if not (dotless and s.data[place] == c"."):
            form[length] = lower(s.data[place])
            length += 1
    form[length] = c"@"
    length += 1
    if dotless:
        memcpy(form + length, <const char*>b"gmail.com", 9)
        return length + 9
    for place in range(domain, end):
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


# -- local part and domain in two fields -----------------------------------------------------

cdef int split_addresses(State* s) except -1 nogil:
    """See ``plain.addresses.split_addresses``."""
    cdef const void* found
    cdef int64_t at = 0
    while True:
        found = memchr(s.data + at, c".", s.size - at)
        if found == NULL:
            return 0
        at = <const uint8_t*>found - s.data + 1
        if at < s.size and is_letter(s.data[at]):
            split_address(s, at)


cdef int split_address(State* s, int64_t start) except -1 nogil:
    """Add the addresses with a domain that ends with the letters from here on."""
    cdef int64_t end = start, domain = start - 1, first, last
    while end < s.size and end - start <= LONGEST_TOP and is_letter(s.data[end]):
        end += 1
    if not SHORTEST_TOP <= end - start <= LONGEST_TOP or not closes_field(s, end):
        return 0
    while domain > 0 and start - 1 - domain < MAX_DOMAIN and is_label(s.data[domain - 1]):
        domain -= 1
    if domain == start - 1 or not opens_field(s, domain):
        return 0
    last = field_before(s, domain)
    if last >= 0:
        first = last
        while first > 0 and last - first <= MAX_LOCAL and is_local(s.data[first - 1]):
            first -= 1
        if opens_field(s, first):
            split_at(s, first, last, domain, end)
    first = next_field(s, end)
    if first >= 0:
        last = first
        while last < s.size and last - first <= MAX_LOCAL and is_local(s.data[last]):
            last += 1
        if closes_field(s, last):
            split_at(s, first, last, domain, end)
    return 0


cdef int split_at(State* s, int64_t first, int64_t last, int64_t domain, int64_t end) except -1 nogil:
    cdef uint8_t form[CANONICAL]
    cdef int64_t at, length
    if not 0 < last - first <= MAX_LOCAL:
        return 0
    for at in range(first, last):
        if is_letter(s.data[at]):
            length = canonical(s, first, last, domain, end, form)
            if length:
                add(s, SPLIT_ADDRESSES, EMAIL, min(first, domain), max(last, end), form, length, 0, -1)
            return 0
    return 0


cdef inline bint is_letter(uint8_t byte) noexcept nogil:
    return 97 <= byte | 0x20 <= 122


cdef inline bint is_label(uint8_t byte) noexcept nogil:
    return is_letter(byte) or is_digit(byte) or byte == c"." or byte == c"-"


cdef inline bint is_local(uint8_t byte) noexcept nogil:
    return is_label(byte) or byte == c"_" or byte == c"+"
