// Which view is shown, and what keeps it up to date.
import { close } from "./about.js";
import { $, later } from "./dom.js";
import { showApi } from "./endpoints.js";
import { feed } from "./feed.js";
import { showPeople, showPerson } from "./people.js";
import { showService, watchService } from "./service.js";

const PAGES = { service: "#/service", api: "#/api" }; // views that are not of people
let shown = new Set(), trouble = "", lost = false;
const changed = new Set();

async function show() {
  close();
  const [, view, name] = location.hash.split("/");
  document.querySelectorAll("nav a").forEach((link) => {
    if (link.hash === (PAGES[view] ?? "#/")) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  });
  try {
    if (view === "service") showService();
    else if (view === "api") await showApi();
    else if (view === "user") await showPerson(decodeURIComponent(name ?? ""));
    else shown = new Set(await showPeople($("user").value.trim()));
  } catch (error) {
    tell(error.message);
  }
}

function tell(text) {
  trouble = text;
  const said = trouble || (lost ? "The connection is lost; it is tried again." : "");
  $("trouble").textContent = said ? `${said} What is shown may be old.` : "";
  $("trouble").hidden = !said;
}

// A view that somebody is in (a bar has the focus, or is pointed at) is not drawn under their hands.
const refresh = later(1_000, () => {
  const [, view, name] = location.hash.split("/");
  const main = $("main"), here = document.activeElement;
  if (view in PAGES) return;
  if (view === "user" && changed.size && !changed.has(decodeURIComponent(name ?? ""))) return;
  if ((main.contains(here) && main !== here) || !$("about").hidden) return refresh();
  changed.clear();
  show();
});

addEventListener("hashchange", async () => {
  await show();
  $("main").focus({ preventScroll: true });
});
$("user").addEventListener("input", later(200, () => (location.hash === "#/" || !location.hash ? show() : (location.hash = "#/"))));
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault(); // an address of its own would be another view
  $("main").focus();
});
$("search").addEventListener("submit", (event) => event.preventDefault());
watchService(tell);
show();
feed(
  (userId) => { changed.add(userId); refresh(); },
  (connected) => {
    lost = !connected;
    tell(trouble);
    if (connected) refresh(); // for what came in between
  },
);
