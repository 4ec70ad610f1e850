# Characters, cells and lines of a customer table.


def _characters():
    """Return what each ASCII character can be in an address, a phone number and a ticket number."""
    table = np.zeros(256, dtype=np.uint8)
    for code in range(128):
        character = chr(code)
        alnum = character.isalnum()
        table[code] |= LOCAL * (alnum or character in "._-") | DOMAIN * (alnum or character in ".-")
        table[code] |= PUNCTUATION * (character in " ()-./") | BETWEEN * (character in tickets.SEPARATORS)
    return table


def _missing():
    """Return what says that there is nothing, in slots of 16 bytes: the length, then the lower case."""
    table = np.zeros((len(cells.MISSING), 16), dtype=np.uint8)
    for slot, text in enumerate(sorted(cells.MISSING)):
        table[slot, 0] = len(text)
        table[slot, 1 : 1 + len(text)] = np.frombuffer(text.encode(), dtype=np.uint8)
    return table


cdef const uint8_t[::1] CHARACTERS = _characters()
cdef const uint8_t[:, ::1] NOTHING = _missing()
cdef Py_ssize_t LONGEST_NOTHING = max(map(len, cells.MISSING))
cdef uint8_t MAY_BE_NOTHING[256]
for _code in range(256):
    MAY_BE_NOTHING[_code] = any(ord(text[0]) == ord(chr(_code).lower()[0]) for text in cells.MISSING)


cdef struct Cell:
    const uint8_t* at
    Py_ssize_t n


cdef inline uint8_t lowered(uint8_t c) noexcept nogil:
    return c + 32 if 65 <= c <= 90 else c


cdef inline int is_letter(uint8_t c) noexcept nogil:
    return 97 <= (c | 32) <= 122


cdef inline int is_alnum(uint8_t c) noexcept nogil:
    return is_letter(c) or 48 <= c <= 57


cdef inline uint64_t mixed(uint64_t value, uint64_t key) noexcept nogil:
    """The finalisation of splitmix64 (Steele et al., 2014): see ``codes.block_hash``."""
    value += key
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9ULL
    value = (value ^ (value >> 27)) * 0x94D049BB133111EBULL
    return value ^ (value >> 31)


cdef int _are_digits(const uint8_t* text, int n) noexcept nogil:
    cdef int i
    for i in range(n):
        if not 48 <= text[i] <= 57:
            return 0
    return 1


cdef int _begins(const uint8_t* digits, int number, int* size) noexcept nogil:
    """Whether digits begin with a number of up to three digits. ``size``: how many it has."""
    cdef int i, value = number
    size[0] = 1 if number < 10 else 2 if number < 100 else 3
    for i in range(size[0] - 1, -1, -1):
        if digits[i] != 48 + value % 10:
            return 0
        value //= 10
    return 1


cdef Py_ssize_t _without_dots(uint8_t* text, Py_ssize_t local) noexcept nogil:
    """Make a Gmail address of a local part, and return its length."""
    cdef Py_ssize_t i, n = 0
    for i in range(local):
        if text[i] != 46:
            text[n] = text[i]
            n += 1
    memcpy(text + n, <const char*>b"@gmail.com", 10)
    return n + 10


cdef int _trim(Cell* cell, const uint8_t* first, const uint8_t* last) noexcept nogil:
    """Take blanks away on both sides. 0: there are rarer ones."""
    while first < last and (first[0] == 32 or first[0] == 9):
        first += 1
    while first < last and ((last - 1)[0] == 32 or (last - 1)[0] == 9):
        last -= 1
    cell.at, cell.n = first, last - first
    if cell.n > 1 and ((first[0] == 0xC2 and first[1] == 0xA0) or ((last - 2)[0] == 0xC2 and (last - 1)[0] == 0xA0)):
        return 0
    if cell.n > 2 and (memcmp(first, <const char*>b"\xef\xbb\xbf", 3) == 0 or memcmp(last - 3, <const char*>b"\xef\xbb\xbf", 3) == 0):
        return 0
    return 1


cdef int _is_missing(Cell* cell) noexcept nogil:
    """Whether a cell may say that there is nothing."""
    cdef Py_ssize_t slot, i
    if cell.n == 0 or cell.n > LONGEST_NOTHING or not MAY_BE_NOTHING[cell.at[0]]:
        return 0
    for slot in range(NOTHING.shape[0]):
        if NOTHING[slot, 0] == cell.n:
            i = 0
            while i < cell.n and lowered(cell.at[i]) == NOTHING[slot, 1 + i]:
                i += 1
            if i == cell.n:
                return 1
    return 0


cdef int _is_one_ticket(Cell* cell) noexcept nogil:
    """Whether a cell is plainly the number of one ticket, if it is any."""
    cdef Py_ssize_t place
    cdef uint8_t c
    cdef int spaces = 0, slashes = 0
    for place in range(cell.n):
        c = cell.at[place]
        if not is_alnum(c) and not CHARACTERS[c] & BETWEEN:
            return 0
        spaces |= c == 32
        slashes |= c == 47
        if c == 32 and place + 3 < cell.n and cell.at[place + 3] == 32:
            if lowered(cell.at[place + 1]) == 111 and lowered(cell.at[place + 2]) == 114:
                return 0  # one or the other
    return not (spaces and slashes) and not _is_missing(cell)


cdef int _note_ticket(Block block, Cell* cell) noexcept nogil:
    cdef Py_ssize_t place
    if not _is_one_ticket(cell):
        return 0
    for place in range(cell.n):
        block.ids[block.n_ids] = lowered(cell.at[place]) if is_alnum(cell.at[place]) else 32
        block.n_ids += 1
    block.ids[block.n_ids] = 10
    block.n_ids += 1
    return 1


cdef int _several(Cell* cell) noexcept nogil:
    """Whether a cell may hold several names."""
    return memchr(cell.at, 59, cell.n) != NULL or memchr(cell.at, 124, cell.n) != NULL


cdef const uint8_t* _next_line(const uint8_t* p, const uint8_t* end) noexcept nogil:
    if p < end and p[0] == 13 and p + 1 < end and p[1] == 10:
        return p + 2
    return p + 1 if p < end else p


cdef int _is_utf8(const uint8_t* p, const uint8_t* end) noexcept nogil:
    """Whether a line is UTF-8 (RFC 3629). Bytes behind it may be read, at most one."""
    cdef uint8_t c
    cdef int size, i
    while p < end:
        c = p[0]
        if c < 128:
            p += 1
            continue
        size = 2 if c < 0xE0 else 3 if c < 0xF0 else 4
        if c < 0xC2 or c > 0xF4 or end - p < size:
            return 0
        for i in range(1, size):
            if p[i] & 0xC0 != 0x80:
                return 0
        if (c == 0xE0 and p[1] < 0xA0) or (c == 0xED and p[1] > 0x9F):
            return 0
        if (c == 0xF0 and p[1] < 0x90) or (c == 0xF4 and p[1] > 0x8F):
            return 0
        p += size
    return 1
