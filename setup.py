"""Builds the compiled modules where a C compiler and Python's headers are at hand.

``optional``: without them the installation succeeds all the same and plain Python does the work;
``exfilter --version`` says which kernel it is.

With EXFILTER_CHECKED=1 they are built to be tested: array bounds are checked, and the address and
undefined-behaviour sanitizers watch everything else (``make checked``).
"""

import os
from pathlib import Path

from setuptools import Extension, setup

SOURCES = sorted(Path("exfilter").rglob("*.pyx"))
CHECKED = os.environ.get("EXFILTER_CHECKED") == "1"
SANITIZERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
DIRECTIVES = {"boundscheck": CHECKED, "initializedcheck": CHECKED}


def extension(source: Path) -> Extension:
    """Return the module of one source."""
    headers = [file for kind in ("*.pxi", "*.pxd", "*.h") for file in Path("exfilter").rglob(kind)]
    return Extension(
        ".".join(source.with_suffix("").parts),
        [str(source)],
        include_dirs=["exfilter/content", "exfilter/kernel"],
        depends=sorted(map(str, headers)),
        extra_compile_args=["-O1", "-g", *SANITIZERS] if CHECKED else ["-O3"],
        extra_link_args=SANITIZERS if CHECKED else [],
    )


def extensions() -> list[Extension]:
    """Return the compiled modules, or nothing where Cython is missing."""
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    found: list[Extension] = cythonize(
        [extension(source) for source in SOURCES],
        language_level=3,
        compiler_directives=DIRECTIVES,
        build_dir="build/checked-c" if CHECKED else None,
    )
    for module in found:
        module.optional = not CHECKED  # on what cythonize returns: it makes new ones
    return found


setup(ext_modules=extensions() if SOURCES else [])
