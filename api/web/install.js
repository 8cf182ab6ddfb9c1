// Starts the service worker, which keeps the page on the device. Browsers have none on addresses without TLS.
const WORKER = "/sw.js";

/** Keep the page on the device, where the browser can; where it cannot, the page works all the same. */
export async function stayOnDevice() {
  // The page's policy lets a script be named by nothing but an address that a policy of this name has made.
  const policy = window.trustedTypes?.createPolicy("service-worker", { createScriptURL: () => WORKER });
  await navigator.serviceWorker?.register(policy ? policy.createScriptURL("") : WORKER);
}
