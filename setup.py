"""Builds the native kernel where a C compiler and Python's headers are at hand.

``optional``: without them the installation succeeds all the same and the reference kernel runs;
``exfilter --version`` says which one it is.
"""

from pathlib import Path

from setuptools import Extension, setup

SOURCE = Path("exfilter/kernel/native.pyx")


def extensions() -> list[Extension]:
    """Return the native kernel, or nothing where Cython is missing."""
    try:
        from Cython.Build import cythonize
    except ImportError:
        return []
    native = Extension(
        "exfilter.kernel.native",
        [str(SOURCE)],
        include_dirs=[str(SOURCE.parent)],
        depends=[str(file) for file in (*SOURCE.parent.glob("*.pxi"), SOURCE.parent / "blocks.h")],
        extra_compile_args=["-O3"],
    )
    found: list[Extension] = cythonize([native], language_level=3)
    for extension in found:
        extension.optional = True  # on what cythonize returns: it makes a new one
    return found


setup(ext_modules=extensions() if SOURCE.exists() else [])
