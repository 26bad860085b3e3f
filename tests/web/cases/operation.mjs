// Alerts, rules, breaker, delivery, health and keys, by clicks.
import { Tab } from "../browser.mjs";
import { check, equal, none, test } from "../checks.mjs";
import { eventually } from "../program.mjs";

const ask = async (url, path) => (await fetch(`${url}/api/v1/${path}`)).json();

// The demo's first alerts come within seconds.
const firing = (url) => eventually("an alert", async () => {
  const { alerts } = await ask(url, "alerts");
  return alerts.length > 0 ? alerts : null;
});

async function withTab({ browser, url }, hash, body) {
  const tab = await Tab.open(browser, url);
  await tab.show(hash);
  await body(tab.page, tab);
  none(await tab.allTroubles(), "found");
  await tab.close();
}

test("an alert opens, tells its command, and stays open while the page moves on", async (site) => {
  await firing(site.url);
  await withTab(site, "alerts", async (page, tab) => {
    const alert = page.locator("details.alert").first();
    await alert.locator("summary").click();
    const line = await alert.locator(".command code").first().textContent();
    check(line.startsWith("quotafuse silence add --rule "), `the command is ${line}`);
    await alert.locator("[data-copy]").first().click();
    equal(await page.evaluate(() => navigator.clipboard.readText()), line, "what was copied");
    const asked = page.waitForResponse((reply) => reply.url().includes("/api/v1/alerts"), { timeout: 40_000 });
    await asked;
    await tab.settled();
    // Newer alerts may stand before it by now.
    const same = page.locator("details.alert", { has: page.locator(".command code", { hasText: line }) }).first();
    check(await same.evaluate((node) => node.open), "it closed by itself");
  });
});

test("alerts by severity, and what they did by rule and kind", async (site) => {
  const [first] = await firing(site.url);
  await withTab(site, "alerts", async (page, tab) => {
    await page.locator(".choices a", { hasText: first.severity }).first().click();
    await page.waitForURL(/severity=/);
    await tab.settled();
    equal(await page.locator(".card.alerts").count(), 1, "groups");
    await page.getByRole("link", { name: "History" }).first().click();
    await page.waitForSelector(".page table");
    await page.locator("select").selectOption(first.rule);
    await page.waitForURL(/rule=/);
    await tab.settled();
    await page.getByRole("link", { name: "began", exact: true }).click();
    await page.waitForURL(/what=firing/);
    await tab.settled();
    // The old rows stay until the new ones are there.
    await eventually("rows of what began alone", async () => {
      const rows = await page.locator(".page tbody tr").allTextContents();
      return rows.length > 0 && rows.every((row) => row.includes(first.rule) && row.includes("began"));
    });
    await page.goBack();
    await page.waitForURL((address) => !address.hash.includes("what="));
  });
});

test("rules are searched, filtered and opened, and show each series against the limit", async (site) => {
  const [first] = await firing(site.url);
  await withTab(site, "rules", async (page, tab) => {
    const all = await page.locator("tbody tr").count();
    await page.getByRole("searchbox").fill(first.rule);
    await page.waitForURL(/q=/);
    await tab.settled();
    const found = await page.locator("tbody tr").count();
    check(found > 0 && found < all, `${found} of ${all} found`);
    await page.locator("tbody tr a").first().click();
    await page.waitForURL(/name=/);
    await page.waitForSelector(".headline");
    equal(await page.locator("h1").textContent(), first.rule, "the rule");
    check(await page.locator(".limit .track[aria-label]").count() > 0, "no value against the limit");
  });
});

test("the breaker's steps open with the row as it was before", async (site) => {
  const steps = await eventually("a step of the breaker", async () => {
    const { recent } = await ask(site.url, "breaker");
    return recent.length > 0 ? recent : null;
  }, 180_000);
  await withTab(site, "breaker", async (page) => {
    const step = page.locator("details.step").first();
    await step.locator("summary").click();
    check((await step.textContent()).includes(steps[0].trip_id) || await page.locator("details.step").count() > 1, "the trip is not named");
    check(await page.locator(".card.mode h2").count() === 1, "the mode is not told");
  });
});

test("what the breaker has off says how it comes back and by which command", async (site) => {
  const circuit = { kind: "channel", channel: 5, model: "", token: 0, user: 0, token_name: "", name: "claude-direct", trip_id: "vclesifwayvcj", mode: "live",
    state: "open", since: 1767571200, reason: "demo-token-burn: tokens over 4,000,000 in 5m", rule: "demo-token-burn", recover: "half_open", back_at: 1767574800,
    failed_trials: 2, trial_at: null, pending: null, leading: { id: 3, name: "ci-pipeline", share: 92.5 }, before: { status: 1, weight: 10 }, after: { status: 3, weight: 10 }, ranks: null };
  const order = { kind: "channel", channel: 7, model: "", token: 0, user: 0, token_name: "", name: "", trip_id: "zzz", mode: "live", asked_at: 1767571200, reason: "a test", rule: "" };
  const answer = { mode: "live", paused: { since: 1767571200, until: null, reason: "moving house" }, open: [circuit], unfinished: [order], recent: [], next_cursor: null };
  const tab = await Tab.open(site.browser, site.url);
  await tab.page.route("**/api/v1/breaker*", (route) => route.fulfill({ json: answer }));
  await tab.show("breaker");
  const card = tab.page.locator(".circuit");
  equal(await card.locator(".command code").textContent(), "quotafuse breaker restore vclesifwayvcj", "the command");
  await card.locator("summary").click();
  equal(await card.locator("tr.differs").count(), 1, "fields that differ");
  check((await tab.page.locator("tr.differs").textContent()).includes("switched off by the gateway"), "the state in words");
  check((await tab.page.locator(".unfinished").textContent()).includes("a test"), "an order that has not ended");
  check((await tab.page.locator(".paused").textContent()).includes("moving house"), "the pause's reason is not told");
  none([...await tab.findings(), ...await tab.allTroubles()], "found");
  await tab.close();
});

test("letters that were given up tell why, and how to send them again", async (site) => {
  const letter = { id: 17, event_id: "e", notifier: "terminal", title: "Firing: a-rule", state: "dead", put_at: 1767571200, ended_at: 1767571260, attempts: 3, error: "403: the bot was blocked",
    sent_with: null };
  const tab = await Tab.open(site.browser, site.url);
  await tab.page.route("**/api/v1/outbox*", (route) => route.fulfill({ json: { letters: [letter], next_cursor: null } }));
  await tab.show("delivery");
  const dead = await tab.page.locator(".card.dead").textContent();
  check(dead.includes("403: the bot was blocked") && dead.includes("quotafuse notify --retry 17"), dead);
  await tab.page.getByRole("link", { name: "Delivered", exact: true }).click();
  await tab.page.waitForURL(/state=delivered/);
  await tab.settled();
  none([...await tab.findings(), ...await tab.allTroubles()], "found");
  await tab.close();
});

test("keys are searched by name, and no key is ever shown whole", async (site) => {
  const { rows } = await ask(site.url, "tokens?limit=50");
  check(rows.length > 0, "the demo has no keys");
  await withTab(site, "keys", async (page, tab) => {
    const { name } = rows.at(-1);
    await page.getByRole("searchbox").fill(name);
    await page.waitForURL(/q=/);
    await tab.settled();
    const shown = await page.locator("tbody tr").allTextContents();
    check(shown.length > 0 && shown.every((row) => row.includes(name)), `rows: ${shown.join("; ")}`);
    await page.getByRole("searchbox").fill("no-such-key");
    await page.waitForSelector(".page .empty");
    check(!/sk-\w{10}/.test(await page.content()), "a key is shown");
  });
});

test("health tells the gateway's state and the store's size", async (site) => {
  await withTab(site, "health", async (page) => {
    const told = await page.locator(".page").textContent();
    for (const words of ["New API", "connected", "Rows", "Schema versions"]) check(told.includes(words), `nothing of ${words}`);
  });
});
