# cython: wraparound=False, cdivision=True
"""Rows of a customer table to tags at native speed, where it is plain what they say.

A ``Block`` is a stretch of whole lines in UTF-8. ``Reader.read`` takes its rows one after another.
It stops in front of a line that needs Python to tell where its row ends or who the customer is, and
notes the rows of which a cell needs it. Nothing is decided here that ``cells.Reader`` would decide in
another way: what is not provably simple is left to it.
"""

from libc.stdint cimport int8_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memchr, memcmp, memcpy

from exfilter.kernel.sip cimport Sip, siphash

import numpy as np

from detectors import LEAD_DIGITS, emails, names, phones, tickets
from exfilter.index import cells, codes, dialling, origins
from exfilter.index.columns import Use

cdef enum:
    # What a byte means to the division of a line into fields.
    PLAIN = 0
    SEPARATOR = 1
    END = 2
    QUOTE = 3
    HIGH = 4
    ODD = 5
    # What a column is used for.
    UNUSED = 0
    ID = 1
    EMAIL = 2
    PHONE = 3
    TICKET = 4
    NAME = 5
    FIRST = 6
    LAST = 7
    COUNTRY = 8
    # What a character of an address, phone or ticket is.
    LOCAL = 1
    DOMAIN = 2
    PUNCTUATION = 4
    BETWEEN = 8
    MAX_LINE = 32_767
    MAX_COLUMNS = 4096
    MAX_USED = 64
    MAX_LOCAL = 64
    MAX_DOMAIN = 253
    MAX_NAME = 256
    FOLDED = 1024
    MAX_TOKENS = 32
    MAX_TOKEN = 32
    MAX_TICKET = 64
    MAX_TEMPLATES = 64
    MIN_PHONE = 7
    MAX_PHONE = 15
    MAX_NATIONAL = 17
    MIN_BARE = 5
    LEADING = 4
    SHORTEST_MONO = 3
    WORDS = 512
    # Kinds of keys. ``codes`` has the bit of each.
    EMAILS = 0
    PHONES = 1
    TICKETS = 2
    NAMES = 3
    KINDS = 4
    COUNTRY_KIND = 4
    # Flags of a row.
    HAS_KEY = 1
    HAS_NAME = 2
    HAS_MONO = 4
    NO_ID = 8
    # How a character that is not ASCII folds: the highest byte of its entry, where it is not its length.
    NEVER = 255
    BREAK = 254
    CJK_FOLD = 64
    # What a byte of folded text is.
    GAP = 0
    LETTER = 1
    APOSTROPHE = 2
    CJK_BYTE = 3
    SHORTEST_CJK = 2
    LONGEST_CJK = 6
    SLOW_CALL = 255
    OWN_CODE = 254
    COUNTRIES = 8192
    COUNTRY_WORDS = 3
    HEADS = 10_000
    HEAD_DIGITS = 4
    UNASKED = -2
    UNKNOWN = -3
    LEAD_BITS_C = 14

assert (MAX_LOCAL, MAX_DOMAIN) == (emails.MAX_LOCAL, emails.MAX_DOMAIN) and MAX_LINE <= cells.LONGEST
assert (MIN_PHONE, MAX_PHONE) == (phones.MIN_DIGITS, phones.MAX_DIGITS) and names.MAX_TOKEN == MAX_TOKEN
assert range(SHORTEST_CJK, LONGEST_CJK + 1) == names.CJK_LENGTHS
assert tickets.MIN_BARE_DIGITS == MIN_BARE and LEAD_DIGITS == LEADING and codes.LEAD_BITS == LEAD_BITS_C
assert (1 << EMAILS, 1 << PHONES, 1 << TICKETS, 1 << NAMES) == (codes.EMAILS, codes.PHONES, codes.TICKETS, codes.NAMES)
assert (1 << KINDS) - 1 | 1 << COUNTRY_KIND == codes.ALL_KINDS and 1 << COUNTRY_KIND == codes.COUNTRY
assert (HEADS, HEAD_DIGITS) == (origins.HEADS, origins.DEPTH)
assert (HAS_KEY, HAS_NAME, HAS_MONO, NO_ID) == (codes.HAS_KEY, codes.HAS_NAME, codes.HAS_MONO, codes.NO_ID)
assert (SLOW_CALL, OWN_CODE) == (dialling.UNCLEAR, dialling.OWN_CODE) and MAX_NATIONAL == dialling.LONGEST
assert tickets.MAX_TEMPLATES <= MAX_TEMPLATES
assert emails.DOTLESS == {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}

USES = {
    Use.ID: ID, Use.EMAIL: EMAIL, Use.PHONE: PHONE, Use.TICKET: TICKET, Use.NAME: NAME,
    Use.FIRST_NAME: FIRST, Use.LAST_NAME: LAST, Use.COUNTRY: COUNTRY,
}


include "characters.pxi"
include "tokens.pxi"


cdef int[KINDS] KIND_USES = [EMAIL, PHONE, TICKET, UNUSED]


cdef struct Run:
    uint8_t literal[MAX_TICKET]
    int length
    int fixed
    int digits


cdef struct Form:
    int runs
    int length
    int shape
    int by_lead
    int bare_shape   # -1: its digits alone are no key
    int bare_at
    int bare_length
    Run run[MAX_TICKET]


cdef Sip made(bytes key) except *:
    cdef Sip found
    if len(key) != 16:
        raise ValueError("a SipHash key has 16 bytes")
    found.k0, found.k1 = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    return found


def tag(bytes key, bytes message):
    """Return the SipHash-2-4 of one message."""
    return siphash(message, len(message), made(key))


def row_tags(bytes key, const int64_t[::1] numbers):
    """Return the tags of customers without id, by the number of their row: of ``b"\\0%d"``."""
    found = np.empty(len(numbers), dtype=np.uint64)
    cdef uint64_t[::1] tags = found
    cdef Sip made_key = made(key)
    cdef uint8_t text[24]
    cdef Py_ssize_t i
    cdef int at
    cdef int64_t number
    with nogil:
        for i in range(numbers.shape[0]):
            number, at = numbers[i], 24
            while number:
                at -= 1
                text[at] = 48 + number % 10
                number //= 10
            at -= 1
            text[at] = 0
            tags[i] = siphash(text + at, 24 - at, made_key)
    return found


def count_lines(bytes data):
    """Return how many lines begin in ``data``; they end with LF, CR LF or CR."""
    cdef const uint8_t* at = data
    cdef Py_ssize_t n = len(data), i, lines = 0
    with nogil:
        for i in range(n):
            lines += at[i] == 10 or (at[i] == 13 and (i + 1 == n or at[i + 1] != 10))
        lines += n > 0 and at[n - 1] != 10 and at[n - 1] != 13
    return lines


cdef class Block:
    """A stretch of whole lines, and what was read of them so far. Arrays are in the order of the rows."""

    cdef readonly bytes data
    cdef readonly Py_ssize_t at      # where the next line begins
    cdef readonly Py_ssize_t line    # lines before that
    cdef readonly Py_ssize_t rows
    cdef readonly Py_ssize_t without_region
    cdef Py_ssize_t lines, size, n_keys, n_names, n_samples, n_slow, n_ids, n_heads, unplaced, ids_room
    cdef object _arrays
    cdef const uint8_t* start
    cdef uint64_t* keys
    cdef uint64_t* names
    cdef uint64_t* samples
    cdef uint64_t* who
    cdef uint64_t* content
    cdef uint8_t* flags
    cdef int64_t* slow
    cdef uint64_t* heads
    cdef uint16_t* country
    cdef uint8_t* ids

    def __init__(self, bytes data, Py_ssize_t keys_a_row, Py_ssize_t names_a_row):
        """Make room: at most so many keys and names a row, and a row a line."""
        cdef uint64_t[:, ::1] keys, names, samples
        cdef uint64_t[::1] who, content
        cdef uint8_t[::1] flags
        cdef int64_t[:, ::1] slow
        cdef uint64_t[::1] heads
        cdef uint16_t[::1] country
        self.data = data
        self.lines = n = count_lines(data) + 1
        self.start, self.size = data, len(data)
        self._arrays = (
            np.empty((n * keys_a_row + 1, 2), dtype=np.uint64), np.empty((n * names_a_row + 1, 4), dtype=np.uint64),
            np.empty((n * keys_a_row + 1, 3), dtype=np.uint64), np.empty(n, dtype=np.uint64),
            np.empty(n, dtype=np.uint64), np.empty(n, dtype=np.uint8), np.empty((n, 4), dtype=np.int64),
            np.empty(n * keys_a_row + 1, dtype=np.uint64), np.empty(n, dtype=np.uint16),
        )
        keys, names, samples, who, content, flags, slow, heads, country = self._arrays
        self.heads, self.country = &heads[0], &country[0]
        self.keys, self.names, self.samples = &keys[0, 0], &names[0, 0], &samples[0, 0]
        self.who, self.content, self.flags, self.slow = &who[0], &content[0], &flags[0], &slow[0, 0]
        self.ids, self.ids_room = NULL, 0
        self._room(len(data) + n)

    def __dealloc__(self):
        free(self.ids)

    cdef int _room(self, Py_ssize_t more) except -1:
        if self.n_ids + more > self.ids_room:
            self.ids_room = (self.n_ids + more) * 2
            self.ids = <uint8_t*>realloc(self.ids, self.ids_room)
            if self.ids == NULL:
                raise MemoryError
        return 0

    def add(self, bytes identity, uint64_t who, uint64_t content, uint8_t flags):
        """Append a row that Python has read. Returns its number."""
        if self.rows >= self.lines:
            raise ValueError("a block has no more rows than lines")
        # What is left of the data may all be ids.
        self._room(len(identity) + 1 + len(self.data) - self.at + self.lines - self.rows)
        memcpy(self.ids + self.n_ids, <const uint8_t*>identity, len(identity))
        self.n_ids += len(identity)
        self.ids[self.n_ids] = 0
        self.n_ids += 1
        self.who[self.rows], self.content[self.rows], self.flags[self.rows] = who, content, flags
        self.country[self.rows] = 0
        self.rows += 1
        return self.rows - 1

    def skip(self, Py_ssize_t size, Py_ssize_t lines):
        """Go on behind a stretch that Python has read."""
        self.at = min(self.at + size, len(self.data))
        self.line += lines

    def arrays(self):
        """Return keys [n, 2], names [n, 4], samples [n, 3], and by row: who, content, flags; then heads of
        phones, below the row, and by row the country.

        See ``blocks.Found``.
        """
        keys, names, samples, who, content, flags, _, heads, country = self._arrays
        return (
            keys[: self.n_keys].copy(), names[: self.n_names].copy(), samples[: self.n_samples].copy(),
            who[: self.rows].copy(), content[: self.rows].copy(), flags[: self.rows].copy(),
            heads[: self.n_heads].copy(), country[: self.rows].copy(),
        )

    def identities(self):
        """Return the ids of the rows, each with a zero byte behind it."""
        return (<const uint8_t*>self.ids)[: self.n_ids]

    def left(self):
        """Return row, line, begin, and the kinds that Python has to read, of each such row: [n, 4]."""
        return self._arrays[6][: self.n_slow].copy()


cdef class Reader:
    """Reads rows. Used by several threads at a time, each with a block of its own."""

    cdef int _width, _used, _quoted, _separator, _has_id, _has_country
    cdef uint8_t _classes[256]
    cdef uint8_t _use[MAX_COLUMNS]
    cdef int8_t _place[MAX_COLUMNS]
    cdef uint8_t _of[MAX_USED]        # use by place
    cdef Sip _email, _phone, _name, _ticket, _token, _customer, _content
    cdef uint64_t _sample_key
    cdef readonly int sampled         # bits of a block's hash that must be zero
    cdef int _firsts, _lasts, _wholes, _forms
    cdef int _email_shape, _pair_shape, _mono_shape
    cdef int _plus_shape[MAX_PHONE + 1]
    cdef int _national_shape[MAX_PHONE + 1]
    cdef Form _form[MAX_TEMPLATES]
    cdef const uint64_t[::1] _letters
    cdef const uint16_t[::1] _code
    cdef const uint32_t[:, ::1] _possible
    cdef const uint8_t[:, ::1] _abroad, _home, _trunk
    cdef const uint8_t[::1] _zeros
    cdef const uint16_t[::1] _country, _calling
    cdef const uint32_t[::1] _home_possible
    cdef int _region
    cdef readonly int keys_a_row, names_a_row
    cdef object _countries
    cdef int _known

    def __init__(self, uses, separator, quoted, keys, shapes, templates, plan, letters, region):
        """Prepare.

        ``uses``: of each column of the table, None where it is not used. ``keys``: SipHash keys by
        purpose. ``shapes``: number by (kind, name), as ``codes.Shapes`` has them. ``plan``: see
        ``dialling.Plan``. ``letters``: see ``letters.Letters``. ``region``: number of the region for
        phones without country code, -1: none.
        """
        cdef int place = 0
        if not 0 < len(uses) <= MAX_COLUMNS or sum(use is not None for use in uses) > MAX_USED:
            raise ValueError("too many columns")
        self._width, self._quoted, self._separator = len(uses), quoted, separator
        for column, use in enumerate(uses):
            self._use[column] = UNUSED if use is None else USES[use]
            self._place[column] = -1 if use is None else place
            if use is not None:
                self._of[place] = USES[use]
                place += 1
        self._used, self._has_id, self._has_country = place, Use.ID in uses, Use.COUNTRY in uses
        for code in range(256):
            self._classes[code] = HIGH if code >= 128 else ODD if code < 32 or code == 127 else PLAIN
        self._classes[9] = PLAIN
        self._classes[10] = self._classes[13] = END
        self._classes[34] = QUOTE if quoted else PLAIN
        self._classes[separator] = SEPARATOR
        self._email, self._phone = made(keys["email"]), made(keys["phone"])
        self._name, self._ticket = made(keys["name"]), made(keys["ticket"])
        self._token, self._customer = made(keys["token"]), made(keys["customer"])
        self._content = made(keys["content"])
        self._sample_key = int.from_bytes(keys["sample"][:8], "little")
        self._firsts, self._lasts = uses.count(Use.FIRST_NAME), uses.count(Use.LAST_NAME)
        self._wholes = uses.count(Use.NAME)
        self.names_a_row = max(1, self._firsts, self._lasts) + self._wholes
        self.keys_a_row = (
            3 * self.names_a_row + uses.count(Use.EMAIL) + 2 * uses.count(Use.PHONE) + 2 * uses.count(Use.TICKET)
        )
        self._email_shape, self._pair_shape, self._mono_shape = shapes.email, shapes.pair, shapes.mono
        for digits in range(MAX_PHONE + 1):
            self._plus_shape[digits] = shapes.phone("+", digits)
            self._national_shape[digits] = shapes.phone("", digits)
        self._forms = 0
        for template in templates:
            self._add_form(template, shapes)
        self._code, self._possible, self._abroad = plan.code, plan.possible, plan.abroad
        self._home, self._country, self._home_possible = plan.home, plan.country, plan.home_possible
        self._calling, self._trunk, self._zeros = plan.calling, plan.trunk, plan.zeros
        self._letters, self._region = letters, region
        self._countries, self._known = np.zeros((COUNTRIES, COUNTRY_WORDS), dtype=np.uint64), 0

    cdef int _add_form(self, template, shapes) except -1:
        """Take a ticket's template. One that is too long is left out: no simple cell has its length."""
        cdef Form* form = &self._form[self._forms]
        cdef int at = 0
        form.length = min(sum(run.length for run in template.runs), MAX_TICKET + 1)
        form.runs = 0
        self._forms += 1
        if form.length > MAX_TICKET:
            return 0
        form.shape, form.by_lead = shapes.ticket(template.shape), shapes.by_lead(shapes.ticket(template.shape))
        form.bare_shape, form.bare_at, form.bare_length = -1, -1, template.bare_digits
        for run in template.runs:
            form.run[form.runs].length, form.run[form.runs].digits = run.length, run.digits
            form.run[form.runs].fixed = bool(run.literal)
            for place, character in enumerate(run.literal.encode()):
                form.run[form.runs].literal[place] = character
            if form.bare_at < 0 and not run.literal:
                form.bare_at = at
            at += run.length
            form.runs += 1
        if template.bare_digits >= MIN_BARE and form.runs > 1:
            form.bare_shape = shapes.ticket(tickets.bare_shape(template.bare_digits))
        return 0

    def know(self, bytes country, int region, int code):
        """Note the number of the region of what stands in the column of countries; -1: none, -3: only Python
        knows; and its letters, as ``origins.code`` gives them.

        The table stays half empty: rows of further spellings go on to Python.
        """
        if self._known >= COUNTRIES // 2:
            return
        known = self._countries.copy()  # other threads read in the one before
        cdef uint64_t[:, ::1] table = known
        cdef uint64_t value = siphash(country, len(country), self._content) | 1
        cdef int at = value >> 51, tries
        for tries in range(COUNTRIES // 2):
            if table[at, 0] in (0, value):
                self._known += table[at, 0] == 0
                table[at, 0], table[at, 1], table[at, 2] = value, region + 1, code
                self._countries = known
                return
            at = (at + 1) % COUNTRIES

    def sample(self, int bits):
        """Take from now on the blocks of numbers whose hash begins with so many zeros."""
        self.sampled = bits

    def read(self, Block block):
        """Read rows until one needs Python, or to the end. Returns whether it is the end."""
        cdef const uint64_t[:, ::1] countries = self._countries
        cdef int whole
        with nogil:
            whole = self._rows(block, &countries[0, 0])
        return whole == 1

    def read_tickets(self, Block block):
        """Note the ticket numbers of rows, until one needs Python, or to the end; return whether it is the end.

        They are what ``block.identities()`` returns then: in lower case, with a line end behind each, and
        a space for what is neither letter nor digit.
        """
        cdef int whole
        with nogil:
            whole = self._ticket_rows(block)
        return whole == 1

    cdef int _ticket_rows(self, Block block) noexcept nogil:
        cdef const uint8_t* end = block.start + block.size
        cdef const uint8_t* begin = block.start + block.at
        cdef const uint8_t* following
        cdef Cell cell[MAX_USED]
        cdef int place
        cdef Py_ssize_t noted
        while begin < end:
            if begin[0] == 10 or begin[0] == 13:
                following = _next_line(begin, end)
            else:
                following = self._divide(begin, end, cell)
                if following == NULL:
                    return 0
                noted = block.n_ids
                for place in range(self._used):
                    if self._of[place] == TICKET and cell[place].n and not _note_ticket(block, &cell[place]):
                        block.n_ids = noted
                        return 0
            begin = following
            block.line += 1
            block.at = begin - block.start
        return 1

    cdef int _rows(self, Block block, const uint64_t* countries) noexcept nogil:
        cdef const uint8_t* data = block.start
        cdef const uint8_t* end = data + block.size
        cdef const uint8_t* begin = data + block.at
        cdef const uint8_t* following
        cdef Cell cell[MAX_USED]
        cdef uint8_t joined[MAX_LINE + MAX_USED + 1]
        cdef Py_ssize_t total
        cdef int place, kind, left
        while begin < end:
            if begin[0] == 10 or begin[0] == 13:
                begin = _next_line(begin, end)
            else:
                following = self._divide(begin, end, cell)
                if following == NULL or block.rows >= block.lines:
                    return 0
                total = 0
                for place in range(self._used):
                    memcpy(joined + total, cell[place].at, cell[place].n)
                    total += cell[place].n
                    joined[total] = 0
                    total += 1
                if total == self._used or not self._identify(block, cell):
                    return 0
                block.content[block.rows] = siphash(joined, total - 1, self._content)
                left = self._take_country(block, cell, countries) << COUNTRY_KIND
                for kind in range(KINDS):
                    if not self._take_kind(block, cell, countries, kind):
                        left |= 1 << kind
                if left:
                    block.slow[4 * block.n_slow] = block.rows
                    block.slow[4 * block.n_slow + 1] = block.line
                    block.slow[4 * block.n_slow + 2] = begin - data
                    block.slow[4 * block.n_slow + 3] = left
                    block.n_slow += 1
                block.rows += 1
                begin = following
            block.line += 1
            block.at = begin - data
        return 1

    cdef const uint8_t* _divide(self, const uint8_t* p, const uint8_t* end, Cell* cell) noexcept nogil:
        """Divide a line into fields, and return the next one. NULL: that needs Python."""
        cdef const uint8_t* begin = p
        cdef const uint8_t* first
        cdef const uint8_t* last
        cdef const uint8_t* ahead
        cdef const uint8_t* classes = self._classes
        cdef int column = 0, high = 0
        cdef uint8_t c
        while True:
            if self._quoted and (p[0] == 34 or (p[0] == 32 and self._separator != 9)):
                ahead = p
                while ahead[0] == 32:
                    ahead += 1
                if ahead[0] == 34:
                    p = ahead
            first = p
            if self._quoted and p[0] == 34:
                p += 1
                first = p
                while True:
                    c = classes[p[0]]
                    if c == QUOTE or c == END or c == ODD:
                        break
                    high |= c == HIGH
                    p += 1
                if c != QUOTE:
                    return NULL
                last = p
                p += 1
                c = classes[p[0]]
            else:
                while True:
                    c = classes[p[0]]
                    if c == PLAIN:
                        p += 1
                    elif c == HIGH:
                        high = 1
                        p += 1
                    else:
                        break
                last = p
            if p == end:  # a zero byte stands there: bytes end with one
                c = END
            if (c != SEPARATOR and c != END) or column == self._width:
                return NULL
            if self._use[column] != UNUSED and not _trim(&cell[self._place[column]], first, last):
                return NULL
            column += 1
            if c == END:
                break
            p += 1
        if column != self._width or p - begin > MAX_LINE or (high and not _is_utf8(begin, p)):
            return NULL
        return _next_line(p, end)

    cdef int _identify(self, Block block, Cell* cell) noexcept nogil:
        """Take the customer's id. 0: that needs Python."""
        cdef Cell* identity = NULL
        cdef Py_ssize_t i
        cdef int place
        block.flags[block.rows] = 0
        for place in range(self._used):
            if self._of[place] == ID:
                identity = &cell[place]
        if identity == NULL or identity.n == 0:
            block.flags[block.rows] = NO_ID
            block.who[block.rows] = 0
        else:
            if _is_missing(identity):
                return 0
            for i in range(identity.n):
                if identity.at[i] < 32 or identity.at[i] > 126:
                    return 0
            block.who[block.rows] = siphash(identity.at, identity.n, self._customer)
            memcpy(block.ids + block.n_ids, identity.at, identity.n)
            block.n_ids += identity.n
        block.ids[block.n_ids] = 0
        block.n_ids += 1
        return 1

    cdef int _take_kind(self, Block block, Cell* cell, const uint64_t* countries, int kind) noexcept nogil:
        """Take the keys of one kind, all of a row's or none. 0: that needs Python."""
        cdef Py_ssize_t keys = block.n_keys, found = block.n_names, samples = block.n_samples, heads = block.n_heads
        cdef uint8_t flags = block.flags[block.rows]
        cdef int place, region = UNASKED, taken = 1
        block.unplaced = 0
        if kind == NAMES:
            taken = self._take_names(block, cell)
        else:
            for place in range(self._used):
                if self._of[place] != KIND_USES[kind] or cell[place].n == 0:
                    continue
                if kind == EMAILS:
                    taken = self._take_email(block, &cell[place])
                elif kind == TICKETS:
                    taken = self._take_ticket(block, &cell[place])
                else:
                    if region == UNASKED:
                        region = self._row_region(cell, countries)
                    taken = region != UNKNOWN and self._take_phone(block, &cell[place], region)
                if not taken:
                    break
        if taken:
            block.without_region += block.unplaced
        else:
            block.n_keys, block.n_names, block.n_samples, block.n_heads = keys, found, samples, heads
            block.flags[block.rows] = flags
        return taken

    cdef void _add(self, Block block, uint64_t tag, int shape, int lead, uint8_t flags) noexcept nogil:
        cdef uint64_t* key = block.keys + 2 * block.n_keys
        key[0] = tag
        key[1] = <uint64_t>block.rows << 32 | <uint64_t>(shape << LEAD_BITS_C | lead)
        block.n_keys += 1
        block.flags[block.rows] |= flags

    cdef void _add_number(self, Block block, Sip key, const uint8_t* text, int n, int shape) noexcept nogil:
        """Add a key of digits, perhaps with a ``+`` before them, and its block of a hundred."""
        cdef uint64_t tag = siphash(text, n, key), value = 0, hashed
        cdef int i, lead = 0, first = text[0] == 43
        cdef uint64_t* sample
        if n - first >= LEADING:
            for i in range(LEADING):
                lead = 10 * lead + text[first + i] - 48
        self._add(block, tag, shape, lead, HAS_KEY)
        for i in range(first, n - 2):
            value = 10 * value + text[i] - 48
        hashed = mixed(value, self._sample_key + <uint64_t>shape)
        if self.sampled == 0 or hashed >> (64 - self.sampled) == 0:
            sample = block.samples + 3 * block.n_samples
            sample[0], sample[1], sample[2] = hashed, tag, <uint64_t>(shape << LEAD_BITS_C | lead)
            block.n_samples += 1

    cdef int _take_email(self, Block block, Cell* cell) noexcept nogil:
        cdef uint8_t text[MAX_LOCAL + MAX_DOMAIN + 2 + 64]
        cdef Py_ssize_t i, at = -1, plus = -1, local, local_end, domain, domain_end, n
        cdef uint8_t c
        if cell.n > MAX_LOCAL + MAX_DOMAIN:
            return 0
        for i in range(cell.n):
            c = cell.at[i]
            if c == 64:
                if at >= 0:
                    return 0
                at = i
            elif at >= 0:
                if not CHARACTERS[c] & DOMAIN:
                    return 0
            elif c == 43:
                if plus < 0:
                    plus = i
            elif not CHARACTERS[c] & LOCAL:
                return 0
        if at < 0:
            return 0
        local, local_end, domain, domain_end = 0, at if plus < 0 else plus, at + 1, cell.n
        while local < local_end and cell.at[local] == 46:
            local += 1
        while local < local_end and cell.at[local_end - 1] == 46:
            local_end -= 1
        while domain < domain_end and (cell.at[domain] == 46 or cell.at[domain] == 45):
            domain += 1
        while domain < domain_end and (cell.at[domain_end - 1] == 46 or cell.at[domain_end - 1] == 45):
            domain_end -= 1
        if local == local_end or local_end - local > MAX_LOCAL or domain_end - domain > MAX_DOMAIN:
            return 0
        n = local_end - local
        for i in range(n):
            text[i] = lowered(cell.at[local + i])
        text[n] = 64
        n += 1
        for i in range(domain_end - domain):
            text[n + i] = lowered(cell.at[domain + i])
        domain_end -= domain
        if memchr(text + n, 46, domain_end) == NULL:
            return 0
        for i in range(domain_end - 3):  # an A-label (RFC 5890) may be another spelling of one
            if text[n + i] == 120 and memcmp(text + n + i, <const char*>b"xn--", 4) == 0:
                return 0
        if domain_end == 9 and memcmp(text + n, <const char*>b"gmail.com", 9) == 0:
            n = _without_dots(text, n - 1)
        elif domain_end == 14 and memcmp(text + n, <const char*>b"googlemail.com", 14) == 0:
            n = _without_dots(text, n - 1)
        else:
            n += domain_end
        self._add(block, siphash(text, n, self._email), self._email_shape, 0, HAS_KEY)
        return 1

    cdef int _take_ticket(self, Block block, Cell* cell) noexcept nogil:
        cdef uint8_t text[MAX_TICKET]
        cdef int n = 0, form, at, run, i
        cdef Form* it
        cdef Run* part
        cdef uint8_t c
        cdef Py_ssize_t place
        if not _is_one_ticket(cell):
            return 0
        for place in range(cell.n):
            c = cell.at[place]
            if is_alnum(c):
                if n == MAX_TICKET:
                    return 0
                text[n] = lowered(c)
                n += 1
        for form in range(self._forms):
            it = &self._form[form]
            if it.length != n:
                continue
            at = 0
            for run in range(it.runs):
                part = &it.run[run]
                if part.fixed and memcmp(text + at, part.literal, part.length) != 0:
                    break
                if part.digits and not _are_digits(text + at, part.length):
                    break
                at += part.length
            else:
                if it.by_lead:
                    self._add_number(block, self._ticket, text, n, it.shape)
                    return 1
                if it.bare_shape >= 0:
                    self._add_number(block, self._ticket, text + it.bare_at, it.bare_length, it.bare_shape)
                for i in range(n):
                    if text[i] >= 97:
                        text[i] -= 32
                self._add(block, siphash(text, n, self._ticket), it.shape, 0, HAS_KEY)
                return 1
        return 0

    cdef int _row_region(self, Cell* cell, const uint64_t* countries) noexcept nogil:
        """Return the number of the region, -1: none, or ``UNKNOWN``."""
        cdef int at = self._country_at(cell, countries)
        if at == UNASKED:
            return self._region
        return UNKNOWN if at == UNKNOWN else <int>countries[COUNTRY_WORDS * at + 1] - 1

    cdef int _take_country(self, Block block, Cell* cell, const uint64_t* countries) noexcept nogil:
        """Take what the column of countries says. 1: that needs Python."""
        cdef int at = self._country_at(cell, countries) if self._has_country else UNASKED
        block.country[block.rows] = <uint16_t>countries[COUNTRY_WORDS * at + 2] if at >= 0 else 0
        return at == UNKNOWN

    cdef int _country_at(self, Cell* cell, const uint64_t* countries) noexcept nogil:
        """Return the place of a row's country; ``UNASKED``: it has none, or ``UNKNOWN``."""
        cdef int place, at
        cdef uint64_t value
        for place in range(self._used):
            if self._of[place] == COUNTRY and cell[place].n:
                value = siphash(cell[place].at, cell[place].n, self._content) | 1
                at = value >> 51
                while countries[COUNTRY_WORDS * at]:
                    if countries[COUNTRY_WORDS * at] == value:
                        return at
                    at = (at + 1) % COUNTRIES
                return UNKNOWN
        return UNASKED

    cdef int _take_phone(self, Block block, Cell* cell, int region) noexcept nogil:
        cdef uint8_t text[MAX_NATIONAL + 8]
        cdef uint8_t* digits = text + 4
        cdef uint8_t* national
        cdef uint64_t head
        cdef int n = 0, plus = cell.at[0] == 43, code = 0, size = 0, value = 0, i, strip, length, number
        cdef uint8_t c
        cdef Py_ssize_t place
        for place in range(plus, cell.n):
            c = cell.at[place]
            if 48 <= c <= 57:
                if n == MAX_NATIONAL:
                    return 0
                digits[n] = c
                n += 1
            elif not CHARACTERS[c] & PUNCTUATION:
                return 0
            elif c == 47 and 0 < place < cell.n - 1 and cell.at[place - 1] == 32 and cell.at[place + 1] == 32:
                return 0
        if n < MIN_PHONE:
            return 0
        if cell.at[0] == 48 and cell.at[1] == 48:
            # The prefix for abroad stands for the plus sign.
            if region < 0 or not self._zeros[region]:
                return 0
            plus = 1
            digits += 2
            n -= 2
        if not plus and region < 0:
            block.unplaced += 1
            i = digits[0] == 48
            if not MIN_PHONE <= n - i <= MAX_PHONE:
                return 0
            self._add_number(block, self._phone, digits + i, n - i, self._national_shape[n - i])
            return 1
        if plus:
            if digits[0] == 48:
                return 0
            for size in range(1, 4):
                value = 10 * value + digits[size - 1] - 48
                if self._code[value]:
                    code = self._code[value]
                    break
            if not code:
                return 0
            national, length = digits + size, n - size
            strip = self._abroad[code, 10 * (national[0] - 48) + national[1] - 48]
            if strip == SLOW_CALL or (strip and not self._possible[code, 0] >> (length - strip) & 1):
                return 0
        else:
            national, length = digits, n
            strip = self._home[region, 10 * (national[0] - 48) + national[1] - 48]
            code = self._country[region]
            if strip == OWN_CODE:
                # Longer than any number of the country, it begins with the country code.
                if self._home_possible[region] >> length or not _begins(digits, self._calling[code], &size):
                    return 0
                national += size
                length -= size
                value = 10 * (national[0] - 48) + national[1] - 48
                if self._trunk[region, value] or self._abroad[code, value]:
                    return 0
                strip = 0
            if strip == SLOW_CALL or (strip and not self._home_possible[region] >> (length - strip) & 1):
                return 0
        national += strip
        length -= strip
        if not self._possible[code, 1] >> length & 1 or (national[0] == 48 and national[1] == 48):
            return 0
        if length < MIN_PHONE or length > MAX_PHONE:
            return 0
        self._add_number(block, self._phone, national, length, self._national_shape[length])
        # The country code goes before the national number: over what was stripped, or room left for it.
        number = self._calling[code]
        head = number
        for i in range(HEAD_DIGITS):
            head = 10 * head + national[i] - 48
        while number:
            national -= 1
            national[0] = 48 + number % 10
            number //= 10
            length += 1
        if length <= MAX_PHONE:
            national -= 1
            national[0] = 43
            self._add_number(block, self._phone, national, length + 1, self._plus_shape[length])
            block.heads[block.n_heads] = <uint64_t>block.rows << 32 | head
            block.n_heads += 1
        return 1

    cdef int _take_names(self, Block block, Cell* cell) noexcept nogil:
        cdef Tokens given, family
        cdef int firsts[MAX_USED]
        cdef int lasts[MAX_USED]
        cdef int place, n_firsts = 0, n_lasts = 0, i
        for place in range(self._used):
            if self._of[place] == FIRST:
                firsts[n_firsts] = place
                n_firsts += 1
            elif self._of[place] == LAST:
                lasts[n_lasts] = place
                n_lasts += 1
        if n_firsts and not n_lasts:
            return self._take_german(block, cell, &cell[firsts[0]])
        for i in range(max(n_firsts, n_lasts)):
            given.n = family.n = 0
            if i < n_firsts and not self._tokens(&cell[firsts[i]], &given):
                return 0
            if i < n_lasts and not self._tokens(&cell[lasts[i]], &family):
                return 0
            if (i < n_firsts and cell[firsts[i]].n) or (i < n_lasts and cell[lasts[i]].n):
                if not self._ends(block, &given, &family):
                    return 0
        for place in range(self._used):
            if self._of[place] == NAME and cell[place].n and not self._whole(block, &cell[place]):
                return 0
        return 1

    cdef int _take_german(self, Block block, Cell* cell, Cell* alone) noexcept nogil:
        """Take a given name and what may be the family's, or the whole: see ``cells.Reader``."""
        cdef Tokens given, full
        cdef int place, i, j, wholes = 0, both
        if not self._tokens(alone, &given):
            return 0
        for place in range(self._used):
            if self._of[place] != NAME or cell[place].n == 0:
                continue
            wholes += 1
            if _several(&cell[place]) or not self._tokens(&cell[place], &full):
                return 0
            both = 0
            for i in range(given.n):
                for j in range(full.n):
                    both |= _same(&given.of[i], &full.of[j])
            if alone.n == 0 or both:
                if not self._whole(block, &cell[place]):
                    return 0
            elif not self._ends(block, &given, &full):
                return 0
        if wholes == 0 and alone.n:
            full.n = 0
            return self._ends(block, &given, &full)
        return 1

    cdef int _tokens(self, Cell* cell, Tokens* found) noexcept nogil:
        """Fold a cell and find its tokens, as ``detectors.names.tokens`` does. 0: that needs Python."""
        cdef uint8_t folded[FOLDED]
        cdef uint8_t kind[FOLDED]
        cdef const uint8_t* p = cell.at
        cdef const uint8_t* end = cell.at + cell.n
        cdef uint64_t entry
        cdef uint32_t code
        cdef int n = 0, i, used = 0, size, whole
        cdef uint8_t c
        cdef Token* token
        found.n = 0
        if cell.n == 0:
            return 1
        if cell.n > MAX_NAME or _is_missing(cell):
            return 0
        while p < end:
            c = p[0]
            if c < 128:
                folded[n] = lowered(c)
                kind[n] = LETTER if is_letter(c) else APOSTROPHE if c == 39 else GAP
                n += 1
                p += 1
                continue
            size = 2 if c < 0xE0 else 3 if c < 0xF0 else 4
            code = c & (0xFF >> (size + 1))
            for i in range(1, size):
                code = code << 6 | (p[i] & 0x3F)
            entry = self._letters[code]
            whole = <int>(entry >> 56)
            if whole == 0 or whole == NEVER:
                return 0
            if whole == BREAK:
                if p == cell.at or p + size == end:
                    return 0  # it may be white space that is stripped
                kind[n] = GAP
                n += 1
            else:
                for i in range((whole & (CJK_FOLD - 1)) - 1):
                    folded[n] = entry >> (8 * i) & 0xFF
                    kind[n] = CJK_BYTE if whole & CJK_FOLD else APOSTROPHE if folded[n] == 39 else LETTER
                    n += 1
            p += size
        kind[n] = kind[n + 1] = kind[n + 2] = kind[n + 3] = GAP
        i = 0
        while i < n:
            if kind[i] == GAP or kind[i] == APOSTROPHE:
                i += 1
                continue
            if found.n == MAX_TOKENS:
                return 0
            token = &found.of[found.n]
            token.at = found.text + used
            token.n = token.characters = token.mark = 0
            token.is_cjk = kind[i] == CJK_BYTE
            size = kind[i]
            while kind[i] == size or (size == LETTER and kind[i] == APOSTROPHE and kind[i + 1] == LETTER):
                if kind[i] == APOSTROPHE and folded[i + 1] == 115 and kind[i + 2] != LETTER and not (
                    kind[i + 2] == APOSTROPHE and kind[i + 3] == LETTER
                ):
                    i += 2  # the possessive
                    break
                if kind[i] != APOSTROPHE:
                    found.text[used] = folded[i]
                    used += 1
                    token.n += 1
                    token.characters += (folded[i] & 0xC0) != 0x80
                i += 1
            if not token.is_cjk:
                token.mark = _mark(token)
            found.n += 1
        return 1

    cdef int _whole(self, Block block, Cell* cell) noexcept nogil:
        """Take a full name, as ``detectors.names.split`` divides it."""
        cdef Tokens given, family
        cdef const uint8_t* comma
        cdef Cell part
        cdef int8_t telling[MAX_TOKENS]
        cdef int i, n
        if _several(cell) or not self._tokens(cell, &family):
            return 0
        comma = <const uint8_t*>memchr(cell.at, 44, cell.n)
        if comma != NULL:
            part.at, part.n = comma + 1, cell.at + cell.n - comma - 1
            if not self._tokens(&part, &given):
                return 0
            for i in range(given.n):
                if not given.of[i].mark & 1:
                    part.at, part.n = cell.at, comma - cell.at
                    return self._tokens(&part, &family) and self._ends(block, &given, &family)
        n = _telling(&family, 2, telling)
        if n < 2:
            given.n = 0
            return self._ends(block, &given, &family)
        given.n = n - 1
        for i in range(n - 1):
            given.of[i] = family.of[telling[i]]
        family.of[0] = family.of[telling[n - 1]]
        family.n = 1
        return self._ends(block, &given, &family)

    cdef int _ends(self, Block block, Tokens* given, Tokens* family) noexcept nogil:
        """Add the name of these tokens. 0: there is none."""
        cdef int8_t telling[MAX_TOKENS]
        cdef Token* first = NULL
        cdef Token* last = NULL
        cdef int n, single
        cdef uint64_t tag
        cdef uint64_t* name = block.names + 4 * block.n_names
        if _telling(given, 1, telling):
            first = &given.of[telling[0]]
        n = _telling(family, 1, telling)
        if n:
            last = &family.of[telling[n - 1]]
        single = first == NULL or last == NULL
        if single:
            first = last = last if first == NULL else first
            if first == NULL or not self._add_mono(block, first.at, first.n, first.characters, first):
                return 0
            if first.is_cjk:
                return 1  # it is found without the bitmap of tokens
            tag = 0
        else:
            tag = self._add_pair(block, first, last)
        name[0] = siphash(first.at, first.n, self._token)
        name[1] = siphash(last.at, last.n, self._token)
        name[2], name[3] = tag, <uint64_t>block.rows << 1 | single
        block.n_names += 1
        return 1

    cdef int _add_mono(
        self, Block block, const uint8_t* text, int n, int characters, Token* token
    ) noexcept nogil:
        """Add a name without a space between its words. 0: it is too short."""
        if token.is_cjk:
            if not SHORTEST_CJK <= characters <= LONGEST_CJK:
                return 0
        elif characters < SHORTEST_MONO or token.mark & 1:
            return 0
        self._add(block, siphash(text, n, self._name), self._mono_shape, 0, HAS_KEY | HAS_MONO)
        return 1

    cdef uint64_t _add_pair(self, Block block, Token* first, Token* last) noexcept nogil:
        """Add a name of two tokens, and return its tag."""
        cdef uint8_t text[2 * FOLDED + 1]
        cdef Token* one = first
        cdef Token* other = last
        cdef int n = first.n + last.n, characters = first.characters + last.characters
        cdef uint64_t tag
        if _after(first, last):
            one, other = last, first
        memcpy(text, one.at, one.n)
        text[one.n] = 31
        memcpy(text + one.n + 1, other.at, other.n)
        tag = siphash(text, n + 1, self._name)
        self._add(block, tag, self._pair_shape, 0, HAS_KEY | HAS_NAME)
        if first.is_cjk and last.is_cjk:
            memcpy(text, last.at, last.n)
            memcpy(text + last.n, first.at, first.n)
            self._add_mono(block, text, n, characters, first)
            memcpy(text, first.at, first.n)
            memcpy(text + first.n, last.at, last.n)
            self._add_mono(block, text, n, characters, first)
        return tag
