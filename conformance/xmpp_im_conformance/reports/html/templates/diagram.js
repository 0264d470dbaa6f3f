/* Drawing a story as a sequence diagram. */

const GUTTER = 34, HEAD = 46, ARROW = 36, SIGN = 32, LETTER = 6.4, BOLD = 7.3;

function svg(name, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function widthOf(text, letter = LETTER) {
  return text.length * letter;
}

/* What matters is written bold, and is wider. */
function letterOf(mark) {
  return mark.kind === "missing" || mark.kind === "came" ? BOLD : LETTER;
}

function widthOfHead(participant) {
  return Math.max(participant.name.length * BOLD, widthOf(participant.place ?? "")) + 20;
}

function marksOf(lines) {
  return lines.flatMap(line => [...(line.marks ?? []), ...(line.branches ?? []).flatMap(marksOf)]);
}

/* Where the lines of the participants stand: far enough from each other for what is written between them,
   or, where there is no such room, only for their heads. */
function columns(cast, marks, room) {
  const heads = cast.map(each => widthOfHead(each) / 2 + 4);
  const wide = spread(heads, marks);
  return wide.width <= room ? wide : placed(heads, heads.slice(1).map((half, index) => heads[index] + half));
}

function spread(heads, marks) {
  const half = [...heads];
  for (const mark of marks) {
    if (mark.to === undefined) half[mark.at] = Math.max(half[mark.at], widthOf(mark.label ?? "") / 2 + 14);
  }
  const gaps = half.slice(1).map((each, index) => Math.max(110, half[index] + each + 8));
  for (const mark of marks) {
    if (mark.to === undefined) continue;
    const from = Math.min(mark.at, mark.to), to = Math.max(mark.at, mark.to);
    const between = gaps.slice(from, to).reduce((sum, gap) => sum + gap, 0);
    const wanted = widthOf(mark.label ?? "", letterOf(mark)) + 30;
    if (wanted > between) for (let index = from; index < to; index++) gaps[index] += (wanted - between) / (to - from);
  }
  return placed(half, gaps);
}

function placed(half, gaps) {
  const places = [GUTTER + half[0]];
  for (const gap of gaps) places.push(places.at(-1) + gap);
  return { places, width: Math.ceil(places.at(-1) + half.at(-1) + 10) };
}

/* What is written, as near to a place as the edges let it be, in as many lines as it needs. */
function written(text, x, y, width, attributes, letter = LETTER) {
  const most = Math.floor((width - GUTTER - 8) / letter), lines = [""];
  for (const word of text.split(" ")) {
    const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
    if (longer.length <= most || !lines.at(-1)) lines[lines.length - 1] = longer; else lines.push(word);
  }
  return lines.map((line, index) => {
    const half = widthOf(line, letter) / 2, middle = Math.min(Math.max(x, GUTTER + half), Math.max(width - 6 - half, GUTTER + half));
    return svg("text", { ...attributes, x: middle, y: y + index * 14, "text-anchor": "middle" }, line);
  });
}

function arrow(mark, { places, width }, top) {
  const from = places[mark.at], to = places[mark.to], tip = from < to ? -7 : 7;
  const texts = written(mark.label ?? "", (from + to) / 2, top + 19, width, { class: "halo" }, letterOf(mark)), y = top + (texts.length - 1) * 14;
  const group = svg("g", { class: mark.kind },
    svg("path", { class: "arrow", d: `M${from} ${y + 26}H${mark.kind === "missing" ? to + tip * 2 : to}` }),
    ...(mark.kind === "missing" ? [] : [svg("path", { class: "tip", d: `M${to} ${y + 26}l${tip} -4.5v9z` })]),
    ...texts);
  /* What must not come is crossed out on its way, and what is missing where it should have come. */
  const cross = { absent: (from + to) / 2, missing: to + tip * 2 }[mark.kind];
  if (cross) group.append(svg("path", { class: "cross", d: `M${cross - 5} ${y + 21}l10 10m-10 0l10 -10` }));
  if (mark.kind === "came") group.append(svg("circle", { class: "tip", cx: from, cy: y + 26, r: 4 }));
  return { group, height: ARROW + y - top };
}

function sign(mark, places, edge, y) {
  const text = mark.kind === "silence" ? mark.label || "silence" : (mark.kind === "wrong" ? "✗ " : "") + (mark.label ?? ""), width = widthOf(text) + 18;
  const middle = Math.min(Math.max(places[mark.at], GUTTER + width / 2), Math.max(edge - 6 - width / 2, GUTTER + width / 2));
  return svg("g", { class: mark.kind },
    svg("rect", { class: "sign", x: middle - width / 2, y: y + 5, width, height: 21, rx: 10.5 }),
    svg("text", { x: middle, y: y + 19.5, "text-anchor": "middle" }, text));
}

/* Whether a mark tells what came where the step failed; that stands below what was expected. */
function isCome(mark) {
  return mark.kind === "came" || mark.kind === "besides";
}

class Drawing {
  constructor(cast, lines, failed, room) {
    Object.assign(this, columns(cast, marksOf(lines), room));
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
    /* The last line has nothing of its own to draw: that nothing more has come, or what has. */
    if (last && !line.branches && (line.marks ?? []).every(isCome)) {
      const texts = written(line.says, (GUTTER + this.width) / 2, top + 18, this.width, { class: "small" });
      content.append(...texts);
      this.y += SIGN + (texts.length - 1) * 14;
    }
    this.draw(line, content, 0);
    if (this.y === top) return;
    group.append(svg("rect", { class: "band", x: 4, y: top, width: this.width - 8, height: this.y - top, rx: 6 }),
      svg("text", { class: "number", x: GUTTER - 10, y: top + 19.5, "text-anchor": "end" }, String(index + 1)), content);
    if (index === this.failed) group.append(svg("text", { class: "fault", x: GUTTER - 10, y: top + 34, "text-anchor": "end" }, "✗"));
    this.rows.push(group);
    if (index === this.failed && !last) this.border();
  }

  /* Where the steps begin that were not reached. */
  border() {
    const text = "not reached", half = widthOf(text) / 2 + 8, middle = this.width / 2, y = this.y + 11;
    this.rows.push(svg("g", { class: "border" },
      svg("path", { d: `M12 ${y}H${middle - half}M${middle + half} ${y}H${this.width - 12}` }),
      svg("text", { class: "small", x: middle, y: y + 3.5, "text-anchor": "middle" }, text)));
    this.y += 22;
  }

  draw(line, content, depth) {
    const marks = line.marks ?? [], signs = marks.filter(mark => mark.to === undefined);
    this.arrows(marks.filter(mark => mark.to !== undefined && !isCome(mark)), content);
    content.append(...signs.map(mark => sign(mark, this.places, this.width, this.y)));
    if (signs.length) this.y += SIGN;
    if (line.branches) this.frame(line, content, depth);
    this.arrows(marks.filter(isCome), content);
  }

  arrows(marks, content) {
    for (const mark of marks) {
      const { group, height } = arrow(mark, this, this.y);
      content.append(group);
      this.y += height;
    }
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

function diagram(cast, lines, failed, room) {
  const drawing = new Drawing(cast, lines, failed, room), { places, width, y } = drawing;
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
