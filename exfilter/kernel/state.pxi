# What one scan works on, and memory that grows.

# Classes of a byte. All bytes of one character share theirs.
cdef enum:
    CAPITAL = 1   # str.isupper of the source character
    ALNUM = 2
    LETTER = 4    # \w but no digit, no underscore, none of a script without spaces
    CJK = 8
    DIGIT = 16    # str.isdigit
    LOCAL = 32    # plain character of an e-mail's local part
    RARE = 64     # legal in a local part, but more often in front of one

cdef enum:
    EMAIL = 0
    NAME = 1
    NAME_LOWER = 2
    NAME_MONO = 3
    NAME_LOOSE = 4

# Hits come in the order of their places within each of these.
cdef enum:
    ADDRESSES = 0
    SPLIT_ADDRESSES = 1
    NUMBERS = 2
    EVEN_NUMBERS = 3
    REFERENCES = 4
    SINGLES = 5
    WITHOUT_SPACES = 6
    PAIRS = 7
    PAIRS_APART = 8
    STREAMS = 9

# What a sign may do: ``exfilter.kernel.signs``.
cdef enum:
    MARK = 1
    OPENING = 2
    CLOSING = 4
    GAP = 8
    EVENLY = 16
    SEPARATOR = 32
    WIDE = 64
    WITHIN = 128
    PARTING = 256

cdef enum:
    BATCH = 1024
    TOKENS_TOGETHER = 512
    ANSWERS = 8192
    LAYERS = 2
    SHORT_SLOTS = 16384
    LONG_SLOTS = 8192
    CASED_SLOTS = 1024
    STATES = 16
    KEPT_BYTES = 1 << 25
    SHORT_FORM = 32
    FORM_WORDS = 4
    CANONICAL = 512
    BLOCK = 64
    PATTERN = 5            # numbers of a pattern
    RUN = 4                # numbers of a run

cdef extern from *:
    """
    #define EXFILTER_SHARED 0x80000000u
    #define EXFILTER_NOBODY 0x7fffffffu
    #define EXFILTER_NEVER INT64_MAX
    """
    const uint32_t SHARED "EXFILTER_SHARED"
    const uint32_t NOBODY "EXFILTER_NOBODY"
    const uint32_t ALONE "EXFILTER_NOBODY"   # no place of a token
    const int64_t NEVER "EXFILTER_NEVER"     # behind every place


cdef struct Candidate:
    uint64_t tag
    uint32_t start
    uint32_t end
    uint32_t posting   # where it is answered
    uint16_t shape
    uint16_t lead
    uint8_t column
    uint8_t stream
    uint8_t answered   # it was looked up before


cdef struct Answered:
    uint64_t tag
    uint32_t posting


cdef struct Hit:
    uint64_t tag
    uint32_t start
    uint32_t end
    uint32_t posting
    uint16_t shape
    uint16_t lead
    uint8_t column


cdef struct Distinct:
    uint64_t tag
    uint16_t shape
    uint16_t lead
    uint8_t column


cdef struct Token:
    uint64_t form[FORM_WORDS]  # in lower case, zeros behind its end
    int64_t long_form         # where it is in State.forms, if it is longer
    uint32_t start
    uint32_t end
    uint32_t word
    uint32_t line
    uint32_t record
    uint32_t mate             # where the token begins that it stands in a name with, or ALONE
    uint8_t length
    uint8_t partnered         # a token before it and in its line may be of one name with it
    uint8_t capital
    uint8_t roles


cdef struct Edge:
    # A token that begins or ends a field of a record.
    uint64_t form[FORM_WORDS]
    uint32_t start
    uint32_t end
    uint32_t record
    uint32_t mate
    uint8_t column
    uint8_t length
    uint8_t capital
    uint8_t roles
    uint8_t at[2]             # whether it begins a field, and whether it ends one


cdef struct Answer:
    # What the index says of a token.
    uint32_t single   # posting of the token as a name of one word
    uint8_t roles
    uint8_t passed
    uint8_t written   # the index knows it without its digraphs


cdef struct Known:
    uint64_t form     # of up to 8 letters, zeros behind its end
    Answer answer


cdef struct LongKnown:
    uint64_t form[2]  # of up to 16 letters
    Answer answer


cdef struct CasedKnown:
    uint64_t form[FORM_WORDS]  # of up to 32 letters, in the case they stand in
    uint8_t first     # letters of a given or family name at its beginning, 0: there is none
    uint8_t second    # where the other one begins


cdef struct Memo:
    CasedKnown cased_ones[CASED_SLOTS]
    Known short_ones[SHORT_SLOTS]
    LongKnown long_ones[LONG_SLOTS]


cdef struct Group:
    uint32_t start
    uint32_t end
    uint8_t plus
    uint8_t joined
    uint8_t trunk
    uint8_t abroad            # behind a country code


cdef struct Even:
    # A run of groups of digits with equal gaps.
    int64_t start
    int64_t end
    int64_t gap               # where the first one is
    int64_t gap_length
    int64_t groups
    uint8_t second, last      # their sizes


cdef struct LayerOf:
    const uint32_t* records
    const uint32_t* buckets
    const uint64_t* filter
    uint64_t words
    uint32_t first_row
    int shift
    bint empty


cdef struct Tabled:
    # The tables: the same for every text.
    LayerOf layers[LAYERS]
    int layer_count
    const uint8_t* roles
    const uint8_t* role_bits    # one bit a slot: whether there is any role
    uint64_t role_mask
    const uint8_t* literals
    const int64_t* runs
    const int64_t* patterns
    const int64_t* pattern_of
    const int64_t* pattern_start
    const int64_t* plus_shapes
    const int64_t* national_shapes
    const int64_t* bare_shapes
    uint8_t two_digit_codes[100]
    const uint64_t* particles
    const uint64_t* grown
    uint16_t signs[256]
    uint8_t begins[256]         # whether a ticket number may begin with the byte
    bint emails_known
    bint any_names
    bint mono_known
    Sip kinds[4]
    Sip token_key
    uint8_t table[256]


cdef struct Place:
    # A source character, and the first byte that comes of it.
    int64_t at
    int64_t out


cdef struct State:
    const Tabled* tables
    # The text: UTF-8, folded but for the case of ASCII letters.
    const uint8_t* data
    int64_t size
    const uint8_t* classes      # of the bytes that are not ASCII; others are never read
    bint wide                   # some are not
    const int64_t* records
    int64_t record_count
    # The source, where it is not ASCII.
    const void* source
    int unit
    int64_t source_size
    const int64_t* marks
    Place address               # where the last e-mail address was
    uint8_t* folded
    uint8_t* folded_classes
    int64_t folded_room
    int64_t* fold_marks
    int64_t mark_room
    # Fields of records, by block of the text: marks in it, where records begin in it, and how many
    # marks of its record are before it.
    uint64_t* marks_in
    uint64_t* begins_in
    uint32_t* marks_before
    int64_t marks_in_room, begins_in_room, marks_before_room
    int column                  # that is given to candidates instead of their own; 0: none
    # Where the words stand.
    uint32_t word, line
    int64_t record
    int64_t next_record         # where the next one begins
    int64_t resume              # names have been read up to here
    int64_t span                # the first address that does not end before here
    int64_t span_start
    int64_t* spans
    int64_t span_count, span_room
    Memo memo
    Token* tokens
    int64_t token_count, token_room, token_limit
    int64_t free_from
    Token pending
    bint has_pending
    Edge* edges
    int64_t edge_count, edge_room
    uint8_t* forms
    int64_t form_count, form_room
    int64_t strangers
    # Digits.
    Group* groups
    int64_t group_count, group_room
    int64_t digits_end
    Even even
    # Candidates and hits.
    Candidate batch[BATCH]
    int batch_count
    bint dense                  # most of what is looked for is there: the filter keeps little out
    Answered answers[ANSWERS]   # of what was looked for lately, by tag
    Hit* hits[STREAMS]
    int64_t hit_count[STREAMS]
    int64_t hit_room[STREAMS]
    Distinct* distinct
    int64_t distinct_count, distinct_room
    uint64_t* seen
    int64_t seen_size, seen_room


cdef inline void* grow(void* array, int64_t* room, int64_t count, int64_t size) except NULL nogil:
    """Return ``array`` with room for one more than ``count`` elements."""
    if array != NULL and count < room[0]:
        return array
    return enlarge(array, room, count, size)


cdef void* enlarge(void* array, int64_t* room, int64_t count, int64_t size) except NULL nogil:
    cdef void* larger
    cdef int64_t wanted = room[0]
    while wanted <= count:
        wanted = 2 * wanted if wanted else 256
    larger = realloc(array, wanted * size)
    if larger == NULL:
        with gil:
            raise MemoryError
    room[0] = wanted  # not before: a state that is used again must not believe in what it did not get
    return larger


cdef void release(State* s) noexcept nogil:
    """Free a state and everything that has grown in it."""
    cdef int stream
    if s == NULL:
        return
    free(s.folded)
    free(s.folded_classes)
    free(s.fold_marks)
    free(s.spans)
    free(s.tokens)
    free(s.edges)
    free(s.marks_in)
    free(s.begins_in)
    free(s.marks_before)
    free(s.forms)
    free(s.groups)
    free(s.distinct)
    free(s.seen)
    for stream in range(STREAMS):
        free(s.hits[stream])
    free(s)


cdef int64_t kept_bytes(const State* s) noexcept nogil:
    """Return the size of what has grown."""
    cdef int64_t size = 2 * s.folded_room + 8 * (s.mark_room + s.span_room + s.seen_room) + s.form_room
    cdef int stream
    size += 8 * (s.marks_in_room + s.begins_in_room) + 4 * s.marks_before_room + s.edge_room * sizeof(Edge)
    size += s.token_room * sizeof(Token) + s.group_room * sizeof(Group) + s.distinct_room * sizeof(Distinct)
    for stream in range(STREAMS):
        size += s.hit_room[stream] * sizeof(Hit)
    return size


cdef void reset(State* s, const Tabled* tables, const uint8_t* data, int64_t size) noexcept nogil:
    """Make a state ready for a text of ASCII. It keeps what has grown, and the memo."""
    cdef int stream
    s.tables, s.data, s.size = tables, data, size
    s.classes, s.records, s.source, s.marks = NULL, NULL, NULL, NULL
    s.wide = s.has_pending = False
    s.record_count = s.source_size = s.unit = 0
    s.address.at = s.address.out = 0
    s.word = s.line = 0
    s.record = s.resume = s.span = s.span_start = s.span_count = 0
    s.token_count = s.free_from = s.form_count = s.strangers = 0
    s.token_limit = TOKENS_TOGETHER
    s.group_count = s.batch_count = s.distinct_count = s.seen_size = 0
    s.edge_count = s.even.groups = s.column = 0
    s.digits_end = -1
    s.next_record = NEVER
    for stream in range(STREAMS):
        s.hit_count[stream] = 0


# -- what a byte is --------------------------------------------------------------------------

cdef inline uint8_t kind(const State* s, int64_t at) noexcept nogil:
    cdef uint8_t byte = s.data[at]
    return s.tables.table[byte] if byte < 0x80 else s.classes[at]


cdef inline uint8_t lower(uint8_t byte) noexcept nogil:
    return byte + 32 if 65 <= byte <= 90 else byte


cdef inline bint is_digit(uint8_t byte) noexcept nogil:
    return 48 <= byte <= 57


cdef inline bint is_sign(const State* s, int64_t at, uint16_t sign) noexcept nogil:
    """Whether a sign that does this is at ``at``."""
    return 0 <= at < s.size and s.tables.signs[s.data[at]] & sign != 0


cdef inline bint is_byte(const State* s, int64_t at, uint8_t byte) noexcept nogil:
    return 0 <= at < s.size and s.data[at] == byte


cdef inline bint touches(const State* s, int64_t at) noexcept nogil:
    """Whether a letter or a digit is there."""
    return 0 <= at < s.size and kind(s, at) & ALNUM


cdef inline bint wordy(const State* s, int64_t at) noexcept nogil:
    return kind(s, at) & ALNUM or s.data[at] == c"_"


cdef inline bint continues(uint8_t byte) noexcept nogil:
    """Whether a byte continues a character."""
    return (byte & 0xC0) == 0x80


cdef inline int64_t characters(const State* s, int64_t start, int64_t end) noexcept nogil:
    cdef int64_t count = 0, at
    if not s.wide:
        return end - start
    for at in range(start, end):
        count += not continues(s.data[at])
    return count


cdef inline int64_t following(const State* s, int64_t at) noexcept nogil:
    """Return where the next character begins."""
    at += 1
    while at < s.size and continues(s.data[at]):
        at += 1
    return at


cdef inline int64_t preceding(const State* s, int64_t at) noexcept nogil:
    """Return where the character before begins."""
    at -= 1
    while at > 0 and continues(s.data[at]):
        at -= 1
    return at


cdef bint is_text(const State* s, int64_t start, int64_t end, const char* text, int64_t length) noexcept nogil:
    cdef int64_t at
    if end - start != length:
        return False
    for at in range(length):
        if lower(s.data[start + at]) != <uint8_t>text[at]:
            return False
    return True
