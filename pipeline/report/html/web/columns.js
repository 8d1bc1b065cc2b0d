// Columns (pipeline/runs/columns.py): each value is there once.
const valueAt = (column, place) => column.values[column.of ? column.of[place] : 0];
const pathOf = (name) => name.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));

// The rows, as they were before they were columns.
function fromColumns(forms) {
  const rows = [];
  for (const form of forms) {
    const columns = Object.entries(form.columns).map(([name, column]) => [pathOf(name), column]);
    form.rows.forEach((place, at) => {
      rows[place] = {};
      for (const [path, column] of columns) {
        let owner = rows[place];
        for (const key of path.slice(0, -1)) owner = owner[key] ??= {};
        owner[path.at(-1)] = valueAt(column, at);
      }
    });
  }
  return rows;
}
