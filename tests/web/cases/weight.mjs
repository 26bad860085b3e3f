// What the page weighs, and how soon it is of use.
import { gzipSync } from "node:zlib";
import { Tab } from "../browser.mjs";
import { check, kPages, test, timed } from "../checks.mjs";
import { eventually } from "../program.mjs";

const kMost = 400 * 1024;     // bytes
const kMostWait = 200;        // ms from the first byte to a page of use
const kLoads = 9;

const kilobytes = (bytes) => `${(bytes / 1024).toFixed(0)} KB`;

// The files that a visit of these pages asks for, by path: as they are, and as they came.
async function filesOf(tab, pages) {
  const files = new Map();
  const reading = [];
  tab.page.on("response", (reply) => {
    const path = new URL(reply.url()).pathname;
    if (path.startsWith("/api/") || !reply.ok() || files.has(path)) return;
    files.set(path, null);
    reading.push(Promise.all([reply.body(), reply.request().sizes()]).then(([body, { responseBodySize }]) =>
      files.set(path, { raw: body.length, packed: gzipSync(body).length, sent: responseBodySize })));
  });
  for (const hash of pages) await tab.show(hash);
  await eventually("the charts' library", () => files.has("/chart.js"), 20_000);
  await Promise.all(reading);
  check(files.has("/") && files.has("/app.js"), `not all was seen: ${[...files.keys()].join(" ")}`);
  return files;
}

function sumOf(files, what) {
  const sum = (member) => [...files.values()].reduce((all, file) => all + file[member], 0);
  const [raw, packed, sent] = [sum("raw"), sum("packed"), sum("sent")];
  console.log(`      ${what}: ${files.size} files, ${kilobytes(raw)} raw, ${kilobytes(packed)} packed, ${kilobytes(sent)} sent; Chart.js ${kilobytes(files.get("/chart.js").raw)} of it`);
  return { raw, sent };
}

test("a load of the overview weighs 400 KB at most, and the whole site no more on its way", async ({ browser, url }) => {
  const first = await Tab.open(browser, url);
  const overview = sumOf(await filesOf(first, ["overview"]), "overview");
  await first.close();
  const tab = await Tab.open(browser, url);
  const all = sumOf(await filesOf(tab, [...kPages, "object?kind=channel&id=5"]), "every page");
  await tab.close();
  check(overview.raw <= kMost, `${overview.raw} bytes, at most ${kMost}`);
  check(all.sent <= kMost, `${all.sent} bytes on their way, at most ${kMost}`);
});

// From the first byte of the document to the first painted figures, without a cache.
async function usableAfter(browser, url) {
  const tab = await Tab.open(browser, url);
  await tab.page.addInitScript(() => {
    const look = () => {
      if (document.querySelector(".page") && !document.querySelector(".skeleton, .page[aria-busy=true]")) window.usable = performance.now();
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  await tab.page.goto(`${url}/#/overview`);
  await tab.page.waitForFunction(() => window.usable !== undefined);
  const wait = await tab.page.evaluate(() => window.usable - performance.getEntriesByType("navigation")[0].responseStart);
  await tab.close();
  return wait;
}

timed("the page is of use soon after its first byte", async ({ browser, url }) => {
  const waits = [];
  for (let load = 0; load < kLoads; load += 1) waits.push(await usableAfter(browser, url));
  waits.sort((a, b) => a - b);
  const median = waits[Math.floor(kLoads / 2)];
  console.log(`      usable ${median.toFixed(0)} ms after the first byte (median of ${kLoads}, ${waits[0].toFixed(0)} to ${waits.at(-1).toFixed(0)} ms)`);
  check(median <= kMostWait, `${median.toFixed(0)} ms, at most ${kMostWait}`);
});

test("the first page's questions are asked once, while its modules are on their way", async ({ browser, url }) => {
  const tab = await Tab.open(browser, url);
  const asked = [];
  tab.page.on("request", (request) => {
    const { pathname, search } = new URL(request.url());
    if (pathname.startsWith("/api/") && pathname !== "/api/v1/events") asked.push(pathname + search);
  });
  await tab.show("overview");
  check(asked.length === new Set(asked).size, `asked twice: ${asked.join(" ")}`);
  // Modules only run when the document has been read.
  const late = await tab.page.evaluate(() => {
    const { domInteractive } = performance.getEntriesByType("navigation")[0];
    return performance.getEntriesByType("resource").filter(({ name, startTime }) => name.includes("/api/v1/") && !name.endsWith("/events") && startTime > domInteractive).map(({ name }) => name);
  });
  check(asked.length >= 4 && late.length === 0, `asked late: ${late.join(" ")}`);
  await tab.close();
});
