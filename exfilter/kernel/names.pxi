# Names: the tokens that count, and the pairs of those that the index knows.

cdef inline int letters_word(State* s, int64_t start, int64_t end) except -1 nogil:
    """Read a word of nothing but ASCII letters, with no address at it."""
    cdef bint passed = False
    if end - start <= MAX_TOKEN:
        letters_token(s, start, end, &passed)
    s.word += not passed
    return 0


cdef int joined_word(State* s, int64_t start, int64_t end, bint named) except -1 nogil:
    """Read a word of ASCII letters, digits and underscores.

    Each stretch between underscores may be a ticket number, each run of digits a part of a phone
    number, and letters that touch no digit are a token where ``named``: no address is at the word.
    """
    cdef int64_t at = start, first
    cdef bint passed, beside_digit = False, fresh = True
    while at < end:
        if s.data[at] == c"_":
            at += 1
            fresh, beside_digit = True, False
            continue
        if fresh:
            tickets(s, at)
            fresh = False
        first = at
        if is_digit(s.data[at]):
            while at < end and is_digit(s.data[at]):
                at += 1
            digits(s, first, at)
            beside_digit = True
            continue
        while at < end and s.tables.table[s.data[at]] & LETTER:
            at += 1
        beside_digit = beside_digit or (at < end and is_digit(s.data[at]))
        if named and 2 <= at - first <= MAX_TOKEN and not beside_digit:
            letters_token(s, first, at, &passed)
    s.word += named
    return 0


cdef inline int letters_token(State* s, int64_t start, int64_t end, bint* passed) except -1 nogil:
    """Read a token of 2 to 32 ASCII letters. ``passed``: whether it is a particle."""
    cdef int64_t length = end - start
    cdef uint64_t word, lower_case = 0x2020202020202020, all_ = 0xFFFFFFFFFFFFFFFF
    cdef Token* token = &s.tokens[s.token_count]
    cdef Known* known
    cdef LongKnown* long_known
    cdef bint capital = not s.data[start] & 0x20
    if length <= 8:
        word = (first_word(s, start) | lower_case) & (all_ >> (64 - 8 * length))
        token.form[0], token.form[1], token.form[2], token.form[3] = word, 0, 0, 0
        known = &s.memo.short_ones[slot_of(word) & (SHORT_SLOTS - 1)]
        if known.form != word:
            known.form = word
            remember(s, &known.answer, token.form, length)
        passed[0] = known.answer.passed
        return take(s, token, start, end, length, capital, &known.answer)
    cut(s, token.form, start, length)
    passed[0] = False
    if length > 16:
        return asked(s, token, start, end, length, capital)
    word = token.form[0]
    long_known = &s.memo.long_ones[slot_of(word ^ (token.form[1] << 7 | token.form[1] >> 57)) & (LONG_SLOTS - 1)]
    if long_known.form[0] != word or long_known.form[1] != token.form[1]:
        long_known.form[0], long_known.form[1] = word, token.form[1]
        remember(s, &long_known.answer, token.form, length)
    return take(s, token, start, end, length, capital, &long_known.answer)


cdef inline uint64_t first_word(const State* s, int64_t start) noexcept nogil:
    cdef uint64_t word = 0
    if start + 8 <= s.size:
        return load_word(s.data + start)
    memcpy(&word, s.data + start, s.size - start)
    return word


cdef inline void cut(const State* s, uint64_t* form, int64_t start, int64_t length) noexcept nogil:
    """Load letters in lower case, with zeros behind them."""
    cdef int word
    memset(form, 0, SHORT_FORM)
    memcpy(form, s.data + start, length)
    for word in range(FORM_WORDS):
        form[word] |= form[word] >> 1 & <uint64_t>0x2020202020202020  # letters have the bit above it


cdef int asked(
    State* s, Token* token, int64_t start, int64_t end, int64_t length, bint capital
) except -1 nogil:
    """Take a token that is too long for the memo."""
    cdef Answer answer
    remember(s, &answer, token.form, length)
    return take(s, token, start, end, length, capital, &answer)


cdef inline uint64_t slot_of(uint64_t form) noexcept nogil:
    return (form * <uint64_t>0x9E3779B97F4A7C15) >> 40


cdef void remember(const State* s, Answer* answer, const uint64_t* form, int64_t length) noexcept nogil:
    """Ask the index for a token. Words repeat: most are asked for once."""
    answer.roles = roles_of(s, <const uint8_t*>form, length)
    answer.passed = is_particle(s, <const uint8_t*>form, length)
    answer.single = single_of(s, <const uint8_t*>form, length, answer.roles)


cdef inline int take(
    State* s, Token* token, int64_t start, int64_t end, int64_t length, bint capital, const Answer* answer
) except -1 nogil:
    """Keep the token behind the last one if the index knows it or it is capitalised.

    Its form is there already, or is the last of ``s.forms``. The rest is written in any case and
    then counted or not: nobody can predict which.
    """
    if answer.single != NOBODY:
        single(s, <const uint8_t*>token.form, start, end, length, answer.single)
    token.start, token.end, token.record = <uint32_t>start, <uint32_t>end, record_at(s, start)
    token.word, token.line, token.length = s.word, s.line, <uint8_t>length
    token.standing = token.partnered = 0
    token.capital, token.roles, token.long_form = capital, answer.roles, s.form_count - length
    s.token_count += answer.roles != 0 or capital
    if s.token_count >= s.token_limit:
        return pairs(s, False)
    return 0


cdef int single(
    State* s, const uint8_t* form, int64_t start, int64_t end, int64_t length, uint32_t posting
) except -1 nogil:
    """Add a token that is also the whole name of somebody."""
    cdef Hit* hit
    s.hits[SINGLES] = <Hit*>grow(s.hits[SINGLES], &s.hit_room[SINGLES], s.hit_count[SINGLES], sizeof(Hit))
    hit = &s.hits[SINGLES][s.hit_count[SINGLES]]
    s.hit_count[SINGLES] += 1
    hit.tag = siphash(form, length, s.tables.kinds[3])
    hit.start, hit.end, hit.posting = <uint32_t>start, <uint32_t>end, posting
    hit.shape, hit.lead = NAME_LOOSE, 0
    return 0


cdef inline uint32_t single_of(const State* s, const uint8_t* form, int64_t length, uint8_t roles) noexcept nogil:
    """Return the posting of a token as a name of one word, if it may be one."""
    if s.tables.mono_known and roles & 0x0F and roles & 0xF0:
        return posting_of(s, siphash(form, length, s.tables.kinds[3]))
    return NOBODY


cdef inline uint8_t roles_of(const State* s, const uint8_t* form, int64_t length) noexcept nogil:
    cdef uint64_t slot = siphash(form, length, s.tables.token_key) & s.tables.role_mask
    if not s.tables.role_bits[slot >> 3] >> (slot & 7) & 1:
        return 0
    return s.tables.roles[slot]


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
    cdef Token* token
    cdef Answer answer
    cdef int64_t length = 0, stop = end, at, count
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
    token = &s.tokens[s.token_count]
    memset(token.form, 0, SHORT_FORM)
    memcpy(token.form, form, min(length, SHORT_FORM))
    answer.roles = roles_of(s, form, length)
    answer.single = NOBODY if cjk else single_of(s, form, length, answer.roles)
    if length > SHORT_FORM:
        if answer.single != NOBODY:
            single(s, form, start, end, length, answer.single)
            answer.single = NOBODY
        s.forms = <uint8_t*>grow(s.forms, &s.form_room, s.form_count + length, 1)
        memcpy(s.forms + s.form_count, form, length)
        s.form_count += length
    return take(s, token, start, end, length, (kind(s, start) & CAPITAL) != 0, &answer)


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
    cdef int64_t behind[PAIR_TOKENS]
    cdef int commons[PAIR_TOKENS]
    cdef int behind_commons[PAIR_TOKENS]
    cdef bint apart[PAIR_TOKENS]
    cdef int64_t first = 0
    cdef int count, number, shape
    cdef bint taken, complete
    cdef Token* one
    cdef Token* other
    while first < s.token_count:
        one = &s.tokens[first]
        if one.roles:
            complete = True
            count = partners_of(s, first, False, partners, commons, &complete)
            for number in range(count):
                apart[number] = s.tokens[partners[number]].line != one.line and (
                    one.partnered
                    or partners_of(s, partners[number], True, behind, behind_commons, &complete)
                    or has_partner_before(s, first, partners[number])
                )
            if not (complete or final):
                break
            taken = first < s.free_from
            for number in range(count):
                other = &s.tokens[partners[number]]
                other.partnered = other.partnered or other.line == one.line
                shape = NAME_LOOSE
                if not (taken or apart[number]):
                    shape = NAME if one.capital and other.capital else NAME_LOWER
                    taken, s.free_from = True, partners[number] + 1
                    one.standing = other.standing = 1
                pair(s, shape, one, other, commons[number])
        stranger(s, one)
        first += 1
    memmove(s.tokens, s.tokens + first, (s.token_count - first) * sizeof(Token))
    s.token_count -= first
    s.free_from -= first
    s.token_limit = s.token_count + TOKENS_TOGETHER
    s.tokens = <Token*>grow(s.tokens, &s.token_room, s.token_limit, sizeof(Token))
    return 0


cdef inline int partners_of(
    const State* s, int64_t first, bint same_line, int64_t* partners, int* commons, bint* complete
) noexcept nogil:
    """Find the tokens behind one that may be of one name with it. ``complete``: not where more may follow."""
    cdef const Token* one = &s.tokens[first]
    cdef const Token* other
    cdef int count = 0, seen = 0
    while seen < PAIR_TOKENS:
        first += 1
        if first == s.token_count:
            complete[0] = False
            break
        other = &s.tokens[first]
        if not reaches(s, one, other) or (same_line and other.line != one.line):
            break
        if other.roles:
            seen += 1
            partners[count], commons[count] = first, commonness(one.roles, other.roles)
            count += commons[count] > 0
    return count


cdef bint has_partner_before(const State* s, int64_t first, int64_t second) noexcept nogil:
    """Whether a token between two, in the line of the second, may be of one name with that."""
    cdef const Token* other = &s.tokens[second]
    cdef int64_t between
    for between in range(first + 1, second):
        if s.tokens[between].line == other.line and commonness(s.tokens[between].roles, other.roles):
            return True
    return False


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
    return <const uint8_t*>token.form if token.length <= SHORT_FORM else s.forms + token.long_form


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
