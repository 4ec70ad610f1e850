"""``python -m bench``: see ``bench.run``."""

from bench import installed_first

installed_first()

from bench.run import main  # noqa: E402 - once it is settled which exfilter is measured

main()
