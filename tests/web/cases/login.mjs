// With a password: nothing without it, everything with it, and nothing after leaving.
import { Tab } from "../browser.mjs";
import { check, equal, none, test } from "../checks.mjs";

const kPassword = "correct horse battery";

async function logIn(tab, password) {
  await tab.page.fill("#password", password);
  await tab.page.click("#send");
}

test("login and logout", async ({ browser, programs }) => {
  const program = await programs.locked(kPassword);
  const tab = await Tab.open(browser, program.url);
  const { page } = tab;
  await page.goto(`${program.url}/#/rules?state=inactive`);
  await page.waitForSelector("#password");
  none(await tab.findings(), "the login page is not accessible");
  for (const theme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: theme });
    none(await tab.findings(), `the login page is not accessible in ${theme}`);
  }
  await logIn(tab, "wrong");
  await page.waitForSelector("#trouble");
  check((await page.textContent("#trouble")).length > 5, "a wrong password is not told");
  await logIn(tab, kPassword);
  await page.waitForSelector("main h1");
  await tab.settled();
  equal(new URL(page.url()).hash, "#/rules?state=inactive", "the page that was asked for");
  const cookies = await tab.context.cookies();
  equal(cookies.length, 1, "cookies");
  check(cookies[0].httpOnly && cookies[0].sameSite === "Strict", "the cookie can be read by scripts or sent by other sites");
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForSelector("#password");
  equal((await page.request.get(`${program.url}/api/v1/status`)).status(), 401, "the answer after leaving");
  // What a browser says of the one wrong password is meant.
  none((await tab.allTroubles()).filter((line) => !line.includes("401")), "found");
  await tab.close();
  await program.stop();
});

test("a session that ended leads to the login, and back to the same page", async ({ browser, programs }) => {
  const program = await programs.locked(kPassword);
  const tab = await Tab.open(browser, program.url);
  await tab.page.goto(`${program.url}/#/overview`);
  await tab.page.waitForSelector("#password");
  await logIn(tab, kPassword);
  await tab.settled();
  await tab.context.clearCookies();
  await tab.page.evaluate(() => { location.hash = "#/health"; });
  await tab.page.waitForSelector("#password");
  await logIn(tab, kPassword);
  await tab.settled();
  equal(new URL(tab.page.url()).hash, "#/health", "the page that was asked for");
  await tab.close();
  await program.stop();
});
