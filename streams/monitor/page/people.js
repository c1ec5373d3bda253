// People as rows, their journeys as bars over time.
import { ask } from "./api.js";
import { about } from "./about.js";
import { $, count, day, el } from "./dom.js";

const MOST = 30;
const STAGES = ["emerging", "active", "dormant"];

export async function showPeople(search) {
  const people = await ask("people", { search, limit: MOST });
  if (!people.length) {
    const said = search ? `Nobody's id holds “${search}”.` : "No journeys yet. A cluster of activity becomes one once it lasts over several windows.";
    $("main").replaceChildren(el("p", {}, said));
    return [];
  }
  const title = search ? `People whose id holds “${search}”` : "People, those last active first";
  draw(people, title, people.length === MOST ? `The first ${MOST}; find others by their id.` : "");
  return people.map((person) => person.user_id);
}

export async function showPerson(userId) {
  const [people, page] = await Promise.all([
    ask("people", { user: userId }),
    ask("changes", { user: userId, limit: 1000 }),
  ]);
  if (!people.length) {
    $("main").replaceChildren(el("p", {}, `No journeys of “${userId}” are known.`));
    return;
  }
  draw(people, userId, "");
  const rows = page.changes.toReversed().map((one) =>
    el("tr", {}, el("td", {}, day(one.occurred_at)), el("td", { class: "kind" }, one.kind), el("td", {}, one.name)),
  );
  const head = el("tr", {}, ...["when", "what", "journey"].map((text) => el("th", { scope: "col" }, text)));
  $("main").append(
    el("section", { class: "card" }, el("h2", {}, `History, ${count(rows.length, "change")}`), el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows))),
  );
}

function draw(people, title, note) {
  const range = rangeOf(people);
  const legend = el("p", { class: "legend faint" }, ...STAGES.map((stage) =>
    el("span", {}, el("span", { class: `swatch ${stage}` }), stage)));
  const rows = people.map((person) => row(person, range));
  $("main").replaceChildren(
    el("div", { class: "bar" }, el("h2", {}, title), legend),
    ...(note ? [el("p", { class: "faint" }, note)] : []),
    el("ol", { class: "people" }, ...rows),
  );
}

function rangeOf(people) {
  const starts = [], ends = [];
  for (const person of people) {
    ends.push(Date.parse(person.updated_at));
    for (const bar of person.bars) {
      starts.push(Date.parse(bar.spans[0].start));
      ends.push(Date.parse(bar.last_active_at));
      for (const span of bar.spans) if (span.end) ends.push(Date.parse(span.end));
    }
  }
  const start = Math.min(...starts), end = Math.max(...ends);
  return { start, length: Math.max(end - start, 86_400_000) * 1.02 };
}

function row(person, range) {
  const link = el("a", { href: `#/user/${encodeURIComponent(person.user_id)}` }, person.user_id);
  const active = person.bars.filter((bar) => bar.stage === "active").length;
  return el("li", { "data-user": person.user_id },
    el("h3", {}, link, el("span", { class: "faint" }, ` ${count(person.bars.length, "journey")}, ${active} active, last ${day(person.updated_at)}`)),
    axis(range),
    ...person.bars.flatMap((bar, place) => [...heading(person.bars, place), lane(bar, range)]));
}

// The theme's name, above the first of its journeys. Those that are over keep the name of their time.
function heading(bars, place) {
  const theme = bars[place].theme?.theme_id;
  if (!theme || bars[place - 1]?.theme?.theme_id === theme) return [];
  const under = bars.filter((bar) => bar.theme?.theme_id === theme);
  const name = (under.find((bar) => !isOver(bar) && bar.theme.name) ?? under.find((bar) => bar.theme.name))?.theme.name;
  return name && under.length > 1 ? [el("div", { class: "theme faint" }, name)] : [];
}

function isOver(bar) {
  return ["ended", "merged"].includes(bar.stage);
}

function axis({ start, length }) {
  const ticks = el("div", { class: "axis", "aria-hidden": "true" });
  const room = Math.max(1, Math.floor(($("main").clientWidth * 0.6) / 70));
  const months = Math.max(1, Math.ceil(length / (30 * 86_400_000) / room));
  const at = new Date(start);
  at.setUTCDate(1);
  for (at.setUTCMonth(at.getUTCMonth() + 1); at < start + 0.93 * length; at.setUTCMonth(at.getUTCMonth() + months)) {
    const tick = el("span", {}, at.toISOString().slice(0, 7));
    tick.style.left = `${(100 * (at - start)) / length}%`;
    ticks.append(tick);
  }
  return ticks;
}

function lane(bar, { start, length }) {
  const track = el("span", { class: "track", "aria-hidden": "true" });
  for (const span of bar.spans) {
    const from = Date.parse(span.start), to = span.end ? Date.parse(span.end) : start + length / 1.02;
    const piece = el("span", { class: `span ${span.stage}` });
    piece.style.left = `${(100 * (from - start)) / length}%`;
    piece.style.width = `${(100 * Math.max(0, to - from)) / length}%`;
    track.append(piece);
  }
  const said = `${bar.name}, ${bar.stage}${bar.kind ? `, ${bar.kind}` : ""}, ${count(bar.activities, "activity", "activities")}, last ${day(bar.last_active_at)}`;
  const made = el("button", { class: isOver(bar) ? "lane over" : "lane", type: "button", "aria-label": said, "data-journey": bar.journey_id },
    el("span", { class: "name" }, bar.name), track);
  about(made, bar.journey_id);
  return made;
}
