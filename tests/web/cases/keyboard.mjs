// Without a mouse: the focus is seen, Escape closes, and the focus goes back to where it came from. And the browser's
// own ways: back, forward, reload.
import { Tab } from "../browser.mjs";
import { check, equal, none, test } from "../checks.mjs";

async function withTab({ browser, url }, hash, body, options = {}) {
  const tab = await Tab.open(browser, url, options);
  await tab.show(hash);
  await body(tab.page, tab);
  none(await tab.allTroubles(), "found");
  await tab.close();
}

// What has the focus, and whether it is to be seen.
const focused = (page) => page.evaluate(() => {
  const node = document.activeElement;
  const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(node);
  const box = node.getBoundingClientRect();
  const seen = (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none";
  return { name: (node.getAttribute("aria-label") ?? node.textContent ?? "").trim().slice(0, 60), tag: node.tagName, key: node.dataset.key ?? "", id: node.id, seen,
    onScreen: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
    where: node.closest(".popup") ? "popup" : node.closest("dialog") ? "drawer" : node.closest("#nav") ? "nav" : "page" };
});

// On by Tab until it is there.
async function tabTo(page, wanted, most = 120) {
  for (let stop = 0; stop < most; stop += 1) {
    await page.keyboard.press("Tab");
    const now = await focused(page);
    if (wanted(now)) return now;
  }
  throw new Error(`not reached by Tab: ${wanted}`);
}

for (const hash of ["overview", "logs?window=1h", "availability?window=1h", "rules", "breakdown?by=model", "alerts"]) {
  for (const theme of ["light", "dark"]) {
    test(`the focus is seen at each stop: ${hash}, ${theme}`, (site) => withTab(site, hash, async (page) => {
      await page.getByRole("button", { name: "Live updates" }).click();
      await page.locator("#skip").focus();
      const wrong = [];
      const names = new Set();
      for (let stop = 0; stop < 60; stop += 1) {
        await page.keyboard.press("Tab");
        const now = await focused(page);
        if (now.tag === "BODY") break;
        names.add(`${now.tag} ${now.name}`);
        if (!now.seen) wrong.push(`not seen: ${now.tag} ${now.name}`);
        if (!now.onScreen) wrong.push(`not on the screen: ${now.tag} ${now.name}`);
      }
      check(names.size > 15, `only ${[...names].join(", ")}`);
      none(wrong, hash);
    }, { theme }));
  }
}

test("a filter by the keyboard alone", (site) => withTab(site, "logs?window=1h", async (page, tab) => {
  await page.getByRole("button", { name: "Live updates" }).focus();
  const isAdd = ({ key, where }) => key === "add" && where === "page";
  await tabTo(page, isAdd);
  await page.keyboard.press("Enter");
  await page.locator(".popup").waitFor();
  equal((await focused(page)).tag, "SELECT", "where the focus is in the panel");
  check((await focused(page)).seen, "the focus in the panel is not seen");
  await page.keyboard.press("Escape");
  await page.locator(".popup").waitFor({ state: "detached" });
  check(isAdd(await focused(page)), "the focus after Escape is not where it was");
  equal(await page.locator("[data-key=add]").getAttribute("aria-expanded"), "false", "what the button says after Escape");

  await page.keyboard.press("Enter");
  await page.locator(".popup").waitFor();
  await page.keyboard.press("ArrowDown");
  equal(await page.locator(".popup select").inputValue(), "model", "the kind after an arrow");
  await page.locator(".popup .suggestions button").first().waitFor();
  const model = await page.locator(".popup .suggestions button span").first().textContent();
  await page.keyboard.press("Tab");
  await page.keyboard.type(model);
  await page.keyboard.press("Enter");
  await page.waitForURL(/model=/);
  await tab.settled();
  equal(await page.locator(".chip.filter").count(), 1, "filters");
  check(isAdd(await focused(page)), `the focus after choosing: ${JSON.stringify(await focused(page))}`);
  await page.keyboard.press("Shift+Tab");
  check((await focused(page)).name.startsWith("Remove the filter"), "what takes the filter off is not beside it");
  await page.keyboard.press("Enter");
  await page.waitForURL((address) => !address.hash.includes("model="));
  await tab.settled();
  check((await focused(page)).tag !== "BODY", "the focus is lost with the filter");
}));

test("the range of time by the keyboard, and away again", (site) => withTab(site, "errors", async (page) => {
  const range = page.locator(".span button").last();
  await range.focus();
  await page.keyboard.press("Enter");
  await page.locator(".popup form").waitFor();
  equal((await focused(page)).tag, "INPUT", "where the focus is in the panel");
  await page.keyboard.press("Escape");
  await page.locator(".popup").waitFor({ state: "detached" });
  check(await range.evaluate((node) => node === document.activeElement), "the focus is not back");
}));

test("a row's drawer by the keyboard: in, through, and back to the row", (site) => withTab(site, "logs?window=1h", async (page, tab) => {
  await page.getByRole("button", { name: "Live updates" }).click();
  await page.waitForFunction(() => !document.querySelector("[aria-busy=true]"));
  const row = page.locator(".page tbody .row-link").nth(2);
  await row.focus();
  await page.keyboard.press("Enter");
  const drawer = page.locator("dialog.drawer");
  await drawer.waitFor();
  await page.waitForURL(/entry=/);
  equal((await focused(page)).where, "drawer", "where the focus is");
  const seen = new Set();
  for (let stop = 0; stop < 25; stop += 1) {
    await page.keyboard.press("Tab");
    const now = await focused(page);
    seen.add(now.tag === "BODY" ? "browser" : now.where);
    if (now.where === "drawer") check(now.seen, `not seen: ${now.name}`);
  }
  check(!seen.has("page") && !seen.has("nav"), "the focus leaves the drawer while it is open");
  await page.keyboard.press("Escape");
  await drawer.waitFor({ state: "detached" });
  await page.waitForURL((address) => !address.hash.includes("entry="));
  await tab.settled();
  check(await row.evaluate((node) => node === document.activeElement), `the focus is not back on the row: ${JSON.stringify(await focused(page))}`);
}));

test("the phone's menu by the keyboard: open, away, and on to a page", (site) => withTab(site, "overview", async (page, tab) => {
  const menu = page.locator("#menu");
  await menu.focus();
  equal(await menu.getAttribute("aria-expanded"), "false", "what the button says");
  await page.keyboard.press("Enter");
  await page.locator("#nav a").first().waitFor();
  equal(await menu.getAttribute("aria-expanded"), "true", "what the button says of the open menu");
  equal((await focused(page)).where, "nav", "where the focus is");
  await page.keyboard.press("Escape");
  await page.locator("#nav").waitFor({ state: "hidden" });
  check(await menu.evaluate((node) => node === document.activeElement), "the focus is not back on the button");
  equal(await menu.getAttribute("aria-expanded"), "false", "what the button says of the closed menu");
  await page.keyboard.press("Enter");
  await page.locator("#nav a").first().waitFor();
  await tabTo(page, ({ where, id }) => where === "page" && id !== "menu");
  await page.locator("#nav").waitFor({ state: "hidden" });
  check((await focused(page)).tag !== "BODY", "the focus is lost behind the menu");
  await menu.focus();
  await page.keyboard.press("Enter");
  await page.locator("#nav a").first().waitFor();
  await tabTo(page, ({ where, name }) => where === "nav" && name.startsWith("Rules"));
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.querySelector("h1").textContent === "Rules");
  await tab.settled();
  equal((await focused(page)).tag, "H1", "where the focus is on the new page");
  await page.locator("#nav").waitFor({ state: "hidden" });
}, { width: 390 }));

test("what explains the readiness gives the focus back", (site) => withTab(site, "overview", async (page) => {
  const button = page.locator(".ready-state");
  await button.focus();
  await page.keyboard.press("Enter");
  await page.locator(".popup").waitFor();
  await page.keyboard.press("Escape");
  await page.locator(".popup").waitFor({ state: "detached" });
  check(await button.evaluate((node) => node === document.activeElement), "the focus is not back");
}));

test("back, forward and reload keep what was filtered", (site) => withTab(site, "logs?window=6h", async (page, tab) => {
  const kind = page.getByRole("group", { name: /kind|result/i }).getByRole("button");
  const state = async () => {
    await tab.settled();
    return [new URL(page.url()).hash, await page.locator(".chip.filter").allTextContents(), await kind.evaluateAll((all) => all.findIndex((one) => one.ariaPressed === "true")),
      await page.locator(".page select").inputValue(), await page.getByRole("searchbox").inputValue(),
      await page.locator(".span [aria-pressed=true]").textContent()].flat().join(" | ");
  };
  const steps = [await state()];
  const act = async (change, address) => {
    await change();
    await page.waitForURL(address);
    steps.push(await state());
  };
  await act(() => kind.nth(2).click(), /kind=error/);
  await act(() => page.locator(".page select").selectOption("1000"), /slow_ms=1000/);
  await act(() => page.getByRole("searchbox").fill("upstream"), /search=upstream/);
  await act(() => page.getByRole("button", { name: "1h", exact: true }).click(), /window=1h/);
  equal(new Set(steps).size, 5, "states that differ");
  await page.locator("#nav a", { hasText: "Health" }).click();
  await page.waitForFunction(() => document.querySelector("h1").textContent === "Health");
  await tab.settled();
  for (const former of [...steps].reverse()) {
    await page.goBack();
    await page.waitForFunction((hash) => location.hash === hash && document.querySelector(".page-logs"), former.split(" | ")[0]);
    equal(await state(), former, "what is there after Back");
  }
  for (const next of steps.slice(1)) {
    await page.goForward();
    await page.waitForFunction((hash) => location.hash === hash, next.split(" | ")[0]);
    equal(await state(), next, "what is there after Forward");
  }
  await page.reload();
  equal(await state(), steps.at(-1), "what is there after a reload");
}));
