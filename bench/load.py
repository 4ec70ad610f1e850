"""``python -m bench.load``: see ``bench.wire.load``."""

from bench import installed_first

installed_first()

from bench.wire.load import main  # noqa: E402 - once it is settled which exfilter is measured

if __name__ == "__main__":
    main()
