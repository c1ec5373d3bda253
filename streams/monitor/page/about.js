// What a journey is about: shown beside its bar on hover, focus or touch; Escape closes it.
import { ask } from "./api.js";
import { $, count, day, el } from "./dom.js";

let wanted = null;

export function about(bar, journeyId) {
  const show = () => open(bar, journeyId);
  bar.addEventListener("pointerenter", show);
  bar.addEventListener("focus", show);
  bar.addEventListener("click", show);
  bar.addEventListener("pointerleave", () => bar !== document.activeElement && close());
  bar.addEventListener("blur", close);
}

export function close() {
  document.querySelector("[aria-describedby='about']")?.removeAttribute("aria-describedby");
  wanted = null;
  $("about").hidden = true;
}

async function open(bar, journeyId) {
  close();
  wanted = journeyId;
  const journey = await ask(`journeys/${encodeURIComponent(journeyId)}`).catch(() => null);
  if (wanted !== journeyId || !journey) return;
  const box = $("about");
  const terms = Object.entries(journey.terms).sort((a, b) => b[1] - a[1]).slice(0, 8).map(([term]) => term);
  box.replaceChildren(
    el("strong", {}, journey.name),
    el("div", { class: "faint" }, `${journey.stage}${journey.kind ? `, ${journey.kind}` : ""}, since ${day(journey.started_at)}, ${count(journey.activities, "activity", "activities")}, ${Math.round(100 * journey.confidence)} % sure`),
    ...(journey.theme?.name ? [el("div", { class: "faint" }, `theme: ${journey.theme.name}`)] : []),
    el("ul", {}, ...journey.items.map((item) => el("li", {}, item.title))),
    el("div", { class: "faint" }, terms.join(", ")),
  );
  box.hidden = false;
  bar.setAttribute("aria-describedby", "about");
  const at = bar.getBoundingClientRect();
  const below = at.bottom + box.offsetHeight + 8 < innerHeight;
  box.style.top = `${scrollY + Math.max(4, below ? at.bottom + 4 : at.top - box.offsetHeight - 4)}px`;
  box.style.left = `${Math.max(4, Math.min(at.left + at.width / 3, innerWidth - box.offsetWidth - 8))}px`;
}

document.addEventListener("keydown", (event) => event.key === "Escape" && close());
