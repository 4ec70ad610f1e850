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
    """Read a token of 2 to 32 ASCII letters, or the two that it holds. ``passed``: whether it is a particle."""
    cdef int64_t length = end - start
    cdef uint64_t word, letters, capitals, mask, lower_case = 0x2020202020202020
    cdef Token* token = &s.tokens[s.token_count]
    cdef Known* known
    if length > 8:
        return long_token(s, start, end, passed)
    mask = ~<uint64_t>0 >> (64 - 8 * length)
    letters = first_word(s, start) & mask
    word = letters | lower_case & mask
    capitals = letters ^ word
    known = &s.memo.short_ones[slot_of(word) & (SHORT_SLOTS - 1)]
    if known.form != word:
        known.form = word
        ask_short(s, known, length)
    passed[0] = known.answer.passed
    if capitals > 0xFF and is_joined_word(capitals, lower_case & mask):  # one is behind the first letter
        return cased(s, start, end, &known.answer)
    if known.answer.written:
        return keep(s, start, end, &known.answer)
    token.form[0], token.form[1], token.form[2], token.form[3] = word, 0, 0, 0
    return take(s, token, start, end, length, capitals & 0xFF != 0, &known.answer)


cdef int long_token(State* s, int64_t start, int64_t end, bint* passed) except -1 nogil:
    """Read a token of 9 to 32 ASCII letters."""
    cdef Token* token = &s.tokens[s.token_count]
    cdef Answer spare
    cdef const Answer* answer
    cdef bint inner = cut(s, token.form, start, end - start)
    passed[0] = False
    answer = answer_of(s, token.form, end - start, &spare)
    if inner and is_joined_token(s, start, end):
        return cased(s, start, end, answer)
    if answer.written:
        return keep(s, start, end, answer)
    return take(s, token, start, end, end - start, not s.data[start] & 0x20, answer)


cdef inline bint is_joined_word(uint64_t capitals, uint64_t all_) noexcept nogil:
    """See ``plain.people._JOINED``. Both have a bit for each of up to eight letters, in its byte."""
    cdef uint64_t inner = capitals & ~<uint64_t>0xFF, first = inner & ~(capitals << 8)
    if not first or capitals & 0x2000:
        return False
    if inner & (inner << 8):
        return inner == all_ & ~((first & (~first + 1)) - 1)
    return not inner & ~(all_ >> 8)


cdef bint is_joined_token(const State* s, int64_t start, int64_t end) noexcept nogil:
    """The same of more letters."""
    cdef int64_t at, capitals = 0, cuts = 0
    cdef bint before = False, capital
    if not s.data[start + 1] & 0x20:
        return False
    for at in range(start + 2, end):
        capital = not s.data[at] & 0x20
        if capital and before and cuts > 1 or before and not capital and capitals > cuts:
            return False
        cuts += capital and not before
        capitals += capital
        before = capital
    return (0 < cuts <= MOST_CUTS and not before) if capitals == cuts else before and cuts == 1


cdef int cased(State* s, int64_t start, int64_t end, const Answer* whole) except -1 nogil:
    """Read a token that may be given and family name without a space."""
    cdef uint64_t form[FORM_WORDS]
    cdef CasedKnown* known
    cdef Answer answer
    cdef int64_t second
    raw(s, form, start, end - start)
    known = &s.memo.cased_ones[slot_of(form[0] ^ (form[1] << 7 | form[1] >> 57) ^ form[2]) & (CASED_SLOTS - 1)]
    if memcmp(known.form, form, SHORT_FORM) != 0:
        answer = whole[0]  # others may take its place in the memo
        memcpy(known.form, form, SHORT_FORM)
        known.first = known.second = 0
        find_cut(s, start, end, answer.roles, known)
        whole = &answer
    if not known.first:
        return keep(s, start, end, whole)
    second = start + known.second
    piece(s, start, start + known.first)
    return piece(s, second, end)


cdef void find_cut(State* s, int64_t start, int64_t end, uint8_t whole, CasedKnown* found) noexcept nogil:
    """See ``plain.people._Roles._cut``."""
    cdef int64_t cuts[MOST_CUTS]
    cdef uint8_t left, right
    cdef int64_t at
    cdef int count = 0, first, second
    for at in range(start + 1, end):
        if not s.data[at] & 0x20 and s.data[at - 1] & 0x20:
            cuts[count] = at
            count += 1
    for first in range(count):
        left = roles_at(s, start, cuts[first])
        for second in range(first, count if left else 0):
            right = roles_at(s, cuts[second], end)
            if commonness(left, right) and (not whole or lean(left) * lean(right) < 0):
                if not is_grown(s, start, cuts[first]):
                    found.first, found.second = <uint8_t>(cuts[first] - start), <uint8_t>(cuts[second] - start)
                    return


cdef uint8_t roles_at(const State* s, int64_t start, int64_t end) noexcept nogil:
    """Return the roles of two letters or more; 0 for one. Past the memo: most are not asked for again."""
    cdef uint64_t form[FORM_WORDS]
    cdef uint8_t roles
    if end - start < 2:
        return 0
    cut(s, form, start, end - start)
    roles = roles_of(s, <const uint8_t*>form, end - start)
    return roles if roles else roles_without_digraphs(s, form, end - start)


cdef bint is_grown(const State* s, int64_t start, int64_t end) noexcept nogil:
    """Whether a capital goes on with the name behind it: ``detectors.names.GROWN``."""
    cdef uint64_t form[FORM_WORDS]
    cut(s, form, start, end - start)
    return is_in(s.tables.grown, <const uint8_t*>form, end - start)


cdef int piece(State* s, int64_t start, int64_t end) except -1 nogil:
    """Read one of two names that stand in one word."""
    cdef uint64_t form[FORM_WORDS]
    cdef Answer spare
    cut(s, form, start, end - start)
    return keep(s, start, end, answer_of(s, form, end - start, &spare))


cdef int keep(State* s, int64_t start, int64_t end, const Answer* answer) except -1 nogil:
    """Take a token of letters as the index knows it."""
    cdef Token* token = &s.tokens[s.token_count]
    cdef int64_t length = end - start
    cut(s, token.form, start, length)
    if answer.written:
        length = without_digraphs(<uint8_t*>token.form, length)
    return take(s, token, start, end, length, not s.data[start] & 0x20, answer)


cdef inline const Answer* answer_of(State* s, const uint64_t* form, int64_t length, Answer* spare) noexcept nogil:
    """Return what the index says of 2 to 32 letters. ``spare``: for what is too long for the memo."""
    cdef Known* known
    cdef LongKnown* long_known
    if length <= 8:
        known = &s.memo.short_ones[slot_of(form[0]) & (SHORT_SLOTS - 1)]
        if known.form != form[0]:
            known.form = form[0]
            ask_short(s, known, length)
        return &known.answer
    if length > 16:
        remember(s, spare, form, length)
        return spare
    long_known = &s.memo.long_ones[slot_of(form[0] ^ (form[1] << 7 | form[1] >> 57)) & (LONG_SLOTS - 1)]
    if long_known.form[0] != form[0] or long_known.form[1] != form[1]:
        long_known.form[0], long_known.form[1] = form[0], form[1]
        remember(s, &long_known.answer, form, length)
    return &long_known.answer


cdef void ask_short(const State* s, Known* known, int64_t length) noexcept nogil:
    """Put the answer into the memo."""
    cdef uint64_t form[FORM_WORDS]
    form[0], form[1], form[2], form[3] = known.form, 0, 0, 0
    remember(s, &known.answer, form, length)


cdef inline uint64_t first_word(const State* s, int64_t start) noexcept nogil:
    cdef uint64_t word = 0
    if start + 8 <= s.size:
        return load_word(s.data + start)
    memcpy(&word, s.data + start, s.size - start)
    return word


cdef inline bint cut(const State* s, uint64_t* form, int64_t start, int64_t length) noexcept nogil:
    """Load letters in lower case, with zeros behind them. Return whether a capital is behind the first letter."""
    cdef uint64_t capitals, inner = 0
    cdef int word
    raw(s, form, start, length)
    for word in range(FORM_WORDS):
        capitals = ~form[word] & form[word] >> 1 & <uint64_t>0x2020202020202020  # letters have the bit above it
        form[word] |= capitals
        inner |= capitals if word else capitals & ~<uint64_t>0xFF
    return inner != 0


cdef inline void raw(const State* s, uint64_t* form, int64_t start, int64_t length) noexcept nogil:
    """Load letters as they stand, with zeros behind them."""
    if start + SHORT_FORM <= s.size:
        load_letters(s.data + start, length, form)
        return
    memset(form, 0, SHORT_FORM)
    memcpy(form, s.data + start, length)


cdef inline uint64_t slot_of(uint64_t form) noexcept nogil:
    return (form * <uint64_t>0x9E3779B97F4A7C15) >> 40


cdef void remember(const State* s, Answer* answer, const uint64_t* form, int64_t length) noexcept nogil:
    """Ask the index for a token of letters. Words repeat: most are asked for once."""
    answer.roles = roles_of(s, <const uint8_t*>form, length)
    answer.passed = is_in(s.tables.particles, <const uint8_t*>form, length)
    answer.single = single_of(s, <const uint8_t*>form, length, answer.roles)
    answer.written = False
    if not answer.roles:
        answer.roles = roles_without_digraphs(s, form, length)
        answer.written = answer.roles != 0


cdef uint8_t roles_without_digraphs(const State* s, const uint64_t* form, int64_t length) noexcept nogil:
    """Return the roles of a token as those write it who have no umlauts."""
    cdef uint64_t other[FORM_WORDS]
    cdef const uint8_t* letters = <const uint8_t*>form
    cdef int64_t fewer, at = 0
    cdef bint any_ = False
    while at < length and not any_:
        any_ = digraphs_in(load_word(letters + at), letters[at + 8] if at + 8 < length else 0)
        at += 8
    if not any_:
        return 0
    memcpy(other, form, SHORT_FORM)
    fewer = without_digraphs(<uint8_t*>other, length)
    return roles_of(s, <const uint8_t*>other, fewer) if 1 < fewer < length else 0


cdef int64_t without_digraphs(uint8_t* form, int64_t length) noexcept nogil:
    """``detectors.names.without_digraphs``, in place, zeros behind the end. Return the length."""
    cdef int64_t at = 0, out = 0
    cdef uint8_t byte
    while at < length:
        byte = form[at]
        form[out] = byte
        out += 1
        at += 1
        at += at < length and form[at] == c"e" and (byte == c"a" or byte == c"o" or byte == c"u")
    memset(form + out, 0, length - out)
    return out


cdef inline int take(
    State* s, Token* token, int64_t start, int64_t end, int64_t length, bint capital, const Answer* answer
) except -1 nogil:
    """Keep the token behind the last one if the index knows it or it is capitalised.

    Its form is there already. The rest is written in any case and
    then counted or not: nobody can predict which.
    """
    if answer.single != NOBODY:
        single(s, <const uint8_t*>token.form, start, end, length, answer.single)
    token.start, token.end, token.record = <uint32_t>start, <uint32_t>end, record_at(s, start)
    token.word, token.line, token.length = s.word, s.line, <uint8_t>length
    token.mate, token.partnered = ALONE, 0
    token.capital, token.roles = capital, answer.roles
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
    hit.shape, hit.lead, hit.column = NAME_LOOSE, 0, 0
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


cdef bint is_in(const uint64_t* words, const uint8_t* form, int64_t length) noexcept nogil:
    """Whether a word in lower case is one of a few short ones, such as the particles."""
    cdef uint64_t word = 0, slot
    cdef int64_t at
    if length > LONGEST_PARTICLE:
        return False
    for at in range(length):
        word = word << 8 | form[at]
    slot = word % PARTICLE_SLOTS
    while words[slot]:
        if words[slot] == word:
            return True
        slot = (slot + 1) % PARTICLE_SLOTS
    return False


cdef inline uint32_t record_at(State* s, int64_t start) noexcept nogil:
    if s.next_record <= start:
        go_to_record(s, start)
    return <uint32_t>s.record


cdef void go_to_record(State* s, int64_t start) noexcept nogil:
    while s.record < s.record_count and s.records[s.record] <= start:
        s.record += 1
    s.next_record = s.records[s.record] if s.record < s.record_count else NEVER


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
    return is_in(s.tables.particles, form, end - start)


cdef int any_token(State* s, int64_t start, int64_t end, int64_t span, bint cjk) except -1 nogil:
    cdef uint8_t form[MAX_FORM]
    cdef Token* token
    cdef Answer answer
    cdef int64_t length = 0, stop = end, at, count
    cdef bint beside_digit = is_number(s, start - 1, span) or is_number(s, end, span), passed
    if cjk and s.tables.mono_known and not beside_digit:
        without_spaces(s, start, end)
    if end - start > 2 and lower(s.data[end - 1]) == c"s" and s.data[end - 2] == c"'":
        stop = end - 2
    count = characters(s, start, stop)
    for at in range(start, stop):
        count -= s.data[at] == c"'"
    if count < 1 + (not cjk) or count > MAX_TOKEN or beside_digit:
        return 0
    if count == end - start and not cjk and is_plain(s, start, end):
        return letters_token(s, start, end, &passed)
    for at in range(start, stop):
        if s.data[at] != c"'" and length < MAX_FORM:
            form[length] = lower(s.data[at])
            length += 1
    token = &s.tokens[s.token_count]
    memset(token.form, 0, SHORT_FORM)
    memcpy(token.form, form, min(length, SHORT_FORM))
    answer.roles = roles_of(s, form, length)
    answer.written = False
    answer.single = NOBODY if cjk else single_of(s, form, length, answer.roles)
    if length > SHORT_FORM:
        if answer.single != NOBODY:
            single(s, form, start, end, length, answer.single)
            answer.single = NOBODY
        s.forms = <uint8_t*>grow(s.forms, &s.form_room, s.form_count + length, 1)
        memcpy(s.forms + s.form_count, form, length)
        token.long_form = s.form_count
        s.form_count += length
    return take(s, token, start, end, length, (kind(s, start) & CAPITAL) != 0, &answer)


cdef inline bint is_plain(const State* s, int64_t start, int64_t end) noexcept nogil:
    """Whether a token is of ASCII letters only."""
    cdef int64_t at
    for at in range(start, end):
        if not is_letter(s.data[at]):
            return False
    return True


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
    """Add the pairs of known tokens; see ``plain.people._pairs``. ``final``: no more tokens follow."""
    cdef int64_t partners[PAIR_TOKENS]
    cdef int64_t behind[PAIR_TOKENS]
    cdef int64_t open_[PAIR_TOKENS]
    cdef int commons[PAIR_TOKENS]
    cdef int behind_commons[PAIR_TOKENS]
    cdef int64_t first = 0, chosen
    cdef int count, number, shape, opened
    cdef bint complete
    cdef Token* one
    cdef Token* other
    while first < s.token_count:
        one = &s.tokens[first]
        if one.roles:
            complete, opened, chosen = True, 0, NONE
            count = partners_of(s, first, False, partners, commons, &complete)
            for number in range(count):
                if s.tokens[partners[number]].line == one.line or not (
                    one.partnered
                    or partners_of(s, partners[number], True, behind, behind_commons, &complete)
                    or has_partner_before(s, first, partners[number])
                ):
                    open_[opened] = partners[number]
                    opened += 1
            if opened and first >= s.free_from:
                chosen = chosen_of(s, first, open_, opened, &complete)
            if not (complete or final):
                break
            for number in range(count):
                other = &s.tokens[partners[number]]
                other.partnered = other.partnered or other.line == one.line
                shape = NAME_LOOSE
                if partners[number] == chosen:
                    shape = NAME if one.capital and other.capital else NAME_LOWER
                    s.free_from = chosen + 1
                    one.mate, other.mate = other.start, one.start
                pair(s, shape, one, other, commons[number])
            if s.record_count >= FEWEST_RECORDS:
                edge(s, one)
        stranger(s, one)
        first += 1
    memmove(s.tokens, s.tokens + first, (s.token_count - first) * sizeof(Token))
    s.token_count -= first
    s.free_from -= first
    s.token_limit = s.token_count + TOKENS_TOGETHER
    s.tokens = <Token*>grow(s.tokens, &s.token_room, s.token_limit + 1, sizeof(Token))
    return 0


cdef int64_t chosen_of(const State* s, int64_t first, const int64_t* open_, int count, bint* complete) noexcept nogil:
    """Return which of the partners a token stands in a name with; ``NONE``: see ``plain.people._chosen``."""
    cdef const Token* one = &s.tokens[first]
    cdef const Token* nearest = &s.tokens[open_[0]]
    cdef int64_t last
    cdef int number, beside = 0
    for number in range(1, count):
        beside += s.tokens[open_[number]].line == one.line
    if not beside or nearest.line != one.line:
        return open_[0]
    last = last_of_field(s, first, complete)
    for number in range(1, count):
        if open_[number] == last and s.tokens[last].line == one.line:
            return last
    if lean(one.roles) > 0 and lean(nearest.roles) > 0:
        for number in range(1, count):
            last = open_[number]
            if s.tokens[last].line == one.line and lean(s.tokens[last].roles) < 0:
                if next_held(s, known_before(s, last), 1, complete) != last or all_held(s, first, last, complete):
                    return last
                break
    elif lean(one.roles) < 0 and lean(nearest.roles) < 0 and all_held(s, first, open_[0], complete):
        for number in range(1, count):
            if s.tokens[open_[number]].line == one.line and lean(s.tokens[open_[number]].roles) > 0:
                return NONE
    return open_[0]


cdef int64_t last_of_field(const State* s, int64_t first, bint* complete) noexcept nogil:
    """Return the last token of a name that reaches to the end of its field; ``NONE``: there is no such name."""
    cdef int64_t last = first, following
    cdef int number
    cdef bint turned = False
    for number in range(PAIR_TOKENS):
        following = next_held(s, last, 2, complete)
        if following == NONE:
            break
        turned = turned or lean(s.tokens[last].roles) < 0 < lean(s.tokens[following].roles)
        last = following
    if turned or lean(s.tokens[first].roles) <= lean(s.tokens[last].roles) or not ends_field(s, s.tokens[last].end):
        return NONE
    return last


cdef bint all_held(const State* s, int64_t first, int64_t last, bint* complete) noexcept nogil:
    """Whether nothing parts the known tokens from one to another."""
    while first < last and first != NONE:
        first = next_held(s, first, 1, complete)
    return first == last


cdef inline int64_t known_before(const State* s, int64_t at) noexcept nogil:
    """Return the known token before one that has one."""
    at -= 1
    while not s.tokens[at].roles:
        at -= 1
    return at


cdef int64_t next_held(const State* s, int64_t number, uint32_t words, bint* complete) noexcept nogil:
    """Return the next known token if nothing parts it from one. ``complete``: not where more may follow."""
    cdef const Token* one = &s.tokens[number]
    cdef const Token* other
    cdef int64_t at
    while True:
        number += 1
        if number == s.token_count:
            complete[0] = False
            return NONE
        other = &s.tokens[number]
        if other.word - one.word > words or other.record != one.record or not is_near(s, one, other):
            return NONE
        if other.roles:
            break
    for at in range(one.end, other.start):
        if is_sign(s, at, PARTING):
            return NONE
    return number


cdef inline bint ends_field(const State* s, int64_t end) noexcept nogil:
    end += is_byte(s, end, c" ")
    return end == s.size or is_sign(s, end, PARTING)


cdef inline int lean(uint8_t roles) noexcept nogil:
    """Above 0: rather a given name; below: rather a family name."""
    return <int>(roles & 0x0F) - <int>(roles >> 4)


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
    return other.word - one.word <= REACH_WORDS and other.record == one.record and is_near(s, one, other)


cdef inline bint is_near(const State* s, const Token* one, const Token* other) noexcept nogil:
    cdef int64_t distance = <int64_t>other.start - one.end
    if not s.wide or distance <= PAIR_CHARACTERS:
        return distance <= PAIR_CHARACTERS
    return distance <= 4 * PAIR_CHARACTERS and characters(s, one.end, other.start) <= PAIR_CHARACTERS


cdef inline int commonness(uint8_t one, uint8_t other) noexcept nogil:
    """See ``plain.token.commonness``."""
    cdef int there = (one & 0x0F) + (other >> 4) if one & 0x0F and other >> 4 else 0
    cdef int back = (other & 0x0F) + (one >> 4) if other & 0x0F and one >> 4 else 0
    return max(there, back)


cdef inline const uint8_t* form_of(const State* s, const Token* token) noexcept nogil:
    return <const uint8_t*>token.form if token.length <= SHORT_FORM else s.forms + token.long_form


cdef inline int pair(State* s, int shape, const Token* one, const Token* other, int common) except -1 nogil:
    return add_pair(
        s, PAIRS, shape, one.start, other.end, form_of(s, one), one.length, form_of(s, other), other.length, common
    )


cdef inline int add_pair(
    State* s, int stream, int shape, int64_t start, int64_t end, const uint8_t* lower_form, int64_t length,
    const uint8_t* higher_form, int64_t other_length, int common
) except -1 nogil:
    """Add two tokens, whatever their order."""
    cdef uint8_t form[2 * MAX_FORM + 1]
    cdef int order = memcmp(lower_form, higher_form, min(length, other_length))
    if order > 0 or (order == 0 and length > other_length):
        lower_form, higher_form = higher_form, lower_form
        length, other_length = other_length, length
    memcpy(form, lower_form, length)
    form[length] = 0x1F
    memcpy(form + length + 1, higher_form, other_length)
    return add(s, stream, shape, start, end, form, length + 1 + other_length, 3, common)


cdef inline void stranger(State* s, const Token* token) noexcept nogil:
    """Count pairs of capitalised tokens that stand like nobody's name; see ``plain.people._strangers``."""
    if not token.capital:
        return
    if s.has_pending and reaches(s, &s.pending, token):
        s.strangers += s.pending.mate == ALONE and token.mate == ALONE
        s.has_pending = False
        return
    s.pending = token[0]
    s.has_pending = True
