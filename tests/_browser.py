"""A real headless Chromium for pages, and what to do without it."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

NEEDED = (("chromium", "chromium-browser", "google-chrome"), ("chromedriver",))

CONTRAST = """
const parse = (text) => text.match(/[\\d.]+/g).map(Number);
const over = ([r, g, b, a = 1], below) => [r, g, b].map((one, at) => a * one + (1 - a) * below[at]);
const light = (color) => {
  const [r, g, b] = color.map((one) => one / 255).map((one) =>
    one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = (node) => {
  const layers = [];
  for (let at = node; at; at = at.parentElement) layers.push(parse(getComputedStyle(at).backgroundColor));
  return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
};
const poor = [];
let seen = 0;
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let text = walker.nextNode(); text; text = walker.nextNode()) {
  const node = text.parentElement, style = getComputedStyle(node);
  if (!text.data.trim() || !node.getClientRects().length || style.visibility === "hidden") continue;
  if (["title", "desc"].includes(node.localName)) continue;
  const below = ground(node);
  const color = over(parse(node instanceof SVGElement ? style.fill : style.color), below);
  const [high, low] = [light(color), light(below)].sort((a, b) => b - a);
  const ratio = (high + 0.05) / (low + 0.05);
  seen += 1;
  if (ratio < 4.5) poor.push([ratio.toFixed(2), text.data.trim().slice(0, 30), node.outerHTML.slice(0, 80)]);
}
return [seen, poor];
"""


class Browser:
    """Chromium with the questions that the tests of pages ask."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, path: Path, *, width: int = 1400, height: int = 900, scheme: str = "light", media: str = "") -> None:
        """Load a page at a size, in the reader's light or dark setting, with everything folded opened by ``unfold``."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
        self.driver.get(path.resolve().as_uri())

    def run(self, script: str, *arguments):
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def unfold(self) -> None:
        """Open all that is folded."""
        self.run("for (const one of document.querySelectorAll('details')) one.open = true")

    def overflow(self) -> int:
        """Pixels by which the page is wider than the screen."""
        return self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def poor_contrast(self) -> tuple[int, list]:
        """How many texts are seen, and those whose contrast is under 4.5."""
        return self.run(CONTRAST)

    def messages(self) -> list[str]:
        """What the console holds since the last call."""
        return [one["message"] for one in self.driver.get_log("browser")]

    def requests(self) -> list[str]:
        """Addresses that were asked for since the last call."""
        logged = [json.loads(one["message"])["message"] for one in self.driver.get_log("performance")]
        return [one["params"]["request"]["url"] for one in logged if one["method"] == "Network.requestWillBeSent"]


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser; where there is none the test skips and says so, in CI (``CI=true``) it fails."""
    found = [next(filter(None, map(shutil.which, names)), None) for names in NEEDED]
    if None in found:
        missing = NEEDED[found.index(None)][0]
        message = f"{missing} is not there: apt-get install chromium chromium-driver fonts-noto-cjk"
        if os.environ.get("CI", "").strip().lower() in {"1", "true", "yes"}:
            pytest.fail(message)
        pytest.skip(message)
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = found[0]
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run"):
        options.add_argument(flag)
    options.add_argument("--disable-background-networking")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=found[1]))
    try:
        yield Browser(driver)
    finally:
        driver.quit()
