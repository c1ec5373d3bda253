// How the services stand: numbers, their last ten minutes, and what was rejected.
import { ask } from "./api.js";
import { $, count, el } from "./dom.js";

const SECONDS = 2, KEPT = 300;
const times = [], rates = [], lags = [];
let chart = null, seen = {};

export function watchService(troubled) {
  const look = async () => {
    try {
      seen = await ask("vitals");
      troubled(seen.trouble);
      times.push(Date.now() / 1000);
      rates.push(seen.activities.per_second);
      lags.push(seen.activities.waiting);
      for (const series of [times, rates, lags]) if (series.length > KEPT) series.shift();
      if (location.hash === "#/service") refresh();
    } catch (error) {
      troubled(`the monitor does not answer (${error.message})`);
    }
    setTimeout(look, SECONDS * 1_000);
  };
  look();
}

export function showService() {
  chart = null;
  $("main").replaceChildren(
    el("h2", {}, "Service"),
    el("div", { class: "tiles", id: "tiles" }),
    el("section", { class: "card", "aria-label": "The last ten minutes" }, el("div", { id: "chart" })),
    el("section", { class: "card", id: "rejects" }));
  refresh();
}

function refresh() {
  if (!seen.activities || !$("tiles")) return;
  const { activities, names, rejected, rejects } = seen;
  const share = activities.records ? (100 * rejected) / activities.records : 0;
  const tile = (value, text) => el("div", { class: "card" }, el("b", {}, value), text);
  const age = (backlog) => (backlog.waiting ? `, the oldest for ${Math.round(backlog.waiting_seconds)} s` : "");
  $("tiles").replaceChildren(
    tile(activities.per_second.toLocaleString("en"), "activities a second"),
    tile(activities.waiting.toLocaleString("en"), `activities wait${age(activities)}`),
    tile(names.waiting.toLocaleString("en"), `names wait${age(names)}`),
    tile(rejected.toLocaleString("en"), `rejected, ${share.toFixed(share < 1 ? 2 : 0)} % of ${count(activities.records, "activity", "activities")}`));
  const data = [times, rates, lags];
  if (chart) chart.setData(data);
  else chart = plot(data);
  $("rejects").replaceChildren(el("h3", {}, "Rejects, the latest thousand"), ...(rejects.length ? rejects.map(reason) : [el("p", {}, "None.")]));
}

function plot(data) {
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line") } };
  return new uPlot(
    {
      width: Math.max(260, $("chart").clientWidth), height: 220,
      scales: { y: { range: (_, low, high) => [0, Math.max(high, 10)] }, lag: { range: (_, low, high) => [0, Math.max(high, 10)] } },
      axes: [axis, { ...axis, label: "a second" }, { ...axis, scale: "lag", side: 1, label: "waiting" }],
      series: [{}, { label: "activities a second", stroke: colour("--active"), width: 2 }, { label: "waiting", scale: "lag", stroke: colour("--accent"), dash: [6, 3], width: 2 }],
    },
    data, $("chart"));
}

function reason(kind) {
  const head = el("tr", {}, ...["time", "key", "what is wrong", "value"].map((text) => el("th", { scope: "col" }, text)));
  const rows = kind.samples.map((one) =>
    el("tr", {}, el("td", {}, one.time.slice(0, 19)), el("td", {}, one.key), el("td", {}, one.detail), el("td", {}, el("code", {}, one.value))));
  return el("details", {}, el("summary", {}, `${kind.reason}: ${kind.count.toLocaleString("en")} from ${kind.topic}`), el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows)));
}
