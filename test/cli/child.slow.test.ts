// A command that computes does so in a process of its own; what ends that one is told in a line.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { explainProcessEnd, wasEnded } from '../../src/cli/process-end.ts';
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
  /** When its first epoch is over and saved. */
  readonly underWay: Promise<void>;
  readonly ended: Promise<{ code: number | null; said: string }>;
}

function start(words: readonly string[], env: Record<string, string> = {}): Started {
  const parent = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let said = '';
  parent.stderr.on('data', (text) => {
    said += text;
  });
  const underWay = new Promise<void>((resolve) => {
    let out = '';
    parent.stdout.on('data', (text) => {
      out += text;
      if (out.includes('"epoch":2,"step"')) resolve();
    });
  });
  const ended = once(parent, 'close').then(([code]) => ({ code, said }));
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

/** The one that computes: where TypeScript is not in its cache yet, what translates it is a child as well. */
const childOf = ({ pid }: ChildProcess): number =>
  Number(
    readdirSync('/proc').find(
      (name) =>
        /^\d+$/.test(name) &&
        statusOf(name)[1] === String(pid) &&
        readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('src/cli/main.ts'),
    ),
  );

describe('a training whose process', needs(process.platform === 'linux', 'Linux with /proc'), () => {
  test.each([
    ['SIGABRT', 1, 'ONNX Runtime does at an error of its own'],
    ['SIGSEGV', 1, 'ONNX Runtime does at an error of its own'],
    ['SIGKILL', 2, 'memory runs out'],
  ] as const)('is ended by %s says so, and that its checkpoint is whole', async (signal, exit, why) => {
    const out = join(project.folder, signal);
    const { parent, underWay, ended } = trainInto(out);
    await underWay;
    process.kill(childOf(parent), signal);
    const { code, said } = await ended;
    expect(code).toBe(exit);
    const line = said.trim().split('\n').at(-1);
    expect(line).toMatch(/^thaw: the process that computed was /);
    expect(line).toContain(signal);
    expect(line).toContain(why);
    expect(line).toMatch(
      new RegExp(`The last checkpoint \\(after \\d+ epochs?\\) is whole; go on with: thaw resume ${out}$`),
    );
    expect((await (await openRun(out)).checkpoint('last')).progress.epoch).toBeGreaterThan(0);
  });

  test('loses its parent ends too, at once, and leaves the run directory free', async () => {
    const out = join(project.folder, 'orphan');
    const { parent, underWay } = trainInto(out);
    await underWay;
    const child = childOf(parent);
    parent.kill('SIGKILL');
    await once(parent, 'close');
    // The pipes that `close` waits for were the child's as well, which closes them some instants before it is gone.
    await expect.poll(() => statusOf(child)[0] ?? 'Z', { timeout: 60_000 }).toBe('Z');
    await (await resumeRun(out)).release();
  });
});

test('the last words of a process that aborts are told', async () => {
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
  const { code, said } = await ended;
  expect(code).toBe(2);
  expect(said.trim().split('\n').at(-1)).toMatch(
    /^thaw: the process that computed was ended by .*, out of memory: terminate called after throwing an instance of 'std::bad_alloc' what\(\): std::bad_alloc/,
  );
});

test('names in the words of ONNX Runtime have no control sequences either', async () => {
  const preload = join(project.folder, 'warn.mjs');
  writeFileSync(
    preload,
    `import { writeSync } from 'node:fs';
    if (process.send) for (const text of ['\\x1b[0;93mwarning: \\u009b8mn', 'ame\\x1b]0;x\\x07 日', '本\\u202e\\x1b[m\\n', 'end'])
      writeSync(2, text);`,
  );
  const { ended } = start(['inspect', 'nothing.onnx'], { NODE_OPTIONS: `--import ${pathToFileURL(preload).href}` });
  const { code, said } = await ended;
  expect(code).toBe(2);
  expect(said).toMatch(/^warning: name 日本\ufffd$/m);
  expect(said).toMatch(/^end$/m);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
  expect(said).not.toMatch(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/);
}, 180_000);

test('a command that ends by itself has its own exit code and stdout', async () => {
  const { ended } = start(['inspect', 'nothing.onnx']);
  expect(await ended).toEqual({ code: 2, said: expect.stringMatching(/^thaw: .*nothing\.onnx/) });
});

test('an exception of Windows counts as a crash, an exit code of ours does not', async () => {
  const ended = { signal: null, words: '', killed: false };
  expect([0, 1, 2, 130].some((code) => wasEnded({ ...ended, code }))).toBe(false);
  expect(wasEnded({ ...ended, code: 0xc0000005 })).toBe(true);
  expect((await explainProcessEnd({ ...ended, code: 0xc0000005 })).line).toContain('exit code 3221225477');
});

test('a process that a signal ended although it listened says what is saved', async () => {
  const out = join(project.folder, 'signalled');
  const controller = new AbortController();
  await train(
    { model: project.model, data: project.data, out, settings: { epochs: 3, device: 'cpu' } },
    { signal: controller.signal, onEvent: (event) => event.type === 'epoch' && controller.abort() },
  );
  const told = await explainProcessEnd({ code: null, signal: 'SIGINT', words: '', killed: false, run: out });
  expect(told).toEqual({
    line: `stopped. The last checkpoint (after 1 epoch) is whole; go on with: thaw resume ${out}`,
    code: 130,
  });
});

test('a process that was asked to stop before it listened has not crashed', async () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    const told = await explainProcessEnd({ code: null, signal, words: '', killed: false });
    expect(told).toEqual({ line: 'stopped; there was nothing to save yet', code: 130 });
  }
});

test('a terminal that closes saves the run, as Ctrl-C does', SIGNALS, async () => {
  const out = join(project.folder, 'hangup');
  const { parent, underWay, ended } = trainInto(out);
  await underWay;
  parent.kill('SIGHUP');
  const { code, said } = await ended;
  expect(code).toBe(130);
  expect(said).toContain(`thaw resume ${out}`);
  await (await resumeRun(out)).release();
});

test('a run is saved on a system whose signals end a process at once, such as Windows', SIGNALS, async () => {
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

test('a second Ctrl-C ends a command whose main thread is busy', SIGNALS, async () => {
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
  const { code, said } = await ended;
  expect(code).toBe(130);
  expect(said).toContain('thaw: ended at once');
});

const fullDevice = needs(process.platform === 'linux', 'Linux with /dev/full');
test('output that cannot be written stops it with a line', fullDevice, async () => {
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', 'inspect', project.model, '--json'], {
    stdio: ['ignore', full, 'pipe'],
  });
  let said = '';
  child.stderr!.on('data', (text) => {
    said += text;
  });
  await once(child, 'close');
  closeSync(full);
  expect(said).toContain('thaw: what it prints cannot be written (ENOSPC');
  expect(said).not.toContain('    at ');
});
