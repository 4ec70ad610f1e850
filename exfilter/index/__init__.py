"""The customer index: its key, how it is built from a customer table, and how it is opened.

In reading order:

- table: ``opening`` tells what kind of file it is, ``charset`` what it is written in; ``delimited``,
  ``jsonlines`` and ``parquet`` read its rows as ``table`` describes them; ``columns`` says what they hold.
- read: ``build`` leads; ``learning`` finds the shapes of ticket numbers, ``intake`` takes all rows, in
  ``stretches`` and threads (``parallel``), ``blocks`` a stretch: ``swift`` with ``rows`` natively, which
  need ``letters`` and ``dialling``, or ``cells`` and ``gather`` in Python; ``regions`` reads countries.
- count: ``codes`` says what stands in the ``records`` of a key, ``spill`` keeps them on disk, ``tags``
  sorts them natively (``native``: where it is built); ``customers`` numbers who is there, ``tokens``
  counts names, ``crowds`` blocks of numbers, ``tally`` all keys, ``group`` their shapes.
- write: ``layers`` the look-up tables, ``sealed`` the customers' ids, ``manifest`` what it all is, with
  ``keys``; ``publish`` puts it in place, ``report`` tells what was done.
- open: ``store`` maps the ``arrays`` and reads ``statistics``; ``checked`` makes that fast, ``verify``
  reads every byte.
- update: ``update`` leads; ``changes`` reads the table of what has changed and ``removals`` the list of
  who goes, ``affected`` finds who they are, ``changed_keys`` their keys; ``overlay`` makes the layer,
  ``growth`` the new frequencies; ``update_report`` tells what was done, ``merge`` folds it into a base.
"""
