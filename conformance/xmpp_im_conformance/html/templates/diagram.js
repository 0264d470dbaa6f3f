/* Drawing a story as a sequence diagram. */

const GUTTER = 34, HEAD = 46, ARROW = 36, SIGN = 32, LETTER = 6.4, BOLD = 7.3;

function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function widthOf(text) {
  return text.length * LETTER;
}

function widthOfHead(participant) {
  return Math.max(participant.name.length * BOLD, widthOf(participant.place ?? "")) + 20;
}

function marksOf(lines) {
  return lines.flatMap(line => [...(line.marks ?? []), ...(line.branches ?? []).flatMap(marksOf)]);
}

/* Where the lines of the participants stand: far enough from each other for what is written between them. */
function columns(cast, marks) {
  const half = cast.map(each => widthOfHead(each) / 2 + 4);
  for (const mark of marks) {
    if (mark.to === undefined) half[mark.at] = Math.max(half[mark.at], widthOf(mark.label ?? "") / 2 + 14);
  }
  const gaps = cast.slice(1).map((_, index) => Math.max(110, half[index] + half[index + 1] + 8));
  for (const mark of marks) {
    if (mark.to === undefined) continue;
    const from = Math.min(mark.at, mark.to), to = Math.max(mark.at, mark.to);
    const room = gaps.slice(from, to).reduce((sum, gap) => sum + gap, 0);
    const wanted = widthOf(mark.label ?? "") + 30;
    if (wanted > room) for (let index = from; index < to; index++) gaps[index] += (wanted - room) / (to - from);
  }
  const places = [GUTTER + half[0]];
  for (const gap of gaps) places.push(places.at(-1) + gap);
  return { places, width: Math.ceil(places.at(-1) + half.at(-1) + 10) };
}

function arrow(mark, places, y) {
  const from = places[mark.at], to = places[mark.to], tip = from < to ? -7 : 7;
  const group = svg("g", { class: mark.kind },
    svg("path", { class: "arrow", d: `M${from} ${y + 26}H${to}` }),
    svg("path", { class: "tip", d: `M${to} ${y + 26}l${tip} -4.5v9z` }),
    svg("text", { class: "halo", x: (from + to) / 2, y: y + 19, "text-anchor": "middle" }, mark.label ?? ""));
  if (mark.kind === "absent") {
    const middle = (from + to) / 2;
    group.append(svg("path", { class: "arrow", style: "stroke-dasharray: none", d: `M${middle - 5} ${y + 21}l10 10m-10 0l10 -10` }));
  }
  return group;
}

function sign(mark, places, y) {
  const text = mark.kind === "silence" ? mark.label || "silence" : mark.label ?? "", width = widthOf(text) + 18;
  return svg("g", { class: mark.kind },
    svg("rect", { class: "sign", x: places[mark.at] - width / 2, y: y + 5, width, height: 21, rx: 10.5 }),
    svg("text", { x: places[mark.at], y: y + 19.5, "text-anchor": "middle" }, text));
}

class Drawing {
  constructor(cast, lines, failed) {
    Object.assign(this, columns(cast, marksOf(lines)));
    this.failed = failed;
    this.y = HEAD + 14;
    this.rows = [];
    lines.forEach((line, index) => this.row(line, index, index === lines.length - 1));
  }

  /* A row of the diagram for each step: a number, and its marks. */
  row(line, index, last) {
    const top = this.y, group = svg("g", { class: "row", "data-step": index });
    if (index === this.failed) group.classList.add("bad");
    if (this.failed !== undefined && index > this.failed) group.classList.add("later");
    const content = svg("g");
    this.draw(line, content, 0);
    if (last && this.y === top) {
      content.append(svg("text", { class: "small", x: (GUTTER + this.width) / 2, y: top + 18, "text-anchor": "middle" }, line.says));
      this.y += SIGN;
    }
    if (this.y === top) return;
    group.append(svg("rect", { class: "band", x: 4, y: top, width: this.width - 8, height: this.y - top, rx: 6 }),
      svg("text", { class: "number", x: GUTTER - 10, y: top + 19.5, "text-anchor": "end" }, String(index + 1)), content);
    this.rows.push(group);
  }

  draw(line, content, depth) {
    const marks = line.marks ?? [], signs = marks.filter(mark => mark.to === undefined);
    for (const mark of marks) {
      if (mark.to === undefined) continue;
      content.append(arrow(mark, this.places, this.y));
      this.y += ARROW;
    }
    content.append(...signs.map(mark => sign(mark, this.places, this.y)));
    if (signs.length) this.y += SIGN;
    if (line.branches) this.frame(line, content, depth);
  }

  /* Alternatives stand in a frame, one above the other. */
  frame(line, content, depth) {
    const x = GUTTER + 4 + depth * 6, width = this.width - x - 8 - depth * 6, top = this.y;
    this.y += 18;
    content.append(svg("text", { class: "small", x: x + 8, y: top + 13 }, "one of"));
    line.branches.forEach((branch, index) => {
      if (index) {
        content.append(svg("path", { class: "frame", "stroke-dasharray": "4 4", d: `M${x} ${this.y}h${width}` }),
          svg("text", { class: "small", x: x + 8, y: this.y + 13 }, "or"));
        this.y += 8;
      }
      for (const each of branch) this.draw(each, content, depth + 1);
      this.y += 4;
    });
    content.append(svg("rect", { class: "frame", x, y: top, width, height: this.y - top, rx: 6 }));
    this.y += 6;
  }
}

function diagram(cast, lines, failed) {
  const drawing = new Drawing(cast, lines, failed), { places, width, y } = drawing;
  const name = `Sequence diagram: ${cast.map(each => each.name).join(", ")}; ${lines.length} steps, which the list tells`;
  const heads = cast.map((each, index) => {
    const half = widthOfHead(each) / 2;
    return svg("g", { class: (each.place ?? "").includes("under test") ? "tested" : "" },
      svg("path", { class: "life", d: `M${places[index]} ${HEAD + 6}V${y + 4}` }),
      svg("rect", { class: "head", x: places[index] - half, y: 8, width: half * 2, height: HEAD - 8, rx: 7 }),
      svg("text", { x: places[index], y: 25, "text-anchor": "middle", "font-weight": 600 }, each.name),
      svg("text", { class: "small", x: places[index], y: 39, "text-anchor": "middle" }, each.place ?? ""));
  });
  const lives = heads.map(head => head.firstChild);
  const drawn = svg("svg", { role: "img", "aria-label": name, style: `min-width: ${width * 0.72}px`, width, height: y + 12, viewBox: `0 0 ${width} ${y + 12}` });
  drawn.append(...lives, ...drawing.rows, ...heads);
  return drawn;
}
