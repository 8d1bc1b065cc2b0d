// The card beside the figure: the setting of the point that is pointed at, or was kept by a click, and its command.
function makeCard(facet, data, place) {
  const card = facet.querySelector(".card");
  let kept = null;
  const bodyOf = (row) => facet.querySelector(`.settings > tbody[data-points~="${row.points[0]}"]`);

  function line(tag, text, kind = "") {
    const part = document.createElement(tag);
    part.textContent = text;
    part.className = kind;
    return part;
  }

  function fill(row) {
    card.hidden = false;
    if (!row) {
      card.replaceChildren(line("p", "Point at a dot for its setting and the command that evaluates it again; click it to keep them here.", "soft"));
      return;
    }
    const costs = data.costs.map((cost) => [cost.name, figures(row.costs[cost.column])]);
    const numbers = document.createElement("dl");
    [["quality", figures(row.quality, 3)], ...costs, ...row.notes].forEach(([name, value]) => {
      const pair = document.createElement("div");
      pair.append(line("dt", name), line("dd", value));
      numbers.append(pair);
    });
    const about = bodyOf(row).querySelector(".about").cloneNode(true), commands = [...about.querySelectorAll(".command")];
    commands.forEach((command) => command.remove());
    card.replaceChildren(line("h4", row.group), line("p", row.label, "soft"), numbers, ...commands, ...about.children);
  }

  function mark(row) {
    facet.querySelectorAll(".chosen").forEach((part) => part.classList.remove("chosen"));
    if (!row) return;
    facet.querySelectorAll(`[data-points~="${row.points[0]}"]`).forEach((part) => part.classList.add("chosen"));
    facet.dispatchEvent(new CustomEvent("chosen", { detail: row.points[0] }));
  }

  view.listeners.push(() => {
    const [facetOf, point] = view.point.split("-").map(Number);
    const row = view.point && facetOf === place ? data.rows.find((own) => own.points.includes(point)) : null;
    if ((row ?? null) === kept && !card.hidden) return;
    kept = row ?? null;
    fill(kept);
    mark(kept);
  });
  return {
    row: () => kept,
    show: (row) => fill(row ?? kept),
    keep: (row) => {
      view.point = row ? place + "-" + row.points[0] : "";
      view.change();
    },
  };
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.(".copy");
  if (!button) return;
  const text = button.parentElement.querySelector("code").textContent;
  const copied = await navigator.clipboard?.writeText(text).then(() => true, () => false) || copyFromField(text);
  button.textContent = copied ? "Copied" : "Not copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
});

function copyFromField(text) {  // where a frame may not use the clipboard's own interface
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  const copied = document.execCommand("copy");
  field.remove();
  return copied;
}
