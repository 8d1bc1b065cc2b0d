// A row of the table of examples, and what it opens: the decodes, the answers in full, and a command that shows more.
const MARKS = { fixed: "▲", broken: "▼", right: "●", wrong: "○", unscored: "–" };

function drawExample(body, row, pairing, facet) {
  const line = addElement(body, "tr", "example");
  line.dataset.outcome = row.outcome;
  const fold = addFold(line, row);
  const asked = addElement(line, "td", "text");
  addElement(asked, "span", "figures", `${row.position} `);
  addElement(asked, "div", "clipped", row.question || row.id);
  const outcome = addElement(line, "td", "text");
  addElement(outcome, "span", "mark", MARKS[row.outcome]);
  outcome.append(pairing.names[row.outcome]);
  pairing.sides.forEach((side, number) => addAnswer(line, pairing, row, number));
  const by = costlier(row);
  const differing = addElement(line, "td", "", row.outcome === "unscored" ? "–" : (by > 0 ? "+" : by < 0 ? "−" : "±") + Math.abs(by));
  addElement(differing, "span", "narrow", " NFE");
  line.addEventListener("click", () => {
    if (!fold()) return line.nextElementSibling.remove();
    const place = document.createElement("tr");
    place.className = "decodes";
    line.after(place);
    const cell = addElement(place, "td");
    cell.colSpan = 6;
    drawDecodes(cell, row, pairing, facet);
    drawAnswers(cell, row, pairing);
    drawCommand(cell, row, pairing, facet);
  });
}

// The button that says whether the row is open; what is returned opens or closes it, and returns whether it is open now.
function addFold(line, row) {
  const button = addElement(addElement(line, "td"), "button", "fold", "+");
  button.type = "button";
  button.setAttribute("aria-expanded", "false");
  button.setAttribute("aria-label", `decodes of example ${row.position}`);
  return () => {
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", open);
    button.textContent = open ? "−" : "+";
    line.classList.toggle("open", open);
    return open;
  };
}

function addAnswer(line, pairing, row, number) {
  const cell = addElement(line, "td", "text"), { score, nfe } = number ? row.b : row.a;
  const answer = pairing.answer(pairing.sides[number], row);
  cell.dataset.side = pairing.alone ? "" : "AB"[number];
  if (answer !== undefined) addElement(cell, "div", answer === null ? "clipped unknown" : "clipped answer", answer?.replace(/^\s*\n/, "") ?? "no answer");
  addElement(cell, "span", "figures", `${score === null ? "not scored" : `score ${Number(score.toFixed(3))}`} · ${nfe ?? "?"} NFE`);
}

const titleOf = (side, { sides, alone }) => (alone ? "" : "AB"[sides.indexOf(side)] + " · ") + `${side.setting.group} ${side.setting.name}`;

function drawDecodes(host, row, pairing, facet) {
  const known = pairing.distinct.filter((side) => side.records[row.id]?.[0]?.length);
  if (!known.length) return;
  const decodes = known.map((side) => {
    const [tokens, revealedAt, axonSteps, unsupportedSteps, nfe] = side.records[row.id];
    const score = side === pairing.sides[0] ? row.a.score : row.b.score;
    return decodeOfRecord({ tokens, revealedAt, axonSteps, unsupportedSteps, nfe }, side.texts,
                          { title: titleOf(side, pairing), gate: side.setting.gate, score, note: "" });
  });
  showDecode(addElement(host, "div"), { prompt: pairing.question(row), legend: facet.legend, decodes });
}

function drawAnswers(host, row, pairing) {
  const full = addElement(host, "div", "full");
  for (const side of pairing.distinct) {
    const record = side.records[row.id];
    if (!record) continue;
    const [answer, , error] = record.slice(5), part = addElement(full, "section");
    addElement(part, "h4", "", titleOf(side, pairing));
    addElement(part, "pre", "", answer ?? error ?? "no answer");
  }
}

function drawCommand(host, row, pairing, facet) {
  const decoded = pairing.distinct.filter((side) => !side.setting.foreign); // an answer from elsewhere has no decode here
  if (!decoded.length) return;
  const ids = decoded.map((side) => side.setting.id), runs = new Set(decoded.map((side) => side.setting.run));
  const note = addElement(host, "p", "soft");
  note.textContent = "Drawn from the records. What attends to each anchor, confidences and the gate's numbers come from decoding it again:";
  if (runs.size > 1) return void (note.textContent = "Drawn from the records of two runs.");
  const folder = facet.inRun && location.protocol === "file:" ? quoted(decodeURIComponent(location.pathname).replace(/\/[^/]*$/, "")) : "FOLDER";
  if (folder === "FOLDER") note.textContent += ` (FOLDER is that of the run ${[...runs][0]})`;
  const chosen = ids.length > 1 ? `'settings=[${ids}]'` : `setting=${ids}`;
  const place = addElement(host, "div", "command");
  addElement(place, "code", "", `python launch.py job=show run=${folder} ${chosen} example=${row.position} format=html`);
  Object.assign(addElement(place, "button", "copy", "Copy"), { type: "button" });
}

const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`);
const printable = (text) => String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd");

function addElement(parent, name, kind, text) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  if (text !== undefined) made.textContent = printable(text);
  parent.append(made);
  return made;
}
