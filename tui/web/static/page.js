// Around textual-serve's script: what it lacks behind a strict content policy, under a path, and when a
// connection ends. Loaded before it; both are deferred, so the page is there.
"use strict";
(() => {
  const prefix = document.body.dataset.prefix;
  const nonce = document.currentScript.nonce;

  // xterm.js writes styles of its own; the policy admits them by the page's nonce, and attributes not at all.
  const create = document.createElement.bind(document);
  document.createElement = (name, options) => {
    const made = create(name, options);
    if (String(name).toLowerCase() === "style") made.nonce = nonce;
    return made;
  };
  const set = Element.prototype.setAttribute;
  Element.prototype.setAttribute = function (name, value) {
    if (name === "style") this.style.cssText = value;
    else set.call(this, name, value);
  };

  const closed = document.getElementById("closed");
  const why = document.getElementById("why");
  const again = document.getElementById("again");
  again.addEventListener("click", () => location.reload());

  const ENDED = 4001; // other codes from 4000 on come with their reason; see closing.py
  const FIRST_OF_OURS = 4000;
  const RETRY_MS = 2000;

  async function comeBack() {
    try {
      const answer = await fetch(`${prefix}/health`, { cache: "no-store" });
      if (answer.ok) return location.reload();
    } catch { /* not yet */ }
    setTimeout(comeBack, RETRY_MS);
  }

  function ended(event) {
    closed.hidden = false;
    if (event.code >= FIRST_OF_OURS) {
      why.textContent = event.reason;
      again.textContent = event.code === ENDED ? "Sign in" : "Open again";
      again.focus();
    } else {
      why.textContent = `${event.reason || "Connection lost."} Trying again …`;
      again.textContent = "Try now";
      setTimeout(comeBack, RETRY_MS);
    }
  }

  function told(event) {
    if (typeof event.data !== "string") return;
    const [kind, what] = JSON.parse(event.data);
    if (kind !== "keelyard_download") return;
    const link = create("a");
    link.href = `${prefix}/download/${encodeURIComponent(what.key)}`;
    link.download = what.name;
    link.click();
  }

  const Plain = window.WebSocket;
  window.WebSocket = class extends Plain {
    constructor(...given) {
      super(...given);
      this.addEventListener("close", ended);
      this.addEventListener("message", told);
    }
    send(what) {
      if (this.readyState === Plain.OPEN) super.send(what); // the size is told again once it is open
    }
  };

  const terminal = document.getElementById("terminal");
  terminal.dataset.sessionWebsocketUrl =
    new URL(terminal.dataset.socket, location.href).href.replace(/^http/, "ws");

  // It measures its cells when the page has loaded: the font has to be there by then.
  addEventListener("DOMContentLoaded", () => {
    const start = window.onload;
    const loaded = new Promise((done) => { window.onload = done; });
    Promise.allSettled([loaded, document.fonts.load("16px 'Roboto Mono'")]).then(() => {
      start();
      terminal.querySelector("textarea")?.focus();
    });
  });
})();
