// The table of the settings: sorted, filtered, and so many rows of it as are asked for; each unfolds its details.
const ROWS_AT_ONCE = 200, ROWS_PRINTED = 2000;

function makeTable(facet, data) {
  const one = (selector) => facet.querySelector(selector);
  const table = one(".settings"), filter = one(".filter"), fronts = one(".fronts"), more = one(".further");
  const aboutOf = makeAbout(data), count = data.points.length, open = new Set();
  const texts = [];  // of a row, for the filter; made when they are first asked for
  const rowOf = new Map(data.points.flatMap((points, row) => points.map((point) => [point, row])));
  let order = [...data.points.keys()], left = null, most = ROWS_AT_ONCE, chosen = null;

  function textOf(row) {
    return texts[row] ??= [
      valueAt(data.columns[0], row), ...data.points[row].flatMap((point) => [valueAt(data.labels, point), data.ids[point]]),
    ].join(" ").toLowerCase();
  }

  function bodyOf(row) {
    const body = element("tbody", "", isFront(row) ? "front" : "behind"), line = element("tr", "", "point");
    const fold = element("button", "", "fold"), detail = element("tr", "", "detail"), inside = document.createElement("td");
    body.dataset.points = data.points[row].join(" ");
    fold.type = "button";
    fold.setAttribute("aria-label", "details");
    inside.colSpan = data.columns.length + 2;
    detail.append(inside);
    const first = document.createElement("td");
    first.append(fold);
    line.append(first, element("td", valueAt(data.marks, row)), ...data.columns.map((column) => cellOf(column, row)));
    line.addEventListener("click", () => {
      if (String(window.getSelection())) return;
      open[open.has(row) ? "delete" : "add"](row);
      unfold();
    });
    function unfold() {
      const isOpen = open.has(row);
      body.classList.toggle("open", isOpen);
      fold.setAttribute("aria-expanded", isOpen);
      fold.textContent = isOpen ? "−" : "+";
      if (isOpen && !inside.firstChild) {
        const about = element("div", "", "about"), { list, commands } = aboutOf(row);
        about.append(list, ...commands);
        inside.append(about);
      }
    }
    unfold();
    body.append(line, detail);
    return body;
  }

  const isFront = (row) => ["●", "○"].includes(valueAt(data.marks, row));

  function cellOf(column, row) {
    const cell = element("td", valueAt(column, row), column.kind === "text" ? "text" : "");
    if (column.kind === "text") {
      const dot = element("span", "", "dot");
      dot.style.background = data.colours[cell.textContent];
      cell.prepend(dot);
      if (valueAt(data.shares, row) > 1) cell.append(" ", element("span", "x" + valueAt(data.shares, row), "interval"));
    }
    if (column.lo && valueAt(column.lo, row) !== "-") {
      cell.append(" ", element("span", `${valueAt(column.lo, row)}–${valueAt(column.hi, row)}`, "interval"));
    }
    return cell;
  }

  function show() {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const found = order.filter((row) => (
      data.points[row].some((point) => left.has(point)) && (!fronts.checked || isFront(row)) && words.every((word) => textOf(row).includes(word))
    ));
    [...table.tBodies].forEach((body) => body.remove());  // the head stays where it is: it may have the focus
    const beyond = found.slice(most).filter((row) => row === chosen);
    table.append(...[...found.slice(0, most), ...beyond].map(bodyOf));
    one(".shown").textContent = found.length + " of " + count + " rows";
    more.hidden = found.length <= most;
    more.textContent = `Show ${Math.min(ROWS_AT_ONCE, found.length - most)} more of ${found.length}`;
    facet.dispatchEvent(new CustomEvent("rows"));
  }
  const anew = () => { most = ROWS_AT_ONCE; show(); };
  filter.addEventListener("input", anew);
  fronts.addEventListener("change", anew);
  facet.addEventListener("shown", ({ detail }) => {
    if (left && left.size === detail.size && [...left].every((point) => detail.has(point))) return;
    left = detail;
    anew();
  });
  facet.addEventListener("chosen", ({ detail }) => {
    chosen = rowOf.get(detail);
    if (left && !table.querySelector(`tbody[data-points~="${detail}"]`)) show();
  });
  let before = null;  // on paper are all rows that the toggles and the filter leave
  window.addEventListener("beforeprint", () => {
    before = most;
    most = ROWS_PRINTED;
    show();
    const left = count > ROWS_PRINTED ? `At most ${ROWS_PRINTED} of ` : "Of ";
    one(".printed.rows").textContent = `${left}${count} rows those that the toggles and the filter left; all are in points.csv.`;
  });
  window.addEventListener("afterprint", () => { most = before; show(); });
  more.addEventListener("click", () => { most += ROWS_AT_ONCE; show(); });

  function headingOf(column) {
    const heading = element("th", "", column.kind === "text" ? "text" : ""), button = element("button", "");
    button.type = "button";
    column.heading.split("_").forEach((word, place) => button.append(...(place ? ["_", document.createElement("wbr"), word] : [word])));
    if (column.kind === "nfe") heading.setAttribute("aria-sort", "ascending");
    heading.append(button);
    button.addEventListener("click", () => {
      const down = heading.getAttribute("aria-sort") === "ascending";
      table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", down ? "descending" : "ascending");
      order = inOrder(column, down);
      anew();
    });
    return heading;
  }

  function inOrder(column, down) {  // of equal ones the faster first; missing values last either way
    const values = data.points.map((_, row) => valueAt(column, row));
    const numbers = values.map((value) => (value === "-" ? NaN : Number(value)));
    return [...data.points.keys()].sort((a, b) => {
      if (values[a] === "-" || values[b] === "-") return (values[a] === "-") - (values[b] === "-");
      const both = numbers[a] - numbers[b], sign = Number.isNaN(both) ? values[a].localeCompare(values[b]) : both;
      return down ? -sign : sign;
    });
  }

  const head = table.createTHead().insertRow();
  head.append(document.createElement("th"), document.createElement("th"), ...data.columns.map(headingOf));
  return { aboutOf: (point) => aboutOf(rowOf.get(point)) };
}
