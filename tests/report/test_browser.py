"""The pages in a real browser: they need nothing, fit every screen, are readable, and work by keyboard."""

import numpy as np
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from medrec.report import SystemResult, write_report
from tests._browser import chromium
from tests.explain.examples import DRUGS
from tests.report import pages

FOCUSABLE = "a[href], button, input, summary, [tabindex='0']"
HAN = ("CJK", "Han", "WenQuanYi", "PingFang", "YaHei", "Hei", "Song", "Ming")


@pytest.fixture(scope="module")
def browser():
    with chromium() as one:
        yield one


@pytest.fixture(scope="module", params=["report", "explanation"])
def page(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("pages") / f"{request.param}.html"
    {"report": pages.full_report, "explanation": pages.explanation}[request.param](path)
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("pages") / "report.html"
    pages.full_report(path)
    return path


def test_nothing_is_asked_for_and_nothing_complains(browser, page):
    browser.open(page)
    browser.requests(), browser.messages()
    browser.open(page)
    browser.unfold()
    assert browser.requests() == [page.resolve().as_uri()]
    assert browser.messages() == []
    assert browser.run("return document.querySelectorAll('img').length") == 0
    assert pages.EVIL in browser.driver.title


@pytest.mark.parametrize(("width", "media"), [(360, ""), (800, ""), (1400, ""), (690, "print")])
def test_no_screen_scrolls_sideways(browser, page, width, media):
    browser.open(page, width=width, media=media)
    browser.unfold()
    assert browser.overflow() <= 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out(browser, page, scheme):
    browser.open(page, scheme=scheme)
    browser.unfold()
    seen, poor = browser.poor_contrast()
    assert seen > 50
    assert poor == []


def test_dark_is_dark_and_paper_is_white(browser, page):
    grounds = {}
    for scheme, media in (("light", ""), ("dark", ""), ("dark", "print")):
        browser.open(page, scheme=scheme, media=media)
        grounds[scheme, media] = browser.run("return getComputedStyle(document.body).backgroundColor")
    assert grounds["light", ""] == grounds["dark", "print"] == "rgb(255, 255, 255)"
    assert grounds["dark", ""] == "rgb(20, 24, 29)"


def test_tab_goes_through_everything_in_order(browser, page):
    browser.open(page, height=700)
    wanted = browser.run(
        "return [...document.querySelectorAll(arguments[0])].filter((one) => one.checkVisibility()).length",
        FOCUSABLE,
    )
    browser.run(f"window.places = [...document.querySelectorAll({FOCUSABLE!r})]")
    visited = []
    for _ in range(wanted):
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        place, outline, top, bottom = browser.run(
            """const one = document.activeElement, box = one.getBoundingClientRect();
            return [places.indexOf(one), parseFloat(getComputedStyle(one).outlineWidth), box.top, box.bottom]"""
        )
        visited.append(place)
        assert outline >= 2
        assert bottom > 0
        assert top < 700
    assert visited == sorted(set(visited))
    assert len(visited) == wanted


def test_the_skip_link_leads_to_the_results(browser, page):
    browser.open(page)
    body = browser.driver.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    skip = browser.driver.switch_to.active_element
    assert skip.text.startswith("Skip to the ")
    assert skip.is_displayed()
    skip.send_keys(Keys.ENTER)
    assert browser.driver.current_url.endswith("#results")


def rows(browser):
    """Names and cells of the drug table's rows that are shown."""
    return browser.run(
        """return [...document.querySelectorAll('#drug-table tbody tr')].filter((row) => !row.hidden)
        .map((row) => [...row.cells].map((cell) => cell.textContent))"""
    )


def column(browser, title):
    heads = browser.driver.find_elements(By.CSS_SELECTOR, "#drug-table thead th")
    [place] = [at for at, head in enumerate(heads) if head.text.startswith(title)]
    return place, heads[place]


@pytest.mark.parametrize("title", ["Prescribed", "F1", "Gap %"])
def test_columns_sort_by_click_and_by_key(browser, report, title):
    browser.open(report)
    place, head = column(browser, title)
    button = head.find_element(By.TAG_NAME, "button")
    button.click()
    assert head.get_attribute("aria-sort") == "descending"
    values = [float(cells[place].replace("−", "-")) for cells in rows(browser) if cells[place] != "–"]
    assert values == sorted(values, reverse=True)
    assert len(values) > 1
    assert [cells[place] for cells in rows(browser)][len(values) :] == ["–"] * (len(rows(browser)) - len(values))
    button.send_keys(Keys.ENTER)
    assert head.get_attribute("aria-sort") == "ascending"
    assert [float(cells[place].replace("−", "-")) for cells in rows(browser)][: len(values)] == values[::-1]
    assert len(browser.driver.find_elements(By.CSS_SELECTOR, "#drug-table [aria-sort]")) == 1


def test_names_sort_and_the_search_finds_parts_of_names(browser, report):
    browser.open(report)
    everything = rows(browser)
    column(browser, "Drug")[1].find_element(By.TAG_NAME, "button").click()
    names = [cells[0] for cells in rows(browser)]
    assert sorted(names) == sorted(cells[0] for cells in everything)
    box = browser.driver.find_element(By.CSS_SELECTOR, ".search input")
    status = browser.driver.find_element(By.CSS_SELECTOR, ".search [role=status]")
    box.send_keys("ＡＳＰ")
    assert [cells[0] for cells in rows(browser)] == [DRUGS[1]]
    assert status.text == f"1 of {len(everything)} shown"
    box.send_keys("no such drug")
    assert rows(browser) == []
    box.clear()
    box.send_keys(Keys.SPACE)
    assert len(rows(browser)) == len(everything)


def test_plots_show_chinese_names_whole(browser, report):
    browser.open(report, width=360)
    texts = browser.driver.find_elements(By.CSS_SELECTOR, "svg.plot text")
    cut = browser.run(
        """return arguments[0].filter((one) => {
            const box = one.getBoundingClientRect(), frame = one.closest('svg').getBoundingClientRect();
            return box.left < frame.left - 1 || box.right > frame.right + 1;
        }).map((one) => one.textContent)""",
        texts,
    )
    assert cut == []
    [name] = [one for one in texts if one.text == DRUGS[2]]
    driver = browser.driver
    driver.execute_cdp_cmd("DOM.enable", {})
    driver.execute_cdp_cmd("CSS.enable", {})
    root = driver.execute_cdp_cmd("DOM.getDocument", {})["root"]["nodeId"]
    browser.run("arguments[0].id = 'asked'", name)
    node = driver.execute_cdp_cmd("DOM.querySelector", {"nodeId": root, "selector": "#asked"})["nodeId"]
    fonts = driver.execute_cdp_cmd("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
    assert sum(font["glyphCount"] for font in fonts) == len(DRUGS[2])
    assert all(any(word in font["familyName"] for word in HAN) for font in fonts), fonts


def test_printing_opens_the_cards_for_the_while(browser, report):
    browser.open(report)
    browser.run(
        """window.open_then = null;
        addEventListener("beforeprint", () => {
            open_then = document.querySelectorAll("details.card[open]").length;
        })"""
    )
    folded = browser.run("return document.querySelectorAll('details.card:not([open])').length")
    assert folded > 2
    assert len(browser.driver.execute_cdp_cmd("Page.printToPDF", {})["data"]) > 10_000
    assert browser.run("return open_then") == browser.run("return document.querySelectorAll('details.card').length")
    assert browser.run("return document.querySelectorAll('details.card:not([open])').length") == folded


def test_paper_says_that_it_has_the_first_rows_of_a_long_table(browser, tmp_path):
    path, n = tmp_path / "report.html", 61
    systems = [SystemResult("all", None, np.ones((2, n)))]
    write_report(path, systems, title="Long", Y=np.ones((2, n)), drug_names=[f"drug {i}" for i in range(n)])
    note = "return getComputedStyle(document.querySelector('.scroll.long'), '::after').content"
    shown = (
        "return [...document.querySelectorAll('#drug-table tbody tr')].filter((one) => one.checkVisibility()).length"
    )
    browser.open(path)
    assert (browser.run(shown), browser.run(note)) == (n, "none")
    browser.open(path, width=690, media="print")
    assert browser.run(shown) == 60
    assert "first 60 rows" in browser.run(note)
