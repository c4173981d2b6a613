// Runs a program with the real gateway beside it: run.mjs GATEWAY_MODULE PROGRAM.
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [module, program] = process.argv.slice(2);
const { World } = await import(pathToFileURL(module));
// The emulated lakeFS has one repository.
const code = readFileSync(program, 'utf8');
writeFileSync(program, code.replaceAll('my-repository', 'quickstart'));
writeFileSync('report.csv', 'a,b\n1,2\n');

const world = await World.start();
try {
  const { status, stdout } = spawnSync(process.execPath, [program], {
    env: { ...process.env, LAKEFS_STAGING_GATEWAY: world.address },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: 60_000,
  });
  if (status !== 0)
    throw new Error(`README.md's program ended with ${status}: ${stdout}`);
  for (const path of ['reports/report.csv', 'big.gz', 'small/b', 'config.json']) {
    if (!(await world.read(path))) throw new Error(`${path} is not there`);
  }
} finally {
  await world[Symbol.asyncDispose]();
}
