# The one pass over a text: blocks of 64 bytes to runs of what may be a word, and each run read.

cdef int read(State* s) except -1 nogil:
    """Find the runs of what may be a word, block by block, and read each."""
    cdef Block block
    cdef uint8_t last[64]
    cdef uint64_t all_ = ~<uint64_t>0, words, lines, run, behind
    cdef int64_t base = 0, start = -1
    cdef int first, end, length, holds = 0
    while base < s.size:
        if base + 64 <= s.size:
            classify(s.data + base, &block)
        else:
            memset(last, 0, 64)
            memcpy(last, s.data + base, s.size - base)
            classify(last, &block)
        words = block.letters | block.digits | block.joins | block.others
        lines = block.lines
        first = 0
        if start >= 0:
            if words == all_:
                holds |= held(&block, all_)
                base += 64
                continue
            length = first_bit(~words)
            run = (<uint64_t>1 << length) - 1
            word_run(s, start, base + length, holds | held(&block, run))
            start = -1
            words &= ~run
        while words:
            first = first_bit(words)
            if lines:
                new_lines(s, lines & ((<uint64_t>1 << first) - 1))
                lines &= ~((<uint64_t>1 << first) - 1)
            behind = words + (words & (0 - words))  # the lowest run is carried into the bit behind it
            run = words & ~behind
            if not behind:
                start = base + first
                holds = held(&block, run)
                break
            end = first_bit(behind)
            words &= behind
            if not run & ~block.letters and base + end < s.span_start:
                letters_run(s, base + first, base + end)
            else:
                word_run(s, base + first, base + end, held(&block, run))
        new_lines(s, lines)
        base += 64
    if start >= 0:
        word_run(s, start, s.size, holds)
    return 0


cdef inline void new_lines(State* s, uint64_t lines) noexcept nogil:
    """Count ends of lines. Each counts as a word."""
    cdef int count
    if lines:
        count = count_bits(lines)
        s.word += count
        s.line += count


# What a run holds.
cdef enum:
    LETTERS = 1
    DIGITS = 2
    JOINS = 4
    OTHERS = 8


cdef inline int held(const Block* block, uint64_t run) noexcept nogil:
    return (
        (LETTERS if block.letters & run else 0) | (DIGITS if block.digits & run else 0)
        | (JOINS if block.joins & run else 0) | (OTHERS if block.others & run else 0)
    )


cdef inline int letters_run(State* s, int64_t start, int64_t end) except -1 nogil:
    """Read a run of letters, with no address at it."""
    tickets(s, start)
    if end - start > 1 and s.tables.any_names:  # an initial keeps no two names apart
        return letters_word(s, start, end)
    return 0


cdef int word_run(State* s, int64_t start, int64_t end, int holds) except -1 nogil:
    """Read a run of letters, digits, underscores, apostrophes and what is not ASCII."""
    if holds & OTHERS:
        while start < end and s.data[start] == c"'":
            start += 1
        while start < end and s.data[end - 1] == c"'":
            end -= 1
        holds = held_by(s, start, end)
    if not holds:
        return 0
    if holds == LETTERS and end < s.span_start:
        return letters_run(s, start, end)
    if holds == LETTERS:
        tickets(s, start)
    elif holds == DIGITS:
        tickets(s, start)
        group_of(s, start, end, True)
        if end < s.span_start:
            s.word += 1
            return 0
    elif not holds & OTHERS:
        joined_word(s, start, end, s.tables.any_names and end < s.span_start)
        if end < s.span_start:
            return 0
    else:
        mixed_numbers(s, start, end)
    if not s.tables.any_names:
        return 0
    words(s, start, end)
    return next_span(s, end)


cdef int held_by(const State* s, int64_t start, int64_t end) noexcept nogil:
    cdef int found = 0
    cdef int64_t at
    cdef uint8_t byte
    for at in range(start, end):
        byte = s.data[at]
        if 97 <= byte | 0x20 <= 122:
            found |= LETTERS
        elif is_digit(byte):
            found |= DIGITS
        elif byte == c"_":
            found |= JOINS
        else:
            return OTHERS
    return found


cdef inline int next_span(State* s, int64_t at) except -1 nogil:
    """Go on to the first address that does not end before ``at``."""
    while s.span < s.span_count and s.spans[s.span + 1] < at:
        s.span += 2
    s.span_start = s.spans[s.span] if s.span < s.span_count else s.size + 1
    return 0


cdef int mixed_numbers(State* s, int64_t start, int64_t end) except -1 nogil:
    """Find the numbers in a run that is neither letters nor digits only."""
    cdef int64_t at = start, first
    cdef bint before = False, here
    while at < end:
        here = kind(s, at) & ALNUM
        if here and not before:
            tickets(s, at)
        before = here
        if not is_digit(s.data[at]):
            at += 1
            continue
        first = at
        while at < end and is_digit(s.data[at]):
            at += 1
        digits(s, first, at)
    return 0
