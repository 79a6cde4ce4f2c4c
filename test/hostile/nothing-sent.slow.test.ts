// Nothing leaves the machine, and no text from a file runs as code.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeProject, type Project } from '../node/commands/project.ts';

let project: Project;
let scratch: string;
beforeAll(async () => {
  project = await makeProject({ train: 6, val: 3 });
  scratch = mkdtempSync(join(tmpdir(), 'thaw-denied-'));
});
afterAll(() => {
  project.remove();
  rmSync(scratch, { recursive: true, force: true });
});

const PRELOAD = pathToFileURL('test/hostile/no-network.js').href;

/** Runs `thaw`, its threads and its child processes without a network. `denied` lists their attempts. */
function offline(name: string, words: readonly string[]): Promise<{ code: number; said: string; denied: string }> {
  const denied = join(scratch, `${name}.denied`);
  mkdirSync(join(scratch, name));
  const env = {
    ...process.env,
    DENIED: denied,
    NODE_OPTIONS: `--import ${PRELOAD}`,
    THAW_CACHE: join(scratch, 'cache'),
    CI: '1',
  };
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...words], { env }, (error, out, err) => {
      const code = error ? Number(error.code) : 0;
      resolve({ code, said: out + err, denied: existsSync(denied) ? readFileSync(denied, 'utf8') : '' });
    });
  });
}

describe('without a network', () => {
  test('a whole training with the embedded model works, and does not try to connect', async () => {
    const run = join(scratch, 'run');
    const words = ['train', 'default', project.data, '--out', run, '--epochs', '1', '--preset', 'head-only'];
    expect(await offline('train', words)).toMatchObject({ code: 0, denied: '' });
    expect(existsSync(join(run, 'model/onnx/model.onnx'))).toBe(true);
    for (const more of [
      ['eval', run, project.data],
      ['predict', run, join(project.data, 'val')],
      ['inspect', 'default'],
      ['doctor'],
    ])
      expect(await offline(more[0], more)).toMatchObject({ code: 0, denied: '' });
  });

  test('an address from the user is denied, which shows that the check works', async () => {
    const { code, said, denied } = await offline('address', ['inspect', 'https://models.example/model.onnx']);
    expect(code).toBe(2);
    expect(said).toContain('the network is denied');
    expect(denied).toContain('fetch https://models.example/');
  });
});

/** Ways to run a text as a program. */
const RUNS: readonly [what: string, pattern: RegExp][] = [
  ['eval', /(?<![\w.'"`])eval\s*\(/],
  ['a function made of a text', /\bnew\s+Function\b|(?<![\w.])Function\s*\(|AsyncFunction|GeneratorFunction/],
  ['a program made of a text', /['"](?:node:)?vm['"]|set(?:Timeout|Interval)\(\s*['"`]/],
  [
    'a shell',
    /\bshell\s*:|\bexec(?:Sync)?\s*\(\s*['"`]|\{[^}]*\bexec(?:Sync)?\b[^}]*\}\s*from\s*['"](?:node:)?child_process/,
  ],
];

describe('no file of src uses', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.[cm]?[jt]sx?$/.test(file) && !file.includes('generated'))
    .map((file) => ({ file, code: readFileSync(join('src', file), 'utf8') }));

  test.each(RUNS)('%s', (_, pattern) => {
    expect(files.length).toBeGreaterThan(300);
    expect(files.filter(({ code }) => pattern.test(code)).map(({ file }) => file)).toEqual([]);
  });

  test.each([
    ['eval', 'eval(text)'],
    ['a function made of a text', "new Function('x', text)"],
    ['a program made of a text', "import { runInThisContext } from 'node:vm';"],
    ['a shell', "import { exec } from 'node:child_process';"],
    ['a shell', "spawn('ls', [], { shell: true })"],
  ])('%s, and the check recognizes %s', (what, code) => {
    expect(RUNS.find(([name]) => name === what)?.[1].test(code)).toBe(true);
  });
});
