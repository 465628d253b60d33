"""The style sheet of the pages: light and dark, wide and narrow, on paper."""

CSS = """\
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #1b2430; --muted: #566170; --grid: #dde3e9; --soft: #f4f6f8; --accent: #0b62b8;
  --series-1: #0b6bcb; --series-2: #c2570c; --series-3: #2c7d3f; --series-4: #8045b5;
  --series-5: #b3261e; --series-6: #0f7f86; --series-7: #8a6a00; --series-8: #5b6470;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --paper: #14181d; --ink: #e6eaef; --muted: #a6b0bc; --grid: #333c46; --soft: #1d232a; --accent: #7db8f5;
    --series-1: #6cb0f5; --series-2: #f3a064; --series-3: #7fcf8f; --series-4: #c9a2f0;
    --series-5: #f28b82; --series-6: #63c9cf; --series-7: #e2c35c; --series-8: #aab4bf;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-padding-top: 1rem; }
body {
  margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 2.5rem) 3rem; max-width: 72rem;
  background: var(--paper); color: var(--ink); line-height: 1.55;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "PingFang SC", "Hiragino Sans GB",
    "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei", sans-serif;
}
h1 { font-size: clamp(1.5rem, 5vw, 2.1rem); line-height: 1.2; margin: 0 0 .5rem; text-wrap: balance; }
h1, h2, h3, h4, summary { overflow-wrap: anywhere; }
h2 { font-size: 1.35rem; margin: 2.5rem 0 .6rem; padding-top: .6rem; border-top: 1px solid var(--grid); }
h3 { font-size: 1.05rem; margin: 1.4rem 0 .3rem; }
h4 { font-size: 1rem; margin: 1rem 0 .3rem; }
p, ul, dl { max-width: 54rem; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { position: static; }
.lead { font-size: 1.08rem; }
.warn { border-left: 4px solid var(--series-2); padding: .1rem 0 .1rem .8rem; }
.note, figcaption p, footer { color: var(--muted); font-size: .92rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; padding: 0; margin: .8rem 0; }
nav a { overflow-wrap: anywhere; }
dl.facts {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .5rem 1.2rem;
  margin: .6rem 0; max-width: none;
}
dl.facts > div { border-left: 3px solid var(--grid); padding-left: .7rem; min-width: 0; }
dl.facts > .wide { grid-column: 1 / -1; }
dt { color: var(--muted); font-size: .88rem; }
dd { margin: 0; overflow-wrap: anywhere; }
dd ul { margin: 0; padding-left: 1.1rem; }
.scroll { overflow-x: auto; border: 1px solid var(--grid); border-radius: 6px; margin: .8rem 0; position: relative; }
.scroll.fit { width: fit-content; max-width: 100%; }
.scroll.long { max-height: min(38rem, 75vh); overflow-y: auto; }
.scroll.long thead th { position: sticky; top: 0; z-index: 1; box-shadow: 0 1px var(--grid); }
.scroll.long thead th:first-child { z-index: 2; }
table { border-collapse: separate; border-spacing: 0; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .6rem .8rem; color: var(--muted); font-size: .92rem; }
caption span { position: sticky; left: .8rem; display: inline-block; max-width: min(54rem, calc(100vw - 4rem)); }
th, td { padding: .4rem .8rem; text-align: right; white-space: nowrap; border-top: 1px solid var(--grid); }
thead th, thead td { background: var(--soft); font-weight: 600; vertical-align: bottom; white-space: normal; }
small { display: block; color: var(--muted); font-weight: 400; font-size: .85em; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
th:first-child { position: sticky; left: 0; }
tbody th { background: var(--paper); font-weight: 600; }
th.text, td.text { text-align: left; }
td.text { white-space: normal; min-width: 12rem; overflow-wrap: anywhere; }
td.text.short { white-space: nowrap; min-width: 0; }
.names tbody th { white-space: normal; min-width: 10.5rem; overflow-wrap: anywhere; }
.word { display: inline-block; }
tr.few td { color: var(--muted); }
tbody tr.divide > * { border-top: 2px solid var(--muted); }
thead button {
  font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; text-align: inherit;
}
thead button::after { content: "↕"; color: var(--muted); padding-left: .3em; font-weight: 400; }
thead [aria-sort=ascending] button::after { content: "↑"; color: var(--ink); }
thead [aria-sort=descending] button::after { content: "↓"; color: var(--ink); }
.search { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center; margin-top: 1rem; }
.search[hidden] { display: none; }
.search label { white-space: nowrap; max-width: 100%; display: flex; gap: .3rem .6rem; align-items: center; }
.search input {
  font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--muted); border-radius: 6px;
  padding: .3rem .6rem; flex: 0 1 16rem; width: 16rem; min-width: 0;
}
.swatch { display: inline-block; width: .75em; height: .75em; border-radius: 50%; margin-right: .5em; }
.pair > * { min-width: 0; }
.pair > .scroll:last-child { margin-top: 2.4rem; }
.plots { display: grid; gap: 1.2rem 2.2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
figure { margin: .8rem 0; min-width: 0; }
figcaption h3 { margin-top: 0; }
figcaption p { margin: 0 0 .4rem; }
svg.plot { display: block; width: 100%; max-width: 30rem; height: auto; color: var(--ink); }
svg.plot text { font-family: inherit !important; }
details { margin: .7rem 0; }
summary { cursor: pointer; padding: .15rem 0; }
details.card { border: 1px solid var(--grid); border-radius: 6px; padding: .5rem .9rem; }
details.card > summary { font-weight: 600; }
details.card > summary small { display: inline; white-space: normal; margin-left: .4em; font-size: .92em; }
@media (min-width: 72rem) {
  .pair {
    display: grid; grid-template-columns: minmax(0, 25rem) minmax(0, 1fr); column-gap: 1.5rem; align-items: start;
  }
  .pair table { font-size: .92rem; }
  .pair th, .pair td { padding: .4rem .35rem; }
  .long th, .long td { padding: .4rem .5rem; }
  .pair .note { margin-top: 3rem; }
  .names.long tbody th { min-width: 13rem; }
}
@media (min-width: 86rem) {
  body {
    display: grid; grid-template-columns: 11.5rem minmax(0, 1fr); column-gap: 3rem; max-width: 86rem;
    align-content: start;
  }
  body > * { grid-column: 2; }
  body > nav {
    grid-column: 1; grid-row: 1 / span 4; align-self: start; position: sticky; top: 1.5rem;
    max-height: calc(100vh - 3rem); overflow-y: auto; font-size: .95rem;
  }
  nav ul { flex-direction: column; gap: .45rem; margin: .3rem 0; }
}
@media (max-width: 40rem) {
  th, td { padding: .4rem .55rem; }
  table { font-size: .93rem; }
  .names tbody th { min-width: 7.5rem; max-width: 9.5rem; }
  td.text { min-width: 15rem; }
}
@media print {
  @page { margin: 14mm; }
  body { display: block; max-width: none; padding: 0; font-size: 10pt; }
  nav, .search, .skip { display: none; }
  .scroll, .scroll.long { overflow: visible; max-height: none; border: 0; }
  .scroll.long tbody tr:nth-child(n+61) { display: none; }
  .scroll.long:has(tbody tr:nth-child(61))::after {
    content: "Printed are the first 60 rows; the page itself has all."; display: block; padding: .4rem .3rem;
  }
  .plots { grid-template-columns: 1fr 1fr; gap: 0 1.5rem; }
  .pair { display: block; }
  svg.plot { max-width: 11cm; }
  th, td { padding: .2rem .3rem; white-space: normal; position: static !important; }
  table { font-size: 8.5pt; }
  td.text, td.text.short, .names tbody th { min-width: 0; white-space: normal; }
  figure, tr, dl.facts > div { break-inside: avoid; }
  h2, h3, h4, summary { break-after: avoid; }
  thead button { display: contents; }
  thead button::after { content: ""; }
}
"""
