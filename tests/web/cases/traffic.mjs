// Overview, logs, breakdowns and the pages of objects, by clicks.
import { readFile } from "node:fs/promises";
import { Tab } from "../browser.mjs";
import { check, equal, none, test } from "../checks.mjs";

const ask = async (url, path) => (await fetch(`${url}/api/v1/${path}`)).json();

async function withTab({ browser, url }, hash, body) {
  const tab = await Tab.open(browser, url);
  await tab.show(hash);
  await body(tab.page, tab);
  none(await tab.allTroubles(), "found");
  await tab.close();
}

const rowsOf = (page) => page.locator(".page tbody tr").allTextContents();

test("the overview moves on by itself while traffic goes on, unless it is paused", (site) => withTab(site, "overview?window=1h", async (page) => {
  const figures = () => page.locator(".stat .value").first().getAttribute("title");
  const first = await figures();
  await page.waitForFunction((former) => document.querySelector(".stat .value").title !== former, first, { timeout: 40_000 });
  const live = page.getByRole("button", { name: "Live updates" });
  await live.click();
  equal(await live.getAttribute("aria-pressed"), "false", "live updates");
  // What was asked for before may still come.
  await page.waitForTimeout(1500);
  const asked = [];
  page.on("request", (request) => { if (/summary|trend|breakdown/.test(request.url())) asked.push(request.url()); });
  await page.waitForTimeout(7000);
  none(asked, "asked while it is paused");
}));

test("the span of time is chosen by a click, by a range, and kept on other pages", (site) => withTab(site, "overview", async (page, tab) => {
  await page.getByRole("button", { name: "6h", exact: true }).click();
  await page.waitForURL(/window=6h/);
  await tab.settled();
  await page.locator("#nav a", { hasText: "Errors" }).click();
  await page.waitForURL(/#\/errors\?.*window=6h/);
  await tab.settled();
  await page.locator(".span button").last().click();
  await page.locator(".popup form").waitFor();
  await page.fill(".popup [name=from]", "2026-01-02T10:00");
  await page.fill(".popup [name=to]", "2026-01-01T10:00");
  await page.locator(".popup [type=submit]").click();
  check((await page.locator(".popup [role=alert]").textContent()).length > 5, "a range that ends before it begins is taken");
  await page.fill(".popup [name=to]", "2026-01-03T10:00");
  const answered = page.waitForResponse((reply) => reply.url().includes("from=2026-01-02T10%3A00"));
  await page.locator(".popup [type=submit]").click();
  equal((await answered).status(), 200, "the answer to a range");
}));

test("a range before everything that is kept is empty, not a failure", async ({ browser, url }) => {
  const tab = await Tab.open(browser, url);
  for (const name of ["overview", "availability", "breakdown", "logs", "performance", "errors", "object"]) {
    await tab.show(`${name}?from=2026-01-02T10:00&to=2026-01-03T10:00${name === "object" ? "&kind=channel&id=5" : ""}`);
    equal(await tab.page.locator(".failed").count(), 0, `${name}: failures`);
  }
  none([...await tab.allTroubles(), ...await tab.untranslated()], "found");
  await tab.close();
});

for (const [language, words] of [["en", /What is known begins at [A-Z][a-z]+ \d/], ["zh", /本地数据从 \d.* 开始/]]) {
  test(`a range that begins before the store is told from where on it is known: ${language}`, async ({ browser, url }) => {
    const tab = await Tab.open(browser, url, { language });
    const from = new Date(Date.now() - 60 * 86_400_000).toISOString().slice(0, 16);
    const to = new Date(Date.now() + 86_400_000).toISOString().slice(0, 16);
    for (const name of ["breakdown", "performance", "errors", "object"]) {
      await tab.show(`${name}?from=${from}&to=${to}${name === "object" ? "&kind=channel&id=5" : ""}`);
      const notes = await tab.page.locator(".part-note").allTextContents();
      equal(notes.length, 1, `${name}: notes, for what lacks the same`);
      check(words.test(notes[0]), `${name}: ${notes}`);
    }
    await tab.show("breakdown?window=24h");
    equal(await tab.page.locator(".part-note").count(), 0, "notes of an answer that is whole");
    none([...await tab.allTroubles(), ...await tab.untranslated()], "found");
    await tab.close();
  });
}

for (const [language, words] of [["en", /^Counted by whole hours, .+ to .+:/], ["zh", /^按整小时统计（.+ 至 .+）：/]]) {
  test(`whole hours in place of their parts are told, and compared by the minute: ${language}`, async ({ browser, url }) => {
    const tab = await Tab.open(browser, url, { language });
    // Two hours against one: as many a minute, and twice as many.
    const hour = Math.floor(Date.now() / 3_600_000) * 3600;
    await tab.page.route("**/api/v1/summary?*", async (route) => {
      const answer = await (await route.fetch()).json();
      Object.assign(answer, { whole_hours: true, from: hour - 7200, to: hour, before_from: hour - 10_800, before_to: hour - 7200, before_complete: true });
      Object.assign(answer.now, { requests: 2000, cost: 8 });
      Object.assign(answer.before, { requests: 1000, cost: 2 });
      await route.fulfill({ json: answer });
    });
    await tab.show("overview?window=1h");
    const notes = await tab.page.locator(".part-note").allTextContents();
    equal(notes.length, 1, "notes");
    check(words.test(notes[0]), notes[0]);
    const changes = await tab.page.locator(".stats.eight .stat .change").allTextContents();
    check(changes[0].startsWith("↑ 100%"), `the change of the cost: ${changes[0]}`);
    check(changes[1].startsWith("→ 0%"), `the change of the requests: ${changes[1]}`);
    none([...await tab.allTroubles(), ...await tab.untranslated()], "found");
    await tab.close();
  });
}

test("breakdown: on a phone a row is read from its name to its cost, without going sideways", async ({ browser, url }) => {
  const tab = await Tab.open(browser, url, { width: 390 });
  await tab.show("breakdown?by=model&window=24h");
  const outside = await tab.page.evaluate(() => [...document.querySelectorAll(".page tbody tr")].slice(0, 5)
    .flatMap((row) => [...row.cells].filter((cell) => cell.offsetWidth > 0 && cell.textContent.trim() !== ""))
    .filter((cell) => { const { left, right } = cell.getBoundingClientRect(); return left < 0 || right > window.innerWidth + 0.5; })
    .map((cell) => cell.textContent));
  none(outside, "cells that are cut off");
  equal(await tab.sideways(), 0, "pixels to go sideways");
  await tab.close();
});

test("logs: a filter by clicks narrows the rows, and goes again", (site) => withTab(site, "logs?window=1h", async (page, tab) => {
  await page.getByRole("button", { name: "+ Filter" }).click();
  const panel = page.locator(".popup");
  await panel.locator("select").selectOption("model");
  await panel.locator(".suggestions button").first().waitFor();
  const model = await panel.locator(".suggestions button span").first().textContent();
  await panel.locator(".suggestions button").first().click();
  await page.waitForURL(/model=/);
  await tab.settled();
  const rows = await rowsOf(page);
  check(rows.length > 0 && rows.every((row) => row.includes(model)), `rows of ${model}: ${rows.slice(0, 2)}`);
  await page.getByRole("button", { name: /^Remove the filter/ }).click();
  await page.waitForURL((address) => !address.hash.includes("model="));
}));

test("logs: errors alone, slow ones alone, and a search in what they say", (site) => withTab(site, "logs?window=1h", async (page, tab) => {
  await page.getByRole("group", { name: /kind|result/i }).getByRole("button").nth(2).click();
  await page.waitForURL(/kind=error/);
  await tab.settled();
  check((await rowsOf(page)).length > 0, "the demo has errors");
  await page.locator(".page select").selectOption("5000");
  await page.waitForURL(/slow_ms=5000/);
  await tab.settled();
  await page.getByRole("searchbox").fill("no-such-words-anywhere");
  await page.waitForURL(/search=/);
  await page.locator(".page .empty").waitFor();
}));

test("logs: older, and back to the newest", (site) => withTab(site, "logs?window=1h", async (page, tab) => {
  const first = (await rowsOf(page))[0];
  await page.getByRole("button", { name: "Older" }).click();
  await page.waitForURL(/cursor=/);
  await tab.settled();
  const second = await rowsOf(page);
  check(second.length > 0 && !second.includes(first), "the older page has the newest row");
  await page.getByRole("button", { name: "Newest" }).click();
  await page.waitForURL((address) => !address.hash.includes("cursor="));
  await tab.settled();
  check((await rowsOf(page)).length > 0, "no rows");
}));

test("logs: all that is known of one, step by step, and by a link", (site) => withTab(site, "logs?window=1h", async (page, tab) => {
  await page.getByRole("button", { name: "Live updates" }).click();
  await page.locator(".page tbody tr .row-link").nth(1).click();
  await page.waitForURL(/entry=\d+-\d+/);
  const drawer = page.locator("dialog.drawer");
  await drawer.waitFor();
  const title = await drawer.locator("h2").textContent();
  await page.waitForFunction(() => document.querySelectorAll("dialog.drawer dd").length > 8);
  none(await tab.findings(), "the drawer is not accessible");
  await drawer.getByRole("button", { name: /older/i }).click();
  await page.waitForFunction((former) => document.querySelector("dialog.drawer h2").textContent !== former, title);
  const address = page.url();
  await page.keyboard.press("Escape");
  await drawer.waitFor({ state: "detached" });
  await page.waitForURL((now) => !now.hash.includes("entry="));
  await page.goto("about:blank");
  await page.goto(address);
  await drawer.waitFor();
}));

// A browser's download of what the buttons lead to.
async function exported(page, button) {
  const [download] = await Promise.all([page.waitForEvent("download"), button.click()]);
  return { name: download.suggestedFilename(), text: await readFile(await download.path(), "utf8") };
}

// A line of CSV as its fields; quotes may hold commas and further quotes.
const fieldsOf = (line) => [...`${line},`.matchAll(/("(?:[^"]|"")*"|[^,]*),/g)].map(([, field]) => (field.startsWith('"') ? field.slice(1, -1).replaceAll('""', '"') : field));

test("export: CSV and JSON of what is filtered", async (site) => {
  const { rows: [row] } = await ask(site.url, "breakdown?by=model&window=1h&most=1");
  // A span that is over: both files tell the same.
  const to = Math.floor(Date.now() / 60_000) * 60 - 60;
  const asked = `from=${to - 1800}&to=${to}&kind=answer&model=${encodeURIComponent(row.name)}`;
  await withTab(site, `logs?${asked}`, async (page) => {
    const csv = await exported(page, page.getByRole("link", { name: /CSV/ }));
    check(/^quotafuse-logs.*\.csv$/.test(csv.name), `the file's name ${csv.name}`);
    const [head, ...lines] = csv.text.trim().split("\r\n").map(fieldsOf);
    const json = await exported(page, page.getByRole("link", { name: "JSON" }));
    check(/^quotafuse-logs.*\.json$/.test(json.name), `the file's name ${json.name}`);
    const { rows } = JSON.parse(json.text);
    equal(rows.length, lines.length, "rows of the two files");
    equal(rows.filter(({ test: isTest }) => !isTest).length, (await ask(site.url, `logs?${asked}`)).totals.requests, "rows and requests");
    const column = (name) => lines.map((line) => line[head.indexOf(name)]);
    for (const name of ["id", "at", "model", "prompt_tokens", "quota"]) equal(column(name).join(), rows.map((one) => one[name]).join(), name);
    check(column("model").every((name) => name === row.name), "rows of other models");
    check(lines.every((line) => line.length === head.length), "lines of another length than the head");
  });
});

for (const [hash, what, columns] of [["breakdown?by=channel&window=1h", "breakdown", ["id", "name", "requests", "tokens"]], ["errors?window=1h", "errors", ["status", "code", "requests"]],
  ["availability?window=1h", "availability", ["time", "name", "requests", "errors", "rate"]], ["object?kind=channel&id=3&window=1h", "trend", ["requests", "tokens"]]]) {
  test(`export: ${what}`, (site) => withTab(site, hash, async (page) => {
    const csv = await exported(page, page.getByRole("link", { name: /CSV/ }));
    check(csv.name.startsWith(`quotafuse-${what}`) && csv.name.endsWith(".csv"), `the file's name ${csv.name}`);
    const [head, ...lines] = csv.text.trim().split("\r\n").map(fieldsOf);
    none(columns.filter((name) => !head.includes(name)), `columns that are not in ${head}`);
    check(lines.length > 0 && lines.every((line) => line.length === head.length), `lines: ${lines.slice(0, 2)}`);
    const json = await exported(page, page.getByRole("link", { name: "JSON" }));
    const { rows } = JSON.parse(json.text);
    check(rows.length > 0 && columns.every((name) => name in rows[0]), `rows: ${JSON.stringify(rows?.[0])}`);
    check(lines.some((line) => Number(line[head.indexOf(columns.at(-1))]) > 0), `no ${columns.at(-1)}`);
  }));
}

test("breakdown: by kind, ordered, searched, and on to the page of one", (site) => withTab(site, "breakdown?by=channel", async (page, tab) => {
  await page.locator("th button.sort").last().click();
  await page.waitForURL(/order=/);
  await tab.settled();
  equal(await page.locator("th[aria-sort]").count(), 1, "columns that are ordered by");
  const name = (await page.locator(".page tbody tr th a").first().textContent()).replace(/^\d+ · /, "");
  await page.getByRole("searchbox").fill(name.slice(0, 5));
  await page.waitForURL(/q=/);
  await tab.settled();
  const rows = await rowsOf(page);
  check(rows.length > 0 && rows.every((row) => row.includes(name.slice(0, 5))), `rows: ${rows.slice(0, 2)}`);
  await page.locator(".page tbody tr th a").first().click();
  await page.waitForURL(/#\/object\?kind=channel/);
  await tab.settled();
  check((await page.locator("h1").textContent()).length > 0, "the page of one has no title");
  await page.locator("main").getByRole("link", { name: /logs/i }).first().click();
  await page.waitForURL(/#\/logs\?.*channel=/);
}));

test("charts have their numbers as a table, and a legend that hides and shows", (site) => withTab(site, "overview?window=1h", async (page) => {
  await page.locator("figure canvas").first().waitFor();
  const entry = page.locator(".legend button[aria-pressed]").first();
  await entry.click();
  equal(await entry.getAttribute("aria-pressed"), "false", "a series that was hidden");
  await entry.click();
  await page.getByRole("button", { name: "Show as table" }).first().click();
  await page.locator(".numbers table").first().waitFor();
  check(await page.locator(".numbers tbody tr").count() > 3, "the table is empty");
}));
