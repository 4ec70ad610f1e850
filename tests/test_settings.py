"""Settings come from exfilter.toml alone, and a mistake in it is refused with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from exfilter import settings


def _load(folder: Path, text: str) -> settings.Settings:
    (folder / settings.FILE).write_text(text, "utf-8")
    return settings.load(folder)


def test_the_text_that_init_writes_says_the_defaults(tmp_path: Path) -> None:
    written = _load(tmp_path, settings.DEFAULT_TEXT)
    uncommented = settings.DEFAULT_TEXT.replace("\n# ", "\n").splitlines()
    lines = [line for line in uncommented if " = " in line and line.split(" = ")[0].isidentifier()]
    workers = f"workers = {written.workers}"
    spelt = "\n".join(workers if line.startswith("workers") else line for line in lines)
    assert len(lines) == len(settings.Settings.model_fields) - 1
    assert _load(tmp_path, spelt) == written == _load(tmp_path, "")


def test_paths_are_relative_to_the_folder(tmp_path: Path) -> None:
    found = _load(tmp_path, 'index = "../big/index"\nquarantine = "/var/exfilter"\n')
    assert found.folder == tmp_path
    assert found.index == tmp_path / "../big/index"
    assert found.quarantine == Path("/var/exfilter")
    assert found.index_key == tmp_path / "index.key"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('region = "US"\nregoin = "DE"\n', 2, "regoin is not a setting"),
        ("\n\n[proxy]\nport = 1\n", 3, "proxy is not a setting"),
        ("folder = '.'\n", 1, "folder is not a setting"),
        ('# deadline\ndeadline = "60"\n', 2, "deadline: Input should be a valid number"),
        ("deadline = 0\n", 1, "deadline: Input should be greater than 0"),
        ("upload_hours = 0\n", 1, "upload_hours: Input should be greater than 0"),
        ("deadline = inf\n", 1, "deadline"),
        ("max_body = 1.5\n", 1, "max_body: Input should be a valid integer"),
        ("\nworkers = true\n", 2, "workers: Input should be a valid integer"),
        ("index = 5\n", 1, "index"),
        ('region = "XX"\n', 1, "'XX' is no region"),
        ("region = \n", 1, "line 1"),
    ],
)
def test_a_mistake_is_refused_with_its_line(tmp_path: Path, text: str, line: int, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        _load(tmp_path, text)
    assert f"line {line}" in str(refused.value)
    assert settings.FILE in str(refused.value)


def test_all_mistakes_are_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"line 1: a .*; .*line 2: b "):
        _load(tmp_path, "a = 1\nb = 2\n")


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / settings.FILE).write_bytes(b"region = 'D\xff'")
    with pytest.raises(ValueError, match="UTF-8"):
        settings.load(tmp_path)


def test_without_a_configuration_folder_init_is_the_next_step(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="exfilter init DIR"):
        settings.load(tmp_path)


def test_the_environment_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REGION", "INDEX", "POLICY", "WORKERS", "EXFILTER_REGION"):
        monkeypatch.setenv(name, "1")
    assert _load(tmp_path, "region = 'us'\n").region == "US"


def test_settings_do_not_change(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="frozen"):
        _load(tmp_path, "").region = "US"


def test_ocr_needs_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"line 2: ocr: .*pip install 'exfilter\[ocr\]'"):
        _load(tmp_path, "\nocr = true\n")
    assert not _load(tmp_path, "ocr = false\n").ocr
    monkeypatch.setattr(settings, "find_spec", lambda name: name)
    assert _load(tmp_path, "ocr = true\n").ocr


@pytest.mark.parametrize("wrong", ['"secret"', "[1]", '{a = "secret"}'])
def test_passwords_are_a_list_of_texts(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ValueError, match=r'passwords: .*give a list of texts, such as passwords = \["first"'):
        _load(tmp_path, f"passwords = {wrong}\n")
    assert _load(tmp_path, 'passwords = ["secret"]\n').passwords == ("secret",)
