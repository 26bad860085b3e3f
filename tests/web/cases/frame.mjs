// What stands around every page: ways, language, theme, keyboard, phone.
import { Tab } from "../browser.mjs";
import { check, equal, none, test } from "../checks.mjs";

async function withTab({ browser, url }, options, body) {
  const tab = await Tab.open(browser, url, options);
  await tab.show("overview");
  await body(tab.page, tab);
  none(await tab.allTroubles(), "found");
  await tab.close();
}

const styleOf = (page, name) => page.evaluate((property) => getComputedStyle(document.body)[property], name);

test("every entry of the navigation leads to its page, and Back leads back", (site) => withTab(site, {}, async (page, tab) => {
  const names = await page.locator("#nav a > span:first-of-type").allTextContents();
  check(names.length >= 12, `only ${names.length} entries`);
  for (const name of names) {
    await page.locator("#nav a", { hasText: name }).first().click();
    await page.waitForFunction((title) => document.querySelector("h1")?.textContent === title, name);
    await tab.settled();
    equal(await page.locator("#nav [aria-current=page]").count(), 1, `${name}: marked entries`);
  }
  await page.goBack();
  await page.waitForFunction((title) => document.querySelector("h1")?.textContent === title, names.at(-2));
}));

test("the language changes at once, is kept, and names itself", (site) => withTab(site, {}, async (page, tab) => {
  await page.getByRole("button", { name: "切换到中文" }).click();
  await page.waitForFunction(() => document.querySelector("h1").textContent === "概览");
  equal(await page.evaluate(() => document.documentElement.lang), "zh-CN", "the document's language");
  await page.reload();
  await tab.settled();
  equal(await page.locator("h1").textContent(), "概览", "the title after a reload");
}));

test("the theme changes at once and is kept", (site) => withTab(site, {}, async (page, tab) => {
  const light = await styleOf(page, "backgroundColor");
  await page.getByRole("button", { name: /^Theme/ }).click();
  await page.waitForFunction((former) => getComputedStyle(document.body).backgroundColor !== former, light);
  const dark = await styleOf(page, "backgroundColor");
  await page.reload();
  await tab.settled();
  equal(await styleOf(page, "backgroundColor"), dark, "the background after a reload");
}));

test("the keyboard alone gets to the content, the navigation and back", (site) => withTab(site, {}, async (page, tab) => {
  await page.keyboard.press("Tab");
  equal(await page.evaluate(() => document.activeElement.id), "skip", "the first stop");
  await page.keyboard.press("Enter");
  equal(await page.evaluate(() => document.activeElement.id), "main", "where the skip link leads");
  const rules = page.locator("#nav a", { hasText: "Rules" });
  await rules.focus();
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("h1").textContent === "Rules");
  await tab.settled();
  equal(await page.evaluate(() => document.activeElement.tagName), "H1", "where the focus is on a new page");
}));

test("on a phone the navigation is a drawer", (site) => withTab(site, { width: 390 }, async (page, tab) => {
  check(!await page.locator("#nav a").first().isVisible(), "the drawer is open at first");
  await page.locator("#menu").click();
  none(await tab.findings(), "the drawer is not accessible");
  await page.locator("#nav a", { hasText: "Health" }).click();
  await page.waitForFunction(() => document.querySelector("h1").textContent === "Health");
  await page.locator("#nav").waitFor({ state: "hidden" });
  await page.locator("#menu").click();
  await page.keyboard.press("Escape");
  await page.locator("#nav").waitFor({ state: "hidden" });
}));

test("the readiness tells its reasons", (site) => withTab(site, {}, async (page) => {
  await page.locator(".ready-state").click();
  const panel = page.locator(".popup");
  await panel.waitFor();
  check((await panel.textContent()).length > 10, "no reason is told");
  await page.keyboard.press("Escape");
  await panel.waitFor({ state: "detached" });
}));

test("without any kept choice the page follows the browser", async ({ browser, url }) => {
  const context = await browser.newContext({ locale: "zh-CN", colorScheme: "dark" });
  const page = await context.newPage();
  await page.goto(`${url}/#/health`);
  await page.waitForFunction(() => document.querySelector("h1")?.textContent === "运行状况");
  equal(await page.evaluate(() => document.documentElement.dataset.theme), "dark", "the theme");
  await context.close();
});
