// `npm ci` refuses a lock file that lacks a package of another platform, which npm leaves out where the registry doesn't have it or
// node_modules lacks it.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

interface Locked {
  readonly version?: string;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly peer?: boolean;
  readonly link?: boolean;
  readonly hasInstallScript?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

test.each([
  'package-lock.json',
  'scripts/bench/peers/package-lock.json',
  'scripts/defaults/package-lock.json',
  'scripts/pretrain/package-lock.json',
])('%s holds every platform', (file) => {
  const { packages } = JSON.parse(readFileSync(file, 'utf8')) as { packages: Record<string, Locked> };
  const missing = Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies).filter(
      (name) => !packages[`node_modules/${name}`] && !packages[`${path}/node_modules/${name}`],
    ),
  );
  expect(missing).toEqual([]);
});

const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> };
const own = JSON.parse(readFileSync('package.json', 'utf8'));

test('every package is pinned: by the hash of its contents', () => {
  const locked = Object.entries(packages).filter(([path]) => path !== '');
  expect(locked.length).toBeGreaterThan(100);
  // Where it comes from is left out, so that a mirror serves as well: what counts is the hash.
  const loose = locked.filter(([, { resolved, integrity = '' }]) => resolved || !integrity.startsWith('sha512-'));
  expect(loose.map(([path]) => path)).toEqual([]);
});

test('installing Thaw runs no script of its own, and needs none of another', () => {
  const hooks = ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish'];
  expect(Object.keys(own.scripts).filter((name) => hooks.includes(name))).toEqual([]);
  const scripted = Object.entries(packages).filter(([, one]) => one.hasInstallScript && !one.dev && !one.peer);
  // It downloads CUDA's libraries. ONNXRUNTIME_NODE_INSTALL=skip skips that; the CPU's are in the package.
  expect(scripted.map(([path]) => path)).toEqual(['node_modules/onnxruntime-node']);
});
