# cython: wraparound=False, cdivision=True
"""Sorting and counting the records of a build at native speed. ``records`` is the same in numpy."""

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport qsort
from libc.string cimport memcpy, memset

import numpy as np

from exfilter.index import codes

cdef enum:
    RADIX = 11
    PASSES = 3
    BINS = 2048
    LOWEST = 31    # of the bits of a tag that the passes sort by
    SMALL = 2048
    FEW = 24

cdef int LEAD = codes.LEAD_BITS


def scatter(const uint64_t[:, ::1] records, int bits):
    """Return the records by the first ``bits`` of their first word, and where each part begins."""
    cdef Py_ssize_t n = records.shape[0], width = records.shape[1], i, parts = 1 << bits
    ordered = np.empty((n, width), dtype=np.uint64)
    starts = np.zeros(parts + 1, dtype=np.int64)
    cdef uint64_t[:, ::1] out = ordered
    cdef int64_t[::1] start = starts
    cdef int64_t[::1] place = np.empty(parts, dtype=np.int64)
    cdef int shift = 64 - bits
    cdef int64_t at
    if n:
        with nogil:
            for i in range(n):
                start[(records[i, 0] >> shift) + 1] += 1
            for i in range(parts):
                start[i + 1] += start[i]
                place[i] = start[i]
            for i in range(n):
                at = place[records[i, 0] >> shift]
                place[records[i, 0] >> shift] += 1
                memcpy(&out[at, 0], &records[i, 0], width * 8)
    return ordered, starts


def put_ordinals(uint64_t[:, ::1] records, const uint32_t[::1] ordinals):
    """Put the ordinal of each row in the place of its number."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(records.shape[0]):
            records[i, 1] = <uint64_t>ordinals[records[i, 1] >> 32] << 32 | (records[i, 1] & 0xFFFFFFFFULL)


cdef int _compare(const void* one, const void* other) noexcept nogil:
    cdef const uint64_t* a = <const uint64_t*>one
    cdef const uint64_t* b = <const uint64_t*>other
    if a[0] != b[0]:
        return 1 if a[0] > b[0] else -1
    return (a[1] > b[1]) - (a[1] < b[1])


def sort(uint64_t[:, ::1] records):
    """Sort records of two words in place, by both. The first ones are uniform: they are tags."""
    cdef Py_ssize_t n = records.shape[0]
    cdef uint64_t[:, ::1] scratch
    if n < 2:
        return
    if n < SMALL:
        with nogil:
            qsort(&records[0, 0], n, 16, _compare)
        return
    scratch = np.empty((n, 2), dtype=np.uint64)
    with nogil:
        _radix(&records[0, 0], &scratch[0, 0], n)
        _finish(&records[0, 0], n)


cdef void _radix(uint64_t* records, uint64_t* scratch, Py_ssize_t n) noexcept nogil:
    cdef int64_t counts[PASSES][BINS]
    cdef uint64_t* source = records
    cdef uint64_t* target = scratch
    cdef int step
    cdef Py_ssize_t i
    cdef int64_t total, count
    cdef uint64_t tag
    cdef int64_t* place
    memset(counts, 0, sizeof(counts))
    for i in range(n):
        tag = source[2 * i] >> LOWEST
        for step in range(PASSES):
            counts[step][(tag >> (RADIX * step)) & (BINS - 1)] += 1
    for step in range(PASSES):
        place = counts[step]
        total = 0
        for i in range(BINS):
            count = place[i]
            place[i] = total
            total += count
        for i in range(n):
            tag = source[2 * i]
            count = place[(tag >> (LOWEST + RADIX * step)) & (BINS - 1)]
            place[(tag >> (LOWEST + RADIX * step)) & (BINS - 1)] = count + 1
            target[2 * count] = tag
            target[2 * count + 1] = source[2 * i + 1]
        source, target = target, source
    if source != records:
        memcpy(records, source, n * 16)


cdef void _finish(uint64_t* records, Py_ssize_t n) noexcept nogil:
    """Sort the runs of records that the passes hold for equal."""
    cdef Py_ssize_t begin = 0, end, i, j
    cdef uint64_t first, second
    cdef int sorted_
    while begin < n:
        end = begin + 1
        sorted_ = 1
        while end < n and records[2 * end] >> LOWEST == records[2 * begin] >> LOWEST:
            sorted_ &= _compare(records + 2 * end - 2, records + 2 * end) <= 0
            end += 1
        if not sorted_ and end - begin > FEW:
            qsort(records + 2 * begin, end - begin, 16, _compare)
        elif not sorted_:
            for i in range(begin + 1, end):
                first, second = records[2 * i], records[2 * i + 1]
                j = i
                while j > begin and (
                    records[2 * j - 2] > first or (records[2 * j - 2] == first and records[2 * j - 1] > second)
                ):
                    records[2 * j], records[2 * j + 1] = records[2 * j - 2], records[2 * j - 1]
                    j -= 1
                records[2 * j], records[2 * j + 1] = first, second
        begin = end


def digest(const uint64_t[:, ::1] records, int pair, int shapes):
    """Return what sorted records of (tag, ordinal and code) say: see ``records.digest``."""
    cdef Py_ssize_t n = records.shape[0], i, begin = 0, end, kept = 0, distinct = 0, once = 0, back
    tags_, ordinals_ = np.empty(n, dtype=np.uint64), np.empty(n, dtype=np.uint32)
    codes_, once_ = np.empty(n, dtype=np.uint32), np.empty(n, dtype=np.uint64)
    bearers_ = np.zeros((shapes, 2), dtype=np.int64)
    cdef uint64_t[::1] tags = tags_, single = once_
    cdef uint32_t[::1] ordinals = ordinals_, code = codes_
    cdef int64_t[:, ::1] bearers = bearers_
    cdef int64_t count, first_code
    cdef uint64_t tag
    cdef uint32_t ordinal, own
    cdef int seen
    with nogil:
        while begin < n:
            tag = records[begin, 0]
            end, count, first_code = begin, 0, distinct
            while end < n and records[end, 0] == tag:
                ordinal, own = records[end, 1] >> 32, records[end, 1] & 0xFFFFFFFFULL
                if count == 0 or ordinals[kept - 1] != ordinal:
                    tags[kept], ordinals[kept] = tag, ordinal
                    kept += 1
                    count += 1
                seen = 0
                for back in range(first_code, distinct):
                    seen |= code[back] == own
                if not seen:
                    code[distinct] = own
                    distinct += 1
                end += 1
            for back in range(first_code, distinct):
                own = code[back] >> LEAD
                if count <= 2:
                    bearers[own, count - 1] += 1
                if count == 1 and own == <uint32_t>pair:
                    single[once] = tag
                    once += 1
            begin = end
    return (
        tags_[:kept], ordinals_[:kept], codes_[:distinct].copy(), once_[:once].copy(), bearers_
    )


def add_counts(int64_t[::1] counts, const uint32_t[::1] found):
    """Count values."""
    cdef Py_ssize_t i
    with nogil:
        for i in range(found.shape[0]):
            counts[found[i]] += 1


cdef struct Entry:
    uint64_t token
    uint64_t who
    uint64_t pair
    uint32_t count
    uint8_t place
    uint8_t several
    uint8_t used


cdef class Tokens:
    """Tokens of names with how often they stand in their place, and whether one customer alone has them."""

    cdef object _room
    cdef uint8_t[::1] _bytes
    cdef Entry* _entry
    cdef Py_ssize_t _slots, _used
    cdef object _further

    def __init__(self, Py_ssize_t slots=1 << 12):
        """``slots``: a power of two."""
        self._take(slots)
        self._further = []

    cdef int _take(self, Py_ssize_t slots) except -1:
        self._room = np.zeros(slots * sizeof(Entry), dtype=np.uint8)
        self._bytes = self._room
        self._entry = <Entry*>&self._bytes[0]
        self._slots, self._used = slots, 0
        return 0

    def __len__(self):
        return self._used

    def add(self, const uint64_t[:, ::1] names, const uint64_t[::1] who):
        """Take the names of a block: see ``blocks.Found``. ``who``: of each row of it."""
        cdef Py_ssize_t i, further = 0
        cdef uint64_t pair, customer
        while 2 * (self._used + 2 * names.shape[0]) > self._slots:
            self._grow()
        further_ = np.empty((2 * names.shape[0], 4), dtype=np.uint64)
        cdef uint64_t[:, ::1] more = further_
        with nogil:
            for i in range(names.shape[0]):
                pair, customer = names[i, 2], who[names[i, 3] >> 1]
                further += self._put(names[i, 0], 0, customer, pair, &more[further, 0])
                further += self._put(names[i, 1], 1, customer, pair, &more[further, 0])
        if further:
            self._further.append(further_[:further].copy())

    cdef int _put(self, uint64_t token, int place, uint64_t who, uint64_t pair, uint64_t* more) noexcept nogil:
        cdef Entry* entry = self._find(token, place)
        if not entry.used:
            entry.used, entry.token, entry.place = 1, token, place
            entry.who, entry.pair, entry.count = who, pair, 1
            self._used += 1
            return 0
        entry.count += 1
        if entry.several:
            return 0
        if entry.who != who:
            entry.several = 1
        elif entry.pair == 0:
            entry.pair = pair
        elif pair and entry.pair != pair:
            more[0], more[1], more[2], more[3] = token, place, who, pair
            return 1
        return 0

    cdef Entry* _find(self, uint64_t token, int place) noexcept nogil:
        cdef Py_ssize_t at = (token * 2 + place) & (self._slots - 1)
        while self._entry[at].used and (self._entry[at].token != token or self._entry[at].place != place):
            at = (at + 1) & (self._slots - 1)
        return &self._entry[at]

    cdef int _grow(self) except -1:
        before = self._room
        cdef uint8_t[::1] bytes_ = before
        cdef Entry* old = <Entry*>&bytes_[0]
        cdef Py_ssize_t i, slots = self._slots
        cdef Entry* entry
        self._take(2 * slots)
        for i in range(slots):
            if old[i].used:
                entry = self._find(old[i].token, old[i].place)
                entry[0] = old[i]
                self._used += 1
        return 0

    def entries(self):
        """Return what was counted, and start anew: [n, 4], entries as ``tokens`` has them."""
        found = np.empty((self._used, 4), dtype=np.uint64)
        cdef uint64_t[:, ::1] out = found
        cdef Py_ssize_t i, n = 0
        cdef Entry* entry
        for i in range(self._slots):
            entry = &self._entry[i]
            if entry.used:
                out[n, 0], out[n, 2], out[n, 3] = entry.token, entry.who, entry.pair
                out[n, 1] = <uint64_t>entry.count << 2 | entry.several << 1 | entry.place
                n += 1
        whole = np.concatenate((found, *self._further))
        self._take(1 << 12)
        self._further = []
        return whole


cdef class Signature:
    """Ticket numbers that are written alike."""

    cdef readonly bytes first
    cdef readonly object varied     # uint8 by character: whether it is another one in some number
    cdef int64_t counted
    cdef uint8_t[::1] marks
    cdef int runs

    def __init__(self, bytes first):
        """``first``: the first one of them."""
        self.first, self.counted = first, 0
        self.varied = np.zeros(len(first), dtype=np.uint8)
        self.marks = self.varied
        self.runs = 1

    def total(self):
        """Return how many there are."""
        return self.counted

    def merge(self, Signature other):
        """Take those that are written alike in less detail, too."""
        _vary(self, other.first)
        self.varied |= other.varied
        self.counted += other.counted


def signed(bytes text, int detail):
    """Return what is alike in ticket numbers that count as one: see ``learning.Signatures``."""
    cdef bytearray found = bytearray(text)
    cdef Py_ssize_t i
    for i in range(len(found)):
        found[i] = _sign(found[i], detail)
    return bytes(found)


cdef inline uint8_t _sign(uint8_t c, int detail) noexcept nogil:
    if 48 <= c <= 57:
        return 48 if detail else 97
    if 97 <= c <= 122:
        return c if detail == 2 else 97
    return 32


def count_signatures(dict known, bytes texts, int detail, Py_ssize_t most):
    """Count the lines of ``texts`` from the beginning, until there are more than ``most`` signatures.

    Returns how many bytes were counted.
    """
    cdef const uint8_t* data = texts
    cdef Py_ssize_t n = len(texts), begin = 0, end, i, size = -1
    cdef uint8_t room[4096]
    cdef uint8_t other[4096]
    cdef Signature last = None
    cdef const uint8_t* first = NULL
    cdef int same
    while begin < n:
        end = begin
        while data[end] != 10:
            end += 1
        same = last is not None and end - begin == size
        if end - begin <= 4096:
            i = 0
            while i < end - begin:
                room[i] = _sign(data[begin + i], detail)
                same &= room[i] == other[i]
                i += 1
            if not same:
                signature = (<const uint8_t*>room)[: end - begin]
        else:
            same, signature = 0, signed(texts[begin:end], detail)
        if not same:
            last = known.get(signature)
            if last is None:
                if len(known) >= most:
                    return begin
                last = known[signature] = Signature(texts[begin:end])
            size = min(end - begin, 4096)
            memcpy(other, room, size)
            size = end - begin
        last.counted += 1
        if last.runs:
            _vary(last, data + begin)
        begin = end + 1
    return n


cdef void _vary(Signature of, const uint8_t* text):
    """Mark the characters that differ from the first one's. ``runs``: those of digits that never did."""
    cdef const uint8_t* first = of.first
    cdef Py_ssize_t n = len(of.first), i
    cdef int run = 0, varied = 1, constant = 0
    for i in range(n):
        if text[i] != first[i]:
            of.marks[i] = 1
        if 48 <= first[i] <= 57:
            if not run:
                constant += not varied
                varied = 0
            run = 1
            varied |= of.marks[i]
        else:
            run = 0
    of.runs = constant + (not varied)
