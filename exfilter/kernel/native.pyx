# cython: wraparound=False, cdivision=True
"""The kernel at native speed. Equal to ``reference.find`` on every text.

Text is read once, in blocks of 64 bytes: which of them are letters, digits and so on is one bit a
byte, so that the words of ordinary text are found with a few instructions each. A word of ASCII
letters is looked up in a memo of what the index knows of tokens; all other words go a slower way.
Candidates are hashed as they are found and looked up in batches of 1,024 (``lookup.pxi``).
"""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memchr, memcmp, memcpy, memmove, memset

from exfilter.kernel.sip cimport Sip, siphash

import numpy as np

import detectors
from detectors import emails as email_rules
from detectors import names, phones
from detectors import tickets as ticket_rules
from exfilter.kernel import layer as layers
from exfilter.kernel import letters, signs
from exfilter.kernel import tables as table_rules
from exfilter.kernel.plain import addresses as address_rules
from exfilter.kernel.plain import apart as apart_rules
from exfilter.kernel.plain import fields as field_rules
from exfilter.kernel.plain import numbers as number_rules
from exfilter.kernel.plain import people as people_rules
from exfilter.kernel.plain import references as reference_rules
from exfilter.kernel.plain import token as token_rules

cdef extern from "blocks.h" nogil:
    ctypedef struct Block:
        uint64_t letters
        uint64_t digits
        uint64_t joins
        uint64_t others
        uint64_t lines
    void classify(const uint8_t* text, Block* block)
    bint digraphs_in(uint64_t letters, uint8_t behind)
    void load_letters(const uint8_t* bytes, int64_t length, uint64_t* form)
    uint64_t load_word(const uint8_t* bytes)
    uint64_t marks_of(const uint8_t* text)
    int64_t copy_ascii1(const uint8_t* source, int64_t count, uint8_t* to)
    int64_t copy_ascii2(const uint16_t* source, int64_t count, uint8_t* to)
    int64_t copy_ascii4(const uint32_t* source, int64_t count, uint8_t* to)
    int first_bit(uint64_t bits)
    int last_bit(uint64_t bits)
    int count_bits(uint64_t bits)
    void prefetch(const void* address)

cdef extern from "Python.h":
    int PyUnicode_KIND(object text)
    const void* PyUnicode_DATA(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    bint PyUnicode_IS_ASCII(object text)

cdef enum:
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
    LEAD_DIGITS = 4
    LONGEST_PARTICLE = 7
    PARTICLE_SLOTS = 251
    LONGEST_NUMBER = 32
    MIN_BARE = 5
    WIDEST = 3
    LONGEST_GAP = 8
    WIDE_GAP = 4
    LONGEST_RUN = 24
    SPACES = 2
    SHORTEST_TOP = 2
    LONGEST_TOP = 24
    LONGEST_KEY = 32
    FARTHEST_FIELD = 160   # bytes from a field to the next one, at most
    AREA_CODE = 1
    COUNTRY_CODE = 2
    MOST_CUTS = 3
    FEWEST_RECORDS = 3
    FARTHEST = 2048
    TRIED = 2
    LAST_COLUMN = 250
    APART = 251
    NONE = -1

include "state.pxi"
include "fields.pxi"
include "fold.pxi"
include "lookup.pxi"
include "emails.pxi"
include "numbers.pxi"
include "apart.pxi"
include "names.pxi"
include "runs.pxi"

assert (MAX_LOCAL, MAX_DOMAIN) == (email_rules.MAX_LOCAL, email_rules.MAX_DOMAIN)
assert email_rules.DOTLESS == {"gmail.com": "gmail.com", "googlemail.com": "gmail.com"}
assert LEAD_DIGITS == detectors.LEAD_DIGITS and AFTER_PLUS == number_rules.AFTER_PLUS
assert (MIN_PHONE, MAX_PHONE, MAX_GROUPS) == (phones.MIN_DIGITS, phones.MAX_DIGITS, phones.MAX_GROUPS)
assert (MAX_TOKEN, REACH_WORDS) == (names.MAX_TOKEN, names.REACH_WORDS)
assert (PAIR_TOKENS, PAIR_CHARACTERS) == (people_rules.PAIR_TOKENS, token_rules.PAIR_CHARACTERS)
assert (MIN_BARE, MOST_CUTS) == (ticket_rules.MIN_BARE_DIGITS, people_rules.MOST_CUTS)
assert (WIDEST, LONGEST_GAP) == (number_rules.WIDEST, number_rules.LONGEST_GAP)
assert (WIDE_GAP, LONGEST_RUN) == (reference_rules.WIDE_GAP, reference_rules.LONGEST_RUN)
assert (SPACES, LONGEST_KEY) == (address_rules.SPACES, field_rules.LONGEST_KEY)
assert (SHORTEST_TOP, LONGEST_TOP) == (min(address_rules.TOP_LETTERS), max(address_rules.TOP_LETTERS))
assert (AREA_CODE, COUNTRY_CODE) == (number_rules.AREA, number_rules.COUNTRY)
assert (FEWEST_RECORDS, FARTHEST, TRIED) == (apart_rules.FEWEST, apart_rules.FARTHEST, apart_rules.TRIED)
assert SHORT_FORM == apart_rules.LONGEST_FORM
assert (LAST_COLUMN, APART) == (table_rules.LAST_COLUMN, table_rules.APART)
assert (MARK, OPENING, CLOSING, GAP, EVENLY, SEPARATOR, WIDE, WITHIN, PARTING) == tuple(signs.Sign)
assert range(SHORTEST_CJK, LONGEST_CJK + 1) == names.CJK_LENGTHS and MAX_GAP == ticket_rules.MAX_SEPARATORS
assert (CAPITAL, ALNUM, LETTER, CJK, DIGIT, LOCAL, RARE) == tuple(letters.Class)
assert (SHARED, NOBODY) == (layers.SHARED, layers.NOBODY)
assert max(map(len, names.GROWN)) <= LONGEST_PARTICLE and 2 * len(names.GROWN) < PARTICLE_SLOTS

LONGEST_TEXT = (1 << 32) - 1
"""Characters, also after the fold: places are kept in 32 bits."""
FOLD = letters.folded
read_address = email_rules.readings


cdef class Plan:
    """The tables as they are read here. Keeps the arrays alive that it points into."""

    cdef Tabled tables
    cdef list _kept
    cdef State* states[STATES]
    cdef int state_count

    def __cinit__(self):
        memset(&self.tables, 0, sizeof(Tabled))
        self.state_count = 0

    def __dealloc__(self):
        while self.state_count:
            self.state_count -= 1
            release(self.states[self.state_count])

    cdef State* take(self) except NULL:
        """Return a state that nobody else uses; under the GIL."""
        cdef State* state
        if self.state_count:
            self.state_count -= 1
            return self.states[self.state_count]
        state = <State*>calloc(1, sizeof(State))
        if state == NULL:
            raise MemoryError
        return state

    cdef void give(self, State* state) noexcept:
        """Keep a state for the next text: words repeat, and memory that is there need not be asked for."""
        if self.state_count == STATES or kept_bytes(state) > KEPT_BYTES:
            release(state)
            return
        self.states[self.state_count] = state
        self.state_count += 1

    def __init__(self, plan):
        """``plan``: a ``prepare.Plan``."""
        cdef int at
        self._kept = []
        self.tables.layer_count = len(plan.layers)
        if self.tables.layer_count > LAYERS:
            raise ValueError(f"an index has at most {LAYERS} layers")
        first_row = 0
        for at, layer in enumerate(plan.layers):
            self.tables.layers[at].records = <const uint32_t*>self._array(layer.records, np.uint32)
            self.tables.layers[at].buckets = <const uint32_t*>self._array(layer.buckets, np.uint32)
            self.tables.layers[at].filter = <const uint64_t*>self._array(layer.filter, np.uint64)
            self.tables.layers[at].words = len(layer.filter)
            self.tables.layers[at].shift = layer.bucket_shift
            self.tables.layers[at].first_row = first_row
            self.tables.layers[at].empty = not len(layer.records)
            first_row += layer.rows
        self.tables.roles = <const uint8_t*>self._array(plan.roles, np.uint8)
        self.tables.role_bits = <const uint8_t*>self._array(
            np.packbits(plan.roles != 0, bitorder="little"), np.uint8
        )
        self.tables.role_mask = len(plan.roles) - 1
        self.tables.literals = <const uint8_t*>self._array(plan.literals, np.uint8)
        self.tables.runs = <const int64_t*>self._array(plan.runs, np.int64)
        self.tables.patterns = <const int64_t*>self._array(plan.patterns, np.int64)
        self.tables.pattern_of = <const int64_t*>self._array(plan.pattern_of, np.int64)
        self.tables.pattern_start = <const int64_t*>self._array(plan.pattern_start, np.int64)
        self.tables.plus_shapes = <const int64_t*>self._array(plan.plus_shapes, np.int64)
        self.tables.national_shapes = <const int64_t*>self._array(plan.national_shapes, np.int64)
        self.tables.bare_shapes = <const int64_t*>self._array(plan.bare_shapes, np.int64)
        self.tables.particles = <const uint64_t*>self._array(_slots(names.PARTICLES), np.uint64)
        self.tables.grown = <const uint64_t*>self._array(_slots(names.GROWN), np.uint64)
        for at in range(100):
            self.tables.two_digit_codes[at] = f"{at:02}" in phones.TWO_DIGIT_CODES
        for at in range(256):
            self.tables.signs[at] = signs.TABLE[at]
            self.tables.begins[at] = plan.pattern_start[at] < plan.pattern_start[at + 1]
        self.tables.emails_known = plan.emails_known
        self.tables.any_names = plan.names_known or plan.mono_known
        self.tables.mono_known = plan.mono_known
        for at in range(4):
            self.tables.kinds[at].k0, self.tables.kinds[at].k1 = plan.keys[at]
        self.tables.token_key.k0, self.tables.token_key.k1 = plan.keys[4]
        for at in range(256):
            self.tables.table[at] = letters.ASCII[at]

    cdef const void* _array(self, array, dtype) except NULL:
        """Return where the elements are. An empty array has one that is not used."""
        cdef const uint8_t[::1] view
        array = np.ascontiguousarray(array if array.size else np.zeros(1, dtype), dtype=dtype)
        view = array.reshape(-1).view(np.uint8)
        self._kept.append(view)
        return &view[0]


def _slots(words):
    """Return short words as big-endian numbers in a table with open addressing."""
    table = np.zeros(PARTICLE_SLOTS, dtype=np.uint64)
    for each in sorted(words):
        word = int.from_bytes(each.encode(), "big")
        at = word % PARTICLE_SLOTS
        while table[at]:
            at = (at + 1) % PARTICLE_SLOTS
        table[at] = word
    return table


def find(str text, Plan plan, records):
    """Return (hits, distinct candidates, strangers): see ``Matches``; places are in source characters.

    None: there is nothing of all that. ``records``: ascending int64 offsets, or None. Raises OverflowError
    for text beyond LONGEST_TEXT.
    """
    cdef State* s = plan.take()
    cdef int64_t length = PyUnicode_GET_LENGTH(text)
    reset(s, &plan.tables, <const uint8_t*>PyUnicode_DATA(text), length)
    try:
        return _find(s, text, length, records)
    finally:
        plan.give(s)


cdef _find(State* s, str text, int64_t length, records):
    cdef const int64_t[::1] given
    cdef int64_t[::1] placed
    if length > LONGEST_TEXT:
        raise OverflowError("the text is longer than 4 GiB: read it in slices")
    if not PyUnicode_IS_ASCII(text):
        s.source, s.unit, s.source_size = PyUnicode_DATA(text), PyUnicode_KIND(text), length
        with nogil:
            if s.unit == 1:
                fold(s, <const uint8_t*>s.source, length)
            elif s.unit == 2:
                fold(s, <const uint16_t*>s.source, length)
            else:
                fold(s, <const uint32_t*>s.source, length)
        if s.size > LONGEST_TEXT:
            raise OverflowError("the folded text is longer than 4 GiB: read it in slices")
    if records is not None and len(records):
        given = np.ascontiguousarray(records, dtype=np.int64)
        placed = np.empty(len(given), dtype=np.int64)
        if s.source == NULL:
            placed[:] = given
        else:
            places(s, &given[0], len(given), &placed[0])
        s.records, s.record_count, s.next_record = &placed[0], len(given), placed[0]
    s.tokens = <Token*>grow(s.tokens, &s.token_room, s.token_limit + 1, sizeof(Token))
    with nogil:
        if s.record_count:
            number_fields(s)
        if s.tables.emails_known:
            emails(s)
            if s.record_count:
                split_addresses(s)
        next_span(s, 0)
        read(s)
        even_end(s)
        numbers(s)
        pairs(s, True)
        pairs_apart(s)
        resolve(s)
    if not (s.distinct_count or s.strangers or any_hits(s)):
        return None
    return _hits(s), _distinct(s), s.strangers


# -- out -------------------------------------------------------------------------------------

cdef bint any_hits(State* s):
    cdef int stream
    for stream in range(STREAMS):
        if s.hit_count[stream]:
            return True
    return False


cdef _hits(State* s):
    """Return (shape, start, end, posting, tag, lead, column): the streams, merged by place."""
    cdef int64_t total = 0, at
    cdef int64_t next_[STREAMS]
    cdef Place start_at, end_at
    memset(&start_at, 0, sizeof(Place))
    memset(&end_at, 0, sizeof(Place))
    cdef int stream, best
    cdef Hit* hit
    cdef Hit* first
    for stream in range(STREAMS):
        total += s.hit_count[stream]
        next_[stream] = 0
    shape, lead = np.empty(total, dtype=np.uint16), np.empty(total, dtype=np.uint16)
    start, end = np.empty(total, dtype=np.int64), np.empty(total, dtype=np.int64)
    posting, tag = np.empty(total, dtype=np.uint32), np.empty(total, dtype=np.uint64)
    column = np.empty(total, dtype=np.uint8)
    cdef uint8_t[::1] columns = column
    cdef uint16_t[::1] shapes = shape, leads = lead
    cdef int64_t[::1] starts = start, ends = end
    cdef uint32_t[::1] postings = posting
    cdef uint64_t[::1] tags = tag
    with nogil:
        for at in range(total):
            first = NULL
            best = 0
            for stream in range(STREAMS):
                if next_[stream] < s.hit_count[stream]:
                    hit = &s.hits[stream][next_[stream]]
                    if first == NULL or hit.start < first.start:
                        first, best = hit, stream
            next_[best] += 1
            shapes[at], leads[at], postings[at], tags[at] = first.shape, first.lead, first.posting, first.tag
            columns[at] = first.column
            starts[at] = source_from(s, first.start, &start_at)
            ends[at] = source_from(s, <int64_t>first.end - 1, &end_at) + 1
    return shape, start, end, posting, tag, lead, column


cdef _distinct(State* s):
    """Return (shape, lead, tag, column) of what was looked for, each once."""
    cdef int64_t count = s.distinct_count, at
    shape, lead = np.empty(count, dtype=np.uint16), np.empty(count, dtype=np.uint16)
    tag, column = np.empty(count, dtype=np.uint64), np.empty(count, dtype=np.uint8)
    cdef uint8_t[::1] columns = column
    cdef uint16_t[::1] shapes = shape, leads = lead
    cdef uint64_t[::1] tags = tag
    for at in range(count):
        shapes[at], leads[at], tags[at] = s.distinct[at].shape, s.distinct[at].lead, s.distinct[at].tag
        columns[at] = s.distinct[at].column
    return shape, lead, tag, column
