"""A URL or a path: which files are there, and the bytes of one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from urllib.parse import urlsplit
from urllib.request import url2pathname

from exfilter.model import Buffer
from exfilter.stores import local
from exfilter.stores.item import Item


def is_remote(url: str) -> bool:
    """Whether it is the URL of an object store, and no local path."""
    scheme, separator, _ = url.partition("://")
    return bool(separator) and scheme.isalnum() and scheme != "file"


def listed(url: str) -> Iterator[Item]:
    """Yield every file at or below a URL or local path, as a stream. What cannot be listed is an item, too.

    Raises ValueError where the URL is none of a store that can be read.
    """
    if is_remote(url):
        from exfilter.stores import remote  # noqa: PLC0415 - an extra

        return remote.listed(url)
    return local.listed(url2pathname(urlsplit(url).path) if url.startswith("file://") else url)


def again(item: Item) -> Iterator[Item]:
    """Yield what is at or below an item now."""
    if is_remote(item.root):
        from exfilter.stores import remote  # noqa: PLC0415 - an extra

        return remote.again(item)
    return local.again(item)


def opened(item: Item) -> AbstractContextManager[Buffer]:
    """Open an item for reading. Raises Unreadable, also where it is not what was listed any more."""
    if is_remote(item.root):
        from exfilter.stores import remote  # noqa: PLC0415 - an extra

        return remote.opened(item)
    return local.opened(item)
