"""Object stores, against a real server that speaks S3."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from exfilter.body import CHUNK, pieces, whole
from exfilter.model import Reason
from exfilter.stores import Item, Unreadable, listed, opened
from fixtures.servers import object_store, web_share

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
        assert item.problem.startswith("it could not be listed whole")

    def test_no_credential_is_shown(self) -> None:
        (item,) = listed("s3://share/large.bin")
        with opened(item) as body:
            assert "invented" not in repr(body)


def test_an_unknown_scheme_is_a_mistake_of_the_user() -> None:
    with pytest.raises(ValueError, match="gopher://x/ cannot be read"):
        listed("gopher://x/y")


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
        ("https://account.blob.core.windows.net/share/x", "az://CONTAINER"),
    ],
)
def test_over_http_nothing_is_read_in_clear_or_with_a_secret_in_its_name(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        listed(url)
    assert "invented-secret" not in str(caught.value)
