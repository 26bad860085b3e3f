// Cases and what they hold true.
const cases = [];

export const kPages = ["overview", "availability", "alerts", "breakdown", "keys", "logs", "performance", "errors", "rules", "breaker", "delivery", "health"];

export const test = (name, body) => cases.push({ name, body, timed: false });

// Judges a time of this machine: it runs only where that is asked for.
export const timed = (name, body) => cases.push({ name, body, timed: true });

export function check(holds, what) {
  if (!holds) throw new Error(what);
}

export function equal(got, wanted, what) {
  check(Object.is(got, wanted), `${what}: ${JSON.stringify(got)} instead of ${JSON.stringify(wanted)}`);
}

export const none = (list, what) => check(list.length === 0, `${what}:\n      ${[...list].slice(0, 8).join("\n      ")}`);

// One after the other: one browser is enough for a small machine. Gives the number of those that failed.
export async function runAll(site, pattern, times = false) {
  const chosen = cases.filter(({ name, timed: isTimed }) => isTimed === times && name.includes(pattern));
  let failed = 0;
  for (const { name, body } of chosen) {
    const begin = Date.now();
    try {
      await body(site);
      console.log(`ok    ${name} (${((Date.now() - begin) / 1000).toFixed(1)} s)`);
    } catch (error) {
      failed += 1;
      console.log(`FAIL  ${name}\n      ${error.message}`);
    }
  }
  console.log(`${chosen.length - failed} passed, ${failed} failed`);
  return chosen.length === 0 ? 1 : failed;
}
