// Changes as they happen. The browser comes back by itself, and goes on where it was.
import { ask } from "./api.js";
import { $, count, day, el, later } from "./dom.js";

const KINDS = ["started", "named", "shifted", "merged", "dormant", "resumed", "ended"];
const MOST = 200;
let source = null, held = [], news = 0;

export function feed(changed, connected) {
  const boxes = KINDS.map((kind) => el("input", { type: "checkbox", value: kind, checked: true, id: `kind-${kind}` }));
  document.querySelector("#filter fieldset").append(
    ...boxes.map((box) => el("span", {}, box, " ", el("label", { for: box.id }, box.value))));
  const tell = later(5_000, () => {
    $("told").textContent = `${count(news, "change")} came`;
    news = 0;
  });
  const paused = () => $("pause").getAttribute("aria-pressed") === "true";

  function take(event) {
    const change = JSON.parse(event.data);
    changed(change.user_id);
    held.push(change);
    if (!paused()) flush();
    news += 1;
    tell();
  }

  function flush() {
    const list = $("changes");
    list.prepend(...held.slice(-MOST).toReversed().map(line));
    held = [];
    while (list.children.length > MOST) list.lastChild.remove();
    $("quiet").hidden = list.children.length > 0;
  }

  async function open() {
    source?.close();
    $("changes").dataset.live = false;
    const kinds = boxes.filter((box) => box.checked).map((box) => box.value);
    if (!kinds.length) return;
    const user = $("only").value.trim();
    await ask("changes", { limit: 1 }); // where a token is wanted, it is asked for first
    const url = new URL("api/changes/live", document.baseURI);
    if (user) url.searchParams.append("user", user);
    if (kinds.length < KINDS.length) kinds.forEach((kind) => url.searchParams.append("kind", kind));
    if (user) url.searchParams.append("after", ""); // all that ever happened to one person
    source = new EventSource(url);
    const live = (now) => {
      $("changes").dataset.live = now;
      connected(now);
    };
    source.onopen = () => live(true);
    source.onerror = () => live(false);
    KINDS.forEach((kind) => source.addEventListener(kind, take));
  }

  const again = () => {
    $("changes").replaceChildren();
    $("quiet").hidden = false;
    held = [];
    open();
  };
  boxes.forEach((box) => box.addEventListener("change", again));
  $("only").addEventListener("change", again);
  $("filter").addEventListener("submit", (event) => event.preventDefault());
  $("pause").addEventListener("click", () => {
    $("pause").setAttribute("aria-pressed", String(!paused()));
    if (!paused()) flush();
  });
  open();
}

function line(change) {
  const user = el("a", { href: `#/user/${encodeURIComponent(change.user_id)}` }, change.user_id);
  const items = (change.journey?.items ?? []).slice(0, 2).map((item) => item.title).join("; ");
  return el("li", {},
    el("span", { class: "faint" }, `${day(change.occurred_at)} `), user, " ",
    el("span", { class: "kind" }, change.kind), " ", change.name,
    items ? el("div", { class: "faint" }, items) : null);
}
