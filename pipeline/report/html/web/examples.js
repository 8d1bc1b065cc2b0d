// A facet's table of examples: what is chosen, which of them are shown. Its data is that of examples.py.
const PAGE = 20; // rows shown at first, and added by the button
const MISSING = {
  "absent": "The folder details is not beside this page, so that questions in full, answers and decodes are missing. Keep the two together, or draw the report again: python launch.py job=report run=FOLDER",
  "left out": "The answers of this setting were left out, because the report holds more examples than it keeps answers of; the command below each example shows its decode.",
};

function makeExamples(section) {
  const facet = JSON.parse(section.querySelector(".outcomes-data").textContent);
  const one = (selector) => section.querySelector(selector), buttons = section.querySelectorAll(".matchups button");
  const [first, second, order, sought, more] = [".first", ".second", ".order", ".sought", ".more"].map(one);
  let pairing, wanted, shown;

  async function choose() {
    const own = pairing = new Pairing(facet, [first, second].map((select) => facet.settings[select.value]));
    nameSides(section, own);
    pressButtons();
    find(own.count(wanted) ? wanted : "all");
    const problems = await own.load();
    if (own !== pairing) return; // another choice since
    tellMissing(one(".absent"), problems);
    draw();
  }

  function pressButtons() {
    buttons.forEach((button) => {
      const { first: a, second: b } = facet.matchups[button.dataset.matchup];
      button.setAttribute("aria-pressed", String(a) === first.value && String(b) === second.value);
    });
  }

  function find(outcome) {
    [wanted, shown] = [outcome, PAGE];
    draw();
  }

  function draw() {
    drawOutcomes(one(".outcomes"), pairing, wanted, find);
    const found = pairing.matching(wanted, sought.value, order.value), body = one(".compared tbody");
    body.replaceChildren();
    found.slice(0, shown).forEach((row) => drawExample(body, row, pairing, facet));
    one(".count").textContent = `${found.length} of ${pairing.rows.length} examples`;
    more.hidden = found.length <= shown;
    more.textContent = `Show ${Math.min(PAGE, found.length - shown)} more`;
  }

  buttons.forEach((button) => button.addEventListener("click", () => {
    const matchup = facet.matchups[button.dataset.matchup];
    [first.value, second.value] = [matchup.first, matchup.second];
    choose();
  }));
  [first, second].forEach((select) => select.addEventListener("change", choose));
  order.addEventListener("change", draw);
  sought.addEventListener("input", () => find(wanted));
  more.addEventListener("click", () => { shown += PAGE; draw(); });
  [first.value, second.value] = facet.chosen;
  choose();
}

function nameSides(section, pairing) {
  section.querySelector(".compared").classList.toggle("alone", pairing.alone);
  section.querySelectorAll(".compared .name").forEach((place, side) => {
    const { group, name } = pairing.sides[side].setting;
    place.textContent = `${group} ${name}`;
  });
}

function tellMissing(place, problems) {
  place.hidden = !problems.size;
  place.textContent = MISSING[problems.has("absent") ? "absent" : "left out"];
}

// The buttons that choose an outcome, each with its number of examples.
function drawOutcomes(place, pairing, wanted, find) {
  const focused = place.contains(document.activeElement) && document.activeElement.dataset.outcome;
  place.replaceChildren();
  for (const outcome of OUTCOMES.filter((name) => pairing.names[name])) {
    const count = pairing.count(outcome);
    if (!count && outcome === "unscored") continue;
    const mark = outcome === "all" ? "" : `${MARKS[outcome]} `;
    const button = addElement(place, "button", "", `${mark}${pairing.names[outcome]} ${count}`);
    Object.assign(button, { type: "button" }).dataset.outcome = outcome;
    button.setAttribute("aria-pressed", outcome === wanted);
    button.addEventListener("click", () => find(outcome));
    if (outcome === focused) button.focus();
  }
}

document.querySelectorAll(".examples").forEach(makeExamples);
