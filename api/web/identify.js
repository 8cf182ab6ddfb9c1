// Sends photos and waits for the answer. XMLHttpRequest, because fetch does not tell how much has been sent.
import { lang } from "/web/words.js";

const PATIENCE_MS = 60_000;
const MOST_BYTES = 20_000_000; // a larger file is not even sent

/** Why there is no answer: `kind` is a screen of trouble.js, the rest is for the person who reports it. */
export class Trouble extends Error {
  constructor(kind, { requestId = null, waitSeconds = null } = {}) {
    super(kind);
    Object.assign(this, { kind, requestId, waitSeconds });
  }
}

const BY_CODE = {
  too_large: "tooLarge", upload_too_large: "tooLarge", too_many_photos: "tooMany",
  not_an_image: "notImage", unsupported_body: "notImage", too_small: "tooSmall",
  undecodable: "broken", unreadable: "broken", empty_photo: "broken",
  body_too_slow: "slow", overloaded: "busy",
};

/**
 * Ask which fruit 1 to 5 blobs show.
 * `onSent` is told the share sent, 0 to 1; `signal` ends the request. Rejects with a Trouble, or an AbortError.
 */
export function identify(blobs, { onSent, signal }) {
  if (blobs.some((blob) => blob.size > MOST_BYTES)) return Promise.reject(new Trouble("tooLarge"));
  const form = new FormData();
  for (const blob of blobs) form.append("photo", blob, "photo"); // never the file's own name
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", `/identify?lang=${lang()}`);
    request.responseType = "json";
    request.timeout = PATIENCE_MS;
    request.upload.onprogress = (event) => onSent(event.loaded / event.total);
    request.onload = () => (request.status === 200 && request.response ? resolve(request.response) : reject(refusal(request)));
    request.onerror = () => reject(new Trouble(navigator.onLine ? "unreachable" : "offline"));
    request.ontimeout = () => reject(new Trouble("slow"));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

function refusal(request) {
  const { status, response } = request;
  const about = {
    requestId: response?.request_id ?? request.getResponseHeader("X-Request-Id"),
    waitSeconds: Number.parseInt(request.getResponseHeader("Retry-After"), 10) || null,
  };
  const byStatus = { 408: "slow", 413: "tooLarge", 415: "notImage", 429: "busy", 503: "notReady" };
  return new Trouble(BY_CODE[response?.code] ?? byStatus[status] ?? "failed", about);
}
