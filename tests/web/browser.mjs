// Debian's Chromium by Playwright, and pages that note all that goes wrong on them.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

// The packages lie in build/web, not beside these files.
const require = createRequire(`${process.env.QUOTAFUSE_WEB_MODULES ?? process.cwd()}/package.json`);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const kArguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"];

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: kArguments });

export const kThemes = ["light", "dark"];
export const kLanguages = ["en", "zh"];
export const kWidths = [390, 1280, 1920];

// What a browser says of a page that is left while it still asks is no trouble.
const isTrouble = (message) => message.type() === "error" || message.type() === "warning";

export class Tab {
  static async open(browser, url, { width = 1280, language = "en", theme = "light" } = {}) {
    const context = await browser.newContext({ viewport: { width, height: width < 600 ? 844 : 900 }, colorScheme: theme, locale: language === "zh" ? "zh-CN" : "en-US",
      permissions: ["clipboard-read", "clipboard-write"], acceptDownloads: true });
    const tab = new Tab();
    tab.url = url;
    tab.context = context;
    tab.troubles = [];
    tab.page = await context.newPage();
    tab.page.setDefaultTimeout(20_000);
    tab.page.on("console", (message) => { if (isTrouble(message)) tab.troubles.push(`console: ${message.text()} ${message.location().url}`); });
    tab.page.on("pageerror", (error) => tab.troubles.push(`error: ${error.stack ?? error}`));
    await tab.page.addInitScript(([name, chosen]) => {
      window.violations = [];
      // Heard before the page hears it, in the same turn. The skip link's is no page's address.
      window.heard = location.hash;
      addEventListener("hashchange", () => { if (location.hash !== "#main") window.heard = location.hash; });
      document.addEventListener("securitypolicyviolation", (event) => window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`));
      if (location.protocol === "about:") return;
      if (localStorage.getItem("language") === null) localStorage.setItem("language", name);
      if (localStorage.getItem("theme") === null) localStorage.setItem("theme", chosen);
    }, [language, theme]);
    return tab;
  }

  // Shows a page of the site, and waits until its data is there.
  async show(hash) {
    await this.page.goto(`${this.url}/#/${hash}`);
    await this.settled();
  }

  // The page of the address is there with its data. The address changes a turn before the page hears of it.
  async settled() {
    await this.page.waitForFunction(() => {
      if (window.heard !== location.hash) return false;
      const name = /^#\/(\w+)/.exec(location.hash)?.[1] ?? "overview";
      const page = document.querySelector(`.page-${name}`);
      return page?.children.length > 0 && !document.querySelector("[aria-busy=true], .skeleton, .page.stale");
    });
  }

  // Charts take their new size in a frame or two.
  async wide(width) {
    await this.page.setViewportSize({ width, height: width < 600 ? 844 : 900 });
    await this.page.waitForFunction(() => document.documentElement.scrollWidth <= window.innerWidth, null, { timeout: 2000 }).catch(() => {});
  }

  // Findings of axe that are serious or critical, as lines.
  async findings() {
    await this.page.evaluate(axe);
    const found = await this.page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    return found.violations.filter(({ impact }) => impact === "serious" || impact === "critical")
      .flatMap(({ id, nodes }) => nodes.slice(0, 3).map((node) => `${id}: ${node.target} (${node.failureSummary?.split("\n")[1]?.trim() ?? ""})`));
  }

  sideways() {
    return this.page.evaluate(() => Math.max(document.documentElement.scrollWidth, document.body.scrollWidth) - window.innerWidth);
  }

  // A key that has no words is shown itself: one word in camelCase, or two with a point between. On a Chinese page three
  // English words in a row are a sentence that nobody translated, unless they stand in code, or are what others wrote.
  untranslated() {
    return this.page.evaluate(async () => {
      const { hasText, language } = await import("./parts/texts.js");
      const chinese = language() === "zh";
      const data = "[translate=no], .command, code, pre, noscript, script, style, [lang=en]";
      // Small letters only: New API and other names are no sentence.
      const english = /\b[A-Za-z][a-z']+(?:[ ,;:]+[a-z']{2,}\b|[ ]a\b){2,}/;
      const shown = new Set();
      const sentences = new Set();
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT);
      for (let node = walker.currentNode; node; node = walker.nextNode()) {
        const holder = node.nodeType === Node.TEXT_NODE ? node.parentElement : node;
        const values = node.nodeType === Node.TEXT_NODE ? [node.nodeValue] : ["aria-label", "title", "placeholder", "alt"].map((name) => node.getAttribute(name));
        for (const value of values) {
          if (!value) continue;
          shown.add(value.trim());
          if (chinese && !holder.closest(data) && english.test(value)) sentences.add(value.trim());
        }
      }
      const key = /^([a-z]+([A-Z][a-z]+)+|(kind|word|by|metric|what|why|step|change|letter|source|trouble|keyStatus|ready|blind|cause|asked|decision|mask|notice|self|image|channelState|keyState|check)\.[\w ]+)$/;
      return [...[...shown].filter((value) => key.test(value) && !hasText(value)), ...sentences];
    });
  }

  async allTroubles() {
    const violations = await this.page.evaluate(() => window.violations);
    return [...this.troubles, ...violations.map((line) => `policy: ${line}`)];
  }

  close() { return this.context.close(); }
}
