// Words by language. Each page adds its own; a key that nobody added is shown itself.
const words = { en: {}, zh: {} };

const saved = () => { try { return localStorage.getItem("language"); } catch { return null; } };
const asked = saved() ?? navigator.language.toLowerCase();
let current = asked.startsWith("zh") ? "zh" : "en";

export const language = () => current;
export const locale = () => (current === "zh" ? "zh-CN" : "en");

export function setLanguage(name) {
  current = name;
  try { localStorage.setItem("language", name); } catch { /* private mode: the choice lasts for this visit */ }
}

export function addTexts(more) {
  for (const name of Object.keys(words)) Object.assign(words[name], more[name]);
}

export const hasText = (key) => key in words[current];

export function text(key, values = {}) {
  return (words[current][key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name]?.textContent ?? values[name] ?? whole);
}

// "1 request", "2 requests": key.one where a language has it.
export function plural(key, n, values = {}) {
  const shown = new Intl.NumberFormat(locale()).format(n);
  return text(n === 1 && hasText(`${key}.one`) ? `${key}.one` : key, { n: shown, ...values });
}
