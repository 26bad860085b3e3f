// What the pointer tells of charts and strips, and the filters and values beside them.
import { Tab } from "../browser.mjs";
import { check, equal, none, test } from "../checks.mjs";

const ask = async (url, path) => (await fetch(`${url}/api/v1/${path}`)).json();
const plain = (value) => value.toLocaleString("en-US");

async function withTab({ browser, url }, hash, body) {
  const tab = await Tab.open(browser, url);
  await tab.show(hash);
  await body(tab.page, tab);
  none(await tab.allTroubles(), "found");
  await tab.close();
}

// Nothing moves any more: what is shown is what the last answer said.
async function pause(page, tab) {
  await page.getByRole("button", { name: "Live updates" }).click();
  await page.waitForFunction(() => !document.querySelector("[aria-busy=true]"));
  await tab.settled();
}

const linesOf = (page) => page.locator(".tip:not([hidden]) ul:not(.total) li").evaluateAll((lines) =>
  lines.map((line) => `${line.querySelector(".name").textContent}=${line.querySelector(".number").textContent}`));

// The middle of a step of a chart, in the window.
const stepAt = (figure, at) => figure.locator("canvas").evaluate((canvas, step) => {
  const chart = globalThis.Chart.getChart(canvas);
  const box = canvas.getBoundingClientRect();
  const { top, bottom } = chart.chartArea;
  return { x: box.left + chart.scales.x.getPixelForValue(step), y: box.top + (top + bottom) / 2 };
}, at);

test("the pointer on a chart tells the numbers that its table has", (site) => withTab(site, "overview?window=1h", async (page, tab) => {
  await pause(page, tab);
  const figure = page.locator("figure.chart").first();
  await figure.scrollIntoViewIfNeeded();
  await page.waitForFunction((canvas) => globalThis.Chart?.getChart(canvas) !== undefined, await figure.locator("canvas").elementHandle());
  const steps = await figure.locator("canvas").evaluate((canvas) => globalThis.Chart.getChart(canvas).data.labels.length);
  const told = [];
  for (const at of [Math.floor(steps / 2), steps - 3, steps - 2]) {
    const { x, y } = await stepAt(figure, at);
    await page.mouse.move(x, y);
    await page.locator(".tip:not([hidden]) li").first().waitFor();
    told.push({ at, lines: await linesOf(page), title: await page.locator(".tip p").textContent() });
  }
  equal(new Set(told.map(({ title }) => title)).size, told.length, "times that were told");
  await page.mouse.move(2, 2);
  await page.locator(".tip").waitFor({ state: "hidden" });

  await figure.getByRole("button", { name: "Show as table" }).click();
  const names = await figure.locator("thead th").allTextContents();
  for (const { at, lines } of told) {
    const cells = await figure.locator("tbody tr").nth(steps - 1 - at).locator("th, td").allTextContents(); // the newest comes first
    const all = cells.slice(1).map((value, index) => `${names[index + 1]}=${value}`);
    none(lines.filter((line) => !all.includes(line)), `step ${at}, which the table does not have`);
    none(all.filter((line) => /[1-9]/.test(line.split("=").at(-1)) && !lines.includes(line)), `step ${at}, which is not told`);
    check(lines.length > 0, `step ${at}: nothing is told of ${all}`);
  }
}));

for (const by of ["model", "channel"]) {
  test(`the pointer on a strip tells its slot, and a click leads to its errors: by ${by}`, async ({ browser, url }) => {
    const tab = await Tab.open(browser, url);
    let answer = null;
    tab.page.on("response", async (reply) => { if (reply.url().includes(`/api/v1/availability?`) && reply.url().includes(`by=${by}`)) answer = await reply.json().catch(() => answer); });
    await tab.show(`availability?window=1h${by === "model" ? "" : `&by=${by}`}`);
    const { page } = tab;
    await pause(page, tab);
    const firstError = ({ slot_errors: errors }) => errors.findIndex((n, at) => n > 0 && at < errors.length - 1); // the newest slot goes on
    const row = answer.rows.findIndex((one) => firstError(one) >= 0);
    check(row >= 0, "the demo has no errors");
    const one = answer.rows[row];
    const slot = firstError(one);
    const strip = page.locator("svg.strip").nth(row);
    await strip.scrollIntoViewIfNeeded();
    const box = await strip.boundingBox();
    const place = { x: (slot + 0.5) / one.slots.length * box.width, y: box.height / 2 };
    await strip.hover({ position: place });
    await page.locator(".tip:not([hidden]) li").first().waitFor();
    const numbers = (await linesOf(page)).map((line) => line.split("=")[1]);
    equal(numbers.slice(1).join("|"), `${plain(one.slot_requests[slot])}|${plain(one.slot_errors[slot])}`, "requests and errors of the slot");
    check(Math.abs(parseFloat(numbers[0]) / 100 - one.slots[slot]) < 0.006, `${numbers[0]} is not ${one.slots[slot]}`);
    await strip.click({ position: place });
    await page.waitForURL(/#\/logs\?.*kind=error/);
    await tab.settled();
    const asked = new URLSearchParams(new URL(page.url()).hash.split("?")[1]);
    equal(asked.get("from"), String(answer.from + slot * answer.slot), "the beginning");
    equal(asked.get("to"), String(answer.from + (slot + 1) * answer.slot), "the end");
    equal(asked.get(by), String(one.id ?? one.name), `the ${by}`);
    // Beside what counts, the logs have clients' own errors and tests of channels.
    const { totals } = await ask(url, `logs?${asked}`);
    equal(totals.errors, one.slot_errors[slot], "errors of the slot");
    check(await page.locator(".page tbody tr").count() >= totals.errors, "not all errors of the slot are shown");
    equal(await page.locator(".tip:not([hidden])").count(), 0, "what the pointer told on the former page");
    none(await tab.allTroubles(), "found");
    await tab.close();
  });
}

const slowest = (page) => page.locator(".page section", { has: page.locator("caption", { hasText: /slowest/i }) }).last().locator("tbody tr");

async function addFilter(page, kind, label) {
  await page.getByRole("button", { name: "+ Filter" }).click();
  const panel = page.locator(".popup");
  await panel.locator("select").selectOption(kind);
  const entry = label === undefined ? panel.locator(".suggestions button").first() : panel.locator(".suggestions button", { hasText: label }).first();
  await entry.waitFor();
  const shown = await entry.locator("span").first().textContent();
  await entry.click();
  return shown;
}

test("performance: the slowest of a channel, and of a model of it", (site) => withTab(site, "performance?window=6h", async (page, tab) => {
  const before = await slowest(page).count();
  check(before > 0, "the demo has no slow answers");
  const first = page.waitForResponse((reply) => /\/slow\?.*channel=\d+/.test(reply.url()));
  const channel = await addFilter(page, "channel");
  const ofChannel = await (await first).json();
  const id = Number(new URLSearchParams(new URL(page.url()).hash.split("?")[1]).get("channel"));
  await tab.settled();
  check(ofChannel.rows.length > 0 && ofChannel.rows.every((row) => row.channel.id === id), "rows of other channels");
  none((await slowest(page).allTextContents()).filter((row) => !row.includes(channel)), `rows that are not of ${channel}`);
  const second = page.waitForResponse((reply) => /\/slow\?.*model=/.test(reply.url()));
  const model = await addFilter(page, "model");
  const ofModel = await (await second).json();
  await tab.settled();
  check(ofModel.rows.every((row) => row.channel.id === id && row.model === model), "rows of other models");
  equal(await slowest(page).count(), ofModel.rows.length, "rows that are shown");
  none((await slowest(page).allTextContents()).filter((row) => !row.includes(channel) || !row.includes(model)), "rows of others");
  const marked = await page.locator(".took.slow").count();
  equal(marked, ofModel.rows.filter((row) => row.latency_ms > 5000).length, "those over 5 s that are marked");
  await page.getByRole("button", { name: "Clear all" }).click();
  await page.waitForURL((address) => !/channel=|model=/.test(address.hash));
}));

test("rules: those that are quiet show how near they are, or that there is nothing to measure", async ({ browser, url }) => {
  const { at, rules } = await ask(url, "rules");
  check(rules.length > 1, "the demo has too few rules");
  // Which of the demo's rules are quiet changes all the time.
  const quiet = rules.map((rule, index) => ({ ...rule, state: "inactive", firing: 0, blind: null, value: index === 0 ? null : rule.threshold * 0.4 }));
  const tab = await Tab.open(browser, url);
  const { page } = tab;
  await page.route("**/api/v1/rules", (route) => route.fulfill({ json: { at, rules: quiet } }));
  await tab.show("rules?state=inactive");
  equal(await page.locator("tbody tr").count(), quiet.length, "rules");
  for (const rule of quiet) {
    const row = page.locator("tbody tr", { has: page.locator(".row-link b", { hasText: new RegExp(`^${rule.name}$`) }) });
    if (rule.value === null) {
      equal(await row.locator(".limit").count(), 0, `${rule.name}: values that nobody measured`);
      check((await row.locator("td").nth(1).textContent()).trim().length > 3, `${rule.name} does not say why it has no value`);
      continue;
    }
    equal(Number((await row.locator(".limit b").getAttribute("title")).replaceAll(",", "")), Math.round(rule.value * 100) / 100, `the value of ${rule.name}`);
    const label = await row.locator(".limit.within .track").getAttribute("aria-label");
    check(/\d/.test(label), `${rule.name} is told to nobody who does not see it: ${label}`);
    const part = await row.locator(".limit .fill").evaluate((node) => parseFloat(node.style.width) / parseFloat(node.parentElement.querySelector(".mark")?.style.insetInlineStart ?? "100"));
    check(Math.abs(part - 0.4) < 0.01, `the bar of ${rule.name} is ${part} of the way to its limit`);
  }
  none([...await tab.findings(), ...await tab.allTroubles()], "found");
  await tab.close();
});
