// Starts it all.
document.querySelectorAll(".toggles").forEach(makeToggles);
document.querySelectorAll(".facet").forEach((facet, place) => {
  const data = JSON.parse(facet.querySelector("script.figure").textContent);
  data.rows = fromColumns(data.rows);
  facet.querySelectorAll(".thinned").forEach((part) => { part.hidden = data.rows.length <= LINES; });
  const table = makeTable(facet, JSON.parse(facet.querySelector("script.rows").textContent));
  const card = makeCard(facet, data, table, place);
  makeKnobs(facet, data, card);
  listSections(facet);
  const shown = makeShown(facet, data), draw = makeFigure(facet, data, card);
  view.listeners.push(() => draw(shown()));
});
document.querySelectorAll("nav a").forEach((link) => link.addEventListener("click", (event) => {
  event.preventDefault();  // the address keeps the view
  const goal = document.querySelector(link.getAttribute("href"));
  goal.scrollIntoView();
  goal.focus({ preventScroll: true });
}));
view.read();
view.tell();

const folded = () => [...document.querySelectorAll("details:not([open])")];
let opened = [];
window.addEventListener("beforeprint", () => {
  opened = folded();
  opened.forEach((part) => { part.open = true; });
});
window.addEventListener("afterprint", () => opened.forEach((part) => { part.open = false; }));
