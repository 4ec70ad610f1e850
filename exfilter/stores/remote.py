"""Object stores: S3, Google, Azure and HTTP, as obstore reads them.

Where they are and who we are is theirs to know (``AWS_ENDPOINT_URL``, ``AWS_ACCESS_KEY_ID``, a role):
credentials are never an option of ours. What a store says of an error may quote them and is not shown.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from exfilter.body import CHUNK
from exfilter.loopback import is_here
from exfilter.model import Buffer, Reason
from exfilter.stores.item import CHANGED, Item, Unreadable

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

if not find_spec("obstore"):
    msg = "object stores need an extra: run `pip install 'exfilter[shares]'`"
    raise ValueError(msg)

import obstore
from obstore import exceptions, store

BLOCK = 8 * CHUNK
"""Bytes that are asked for at once."""
LISTED_TOGETHER = 1000
BUCKETS = ("s3", "s3a", "gs", "az", "adl", "azure", "abfs", "abfss")
"""Schemes with the bucket, or container, as host: what comes after it is a key, as it stands."""
CLEAR, OVER_HTTP = "http://", ("http://", "https://")
TRIES = 4
SECOND = dt.timedelta(seconds=1)
"""What a listing may tell finer than a header."""
WAIT = dt.timedelta(seconds=30)
"""For all tries of one request."""

PROBLEMS: tuple[tuple[type[Exception], str], ...] = (
    (FileNotFoundError, "no such file"),
    (exceptions.PermissionDeniedError, "permission denied"),
    (exceptions.UnauthenticatedError, "permission denied"),
    (exceptions.PreconditionError, CHANGED),
    (exceptions.NotSupportedError, "the store cannot do this"),
    (exceptions.InvalidPathError, "a name that cannot be read"),
)
FAILED = "the store could not be read"
HINTS: tuple[tuple[str, str], ...] = (
    ("://169.254.", "no login for it was found here, in its variables of the environment or as a role"),
    ("builder error", "its address is http://, which needs AWS_ALLOW_HTTP=true"),
    ("status code: 404", "no such bucket"),
    ("HTTP error", "nobody answers there; look at its address and the network"),
)
"""What obstore says where it has no class for it, and what it comes from."""


def why(error: Exception) -> str:
    """Return what went wrong, without anything that the store said."""
    return next((text for kind, text in PROBLEMS if isinstance(error, kind)), FAILED)


def _unlisted(error: Exception) -> str:
    """Return why a store was not listed. Of what it said, only which case it is gets out."""
    said = str(error).partition("Debug source")[0]
    problem = why(error)
    hint = next((text for part, text in HINTS if part in said), "") if problem == FAILED else ""
    return f"it could not be listed whole: {hint or problem}"


def listed(url: str) -> Iterator[Item]:
    """Yield the object of that name, or every object below it. Raises ValueError for an unknown scheme."""
    _refuse_secrets(url)
    root, key = _parted(url)
    _store(root)  # A mistake in the URL is told at once.
    return _objects(root, key)


def _refuse_secrets(url: str) -> None:
    parts = urlsplit(url)
    # Elsewhere a container stands before the @, and keys hold any sign.
    if parts.password or (url.startswith(OVER_HTTP) and (parts.username or parts.query)):
        where = f"{parts.scheme}://{parts.hostname}"
        msg = f"{where}: a login or signature in a URL would be kept and shown: leave it out"
        raise ValueError(msg)


def again(item: Item) -> Iterator[Item]:
    """Yield the object of an item, or what is below it, as it is now."""
    return _objects(item.root, item.key)


def _parted(url: str) -> tuple[str, str]:
    scheme, _, rest = url.partition("://")
    host, _, key = rest.partition("/")
    return f"{scheme}://{host}/", key if scheme in BUCKETS else unquote(key)


def _objects(root: str, key: str) -> Iterator[Item]:
    try:
        alone = _head(root, key)
        if alone and (alone["size"] or root.partition("://")[0] in BUCKETS):
            yield _item(root, alone)
            return
        found = False
        for item in _below(root, key):
            found = True
            yield item
        if alone and not found:  # Over HTTP a folder, too, is answered for as an empty file.
            yield _item(root, alone)
        elif key and not found:
            yield Item(root, key, problem="no such file or folder")
    except (exceptions.BaseError, OSError, ValueError) as error:
        yield Item(root, key, problem=_unlisted(error))


def _head(root: str, key: str) -> ObjectMeta | None:
    if not key or key.endswith("/"):
        return None
    try:
        return obstore.head(_store(root), key)
    except FileNotFoundError:
        return None


def _below(root: str, prefix: str) -> Iterator[Item]:
    """Yield the objects below a prefix. One whose name cannot be read must not end the listing of all."""
    try:
        for some in _pages(root, prefix):
            yield from (_item(root, about) for about in some)
    except exceptions.InvalidPathError:
        yield from _by_folder(root, prefix)


def _pages(root: str, prefix: str) -> Iterator[Sequence[ObjectMeta]]:
    return iter(obstore.list(_store(root), prefix or None, chunk_size=LISTED_TOGETHER))


def _by_folder(root: str, prefix: str) -> Iterator[Item]:
    """Yield them folder by folder, also some that were yielded before; what cannot be listed is an item."""
    waiting = [prefix.rstrip("/")]
    while waiting:
        folder = waiting.pop()
        try:
            found = obstore.list_with_delimiter(_store(root), folder or None)
        except exceptions.InvalidPathError as error:
            yield Item(root, f"{folder}/".lstrip("/"), problem=f"it could not be listed whole: {why(error)}")
            continue
        yield from (_item(root, about) for about in found["objects"])
        # What is no longer than its folder's own name would be listed for ever.
        waiting += sorted(
            (each for each in found["common_prefixes"] if len(each) > len(folder)), reverse=True
        )


def _item(root: str, about: ObjectMeta) -> Item:
    return Item(root, about["path"], about["size"], _version(about))


def _version(about: ObjectMeta) -> str:
    return _tag(about["e_tag"] or "") or about["last_modified"].isoformat()


def _tag(tag: str) -> str:
    """Return a tag as HTTP writes it, in quotes, which some stores leave out.

    Empty: there is none that can be asked for; a weak one fits nothing (RFC 9110, section 13.1.1).
    """
    if tag.startswith("W/"):
        return ""
    return f'"{tag}"' if tag and '"' not in tag else tag


def _is_same(about: ObjectMeta, item: Item) -> bool:
    """Whether a store gave what it was asked for, as far as it says: some ignore what they are asked for."""
    if about["size"] != item.size:
        return False
    if '"' in item.version:
        return _tag(about["e_tag"] or "") in {"", item.version}
    return about["last_modified"] < dt.datetime.fromisoformat(item.version) + SECOND


def _as_listed(version: str) -> GetOptions:
    """Return what asks for this version and no other."""
    if '"' in version:
        return {"if_match": version}
    return {"if_unmodified_since": dt.datetime.fromisoformat(version)}


@functools.lru_cache(maxsize=64)
def _store(root: str) -> ObjectStore:
    if root.startswith(CLEAR) and not is_here(urlsplit(root).hostname):
        msg = f"{CLEAR} would be read by everybody on the way: give https://"
        raise ValueError(msg)
    options: ClientConfig | None = {"allow_http": True} if root.startswith(CLEAR) else None
    retrying: RetryConfig = {"max_retries": TRIES, "retry_timeout": WAIT}
    try:
        made = store.from_url(root, retry_config=retrying, client_options=options)
    except exceptions.BaseError:
        made = None
    if made is None or (root.startswith(OVER_HTTP) and not isinstance(made, store.HTTPStore)):
        raise ValueError(_unopened(root))
    return made


def _unopened(root: str) -> str:
    scheme, _, host = root.partition("://")
    if scheme in BUCKETS and host.strip("/"):
        return (
            f"{root} cannot be opened: a variable of the store is missing or wrong in the environment "
            "(AWS_..., GOOGLE_..., AZURE_...; az:// needs AZURE_STORAGE_ACCOUNT_NAME)"
        )
    return (
        f"{root} cannot be read: name a folder (a file share is mounted first), "
        "s3://BUCKET, gs://BUCKET, az://CONTAINER or https://HOST"
    )


@dataclass(frozen=True, slots=True)
class Ranged:
    """A body in a store: read in ranges, all of the version that was listed."""

    item: Item
    _store: ObjectStore = field(repr=False)

    def __len__(self) -> int:
        """Return its bytes."""
        return self.item.size

    def pieces(self, start: int = 0) -> Iterator[bytes]:
        """Yield it from `start` on. Raises Unreadable."""
        while start < self.item.size:
            block = self.between(start, min(start + BLOCK, self.item.size))
            for at in range(0, len(block), CHUNK):
                yield block[at : at + CHUNK]
            start += len(block)

    def between(self, start: int, end: int) -> bytes:
        """Return some of its bytes, in one request. Raises Unreadable."""
        if start >= end:
            return b""
        block = self._given({"range": (start, end)})
        if len(block) != end - start:
            raise Unreadable(CHANGED, Reason.MALFORMED)
        return block

    def check_empty(self) -> None:
        """Raise Unreadable where there are bytes after all: a size that a listing tells is not believed."""
        if self._given({}):
            raise Unreadable(CHANGED, Reason.MALFORMED)

    def _given(self, wanted: GetOptions) -> bytes:
        """Return what the store gives, if that is what was listed."""
        options: GetOptions = {**_as_listed(self.item.version), **wanted}
        try:
            given = obstore.get(self._store, self.item.key, options=options)
            if _is_same(given.meta, self.item):
                return bytes(given.bytes())
        except (exceptions.BaseError, OSError, ValueError) as error:
            problem = why(error)
            raise Unreadable(problem, Reason.MALFORMED, passing=problem == FAILED) from None
        raise Unreadable(CHANGED, Reason.MALFORMED)


@contextmanager
def opened(item: Item) -> Iterator[Buffer]:
    """Open it; of an object with bytes, nothing is asked of the store yet. Raises Unreadable."""
    if item.problem:
        raise Unreadable(item.problem, item.reason)
    body = Ranged(item, _store(item.root))
    if not item.size:
        body.check_empty()
    yield body
