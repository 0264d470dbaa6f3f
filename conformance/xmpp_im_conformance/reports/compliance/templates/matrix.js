/* The table: systems across, chapters, sections and requirements down. What is chosen is in the address. */

const data = JSON.parse(document.getElementById("data").textContent);
const LEVELS = ["MUST", "SHOULD", "MAY", "peer"];
const SIDES = { server: "Servers", client: "Clients" };

const vectors = data.vectors.map(([id, title, level, side, sections, requirements], place) => ({ id, title, level, side, sections, requirements, place }));
const sentences = new Map(data.requirements.map(([id, section, level, summary, quote]) => [id, { id, section, level, summary, quote }]));

/* A system that was tested as a server and as a client has two COLUMNS. */
const COLUMNS = Object.keys(SIDES).flatMap(side => data.systems
  .filter(system => vectors.some(each => each.side === side && "pf".includes(system.signs[each.place])))
  .map(system => ({ system, side })));

/* The rows as a tree: a chapter has sections, and a section has requirements. Each knows its vectors. */
const rows = new Map();

function rowOf(key, depth, parent, name, about = "") {
  if (!rows.has(key)) {
    const row = { key, depth, parent, name, about, below: [], vectors: new Set() };
    rows.set(key, row);
    if (parent) parent.below.push(row);
  }
  return rows.get(key);
}

/* Of another document than RFC 6121 there is one row. */
function isChapter(name) {
  return Object.hasOwn(data.chapters, name);
}

function chapterOf(section) {
  const name = section.split(".")[0];
  return isChapter(name) ? rowOf(`chapter ${name}`, 0, null, name, data.chapters[name]) : rowOf(name, 0, null, name);
}

function sectionOf(section) {
  const chapter = chapterOf(section);
  return isChapter(chapter.name) ? rowOf(section, 1, chapter, section) : chapter;
}

for (const { id, section, level, summary } of sentences.values()) rowOf(id, 2, sectionOf(section), `${id} ${level}`, summary);
for (const vector of vectors) {
  for (const section of vector.sections) {
    for (let row = sectionOf(section); row; row = row.parent) row.vectors.add(vector);
  }
  for (const id of vector.requirements) rows.get(id)?.vectors.add(vector);
}

function part(text) {
  return /^\d+$/.test(text) ? [0, Number(text), ""] : [1, 0, text];
}

function inOrder(one, other) {
  const ours = one.name.split("."), theirs = other.name.split(".");
  for (let index = 0; index < Math.max(ours.length, theirs.length); index++) {
    if (ours[index] === undefined) return -1;
    if (theirs[index] === undefined) return 1;
    const [a, b] = [part(ours[index]), part(theirs[index])], at = a.findIndex((each, place) => each !== b[place]);
    if (at >= 0) return a[at] < b[at] ? -1 : 1;
  }
  return 0;
}

const chapters = [...rows.values()].filter(row => row.depth === 0).sort(inOrder);
for (const chapter of chapters) chapter.below.sort(inOrder);

/* --- what is chosen --- */

function chosen() {
  const stated = new URLSearchParams(location.hash.slice(1)), levels = (stated.get("levels") ?? "").split(" ").filter(each => LEVELS.includes(each));
  return {
    levels: levels.length ? levels : LEVELS, failing: stated.has("failing"),
    row: stated.get("row") ?? "", system: stated.get("system") ?? "", side: stated.get("side") ?? "",
  };
}

function address({ levels, failing, row, system, side }) {
  const stated = new URLSearchParams(row ? { row, system, side } : {});
  if (levels.length < LEVELS.length) stated.set("levels", levels.join(" "));
  if (failing) stated.set("failing", "1");
  return `#${stated}`;
}

/* --- the cells --- */

function counted(row, { system, side }, levels) {
  const counts = { p: 0, f: 0, n: 0, r: 0, "-": 0 };
  for (const each of row.vectors) if (each.side === side && levels.includes(each.level || "MUST")) counts[system.signs[each.place]]++;
  return counts;
}

function toneOf(counts) {
  return counts.f ? "failed" : counts.p ? "passed" : counts.n || counts.r ? "open" : "";
}

function wordsOf(counts) {
  if (counts.f) return `${counts.f} of ${counts.f + counts.p} fail`;
  if (counts.p) return counts.p === 1 ? "1 passes" : `all ${counts.p} pass`;
  return counts.r ? `${counts.r} not run` : `${counts.n} not applicable`;
}

function titleOf(row) {
  return row.depth === 1 ? `section ${row.key}` : row.key;
}

function cell(row, column, choice, first) {
  const counts = counted(row, column, choice.levels), tone = toneOf(counts), node = html("td", { class: tone || "nothing-here" });
  if (first) node.classList.add("first-of-side");
  if (!tone) return node;
  const { system, side } = column, at = { ...choice, row: row.key, system: system.key, side };
  const link = html("a", { href: address(at), "aria-label": `${titleOf(row)}, ${system.name}: ${wordsOf(counts)}` });
  if (counts.f) link.append(`✗ ${counts.f}`, html("i", {}, `/${counts.f + counts.p}`));
  else link.append(counts.p ? `✓ ${counts.p}` : "–");
  if (choice.row === row.key && choice.system === system.key && choice.side === side) link.setAttribute("aria-current", "true");
  node.append(link);
  return node;
}

function isFirst(index) {
  return index > 0 && COLUMNS[index].side !== COLUMNS[index - 1].side;
}

function head() {
  const sides = Object.keys(SIDES).map(side => [side, COLUMNS.filter(each => each.side === side).length]).filter(([, span]) => span);
  return html("thead", {},
    html("tr", {}, html("th", {}), ...sides.map(([side, span]) => html("th", { class: "side", scope: "colgroup", colspan: span }, SIDES[side]))),
    html("tr", {}, html("th", { scope: "col" }, "Section"),
      ...COLUMNS.map(({ system }, index) => html("th", { scope: "col", title: system.about, dir: "auto", class: isFirst(index) ? "first-of-side" : "" }, system.name))));
}

/* --- the rows --- */

const unfolded = new Set();

function line(row, choice) {
  const heading = html("th", { scope: "row" });
  if (row.below.length) {
    const fold = html("button", { type: "button", class: "fold", "aria-expanded": unfolded.has(row.key), "aria-label": `What is below ${titleOf(row)}` });
    fold.addEventListener("click", () => {
      if (!unfolded.delete(row.key)) unfolded.add(row.key);
      draw();
      document.querySelector(`tr[data-row="${CSS.escape(row.key)}"] .fold`)?.focus();
    });
    heading.append(fold);
  } else heading.classList.add("lone");
  heading.append(html("span", { class: "row-name" }, row.name), row.about ? html("span", { class: row.depth === 2 ? "sentence" : "" }, ` ${row.about}`) : "");
  const node = html("tr", { class: `depth${row.depth}`, "data-row": row.key }, heading);
  COLUMNS.forEach((column, index) => node.append(cell(row, column, choice, isFirst(index))));
  return node;
}

function isShown(row, choice) {
  const all = COLUMNS.map(column => counted(row, column, choice.levels));
  return all.some(counts => choice.failing ? counts.f : toneOf(counts));
}

function linesOf(row, choice) {
  if (!isShown(row, choice)) return [];
  return [line(row, choice), ...(unfolded.has(row.key) ? row.below.flatMap(each => linesOf(each, choice)) : [])];
}

function draw() {
  const choice = chosen(), lines = chapters.flatMap(chapter => linesOf(chapter, choice));
  document.getElementById("matrix").replaceChildren(head(), html("tbody", {}, ...lines));
  document.getElementById("nothing").hidden = lines.length > 0;
  const form = document.getElementById("levels");
  for (const box of form.querySelectorAll("[name=level]")) box.checked = choice.levels.includes(box.value);
  form.elements.failing.checked = choice.failing;
}

/* Let the row of a link be visible: unfold all that is above it. */
function unfoldTo(row) {
  for (let above = row.parent; above; above = above.parent) unfolded.add(above.key);
}
