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
    failed_trials: 2, trial_at: null, pending: null, leading: { id: 3, name: "ci-pipeline", share: 92.5 }, before: { status: 1, weight: 10, models: "gpt-4o,claude", abilities: [{ group: "default", model: "gpt-4o", enabled: true, weight: 10 }] },
    after: { status: 3, weight: 10, models: "gpt-4o,claude", abilities: [{ group: "default", model: "gpt-4o", enabled: false, weight: 10 }] }, ranks: null };
  const { kind, channel, model, token, user, token_name, rule, reason } = circuit;
  const target = { kind, channel, model, token, user, token_name };
  const unfinished = { ...target, name: "", trip_id: "notyetanswered", mode: "live", asked_at: 1767571300, reason, rule };
  const step = { ...target, name: "claude-direct", at: 1767571400, trip_id: "vclesifwayvcj", mode: "live", result: "whole", rule, reason, why: "", change: "", cause: "",
    asked_by: "its time has come", before: null, after: null };
  const answer = { mode: "live", paused: { since: 1767571200, until: null, reason: "moving house" }, open: [circuit], unfinished: [unfinished], recent: [step], next_cursor: null };
  const tab = await Tab.open(site.browser, site.url);
  await tab.page.route("**/api/v1/breaker*", (route) => route.fulfill({ json: answer }));
  await tab.show("breaker");
  const card = tab.page.locator(".circuit");
  equal(await card.locator(".command code").textContent(), "quotafuse breaker restore vclesifwayvcj", "the command");
  await card.locator("summary").click();
  equal(await card.locator("tr.differs").count(), 2, "fields that differ");
  const fields = await card.locator("table.image").textContent();
  for (const words of ["off automatically", "1 of 1 on", "0 of 1 on", "What it serves"]) check(fields.includes(words), `nothing of ${words}: ${fields}`);
  check(!/[{[]/.test(fields), `raw JSON: ${fields}`);
  const asked = await tab.page.locator(".unfinished").textContent();
  check(asked.includes("notyetanswered") && asked.includes("demo-token-burn"), `unfinished: ${asked}`);
  await tab.page.locator("details.step summary").click();
  check((await tab.page.locator("details.step").textContent()).includes("its time has come"), "who asked is not told");
  check((await tab.page.locator(".paused").textContent()).includes("moving house"), "the pause's reason is not told");
  none([...await tab.findings(), ...await tab.allTroubles()], "found");
  await tab.close();
});

test("letters that were given up tell why, and how to send them again", async (site) => {
  const letter = { id: 17, event_id: "e", notifier: "terminal", title: "Firing: a-rule", about: null, state: "dead", put_at: 1767571200, ended_at: 1767571260, attempts: 3, error: "403: the bot was blocked",
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

test("an alert within its limit again says until where it goes on", async (site) => {
  const answer = { at: 1767571200, more: [], explained_at: null, unexplained: null, alerts: [{ rule: "burn", severity: "warning", state: "firing", key: "", labels: [], series: "[]",
    since: 1767571000, value: 95, peak: 120, threshold: 100, clear: 90, below: false, unit: "", text: null, told: true, silenced: false, inhibited: false, stale: null, contributions: [], actions: [] }] };
  const tab = await Tab.open(site.browser, site.url);
  await tab.page.route("**/api/v1/alerts", (route) => route.fulfill({ json: answer }));
  await tab.show("alerts");
  const bar = tab.page.locator(".limit.held");
  check((await bar.textContent()).includes("it goes on until 90"), await bar.textContent());
  equal(await bar.locator("[role=img]").getAttribute("aria-label"), "95, limit 100 · it goes on until 90", "what is read out");
  none(await tab.allTroubles(), "found");
  await tab.close();
});

// Two slots of half an hour: of the older one one request failed, of the newer 100 were good.
const slots = { from: 1767571200, to: 1767574800, slot: 1800, rows: [{ kind: "model", id: null, name: "gpt-4o", rate: 100 / 101, requests: 101, errors: 1, slots: [0, 1], slot_requests: [1, 100], slot_errors: [1, 0] }] };

async function availability(site, change, body, channels = []) {
  const status = await ask(site.url, "status");
  Object.assign(status, { alerts: [], more_alerts: [], readiness: { ready: true, reasons: [], notes: [], codes: [] }, outbox: { pending: 0, failed: 0, notifiers: [], dead: [] } });
  status.breaker.open = [];
  change(status);
  const tab = await Tab.open(site.browser, site.url);
  await tab.page.route("**/api/v1/status", (route) => route.fulfill({ json: status }));
  await tab.page.route("**/api/v1/channels*", (route) => route.fulfill({ json: { rows: channels } }));
  await tab.page.route("**/api/v1/availability*", (route) => route.fulfill({ json: slots }));
  await tab.show("availability");
  await body(tab.page, tab);
  none([...await tab.findings(), ...await tab.allTroubles()], "found");
  await tab.close();
}

test("availability weighs slots by their requests", (site) => availability(site, () => {}, async (page) => {
  const card = page.locator(".state-card");
  equal(await card.locator("h2").textContent(), "Everything works", "the headline");
  check(await card.evaluate((node) => node.classList.contains("ok")), "the lamp is not green");
  check((await page.locator(".strip-row").textContent()).includes("working"), "the model does not work");
}));

test("availability does not say that everything works while something fires, is off or fails", (site) => availability(site, (status) => {
  status.alerts = [{ rule: "burn", severity: "critical", state: "firing" }, { rule: "slow", severity: "warning", state: "firing" }, { rule: "soon", severity: "critical", state: "pending" }];
  status.breaker.open = [{ trip_id: "x" }];
  status.readiness = { ready: false, reasons: ["the gateway has not been read yet"], notes: [], codes: [{ code: "source_starting", seconds: null, detail: null }] };
  status.outbox = { pending: 0, failed: 2, notifiers: [{ name: "a", pending: 0, failed: 2, last_ok: null, last_failure: 1, last_error: "403", advice: "" }], dead: [] };
}, async (page) => {
  const card = page.locator(".state-card");
  equal(await card.locator("h2").textContent(), "Requests succeed, but not all is well", "the headline");
  check(await card.evaluate((node) => node.classList.contains("bad")), "the lamp is not red");
  const links = await card.locator(".troubles a").evaluateAll((nodes) => nodes.map((node) => `${node.textContent} ${node.getAttribute("href")}`));
  equal(links.join("; "), ["1 critical alert fires #/alerts?severity=critical", "1 warning alert fires #/alerts?severity=warning", "1 off by the breaker #/breaker",
    "1 channel switched off by the gateway #/availability?by=channel",
    "The gateway is not being watched #/health", "1 notifier fails #/delivery", "2 notices undeliverable #/delivery?state=dead"].join("; "), "the troubles");
}, [{ id: 1, status: 1 }, { id: 2, status: 2 }, { id: 3, status: 3 }]));

test("without JavaScript the page says in both languages where the facts are", async ({ url }) => {
  const [told] = /<noscript>.*<\/noscript>/s.exec(await (await fetch(`${url}/`)).text()) ?? [""];
  for (const words of ["This page needs JavaScript", "本页面需要 JavaScript"]) check(told.includes(words), `nothing of ${words}: ${told}`);
});

test("slots of the availability strip answer to the keyboard", (site) => availability(site, () => {}, async (page) => {
  const strip = page.locator(".strip");
  await strip.focus();
  equal(await strip.getAttribute("aria-valuenow"), "1", "where it begins");
  await page.keyboard.press("ArrowLeft");
  equal(await strip.getAttribute("aria-valuenow"), "0", "one to the left");
  const told = await strip.getAttribute("aria-valuetext");
  check(told.includes("Succeeded 0%") && told.includes("Errors 1"), told);
  check((await page.locator(".tip").textContent()).includes("Errors"), "the slot is not shown");
  await page.keyboard.press("ArrowLeft");
  equal(await strip.getAttribute("aria-valuenow"), "0", "the end");
  await page.keyboard.press("End");
  equal(await strip.getAttribute("aria-valuenow"), "1", "the last");
  await page.keyboard.press("Home");
  await page.keyboard.press("Enter");
  await page.waitForURL(/logs\?.*from=1767571200&to=1767573000/);
}));

// What the program says in English, on Chinese pages.
async function chinese(site, hash, routes, words) {
  const tab = await Tab.open(site.browser, site.url, { language: "zh" });
  for (const [path, json] of Object.entries(routes)) await tab.page.route(`**/api/v1/${path}`, (route) => route.fulfill({ json }));
  await tab.show(hash);
  await tab.page.evaluate(() => { for (const node of document.querySelectorAll("details")) node.open = true; });
  const told = await tab.page.locator("main").textContent();
  for (const one of words) check(told.includes(one), `nothing of ${one}: ${told}`);
  none([...await tab.untranslated(), ...await tab.allTroubles()], "found");
  await tab.close();
}

test("Chinese pages tell what a rule decided in Chinese", async (site) => {
  const { rules } = await ask(site.url, "rules");
  const rule = rules.find(({ by }) => by.length > 0);
  const one = (reason, why) => ({ first: 1767571200, last: 1767571200, times: 1, key: "", state: "firing", reason, why, value: 12, shown: "12", requests: 3, series: 1 });
  await chinese(site, `rules?name=${rule.name}`, { "rules/*": { at: 1767571200, rule: { ...rule, inhibited_by: ["other-rule"], hold: 300 }, too_many: false, more: 0,
    series: [{ labels: [{ dimension: "model", id: null, name: "(none)" }], state: "firing", value: 12, now: null, base: null, requests: 3, since: 1767571200, told: true, silenced: false, inhibited: false }],
    evaluations: [one("first", "told: it began to fire"), one("inhibited", "held while one of these fires or warms up: other-rule"), one("pending", "over the limit, but not yet for 5m (`for`)"),
      one("few requests", "3 requests < min_requests 5")] } }, ["已通知：开始触发", "以下规则触发或预热期间不通知：other-rule", "已越限，但尚未持续", "（无）"]);
});

test("Chinese pages tell what the breaker did in Chinese", async (site) => {
  const { rules } = await ask(site.url, "rules");
  const target = { kind: "channel", channel: 5, model: "", token: 0, user: 0, token_name: "", name: "azure", mode: "live", rule: rules[0].name, reason: `${rules[0].name}: tokens over 4,000,000 in 5m` };
  const step = { ...target, at: 1767571400, trip_id: "a", result: "refused", why: "the last usable one for default/gpt-4o (12 requests in the last 24 h)", change: "", cause: "last_usable",
    asked_by: `rule ${rules[0].name}`, before: null, after: null };
  const by_hand = { ...step, trip_id: "b", rule: "", reason: "by hand: it was slow all day", result: "tripped", why: "", cause: "", asked_by: "a person" };
  const circuit = { ...target, trip_id: "c", state: "open", since: 1767571200, recover: "manual", back_at: null, failed_trials: 0, trial_at: null, pending: null, leading: null,
    before: { status: 1, other_info: "" }, after: { status: 3, other_info: '{"status_reason":"quotafuse: tokens over the limit","status_time":1767571200}' }, ranks: null };
  await chinese(site, "breaker", { "breaker*": { mode: "live", paused: null, open: [circuit], unfinished: [], recent: [step, by_hand], next_cursor: null } },
    ["它是某些模型的最后一个可用渠道", "请求者", "自动禁用", "it was slow all day"]);
});

test("Chinese pages tell why nothing is watched, and what was sent, in Chinese", async (site) => {
  const status = await ask(site.url, "status");
  const readiness = { ready: false, reasons: ["the gateway was last read 1m1s ago", "the store is damaged (page 7 is bad): restore a backup"], notes: [],
    codes: [{ code: "source_stale", seconds: 61, detail: null }, { code: "store_damaged", seconds: null, detail: "page 7 is bad" }] };
  const health = { ...await ask(site.url, "health"), readiness };
  const errors = [{ rule: "a", text: "One API logs no cache tokens: the rule has nothing to go by" }, { rule: "b", text: "users cannot be read: SELECT command denied to user" }];
  await chinese(site, "health", { health, status: { ...status, language: "en", readiness, rules: { ...status.rules, errors } } },
    ["上次读取网关是在", "本地库已损坏", "page 7 is bad", "One API 不记录缓存 Token", "无法读取用户"]);
  const letter = { id: 17, event_id: "e", notifier: "terminal", title: "Channel 5 is over its limit: burn", about: { kind: "firing", rule: "burn", labels: [{ dimension: "channel", id: null, name: "5 (azure)" }] },
    state: "dead", put_at: 1767571200, ended_at: 1767571260, attempts: 3, error: "403: the bot was blocked", sent_with: null };
  await chinese(site, "delivery", { "outbox*": { letters: [letter], next_cursor: null } }, ["触发：burn · 渠道 5 (azure)", "403: the bot was blocked"]);
  await chinese(site, "keys", { "tokens*": { from: 1, to: 2, currency: { code: "USD", symbol: "$", quota_per_unit: 500000 }, available: true, why: "", rows: [], next_cursor: null,
    masks: { from: "none", code: "no_view", why: "the account finds no view of masked keys; `quotafuse grants` prints the statements that make it" } } }, ["账号看不到密钥掩码的视图"]);
});
