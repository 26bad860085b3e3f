// Pictures of the page for the documentation: page-NAME-THEME.png and one of a phone.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { Tab } from "./browser.mjs";
import { eventually } from "./program.mjs";

// What is seen where; the demo's first alerts need a while.
const kPictures = [
  { name: "overview", hash: "overview?window=1h", theme: "light", height: 1280 },
  { name: "overview-dark", hash: "overview?window=1h", theme: "dark", height: 1280 },
  { name: "overview-zh", hash: "overview?window=1h", theme: "light", height: 1280, language: "zh" },
  { name: "alerts", hash: "alerts", theme: "light", click: "details.alert > summary" },
  { name: "breaker", hash: "breaker", theme: "light" },
  { name: "status", hash: "availability?window=1h", theme: "light" },
  { name: "logs", hash: "logs?window=1h", theme: "light", click: ".page tbody tr .row-link" },
  { name: "performance-dark", hash: "performance?window=1h", theme: "dark" },
  { name: "breakdown", hash: "breakdown?by=model&window=1h", theme: "light" },
  { name: "rules-zh", hash: "rules", theme: "dark", language: "zh" },
  { name: "phone", hash: "overview?window=1h", theme: "light", width: 390 },
];

export async function takePictures({ browser, url }, folder) {
  await mkdir(folder, { recursive: true });
  await eventually("a step of the breaker", async () => (await (await fetch(`${url}/api/v1/breaker`)).json()).recent.length > 1, 180_000);
  for (const { name, hash, theme, language = "en", width = 1280, height, click } of kPictures) {
    const tab = await Tab.open(browser, url, { width, language, theme });
    if (height) await tab.page.setViewportSize({ width, height });
    await tab.show(hash);
    if (click) await tab.page.locator(click).first().click();
    await tab.page.waitForTimeout(800); // charts and drawers are there at once, but move in
    const file = join(folder, `page-${name}.png`);
    await tab.page.screenshot({ path: file });
    console.log(file);
    await tab.close();
  }
}
