"""The page of a run in real Chromium: every file is there, names do nothing, and everybody can use it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from exfilter.bulk import page, report, summary
from exfilter.bulk.replacing import replacing
from tests.browser import WIDTHS, check
from tests.bulk.filled import ROOT, File, expected, many, run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = (
    "</script><script>document.title='hacked'</script>",
    "<img src=x onerror=\"document.title='hacked'\">",
    "\"'><svg onload=document.title='hacked'>",
    "<!--",
    "]]>&lt;b&gt;&amp;${1}`$(id)",
    "$script $$ {{7*7}}",
    "new\nline\ttab\0nul\x1b[31m",
    "not unicode \udcff\udc80",
    "invoice\u202egpj.exe",
    "zero\u200bwidth\u2028line",
    "עברית ملف 文件 😀",
    "=cmd|' /C calc'!A0",
    "__proto__",
    "x" * 4096,
)
MANY = 100_000


def opened(chromium: Browser, folder: Path, **options: object) -> Page:
    """Open a page in a context of its own, and note what it says and asks for."""
    tab = chromium.new_context(**options).new_page()  # type: ignore[arg-type]
    heard: list[str] = []
    tab.on("console", lambda message: heard.append(message.text))
    tab.on("pageerror", lambda error: heard.append(str(error)))
    tab.on("request", lambda request: heard.append(request.url))
    tab.on("dialog", lambda dialog: heard.append(dialog.message))
    tab.goto(f"file://{folder}/report.html")
    if options.get("java_script_enabled", True):
        settled(tab)
    assert heard == [tab.url]
    return tab


def settled(tab: Page) -> None:
    tab.locator("body[data-ready=yes]").wait_for(timeout=60_000)


def status(tab: Page) -> str:
    settled(tab)
    return tab.inner_text("#status")


def names(tab: Page) -> list[list[object]]:
    """Return what the browser has of every file. Through JSON, so that lone surrogates survive."""
    script = "JSON.stringify(Array.from({length: count}, (_, at) => [path(at), columns.copy.get(at) ?? '']))"
    found: list[list[object]] = json.loads(tab.evaluate(script))
    return found


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[File]]:
    files = many(MANY)
    folder = tmp_path_factory.mktemp("large")
    with run(folder, files) as state, replacing(folder / "report.html") as out:
        page.write(state, summary.write(state, io.StringIO()), out)
    return folder, files


def test_a_hundred_thousand_files_are_there_and_can_be_reached(
    chromium: Browser, large: tuple[Path, list[File]]
) -> None:
    folder, files = large
    rows = expected(files)
    tab = opened(chromium, folder)
    assert names(tab) == [[row.prefix + row.name, row.copy_of] for row in rows]
    held = sum(row.held for row in rows)
    assert status(tab) == f"{MANY:,} of {MANY:,} files; {held:,} would be held."
    tab.focus("#grid")
    for key, at in (("ArrowDown", 1), ("End", MANY - 1), ("ArrowUp", MANY - 2), ("Home", 0)):
        tab.keyboard.press(key)
        line = tab.locator("tr.active")
        assert line.get_attribute("aria-rowindex") == str(at + 2)
        assert line.locator("td").first.inner_text() == rows[at].prefix + rows[at].name
        assert tab.locator("#one dd").first.inner_text() == rows[at].prefix + rows[at].name
    assert tab.locator("#grid tbody tr").count() < 60
    tab.evaluate("view.scrollTop = view.scrollHeight / 2")
    tab.wait_for_timeout(200)
    middle = int(tab.locator("#grid tbody tr").first.get_attribute("aria-rowindex") or 0)
    assert abs(middle - MANY / 2) < 100
    tab.context.close()


def test_filters_find_what_a_loop_finds(chromium: Browser, large: tuple[Path, list[File]]) -> None:
    folder, files = large
    tab = opened(chromium, folder)

    def shown(fits: list[File]) -> str:
        return f"{len(fits):,} of {MANY:,} files; {sum(file.held for file in fits):,} would be held."

    tab.fill("#text", "üBERSICHT 1")
    assert status(tab) == shown([file for file in files if "/Übersicht 1" in file.key])
    tab.fill("#text", "7/List 5")
    tab.check("#held")
    assert status(tab) == shown([file for file in files if "7/list 5" in file.key and file.held])
    tab.click("button[type=reset]")
    tab.fill("#folder", f"{ROOT}team 3/")
    tab.select_option("#reason", label=tab.locator("#reason option", has_text="malformed").inner_text())
    fits = [file for file in files if file.key.startswith("team 3/") and "malformed" in file.unread]
    assert status(tab) == shown(fits)
    tab.click("button[type=reset]")
    for kind, value in (("owner", "user 7"), ("type", "docx"), ("rule", "many")):
        tab.locator(f"table[data-kind={kind}] button", has_text=value).first.click()
        wanted = [file for file in files if value in (file.owner, file.item.type, file.rule)]
        assert status(tab) == shown(wanted)
    tab.fill("#text", "no such file")
    assert status(tab) == shown([])
    tab.context.close()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[File]]:
    files = [
        File(
            f"{name.replace('/', '|')}/{name.replace('/', '|')}.{name[:9].replace('/', '|')}",
            customers=at, held=at % 2 == 0, owner=name, rule="<b>rule</b>",
            content=b"same" if at > 9 else b"",
        )
        for at, name in enumerate(HOSTILE)
    ]  # fmt: skip
    folder = tmp_path_factory.mktemp("hostile")
    with run(folder, files) as state:
        state.tell({"urls": json.dumps(list(HOSTILE))})
        report.write(state, folder)
    return folder, files


def test_hostile_names_are_text_and_nothing_else(chromium: Browser, hostile: tuple[Path, list[File]]) -> None:
    folder, files = hostile
    tab = opened(chromium, folder)
    rows = expected(files)
    assert names(tab) == [[row.prefix + row.name, row.copy_of] for row in rows]
    tab.focus("#grid")
    for row in rows:
        seen = tab.locator("#one dd").first.inner_text()
        assert seen.isprintable()
        assert ("\\u202e" in seen, "\\udcff" in seen) == ("\u202e" in row.name, "\udcff" in row.name)
        tab.keyboard.press("ArrowDown")
    for button in tab.locator("table[data-kind] button").all():
        button.click()
        assert not status(tab).startswith("0 of")
    assert tab.title() == "Report of a run · exfilter"
    assert tab.locator("img, svg, b, main script:not(.chunk)").count() == 0
    check(tab)
    tab.context.close()


def test_markup_that_got_in_all_the_same_would_do_nothing(chromium: Browser, tmp_path: Path) -> None:
    with run(tmp_path, many(3)) as state:
        report.write(state, tmp_path)
    file = tmp_path / "report.html"
    inside = "".join(name for name in HOSTILE if "hacked" in name) + "<base href=https://other.example>"
    file.write_text(file.read_text().replace("<h1>", f"<style>h1 {{ display: none }}</style>{inside}<h1>"))
    tab = chromium.new_page()
    tab.goto(f"file://{file}")
    settled(tab)
    assert tab.title() == "Report of a run · exfilter"
    assert tab.get_by_role("heading", name="Report of a run").is_visible()
    assert tab.evaluate("document.baseURI") == f"file://{file}"
    tab.close()


def test_without_scripts_the_counts_can_be_read(chromium: Browser, hostile: tuple[Path, list[File]]) -> None:
    tab = opened(chromium, hostile[0], java_script_enabled=False)
    assert tab.locator("noscript p", has_text="The list of files needs JavaScript").is_visible()
    assert tab.locator("#list").is_hidden()
    assert tab.locator("table[data-kind=owner] tbody tr").count() == len(HOSTILE)
    assert tab.locator(".totals dd").first.inner_text() == str(len(HOSTILE) // 2)
    tab.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_and_can_be_read_by_everybody(
    chromium: Browser, tmp_path: Path, scheme: str, width: str
) -> None:
    with run(tmp_path, many(300), left=2) as state:
        report.write(state, tmp_path, listed=200)
    tab = opened(chromium, tmp_path, viewport=WIDTHS[width], color_scheme=scheme)
    assert tab.locator("#list #left-out").is_visible()
    check(tab)
    tab.locator("#grid tbody tr").nth(3).click()
    check(tab)
    tab.context.close()
