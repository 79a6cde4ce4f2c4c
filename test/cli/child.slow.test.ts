// Commands that compute run in a child process. If that process dies, Thaw explains it in one line.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { explainProcessEnd, wasKilled } from '../../src/cli/process-end.ts';
import { train } from '../../src/node/commands/index.ts';
import { openRun, resumeRun } from '../../src/node/run/index.ts';
import { needs, SIGNALS } from '../needs.ts';
import { makeProject, type Project } from '../node/commands/project.ts';

let project: Project;
beforeAll(async () => {
  project = await makeProject({ train: 6, val: 3 });
});
afterAll(() => project.remove());

interface Started {
  readonly parent: ChildProcess;
  /** Resolves once its first epoch is saved. */
  readonly underWay: Promise<void>;
  readonly ended: Promise<{ code: number | null; output: string }>;
}

function start(words: readonly string[], env: Record<string, string> = {}): Started {
  const parent = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let output = '';
  parent.stderr.on('data', (text) => {
    output += text;
  });
  const underWay = new Promise<void>((resolve) => {
    let out = '';
    parent.stdout.on('data', (text) => {
      out += text;
      if (out.includes('"epoch":2,"step"')) resolve();
    });
  });
  const ended = once(parent, 'close').then(([code]) => ({ code, output }));
  return { parent, underWay, ended };
}

const trainInto = (out: string, env?: Record<string, string>) =>
  start(['train', project.model, project.data, '--out', out, '--device', 'cpu', '--epochs', '4000', '--json'], env);

/** Fields 3 (state) and 4 (parent) of `/proc/<pid>/stat`. */
function statusOf(pid: string | number): string[] {
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return line.slice(line.lastIndexOf(')') + 2).split(' ');
  } catch {
    return [];
  }
}

/** The child that computes. The TypeScript loader can start a child too. */
const childOf = ({ pid }: ChildProcess): number =>
  Number(
    readdirSync('/proc').find(
      (name) =>
        /^\d+$/.test(name) &&
        statusOf(name)[1] === String(pid) &&
        readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('src/cli/main.ts'),
    ),
  );

describe('a training process', needs(process.platform === 'linux', 'Linux with /proc'), () => {
  test.each([
    ['SIGABRT', 1, 'an error inside ONNX Runtime'],
    ['SIGSEGV', 1, 'an error inside ONNX Runtime'],
    ['SIGKILL', 2, 'ran out of memory'],
  ] as const)('killed by %s reports the signal and the intact checkpoint', async (signal, exit, why) => {
    const out = join(project.folder, signal);
    const { parent, underWay, ended } = trainInto(out);
    await underWay;
    process.kill(childOf(parent), signal);
    const { code, output } = await ended;
    expect(code).toBe(exit);
    const line = output.trim().split('\n').at(-1);
    expect(line).toMatch(/^thaw: the compute process /);
    expect(line).toContain(signal);
    expect(line).toContain(why);
    expect(line).toMatch(
      new RegExp(`The last checkpoint \\(after \\d+ epochs?\\) is intact. Resume with: thaw resume ${out}$`),
    );
    expect((await (await openRun(out)).checkpoint('last')).progress.epoch).toBeGreaterThan(0);
  });

  test('ends at once with its parent, and releases the run directory', async () => {
    const out = join(project.folder, 'orphan');
    const { parent, underWay } = trainInto(out);
    await underWay;
    const child = childOf(parent);
    parent.kill('SIGKILL');
    await once(parent, 'close');
    // The child shares the pipes that `close` waits for. It closes them shortly before it exits.
    await expect.poll(() => statusOf(child)[0] ?? 'Z', { timeout: 60_000 }).toBe('Z');
    await (await resumeRun(out)).release();
  });
});

test('an abort is reported with its last output', async () => {
  const preload = join(project.folder, 'abort.mjs');
  writeFileSync(
    preload,
    `import { writeSync } from 'node:fs';
    if (process.send) setTimeout(() => {
      writeSync(2, "terminate called after throwing an instance of 'std::bad_alloc'\\n  what():  std::bad_alloc\\n");
      process.abort();
    });`,
  );
  const { ended } = start(['inspect', 'default'], { NODE_OPTIONS: `--import ${pathToFileURL(preload).href}` });
  const { code, output } = await ended;
  expect(code).toBe(2);
  expect(output.trim().split('\n').at(-1)).toMatch(
    /^thaw: the compute process ended with .* \(out of memory\): terminate called after throwing an instance of 'std::bad_alloc' what\(\): std::bad_alloc/,
  );
});

test('the output of ONNX Runtime is printed without control sequences', async () => {
  const preload = join(project.folder, 'warn.mjs');
  writeFileSync(
    preload,
    `import { writeSync } from 'node:fs';
    if (process.send) for (const text of ['\\x1b[0;93mwarning: \\u009b8mn', 'ame\\x1b]0;x\\x07 日', '本\\u202e\\x1b[m\\n', 'end'])
      writeSync(2, text);`,
  );
  const { ended } = start(['inspect', 'nothing.onnx'], { NODE_OPTIONS: `--import ${pathToFileURL(preload).href}` });
  const { code, output } = await ended;
  expect(code).toBe(2);
  expect(output).toMatch(/^warning: name 日本\ufffd$/m);
  expect(output).toMatch(/^end$/m);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: checks that the output has none of them
  expect(output).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/);
}, 180_000);

test('a command that ends normally keeps its exit code and output', async () => {
  const { ended } = start(['inspect', 'nothing.onnx']);
  expect(await ended).toEqual({ code: 2, output: expect.stringMatching(/^thaw: .*nothing\.onnx/) });
});

test('a Windows exception counts as a crash; exit codes of Thaw do not', async () => {
  const ended = { signal: null, output: '', killed: false };
  expect([0, 1, 2, 130].some((code) => wasKilled({ ...ended, code }))).toBe(false);
  expect(wasKilled({ ...ended, code: 0xc0000005 })).toBe(true);
  expect((await explainProcessEnd({ ...ended, code: 0xc0000005 })).line).toContain('exit code 3221225477');
});

test('a process killed by a signal reports its checkpoint', async () => {
  const out = join(project.folder, 'signalled');
  const controller = new AbortController();
  await train(
    { model: project.model, data: project.data, out, settings: { epochs: 3, device: 'cpu' } },
    { signal: controller.signal, onEvent: (event) => event.type === 'epoch' && controller.abort() },
  );
  const told = await explainProcessEnd({ code: null, signal: 'SIGINT', output: '', killed: false, run: out });
  expect(told).toEqual({
    line: `stopped. The last checkpoint (after 1 epoch) is intact. Resume with: thaw resume ${out}`,
    code: 130,
  });
});

test('a stop request during startup is not a crash', async () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const told = await explainProcessEnd({ code: null, signal, output: '', killed: false });
    expect(told).toEqual({ line: 'stopped; nothing was saved yet', code: 130 });
  }
});

test('closing the terminal saves the run, like Ctrl-C', SIGNALS, async () => {
  const out = join(project.folder, 'hangup');
  const { parent, underWay, ended } = trainInto(out);
  await underWay;
  parent.kill('SIGHUP');
  const { code, output } = await ended;
  expect(code).toBe(130);
  expect(output).toContain(`thaw resume ${out}`);
  await (await resumeRun(out)).release();
});

test('Ctrl-C saves a run on systems where a signal ends a process at once, such as Windows', SIGNALS, async () => {
  const preload = join(project.folder, 'windows.mjs');
  writeFileSync(
    preload,
    `import { ChildProcess } from 'node:child_process';
    const { kill } = ChildProcess.prototype;
    ChildProcess.prototype.kill = function () { return kill.call(this, 'SIGKILL'); };`,
  );
  const out = join(project.folder, 'windows');
  const { parent, underWay, ended } = trainInto(out, { NODE_OPTIONS: `--import ${pathToFileURL(preload).href}` });
  await underWay;
  parent.kill('SIGINT');
  expect((await ended).code).toBe(130);
  expect((await (await openRun(out)).checkpoint('last')).progress.epoch).toBeGreaterThan(0);
});

test('a second Ctrl-C ends a command with a busy main thread', SIGNALS, async () => {
  const preload = join(project.folder, 'busy.mjs');
  writeFileSync(
    preload,
    `import { writeSync } from 'node:fs';
    const block = () => {
      writeSync(2, 'busy\\n');
      for (;;);
    };
    if (process.send) process.on('newListener', (name) => name === 'SIGINT' && setTimeout(block));`,
  );
  const { parent, ended } = start(['inspect', 'default'], { NODE_OPTIONS: `--import ${pathToFileURL(preload).href}` });
  const hears = (words: string) =>
    new Promise<void>((resolve) => {
      parent.stderr!.on('data', (text) => String(text).includes(words) && resolve());
    });
  await hears('busy');
  const waits = hears('stopping once the current step is done');
  parent.kill('SIGINT');
  await waits;
  parent.kill('SIGINT');
  const { code, output } = await ended;
  expect(code).toBe(130);
  expect(output).toContain('thaw: ended at once');
});

const fullDevice = needs(process.platform === 'linux', 'Linux with /dev/full');
test('a failed write to stdout stops the command with a one-line error', fullDevice, async () => {
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'inspect', project.model, '--json'], {
    stdio: ['ignore', full, 'pipe'],
  });
  let output = '';
  child.stderr!.on('data', (text) => {
    output += text;
  });
  await once(child, 'close');
  closeSync(full);
  expect(output).toContain('thaw: cannot write output (ENOSPC');
  expect(output).not.toContain('    at ');
});
