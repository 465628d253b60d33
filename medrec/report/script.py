"""The report's only script: sort and search long tables, and open cards before printing."""

SCRIPT = """\
"use strict";
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], rows = [...body.rows];
  const value = (row, place) => {
    const text = row.cells[place].textContent.trim();
    const number = parseFloat(text.replaceAll(",", "").replace("−", "-"));
    return place === 0 ? text : Number.isNaN(number) ? null : number;
  };
  [...table.tHead.rows[0].cells].forEach((cell, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...cell.childNodes);
    cell.append(button);
    button.addEventListener("click", () => {
      const now = cell.getAttribute("aria-sort");
      const order = now ? (now === "ascending" ? "descending" : "ascending") : place ? "descending" : "ascending";
      for (const other of cell.parentNode.cells) other.removeAttribute("aria-sort");
      cell.setAttribute("aria-sort", order);
      const sign = order === "ascending" ? 1 : -1;
      const keyed = rows.map((row, at) => [value(row, place), at, row]);
      keyed.sort(([a, i], [b, j]) => {
        if (a === null || b === null) return (a === null) - (b === null) || i - j;
        return sign * (place ? a - b : a.localeCompare(b, "zh-Hans")) || i - j;
      });
      body.append(...keyed.map(([, , row]) => row));
    });
  });
  const form = document.querySelector(`.search[data-for="${table.id}"]`);
  const input = form.querySelector("input"), status = form.querySelector("[role=status]");
  const plain = (text) => text.normalize("NFKC").toLowerCase();
  const names = rows.map((row) => plain(row.cells[0].textContent));
  const filter = () => {
    const words = plain(input.value).split(/\\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, at) => {
      row.hidden = !words.every((word) => names[at].includes(word));
      shown += !row.hidden;
    });
    status.textContent = `${shown} of ${rows.length} shown`;
  };
  input.addEventListener("input", filter);
  form.hidden = false;
  filter();
}
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll("details.card:not([open])")];
  for (const one of opened) one.open = true;
});
addEventListener("afterprint", () => { for (const one of opened) one.open = false; });
"""
