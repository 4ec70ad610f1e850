"use strict";
// The list of files. Names in it are hostile: they are compared, and set as text, and nothing else.

const MOST = 15e6; // pixels: what every browser can scroll
const SLICE = 50_000; // rows that are looked at before the page may draw
const OPTIONS = 500; // of a filter
const byId = (id) => document.getElementById(id);
const room = Number(byId("main").dataset.rows);

class Words {
  constructor() { this.all = [""]; this.numbers = new Map([["", 0]]); }
  number(word) {
    let found = this.numbers.get(word);
    if (found === undefined) {
      found = this.all.push(word) - 1;
      this.numbers.set(word, found);
    }
    return found;
  }
}

// Columns by row; in those of words, the number of the word. Row 0 matters most.
const coded = ["prefix", "owner", "type", "rule", "unread"];
const words = Object.fromEntries(coded.map((name) => [name, new Words()]));
const columns = {
  ...Object.fromEntries(coded.map((name) => [name, new Uint32Array(room)])),
  name: [], copy: new Map(), size: new Float64Array(room), customers: new Float64Array(room), held: new Uint8Array(room),
};
let count = 0;
let chosen = null; // rows that fit the filters; null: all
let active = 0; // place in what is shown
let asked = 0;

function pause() { return new Promise((resolve) => setTimeout(resolve)); }

function bytes(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
}

async function unpacked(text) {
  const stream = new Blob([bytes(text)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Response(stream).json();
}

function take(chunk) {
  for (const name of coded) {
    const numbers = chunk.words[name].map((word) => words[name].number(word));
    columns[name].set(chunk[name].map((number) => numbers[number]), count);
  }
  for (const name of ["size", "customers", "held"]) columns[name].set(chunk[name], count);
  for (const name of chunk.name) columns.name.push(name);
  for (const [row, path] of chunk.copies) columns.copy.set(count + row, path);
  count += chunk.name.length;
}

const word = (name, row) => words[name].all[columns[name][row]];
const path = (row) => word("prefix", row) + columns.name[row];
const row = (place) => chosen ? chosen[place] : place;
const shown = () => chosen ? chosen.length : count;
const number = (value) => value.toLocaleString("en");

// Control characters, directions and what is no Unicode are spelled out.
function printable(text) {
  return text.replace(/[\p{C}\p{Zl}\p{Zp}]|(?! )\p{Zs}/gu, (sign) => {
    const code = sign.codePointAt(0).toString(16);
    return code.length < 3 ? `\\x${code.padStart(2, "0")}` : code.length < 5 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`;
  });
}

function fold(text) {
  const lower = text.toLowerCase();
  return /^[\0-\x7f]*$/.test(lower) ? lower : lower.normalize("NFKC");
}

// The filters: each says of a row whether it stays. Those of words are answered once a word.

function perWord(name, fits) {
  const answers = Uint8Array.from(words[name].all, (each) => fits(each) ? 1 : 0);
  return (at) => answers[columns[name][at]] === 1;
}

function contains(text) {
  const wanted = fold(text);
  if (wanted.includes("/")) return (at) => fold(path(at)).includes(wanted);
  const inPrefix = perWord("prefix", (each) => fold(each).includes(wanted));
  return (at) => inPrefix(at) || fold(columns.name[at]).includes(wanted);
}

function below(folder) {
  const wanted = folder.replace(/\/+$/, "") + "/";
  return perWord("prefix", (each) => each.startsWith(wanted));
}

function filters() {
  const found = [];
  const value = (id) => byId(id).value;
  if (byId("held").checked) found.push((at) => columns.held[at] === 1);
  for (const name of ["owner", "type", "rule"]) {
    if (value(name)) found.push(perWord(name, ((wanted) => (each) => each === wanted)(given(name))));
  }
  if (value("reason")) found.push(perWord("unread", (each) => each.split(",").includes(given("reason"))));
  if (value("folder")) found.push(below(folder ?? value("folder")));
  if (value("text")) found.push(contains(value("text")));
  return found;
}

// What an option or a field stands for: its text is spelled out, and may stand for several.
const meant = { owner: [], type: [], rule: [], reason: [] };
const given = (name) => meant[name][Number(byId(name).value)];
let folder = null; // as it is, where it was chosen; null: as it was typed

async function choose() {
  const mine = ++asked;
  const all = filters();
  document.body.dataset.ready = "no";
  if (!all.length) {
    chosen = null;
  } else {
    const found = new Uint32Array(count);
    let fitting = 0;
    for (let at = 0; at < found.length; at++) {
      if (all.every((fits) => fits(at))) found[fitting++] = at;
      if (at % SLICE === SLICE - 1) {
        await pause();
        if (mine !== asked) return;
      }
    }
    chosen = found.slice(0, fitting);
  }
  active = 0;
  byId("view").scrollTop = 0;
  resize();
  say();
  document.body.dataset.ready = "yes";
}

function say() {
  const files = shown();
  let held = 0;
  for (let place = 0; place < files; place++) held += columns.held[row(place)];
  byId("status").textContent = `${number(files)} of ${number(count)} files; ${number(held)} would be held.`;
}

// The table: only the rows in sight are there.

const body = byId("grid").tBodies[0];
const view = byId("view");
let height = 30;

function cell(line, text, kind) {
  const made = line.insertCell();
  made.textContent = text;
  made.className = kind;
}

function drawn(place) {
  const at = row(place);
  const line = body.insertRow();
  line.id = `row-${place}`;
  line.ariaRowIndex = String(place + 2);
  line.ariaSelected = String(place === active);
  line.className = place === active ? "active" : "";
  cell(line, printable(path(at)), "path");
  cell(line, number(columns.size[at]), "number");
  cell(line, number(columns.customers[at]), "number");
  cell(line, columns.held[at] ? "yes" : "", "");
  cell(line, printable(word("rule", at)), "path");
  cell(line, word("unread", at).replaceAll(",", ", "), "");
  cell(line, printable(columns.copy.get(at) ?? ""), "path");
  line.addEventListener("click", () => { active = place; draw(); });
}

const fitting = () => Math.max(1, Math.floor(view.clientHeight / height) - 1);
const last = () => Math.max(0, shown() - fitting());
const range = () => Math.max(1, view.scrollHeight - view.clientHeight);
const first = () => Math.min(last(), Math.round(view.scrollTop / range() * last()));

function draw() {
  const from = first();
  body.replaceChildren();
  for (let place = from; place < Math.min(from + fitting(), shown()); place++) drawn(place);
  byId("grid").ariaRowCount = String(shown() + 1);
  const inSight = byId(`row-${active}`);
  if (inSight) byId("grid").setAttribute("aria-activedescendant", inSight.id);
  else byId("grid").removeAttribute("aria-activedescendant");
  tell();
}

function resize() {
  height = byId("grid").tHead.rows[0].getBoundingClientRect().height || height;
  byId("tall").style.height = `${Math.min(MOST, (shown() + 1) * height)}px`;
  draw();
}

function tell() {
  const one = byId("one");
  one.replaceChildren();
  if (!shown()) return;
  const at = row(active);
  const facts = [
    ["Path", path(at)], ["Bytes", number(columns.size[at])], ["Customers", number(columns.customers[at])],
    ["Would be held", columns.held[at] ? "yes" : "no"], ["Rule", word("rule", at)],
    ["Not read because", word("unread", at).replaceAll(",", ", ")], ["Owner", word("owner", at)],
    ["Type", word("type", at)], ["Copy of", columns.copy.get(at) ?? ""],
  ];
  for (const [name, value] of facts) {
    if (value) one.append(element("dt", name), element("dd", element("bdi", printable(value))));
  }
}

function element(kind, content) {
  const made = document.createElement(kind);
  made.append(content);
  return made;
}

function move(to) {
  if (!shown()) return;
  active = Math.max(0, Math.min(shown() - 1, to));
  const from = first();
  const start = active < from ? active : active >= from + fitting() ? active - fitting() + 1 : from;
  if (start !== from) view.scrollTop = start / last() * range();
  draw();
}

const KEYS = {
  ArrowDown: () => active + 1, ArrowUp: () => active - 1, PageDown: () => active + fitting(), PageUp: () => active - fitting(),
  Home: () => 0, End: () => shown() - 1,
};

function heard(event) {
  const to = KEYS[event.key];
  if (!to || event.ctrlKey || event.altKey || event.metaKey) return;
  event.preventDefault();
  move(to());
}

// Options and tables of counts.

function frequent(name, split) {
  const found = new Map();
  const files = new Uint32Array(words[name].all.length);
  for (let at = 0; at < count; at++) files[columns[name][at]]++;
  words[name].all.forEach((each, at) => {
    for (const part of split ? each.split(",") : [each]) if (part) found.set(part, (found.get(part) ?? 0) + files[at]);
  });
  return [...found].sort((one, other) => other[1] - one[1]).slice(0, OPTIONS);
}

function offer(id, name, split) {
  for (const [value, files] of frequent(name, split)) option(id, value, `${printable(value)} (${number(files)})`);
}

function option(id, value, text) {
  const made = element("option", text);
  made.value = String(meant[id].push(value) - 1);
  byId(id).append(made);
}

function pick(kind, value) {
  byId("filters").reset();
  folder = null;
  if (kind === "folder") {
    folder = value;
    byId("folder").value = printable(value);
  } else {
    if (!meant[kind].includes(value)) option(kind, value, printable(value));
    byId(kind).value = String(meant[kind].indexOf(value));
  }
  choose();
  byId("files").scrollIntoView();
  byId("grid").focus({ preventScroll: true });
}

function link(kind, head) {
  const value = JSON.parse(head.dataset.value);
  if (!value) return;
  const button = element("button", head.firstChild);
  button.className = "plain";
  button.type = "button";
  button.addEventListener("click", () => pick(kind, value));
  head.replaceChildren(button);
}

let timer = 0;
function soon() {
  clearTimeout(timer);
  document.body.dataset.ready = "no";
  timer = setTimeout(choose, 200);
}

function listen() {
  const form = byId("filters");
  form.addEventListener("submit", (event) => { event.preventDefault(); choose(); });
  form.addEventListener("reset", () => { folder = null; setTimeout(choose); });
  form.addEventListener("input", (event) => {
    if (event.target.id === "folder") folder = null;
    soon();
  });
  let waiting = false;
  view.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  });
  byId("grid").addEventListener("keydown", heard);
  addEventListener("resize", resize);
  for (const table of document.querySelectorAll("table[data-kind]")) {
    for (const head of table.querySelectorAll("th[data-value]")) link(table.dataset.kind, head);
  }
}

async function open() {
  byId("list").hidden = false;
  const left = byId("left-out");
  if (left) byId("status").before(left);
  for (const each of document.querySelectorAll("script.chunk")) {
    take(await unpacked(each.textContent));
    each.remove();
    if (count <= SLICE) resize();
    byId("status").textContent = `Reading: ${number(count)} of ${number(room)} files.`;
    await pause();
  }
  for (const name of ["owner", "type", "rule"]) offer(name, name, false);
  offer("reason", "unread", true);
  listen();
  resize();
  say();
  document.body.dataset.ready = "yes";
}

open().catch(() => { byId("status").textContent = "This browser cannot unpack the list: use a newer one, or results/."; });
