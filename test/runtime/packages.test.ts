import { readdirSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { BINARIES, foreseenObstacle, packageVersion } from '../../src/runtime/node/packages.ts';
import { ONNXRUNTIME } from '../../src/version.ts';

const { platform, arch, report } = process;

/** Pretends that this process runs elsewhere. */
function pretend(values: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(values))
    Object.defineProperty(process, name, { value, configurable: true });
}

const glibc = (version: string) => ({ getReport: () => ({ header: { glibcVersionRuntime: version } }) });

afterEach(() => pretend({ platform, arch, report }));

test('the supported version is the installed one', async () => {
  const names = ['onnxruntime-common', 'onnxruntime-node', 'onnxruntime-web'];
  expect(await Promise.all(names.map(packageVersion))).toEqual(names.map(() => ONNXRUNTIME));
});

test('platforms with a binary are those of the installed package', () => {
  const folder = 'node_modules/onnxruntime-node/bin/napi-v6';
  const found = readdirSync(folder).flatMap((system) =>
    readdirSync(`${folder}/${system}`).map((processor) => `${system}-${processor}`),
  );
  expect([...BINARIES].sort()).toEqual(found.sort());
  for (const name of found) {
    const [system, processor] = name.split('-');
    pretend({ platform: system, arch: processor, report: glibc('2.28') });
    expect(foreseenObstacle(), name).toBeUndefined();
  }
});

test.each([
  ['an Intel Mac', { platform: 'darwin', arch: 'x64' }, /^onnxruntime-node has no binary for darwin-x64, only for /],
  ['FreeBSD', { platform: 'freebsd', arch: 'x64' }, /^onnxruntime-node has no binary for freebsd-x64, only for /],
  [
    'Alpine',
    { platform: 'linux', arch: 'x64', report: { getReport: () => ({ header: {} }) } },
    /^onnxruntime-node has no binary for musl \(Alpine\), only for /,
  ],
  [
    'CentOS 7',
    { platform: 'linux', arch: 'x64', report: glibc('2.17') },
    /^onnxruntime-node needs glibc 2.28 or later, but this is glibc 2.17$/,
  ],
])('%s has no binary, and the hint names the package to install', (_, process, reason) => {
  pretend(process);
  expect(foreseenObstacle()).toEqual({
    reason: expect.stringMatching(reason),
    howToGetIt: `npm install onnxruntime-web@${ONNXRUNTIME}, and use --device wasm`,
  });
});

test('a runtime without a report counts as glibc', () => {
  pretend({ platform: 'linux', arch: 'x64', report: undefined });
  expect(foreseenObstacle()).toBeUndefined();
});
