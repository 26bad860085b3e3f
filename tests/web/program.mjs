// The real program: a demo with a gateway of its own, or others with a page of their own kind.
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

const kStart = 60_000; // built with sanitizers it takes its time
const kAskAgain = 100;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export async function eventually(what, holds, most = kStart) {
  const end = Date.now() + most;
  for (;;) {
    const got = await holds();
    if (got) return got;
    if (Date.now() > end) throw new Error(`${what}: not within ${most / 1000} s`);
    await pause(kAskAgain);
  }
}

class Program {
  constructor(path, parameters, url) {
    this.url = url;
    this.told = "";
    this.process = spawn(path, parameters, { stdio: ["ignore", "pipe", "pipe"] });
    this.ended = new Promise((resolve) => {
      this.process.on("exit", resolve);
      this.process.on("error", (error) => { this.told += String(error); resolve(error); });
    });
    for (const stream of [this.process.stdout, this.process.stderr]) stream.on("data", (data) => { this.told = (this.told + data).slice(-20_000); });
  }

  get running() { return this.process.exitCode === null && this.process.signalCode === null && this.process.pid !== undefined; }

  async answers(path) {
    await eventually(`an answer to ${path}`, async () => {
      if (!this.running) throw new Error(`the program ended early:\n${this.told}`);
      try {
        return (await fetch(this.url + path)).ok;
      } catch {
        return false;
      }
    });
  }

  // As a crash ends it.
  async kill() {
    this.process.kill("SIGKILL");
    await this.ended;
  }

  async stop() {
    if (this.running) this.process.kill("SIGTERM");
    await Promise.race([this.ended, pause(20_000).then(() => this.process.kill("SIGKILL"))]);
    await this.ended;
  }
}

// Each with a folder that goes at the end.
export class Programs {
  constructor(path) {
    this.path = path;
    this.folders = [];
    this.running = [];
  }

  async #folder() {
    const folder = await mkdtemp(join(tmpdir(), "quotafuse-web-"));
    this.folders.push(folder);
    return folder;
  }

  #start(parameters, url) {
    const program = new Program(this.path, parameters, url);
    this.running.push(program);
    return program;
  }

  async #demo(folder, seconds) {
    const port = await freePort();
    return this.#start(["demo", "--dir", folder, "--listen", `127.0.0.1:${port}`, "--seconds", String(seconds)], `http://127.0.0.1:${port}`);
  }

  // Traffic goes on while it runs.
  async demo() {
    const program = await this.#demo(await this.#folder(), 3600);
    await program.answers("/readyz");
    return program;
  }

  // The demo's gateway and configuration once more, without its traffic; status: what its page has beside the address.
  async #quiet(status) {
    const folder = await this.#folder();
    const first = await this.#demo(folder, 3600);
    await first.answers("/readyz"); // the pages have figures from the start
    await first.stop();
    const port = await freePort();
    const file = join(folder, "quotafuse.yaml");
    const yaml = (await readFile(file, "utf8")).replace(/^status: .*$/m, `status: {listen: "127.0.0.1:${port}"${status}}`);
    await writeFile(file, yaml);
    const run = async () => {
      const program = this.#start(["run", "--config", file], `http://127.0.0.1:${port}`);
      program.again = run; // once it has ended: at the same address, with the same store
      await program.answers("/healthz");
      return program;
    };
    return run();
  }

  locked(password) { return this.#quiet(`, password: "${password}"`); }
  withPublic(password) { return this.#quiet(`, password: "${password}", public: true`); }
  open() { return this.#quiet(""); }

  async stop() {
    await Promise.all(this.running.map((program) => program.stop()));
    await Promise.all(this.folders.map((folder) => rm(folder, { recursive: true, force: true })));
  }
}
