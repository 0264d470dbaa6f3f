/* Telling a story step by step, beside its diagram. */

const book = JSON.parse(document.getElementById("book").textContent);

function html(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/* Colour markup. Whatever the text holds, it is put into the page as text. */
function coloured(xml) {
  const parts = document.createDocumentFragment();
  const pattern = /(<\/?)([^\s/>]+)|([\w:-]+)(=)("[^"]*")|(\{[a-z]+(?::[^}]*)?\})|[^<{]|[<{]/gy;
  for (const [whole, open, tag, name, equals, value, placeholder] of xml.matchAll(pattern)) {
    if (tag) parts.append(open, html("span", { class: "xt" }, tag));
    else if (name) parts.append(html("span", { class: "xn" }, name), equals, html("span", { class: value.startsWith('"{') ? "xp" : "xv" }, value));
    else if (placeholder) parts.append(html("span", { class: "xp" }, placeholder));
    else parts.append(whole);
  }
  parts.normalize();
  return parts;
}

function told(line) {
  const parts = [line.says + (line.xml || line.branches ? ":" : "")];
  for (const xml of line.xml ?? []) parts.push(html("pre", {}, coloured(xml)));
  for (const branch of line.branches ?? []) {
    parts.push(html("div", { class: "or" }, ...branch.map(each => html("div", {}, ...told(each)))));
  }
  return parts;
}

function steps(lines, failed) {
  return html("ol", { class: "steps", "aria-label": "Steps" }, ...lines.map((line, index) => {
    const state = index === failed ? "bad" : failed !== undefined && index > failed ? "later" : "";
    const word = state === "bad" ? [html("b", { class: "word" }, "✗ failed")] : [];
    return html("li", { class: state, "data-step": index }, ...word, ...told(line));
  }));
}

const WIDEST = 600, MARGINS = 28;

const LEGEND = {
  sent: "sent", expected: "has to come", optional: "may come", absent: "must not come",
  missing: "did not come", came: "came instead", besides: "came besides",
};

function legend(lines) {
  const kinds = new Set(marksOf(lines).map(mark => mark.kind));
  const shown = Object.entries(LEGEND).filter(([kind]) => kinds.has(kind));
  return html("p", { class: "legend", "aria-hidden": "true" }, ...shown.map(([kind, text]) => html("span", { class: kind }, text)));
}

/* What the requirements say that a vector shows; where it shows many, for who wants to know. */
function shown(links) {
  const list = html("ul", { class: "shows", "aria-label": "Requirements" }, ...links.map(link => {
    const said = document.getElementById(link.hash.slice(1));
    return html("li", {}, link, " ", said.querySelector("b").cloneNode(true), ` ${said.querySelector("p").textContent}`);
  }));
  return links.length > 4 ? html("details", { class: "many" }, html("summary", {}, `${links.length} requirements`), list) : list;
}

/* Put a story into the body of its vector, when that is opened for the first time. */
function tell(vector) {
  const story = book.stories[vector.dataset.place], body = vector.querySelector(".body");
  if (body.dataset.told) return;
  body.dataset.told = true;
  body.querySelector(".shows")?.replaceWith(shown([...body.querySelectorAll(".shows a")]));
  if (!story) return;
  const lines = story.lines.map(index => book.lines[index]), cast = book.casts[story.cast];
  if (story.before.length) {
    body.append(html("div", { class: "before" }, html("h4", {}, "At first"), ...story.before.map(text => html("p", {}, text))));
  }
  const picture = html("div", { class: "diagram", tabindex: "0", role: "region", "aria-label": "Diagram" });
  /* The list is as wide as the body, but for the margins, and is always laid out. */
  const room = document.getElementById("vectors").clientWidth - MARGINS;
  const drawn = diagram(cast, lines, story.failed, room);
  picture.append(drawn, legend(lines));
  /* What is too wide to stand beside the steps stands above them. */
  const wide = drawn.getAttribute("width") > WIDEST || room < WIDEST;
  const node = html("div", { class: wide ? "story wide" : "story" }, ...(wide ? [picture, steps(lines, story.failed)] : [steps(lines, story.failed), picture]));
  node.addEventListener("mouseover", event => pointAt(node, event.target.closest("[data-step]")));
  node.addEventListener("mouseleave", () => pointAt(node, null));
  body.append(node);
}

function pointAt(story, at) {
  for (const each of story.querySelectorAll("[data-step]")) {
    each.classList.toggle("near", at !== null && each.dataset.step === at.dataset.step);
  }
}

document.getElementById("vectors").addEventListener("toggle", event => {
  const vector = event.target.closest(".vector");
  if (event.target.parentNode === vector && event.target.open) tell(vector);
}, true);
