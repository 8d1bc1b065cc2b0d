// The table of the settings: folded details, a filter, sorting.
function makeTable(facet) {
  const one = (selector) => facet.querySelector(selector), all = (selector) => [...facet.querySelectorAll(selector)];
  const table = one(".settings"), rows = all(".settings > tbody"), filter = one(".filter"), fronts = one(".fronts");

  function toggle(body, open) {
    body.classList.toggle("open", open);
    const isOpen = body.classList.contains("open"), fold = body.querySelector("button.fold");
    fold.setAttribute("aria-expanded", isOpen);
    fold.textContent = isOpen ? "−" : "+";
  }
  rows.forEach((body) => body.querySelector("tr.point").addEventListener("click", () => {
    if (!String(window.getSelection())) toggle(body);
  }));

  function show() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((body) => {
      const fits = words.every((word) => body.dataset.text.includes(word)) && (!fronts.checked || body.dataset.front === "1");
      body.hidden = !fits;
      count += fits && !body.classList.contains("off");
    });
    one(".shown").textContent = count + " of " + rows.length + " rows";
  }
  filter.addEventListener("input", show);
  fronts.addEventListener("change", show);
  facet.addEventListener("shown", show);

  all(".settings th[data-column] button").forEach((button) => button.addEventListener("click", () => {
    const heading = button.parentElement;
    const down = heading.getAttribute("aria-sort") === "ascending";
    all(".settings th").forEach((other) => other.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const value = (body) => body.querySelector("tr.point").children[heading.cellIndex].dataset.value;
    const order = (a, b) => {
      const x = value(a), y = value(b);
      if (x === "" || y === "") return (x === "") - (y === "");  // missing values go last in either order
      const both = Number(x) - Number(y);
      const sign = Number.isNaN(both) ? x.localeCompare(y) : both;
      return down ? -sign : sign;
    };
    rows.slice().sort(order).forEach((body) => table.append(body));
  }));
}
