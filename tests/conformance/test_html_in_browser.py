"""The page about a run in a real browser: searching, choosing, opening, on a phone, in the dark, without its script.

These need Chromium and ChromeDriver; ``make report-test`` runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import pytest

from tests.conformance.browsing import as_before, element, press, started, too_pale, wait
from tests.conformance.reports import EVIL, results
from xmpp_im_conformance.reports.html.page import page

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = pytest.mark.browser

_SHOWN: Final = (
    "return [...document.querySelectorAll('.vector')].filter(v => v.checkVisibility()).map(v => v.dataset.id)"
)
_ALL: Final = ["client", "good", "wrong", "left", "hostile", "elsewhere", "malformed"]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("report")
    file = folder / "report.html"
    text = page(results(tmp_path_factory.mktemp("vectors")), "embedded", datetime(2026, 1, 2, tzinfo=UTC))
    file.write_text(text, encoding="utf-8")
    return file.as_uri()


@pytest.fixture(scope="module")
def chrome() -> Iterator[Chrome]:
    chrome = started()
    yield chrome
    chrome.quit()


Opened = Callable[..., "Chrome"]


@pytest.fixture
def opened(chrome: Chrome, address: str) -> Iterator[Opened]:
    """Opens the page anew, at what is chosen; in the end the browser must have had nothing to complain of."""

    def open_page(chosen: str = "") -> Chrome:
        chrome.get("about:blank")
        chrome.get(address + chosen)
        return chrome

    yield open_page
    as_before(chrome)


def shown(chrome: Chrome) -> list[str]:
    found: list[str] = chrome.execute_script(_SHOWN)
    return found


def select(chrome: Chrome, selector: str, value: str) -> None:
    from selenium.webdriver.support.select import Select

    Select(element(chrome, selector)).select_by_value(value)


def open_vector(chrome: Chrome, id: str) -> str:
    """Open a vector as people do; return the selector of its body."""
    press(chrome, f'[data-id="{id}"] summary')
    wait(chrome, f"return document.querySelector('[data-id=\"{id}\"] .story') !== null")
    return f'[data-id="{id}"] .body'


def test_everything_is_there_at_first(opened: Opened) -> None:
    chrome = opened()

    assert shown(chrome) == _ALL
    assert element(chrome, "#found").text == "7 of 7"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("hears of", ["good"]),
        ("HEARS", ["good"]),
        ("first many", ["good"]),  # words of its note
        ("wrong", ["wrong"]),
        ("6121-4.2.2-02", ["good"]),
        ("§4", ["good", "wrong", "left"]),
        ("4.4", ["wrong", "left"]),
        ("4.4.2", ["left"]),
        ("failed", ["wrong", "left", "hostile", "malformed"]),
        ("failed 4.4", ["wrong", "left"]),
        ("passed", ["client", "good"]),
        ("archive", ["elsewhere"]),
        ("no such words", []),
    ],
)
def test_the_search_looks_at_text_id_requirement_section_and_outcome(
    opened: Opened, words: str, expected: list[str]
) -> None:
    chrome = opened()

    element(chrome, "#q").send_keys(words)

    assert shown(chrome) == expected
    assert element(chrome, "#found").text == f"{len(expected)} of 7"
    assert element(chrome, "#nothing").is_displayed() is (expected == [])


def test_outcome_and_side_can_be_chosen(opened: Opened) -> None:
    chrome = opened()

    select(chrome, "#outcome", "not_applicable")
    assert shown(chrome) == ["elsewhere"]

    select(chrome, "#outcome", "passed")
    select(chrome, "#side", "client")
    assert shown(chrome) == ["client"]


def test_what_is_chosen_stands_in_the_address(opened: Opened) -> None:
    from selenium.webdriver.common.keys import Keys

    chrome = opened("#q=is&outcome=failed&section=4")

    assert shown(chrome) == ["left"]
    assert element(chrome, "#q").get_property("value") == "is"
    assert element(chrome, "#outcome").get_property("value") == "failed"

    press(chrome, "#chosen button")
    element(chrome, "#q").send_keys(Keys.BACKSPACE * 2)
    assert chrome.current_url.endswith("#outcome=failed")


def test_a_number_of_the_matrix_chooses_its_vectors_and_requirements(opened: Opened) -> None:
    chrome = opened()

    press(chrome, '.matrix a[href="#section=4&level=MUST"]')

    assert shown(chrome) == ["good"]
    assert [chip.text for chip in chrome.find_elements("css selector", "#chosen button")] == ["section 4", "MUST"]
    listed = [each for each in chrome.find_elements("css selector", ".all-requirements li") if each.is_displayed()]
    assert {each.get_attribute("data-level") for each in listed} == {"MUST"}
    assert element(chrome, ".matrix [aria-current]").get_attribute("aria-label").startswith("Section 4, MUST")

    chrome.back()
    assert shown(chrome) == _ALL


def test_a_chapter_unfolds_into_its_sections_by_keyboard(opened: Opened) -> None:
    from selenium.webdriver.common.keys import Keys

    chrome = opened()
    fold = element(chrome, "[aria-controls=below-4]")
    assert not element(chrome, "#below-4").is_displayed()

    fold.send_keys(Keys.ENTER)

    assert element(chrome, "#below-4").is_displayed()
    assert fold.get_attribute("aria-expanded") == "true"


def test_a_vector_opens_into_its_steps_and_their_diagram(opened: Opened) -> None:
    chrome = opened()

    body = open_vector(chrome, "good")

    assert [step.text for step in chrome.find_elements("css selector", f"{body} .steps > li")] == [
        "juliet@capulet.example/balcony connects.",
        "juliet@capulet.example/balcony sends:\n<presence/>",
        'juliet@capulet.example/balcony gets:\n<presence from="{any}" to="{any}"/>',
        "In the end nothing more has come.",
    ]
    drawn = element(chrome, f"{body} .diagram svg")
    assert drawn.get_attribute("aria-label").startswith("Sequence diagram: juliet/balcony, server; 4 steps")
    assert len(chrome.find_elements("css selector", f"{body} .diagram .sent .tip")) == 1
    assert len(chrome.find_elements("css selector", f"{body} .diagram .expected .tip")) == 1
    assert chrome.current_url.endswith("#vector=good")


def test_a_link_to_a_vector_opens_it(opened: Opened) -> None:
    chrome = opened("#vector=client")

    wait(chrome, "return document.querySelector('[data-id=client] .story svg') !== null")


def test_the_step_that_failed_is_marked_and_what_follows_is_pale(opened: Opened) -> None:
    chrome = opened()

    body = open_vector(chrome, "wrong")

    assert "expected 'nobody'" in element(chrome, f"{body} .failure h4").text
    assert element(chrome, f"{body} .steps .bad").get_attribute("data-step") == "2"
    assert element(chrome, f"{body} .diagram .bad").get_attribute("data-step") == "2"
    assert len(chrome.find_elements("css selector", f"{body} .steps .later")) == 2


def test_what_is_missing_and_what_came_is_told_by_words_and_shapes_and_not_by_colour_alone(opened: Opened) -> None:
    chrome = opened()

    body = open_vector(chrome, "wrong")

    row = f"{body} .diagram .bad"
    assert element(chrome, f"{row} .missing text").text == "missing: presence"
    assert len(chrome.find_elements("css selector", f"{row} .missing .cross")) == 1
    assert chrome.find_elements("css selector", f"{row} .missing .tip") == []
    assert element(chrome, f"{row} .came text").text == "came: presence"
    assert len(chrome.find_elements("css selector", f"{row} .came circle")) == 1
    assert element(chrome, f"{row} .fault").text == "✗"
    assert element(chrome, f"{body} .diagram .border text").text == "not reached"
    assert [each.text for each in chrome.find_elements("css selector", f"{body} .legend span")] == [
        "sent",
        "did not come",
        "came instead",
    ]


@pytest.mark.parametrize(("width", "columns"), [(1280, 2), (390, 1)])
def test_what_was_expected_stands_beside_what_came_or_above_it_on_a_phone(
    opened: Opened, chrome: Chrome, width: int, columns: int
) -> None:
    metrics = {"width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 600}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    opened()

    body = open_vector(chrome, "wrong")

    expected, came = [element(chrome, f"{body} .compared .{side}").rect for side in ("expected", "came")]
    assert (expected["x"] < came["x"], expected["y"] < came["y"]) == (columns == 2, columns == 1)
    signs = chrome.execute_script(
        "return [...document.querySelectorAll(arguments[0])].map(cell => getComputedStyle(cell, '::before').content)",
        f"{body} .compared td",
    )
    assert signs == ['"−"', '"+"']
    assert [each.text for each in chrome.find_elements("css selector", f"{body} .compared mark")] == [
        'to="nobody"',
        'to="juliet@capulet.example"',
    ]


def test_a_diagram_fits_a_phone(opened: Opened, chrome: Chrome) -> None:
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    opened()

    body = open_vector(chrome, "client")  # three participants, and what is said between them is long

    assert chrome.execute_script(
        "const one = document.querySelector(arguments[0]); return one.scrollWidth <= one.clientWidth",
        f"{body} .diagram",
    )


def test_a_vector_that_is_opened_tells_what_its_requirements_say(opened: Opened) -> None:
    chrome = opened()

    body = open_vector(chrome, "good")

    assert element(chrome, f"{body} .shows li").text.startswith("6121-4.2.2-02 MUST ")


def test_no_text_overlaps_the_edges_of_a_diagram(opened: Opened) -> None:
    chrome = opened()
    for id in ("client", "good", "wrong", "left", "hostile"):
        open_vector(chrome, id)

    outside = chrome.execute_script("""
        return [...document.querySelectorAll(".diagram svg")].flatMap(svg => {
            const { width, height } = svg.viewBox.baseVal;
            return [...svg.querySelectorAll("text, .sign, .head")].filter(node => {
                const box = node.getBBox();
                return box.x < 0 || box.y < 0 || box.x + box.width > width || box.y + box.height > height;
            }).map(node => node.textContent);
        })""")
    assert outside == []


def test_a_hostile_vector_does_nothing(opened: Opened) -> None:
    chrome = opened()

    body = open_vector(chrome, "hostile")

    assert chrome.title == "Conformance to RFC 6121: embedded"
    assert element(chrome, '[data-id="hostile"] .title').text == EVIL
    assert any(
        "<body>&lt;/script>" in step.text.replace("&gt;", ">")
        for step in chrome.find_elements("css selector", f"{body} .steps > li")
    )
    assert chrome.find_elements("css selector", "img") == []
    assert chrome.execute_script("return document.scripts.length") == 2


def test_it_fits_a_phone(opened: Opened, chrome: Chrome) -> None:
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    opened()
    for id in ("client", "wrong", "hostile"):
        open_vector(chrome, id)

    assert chrome.execute_script("return document.documentElement.scrollWidth") == 390
    assert chrome.execute_script("return innerWidth") == 390


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_by_day_and_by_night(opened: Opened, chrome: Chrome, scheme: str) -> None:
    """Contrast is at least 4.5 to 1, as the WCAG ask (1.4.3)."""
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    opened()
    for id in ("client", "wrong", "elsewhere"):
        open_vector(chrome, id)

    assert too_pale(chrome) == []


def test_without_its_script_the_list_is_all_there(opened: Opened, chrome: Chrome) -> None:
    chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    opened()

    vectors = chrome.find_elements("css selector", ".vector")
    assert [each.get_attribute("data-id") for each in vectors] == _ALL
    element(chrome, '[data-id="wrong"] summary').click()
    assert "expected 'nobody'" in element(chrome, '[data-id="wrong"] .failure h4').text
    assert element(chrome, "#below-4").is_displayed()
    assert not element(chrome, "#filters").is_displayed()
