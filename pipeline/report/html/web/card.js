// The card beside the figure: the setting of the point that is pointed at, or was kept by a click, and its command.
function makeCard(facet, data, table, place) {
  const card = facet.querySelector(".card");
  let kept = null;

  function fill(row) {
    card.hidden = false;
    if (!row) {
      card.replaceChildren(element("p", "Point at a dot for its setting and the command that evaluates it again; click it to keep them here.", "soft"));
      return;
    }
    const costs = data.costs.map((cost) => [cost.name, figures(row.costs[cost.column])]);
    const numbers = document.createElement("dl");
    [["quality", figures(row.quality, 3)], ...costs, ...row.notes].forEach(([name, value]) => {
      const pair = document.createElement("div");
      pair.append(element("dt", name), element("dd", value));
      numbers.append(pair);
    });
    const { list, commands } = table.aboutOf(row.points[0]);
    card.replaceChildren(element("h4", row.group), element("p", row.label, "soft"), numbers, ...commands, list);
  }

  function mark(row) {
    facet.querySelectorAll(".chosen").forEach((part) => part.classList.remove("chosen"));
    if (!row) return;
    facet.querySelectorAll(`[data-points~="${row.points[0]}"]`).forEach((part) => part.classList.add("chosen"));
  }
  facet.addEventListener("rows", () => mark(kept));  // those of the table were made anew

  view.listeners.push(() => {
    const [facetOf, point] = view.point.split("-").map(Number);
    const row = view.point && facetOf === place ? data.rows.find((own) => own.points.includes(point)) : null;
    if ((row ?? null) === kept && !card.hidden) return;
    kept = row ?? null;
    fill(kept);
    mark(kept);
    if (kept) facet.dispatchEvent(new CustomEvent("chosen", { detail: kept.points[0] }));
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
