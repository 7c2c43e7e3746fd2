// Draws the charts of a page. It runs under a policy that allows no eval and no network: Vega's
// expressions are interpreted, and its loader refuses every address.
(async () => {
  "use strict";
  const charts = Array.from(document.querySelectorAll("[data-chart]"));
  const refuse = () => Promise.reject(new Error("a page loads nothing from elsewhere"));
  const loader = {
    load: refuse,
    http: refuse,
    file: refuse,
    // Only pictures that stand in the page itself; no links, so that no name can become one.
    sanitize: (uri) =>
      String(uri).startsWith("data:image/") ? Promise.resolve({ href: uri }) : refuse(),
  };

  const complain = (chart, error) => {
    const line = document.createElement("p");
    line.className = "empty";
    line.textContent = "This chart could not be drawn: " + error.message;
    chart.replaceChildren(line);
    console.error(error);
  };

  // The policy admits this script by the hash of its text, whichever way it comes in.
  const unpack = async (element) => {
    const bytes = Uint8Array.from(atob(element.textContent), (letter) => letter.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const script = document.createElement("script");
    script.textContent = await new Response(stream).text();
    document.head.append(script);
  };

  const theme = () => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const font = getComputedStyle(document.body).fontFamily;
    const axis = {
      labelColor: colour("--quiet"),
      titleColor: colour("--quiet"),
      domainColor: colour("--line"),
      tickColor: colour("--line"),
      gridColor: colour("--line"),
      labelFontSize: 12,
      titleFontSize: 12,
      titleFontWeight: "normal",
      titlePadding: 8,
    };
    return {
      background: "transparent",
      font,
      padding: 4,
      title: { color: colour("--ink"), fontSize: 13, fontWeight: 600, anchor: "start", offset: 10 },
      axis,
      legend: {
        labelColor: colour("--ink"),
        titleColor: colour("--quiet"),
        labelFontSize: 12,
        titleFontSize: 12,
        titleFontWeight: "normal",
        titleLimit: 240,
      },
      header: { labelColor: colour("--ink"), titleColor: colour("--quiet") },
      view: { stroke: null },
      text: { color: colour("--ink") },
      rule: { color: colour("--quiet") },
      // A text that lies on lines: `"style": "halo"` draws the paper around it.
      style: { halo: { stroke: colour("--paper"), strokeWidth: 3, strokeOpacity: 0.85 } },
      range: {
        category: colour("--series").split(",").map((text) => text.trim()),
        heatmap: [colour("--low"), colour("--high")],
        ramp: [colour("--low"), colour("--high")],
        // For lines and points, which must be seen at both ends.
        diverging: [colour("--worst"), colour("--middle"), colour("--best")],
      },
    };
  };

  const tooltip = document.createElement("div");
  tooltip.className = "tooltip";
  tooltip.hidden = true;
  document.body.append(tooltip);
  const point = (_handler, event, _item, value) => {
    tooltip.hidden = value === null || value === undefined || value === "";
    if (tooltip.hidden) return;
    tooltip.textContent =
      typeof value === "object"
        ? Object.entries(value).map(([name, text]) => name + ": " + text).join("\n")
        : String(value);
    const left = Math.min(event.clientX + 14, innerWidth - tooltip.offsetWidth - 8);
    const top = Math.min(event.clientY + 14, innerHeight - tooltip.offsetHeight - 8);
    tooltip.style.left = Math.max(0, left) + "px";
    tooltip.style.top = Math.max(0, top) + "px";
  };

  const views = new Map();
  const draw = async (chart) => {
    try {
      const source = document.getElementById(chart.dataset.chart);
      const compiled = vegaLite.compile(JSON.parse(source.textContent), { config: theme() });
      if (views.has(chart)) views.get(chart).finalize();
      const view = new vega.View(vega.parse(compiled.spec, null, { ast: true }), {
        container: chart,
        expr: vegaInterpreter.expressionInterpreter,
        hover: true,
        loader,
        logLevel: vega.Error,
        renderer: "svg",
        tooltip: point,
      });
      views.set(chart, view);
      await view.runAsync();
    } catch (error) {
      complain(chart, error);
    }
  };
  const drawAll = () => Promise.all(charts.map(draw));

  try {
    await unpack(document.getElementById("vega"));
  } catch (error) {
    charts.forEach((chart) => complain(chart, error));
    return;
  }
  await drawAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  document.documentElement.dataset.drawn = String(charts.length);
})();
