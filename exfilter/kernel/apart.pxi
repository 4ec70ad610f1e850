# Names of which given and family name stand in two fields of a record: see ``plain.apart``.

cdef struct Field:
    # What a field is over all records.
    uint64_t last[FORM_WORDS]
    int64_t lean
    int64_t records


cdef inline int edge(State* s, const Token* token) except -1 nogil:
    """Keep a known token that begins or ends a field."""
    cdef Edge* kept
    cdef bint begins = opens_field(s, token.start), ends = closes_field(s, token.end)
    if not (begins or ends) or token.length > SHORT_FORM:
        return 0
    s.edges = <Edge*>grow(s.edges, &s.edge_room, s.edge_count, sizeof(Edge))
    kept = &s.edges[s.edge_count]
    s.edge_count += 1
    memcpy(kept.form, token.form, SHORT_FORM)
    kept.start, kept.end, kept.record, kept.mate = token.start, token.end, token.record, token.mate
    kept.column, kept.length = <uint8_t>column_of(s, token.start), token.length
    kept.capital, kept.roles = token.capital, token.roles
    kept.at[0], kept.at[1] = begins, ends
    return 0


cdef int pairs_apart(State* s) except -1 nogil:
    """Add the names of the fields that hold given and family names."""
    cdef int columns[2 * TRIED]      # of given names, then of family names
    cdef const Edge* found[2 * TRIED]
    cdef const Edge* each
    cdef int64_t at
    cdef int number
    if s.edge_count < 2 * FEWEST_RECORDS:
        return 0
    best_columns(s, 0, columns)
    best_columns(s, 1, columns + TRIED)
    if columns[0] < 0 or columns[TRIED] < 0:
        return 0
    memset(found, 0, sizeof(found))
    for at in range(s.edge_count):
        each = &s.edges[at]
        if at and each.record != s.edges[at - 1].record:
            add_apart(s, columns, found)
            memset(found, 0, sizeof(found))
        for number in range(2 * TRIED):
            if each.at[number // TRIED] and each.column == columns[number]:
                found[number] = each
    return add_apart(s, columns, found)


cdef int best_columns(const State* s, int side, int* best) noexcept nogil:
    """Find the fields that lean most to given (``side`` 0) or family names (1). -1: there is none more."""
    cdef Field fields[LAST_COLUMN + 1]
    cdef int widest = 0
    cdef const Edge* last = NULL
    cdef const Edge* each
    cdef int64_t at
    cdef int number, column
    for at in range(s.edge_count):
        widest = max(widest, s.edges[at].column)
    memset(fields, 0, (widest + 1) * sizeof(Field))
    for at in range(s.edge_count):
        each = &s.edges[at]
        if not each.at[side]:
            continue
        if last != NULL and (last.record != each.record or last.column != each.column):
            take_field(fields, last, side)
        last = each
    if last != NULL:
        take_field(fields, last, side)
    for number in range(TRIED):
        best[number] = NONE
    for column in range(1, widest + 1):
        if fields[column].records < FEWEST_RECORDS or fields[column].lean <= 0:
            continue
        number = TRIED
        while number and (best[number - 1] < 0 or fields[column].lean > fields[best[number - 1]].lean):
            number -= 1
        if number < TRIED:
            memmove(best + number + 1, best + number, (TRIED - 1 - number) * sizeof(int))
            best[number] = column
    return 0


cdef void take_field(Field* fields, const Edge* edge, int side) noexcept nogil:
    """Take the field of one record, if it differs from that of the record before."""
    cdef Field* field = &fields[edge.column]
    cdef int leaning = -lean(edge.roles) if side else lean(edge.roles)
    if memcmp(field.last, edge.form, SHORT_FORM) == 0:
        return
    memcpy(field.last, edge.form, SHORT_FORM)
    field.lean += leaning
    field.records += leaning > 0


cdef int add_apart(State* s, const int* columns, const Edge** found) except -1 nogil:
    """Add the names of one record, by place."""
    cdef int order[TRIED * TRIED]
    cdef int count = 0, way, at
    cdef const Edge* one
    cdef const Edge* other
    for way in range(TRIED * TRIED):
        one, other = found[way // TRIED], found[TRIED + way % TRIED]
        if one == NULL or other == NULL or columns[way // TRIED] == columns[TRIED + way % TRIED]:
            continue
        at = count
        while at and begin_of(found, order[at - 1]) > begin_of(found, way):
            order[at] = order[at - 1]
            at -= 1
        order[at] = way
        count += 1
    for at in range(count):
        way = order[at]
        name_apart(s, found[way // TRIED], found[TRIED + way % TRIED], way)
    return 0


cdef inline uint32_t begin_of(const Edge** found, int way) noexcept nogil:
    return min(found[way // TRIED].start, found[TRIED + way % TRIED].start)


cdef int name_apart(State* s, const Edge* one, const Edge* other, int way) except -1 nogil:
    """Add the name of two tokens, unless they stand in a name with each other."""
    cdef int common = commonness(one.roles, other.roles)
    cdef int64_t start = min(one.start, other.start), end = max(one.end, other.end)
    if not common or one.mate == other.start or end - start > 4 * FARTHEST or characters(s, start, end) > FARTHEST:
        return 0
    s.column = APART + way
    add_pair(
        s, PAIRS_APART, NAME if one.capital and other.capital else NAME_LOWER, start, end,
        <const uint8_t*>one.form, one.length, <const uint8_t*>other.form, other.length, common
    )
    s.column = 0
    return 0
