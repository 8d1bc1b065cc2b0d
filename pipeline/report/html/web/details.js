// Loads details/<name>.js beside the page, each once: a page on disk may add a script, but not fetch.
const axonAwaited = new Map();
function axonDetails(name, packed) { axonAwaited.get(name)?.resolve(packed); }

// A promise of the data; rejected where the page stands alone.
function loadDetails(name) {
  if (axonAwaited.has(name)) return axonAwaited.get(name).data;
  const waiting = {};
  const packed = new Promise((resolve, reject) => Object.assign(waiting, { resolve, reject }));
  waiting.data = packed.then((text) => {
    const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).json();
  });
  axonAwaited.set(name, waiting);
  const script = document.createElement("script");
  script.src = `details/${name}.js`;
  script.addEventListener("error", () => waiting.reject(new Error("absent")));
  document.head.append(script);
  return waiting.data;
}
