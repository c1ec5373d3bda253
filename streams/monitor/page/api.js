// What is asked of the server; one that wants a token is given it once, and remembers it by a cookie.
import { $ } from "./dom.js";

let asking = null;

export async function ask(path, query = {}) {
  return (await answer(`api/${path}`, query)).json();
}

export async function answer(path, query = {}, options = {}) {
  const found = await fetch(addressed(path, query), options);
  if (found.status === 401) {
    await signIn();
    return answer(path, query, options);
  }
  if (!found.ok) throw new Error(wrong(await found.json()) || found.statusText);
  return found;
}

function wrong({ detail, extra }) {
  const fields = [extra ?? []].flat().filter((one) => one.key);
  return fields.length ? fields.map((one) => `${one.key}: ${one.message}`).join("\n") : detail;
}

export function addressed(path, query = {}) {
  const url = new URL(path, document.baseURI);
  for (const [key, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one !== "" && one !== null) url.searchParams.append(key, one);
  }
  return url;
}

function signIn() {
  asking ??= new Promise((done) => {
    const dialog = $("sign-in");
    dialog.addEventListener(
      "close",
      async () => {
        const body = JSON.stringify({ token: $("token").value });
        await fetch("session", { method: "POST", body, headers: { "Content-Type": "application/json" } });
        asking = null;
        done();
      },
      { once: true },
    );
    dialog.showModal();
  });
  return asking;
}
