/* The panel of a cell: the sentences, what the system does otherwise, the vectors, and the smallest conversation. */

const panel = document.getElementById("panel");
const WORDS = { p: "passed", f: "failed", n: "not applicable", r: "not run", "-": "not part of the run" };
const CLASSES = { p: "passed", f: "failed", n: "not_applicable", r: "not_run" };

/* What is told of a vector where nothing is known of a failure. */
const common = book.stories.slice(0, vectors.length);

/* A vector has as many steps as its story has lines. */
function sizeOf(vector) {
  return book.stories[vector.place]?.lines.length ?? 0;
}

function sentence({ id, section, level, summary, quote }) {
  return html("li", {}, html("b", {}, `${id} ${level}`), ` ${summary} `, html("q", {}, quote), ` (RFC 6121, section ${section})`);
}

function sentencesOf(row, failed) {
  if (row.depth === 2) return [sentences.get(row.key)];
  const cited = new Set(failed.flatMap(each => each.requirements));
  return [...cited].map(id => sentences.get(id)).filter(each => each && (row.depth === 0 || rows.get(each.id)?.parent === row));
}

/* Many sentences are in a fold, so that the conversation is not far. */
function said(these) {
  const list = html("ul", { class: "sentences" }, ...these.map(sentence));
  if (these.length <= 3) return titled(these.length === 1 ? "The sentence" : "The sentences", list);
  return [html("details", { class: "many" }, html("summary", {}, `${these.length} sentences`), list)];
}

function elsewhere(row, column, choice) {
  const links = COLUMNS.filter(each => each.side === column.side).map(each => {
    const counts = counted(row, each, choice.levels), tone = toneOf(counts);
    if (!tone) return null;
    const link = html("a", { class: tone, href: address({ ...choice, row: row.key, system: each.system.key, side: each.side }) }, `${each.system.name}: ${wordsOf(counts)}`);
    if (each === column) link.setAttribute("aria-current", "true");
    return link;
  });
  return html("p", { class: "others" }, ...links.filter(Boolean));
}

function behavioursOf(system, failed) {
  const numbers = new Set(failed.map(each => system.failures[each.place][3]).filter(each => each >= 0));
  return [...numbers].map(number => system.behaviours[number]).map(([does, known]) =>
    html("li", {}, does, ...(known ? [" ", html("em", {}, "(known)")] : [])));
}

function titled(title, list) {
  return list.childElementCount ? [html("h3", {}, title), list] : [];
}

function failureOf(failure) {
  const [, problem, happened] = failure, [says, ...more] = problem.split("\n");
  const node = html("section", { class: "failure", "aria-label": "Why it failed" }, html("h4", {}, says));
  if (more.length) node.append(html("pre", { tabindex: "0" }, more.join("\n")));
  if (happened) node.append(html("details", { open: "" }, html("summary", {}, "All that happened up to there"), html("pre", { tabindex: "0", class: "happened" }, happened)));
  return node;
}

function vectorNode(vector, system) {
  const sign = system.signs[vector.place], failure = system.failures[vector.place];
  const body = html("div", { class: "body" }, html("p", { class: "facts" }, html("b", {}, WORDS[sign]), html("span", {}, vector.level), ...vector.sections.map(each => html("span", {}, `§${each}`))));
  if (failure) body.append(failureOf(failure));
  const details = html("details", {}, html("summary", {}, html("span", { class: "dot", role: "img", "aria-label": WORDS[sign] }), html("span", { class: "title", dir: "auto" }, vector.title || vector.id), html("code", {}, vector.id)), body);
  return html("li", { class: `vector ${CLASSES[sign]}`, "data-id": vector.id, "data-place": vector.place }, details);
}

/* Many vectors of a kind are in a fold, which is filled when it is opened. */
function folded(title, among, system) {
  if (!among.length) return [];
  const list = html("ol", {}), node = html("details", { class: "many" }, html("summary", {}, `${among.length} ${title}`), list);
  node.addEventListener("toggle", () => {
    if (node.open && !list.childElementCount) list.append(...among.map(each => vectorNode(each, system)));
  });
  return [html("li", {}, node)];
}

function reasonsOf(system, among) {
  const places = new Set(among.map(each => each.place));
  return system.reasons.flatMap(([reason, of]) => {
    const these = of.filter(place => places.has(place)).map(place => vectors[place]);
    return folded(`${WORDS[system.signs[these[0]?.place]]}: ${reason}`, these, system);
  });
}

function show(row, column, choice) {
  const { system, side } = column, counts = counted(row, column, choice.levels);
  const among = [...row.vectors].filter(each => each.side === side && choice.levels.includes(each.level || "MUST"));
  const of = sign => among.filter(each => system.signs[each.place] === sign).sort((one, other) => sizeOf(one) - sizeOf(other));
  const failed = of("f"), passed = of("p");
  /* The story of a vector is the same for all systems, but for the step that failed, and for what came there. */
  for (const { place } of among) {
    const [step, , , , drawn] = system.failures[place] ?? [];
    if (common[place]) book.stories[place] = book.stories[drawn] ?? { ...common[place], failed: step ? step - 1 : undefined };
  }
  const name = titleOf(row);
  document.getElementById("panel-title").textContent = `${name[0].toUpperCase()}${name.slice(1)}: ${system.name}`;
  document.getElementById("panel-body").replaceChildren(
    html("p", {}, `${wordsOf(counts)}. `, html("a", { href: location.hash }, "Permanent link")),
    elsewhere(row, column, choice),
    ...said(sentencesOf(row, failed.length ? failed : passed)),
    ...titled("What it does otherwise", html("ul", { class: "does" }, ...behavioursOf(system, failed))));
  const list = document.getElementById("vectors"), open = failed.length ? failed : passed.slice(0, 1);
  list.replaceChildren(...open.map(each => vectorNode(each, system)),
    ...folded(failed.length ? "passed" : "more passed", failed.length ? passed : passed.slice(1), system), ...reasonsOf(system, [...of("n"), ...of("r")]));
  panel.hidden = false;
  panel.scrollTop = 0;
  const smallest = list.querySelector(".vector > details");
  if (smallest) smallest.open = true;
}

function apply() {
  const choice = chosen(), row = rows.get(choice.row);
  const column = COLUMNS.find(each => each.system.key === choice.system && each.side === choice.side);
  if (row && column) unfoldTo(row);
  draw();
  if (row && column) {
    show(row, column, choice);
    document.querySelector("#matrix [aria-current]")?.scrollIntoView({ block: "center", inline: "nearest" });
    panel.focus({ preventScroll: true });
  } else panel.hidden = true;
}

function close() {
  const { row, system, side, ...rest } = chosen();
  history.pushState(null, "", address(rest));
  panel.hidden = true;
  draw();
  document.querySelector(`#matrix tr[data-row="${CSS.escape(row)}"] a`)?.focus({ preventScroll: true });
}

document.getElementById("levels").addEventListener("change", event => {
  const form = event.currentTarget, levels = [...form.querySelectorAll("[name=level]:checked")].map(box => box.value);
  history.replaceState(null, "", address({ ...chosen(), levels: levels.length ? levels : LEVELS, failing: form.elements.failing.checked }));
  apply();
});
document.getElementById("close").addEventListener("click", close);
addEventListener("keydown", event => { if (event.key === "Escape" && !panel.hidden) close(); });
addEventListener("hashchange", apply);
apply();
