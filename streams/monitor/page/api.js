// What is asked of the server; one that wants a token is given it once, and remembers it by a cookie.
import { $ } from "./dom.js";

let asking = null;

export async function ask(path, query = {}) {
  const url = new URL(`api/${path}`, document.baseURI);
  for (const [key, value] of Object.entries(query)) {
    for (const one of [value].flat()) if (one !== "" && one !== null) url.searchParams.append(key, one);
  }
  const answer = await fetch(url);
  if (answer.status === 401) {
    await signIn();
    return ask(path, query);
  }
  if (!answer.ok) throw new Error((await answer.json()).detail ?? answer.statusText);
  return answer.json();
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
