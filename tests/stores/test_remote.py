"""Object stores, against a real server that speaks S3."""

from __future__ import annotations

import os
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar
from urllib.parse import quote

import pytest

from exfilter.body import CHUNK, pieces, whole
from exfilter.bulk.state import State
from exfilter.model import Reason
from exfilter.stores import Item, Unreadable, listed, opened
from fixtures.servers import free_port, object_store, web_share

pytest.importorskip("moto", reason="the development group is not installed")
obstore = pytest.importorskip("obstore", reason="the extra `shares` is not installed")

LARGE = bytes(range(256)) * (9 * CHUNK // 256) + b"end"
OBJECTS = {"a/1.txt": b"one", "a/b/ä %20.csv": b"two", "a/empty": b"", "large.bin": LARGE, "ab.txt": b"no"}


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with object_store(tmp_path_factory.mktemp("store")) as env, pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setenv(name, value)
        root = obstore.store.from_url("s3://share")
        for key, data in OBJECTS.items():
            obstore.put(root, key, data)
        yield


def read(item: Item) -> bytes:
    with opened(item) as body:
        return whole(body)


@pytest.mark.usefixtures("bucket")
class TestBucket:
    def test_every_object_is_listed_once_and_reads_as_it_was_put(self) -> None:
        assert {item.key: read(item) for item in listed("s3://share")} == OBJECTS

    @pytest.mark.parametrize("url", ["s3://share/a", "s3://share/a/"])
    def test_a_folder_is_what_lies_below_it(self, url: str) -> None:
        names = {item.url for item in listed(url)}
        assert names == {"s3://share/a/1.txt", "s3://share/a/b/ä %20.csv", "s3://share/a/empty"}

    def test_an_object_is_named_by_itself(self) -> None:
        assert [read(item) for item in listed("s3://share/a/b/ä %20.csv")] == [b"two"]

    def test_a_body_is_read_from_anywhere(self) -> None:
        (item,) = listed("s3://share/large.bin")
        with opened(item) as body:
            assert b"".join(pieces(body, 8 * CHUNK + 5)) == LARGE[8 * CHUNK + 5 :]

    def test_an_object_that_changed_is_not_read(self) -> None:
        store = obstore.store.from_url("s3://share")
        obstore.put(store, "changing/x", b"first")
        (item,) = listed("s3://share/changing")
        obstore.put(store, "changing/x", b"other")
        with pytest.raises(Unreadable, match="changed") as caught:
            read(item)
        assert caught.value.reason is Reason.MALFORMED
        obstore.delete(store, "changing/x")
        with pytest.raises(Unreadable, match="no such file"):
            read(item)

    def test_what_is_not_there_is_an_item_with_its_problem(self) -> None:
        assert [item.problem for item in listed("s3://share/none")] == ["no such file or folder"]
        (item,) = listed("s3://nobody-has-this")
        assert item.problem == "it could not be listed whole: no such bucket"

    def test_what_is_listed_as_empty_is_not_believed_to_be(self) -> None:
        (item,) = listed("s3://share/large.bin")
        with pytest.raises(Unreadable, match="changed"):
            read(replace(item, size=0))

    def test_no_credential_is_shown(self) -> None:
        (item,) = listed("s3://share/large.bin")
        with opened(item) as body:
            assert "invented" not in repr(body)


@pytest.mark.parametrize("url", ["gopher://x/y", "smb://server/share", "s3://"])
def test_an_unknown_scheme_is_a_mistake_of_the_user(url: str) -> None:
    with pytest.raises(ValueError, match=r"cannot be read: name a folder \(a file share is mounted first\)"):
        listed(url)


def test_a_store_whose_environment_says_too_little_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_STORAGE_ACCOUNT_NAME", raising=False)
    with pytest.raises(ValueError, match=r"az://nobody/ cannot be opened: .*AZURE_STORAGE_ACCOUNT_NAME"):
        listed("az://nobody")


@pytest.mark.parametrize(
    ("allowed", "why"),
    [
        ("true", "nobody answers there; look at its address and the network"),
        ("false", "needs AWS_ALLOW_HTTP"),
    ],
)
def test_a_store_that_cannot_be_reached_says_what_to_look_at(
    monkeypatch: pytest.MonkeyPatch, allowed: str, why: str
) -> None:
    given = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}",
        "AWS_ALLOW_HTTP": allowed,
        "AWS_ACCESS_KEY_ID": "invented",
        "AWS_SECRET_ACCESS_KEY": "invented-secret",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    (item,) = listed(f"s3://nobody-{allowed}/some/folder")
    assert item.problem.endswith(why if allowed == "true" else f"its address is http://, which {why}=true")
    assert "127.0.0.1" not in item.problem


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    pytest.importorskip("wsgidav", reason="the development group is not installed")
    folder = tmp_path_factory.mktemp("web")
    for key, data in OBJECTS.items():
        file = folder / "share" / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    with web_share(folder, folder / "share") as url:
        yield url, folder / "share"


class TestOverHttp:
    def test_every_file_is_listed_once_and_reads_as_it_lies(self, share: tuple[str, Path]) -> None:
        assert {item.key: read(item) for item in listed(share[0])} == OBJECTS

    @pytest.mark.parametrize("name", ["a", "a/"])
    def test_a_folder_is_what_lies_below_it(self, share: tuple[str, Path], name: str) -> None:
        keys = {item.key for item in listed(f"{share[0]}/{name}")}
        assert keys == {"a/1.txt", "a/b/ä %20.csv", "a/empty"}

    @pytest.mark.parametrize("key", ["a/b/ä %20.csv", "a/empty"])
    def test_a_file_is_named_by_itself(self, share: tuple[str, Path], key: str) -> None:
        (item,) = listed(f"{share[0]}/{quote(key)}")
        assert (item.key, read(item)) == (key, OBJECTS[key])

    @pytest.mark.parametrize("name", ["changing", "changing/x"])
    def test_a_file_that_changed_is_not_read(self, share: tuple[str, Path], name: str) -> None:
        file = share[1] / "changing" / "x"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"first")
        (item,) = listed(f"{share[0]}/{name}")
        file.write_bytes(b"other than that")
        with pytest.raises(Unreadable, match="changed"):
            read(item)
        file.unlink()

    def test_what_is_not_there_is_an_item_with_its_problem(self, share: tuple[str, Path]) -> None:
        assert [item.problem for item in listed(f"{share[0]}/none")] == ["no such file or folder"]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://192.0.2.1/share", "give https://"),
        ("https://rita:invented-secret@dav.example/share", "leave it out"),
        ("https://dav.example/file?sig=invented-secret", "leave it out"),
        ("s3://invented:invented-secret@share/x", "leave it out"),
        ("https://account.blob.core.windows.net/share/x", "az://CONTAINER"),
    ],
)
def test_over_http_nothing_is_read_in_clear_or_with_a_secret_in_its_name(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        listed(url)
    assert "invented-secret" not in str(caught.value)


class Liar(BaseHTTPRequestHandler):
    """A server of one file that ignores what it is asked for, but for a weak tag, which fits nothing."""

    tag: ClassVar[str] = '"a"'
    said: ClassVar[dict[str, str]] = {}

    def do_HEAD(self) -> None:
        self.send_response(200)
        self._head({"Content-Length": "5", "ETag": self.tag})

    def do_GET(self) -> None:
        if self.headers["If-Match"] and self.tag.startswith("W/"):
            self.send_error(412)
            return
        self.send_response(206)
        self._head({"Content-Range": "bytes 0-4/5", "Content-Length": "5", "ETag": self.tag, **self.said})
        self.wfile.write(b"hello")

    def _head(self, headers: dict[str, str]) -> None:
        for name, value in {"Last-Modified": "Mon, 23 Nov 2026 01:00:00 GMT", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def liar() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Liar)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("said", [{"Content-Range": "bytes 0-4/500"}, {"ETag": '"b"'}])
def test_a_store_that_gives_something_else_than_was_listed_is_not_believed(
    liar: str, monkeypatch: pytest.MonkeyPatch, said: dict[str, str]
) -> None:
    (item,) = listed(f"{liar}/file")
    assert (item.size, read(item)) == (5, b"hello")
    monkeypatch.setattr(Liar, "said", said)
    with pytest.raises(Unreadable, match="changed"):
        read(item)


def test_a_weak_tag_is_not_asked_for(liar: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No content fits one, so every file of such a server counted as changed."""
    monkeypatch.setattr(Liar, "tag", 'W/"a"')
    (item,) = listed(f"{liar}/file")
    assert (item.version, read(item)) == ("2026-11-23T01:00:00+00:00", b"hello")


def put_raw(bucket: str, key: str = "", data: bytes = b"") -> None:
    """Put an object under a name as it stands: obstore itself would write another one. No key: a bucket."""
    url = f"{os.environ['AWS_ENDPOINT_URL']}/{bucket}" + (f"/{quote(key)}" if key else "")
    kind = {"Content-Type": "text/plain"}
    urllib.request.urlopen(urllib.request.Request(url, data, kind, method="PUT"), timeout=60).close()


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("name", ["tab\tx", "a//b", "a/../b", "..", "/"])
def test_a_name_that_cannot_be_read_does_not_hide_what_lies_in_other_folders(name: str) -> None:
    """Whoever may write one object kept the whole bucket from being listed."""
    bucket = f"odd{name.encode().hex()}"
    put_raw(bucket)
    for key in ("1/before", f"2/{name}", "3/after"):
        put_raw(bucket, key, b"text")
    found = {item.key: item.problem for item in listed(f"s3://{bucket}")}
    assert {"1/before", "3/after"} <= {key for key, problem in found.items() if not problem}
    assert [key for key in found if key.startswith("2")]


@pytest.mark.usefixtures("bucket")
def test_an_object_that_is_listed_by_the_name_of_another_does_not_vanish(tmp_path: Path) -> None:
    """Both are called "x": only the first one was kept, and the customers in the other were never seen."""
    put_raw("twice")
    put_raw("twice", "x", b"nobody")
    put_raw("twice", "x/", b"everybody")
    with closing(State(tmp_path / "run")) as state:
        for _ in state.list((item, []) for item in listed("s3://twice")):
            pass
        (task,) = state.todo(0)
    assert task.item.problem.startswith("several objects have this name")
    with pytest.raises(Unreadable, match="several objects") as caught:
        read(task.item)
    assert caught.value.reason is Reason.UNSUPPORTED
