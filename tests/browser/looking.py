"""Is a page clean in axe's eyes and inside its width, on a telephone in the light and on a desk in the dark?"""

from __future__ import annotations

from typing import Final, Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OPTIONS: Final = {"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"], "preload": False}
LOOKS: Final[tuple[tuple[Literal["light", "dark"], int], ...]] = (("light", 360), ("dark", 1280))
# Adds up how far what is on a page jumps while it is built, as browsers measure it.
WATCH = """
window.jumped = 0;
new PerformanceObserver(list => { for (const each of list.getEntries()) window.jumped += each.value })
    .observe({ type: 'layout-shift', buffered: true });
"""
DRAWN = "() => new Promise(done => requestAnimationFrame(() => setTimeout(() => done(window.jumped))))"
# Where the rail leaves least room.
OTHER_WIDTHS: Final = (721, 768)


def complaints(page: Page) -> list[str]:
    """What is wrong with the page as it stands now, in every look; afterwards it is as it was.

    axe is told that the page moves nothing, or it would meet colours on their way from one theme to the other.
    """
    before = page.viewport_size
    assert before is not None
    # In an hour the times are longer than "just now", and the page must still fit.
    page.evaluate("document.querySelectorAll('time').forEach(each => { each.textContent = '59 minutes ago' })")
    found: dict[str, None] = {}
    for scheme, width in LOOKS:
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        page.set_viewport_size({"width": width, "height": before["height"]})
        found |= dict.fromkeys([*_violations(page), *_too_wide(page, width)])
    for width in OTHER_WIDTHS:
        page.set_viewport_size({"width": width, "height": before["height"]})
        found |= dict.fromkeys(_too_wide(page, width))
    page.emulate_media(color_scheme="light", reduced_motion="no-preference")
    page.set_viewport_size(before)
    return list(found)


def jumps(page: Page) -> list[str]:
    """Whether anything moved since the page began to be drawn. Its browser has to `watch`."""
    jumped = page.evaluate(DRAWN)
    return [f"what is on it jumps ({jumped:.4f})"] if jumped else []


def watch(page: Page) -> None:
    """Have the pages that are opened from now on tell how far what is on them jumps."""
    page.add_init_script(WATCH)


def _violations(page: Page) -> list[str]:
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE_SCRIPT)
    rules = page.evaluate("options => axe.run(options).then(results => results.violations)", OPTIONS)
    return [f"{rule['id']}: {rule['nodes'][0]['html'][:160]}" for rule in rules]


def _too_wide(page: Page, width: int) -> list[str]:
    wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [f"{wider} px too wide at {width}"] if wider > 0 else []
