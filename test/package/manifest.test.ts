// What package.json promises to those who install Thaw.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { minVersion, satisfies, subset } from 'semver';
import { describe, expect, test } from 'vitest';
import { OLDEST_NODE, ONNXRUNTIME, VERSION } from '../../src/version.ts';

interface Locked {
  readonly version: string;
  readonly dev?: boolean;
  readonly cpu?: readonly string[];
  readonly engines?: { readonly node?: string };
}

const own = JSON.parse(readFileSync('package.json', 'utf8'));
const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, Locked> };
const locked = (name: string) => packages[`node_modules/${name}`]!.version;
const used: Record<string, string> = { ...own.dependencies, ...own.optionalDependencies };
const isRuntime = (name: string) => name.startsWith('onnxruntime-');

test('the versions in src/version.ts are those of package.json', () => {
  expect(VERSION).toBe(own.version);
  expect(own.engines).toEqual({ node: `>=${OLDEST_NODE}` });
  const runtimes = Object.entries({ ...used, ...own.devDependencies }).filter(([name]) => isRuntime(name));
  expect(runtimes.length).toBe(3);
  for (const runtime of runtimes) expect(runtime).toEqual([runtime[0], ONNXRUNTIME]);
});

describe('dependencies', () => {
  test('leave room for fixes, from the version that the tests run with; only ONNX Runtime is exact', () => {
    for (const [name, range] of Object.entries(used)) {
      expect([name, range]).toEqual([name, isRuntime(name) ? ONNXRUNTIME : `^${locked(name)}`]);
    }
  });

  test('for development are exact, since nobody installs them but us', () => {
    for (const [name, range] of Object.entries(own.devDependencies))
      expect([name, range]).toEqual([name, locked(name)]);
  });

  test('allow the oldest Node, and one of them no older', () => {
    // Thaw's platforms have one of these processors: ONNX Runtime has no binaries for others.
    const needed = Object.entries(packages).filter(
      ([path, { dev, cpu = ['x64'] }]) => path !== '' && !dev && cpu.some((one) => /^!?(?:x64|arm64)$/.test(one)),
    );
    const engines = needed.flatMap(([path, one]) => (one.engines?.node ? [{ path, node: one.engines.node }] : []));
    expect(engines.length).toBeGreaterThan(10);
    expect(engines.filter(({ node }) => !subset(own.engines.node, node))).toEqual([]);
    const oldest = engines.map(({ node }) => minVersion(node)!).sort((a, b) => b.compare(a))[0]!;
    expect(oldest.version).toBe(OLDEST_NODE);
  });

  test('take the onnxruntime-web of transformers.js, and ours', () => {
    const range = own.peerDependencies['onnxruntime-web'];
    expect(satisfies(ONNXRUNTIME, range)).toBe(true);
    expect(satisfies(locked('@huggingface/transformers/node_modules/onnxruntime-web'), range)).toBe(true);
  });
});

describe('the repository', () => {
  const [, address, name] = /^git\+(https:\/\/github\.com\/([\w-]+\/[\w-]+))\.git$/.exec(own.repository.url) ?? [];

  test('has an address, which the other addresses are below', () => {
    expect(address).toBeDefined();
    expect([own.homepage, own.bugs]).toEqual([`${address}#readme`, `${address}/issues`]);
    expect(own.author).toBe(/Copyright \(c\) \d+ (.*)/.exec(readFileSync('LICENSE', 'utf8'))![1]);
  });

  test('is named by package.json alone, so that it can move', () => {
    const folders = ['.github', 'docs', 'examples', 'scripts', 'src', 'templates'];
    const below = folders.flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((file) => join(folder, file)),
    );
    const files = [...readdirSync('.'), ...below].filter(
      (file) =>
        /\.(?:md|ya?ml|[cm]?[jt]sx?|py|toml|html|json)$/.test(file) && !/node_modules|^package\.json$/.test(file),
    );
    expect(files.length).toBeGreaterThan(300);
    expect(files.filter((file) => readFileSync(file, 'utf8').includes(name!))).toEqual([]);
  });
});

describe('the commands that install it', () => {
  const below = (folder: string, ending: string) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith(ending))
      .map((file) => join(folder, file));
  const commands = ['README.md', 'SECURITY.md', ...below('docs', '.md'), ...below('src', '.ts')].flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/(?:[A-Z_]+=\S+ )?npm install\b[^\n`'"|&]*/g)].map(([command]) => command),
  );

  test('are plain, and skip the download of CUDA in one way only', () => {
    expect(commands).toContain('ONNXRUNTIME_NODE_INSTALL=skip npm install thaw');
    expect(commands.filter((command) => command.includes('--ignore-scripts'))).toEqual([]);
    const prefixes = commands.flatMap((command) => /^[A-Z_]+=\S+/.exec(command) ?? []);
    expect(new Set(prefixes)).toEqual(new Set(['ONNXRUNTIME_NODE_INSTALL=skip']));
    expect(readFileSync('README.md', 'utf8')).toMatch(/^npm install thaw {2,}# Node (\d+\.\d+) or later$/m);
  });

  test('name the Node and the onnxruntime-web that are needed', () => {
    const [, node] = /# Node (\S+) or later/.exec(readFileSync('README.md', 'utf8'))!;
    expect(`${node}.0`).toBe(OLDEST_NODE);
    const documents = ['README.md', ...below('docs', '.md')].map((file) => readFileSync(file, 'utf8'));
    const versions = documents.flatMap((text) =>
      [...text.matchAll(/onnxruntime-\w+@([\d.]+\d)/g)].map(([, version]) => version),
    );
    expect(versions.length).toBeGreaterThan(3);
    expect(new Set(versions)).toEqual(new Set([ONNXRUNTIME]));
  });
});
