// What a person sees when something fails, and that the page goes on by itself.
import { Tab } from "../browser.mjs";
import { check, equal, kPages, none, test } from "../checks.mjs";

const kBusy = { status: 503, headers: { "Retry-After": "1" }, json: { error: { status: 503, message: "the store is being copied" } } };

// The page's own questions; the frame asks for the status and the currency beside.
const isFrames = (url) => /\/(status|events|summary)(\?|$)/.test(url);

test("every page tells what the server says when it fails, and tries again", async ({ browser, url }) => {
  const tab = await Tab.open(browser, url);
  const wrong = [];
  for (const hash of kPages) {
    let fails = true;
    await tab.page.route("**/api/v1/**", (route) => {
      const asked = route.request().url();
      return fails && (!isFrames(asked) || (hash === "overview" && asked.includes("summary"))) ? route.fulfill(kBusy) : route.continue();
    });
    await tab.page.goto("about:blank");
    await tab.page.goto(`${url}/#/${hash}`);
    const told = tab.page.locator(".failed");
    await told.waitFor();
    if (!(await told.textContent()).includes("the store is being copied")) wrong.push(`${hash}: ${await told.textContent()}`);
    fails = false;
    await told.getByRole("button").click();
    await tab.settled();
    if (await tab.page.locator(".failed").count() > 0) wrong.push(`${hash}: it failed again`);
    await tab.page.unroute("**/api/v1/**");
  }
  wrong.push(...(await tab.allTroubles()).filter((line) => !line.includes("503")));
  await tab.close();
  none(wrong, "found");
});

test("a daemon that went away is told, and found again by itself", async ({ browser, url }) => {
  const tab = await Tab.open(browser, url);
  await tab.show("health");
  await tab.page.route("**/api/v1/**", (route) => route.abort());
  await tab.page.waitForSelector("#connection:not([hidden])", { timeout: 40_000 });
  check(await tab.page.locator(".page .card").count() > 0, "what was good is gone");
  await tab.page.unroute("**/api/v1/**");
  await tab.page.waitForSelector("#connection", { state: "hidden", timeout: 40_000 });
  await tab.close();
});

test("an answer that comes late for a page that was left is dropped", async ({ browser, url }) => {
  const tab = await Tab.open(browser, url);
  await tab.show("health");
  let late = null;
  await tab.page.route("**/api/v1/rules*", async (route) => {
    late = route;
  });
  await tab.page.evaluate(() => { location.hash = "#/rules"; });
  while (late === null) await tab.page.waitForTimeout(20);
  await tab.page.evaluate(() => { location.hash = "#/delivery"; });
  await tab.settled();
  await late.continue().catch(() => {}); // the browser gave the question up
  await tab.page.waitForTimeout(300);
  equal(await tab.page.locator(".page-rules").count(), 0, "the page that was left");
  equal(await tab.page.locator(".page-delivery").count(), 1, "the page that was asked for");
  none(await tab.allTroubles(), "found");
  await tab.close();
});

test("an address that there is not says so", async ({ browser, url }) => {
  const tab = await Tab.open(browser, url);
  await tab.page.goto(`${url}/#/nothing-here`);
  await tab.page.waitForSelector("main .empty");
  equal(await tab.page.locator("h1").count(), 1, "headings");
  none(await tab.allTroubles(), "found");
  await tab.close();
});

// Empty answers: what a gateway shows on its first day.
const kEmpty = {
  alerts: { at: 1, alerts: [], more: [], explained_at: null, unexplained: null }, silences: { at: 1, silences: [] }, rules: { at: 1, rules: [] },
  breaker: { mode: "off", open: [], paused: null, unfinished: [], recent: [], next_cursor: null }, outbox: { letters: [], next_cursor: null },
};

test("a page without anything to show says what to do", async ({ browser, url }) => {
  for (const language of ["en", "zh"]) {
    const tab = await Tab.open(browser, url, { language });
    await tab.page.route("**/api/v1/**", (route) => {
      const body = kEmpty[new URL(route.request().url()).pathname.slice("/api/v1/".length)];
      return body ? route.fulfill({ json: body }) : route.continue();
    });
    for (const hash of ["alerts", "alerts?tab=silences", "rules", "breaker", "delivery"]) {
      await tab.show(hash);
      await tab.page.locator(".page .empty").first().waitFor();
      none([...await tab.findings(), ...await tab.untranslated()], hash);
    }
    await tab.close();
  }
});
