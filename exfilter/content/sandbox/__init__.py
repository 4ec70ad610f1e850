"""Parsers of archives and documents in processes that may die.

Several well-known parsers abort or hang on small files (docs/decisions/0008). So a parser gets the
bytes of one content in a process of its own, with bounds on memory and time, and answers over a
socket: ``found`` says what, ``frames`` how. ``child`` runs the parser, ``zygote`` forks the children,
``host`` is the door's side of it.
"""
