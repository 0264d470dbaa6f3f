"""The compliance page in a real browser: folding, filters, cells and their links, on a phone, in the dark.

These need Chromium and ChromeDriver; ``make report-test`` runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Final

import pytest

from tests.conformance.browsing import as_before, element, on_a_phone, press, started, too_pale, wait
from tests.conformance.compliance import FAILED, HAPPENED, made_page
from tests.conformance.reports import EVIL

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = pytest.mark.browser

REQUIREMENT: Final = "6121-3.2.2-10"
CELL: Final = f"#row={REQUIREMENT}&system=two&side=server"
"""The cell of a requirement that Server Two fails."""

Opened = Callable[..., "Chrome"]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("page")
    file = folder / "page.html"
    file.write_text(made_page(folder), encoding="utf-8")
    return file.as_uri()


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    chrome = started()
    yield chrome
    chrome.quit()


@pytest.fixture
def opened(chrome: Chrome, address: str) -> Iterator[Opened]:
    """Opens the page anew, at a link; in the end the browser must have had nothing to complain of."""

    def open_page(link: str = "") -> Chrome:
        chrome.get("about:blank")
        chrome.get(address + link)
        return chrome

    yield open_page
    as_before(chrome)


def texts(chrome: Chrome, selector: str) -> list[str]:
    return [each.text for each in chrome.find_elements("css selector", selector)]


def row(key: str) -> str:
    return f'#matrix tr[data-row="{key}"]'


def cells(chrome: Chrome, key: str) -> list[str]:
    return texts(chrome, f"{row(key)} td")


def test_servers_and_clients_are_across_and_chapters_down(opened: Opened) -> None:
    chrome = opened()

    assert texts(chrome, "#matrix thead tr:first-child th") == ["", "Servers", "Clients"]
    assert texts(chrome, "#matrix thead tr:last-child th") == ["Section", "The core", "Server Two", "The core"]
    assert cells(chrome, "chapter 3") == ["✓ 3", "✗ 3/3", ""]
    assert cells(chrome, "chapter 2") == ["✓ 1", "✓ 1", "✓ 1"]
    assert cells(chrome, "XEP-0191") == ["", "–", ""]
    assert element(chrome, "#matrix tbody tr:last-child").get_attribute("data-row") == "XEP-0191"


def test_a_chapter_unfolds_into_sections_and_these_into_requirements(opened: Opened) -> None:
    chrome = opened()

    press(chrome, f"{row('chapter 3')} .fold")
    assert cells(chrome, "3.2.2") == ["✓ 3", "✗ 3/3", ""]
    press(chrome, f"{row('3.2.2')} .fold")

    assert cells(chrome, REQUIREMENT)[1].startswith("✗ ")
    assert element(chrome, f"{row(REQUIREMENT)} .sentence").text
    press(chrome, f"{row('chapter 3')} .fold")
    assert chrome.find_elements("css selector", row("3.2.2")) == []


def test_levels_choose_which_vectors_count_and_stand_in_the_address(opened: Opened) -> None:
    chrome = opened()

    press(chrome, "#levels [value=peer]")

    assert cells(chrome, "chapter 3") == ["✓ 2", "✗ 2/2", ""]
    assert chrome.current_url.endswith("#levels=MUST+SHOULD+MAY")
    chrome = opened("#levels=peer")
    assert cells(chrome, "chapter 3") == ["✓ 1", "✗ 1/1", ""]
    assert chrome.find_elements("css selector", row("chapter 2")) == []
    assert not element(chrome, "#levels [value=MUST]").is_selected()


def test_only_rows_with_failures_are_shown_if_that_is_chosen(opened: Opened) -> None:
    chrome = opened()

    press(chrome, "#levels [name=failing]")

    assert chrome.find_elements("css selector", row("chapter 2")) == []
    assert cells(chrome, "chapter 3") == ["✓ 3", "✗ 3/3", ""]
    assert chrome.current_url.endswith("#failing=1")


def test_a_cell_leads_to_the_sentence_the_vectors_and_the_smallest_conversation(opened: Opened) -> None:
    chrome = opened()
    press(chrome, f"{row('chapter 3')} .fold")
    press(chrome, f"{row('3.2.2')} .fold")

    press(chrome, f"{row(REQUIREMENT)} td:nth-of-type(2) a")

    assert chrome.current_url.endswith(CELL)
    assert element(chrome, "#panel-title").text == f"{REQUIREMENT}: Server Two"
    assert element(chrome, ".sentences li").text.startswith(f"{REQUIREMENT} MUST ")
    assert texts(chrome, ".does li") == [f"says nothing {EVIL} (known)"]
    smallest = element(chrome, "#vectors > .vector")
    assert smallest.get_attribute("class") == "vector failed"
    assert element(chrome, "#vectors .failure h4").text == FAILED.splitlines()[0]
    assert HAPPENED in element(chrome, "#vectors .happened").text
    wait(chrome, "return document.querySelector('#vectors .story svg') !== null")
    assert element(chrome, "#vectors .steps .bad").get_attribute("data-step") == "2"


def test_the_conversation_draws_what_came_instead_and_besides(opened: Opened) -> None:
    """Only where the system failed: the other one, which passes the same vector, shows what has to come."""
    chrome = opened(CELL)

    wait(chrome, "return document.querySelector('#vectors .story svg') !== null")
    smallest = "#vectors > .vector:first-of-type .story svg"
    drawn = {kind: texts(chrome, f"{smallest} .bad .{kind} text") for kind in ("came", "besides")}
    assert drawn == {"came": ["came: message chat"], "besides": ["besides: presence probe"]}
    chrome = opened(CELL.replace("two", "core"))
    wait(chrome, "return document.querySelector('#vectors .story svg') !== null")
    assert texts(chrome, "#vectors .story .came") == []


def test_a_permanent_link_opens_its_cell_and_its_row(opened: Opened) -> None:
    chrome = opened(CELL)

    assert element(chrome, "#panel-title").text == f"{REQUIREMENT}: Server Two"
    assert element(chrome, "#panel").is_displayed()
    current = element(chrome, f"{row(REQUIREMENT)} [aria-current]")
    assert current.get_attribute("href").endswith(CELL)


def test_a_cell_where_all_pass_shows_a_vector_without_a_failure(opened: Opened) -> None:
    chrome = opened(CELL.replace("two", "core"))

    wait(chrome, "return document.querySelector('#vectors .story svg') !== null")
    assert chrome.find_elements("css selector", "#vectors .failure") == []
    assert chrome.find_elements("css selector", "#vectors .bad") == []
    assert [each.rpartition(": ")[0] for each in texts(chrome, ".others a")] == ["The core", "Server Two"]


def test_another_system_is_one_step_away(opened: Opened) -> None:
    chrome = opened(CELL.replace("two", "core"))

    press(chrome, ".others a:nth-of-type(2)")

    wait(chrome, "return document.getElementById('panel-title').textContent.endsWith('Server Two')")
    wait(chrome, "return document.querySelector('#vectors .steps .bad') !== null")


def test_what_is_not_applicable_is_told_with_the_reason(opened: Opened) -> None:
    chrome = opened("#row=XEP-0191&system=two&side=server")

    press(chrome, "#vectors .many > summary")

    assert texts(chrome, "#vectors .many > summary") == ["1 not applicable: no component"]
    wait(chrome, "return document.querySelector('#vectors [data-id=\"mine/elsewhere\"]') !== null")


@pytest.mark.parametrize(
    "link", ["#row=no-such-row&system=two&side=server", "#row=3.2.2&system=three&side=server", "#row=%&levels=x", "#x"]
)
def test_a_link_that_leads_nowhere_shows_the_table(opened: Opened, link: str) -> None:
    chrome = opened(link)

    assert not element(chrome, "#panel").is_displayed()
    assert cells(chrome, "chapter 2") == ["✓ 1", "✓ 1", "✓ 1"]


def test_the_panel_closes_by_its_button_and_by_the_keyboard(opened: Opened) -> None:
    from selenium.webdriver import Keys

    chrome = opened(CELL)
    press(chrome, "#close")
    assert not element(chrome, "#panel").is_displayed()
    assert "#row" not in chrome.current_url

    chrome = opened(CELL)
    element(chrome, "#panel").send_keys(Keys.ESCAPE)
    assert not element(chrome, "#panel").is_displayed()


def test_the_address_and_the_way_back_follow_the_cells(opened: Opened) -> None:
    chrome = opened()
    press(chrome, f"{row('chapter 3')} td:nth-of-type(1) a")
    press(chrome, "#close")

    chrome.back()

    wait(chrome, "return !document.getElementById('panel').hidden")
    assert element(chrome, "#panel-title").text == "Chapter 3: The core"


def test_nothing_from_outside_does_anything(opened: Opened) -> None:
    chrome = opened("#row=3.2.2&system=two&side=server")

    assert EVIL in texts(chrome, "#vectors .title")
    assert chrome.title == "Conformance to RFC 6121: The core, Server Two"
    assert chrome.find_elements("css selector", "img") == []
    assert chrome.execute_script("return document.scripts.length") == 3


def test_it_fits_a_phone(opened: Opened, chrome: Chrome) -> None:
    on_a_phone(chrome)
    for link in ("", "#row=3.2.2&system=two&side=server"):
        opened(link)
        assert chrome.execute_script("return document.documentElement.scrollWidth") == 390
    panel = element(chrome, "#panel").rect
    assert (panel["x"], panel["width"]) == (0, 390)
    assert chrome.execute_script(
        "const one = document.getElementById('panel'); return one.scrollWidth <= one.clientWidth"
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_by_day_and_by_night(opened: Opened, chrome: Chrome, scheme: str) -> None:
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    for link in ("", CELL, "#row=XEP-0191&system=two&side=server"):
        opened(link)
        assert too_pale(chrome) == []


def test_opening_it_draws_the_chapters_only(opened: Opened) -> None:
    """However many vectors there are, the page begins with a row for each chapter."""
    chrome = opened()

    assert {each.get_attribute("class") for each in chrome.find_elements("css selector", "#matrix tbody tr")} == {
        "depth0"
    }
    assert chrome.find_elements("css selector", ".vector") == []


def test_without_its_script_it_says_so_and_names_the_systems(opened: Opened, chrome: Chrome) -> None:
    chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    opened()

    assert "needs JavaScript" in element(chrome, "noscript").text
    assert not element(chrome, "#matrix").is_displayed()
    press(chrome, ".systems > summary")
    assert "Server Two" in element(chrome, ".systems").text
