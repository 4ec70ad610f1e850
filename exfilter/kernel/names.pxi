# Names: the tokens that count, and the pairs of those that the index knows.

cdef inline int letters_word(State* s, int64_t start, int64_t end) except -1 nogil:
    """Read a word of nothing but ASCII letters, with no address at it."""
    cdef int64_t length = end - start
    cdef Token token
    cdef Known* known
    cdef uint64_t* form
    if length < 2:
        return 0  # an initial keeps no two names apart
    if length > MAX_TOKEN:
        s.word += 1
        return 0
    token.capital = not s.data[start] & 0x20
    form = <uint64_t*>token.form
    if start + SHORT_FORM <= s.size:
        memcpy(form, s.data + start, SHORT_FORM)
    else:
        memset(form, 0, SHORT_FORM)
        memcpy(form, s.data + start, length)
    cut(form, length)
    token.word = s.word
    if length > 16:
        s.word += 1
        token.roles = roles_of(s, token.form, length)
        return take(s, &token, start, end, token.form, length, single_of(s, token.form, length, token.roles))
    known = &s.known[memo_slot(form, s.known_bits)]
    if known.form[0] != form[0] or known.form[1] != form[1]:
        remember(s, known, token.form, length)
    s.word += not known.passed
    if not known.roles and not token.capital:
        return 0
    token.roles = known.roles
    return take(s, &token, start, end, token.form, length, known.single)


cdef inline int take(
    State* s, Token* token, int64_t start, int64_t end, const uint8_t* form, int64_t length, uint32_t single
) except -1 nogil:
    """Keep a token if the index knows it or it is capitalised. ``single``: posting of it as a whole name."""
    cdef Hit* hit
    if single != NOBODY:
        s.hits[SINGLES] = <Hit*>grow(s.hits[SINGLES], &s.hit_room[SINGLES], s.hit_count[SINGLES], sizeof(Hit))
        hit = &s.hits[SINGLES][s.hit_count[SINGLES]]
        s.hit_count[SINGLES] += 1
        hit.tag = siphash(form, length, s.tables.kinds[3])
        hit.start, hit.end, hit.posting = <uint32_t>start, <uint32_t>end, single
        hit.shape, hit.lead = NAME_LOOSE, 0
    if not token.roles and not token.capital:
        return 0
    token.start, token.end, token.record = <uint32_t>start, <uint32_t>end, record_at(s, start)
    token.length, token.standing = <uint8_t>length, 0
    s.tokens = <Token*>grow(s.tokens, &s.token_room, s.token_count, sizeof(Token))
    s.tokens[s.token_count] = token[0]
    s.token_count += 1
    if s.token_count >= s.token_limit:
        return pairs(s, False)
    return 0


cdef inline uint32_t single_of(const State* s, const uint8_t* form, int64_t length, uint8_t roles) noexcept nogil:
    """Return the posting of a token as a name of one word, if it may be one."""
    if s.tables.mono_known and roles & 0x0F and roles & 0xF0:
        return posting_of(s, siphash(form, length, s.tables.kinds[3]))
    return NOBODY


cdef inline void cut(uint64_t* form, int64_t length) noexcept nogil:
    """Put the first letters into lower case, and zeros behind them."""
    cdef int word
    cdef uint64_t lower_case = 0x2020202020202020
    for word in range(SHORT_FORM // 8):
        if length >= 8:
            form[word] |= lower_case
            length -= 8
        elif length > 0:
            form[word] = (form[word] | lower_case) & ((<uint64_t>1 << (8 * length)) - 1)
            length = 0
        else:
            form[word] = 0


cdef inline uint64_t memo_slot(const uint64_t* form, int bits) noexcept nogil:
    return ((form[0] ^ (form[1] << 7 | form[1] >> 57)) * <uint64_t>0x9E3779B97F4A7C15) >> (64 - bits)


cdef void remember(const State* s, Known* known, const uint8_t* form, int64_t length) noexcept nogil:
    """Put what the index knows of a token in place of another one. Words repeat: most are asked for once."""
    memcpy(known.form, form, 16)
    known.roles = roles_of(s, form, length)
    known.passed = is_particle(s, form, length)
    known.single = single_of(s, form, length, known.roles)


cdef inline uint8_t roles_of(const State* s, const uint8_t* form, int64_t length) noexcept nogil:
    return s.tables.roles[siphash(form, length, s.tables.token_key) & s.tables.role_mask]


cdef bint is_particle(const State* s, const uint8_t* form, int64_t length) noexcept nogil:
    """Whether a word in lower case is a particle, which keeps no two names apart."""
    cdef uint64_t word = 0, slot
    cdef int64_t at
    if length > LONGEST_PARTICLE:
        return False
    for at in range(length):
        word = word << 8 | form[at]
    slot = word % PARTICLE_SLOTS
    while s.tables.particles[slot]:
        if s.tables.particles[slot] == word:
            return True
        slot = (slot + 1) % PARTICLE_SLOTS
    return False


cdef inline uint32_t record_at(State* s, int64_t start) noexcept nogil:
    while s.record < s.record_count and s.records[s.record] <= start:
        s.record += 1
    return <uint32_t>s.record


# -- words of any other kind, and those with an address in them ------------------------------

cdef int words(State* s, int64_t start, int64_t end) except -1 nogil:
    """Read the words that begin between two places, and go on behind them where an address does."""
    cdef int64_t at = max(start, s.resume), stop
    while at < end:
        while s.span < s.span_count and s.spans[s.span + 1] <= at:
            s.span += 2
        if not (wordy(s, at) or masked(s, at, s.span)):
            at += 1
            continue
        stop = word_end(s, at, s.span)
        word_tokens(s, at, stop)
        at = stop
    s.resume = max(at, s.resume)
    return 0


cdef inline bint masked(const State* s, int64_t at, int64_t span) noexcept nogil:
    """Whether an address is at ``at``: the one of number ``span`` or one behind it."""
    while span < s.span_count and s.spans[span + 1] <= at:
        span += 2
    return span < s.span_count and s.spans[span] <= at


cdef int64_t word_end(const State* s, int64_t at, int64_t span) noexcept nogil:
    """``\\w+(?:'\\w+)*`` over the text in which addresses are blanked."""
    while at < s.size:
        while span < s.span_count and s.spans[span + 1] <= at:
            span += 2
        if span < s.span_count and s.spans[span] <= at:
            at = s.spans[span + 1]
        elif wordy(s, at):
            at += 1
        elif s.data[at] == c"'" and at + 1 < s.size and (wordy(s, at + 1) or masked(s, at + 1, span)):
            at += 1
        else:
            break
    return min(at, s.size)


cdef int word_tokens(State* s, int64_t start, int64_t end) except -1 nogil:
    """Read the tokens of one word."""
    cdef int64_t at = start, first, span = s.span
    cdef uint8_t class_
    cdef bint passed = is_passed_over(s, start, end)
    while at < end:
        while span < s.span_count and s.spans[span + 1] <= at:
            span += 2
        if span < s.span_count and s.spans[span] <= at:
            at = s.spans[span + 1]
            continue
        class_ = kind(s, at) & (LETTER | CJK)
        if not class_:
            at += 1
            continue
        first = at
        while at < end and not masked(s, at, span) and kind(s, at) & class_:
            at += 1
            if (
                class_ == LETTER and at + 1 < end and s.data[at] == c"'"
                and kind(s, at + 1) & LETTER and not masked(s, at, span) and not masked(s, at + 1, span)
            ):
                at += 1
        any_token(s, first, at, span, class_ == CJK)
    s.word += not passed
    return 0


cdef bint is_passed_over(const State* s, int64_t start, int64_t end) noexcept nogil:
    """Whether a word is an initial or a particle."""
    cdef uint8_t form[LONGEST_PARTICLE]
    cdef int64_t at
    if not kind(s, start) & LETTER:
        return False
    if s.data[start] >= 0x80 or end - start == 1:
        return end - start <= 4 and characters(s, start, end) == 1
    if end - start > LONGEST_PARTICLE:
        return False
    for at in range(end - start):
        form[at] = lower(s.data[start + at])
    return is_particle(s, form, end - start)


cdef int any_token(State* s, int64_t start, int64_t end, int64_t span, bint cjk) except -1 nogil:
    cdef uint8_t form[MAX_FORM]
    cdef Token token
    cdef int64_t length = 0, stop = end, at, count
    cdef uint32_t single
    cdef bint beside_digit = is_number(s, start - 1, span) or is_number(s, end, span)
    if cjk and s.tables.mono_known and not beside_digit:
        without_spaces(s, start, end)
    if end - start > 2 and lower(s.data[end - 1]) == c"s" and s.data[end - 2] == c"'":
        stop = end - 2
    count = characters(s, start, stop)
    for at in range(start, stop):
        count -= s.data[at] == c"'"
    if count < 1 + (not cjk) or count > MAX_TOKEN or beside_digit:
        return 0
    for at in range(start, stop):
        if s.data[at] != c"'" and length < MAX_FORM:
            form[length] = lower(s.data[at])
            length += 1
    memset(token.form, 0, SHORT_FORM)
    memcpy(token.form, form, min(length, SHORT_FORM))
    token.long_form = s.form_count
    if length > SHORT_FORM:
        s.forms = <uint8_t*>grow(s.forms, &s.form_room, s.form_count + length, 1)
        memcpy(s.forms + s.form_count, form, length)
        s.form_count += length
    token.capital, token.word, token.roles = (kind(s, start) & CAPITAL) != 0, s.word, roles_of(s, form, length)
    single = NOBODY if cjk else single_of(s, form, length, token.roles)
    return take(s, &token, start, end, form, length, single)


cdef inline bint is_number(const State* s, int64_t at, int64_t span) noexcept nogil:
    """Whether a digit is at ``at``, or an address: ``span`` is the one there or the one after it."""
    if not 0 <= at < s.size:
        return False
    if span >= 2 and s.spans[span - 2] <= at < s.spans[span - 1]:
        return True
    return kind(s, at) & DIGIT or masked(s, at, span)


cdef int without_spaces(State* s, int64_t start, int64_t end) except -1 nogil:
    """Add every stretch of two to six characters of a run in a script without spaces."""
    cdef int64_t first = start, last, length, whole = characters(s, start, end)
    cdef int shape
    while first < end:
        last = first
        for length in range(1, LONGEST_CJK + 1):
            if last >= end:
                break
            last = following(s, last)
            if length >= SHORTEST_CJK:
                shape = NAME_MONO if length == whole else NAME_LOOSE
                add(s, WITHOUT_SPACES, shape, first, last, &s.data[first], last - first, 3, 0)
        first = following(s, first)
    return 0


# -- pairs -----------------------------------------------------------------------------------

cdef int pairs(State* s, bint final) except -1 nogil:
    """Add the pairs of known tokens; see ``reference._pairs``. ``final``: no more tokens follow."""
    cdef int64_t partners[PAIR_TOKENS]
    cdef int commons[PAIR_TOKENS]
    cdef int64_t first = 0, second
    cdef int seen, number, shape
    cdef bint taken
    while first < s.token_count:
        if s.tokens[first].roles:
            second, seen = first + 1, 0
            while seen < PAIR_TOKENS and second < s.token_count:
                if not reaches(s, &s.tokens[first], &s.tokens[second]):
                    break
                if s.tokens[second].roles:
                    partners[seen] = second
                    seen += 1
                second += 1
            if second == s.token_count and seen < PAIR_TOKENS and not final:
                break
            taken = first < s.free_from
            for number in range(seen):
                second = partners[number]
                commons[number] = commonness(s.tokens[first].roles, s.tokens[second].roles)
                if not commons[number]:
                    continue
                shape = NAME_LOOSE
                if not taken:
                    shape = NAME if s.tokens[first].capital and s.tokens[second].capital else NAME_LOWER
                    taken, s.free_from = True, second + 1
                    s.tokens[first].standing = s.tokens[second].standing = 1
                pair(s, shape, &s.tokens[first], &s.tokens[second], commons[number])
        stranger(s, &s.tokens[first])
        first += 1
    memmove(s.tokens, s.tokens + first, (s.token_count - first) * sizeof(Token))
    s.token_count -= first
    s.free_from -= first
    s.token_limit = s.token_count + TOKENS_TOGETHER
    return 0


cdef inline bint reaches(const State* s, const Token* one, const Token* other) noexcept nogil:
    """Whether two tokens may be one name. If not, none behind the other may be."""
    cdef int64_t distance = <int64_t>other.start - one.end
    if other.word - one.word > REACH_WORDS or other.record != one.record:
        return False
    if not s.wide or distance <= PAIR_CHARACTERS:
        return distance <= PAIR_CHARACTERS
    return distance <= 4 * PAIR_CHARACTERS and characters(s, one.end, other.start) <= PAIR_CHARACTERS


cdef inline int commonness(uint8_t one, uint8_t other) noexcept nogil:
    """See ``reference._commonness``."""
    cdef int there = (one & 0x0F) + (other >> 4) if one & 0x0F and other >> 4 else 0
    cdef int back = (other & 0x0F) + (one >> 4) if other & 0x0F and one >> 4 else 0
    return max(there, back)


cdef inline const uint8_t* form_of(const State* s, const Token* token) noexcept nogil:
    return &token.form[0] if token.length <= SHORT_FORM else s.forms + token.long_form


cdef int pair(State* s, int shape, const Token* one, const Token* other, int common) except -1 nogil:
    cdef uint8_t form[2 * MAX_FORM + 1]
    cdef const uint8_t* lower_form = form_of(s, one)
    cdef const uint8_t* higher_form = form_of(s, other)
    cdef int64_t length = one.length, other_length = other.length
    cdef int order = memcmp(lower_form, higher_form, min(length, other_length))
    if order > 0 or (order == 0 and length > other_length):
        lower_form, higher_form = higher_form, lower_form
        length, other_length = other_length, length
    memcpy(form, lower_form, length)
    form[length] = 0x1F
    memcpy(form + length + 1, higher_form, other_length)
    return add(s, PAIRS, shape, one.start, other.end, form, length + 1 + other_length, 3, common)


cdef inline void stranger(State* s, const Token* token) noexcept nogil:
    """Count pairs of capitalised tokens that stand like nobody's name; see ``reference._strangers``."""
    if not token.capital:
        return
    if s.has_pending and reaches(s, &s.pending, token):
        s.strangers += not (s.pending.standing or token.standing)
        s.has_pending = False
        return
    s.pending = token[0]
    s.has_pending = True
