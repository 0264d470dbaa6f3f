/* Choosing among the vectors. All that is chosen stands in the address, so that it can be kept and shared. */

const form = document.getElementById("filters");
const NAMES = ["q", "outcome", "side", "section", "level", "requirement", "vector"];
const SHOWN = { section: "section ", level: "", requirement: "" };

const requirements = [...document.querySelectorAll(".all-requirements li")].map(node => ({
  node, id: node.querySelector("a").textContent, section: node.dataset.section, level: node.dataset.level,
}));
const byId = new Map(requirements.map(each => [each.id, each]));
const vectors = [...document.querySelectorAll(".vector")].map(node => ({
  node,
  id: node.dataset.id,
  side: node.dataset.side,
  sections: node.dataset.sections.split(" "),
  outcome: node.classList[1],
  requirements: [...node.querySelectorAll(".shows a")].map(link => link.textContent),
}));

/* What is searched: all that stands with a vector, and what its requirements say. */
function textOf(vector) {
  vector.text ??= [vector.node, ...vector.requirements.map(id => byId.get(id)?.node)].map(node => node?.textContent).join(" ").toLowerCase();
  return vector.text;
}

function chosen() {
  const stated = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(NAMES.map(name => [name, stated.get(name) ?? ""]));
}

function address(choice) {
  return `#${new URLSearchParams(Object.entries(choice).filter(([, value]) => value))}`;
}

function choose(changes) {
  history.replaceState(null, "", address({ ...chosen(), ...changes }));
  apply();
}

function within(section, outer) {
  return section === outer || section.startsWith(`${outer}.`);
}

/* A word is an outcome, a section, or part of the text. */
function hasWord(vector, word) {
  if (word === "passed" || word === "failed") return vector.outcome === word;
  const section = /^§?((?:\d+|[ab])(?:\.\d+)+)$|^§(\d+|[ab])$/.exec(word);
  if (section) return vector.sections.some(each => within(each.toLowerCase(), section[1] ?? section[2]));
  return textOf(vector).includes(word);
}

function isAbout(vector, { section, level, requirement }) {
  if (requirement && !vector.requirements.includes(requirement)) return false;
  if (!level) return !section || vector.sections.some(each => within(each, section));
  return vector.requirements.map(id => byId.get(id)).some(each =>
    each && each.level === level && (!section || within(each.section, section)));
}

function apply() {
  const choice = chosen(), words = choice.q.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const vector of vectors) {
    const wanted = (!choice.outcome || vector.outcome === choice.outcome) && (!choice.side || vector.side === choice.side)
      && isAbout(vector, choice) && words.every(word => hasWord(vector, word));
    vector.node.hidden = !wanted;
    found += wanted;
  }
  for (const group of document.querySelectorAll(".group")) group.hidden = !group.querySelector(".vector:not([hidden])");
  document.getElementById("nothing").hidden = found > 0;
  document.getElementById("found").textContent = `${found} of ${vectors.length}`;
  showChoice(choice);
  showRequirements(choice);
}

function showChoice(choice) {
  for (const name of ["q", "outcome", "side"]) if (form.elements[name].value !== choice[name]) form.elements[name].value = choice[name];
  const taken = Object.keys(SHOWN).filter(name => choice[name]);
  document.getElementById("chosen").replaceChildren(...taken.map(name => {
    const text = SHOWN[name] + choice[name], button = html("button", { type: "button", "aria-label": `No longer only ${text}` }, text);
    button.addEventListener("click", () => choose({ [name]: "" }));
    return button;
  }));
  const here = address({ section: choice.section, level: choice.level });
  for (const link of document.querySelectorAll(".matrix [aria-current]")) link.removeAttribute("aria-current");
  if (choice.section) document.querySelector(`.matrix a[href="${CSS.escape(here)}"]`)?.setAttribute("aria-current", "true");
}

function showRequirements({ section, level, requirement }) {
  let count = 0;
  for (const each of requirements) {
    const wanted = (!section || within(each.section, section)) && (!level || each.level === level) && (!requirement || each.id === requirement);
    each.node.hidden = !wanted;
    count += wanted;
  }
  document.getElementById("requirement-count").textContent = count;
}

/* Open the vector that the address names. */
function open({ vector }) {
  const node = vector && vectors.find(each => each.id === vector)?.node;
  if (!node) return;
  node.querySelector("details").open = true;
  node.scrollIntoView();
}

form.addEventListener("submit", event => event.preventDefault());
/* Typing is heard at once by the first; not every browser tells it of a select. */
for (const heard of ["input", "change"]) {
  form.addEventListener(heard, event => choose({ [event.target.name]: event.target.value }));
}

document.addEventListener("click", event => {
  const fold = event.target.closest(".fold");
  if (fold) {
    const unfolded = document.getElementById(fold.getAttribute("aria-controls")).classList.toggle("unfolded");
    fold.setAttribute("aria-expanded", unfolded);
    return;
  }
  /* A link chooses something; what else is chosen stays, but a number of the matrix begins anew. */
  const link = event.target.closest('a[href^="#"]');
  if (!link) return;
  event.preventDefault();
  const stated = Object.fromEntries(new URLSearchParams(link.getAttribute("href").slice(1)));
  const fresh = Object.fromEntries(NAMES.map(name => [name, ""]));
  history.pushState(null, "", address({ ...fresh, ...stated }));
  apply();
  const details = document.getElementById("requirements");
  details.open = true;
  (link.closest(".matrix") ? details : document.getElementById("vectors-title")).scrollIntoView();
});

document.getElementById("vectors").addEventListener("toggle", event => {
  const vector = event.target.closest(".vector");
  if (event.target.parentNode !== vector) return;
  if (event.target.open) history.replaceState(null, "", address({ ...chosen(), vector: vector.dataset.id }));
}, true);

window.addEventListener("hashchange", () => { apply(); open(chosen()); });

apply();
open(chosen());
