import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** The folder of the gateway's programs; `undefined` where tests go without. */
export const BIN = process.env.LAKEFS_STAGING_BIN;

const ACCESS_KEY_ID = 'AKIAIOSFODNN7EXAMPLE';
const SECRET_ACCESS_KEY = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const REPOSITORY = 'quickstart';

/** The real gateway before an emulated lakeFS. */
export class World implements AsyncDisposable {
  readonly #processes: ChildProcess[] = [];
  #folder = '';
  #lakefs = '';
  address = '';
  socket = '';

  static async start(): Promise<World> {
    const world = new World();
    world.#folder = await mkdtemp(join(tmpdir(), 'gateway-'));
    [world.#lakefs = ''] = await world.#run('lakefs-emulator', ['--port=0'], {}, [
      /listening on (http:\/\/\S+)/,
    ]);
    const socket = `unix:${world.#folder}/gateway.sock`;
    [world.address = '', world.socket = ''] = await world.#run(
      'lakefs-staging-gateway',
      ['--listen=127.0.0.1:0', `--listen=${socket}`, '--admin-listen=off'],
      {
        HOME: world.#folder,
        no_proxy: '127.0.0.1',
        LAKECTL_SERVER_ENDPOINT_URL: world.#lakefs,
        LAKECTL_CREDENTIALS_ACCESS_KEY_ID: ACCESS_KEY_ID,
        LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY: SECRET_ACCESS_KEY,
      },
      [/^listening on (127\.\S+)/, /^listening on (unix:\S+)/],
    );
    return world;
  }

  /** The object at a path of the branch main; `undefined` if there is none. */
  async read(path: string): Promise<Buffer | undefined> {
    const url = `${this.#lakefs}/api/v1/repositories/${REPOSITORY}/refs/main/objects`;
    const keys = Buffer.from(`${ACCESS_KEY_ID}:${SECRET_ACCESS_KEY}`);
    const reply = await fetch(`${url}?${new URLSearchParams({ path }).toString()}`, {
      headers: { authorization: `Basic ${keys.toString('base64')}` },
    });
    if (reply.status === 404) return undefined;
    return Buffer.from(await reply.arrayBuffer());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const process of this.#processes.reverse()) {
      const ended = new Promise((resolve) => process.once('exit', resolve));
      process.kill();
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Starts a program and waits for lines; gives the first group of each. */
  async #run(
    program: string,
    flags: string[],
    environment: NodeJS.ProcessEnv,
    patterns: RegExp[],
  ): Promise<string[]> {
    const child = spawn(join(BIN!, program), flags, {
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    this.#processes.push(child);
    const found: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      const match = patterns[found.length]?.exec(line);
      if (match?.[1]) found.push(match[1]);
      if (found.length === patterns.length) break;
    }
    if (found.length < patterns.length) throw new Error(`${program} has not started`);
    child.stdout.resume();
    return found;
  }
}
