// A server that is slow, that cuts the events, that ends the session, that dies and comes back.
import { Tab } from "../browser.mjs";
import { check, equal, none, test } from "../checks.mjs";
import { eventually } from "../program.mjs";

const kSlow = 3000; // ms
const kPassword = "correct horse battery";

const requests = (page) => page.locator(".stat .value").first().getAttribute("title");
const moves = (page, former) => page.waitForFunction((value) => document.querySelector(".stat .value").title !== value, former, { timeout: 60_000 });

// A browser tells of each answer that did not come.
const meant = (line) => /net::ERR_|Failed to load resource|status of 503|EventSource|dynamically imported/.test(line);
const unmeant = async (tab) => (await tab.allTroubles()).filter((line) => !meant(line));

for (const [name, cut] of [["cut", (route) => route.abort()], ["refused", (route) => route.fulfill({ status: 503, body: "busy" })]]) {
  test(`live updates go on by asking where the events are ${name}, and the events are tried again`, async ({ browser, url }) => {
    const tab = await Tab.open(browser, url);
    let cuts = 0;
    let asked = 0;
    tab.page.on("request", (request) => { if (request.url().includes("/api/v1/summary")) asked += 1; });
    await tab.page.route("**/api/v1/events", (route) => {
      cuts += 1;
      return cut(route);
    });
    await tab.show("overview?window=1h");
    const before = asked;
    await moves(tab.page, await requests(tab.page));
    check(asked > before, "not asked again");
    equal(await tab.page.locator("#connection:not([hidden])").count(), 0, "banners of a daemon that answers");
    await eventually("a second try", () => cuts > 1, 40_000);
    await tab.page.unroute("**/api/v1/events");
    await tab.page.waitForResponse((reply) => reply.url().endsWith("/api/v1/events") && reply.status() === 200, { timeout: 40_000 });
    none(await unmeant(tab), "found");
    await tab.close();
  });
}

test("a slow server: it is told that it loads, nothing is asked twice at once, and the last wish counts", async ({ browser, url }) => {
  const tab = await Tab.open(browser, url);
  const { page } = tab;
  await page.goto("about:blank");
  const open = new Map();
  const twice = [];
  await page.route("**/api/v1/**", async (route) => {
    const address = route.request().url();
    if (address.endsWith("/events")) return route.continue();
    if (open.get(address)) twice.push(address);
    open.set(address, true);
    await new Promise((resolve) => setTimeout(resolve, kSlow));
    open.delete(address);
    return route.continue().catch(() => {}); // the browser gave the question up
  });
  await page.goto(`${url}/#/logs?window=1h`);
  await page.locator(".skeleton[aria-busy=true]").waitFor();
  check((await page.locator("h1").textContent()).length > 0, "nothing is to be seen meanwhile");
  await tab.settled();
  const rows = await page.locator(".page tbody tr").count();
  check(rows > 0, "no rows");

  // What is there stays in sight, and is marked as old, until the answer comes.
  const kinds = page.getByRole("group", { name: /kind|result/i }).getByRole("button");
  for (const at of [1, 3, 2]) await kinds.nth(at).click();
  await page.waitForURL(/kind=error/);
  check(await page.locator(".page.stale tbody tr").count() > 0, "the former rows are gone, or not marked as old");
  await tab.settled();
  equal(await kinds.nth(2).getAttribute("aria-pressed"), "true", "the kind that was wished last");
  const shown = await page.locator(".page tbody tr td:last-child .chip").count();
  equal(shown, await page.locator(".page tbody tr").count(), "rows that are errors");
  equal(await page.locator("#connection:not([hidden]), .failed").count(), 0, "troubles of a slow server");
  // Live updates wait for the answer before they ask again.
  await page.waitForTimeout(3 * kSlow);
  none(twice, "asked while the same was under way");
  none(await unmeant(tab), "found");
  await tab.close();
});

test("a server that dies and comes back: a banner, what was good stays, and all goes on by itself", async ({ browser, programs }) => {
  const program = await programs.open();
  const tab = await Tab.open(browser, program.url);
  const { page } = tab;
  await tab.show("overview?window=24h");
  await page.evaluate(() => { window.sameDocument = true; });
  const figures = await requests(page);
  await program.kill();
  const banner = page.locator("#connection:not([hidden])");
  await banner.waitFor({ timeout: 40_000 });
  check(/does not answer/.test(await banner.textContent()), `the banner: ${await banner.textContent()}`);
  equal(await banner.getAttribute("role"), "alert", "the banner's role");
  equal(await requests(page), figures, "what was good");
  none(await tab.findings(), "the page with the banner is not accessible");
  const newer = await program.again();
  await page.locator("#connection").waitFor({ state: "hidden", timeout: 40_000 });
  await tab.settled();
  check(/\d/.test(await requests(page)), "no figures after it came back");
  check(await page.evaluate(() => window.sameDocument), "it was loaded again");

  // A page that was wished for meanwhile, of which the browser has nothing.
  await newer.kill();
  await page.locator("#nav a", { hasText: "Rules" }).click();
  await page.locator(".failed").waitFor();
  await banner.waitFor({ timeout: 40_000 });
  await newer.again();
  await page.locator("tbody tr").first().waitFor({ timeout: 40_000 });
  equal(await page.locator("h1").textContent(), "Rules", "the page that was wished for");
  equal(await page.locator(".failed, #connection:not([hidden])").count(), 0, "failures after it came back");
  none(await unmeant(tab), "found");
  await tab.close();
});

test("a session that ends while nobody does anything leads to the login, and back with all filters", async ({ browser, programs }) => {
  const program = await programs.locked(kPassword);
  const tab = await Tab.open(browser, program.url);
  const { page } = tab;
  const logIn = async () => {
    await page.waitForSelector("#password", { timeout: 60_000 });
    await page.fill("#password", kPassword);
    await page.click("#send");
    await page.waitForSelector("main h1");
    await tab.settled();
  };
  const hash = "#/logs?window=6h&kind=error&model=gpt-4o&slow_ms=1000";
  await page.goto(`${program.url}/${hash}`);
  await logIn();
  equal(new URL(page.url()).hash, hash, "the page that was asked for");
  await tab.context.clearCookies();
  await logIn();
  equal(new URL(page.url()).hash, hash, "the page after the session's end");
  equal(await page.locator(".chip.filter").count(), 1, "filters");
  await tab.close();
});
