"""The frame of every page: one file, no network, light and dark."""

import base64
import hashlib
from collections.abc import Sequence
from html import escape

from medrec._version import __version__
from medrec.report.style import CSS
from medrec.report.tables import language


def layout_page(
    title: str, lead: str, sections: Sequence[tuple[str, str, str]], *, css: str = "", script: str = ""
) -> str:
    """The page as text.

    Its policy lets the browser load nothing, and run nothing but ``script``, whatever the page holds.

    Parameters
    ----------
    title : str
        Plain text.
    lead : str
        HTML below the heading.
    sections : sequence of (key, heading, HTML)
        A key is a word; headings are plain text.
    css : str, default=""
        Style beside the common one.
    script : str, default=""
        The page's only script.

    Examples
    --------
    >>> page = layout_page("A & B", "<p>Text.</p>", [("results", "Results", "<p>Fine.</p>")])
    >>> "<h1>A &amp; B</h1>" in page, 'href="#results">Skip to the results' in page
    (True, True)
    """
    first, heading, _ = next((one for one in sections if one[0] == "results"), sections[0])
    links = "".join(f'<li><a href="#{key}"{language(head)}>{escape(head)}</a></li>' for key, head, _ in sections)
    bodies = "".join(
        f'<section id="{key}" aria-labelledby="{key}-heading">\n'
        f'<h2 id="{key}-heading"{language(head)}>{escape(head)}</h2>\n{body}\n</section>\n'
        for key, head, body in sections
    )
    policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    if script:
        digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
        policy += f"; script-src 'sha256-{digest}'"
        script = f"\n<script>{script}</script>"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="generator" content="medrec {escape(__version__)}">
<title>{escape(title)}</title>
<style>
{CSS}{css}</style>
</head>
<body>
<a class="skip" href="#{first}">Skip to the {escape(heading.lower())}</a>
<header>
<h1{language(title)}>{escape(title)}</h1>
{lead}
</header>
<nav aria-label="Sections"><ul>{links}</ul></nav>
<main>
{bodies}</main>
<footer><p>Made by medrec {escape(__version__)}. The same input gives this same page.</p></footer>{script}
</body>
</html>
"""
