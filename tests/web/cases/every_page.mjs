// Every page in both languages and themes, from a phone to a wide screen.
import { kLanguages, kThemes, kWidths, Tab } from "../browser.mjs";
import { check, equal, kPages, none, test } from "../checks.mjs";

// Pages that need to know which one: what there is in the demo.
const kSingle = ["object?kind=channel&id=5", "object?kind=token&id=3", "object?kind=model&name=claude-sonnet-4-5", "rules?name=channel-token-burn",
  "alerts?tab=history", "alerts?tab=silences"];

for (const theme of kThemes) {
  for (const language of kLanguages) {
    test(`every page is whole and accessible: ${language}, ${theme}`, async ({ browser, url }) => {
      const tab = await Tab.open(browser, url, { language, theme });
      const wrong = [];
      for (const hash of [...kPages, ...kSingle]) {
        await tab.wide(kWidths.at(-2));
        await tab.show(hash);
        for (const width of kWidths) {
          await tab.wide(width);
          const place = `${hash} at ${width} px`;
          const sideways = await tab.sideways();
          if (sideways > 0) wrong.push(`${place}: ${sideways} px too wide`);
          // Colours and roles are the same at both wide sizes.
          if (width !== kWidths.at(-1)) wrong.push(...(await tab.findings()).map((line) => `${place}: ${line}`));
        }
        wrong.push(...(await tab.untranslated()).map((key) => `${hash}: no words for ${key}`));
      }
      wrong.push(...await tab.allTroubles());
      await tab.close();
      none(wrong, "found");
    });
  }
}

test("what these checks look for is found where it is", async ({ browser, url }) => {
  const tab = await Tab.open(browser, url, { width: 390 });
  await tab.show("health");
  none([...await tab.findings(), ...await tab.untranslated(), ...await tab.allTroubles()], "found before");
  await tab.page.evaluate(() => {
    const wrong = document.createElement("p");
    wrong.textContent = "aKeyWithoutWords";
    wrong.style.cssText = "width: 900px; color: #ccc; background: #fff";
    document.querySelector("main").append(wrong);
    const script = document.createElement("script");
    script.textContent = "window.ran = true";
    document.body.append(script);
    console.error("a message");
  });
  const troubles = await tab.allTroubles();
  check(await tab.sideways() > 0, "a page that is too wide is not seen");
  check((await tab.findings()).some((line) => line.startsWith("color-contrast")), "pale text is not seen");
  check((await tab.untranslated()).includes("aKeyWithoutWords"), "a key without words is not seen");
  check(troubles.some((line) => line.includes("a message")) && troubles.some((line) => line.startsWith("policy: script-src")), `troubles: ${troubles}`);
  check(await tab.page.evaluate(() => window.ran === undefined), "an inline script ran");
  await tab.close();
});

test("an English sentence on a Chinese page is seen, and code and what others wrote is none", async ({ browser, url }) => {
  const tab = await Tab.open(browser, url, { language: "zh" });
  await tab.show("health");
  none(await tab.untranslated(), "found before");
  await tab.page.evaluate(() => {
    const add = (tag, words, attributes = {}) => {
      const node = document.createElement(tag);
      node.textContent = words;
      for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
      document.querySelector("main").append(node);
    };
    add("p", "told: it began to fire");
    add("p", "", { title: "the gateway has not been read yet" });
    add("code", "quotafuse breaker pause for an hour");
    add("q", "the bot was blocked", { translate: "no" });
    add("p", "New API 在 claude-sonnet-4-5 上的 Token 数");
  });
  equal((await tab.untranslated()).join("; "), "told: it began to fire; the gateway has not been read yet", "what is seen");
  await tab.close();
});
