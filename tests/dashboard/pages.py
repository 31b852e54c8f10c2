"""What people do on the dashboard."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page

from tests.support.api_world import ApiWorld

HOSTILE = "<img src=x onerror=alert(1)>.mp4"
"""A name of a video that must stay text."""


def sign_in(page: Page, api: ApiWorld) -> None:
    """With the key of an administrator; the jobs are listed then."""
    page.goto(api.url)
    page.get_by_label("API key").fill(api.admin.secret)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="Jobs").wait_for()
    page.locator(".job, p:has-text('No jobs yet'):visible").first.wait_for()


def choose(page: Page, *files: Path, within_s: float = 30.0) -> Locator:
    """Choose files, and wait until they are jobs; gives the newest."""
    before = page.locator(".job").count()
    page.locator("input[type=file]").set_input_files(list(files))
    job = page.locator(".job").nth(before + len(files) - 1)
    job.wait_for(timeout=1000 * within_s)
    return page.locator(".job").first


def state(job: Locator) -> Locator:
    """Where a job says how it fares."""
    return job.locator("summary .state").first
