// Loads the page once more when a part of it could not be loaded: networks change, servers restart.
// No module: it must work when those do not.

(() => {
  const AGAIN_MS = 1000;
  let waits = false;

  const later = () => setTimeout(again, AGAIN_MS);

  function again() {
    fetch("/page/main.js", { cache: "no-store" }).then((reply) => (reply.ok ? location.reload() : later()), later);
  }

  function failed({ target }) {
    if (waits || !(target instanceof HTMLScriptElement || target instanceof HTMLLinkElement)) return;
    waits = true;
    document.getElementById("app").textContent = "The page could not be loaded. Trying again …";
    later();
  }

  window.addEventListener("error", failed, { capture: true });
})();
