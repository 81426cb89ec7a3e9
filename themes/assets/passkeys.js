// Passkeys: fetches what to ask the browser, asks it, and sends on what it answers. Where there is
// no script, or the browser knows no passkeys, the page says so by itself.
"use strict";

(() => {
  const able = Boolean(window.PublicKeyCredential && navigator.credentials);

  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  function read(json) {
    const options = JSON.parse(json);
    options.challenge = bytes(options.challenge);
    if (options.user) options.user.id = bytes(options.user.id);
    for (const list of [options.excludeCredentials, options.allowCredentials]) {
      for (const one of list || []) one.id = bytes(one.id);
    }
    return options;
  }

  function written(credential) {
    const response = {};
    for (const name of [
      "clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle",
    ]) {
      if (credential.response[name]) response[name] = text(credential.response[name]);
    }
    return JSON.stringify({
      id: credential.id, rawId: text(credential.rawId), type: credential.type, response,
    });
  }

  // What to say is on the page already, in its language.
  function say(block, what) {
    const words = block.querySelector(`template[data-said="${what}"]`);
    block.querySelector("[data-says]").replaceChildren(words.content.cloneNode(true));
  }

  async function fetched(block, form) {
    const answer = await fetch(location.href, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { "HX-Request": "true", "HX-Target": `div#${block.id}` },
    });
    if (answer.redirected) {
      location.assign(answer.url);
      await new Promise(() => {}); // for the page that comes
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    return page.getElementById(block.id);
  }

  async function ask(block, asking) {
    const options = { publicKey: read(asking.dataset.passkeyOptions) };
    const credential = await (asking.dataset.passkey === "create"
      ? navigator.credentials.create(options)
      : navigator.credentials.get(options));
    asking.elements.credential.value = written(credential);
    asking.submit();
  }

  async function begin(block, form) {
    const button = form.querySelector("button");
    block.querySelector("[data-says]").replaceChildren();
    button.disabled = true;
    try {
      const drawn = await fetched(block, form);
      const asking = drawn.querySelector("[data-passkey]");
      if (!asking) {
        // A refusal: the form with what is wrong with it.
        drawn.hidden = false;
        block.replaceWith(drawn);
        drawn.querySelector('[aria-invalid="true"]')?.focus();
        return;
      }
      block.append(asking);
      say(block, "asked");
      await ask(block, asking);
      return;
    } catch (error) {
      // Whoever cancels, or lets the time go by, did so and need not be told.
      const cancelled = ["NotAllowedError", "AbortError"].includes(error.name);
      block.querySelector("[data-says]").replaceChildren();
      if (!cancelled) say(block, error.name === "InvalidStateError" ? "known" : "failed");
      block.querySelector("[data-passkey]")?.remove();
    }
    button.disabled = false;
    button.focus();
  }

  document.addEventListener("submit", (event) => {
    const block = event.target.closest("[data-passkeys]");
    if (!able || !block || event.target.dataset.passkey) return;
    event.preventDefault();
    begin(block, event.target);
  });

  document.addEventListener("DOMContentLoaded", () => {
    for (const part of document.querySelectorAll("[data-with-passkeys]")) part.hidden = !able;
    for (const part of document.querySelectorAll("[data-without-passkeys]")) part.hidden = able;
  });
})();
