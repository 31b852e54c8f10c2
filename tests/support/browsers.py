"""A real Chromium, where there is one: fixtures for whoever imports them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; gone after each file, because its loop is in the way of other loops."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=quiet)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that fails the test when a script of it fails or a policy refuses something."""
    with watched_page(browser) as page:
        yield page


def patient_context(browser: Browser, **options: Any) -> BrowserContext:
    """A context whose pages may be slow: on busy machines some take more than half a minute."""
    context = browser.new_context(**options)
    context.set_default_timeout(120_000)
    return context


@contextmanager
def watched_page(browser: Browser, *expected: str) -> Iterator[Page]:
    """As ``page``; messages that begin with one of ``expected`` are none of its faults."""
    context = patient_context(browser, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    yield page
    page.goto("about:blank")  # before its server ends
    context.close()
    errors = [error for error in errors if not error.startswith(expected)]
    assert not errors, errors


def grave_findings(page: Page) -> list[str]:
    """What axe finds to be in somebody's way; the page's context bypasses its policy."""
    from axe_playwright_python.sync_playwright import Axe

    return [
        f"{found['id']}: {found['nodes'][0]['html'][:120]}"
        for found in Axe().run(page).response["violations"]
        if found["impact"] in ("serious", "critical")
    ]


@contextmanager
def audited_page(browser: Browser, scheme: Literal["light", "dark"]) -> Iterator[Page]:
    """A page that at the end of the block fits screens of both widths and is in nobody's way."""
    context = patient_context(browser, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    yield page
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.body.scrollWidth") <= width
        assert grave_findings(page) == []
    page.goto("about:blank")  # before its server ends
    context.close()
