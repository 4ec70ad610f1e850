# Candidates to hits: a batch at a time, so that the loads from a large index overlap.

cdef int add(
    State* s, int stream, int shape, int64_t start, int64_t end, const uint8_t* form, int64_t length, int kind, int lead
) except -1 nogil:
    """Take a candidate. ``lead``: of a name; -1: of a number, that is read from its digits."""
    cdef Candidate* candidate
    cdef const Answered* known
    cdef int layer
    if s.batch_count == BATCH:
        resolve(s)
    candidate = &s.batch[s.batch_count]
    s.batch_count += 1
    candidate.tag = siphash(form, length, s.tables.kinds[kind])
    candidate.start, candidate.end = <uint32_t>start, <uint32_t>end
    candidate.shape, candidate.stream, candidate.column = <uint16_t>shape, <uint8_t>stream, 0
    if s.record_count and shape != EMAIL and shape != NAME_LOOSE:
        candidate.column = <uint8_t>(s.column if s.column else column_of(s, start))
    candidate.lead = <uint16_t>lead if lead >= 0 else leading(form, length)
    known = &s.answers[candidate.tag & (ANSWERS - 1)]
    candidate.answered = known.tag == candidate.tag
    if candidate.answered:  # names are repeated, above all those that are none
        candidate.posting = known.posting
        s.batch_count -= shape == NAME_LOOSE and known.posting == NOBODY
    elif not s.dense:
        for layer in range(s.tables.layer_count):
            prefetch(&s.tables.layers[layer].filter[filter_word(&s.tables.layers[layer], candidate.tag)])
    return 0


cdef inline uint16_t leading(const uint8_t* form, int64_t length) noexcept nogil:
    """``detectors.lead``."""
    cdef int value = 0, at
    if length and form[0] == c"+":
        form, length = form + 1, length - 1
    if length < LEAD_DIGITS:
        return 0
    for at in range(LEAD_DIGITS):
        if not is_digit(form[at]):
            return 0
        value = 10 * value + form[at] - 48
    return <uint16_t>value


cdef int resolve(State* s) except -1 nogil:
    """Look the batch up: note what was looked for, keep what was found."""
    cdef int waiting[BATCH]
    cdef int count = s.batch_count, number, layer, asked = 0, left, found = 0
    cdef Candidate* candidate
    cdef Hit* hit
    s.batch_count = 0
    note(s, count)
    for number in range(count):
        waiting[asked] = number
        if not s.batch[number].answered:
            s.batch[number].posting = NOBODY
            asked += 1
    left = asked
    for layer in range(s.tables.layer_count - 1, -1, -1):
        left = probe(s, &s.tables.layers[layer], waiting, left)
    for number in range(count):
        candidate = &s.batch[number]
        if not candidate.answered:
            found += candidate.posting != NOBODY
            layer = candidate.tag & (ANSWERS - 1)
            s.answers[layer].tag, s.answers[layer].posting = candidate.tag, candidate.posting
        if candidate.posting == NOBODY:
            continue
        layer = candidate.stream
        s.hits[layer] = <Hit*>grow(s.hits[layer], &s.hit_room[layer], s.hit_count[layer], sizeof(Hit))
        hit = &s.hits[layer][s.hit_count[layer]]
        s.hit_count[layer] += 1
        hit.tag, hit.start, hit.end = candidate.tag, candidate.start, candidate.end
        hit.shape, hit.lead, hit.posting = candidate.shape, candidate.lead, candidate.posting
        hit.column = candidate.column
    s.dense = 2 * found > asked
    return 0


cdef int probe(State* s, const LayerOf* layer, int* waiting, int count) noexcept nogil:
    """Look up in one layer. Return how many are left for the one below; they are in ``waiting``."""
    cdef int survivors[BATCH]
    cdef int passing = 0, left = 0, at, number
    cdef uint64_t tag
    cdef int64_t first
    cdef bint hidden
    if layer.empty:
        return count
    for at in range(count):
        number = waiting[at]
        survivors[passing] = number
        passing += s.dense or filter_has(layer, s.batch[number].tag)
    for at in range(passing):
        prefetch(&layer.buckets[layer_bucket(layer, s.batch[survivors[at]].tag)])
    for at in range(passing):
        tag = s.batch[survivors[at]].tag
        first = 3 * <int64_t>layer.buckets[layer_bucket(layer, tag)]
        prefetch(&layer.records[first])
        prefetch(&layer.records[first + 15])  # most buckets reach into the next line of the cache
    passing, number = 0, passing
    for at in range(count):
        hidden = passing < number and survivors[passing] == waiting[at]
        if hidden:
            passing += 1
            hidden = record_of(layer, s.batch[waiting[at]].tag, &s.batch[waiting[at]].posting)
        waiting[left] = waiting[at]
        left += not hidden
    return left


cdef inline bint filter_has(const LayerOf* layer, uint64_t tag) noexcept nogil:
    """See ``exfilter.kernel.layer.filter_mask``."""
    cdef uint64_t one = 1
    cdef uint64_t mask = (
        one << (tag & 63) | one << (tag >> 6 & 63) | one << (tag >> 12 & 63) | one << (tag >> 18 & 63)
    )
    return layer.filter[filter_word(layer, tag)] & mask == mask


cdef inline uint64_t filter_word(const LayerOf* layer, uint64_t tag) noexcept nogil:
    return (tag >> 32) * layer.words >> 32


cdef inline uint64_t layer_bucket(const LayerOf* layer, uint64_t tag) noexcept nogil:
    return tag >> layer.shift if layer.shift < 64 else 0


cdef inline bint record_of(const LayerOf* layer, uint64_t tag, uint32_t* found) noexcept nogil:
    """Return whether the layer has the tag, and put its posting into ``found``."""
    cdef uint64_t bucket = layer_bucket(layer, tag)
    cdef int64_t at
    cdef const uint32_t* record
    # One after another: a bucket has a handful, and bisection is a branch that nobody can predict.
    for at in range(layer.buckets[bucket], layer.buckets[bucket + 1]):
        record = &layer.records[3 * at]
        if record[0] == <uint32_t>tag and record[1] == <uint32_t>(tag >> 32):
            found[0] = record[2] + layer.first_row if record[2] & SHARED else record[2]
            return True
    return False


cdef uint32_t posting_of(const State* s, uint64_t tag) noexcept nogil:
    """Look one tag up. ``NOBODY``: it is not there."""
    cdef uint32_t found = NOBODY
    cdef int layer
    for layer in range(s.tables.layer_count - 1, -1, -1):
        if not s.tables.layers[layer].empty and filter_has(&s.tables.layers[layer], tag):
            if record_of(&s.tables.layers[layer], tag, &found):
                break
    return found


# -- what was looked for, each once ----------------------------------------------------------

cdef int note(State* s, int count) except -1 nogil:
    cdef uint64_t mixed[BATCH]
    cdef int at
    cdef Candidate* candidate
    cdef Distinct* distinct
    if s.seen_size < 2 * (s.distinct_count + count):
        rehash(s, 4 * (s.distinct_count + count))
    for at in range(count):
        mixed[at] = mix(s.batch[at].tag, s.batch[at].shape, s.batch[at].column)
        prefetch(&s.seen[mixed[at] & <uint64_t>(s.seen_size - 1)])
    for at in range(count):
        candidate = &s.batch[at]
        if candidate.shape == NAME_LOOSE or not is_new(s, mixed[at]):
            continue
        s.distinct = <Distinct*>grow(s.distinct, &s.distinct_room, s.distinct_count, sizeof(Distinct))
        distinct = &s.distinct[s.distinct_count]
        s.distinct_count += 1
        distinct.tag, distinct.shape, distinct.lead = candidate.tag, candidate.shape, candidate.lead
        distinct.column = candidate.column
    return 0


cdef inline uint64_t mix(uint64_t tag, uint16_t shape, uint8_t column) noexcept nogil:
    """Return a number that tells tag, shape and column from others, never 0: tags are uniform."""
    cdef uint64_t golden = 0x9E3779B97F4A7C15, not_zero = <uint64_t>1 << 63
    return (tag ^ (<uint64_t>(shape + 1) + (<uint64_t>column << 16)) * golden) | not_zero


cdef inline bint is_new(State* s, uint64_t mixed) noexcept nogil:
    """Put a number into the set. Return whether it was not there."""
    cdef uint64_t slot = mixed & <uint64_t>(s.seen_size - 1)
    while s.seen[slot]:
        if s.seen[slot] == mixed:
            return False
        slot = (slot + 1) & <uint64_t>(s.seen_size - 1)
    s.seen[slot] = mixed
    return True


cdef int rehash(State* s, int64_t room) except -1 nogil:
    """Make the set of what was looked for larger."""
    cdef int64_t size = 4096, at
    while size < room:
        size *= 2
    if s.seen_room < size:
        free(s.seen)
        s.seen_size = s.seen_room = 0
        s.seen = <uint64_t*>malloc(size * sizeof(uint64_t))
        if s.seen == NULL:
            with gil:
                raise MemoryError
        s.seen_room = size
    memset(s.seen, 0, size * sizeof(uint64_t))
    s.seen_size = size
    for at in range(s.distinct_count):
        is_new(s, mix(s.distinct[at].tag, s.distinct[at].shape, s.distinct[at].column))
    return 0
