// The page for everybody: how well each model answers, and nothing else.
import { kLanguages, kThemes, kWidths, Tab } from "../browser.mjs";
import { check, equal, none, test } from "../checks.mjs";
import { eventually } from "../program.mjs";

const kPassword = "correct horse battery";
const kFiles = ["/public", "/public.html", "/public.css", "/public.js", "/api/v1/public"];
const kTitles = { en: "Status of the models", zh: "模型状态" };

const ask = async (url, window) => (await fetch(`${url}/api/v1/public?window=${window}`)).json();

async function ready(tab, language) {
  await tab.page.goto(`${tab.url}/public`);
  await tab.page.waitForFunction((title) => document.querySelector("h1").textContent === title && document.querySelectorAll("#models li").length > 0, kTitles[language]);
}

// Names of all that has one, but for those that are part of a model's own ("claude").
const secretsOf = async (url, models) => {
  const rows = async (question) => (await (await fetch(`${url}/api/v1/${question}`)).json()).rows;
  const asked = ["channel", "token", "user", "provider", "tag", "group", "ip"].map((kind) => rows(`breakdown?by=${kind}&window=30d`));
  return [...new Set((await Promise.all(asked)).flat().map(({ name }) => name).filter((name) => name?.length > 3))]
    .filter((name) => !models.some((model) => model.name.includes(name)));
};

test("the page for everybody is not there unless it was asked for", async ({ url }) => {
  for (const file of kFiles) equal((await fetch(url + file)).status, 404, file);
});

test("the page for everybody: each language, theme and width, and nothing but models", async ({ browser, programs, url }) => {
  const program = await programs.withPublic(kPassword);
  const { rows } = await eventually("rows for everybody", async () => {
    const answer = await ask(program.url, "24h");
    return answer.rows?.length > 0 ? answer : null;
  });
  const secrets = await secretsOf(url, rows); // the demo's own names are the same each time
  check(secrets.length > 8, `only ${secrets.length} names to look for`);
  const wrong = [];
  for (const language of kLanguages) {
    for (const theme of kThemes) {
      const tab = await Tab.open(browser, program.url, { language, theme });
      const loaded = [];
      tab.page.on("request", (request) => loaded.push(new URL(request.url()).pathname));
      await ready(tab, language);
      equal(await tab.page.evaluate(() => document.documentElement.classList.contains("dark")), theme === "dark", "the theme");
      equal(await tab.page.evaluate(() => document.documentElement.lang), language === "zh" ? "zh-CN" : "en", "the language");
      const names = await tab.page.locator("#models b").allTextContents();
      equal(names.join("|"), rows.map(({ name }) => name).join("|"), "the models");
      for (const width of kWidths) {
        await tab.wide(width);
        const place = `${language}, ${theme} at ${width} px`;
        const sideways = await tab.sideways();
        if (sideways > 0) wrong.push(`${place}: ${sideways} px too wide`);
        wrong.push(...(await tab.findings()).map((line) => `${place}: ${line}`));
      }
      const all = await tab.page.content();
      wrong.push(...secrets.filter((name) => all.includes(name)).map((name) => `it tells of ${name}`));
      if (/[$¥]|token|quota|cost|fuse/i.test(await tab.page.evaluate(() => document.body.innerText))) wrong.push("it tells of more than rates");
      wrong.push(...loaded.filter((path) => !kFiles.includes(path)).map((path) => `it loads ${path}`), ...await tab.allTroubles());
      await tab.close();
    }
  }
  none(wrong, "found");

  const tab = await Tab.open(browser, program.url);
  await ready(tab, "en");
  await tab.page.keyboard.press("Tab");
  equal(await tab.page.evaluate(() => document.activeElement.textContent), "24 hours", "the keyboard's first stop");
  await tab.page.keyboard.press("Tab");
  const week = tab.page.waitForResponse((reply) => reply.url().endsWith("/api/v1/public?window=7d"));
  await tab.page.keyboard.press("Enter");
  const slots = (await (await week).json()).rows[0].slots.length;
  await tab.page.waitForFunction((count) => document.querySelectorAll("#models li:first-child rect").length === count, slots);
  equal(await tab.page.evaluate(() => document.activeElement.textContent.slice(0, 20)), "7 days", "where the focus stays");
  // And whoever sees it has not come in.
  equal((await tab.page.request.get(`${program.url}/api/v1/status`)).status(), 401, "the status for everybody");
  equal((await tab.page.request.get(`${program.url}/api/v1/public?by=channel`)).status(), 400, "another question");
  await program.kill();
  await tab.page.getByRole("button", { name: "24 hours" }).click();
  await tab.page.waitForFunction(() => document.querySelector("#state").textContent.startsWith("The status cannot be loaded"));
  check(await tab.page.locator("#models li").count() > 0, "what was good is gone");
  await tab.close();
});
