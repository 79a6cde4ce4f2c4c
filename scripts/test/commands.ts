/** Commands that install something. Their output is shown only if they fail. */
import { spawn, spawnSync } from 'node:child_process';

/** An installation takes a minute or two; a download that hangs must not block the tests. */
const LIMIT = 10 * 60_000;

const QUIET = { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };

/** @returns the last line that the command printed if it failed, without stack traces, else undefined */
export async function failureOf([program, ...args]: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...QUIET },
      timeout: LIMIT,
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text));
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => {
      const lines = said.trim().split('\n');
      const last = lines.findLast((line) => !/^\s+at /.test(line))?.trim();
      resolve(code === 0 ? undefined : `${program} ended with ${signal ?? code}${last && `: ${last}`}`);
    });
  });
}

/** Whether a command runs and succeeds. */
export const succeeds = ([program, ...args]: readonly string[]): boolean =>
  spawnSync(program, args, { stdio: 'ignore', timeout: 60_000 }).status === 0;

/** The output of a command; empty if it fails. */
export const outputOf = ([program, ...args]: readonly string[]): string => {
  const { status, stdout } = spawnSync(program, args, {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, ...QUIET },
  });
  return status === 0 ? stdout : '';
};
