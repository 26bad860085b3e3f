// node run.mjs [--pictures FOLDER | --times] [PART OF A CASE'S NAME]
// --times: the cases that judge a time, alone; for a release build on a machine that has nothing else to do.
// QUOTAFUSE: the program. QUOTAFUSE_WEB_MODULES: where npm put the packages.
import { parseArgs } from "node:util";
import { launch } from "./browser.mjs";
import { runAll } from "./checks.mjs";
import { takePictures } from "./pictures.mjs";
import { Programs } from "./program.mjs";
import "./cases/frame.mjs";
import "./cases/every_page.mjs";
import "./cases/traffic.mjs";
import "./cases/operation.mjs";
import "./cases/trouble.mjs";
import "./cases/login.mjs";
import "./cases/weight.mjs";
import "./cases/public.mjs";
import "./cases/charts.mjs";
import "./cases/keyboard.mjs";
import "./cases/live.mjs";

const { values, positionals } = parseArgs({ options: { pictures: { type: "string" }, times: { type: "boolean" } }, allowPositionals: true });
const path = process.env.QUOTAFUSE;
if (!path) {
  console.error("QUOTAFUSE must name the program, e.g. build/release/quotafuse");
  process.exit(64);
}

const programs = new Programs(path);
let code = 1;
let browser = null;
const end = async () => {
  await browser?.close();
  await programs.stop();
};
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => end().then(() => process.exit(1)));
try {
  const demo = await programs.demo();
  browser = await launch();
  const site = { browser, programs, url: demo.url };
  if (values.pictures) {
    await takePictures(site, values.pictures);
    code = 0;
  } else {
    code = await runAll(site, positionals[0] ?? "", values.times) === 0 ? 0 : 1;
  }
} catch (error) {
  console.error(error);
} finally {
  await end();
}
process.exit(code);
