// What a row of the table unfolds: further figures, the settings as they were run, and the commands that evaluate them.
function makeAbout(data) {
  const kept = new Map();  // point -> its form, and its place there
  data.settings.forEach((form) => form.rows.forEach((point, at) => kept.set(point, [form, at])));
  const names = new Map();

  function settingOf(point) {
    const [form, at] = kept.get(point);
    if (!names.has(form)) names.set(form, Object.keys(form.columns).map((name) => [name, pathOf(name).join(".")]));
    return new Map(names.get(form).map(([name, key]) => [key, valueAt(form.columns[name], at)]));
  }

  // Each distinct value once, in ascending order: 1|2|4
  function joined(values) {
    const number = (text) => (text !== "-" && text !== "" && !Number.isNaN(Number(text)) ? Number(text) : null);
    const order = (a, b) => {
      if (a === "-" || b === "-") return (a === "-") - (b === "-");
      const x = number(a), y = number(b);
      return x !== null && y !== null ? x - y : (x === null) - (y === null) || (a < b ? -1 : 1);
    };
    return [...new Set(values)].sort(order).join("|");
  }

  function pairsOf(row) {
    const points = data.points[row], settings = points.map(settingOf);
    const keys = [...new Set(settings.flatMap((own) => [...own.keys()]))];
    return [
      ...data.further.map((column) => [column.heading, valueAt(column, row)]),
      ...points.map((point) => ["setting_id", points.length > 1 ? `${data.ids[point]} (${valueAt(data.labels, point)})` : data.ids[point]]),
      ...keys.map((key) => [key, joined(settings.map((own) => own.get(key) ?? "-"))]),
    ];
  }

  function commandOf(point) {
    const words = data.commands.of[point];
    if (!words.length) return [];
    const part = element("div", "", "command"), copy = element("button", "Copy", "copy");
    copy.type = "button";
    copy.setAttribute("aria-label", "Copy the command: " + valueAt(data.labels, point));
    part.append(element("code", words.map((word) => data.commands.words[word]).join(" ")), copy);
    return [part];
  }

  return (row) => {
    const list = document.createElement("dl");
    pairsOf(row).forEach(([name, value]) => {
      const pair = document.createElement("div");
      pair.append(element("dt", name), element("dd", value));
      list.append(pair);
    });
    return { list, commands: data.points[row].flatMap(commandOf) };
  };
}

function element(tag, text, kind = "") {
  const part = document.createElement(tag);
  part.textContent = text;
  part.className = kind;
  return part;
}
