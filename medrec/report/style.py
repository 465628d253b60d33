"""The style sheet of the report: light and dark, wide and narrow."""

CSS = """\
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #1b2430; --muted: #5c6773; --grid: #dde3e9; --soft: #f4f6f8; --accent: #0b62b8;
  --series-1: #0b6bcb; --series-2: #c2570c; --series-3: #2c7d3f; --series-4: #8045b5;
  --series-5: #b3261e; --series-6: #0f7f86; --series-7: #8a6a00; --series-8: #5b6470;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14181d; --ink: #e6eaef; --muted: #a0abb7; --grid: #333c46; --soft: #1d232a; --accent: #7db8f5;
    --series-1: #6cb0f5; --series-2: #f3a064; --series-3: #7fcf8f; --series-4: #c9a2f0;
    --series-5: #f28b82; --series-6: #63c9cf; --series-7: #e2c35c; --series-8: #aab4bf;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 1.5rem clamp(1rem, 4vw, 2.5rem) 3rem; max-width: 72rem;
  background: var(--paper); color: var(--ink); line-height: 1.55;
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "PingFang SC", "Hiragino Sans GB",
    "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "WenQuanYi Micro Hei", sans-serif;
}
h1 { font-size: clamp(1.5rem, 5vw, 2.1rem); line-height: 1.2; margin: 0 0 .5rem; text-wrap: balance; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .6rem; padding-top: .6rem; border-top: 1px solid var(--grid); }
h3 { font-size: 1rem; margin: 0 0 .15rem; }
p, ul, dl { max-width: 54rem; }
a { color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.skip { position: absolute; left: -99rem; }
.skip:focus { position: static; }
.lead { font-size: 1.08rem; }
.note, figcaption p, footer { color: var(--muted); font-size: .9rem; }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1.2rem; list-style: none; padding: 0; margin: .8rem 0; }
dl.facts {
  display: grid; grid-template-columns: repeat(auto-fill, minmax(8rem, 1fr)); gap: .4rem 1.2rem;
  margin: .5rem 0; max-width: none;
}
dl.facts > div { border-left: 3px solid var(--grid); padding-left: .7rem; min-width: 0; }
dl.facts > .wide { grid-column: 1 / -1; }
dt { color: var(--muted); font-size: .85rem; }
dd { margin: 0; overflow-wrap: anywhere; }
dd ul { margin: 0; padding-left: 1.1rem; }
.scroll { overflow-x: auto; border: 1px solid var(--grid); border-radius: 6px; margin: .8rem 0; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding: .6rem .8rem; color: var(--muted); font-size: .9rem; }
caption span { position: sticky; left: .8rem; display: inline-block; max-width: calc(100vw - 4rem); }
th, td { padding: .45rem .8rem; text-align: right; white-space: nowrap; border-top: 1px solid var(--grid); }
thead th { background: var(--soft); font-weight: 600; vertical-align: bottom; white-space: normal; }
small { display: block; color: var(--muted); font-weight: 400; font-size: .82em; white-space: nowrap; }
th:first-child { text-align: left; position: sticky; left: 0; }
tbody th { background: var(--paper); }
tbody th { font-weight: 600; }
.drugs tbody th { white-space: normal; min-width: 9rem; }
tbody tr.divide > * { border-top: 2px solid var(--muted); }
.swatch { display: inline-block; width: .75em; height: .75em; border-radius: 50%; margin-right: .5em; }
.plots { display: grid; gap: 1.8rem 2.2rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); }
figure { margin: 0; min-width: 0; }
figcaption p { margin: 0 0 .4rem; }
svg.plot { display: block; width: 100%; max-width: 34rem; height: auto; color: var(--ink); }
svg.plot text { font-family: inherit !important; }
@media (max-width: 40rem) {
  th, td { padding: .4rem .55rem; }
  table { font-size: .93rem; }
  .drugs tbody th { min-width: 7.5rem; }
}
@media print { body { max-width: none; } .scroll { overflow: visible; } figure, table { break-inside: avoid; } }
"""
