# cython: boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""The kernel at native speed. Equal to ``reference.find`` on every text.

Text is read as folded UTF-8 bytes. What a byte is comes from a table for ASCII and, where the text
holds other letters, from an array that ``prepare`` makes; so the fold and Unicode's classes stay
in one place, in Python. Candidates are hashed as they are found; the look-up is one vectorised pass.
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, realloc
from libc.string cimport memcpy

import numpy as np

import detectors
from detectors import emails, names, phones, tickets

# Classes of a byte. All bytes of one character share theirs.
cdef enum:
    CAPITAL = 1   # str.isupper of the source character
    ALNUM = 2
    LETTER = 4    # \w but no digit, no underscore, none of a script without spaces
    CJK = 8
    DIGIT = 16    # str.isdigit
    FOREIGN = 32  # the source character is not ASCII
    LOCAL = 64    # plain character of an e-mail's local part
    RARE = 128    # legal in a local part, but more often in front of one

cdef enum:
    EMAIL = 0
    NAME = 1
    NAME_LOWER = 2
    NAME_MONO = 3
    NAME_LOOSE = 4
    MAX_LOCAL = 64
    MAX_DOMAIN = 253
    MIN_PHONE = 7
    MAX_PHONE = 15
    PHONE_PREFIX = 3
    MAX_GROUPS = 7
    AFTER_PLUS = 10
    PAIR_TOKENS = 3
    PAIR_CHARACTERS = 96
    REACH_WORDS = 3
    MAX_TOKEN = 32
    MAX_FORM = 4 * MAX_TOKEN
    SHORTEST_CJK = 2
    LONGEST_CJK = 6
    MAX_GAP = 2
    CANONICAL = 512
    LEAD_DIGITS = 4
    LONGEST_PARTICLE = 7
    PARTICLE_SLOTS = 251

assert (MAX_LOCAL, MAX_DOMAIN) == (emails.MAX_LOCAL, emails.MAX_DOMAIN)
assert LEAD_DIGITS == detectors.LEAD_DIGITS
assert (MIN_PHONE, MAX_PHONE, MAX_GROUPS) == (phones.MIN_DIGITS, phones.MAX_DIGITS, phones.MAX_GROUPS)
assert (MAX_TOKEN, REACH_WORDS) == (names.MAX_TOKEN, names.REACH_WORDS)
assert range(SHORTEST_CJK, LONGEST_CJK + 1) == names.CJK_LENGTHS and MAX_GAP == tickets.MAX_SEPARATORS

CLASSES = {
    "capital": CAPITAL, "alnum": ALNUM, "letter": LETTER, "cjk": CJK,
    "digit": DIGIT, "foreign": FOREIGN, "local": LOCAL, "rare": RARE,
}


def _particles():
    """Return the particles as big-endian numbers in a table with open addressing."""
    table = np.zeros(PARTICLE_SLOTS, dtype=np.uint64)
    for particle in names.PARTICLES:
        word = int.from_bytes(particle.encode(), "big")
        at = word % PARTICLE_SLOTS
        while table[at]:
            at = (at + 1) % PARTICLE_SLOTS
        table[at] = word
    return table


assert max(map(len, names.PARTICLES)) <= LONGEST_PARTICLE and 2 * len(names.PARTICLES) < PARTICLE_SLOTS
PARTICLES = _particles()


cdef struct Sip:
    uint64_t k0
    uint64_t k1


cdef struct Candidate:
    int64_t start
    int64_t end
    uint64_t tag
    uint16_t shape
    uint16_t lead


cdef struct Token:
    int64_t start
    int64_t end
    int64_t word
    int64_t record
    int64_t form
    uint16_t length
    uint8_t capital
    uint8_t roles
    uint8_t standing


cdef struct Group:
    int64_t start
    int64_t end
    uint8_t plus
    uint8_t joined
    uint8_t trunk


cdef inline uint64_t rotate(uint64_t word, int bits) noexcept nogil:
    return (word << bits) | (word >> (64 - bits))


cdef inline void sip_round(uint64_t* v) noexcept nogil:
    v[0] += v[1]
    v[1] = rotate(v[1], 13) ^ v[0]
    v[0] = rotate(v[0], 32)
    v[2] += v[3]
    v[3] = rotate(v[3], 16) ^ v[2]
    v[0] += v[3]
    v[3] = rotate(v[3], 21) ^ v[0]
    v[2] += v[1]
    v[1] = rotate(v[1], 17) ^ v[2]
    v[2] = rotate(v[2], 32)


cdef uint64_t siphash(const uint8_t* message, int64_t length, Sip key) noexcept nogil:
    """SipHash-2-4 on a little-endian machine or any other."""
    cdef uint64_t v[4]
    cdef uint64_t word
    cdef int64_t at = 0
    cdef int byte
    v[0] = key.k0 ^ <uint64_t>0x736F6D6570736575
    v[1] = key.k1 ^ <uint64_t>0x646F72616E646F6D
    v[2] = key.k0 ^ <uint64_t>0x6C7967656E657261
    v[3] = key.k1 ^ <uint64_t>0x7465646279746573
    while True:
        word = 0
        if length - at >= 8:
            for byte in range(8):
                word |= <uint64_t>message[at + byte] << (8 * byte)
        else:
            for byte in range(<int>(length - at)):
                word |= <uint64_t>message[at + byte] << (8 * byte)
            word |= <uint64_t>(length & 0xFF) << 56
        v[3] ^= word
        sip_round(v)
        sip_round(v)
        v[0] ^= word
        if length - at < 8:
            break
        at += 8
    v[2] ^= 0xFF
    for byte in range(4):
        sip_round(v)
    return v[0] ^ v[1] ^ v[2] ^ v[3]


cdef class Scan:
    """One text while it is read. Everything that grows is freed with it."""

    cdef const uint8_t[::1] data
    cdef const uint8_t[::1] classes
    cdef const int64_t[::1] records
    cdef const uint8_t[::1] roles
    cdef const uint8_t[::1] literals
    cdef const int64_t[:, ::1] runs
    cdef const int64_t[:, ::1] patterns
    cdef const int64_t[::1] plus_shapes
    cdef const uint64_t[::1] particles
    cdef const int64_t[::1] national_shapes
    cdef bint ascii
    cdef bint has_records
    cdef bint names_known
    cdef bint mono_known
    cdef int64_t size
    cdef int64_t strangers
    cdef Sip kinds[4]
    cdef Sip token_key
    cdef uint8_t table[256]
    cdef uint8_t starts_pattern[256]
    cdef Candidate* found
    cdef int64_t found_count, found_room
    cdef Token* tokens
    cdef int64_t token_count, token_room
    cdef uint8_t* forms
    cdef int64_t form_count, form_room
    cdef int64_t* spans
    cdef int64_t span_count, span_room
    cdef int64_t* slow
    cdef int64_t slow_count, slow_room
    cdef Group* groups
    cdef int64_t group_count, group_room

    def __dealloc__(self):
        free(self.found)
        free(self.tokens)
        free(self.forms)
        free(self.spans)
        free(self.slow)
        free(self.groups)

    # -- what a byte is ----------------------------------------------------------------------

    cdef inline uint8_t kind(self, int64_t at) noexcept nogil:
        return self.table[self.data[at]] if self.ascii else self.classes[at]

    cdef inline uint8_t lower(self, int64_t at) noexcept nogil:
        cdef uint8_t byte = self.data[at]
        return byte + 32 if 65 <= byte <= 90 else byte

    cdef inline bint wordy(self, int64_t at) noexcept nogil:
        return self.kind(at) & ALNUM or self.data[at] == c"_"

    cdef inline bint is_word(self, int64_t at) noexcept nogil:
        return 0 <= at < self.size and self.wordy(at)

    # -- growing arrays ----------------------------------------------------------------------

    cdef int add(self, int shape, int64_t start, int64_t end, const uint8_t* form, int64_t length, int sip) except -1 nogil:
        cdef Candidate* candidate
        cdef int64_t digits = 0
        cdef int value = 0
        self.found = <Candidate*>grow(self.found, &self.found_room, self.found_count, sizeof(Candidate))
        candidate = &self.found[self.found_count]
        self.found_count += 1
        candidate.shape, candidate.start, candidate.end = shape, start, end
        candidate.tag = siphash(form, length, self.kinds[sip])
        if length and form[0] == c"+":
            form, length = form + 1, length - 1
        while digits < LEAD_DIGITS and digits < length and 48 <= form[digits] <= 57:
            value = 10 * value + form[digits] - 48
            digits += 1
        candidate.lead = value if digits == LEAD_DIGITS else 0
        return 0

    # -- e-mail addresses --------------------------------------------------------------------

    cdef int emails(self) except -1 nogil:
        cdef int64_t at, end, plain, whole, bottom, first
        cdef bint inside
        for at in range(self.size):
            if self.data[at] != c"@":
                continue
            end = at + 1
            while end < self.size and self.characters(at + 1, end) < MAX_DOMAIN + 1 and self.is_domain(end):
                end = self.next(end)
            while end > at + 1 and (self.data[end - 1] == c"." or self.data[end - 1] == c"-"):
                end -= 1
            plain = at
            bottom = MAX_LOCAL + 1
            while plain > 0 and bottom > 0 and self.kind(plain - 1) & LOCAL:
                plain = self.previous(plain)
                bottom -= 1
            whole = plain
            while whole > 0 and bottom > 0 and self.kind(whole - 1) & (LOCAL | RARE):
                whole = self.previous(whole)
                bottom -= 1
            inside = plain > 1 and self.data[plain - 1] == c"'" and self.kind(plain - 2) & ALNUM
            inside = inside and not self.opens_string(plain - 1, end)
            first = -1
            if whole < plain:
                first = self.trim(whole, at)
                self.address(first, at, end)
            if not inside and self.trim(plain, at) != first:
                self.address(self.trim(plain, at), at, end)
        return 0

    cdef inline bint opens_string(self, int64_t quote, int64_t end) noexcept nogil:
        """See ``reference._opens_string``."""
        cdef uint8_t letter = self.lower(quote - 1)
        if end < self.size and self.data[end] == c"'":
            return True
        if quote > 1 and self.kind(quote - 2) & ALNUM:
            return False
        return (
            letter == c"n" or letter == c"e" or letter == c"b" or letter == c"u"
            or letter == c"f" or letter == c"r" or letter == c"q"
        )

    cdef inline int64_t characters(self, int64_t start, int64_t end) noexcept nogil:
        """Count characters: bytes that do not continue one."""
        cdef int64_t count = 0, at
        if self.ascii:
            return end - start
        for at in range(start, end):
            count += (self.data[at] & 0xC0) != 0x80
        return count

    cdef inline int64_t next(self, int64_t at) noexcept nogil:
        at += 1
        while at < self.size and (self.data[at] & 0xC0) == 0x80:
            at += 1
        return at

    cdef inline int64_t previous(self, int64_t at) noexcept nogil:
        at -= 1
        while at > 0 and (self.data[at] & 0xC0) == 0x80:
            at -= 1
        return at

    cdef inline bint is_domain(self, int64_t at) noexcept nogil:
        cdef uint8_t byte = self.data[at]
        if byte >= 0x80:
            return self.kind(at) & ALNUM
        return byte == c"." or byte == c"-" or self.kind(at) & ALNUM

    cdef inline int64_t trim(self, int64_t start, int64_t at) noexcept nogil:
        cdef uint8_t byte
        while start < at:
            byte = self.data[start]
            if not (byte == c"'" or byte == c"`" or byte == c"." or byte == c"-" or byte == c"+"):
                break
            start += 1
        return start

    cdef int address(self, int64_t start, int64_t at, int64_t end) except -1 nogil:
        """Add the address, or leave it to Python where a source character is not ASCII."""
        cdef uint8_t form[CANONICAL]
        cdef int64_t length, place
        if start >= at or self.characters(start, at) > MAX_LOCAL:
            return 0
        if not self.ascii:
            for place in range(start, end):
                if self.classes[place] & FOREIGN:
                    self.slow = <int64_t*>grow(self.slow, &self.slow_room, self.slow_count + 1, sizeof(int64_t))
                    self.slow[self.slow_count] = start
                    self.slow[self.slow_count + 1] = end
                    self.slow_count += 2
                    return 0
        length = self.canonical(start, at, end, form)
        if length:
            self.add(EMAIL, start, end, form, length, 0)
            self.mask(start, end)
        return 0

    cdef int64_t canonical(self, int64_t start, int64_t at, int64_t end, uint8_t* form) noexcept nogil:
        """Write the canonical form (``detectors.emails``). Return its length; 0: no address."""
        cdef int64_t local = start, first, length = 0, place
        cdef bint dotted = False, dotless
        while local < at and self.data[local] != c"+":
            local += 1
        while local > start and self.data[local - 1] == c".":
            local -= 1
        while start < local and self.data[start] == c".":
            start += 1
        first = at + 1
        while first < end and (self.data[first] == c"." or self.data[first] == c"-"):
            first += 1
        for place in range(first, end):
            dotted = dotted or self.data[place] == c"."
        if start == local or not dotted or end - first > MAX_DOMAIN:
            return 0
        dotless = self.is_text(first, end, b"gmail.com", 9) or self.is_text(first, end, b"googlemail.com", 14)
        for place in range(start, local):
            if not (dotless and self.data[place] == c"."):
                form[length] = self.lower(place)
                length += 1
        form[length] = c"@"
        length += 1
        if dotless:
            memcpy(form + length, <const char*>b"gmail.com", 9)
            return length + 9
        for place in range(first, end):
            form[length] = self.lower(place)
            length += 1
        return length

    cdef bint is_text(self, int64_t start, int64_t end, const char* text, int64_t length) noexcept nogil:
        cdef int64_t at
        if end - start != length:
            return False
        for at in range(length):
            if self.lower(start + at) != <uint8_t>text[at]:
                return False
        return True

    cdef int mask(self, int64_t start, int64_t end) except -1 nogil:
        """The words of an address are not a person's name. Spans come by ascending end."""
        while self.span_count and self.spans[self.span_count - 2] >= start:
            self.span_count -= 2
        if self.span_count and self.spans[self.span_count - 1] >= start:
            self.spans[self.span_count - 1] = end
            return 0
        self.spans = <int64_t*>grow(self.spans, &self.span_room, self.span_count + 1, sizeof(int64_t))
        self.spans[self.span_count] = start
        self.spans[self.span_count + 1] = end
        self.span_count += 2
        return 0

    # -- telephone numbers -------------------------------------------------------------------

    cdef int phones(self) except -1 nogil:
        cdef int64_t at = 0, start, before = -1, place
        cdef Group* group
        while at < self.size:
            if not 48 <= self.data[at] <= 57:
                at += 1
                continue
            start = at
            while at < self.size and 48 <= self.data[at] <= 57:
                at += 1
            if self.is_word(start - 1) or (self.is_word(at) and not self.is_extension(at)):
                before = -1
                continue
            self.groups = <Group*>grow(self.groups, &self.group_room, self.group_count, sizeof(Group))
            group = &self.groups[self.group_count]
            group.start, group.end = start, at
            group.plus = (start > 0 and self.data[start - 1] == c"+") or (
                start > 1 and self.data[start - 2] == c"+" and self.data[start - 1] == c"("
            )
            group.joined = before >= 0 and not group.plus and self.is_gap(before, start)
            group.trunk = (
                at - start == 1 and self.data[start] == c"0" and start > 0 and self.data[start - 1] == c"("
                and at < self.size and self.data[at] == c")"
            )
            if not group.joined:
                self.numbers()
                self.groups[0] = self.groups[self.group_count]
                self.group_count = 0
            self.group_count += 1
            before = at
        self.numbers()
        return 0

    cdef bint is_extension(self, int64_t at) noexcept nogil:
        """See ``reference._is_extension``."""
        cdef int64_t after = at + 1
        if self.lower(at) == c"e" and at + 3 <= self.size and self.is_text(at, at + 3, b"ext", 3):
            after = at + 3
            if after < self.size and (self.data[after] == c" " or self.data[after] == c"."):
                after += 1
        elif self.lower(at) != c"x":
            return False
        return after < self.size and 48 <= self.data[after] <= 57

    cdef bint is_gap(self, int64_t start, int64_t end) noexcept nogil:
        cdef uint8_t byte
        cdef int64_t at
        if not 1 <= end - start <= 3:
            return False
        for at in range(start, end):
            byte = self.data[at]
            if not (byte == c" " or byte == c"-" or byte == c"." or byte == c"/" or byte == c"(" or byte == c")"):
                return False
        return True

    cdef int numbers(self) except -1 nogil:
        """Add the numbers in one run of joined groups, and forget the run."""
        cdef int64_t first, consumed = AFTER_PLUS
        cdef Group group
        for first in range(self.group_count):
            group = self.groups[first]
            if group.plus or (
                group.end - group.start >= 2 and self.data[group.start] == c"0" and self.data[group.start + 1] == c"0"
            ):
                consumed = 0
            elif not group.joined:
                consumed = AFTER_PLUS
            if consumed == 0 or consumed >= AFTER_PLUS:
                self.numbers_from(first, consumed == 0)
            consumed += group.end - group.start
        return 0

    cdef int numbers_from(self, int64_t first, bint international) except -1 nogil:
        cdef uint8_t form[MAX_PHONE + PHONE_PREFIX + 1]
        cdef uint8_t* digits = form + 1
        cdef int64_t number, at, length = 0
        cdef Group group
        form[0] = c"+"
        for number in range(first, min(self.group_count, first + MAX_GROUPS)):
            group = self.groups[number]
            if not (international and group.trunk):
                if length + group.end - group.start > MAX_PHONE + PHONE_PREFIX:
                    return 0
                for at in range(group.start, group.end):
                    digits[length] = self.data[at]
                    length += 1
            if length >= MIN_PHONE:
                self.spellings(self.groups[first].start, group.end, form, length, self.groups[first].plus)
        return 0

    cdef int spellings(self, int64_t start, int64_t end, uint8_t* form, int64_t length, bint plus) except -1 nogil:
        """``detectors.phones.spellings``; ``form`` has a plus in front of its digits."""
        cdef uint8_t* digits = form + 1
        if plus:
            return self.international(start, end, form, length, 0)
        if digits[0] == c"0" and digits[1] == c"0":
            return self.international(start, end, form, length, 2)
        if digits[0] == c"0" and digits[1] == c"1" and digits[2] == c"1":
            self.international(start, end, form, length, 3)
        self.international(start, end, form, length, 0)
        self.national(start, end, digits, length)
        if digits[0] == c"0" or ((digits[0] == c"1" or digits[0] == c"8") and length == 11):
            self.national(start, end, digits + 1, length - 1)
        return 0

    cdef int international(self, int64_t start, int64_t end, uint8_t* form, int64_t length, int64_t skip) except -1 nogil:
        cdef uint8_t spelled[MAX_PHONE + PHONE_PREFIX + 1]
        length -= skip
        if length < 0 or self.plus_shapes[length] < 0:
            return 0
        spelled[0] = c"+"
        memcpy(spelled + 1, form + 1 + skip, length)
        return self.add(<int>self.plus_shapes[length], start, end, spelled, length + 1, 1)

    cdef int national(self, int64_t start, int64_t end, const uint8_t* digits, int64_t length) except -1 nogil:
        if self.national_shapes[length] < 0:
            return 0
        return self.add(<int>self.national_shapes[length], start, end, digits, length, 1)

    # -- ticket numbers ----------------------------------------------------------------------

    cdef int tickets(self) except -1 nogil:
        cdef int64_t at, number
        if self.patterns.shape[0] == 0:
            return 0
        for at in range(self.size):
            if not self.starts_pattern[self.data[at]] or (at > 0 and self.kind(at - 1) & ALNUM):
                continue
            for number in range(self.patterns.shape[0]):
                self.ticket(at, number)
        return 0

    cdef int ticket(self, int64_t start, int64_t number) except -1 nogil:
        cdef uint8_t form[CANONICAL]
        cdef int64_t run, at = start, length = 0, gap, place, literal, wanted
        cdef uint8_t byte
        for run in range(self.patterns[number, 1], self.patterns[number, 2]):
            if run > self.patterns[number, 1]:
                gap = 0
                while gap < MAX_GAP and at < self.size and self.is_separator(at):
                    at += 1
                    gap += 1
            literal, wanted = self.runs[run, 0], self.runs[run, 1]
            if at + wanted > self.size or length + wanted > CANONICAL:
                return 0
            for place in range(wanted):
                byte = self.lower(at)
                if literal >= 0:
                    if byte != self.literals[literal + place]:
                        return 0
                elif not (48 <= byte <= 57 or (not self.runs[run, 2] and 97 <= byte <= 122)):
                    return 0
                form[length] = byte - 32 if 97 <= byte <= 122 else byte
                length += 1
                at += 1
        if at < self.size and self.kind(at) & ALNUM:
            return 0
        return self.add(<int>self.patterns[number, 0], start, at, form, length, 2)

    cdef inline bint is_separator(self, int64_t at) noexcept nogil:
        cdef uint8_t byte = self.data[at]
        return (
            byte == c" " or byte == c"-" or byte == c"_" or byte == c"."
            or byte == c"/" or byte == c":" or byte == c"#"
        )

    # -- names -------------------------------------------------------------------------------

    cdef int words(self) except -1 nogil:
        """Collect the tokens that count: capitalised ones and those that the index knows."""
        cdef int64_t at = 0, end, word = 0, span = 0, record = 0
        while at < self.size:
            if self.data[at] == c"\n":
                word += 1
                at += 1
                continue
            while span < self.span_count and self.spans[span + 1] <= at:
                span += 2
            if not (self.wordy(at) or (span < self.span_count and self.spans[span] <= at)):
                at += 1
                continue
            end = self.word_end(at, span)
            record = self.word_tokens(at, end, span, word, record)
            word += not self.is_passed_over(at, end)
            at = end
        return 0

    cdef bint is_passed_over(self, int64_t start, int64_t end) noexcept nogil:
        """Whether a word is an initial or a particle, which keep no two names apart."""
        cdef uint64_t word = 0
        cdef int64_t at
        if not self.kind(start) & LETTER:
            return False
        if end - start > LONGEST_PARTICLE or self.data[start] >= 0x80:
            return end - start <= 4 and self.characters(start, end) == 1
        if end - start == 1:
            return True
        for at in range(start, end):
            word = word << 8 | self.lower(at)
        at = word % PARTICLE_SLOTS
        while self.particles[at]:
            if self.particles[at] == word:
                return True
            at = (at + 1) % PARTICLE_SLOTS
        return False

    cdef inline bint masked(self, int64_t at, int64_t span) noexcept nogil:
        while span < self.span_count and self.spans[span + 1] <= at:
            span += 2
        return span < self.span_count and self.spans[span] <= at

    cdef int64_t word_end(self, int64_t at, int64_t span) noexcept nogil:
        """``\\w+(?:'\\w+)*`` over the text in which addresses are blanked."""
        while at < self.size:
            while span < self.span_count and self.spans[span + 1] <= at:
                span += 2
            if span < self.span_count and self.spans[span] <= at:
                at = self.spans[span + 1]
            elif self.wordy(at):
                at += 1
            elif self.data[at] == c"'" and at + 1 < self.size and (
                self.wordy(at + 1) or self.masked(at + 1, span)
            ):
                at += 1
            else:
                break
        return min(at, self.size)

    cdef int64_t word_tokens(self, int64_t at, int64_t end, int64_t span, int64_t word, int64_t record) except -1 nogil:
        """Read the tokens of one word. Return the number of the record that it is in."""
        cdef int64_t start
        cdef uint8_t kind
        while at < end:
            while span < self.span_count and self.spans[span + 1] <= at:
                span += 2
            if span < self.span_count and self.spans[span] <= at:
                at = self.spans[span + 1]
                continue
            kind = self.kind(at) & (LETTER | CJK)
            if not kind:
                at += 1
                continue
            start = at
            while at < end and not self.masked(at, span) and self.kind(at) & kind:
                at += 1
                if (
                    kind == LETTER and at + 1 < end and self.data[at] == c"'"
                    and self.kind(at + 1) & LETTER and not self.masked(at, span) and not self.masked(at + 1, span)
                ):
                    at += 1
            if self.has_records:
                while record < self.records.shape[0] and self.records[record] <= start:
                    record += 1
            self.token(start, at, word, record, span, kind == CJK)
        return record

    cdef int token(self, int64_t start, int64_t end, int64_t word, int64_t record, int64_t span, bint cjk) except -1 nogil:
        cdef uint8_t form[MAX_FORM]
        cdef int64_t length = 0, stop = end, at, count
        cdef Token* token
        cdef uint8_t roles
        if cjk and self.mono_known:
            self.without_spaces(start, end, span)
        if end - start > 2 and self.lower(end - 1) == c"s" and self.data[end - 2] == c"'":
            stop = end - 2
        count = self.characters(start, stop)
        for at in range(start, stop):
            count -= self.data[at] == c"'"
        if count < 1 + (not cjk) or (count > MAX_TOKEN):
            return 0
        if self.is_digit(start - 1, span) or self.is_digit(end, span):
            return 0
        for at in range(start, stop):
            if self.data[at] != c"'" and length < MAX_FORM:
                form[length] = self.lower(at)
                length += 1
        roles = self.roles_of(form, length)
        if self.mono_known and roles & 0x0F and roles & 0xF0 and not cjk:
            self.add(NAME_LOOSE, start, end, form, length, 3)
        if not roles and not self.is_capital(start):
            return 0
        self.tokens = <Token*>grow(self.tokens, &self.token_room, self.token_count, sizeof(Token))
        token = &self.tokens[self.token_count]
        self.token_count += 1
        token.start, token.end, token.word, token.record = start, end, word, record
        token.capital, token.roles, token.standing = self.is_capital(start), roles, 0
        token.form, token.length = self.form_count, <uint16_t>length
        if roles:
            self.forms = <uint8_t*>grow(self.forms, &self.form_room, self.form_count + MAX_FORM, 1)
            memcpy(self.forms + self.form_count, form, length)
            self.form_count += length
        return 0

    cdef inline bint is_capital(self, int64_t at) noexcept nogil:
        return self.kind(at) & CAPITAL

    cdef inline bint is_digit(self, int64_t at, int64_t span) noexcept nogil:
        if not 0 <= at < self.size:
            return False
        return self.kind(at) & DIGIT or self.is_masked_before(at, span)

    cdef inline bint is_masked_before(self, int64_t at, int64_t span) noexcept nogil:
        """Whether a blanked address is at ``at``, also when ``span`` is the one after it."""
        if span >= 2 and self.spans[span - 2] <= at < self.spans[span - 1]:
            return True
        return self.masked(at, span)

    cdef inline uint8_t roles_of(self, const uint8_t* form, int64_t length) noexcept nogil:
        return self.roles[<int64_t>(siphash(form, length, self.token_key) & <uint64_t>(self.roles.shape[0] - 1))]

    cdef int without_spaces(self, int64_t start, int64_t end, int64_t span) except -1 nogil:
        """Add every stretch of two to six characters of a run in a script without spaces."""
        cdef int64_t first = start, last, length, whole = self.characters(start, end)
        cdef int shape
        if self.is_digit(start - 1, span) or self.is_digit(end, span):
            return 0
        while first < end:
            last = first
            for length in range(1, LONGEST_CJK + 1):
                if last >= end:
                    break
                last = self.next(last)
                if length >= SHORTEST_CJK:
                    shape = NAME_MONO if length == whole else NAME_LOOSE
                    self.add(shape, first, last, &self.data[first], last - first, 3)
            first = self.next(first)
        return 0

    cdef int pairs(self) except -1 nogil:
        """The pairs of known tokens; see ``reference._pairs``."""
        cdef int64_t first, second, seen, free = 0
        cdef bint taken
        cdef int shape, common
        for first in range(self.token_count):
            if not self.tokens[first].roles:
                continue
            taken = first < free
            second, seen = first, 0
            while seen < PAIR_TOKENS and second + 1 < self.token_count:
                second += 1
                if not self.tokens[second].roles:
                    continue
                seen += 1
                if not self.reaches(first, second):
                    break
                common = commonness(self.tokens[first].roles, self.tokens[second].roles)
                if not common:
                    continue
                shape = NAME_LOOSE
                if not taken:
                    shape = NAME if self.tokens[first].capital and self.tokens[second].capital else NAME_LOWER
                    taken, free = True, second + 1
                    self.tokens[first].standing = self.tokens[second].standing = 1
                self.pair(shape, first, second)
                self.found[self.found_count - 1].lead = common
        return 0

    cdef inline bint reaches(self, int64_t first, int64_t second) noexcept nogil:
        return (
            self.tokens[second].word - self.tokens[first].word <= REACH_WORDS
            and self.within(self.tokens[first].end, self.tokens[second].start)
            and self.tokens[second].record == self.tokens[first].record
        )

    cdef inline bint within(self, int64_t end, int64_t start) noexcept nogil:
        if self.ascii or start - end <= PAIR_CHARACTERS:
            return start - end <= PAIR_CHARACTERS
        return start - end <= 4 * PAIR_CHARACTERS and self.characters(end, start) <= PAIR_CHARACTERS

    cdef int pair(self, int shape, int64_t first, int64_t second) except -1 nogil:
        cdef uint8_t form[2 * MAX_FORM + 1]
        cdef Token one = self.tokens[first], other = self.tokens[second]
        cdef int64_t start = one.start, end = other.end
        if is_after(self.forms + one.form, one.length, self.forms + other.form, other.length):
            one, other = other, one
        memcpy(form, self.forms + one.form, one.length)
        form[one.length] = 0x1F
        memcpy(form + one.length + 1, self.forms + other.form, other.length)
        return self.add(shape, start, end, form, one.length + 1 + other.length, 3)

    cdef int count_strangers(self) except -1 nogil:
        """See ``reference._strangers``."""
        cdef int64_t first = self.capital_from(0), second
        while first < self.token_count:
            second = self.capital_from(first + 1)
            if second >= self.token_count:
                break
            if not self.reaches(first, second):
                first = second
                continue
            self.strangers += not (self.tokens[first].standing or self.tokens[second].standing)
            first = self.capital_from(second + 1)
        return 0

    cdef inline int64_t capital_from(self, int64_t at) noexcept nogil:
        while at < self.token_count and not self.tokens[at].capital:
            at += 1
        return at

    # -- in and out --------------------------------------------------------------------------

    def addresses(self):
        """Find the e-mail addresses. Return (start, end) of those that Python has to read."""
        with nogil:
            self.emails()
        return [(self.slow[at], self.slow[at + 1]) for at in range(0, self.slow_count, 2)]

    def add_addresses(self, list found):
        """Add the addresses that Python has read: (start, end, form) of each."""
        cdef int64_t start, end
        spans = [(self.spans[at + 1], self.spans[at]) for at in range(0, self.span_count, 2)]
        for start, end, form in found:
            self.add(EMAIL, start, end, <const uint8_t*><bytes>form, len(form), 0)
            spans.append((end, start))
        self.span_count = 0
        for end, start in sorted(spans):
            self.mask(start, end)

    def rest(self):
        """Find everything else."""
        with nogil:
            self.phones()
            self.tickets()
            if self.names_known or self.mono_known:
                self.words()
                self.pairs()
                self.count_strangers()

    def results(self):
        """Return shape, start, end, tag and lead of all candidates, and the strangers."""
        kind = np.dtype(
            {
                "names": ["start", "end", "tag", "shape", "lead"],
                "formats": [np.int64, np.int64, np.uint64, np.uint16, np.uint16],
                "offsets": [0, 8, 16, 24, 26],
                "itemsize": sizeof(Candidate),
            }
        )
        if not self.found_count:
            return np.empty(0, dtype=kind), self.strangers
        raw = np.asarray(<uint8_t[: self.found_count * sizeof(Candidate)]><uint8_t*>self.found)
        return raw.view(kind).copy(), self.strangers


cdef void* grow(void* array, int64_t* room, int64_t count, int64_t size) except NULL nogil:
    """Return ``array`` with room for one more than ``count`` elements."""
    cdef void* larger
    if array != NULL and count < room[0]:
        return array
    while room[0] <= count:
        room[0] = 2 * room[0] if room[0] else 1024
    larger = realloc(array, room[0] * size)
    if larger == NULL:
        with gil:
            raise MemoryError
    return larger


cdef inline int commonness(uint8_t one, uint8_t other) noexcept nogil:
    """See ``reference._commonness``."""
    cdef int there = (one & 0x0F) + (other >> 4) if one & 0x0F and other >> 4 else 0
    cdef int back = (other & 0x0F) + (one >> 4) if other & 0x0F and one >> 4 else 0
    return max(there, back)


cdef inline bint is_after(const uint8_t* one, int64_t length, const uint8_t* other, int64_t other_length) noexcept nogil:
    """Whether ``one`` sorts behind ``other``."""
    cdef int64_t at
    for at in range(min(length, other_length)):
        if one[at] != other[at]:
            return one[at] > other[at]
    return length > other_length


def scan(data, classes, records, plan, ascii_table):
    """Return a ``Scan`` of ``data``. ``plan``: what ``prepare`` made of the tables."""
    cdef Scan one = Scan()
    cdef int64_t at
    empty = np.empty(0, dtype=np.uint8)
    none = np.empty(0, dtype=np.int64)
    one.data, one.size = data, len(data)
    one.ascii = classes is None
    one.classes = empty if classes is None else classes
    one.has_records = records is not None
    one.records = none if records is None else records
    one.roles, one.literals, one.runs, one.patterns = plan.roles, plan.literals, plan.runs, plan.patterns
    one.plus_shapes, one.national_shapes = plan.plus_shapes, plan.national_shapes
    one.particles = PARTICLES
    one.names_known, one.mono_known = plan.names_known, plan.mono_known
    for at in range(256):
        one.table[at] = ascii_table[at]
        one.starts_pattern[at] = plan.starts_pattern[at]
    for at in range(4):
        one.kinds[at].k0, one.kinds[at].k1 = plan.keys[at]
    one.token_key.k0, one.token_key.k1 = plan.keys[4]
    return one
