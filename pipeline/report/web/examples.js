// A facet's table of examples; its data is that of examples.py.
function makeExamples(section) {
  const data = JSON.parse(section.querySelector(".outcomes-data").textContent);
  const PAGE = 20; // rows shown at first, and added by the button
  const one = (selector) => section.querySelector(selector);
  const [first, second, order, sought, more] = [".first", ".second", ".order", ".sought", ".more"].map(one);
  const table = one(".compared"), body = one(".compared tbody"), absent = one(".absent");
  let sides = [], rows = [], wanted = "all", shown = PAGE, prompts = {};

  const OUTCOMES = ["all", "fixed", "broken", "right", "wrong", "unscored"];
  const MARKS = { fixed: "▲", broken: "▼", right: "●", wrong: "○", unscored: "–" };
  function names() {
    const axon = !sides[0].setting.axon && sides[1].setting.axon;
    return alone()
      ? { all: "all", right: "right", wrong: "wrong", unscored: "unscored" }
      : { all: "all", fixed: axon ? "AXON fixed" : "only B right", broken: axon ? "AXON broke" : "only A right",
          right: "both right", wrong: "both wrong", unscored: "unscored" };
  }
  const alone = () => sides[0].setting === sides[1].setting;

  function element(parent, name, kind, text) {
    const made = document.createElement(name);
    if (kind) made.className = kind;
    if (text !== undefined) made.textContent = printable(text);
    parent.append(made);
    return made;
  }
  const printable = (text) => String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "\ufffd");

  function outcomeOf(a, b) {
    if (a === null || b === null) return "unscored";
    if (a !== b) return b > a ? "fixed" : "broken";
    return a === 1 ? "right" : "wrong";
  }

  async function choose() {
    const chosen = [first, second].map((select) => data.settings[select.value]);
    sides = chosen.map((setting) => ({ setting, records: {}, texts: {} }));
    section.querySelectorAll(".matchups button").forEach((button) => {
      const { first: a, second: b } = data.matchups[button.dataset.matchup];
      button.setAttribute("aria-pressed", String(a) === first.value && String(b) === second.value);
    });
    table.classList.toggle("alone", alone());
    section.querySelectorAll(".compared .name").forEach((place, side) => { place.textContent = `${chosen[side].group} ${chosen[side].name}`; });
    rows = data.examples.map(([position, id, question], place) => {
      const [a, b] = chosen.map((setting) => ({ score: scoreOf(setting, place), nfe: setting.nfe[place] }));
      return { position, id, question, a, b, outcome: outcomeOf(a.score, b.score) };
    });
    if (!rows.some((row) => row.outcome === wanted)) wanted = "all";
    shown = PAGE;
    draw();
    await tell();
  }

  const scoreOf = ({ scores }, place) => typeof scores !== "string" ? scores[place] : scores[place] === " " ? null : Number(scores[place]);

  // The answers, once they are there; or why they are not.
  async function tell() {
    const now = sides, problems = new Set();
    await Promise.all([
      ...now.map(async (side) => {
        if (!side.setting.file) return problems.add("left out");
        try { Object.assign(side, await loadDetails(side.setting.file)); } catch { problems.add("absent"); }
      }),
      data.asked && loadDetails(data.asked).then((found) => { prompts = found; }, () => problems.add("absent")),
    ]);
    if (now !== sides) return; // another choice since
    absent.hidden = !problems.size;
    absent.textContent = problems.has("absent")
      ? "The folder details is not beside this page, so that questions in full, answers and decodes are missing. Keep the two together, or draw the report again: python launch.py job=report run=FOLDER"
      : "The answers of this setting were left out, because the report holds more examples than it keeps answers of; the command below each example shows its decode.";
    draw();
  }

  // The shorter of what was answered and what was extracted of it (a program is longer by its prompt), or the error.
  const answerOf = (side, row) => {
    const record = side.records[row.id];
    if (!record) return undefined;
    const told = record.slice(5, 7).filter((text) => text !== null).sort((a, b) => a.length - b.length);
    return told[0] ?? record[7];
  };

  function matching() {
    const words = sought.value.toLowerCase().split(/\s+/).filter(Boolean);
    const text = (row) => [row.position, row.id, prompts[row.id] ?? row.question, ...sides.map((side) => answerOf(side, row))].join(" ").toLowerCase();
    const difference = (row) => (row.outcome === "unscored" ? 0 : row.b.score - row.a.score);
    const costlier = (row) => row.b.nfe - row.a.nfe;
    const orders = {
      score: (x, y) => Math.abs(difference(y)) - Math.abs(difference(x)) || difference(x) - difference(y) || costlier(y) - costlier(x),
      nfe: (x, y) => costlier(y) - costlier(x),
      example: () => 0,
    };
    return rows.filter((row) => (wanted === "all" || row.outcome === wanted) && words.every((word) => text(row).includes(word)))
      .sort((x, y) => orders[order.value](x, y) || x.position - y.position);
  }

  function draw() {
    drawOutcomes();
    const found = matching();
    body.replaceChildren();
    found.slice(0, shown).forEach(drawRow);
    one(".count").textContent = `${found.length} of ${rows.length} examples`;
    more.hidden = found.length <= shown;
    more.textContent = `Show ${Math.min(PAGE, found.length - shown)} more`;
  }

  function drawOutcomes() {
    const place = one(".outcomes"), known = names();
    const focused = place.contains(document.activeElement) && document.activeElement.dataset.outcome;
    place.replaceChildren();
    for (const outcome of OUTCOMES.filter((name) => known[name])) {
      const count = outcome === "all" ? rows.length : rows.filter((row) => row.outcome === outcome).length;
      if (!count && outcome === "unscored") continue;
      const button = element(place, "button", "", `${outcome === "all" ? "" : MARKS[outcome] + " "}${known[outcome]} ${count}`);
      Object.assign(button, { type: "button" }).dataset.outcome = outcome;
      button.setAttribute("aria-pressed", outcome === wanted);
      button.addEventListener("click", () => { wanted = outcome; shown = PAGE; draw(); });
      if (outcome === focused) button.focus();
    }
  }

  function drawRow(row) {
    const line = element(body, "tr", "example");
    line.dataset.outcome = row.outcome;
    const button = element(element(line, "td"), "button", "fold", "+");
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-label", `decodes of example ${row.position}`);
    const asked = element(line, "td", "text");
    element(asked, "span", "figures", `${row.position} `);
    element(asked, "div", "clipped", row.question || row.id);
    const outcome = element(line, "td", "text");
    element(outcome, "span", "mark", MARKS[row.outcome]);
    outcome.append(names()[row.outcome]);
    sides.forEach((side, number) => {
      const cell = element(line, "td", "text"), answer = answerOf(side, row), { score, nfe } = number ? row.b : row.a;
      cell.dataset.side = alone() ? "" : "AB"[number];
      if (answer !== undefined) element(cell, "div", answer === null ? "clipped unknown" : "clipped answer", answer?.replace(/^\s*\n/, "") ?? "no answer");
      element(cell, "span", "figures", `${score === null ? "not scored" : `score ${Number(score.toFixed(3))}`} · ${nfe ?? "?"} NFE`);
    });
    const by = row.b.nfe - row.a.nfe;
    const differing = element(line, "td", "", row.outcome === "unscored" ? "–" : (by > 0 ? "+" : by < 0 ? "−" : "±") + Math.abs(by));
    element(differing, "span", "narrow", " NFE");
    const toggle = () => {
      const open = button.getAttribute("aria-expanded") !== "true";
      button.setAttribute("aria-expanded", open);
      button.textContent = open ? "−" : "+";
      line.classList.toggle("open", open);
      if (!open) return line.nextElementSibling.remove();
      const place = document.createElement("tr");
      place.className = "decodes";
      line.after(place);
      const cell = element(place, "td");
      cell.colSpan = 6;
      drawDecodes(cell, row);
    };
    line.addEventListener("click", toggle);
  }

  function drawDecodes(host, row) {
    const distinct = alone() ? sides.slice(0, 1) : sides;
    const known = distinct.filter((side) => side.records[row.id]?.[0]?.length);
    const title = (side) => (alone() ? "" : "AB"[sides.indexOf(side)] + " · ") + `${side.setting.group} ${side.setting.name}`;
    if (known.length) {
      const decodes = known.map((side) => {
        const [tokens, revealedAt, axonSteps, unsupportedSteps, nfe] = side.records[row.id];
        const score = side === sides[0] ? row.a.score : row.b.score;
        return decodeOfRecord({ tokens, revealedAt, axonSteps, unsupportedSteps, nfe }, side.texts,
                              { title: title(side), gate: side.setting.gate, score, note: "" });
      });
      showDecode(element(host, "div"), { prompt: prompts[row.id] ?? row.question, legend: data.legend, decodes });
    }
    const full = element(host, "div", "full");
    for (const side of distinct) {
      const record = side.records[row.id];
      if (!record) continue;
      const [answer, , error] = record.slice(5), part = element(full, "section");
      element(part, "h4", "", title(side));
      element(part, "pre", "", answer ?? error ?? "no answer");
    }
    drawCommand(host, distinct, row);
  }

  function drawCommand(host, compared, row) {
    const distinct = compared.filter((side) => !side.setting.foreign); // an answer from elsewhere has no decode here
    if (!distinct.length) return;
    const ids = distinct.map((side) => side.setting.id), runs = new Set(distinct.map((side) => side.setting.run));
    const note = element(host, "p", "soft");
    note.textContent = "Drawn from the records. What attends to each anchor, confidences and the gate's numbers come from decoding it again:";
    if (runs.size > 1) return void (note.textContent = "Drawn from the records of two runs.");
    const folder = data.inRun && location.protocol === "file:" ? quoted(decodeURIComponent(location.pathname).replace(/\/[^/]*$/, "")) : "FOLDER";
    if (folder === "FOLDER") note.textContent += ` (FOLDER is that of the run ${[...runs][0]})`;
    const chosen = ids.length > 1 ? `'settings=[${ids}]'` : `setting=${ids}`;
    const place = element(host, "div", "command");
    const command = `python launch.py job=show run=${folder} ${chosen} example=${row.position} format=html`;
    element(place, "code", "", command);
    Object.assign(element(place, "button", "copy", "Copy"), { type: "button" });
  }

  const quoted = (text) => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`);

  section.querySelectorAll(".matchups button").forEach((button) => button.addEventListener("click", () => {
    const matchup = data.matchups[button.dataset.matchup];
    first.value = matchup.first;
    second.value = matchup.second;
    choose();
  }));
  [first, second].forEach((select) => select.addEventListener("change", choose));
  order.addEventListener("change", () => draw());
  sought.addEventListener("input", () => { shown = PAGE; draw(); });
  more.addEventListener("click", () => { shown += PAGE; draw(); });
  [first.value, second.value] = data.chosen;
  choose();
}
document.querySelectorAll(".examples").forEach(makeExamples);
