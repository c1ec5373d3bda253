// What can be asked over HTTP, as the OpenAPI document has it, and asked from here.
import { addressed, answer } from "./api.js";
import { $, el } from "./dom.js";

const SHOWN = 20_000; // characters of an answer

export async function showApi() {
  const described = await (await answer("schema/openapi.json")).json();
  const all = Object.entries(described.paths).filter(([path]) => path.startsWith("/api/")).flatMap(
    ([path, methods]) => Object.entries(methods).map(([method, one]) => endpoint(path, method, one)));
  const link = el("a", { href: "schema/openapi.json" }, "OpenAPI document");
  $("main").replaceChildren(
    el("h2", {}, "API"), el("p", {}, "What programs may ask, and you here. For them: the ", link, "."), ...all);
}

function endpoint(path, method, { description = "", parameters = [], requestBody }) {
  const name = `${method.toUpperCase()} ${path}`;
  const fields = parameters.filter((one) => one.in !== "header").map((one) => field(name, one));
  if (requestBody) fields.push(field(name, { name: "body", required: true, description: "JSON" }));
  const said = el("pre", { tabindex: "0", "aria-live": "polite", hidden: true });
  const form = el("form", { class: "asked" }, ...fields, el("button", {}, path.endsWith("/live") ? "Show how" : "Ask"));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    said.textContent = await told(path, method, parameters, new FormData(form));
    said.hidden = false;
  });
  return el("details", { class: "card", "data-endpoint": name },
    el("summary", {}, el("code", {}, name), ` ${description.split("\n")[0]}`), form, said);
}

function field(endpoint, { name, required, description, schema = {} }) {
  const about = description ?? schema.description ?? "";
  const id = `${endpoint} ${name}`;
  return el("p", {}, el("label", { for: id }, name),
    el("input", { id, name, required: Boolean(required), autocomplete: "off", spellcheck: false }),
    el("span", { class: "faint" }, about));
}

async function told(path, method, parameters, given) {
  const query = {};
  for (const one of parameters) {
    const value = given.get(one.name);
    if (one.in === "path") path = path.replace(`{${one.name}}`, encodeURIComponent(value));
    else if (one.in === "query") query[one.name] = value;
  }
  const address = path.slice(1), body = given.get("body");
  if (path.endsWith("/live")) return `curl -N '${addressed(address, query)}'`; // it has no end
  const options = body === null ? {} : { method, body, headers: { "Content-Type": "application/json" } };
  try {
    const found = await (await answer(address, query, options)).text();
    return `${addressed(address, query)}\n\n${pretty(found).slice(0, SHOWN)}`;
  } catch (error) {
    return error.message;
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
