// The names of test files say how they run (CONTRIBUTING.md, "Tests"), and no test is skipped without a reason in the summary.
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { expect, test } from 'vitest';

const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  .map((file) => posix.join('test', file.replaceAll('\\', '/')))
  .filter((file) => file.endsWith('.ts'));
const tests = files.filter((file) => file.endsWith('.test.ts'));
const OWN = 'test/package/suite.test.ts';
const kindOf = (file: string) => /\.(\w+)\.test\.ts$/.exec(file)?.[1] ?? 'fast';

/** A file of tests and what it imports from `test`, and that in turn; types are not imports. */
function codeOf(start: string): string {
  const reached = new Set([start]);
  let code = '';
  for (const file of reached) {
    const own = readFileSync(file, 'utf8');
    code += own;
    for (const [, specifier] of own.matchAll(/^(?:import|export)\s(?!type\s)(?:[^'";]*?\sfrom\s)?'(\.[^']+)'/gm)) {
      const target = posix.join(posix.dirname(file), specifier);
      if (target.startsWith('test/')) reached.add(target);
    }
  }
  return code;
}

const BROWSER = /\bchromium\.launch\(|\bfindBrowser\('firefox'\)/;
const SLOW: Readonly<Record<string, RegExp>> = {
  'runs the command line as a process': /src\/cli\/main\.ts/,
  'kills processes': /'SIGKILL'/,
  'trains models from start to end':
    /import \{[^}]*\b(train|resume|sweep|round|joinFederation)\b[^}]*\} from '[./]+src\/node\/commands\/index\.ts'/,
};

test('every file is fast, slow or of a browser', () => {
  expect(tests.length).toBeGreaterThan(100);
  expect([...new Set(tests.map(kindOf))].sort()).toEqual(['browser', 'fast', 'slow']);
});

test('the files that open a browser are named after it', () => {
  const opening = tests.filter((file) => BROWSER.test(codeOf(file)));
  expect(opening).toEqual(tests.filter((file) => kindOf(file) === 'browser'));
});

test.each(Object.entries(SLOW))('no fast file %s', (_, pattern) => {
  const found = tests.filter((file) => file !== OWN && pattern.test(codeOf(file)));
  expect(found.length).toBeGreaterThan(0);
  expect(found.filter((file) => kindOf(file) === 'fast')).toEqual([]);
});

test('tests that only some machines can run say so by `needs`, which the summary prints', () => {
  const silent = /\b(?:describe|test|it)(?:\.\w+)*\.(?:skip|skipIf|runIf|todo|only)\b|\bskip: true\b|\bcontext\.skip\(/;
  expect(files.filter((file) => silent.test(readFileSync(file, 'utf8')))).toEqual(['test/needs.ts']);
});
