"""A file of groups is read whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exfilter.groups import listed

if TYPE_CHECKING:
    from pathlib import Path

WORD = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z"), exclude_characters='":#'), min_size=1)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("groups") / "groups.txt"


def read(file: Path, text: str) -> dict[str, frozenset[str]]:
    file.write_text(text, "utf-8", newline="")
    return dict(listed.read(file))


@given(
    st.dictionaries(WORD, st.lists(WORD, min_size=1, max_size=4), max_size=4), st.sampled_from(["\n", "\r\n"])
)
def test_everybody_is_in_the_groups_that_name_them(
    file: Path, groups: dict[str, list[str]], end: str
) -> None:
    found = read(
        file, "".join(f"{group}: {' '.join(users)} # {group}{end}" for group, users in groups.items())
    )
    wanted = {(user.casefold(), group.casefold()) for group, users in groups.items() for user in users}
    assert {(user, group) for user, names in found.items() for group in names} == wanted


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused_with_its_line(file: Path, text: str) -> None:
    try:
        read(file, text.encode("utf-8", "replace").decode())
    except ValueError as error:
        assert str(error).startswith(f"{file}:")  # noqa: PT017 - either is right


def test_blanks_case_comments_and_lines(file: Path) -> None:
    text = '\ufeff# who\n\nSupport: Anna "Jan Kowalski"\nsupport:o\'neill\nsales : anna\n'.replace(
        "sales :", "sales:"
    )
    assert read(file, text) == {
        "anna": {"support", "sales"},
        "jan kowalski": {"support"},
        "o'neill": {"support"},
    }


def test_a_group_may_be_empty_and_a_star_is_no_pattern(file: Path) -> None:
    assert read(file, "support:\nall: *\n") == {"*": {"all"}}


@pytest.mark.parametrize(
    ("line", "reason"),
    [("support anna", "colon"), ("support", "colon"), (": anna", "colon"), ('support: "anna', "quote")],
)
def test_a_mistake_is_named_with_its_line(file: Path, line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=rf"groups\.txt:2: .*{reason}"):
        read(file, f"sales: anna\n{line}\n")


def test_a_file_that_is_not_utf_8_is_refused(file: Path) -> None:
    file.write_bytes(b"support: j\xf6rg\n")
    with pytest.raises(ValueError, match="UTF-8"):
        listed.read(file)
