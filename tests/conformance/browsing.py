"""Chromium for the tests of pages: it opens a page anew, and must have had nothing to complain of."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,900",
)


def started() -> Chrome:
    """Start Chromium."""
    from selenium.webdriver import Chrome, ChromeOptions, ChromeService

    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    assert browser is not None, "install chromium"
    assert driver is not None, "install chromium-driver"
    options = ChromeOptions()
    options.binary_location = browser
    for flag in _FLAGS:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return Chrome(options=options, service=ChromeService(driver))


def as_before(chrome: Chrome) -> None:
    """Check that the browser had nothing to complain of, and undo what a test has emulated."""
    assert chrome.get_log("browser") == []  # type: ignore[no-untyped-call]  # selenium does not say
    for command in ("Emulation.clearDeviceMetricsOverride", "Emulation.setEmulatedMedia"):
        chrome.execute_cdp_cmd(command, {})
    chrome.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def element(chrome: Chrome, selector: str) -> Any:  # selenium's WebElement
    return chrome.find_element("css selector", selector)


def press(chrome: Chrome, selector: str) -> None:
    node = element(chrome, selector)
    chrome.execute_script("arguments[0].scrollIntoView({block: 'center'})", node)
    node.click()


def wait(chrome: Chrome, script: str) -> None:
    from selenium.webdriver.support.wait import WebDriverWait

    WebDriverWait(chrome, 20).until(lambda _: chrome.execute_script(script))


def on_a_phone(chrome: Chrome) -> None:
    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def too_pale(chrome: Chrome) -> list[str]:
    """Return what is visible with a contrast below 4.5 to 1, which the WCAG ask for (1.4.3)."""
    found: list[str] = chrome.execute_script(_TOO_PALE)
    return found


_TOO_PALE: Final = """
        const channels = text => text.match(/[\\d.]+/g).map(Number);
        const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
            .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
            .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
        const behind = node => {
            for (; node; node = node.parentElement) {
                const [r, g, b, a = 1] = channels(getComputedStyle(node).backgroundColor);
                if (a > 0) return [r, g, b];
            }
        };
        return [...document.querySelectorAll("body *:not(svg *, script, option)")].filter(node =>
            node.checkVisibility() && [...node.childNodes].some(child => child.nodeType === 3 && child.data.trim())
        ).filter(node => {
            const one = light(channels(getComputedStyle(node).color)), other = light(behind(node));
            return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05) < 4.5;
        }).map(node => node.outerHTML.slice(0, 120))"""
