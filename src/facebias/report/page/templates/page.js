"use strict";
const FIRST = 12, SPARE = 4;  // rows of a long table that are shown at first; so many more rather than a button
const make = (name, text, ...classes) => {
  const element = document.createElement(name);
  element.textContent = text;
  element.classList.add(...classes.filter(Boolean));
  return element;
};

// --- tables: sorted by a click on a head, filtered by words, long ones opened on demand -------------------------
const plain = text => text.toLowerCase().replace(/[-_]/g, "");  // dbvae finds DB-VAE
const many = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const number = text => parseFloat((text.replaceAll(",", "").replace("\u2212", "-").match(/-?\d+(\.\d+)?/) || [""])[0]);

class Rows {
  constructor(details) {
    this.details = details;
    this.body = details.querySelector("tbody");
    this.heads = [...details.querySelectorAll("thead th")];
    this.caption = details.querySelector("caption").textContent;
    this.count = details.querySelector("summary small");
    this.all = [...this.body.rows].map(row => ({cells: [...row.cells].map(cell => cell.textContent), row}));
    const rest = details.querySelector("script");
    this.all.push(...(rest ? JSON.parse(rest.textContent) : []).map(cells => ({cells: cells.map(String), carried: cells})));
    this.all.forEach(one => { one.text = plain(`${this.caption} ${one.cells.join(" ")}`); });
    this.order = this.found = this.all;
    this.whole = false;
    this.heads.forEach((head, column) => this.sortable(head, column));
    const place = details.querySelector(".rest");
    if (!place) return;
    this.told = place.querySelector("span");
    this.more = place.appendChild(make("button", ""));
    this.more.type = "button";
    this.more.addEventListener("click", () => { this.whole = !this.whole; this.draw(); });
    this.draw();
  }

  sortable(head, column) {
    const button = make("button", head.textContent);
    button.type = "button";
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending", numeric = head.classList.contains("n");
      this.heads.forEach(other => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = one => numeric ? number(one.cells[column]) : one.cells[column];
      const missing = value => value === "" || Number.isNaN(value);
      this.order = [...this.all].sort((a, b) => {
        const x = key(a), y = key(b);
        if (missing(x) || missing(y)) return missing(x) - missing(y);  // what is not defined stays last
        return (up ? 1 : -1) * (numeric ? x - y : x.localeCompare(y));
      });
      this.filter(this.words || []);
    });
  }

  filter(words) {
    this.words = words;
    this.found = words.length ? this.order.filter(one => words.every(word => one.text.includes(word))) : this.order;
    this.draw();
    return this.found.length;
  }

  draw() {
    const shown = this.whole || this.found.length <= FIRST + SPARE ? this.found : this.found.slice(0, FIRST);
    this.body.replaceChildren(...shown.map(one => one.row ||= this.build(one.carried)));
    const total = this.all.length, found = this.found.length;
    this.count.textContent = found < total ? `${found} of ${many(total, "row")}` : many(total, "row");
    if (!this.more) return;
    this.told.textContent = shown.length < found ? `The first ${shown.length} of ${found} rows.` : "";
    this.more.hidden = found <= FIRST + SPARE;
    this.more.textContent = this.whole ? `Show the first ${FIRST} rows` : `Show all ${found} rows`;
  }

  build(cells) {
    const row = document.createElement("tr");
    row.append(...cells.map((cell, column) => {
      const faint = Array.isArray(cell), numeric = this.heads[column].classList.contains("n");
      const element = make(column ? "td" : "th", faint ? cell[0] : cell, numeric && "n", faint && "faint");
      if (!column) element.scope = "row";
      return element;
    }));
    return row;
  }
}

const tables = [...document.querySelectorAll("details.table")].map(details => new Rows(details));
const filter = document.getElementById("filter"), found = document.getElementById("found");
let before = null;  // which tables were unfolded before the search
function search() {
  const words = plain(filter.value).split(/\s+/).filter(Boolean), on = words.length > 0;
  if (on) before ??= new Map(tables.map(table => [table, table.details.open]));
  let rows = 0, hits = 0;
  for (const table of tables) {
    const count = table.filter(words);
    table.details.hidden = on && !count;
    if (on) table.details.open = count > 0; else if (before) table.details.open = before.get(table);
    rows += count;
    hits += count > 0;
  }
  if (!on) before = null;
  document.body.classList.toggle("searching", on);
  for (const section of document.querySelectorAll("main > section"))
    section.classList.toggle("miss", on && !section.querySelector("details.table:not([hidden])"));
  const told = rows ? `${many(rows, "row")} in ${many(hits, "table")}; Enter goes there` : "No row has all of these words";
  found.textContent = on ? told : "";
}
filter.addEventListener("input", search);
filter.addEventListener("keydown", event => {
  const region = document.querySelector("details.table[open]:not([hidden]) .wide");
  if (event.key === "Escape") { filter.value = ""; search(); }
  if (event.key !== "Enter" || !region || !filter.value) return;
  event.preventDefault();
  region.focus({preventScroll: true});
  region.parentElement.scrollIntoView();
});
document.getElementById("search").hidden = false;

// --- the slider: dots of the headline's groups at another false positive rate -----------------------------------
const carried = document.getElementById("rate-numbers");
if (carried) {
  const told = JSON.parse(carried.textContent), section = document.getElementById("rates");
  const rate = document.getElementById("rate"), output = document.getElementById("at-rate");
  const percent = value => value === null ? "\u2013" : value.toFixed(1);
  const ends = (arm, at) => {
    const judged = told.groups.filter(group => group.judged && group.recall[arm][at] !== null)
      .sort((a, b) => a.recall[arm][at] - b.recall[arm][at]);
    const said = group => `${percent(group.recall[arm][at])} % (${group.name})`;
    return judged.length ? `${told.arms[arm]} from ${said(judged[0])} to ${said(judged.at(-1))}` : told.arms[arm];
  };
  const move = () => {
    const at = Number(rate.value), own = at === told.study;
    for (const svg of section.querySelectorAll("svg")) {
      const [left, right, floor] = ["left", "right", "floor"].map(name => Number(svg.dataset[name]));
      for (const dot of svg.querySelectorAll("[data-dot]")) {
        const [group, arm] = dot.dataset.dot.split(" ").map(Number), value = told.groups[group].recall[arm][at];
        if (value === null) continue;
        const x = left + (value - floor) / (100 - floor) * (right - left);
        dot.setAttribute("transform", `translate(${own ? 0 : (x - dot.dataset.x).toFixed(1)} 0)`);
      }
      for (const text of svg.querySelectorAll("[data-end]"))
        text.textContent = told.groups[text.dataset.end].recall.map(recall => percent(recall[at])).join(" / ");
    }
    section.classList.toggle("moved", !own);
    const place = `FPR ${told.rates[at]} %${own ? ", the study's threshold" : ", not the study's threshold"}`;
    rate.setAttribute("aria-valuetext", place);
    output.textContent = `${place}: ${told.arms.map((_, arm) => ends(arm, at)).join("; ")}.`;
  };
  rate.addEventListener("input", move);
  document.getElementById("back").addEventListener("click", () => { rate.value = told.study; move(); });
  document.getElementById("slider").hidden = false;
  move();
}
