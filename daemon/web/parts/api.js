// Questions to the daemon, always below the page's own address: a base path stays.
import { text } from "./texts.js";

const kReplyTime = 20000;

export class ApiError extends Error {
  constructor(status, message, retryAfter = null) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter; // seconds, or null
  }
}

export function queryOf(parameters) {
  const pairs = Object.entries(parameters).filter(([, value]) => value != null && value !== "");
  const asked = new URLSearchParams(pairs).toString();
  return asked ? `?${asked}` : "";
}

async function trouble(reply) {
  let message;
  try { message = (await reply.json()).error.message; } catch { /* not the daemon's own words, say a proxy's page */ }
  const wait = Number.parseInt(reply.headers.get("Retry-After"), 10);
  return new ApiError(reply.status, message ?? text("errorStatus", { status: reply.status }), Number.isNaN(wait) ? null : wait);
}

// What early.js has asked already is told once; it ends as late, and is left, as any other question.
function send(address, options) {
  const reply = globalThis.early?.get(address);
  globalThis.early?.delete(address);
  if (!reply) return fetch(address, options);
  const ended = new Promise((_, reject) => options.signal.addEventListener("abort", () => reject(options.signal.reason)));
  return Promise.race([reply, ended]);
}

// The answer's JSON. An aborted question throws AbortError; every other trouble an ApiError (status 0: no answer at all).
export async function ask(path, parameters = {}, signal = undefined) {
  const late = AbortSignal.timeout(kReplyTime);
  let reply;
  try {
    reply = await send(`./api/v1/${path}${queryOf(parameters)}`, {
      headers: { Accept: "application/json" },
      signal: signal ? AbortSignal.any([signal, late]) : late,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, text(error.name === "TimeoutError" ? "errorLate" : "errorAway"));
  }
  if (reply.status === 401) {
    location.replace(`./login${location.hash}`);
    return new Promise(() => {}); // the page is left
  }
  if (!reply.ok) throw await trouble(reply);
  return reply.json();
}

export const exportHref = (what, format, parameters = {}) => `./api/v1/export${queryOf({ what, format, ...parameters })}`;
