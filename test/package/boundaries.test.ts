// The design's module list, held by force: who may import whom, and which packages.
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { describe, expect, test } from 'vitest';
import { VERSION } from '../../src/version.ts';

/** A module imports only modules that stand before it here, which also rules out cycles. */
const modules = [
  // Files of one purpose each.
  ...[
    'secrets',
    'escapes',
    'graphemes',
    'errors',
    'version',
    'bytes',
    'own',
    'nearest',
    'listed',
    'schema-words',
    'json',
  ],
  ...['random', 'matrices', 'escape-markup', 'file-names', 'content-security', 'digest', 'catalogue'],
  'onnx',
  'runtime',
  'data',
  'cleaning',
  'compiler',
  'suggest',
  'tasks',
  'training',
  'export',
  'session',
  'report',
  'federated',
  'node',
  'worker',
  'core',
  'electron',
  'web',
  'studio',
  'index',
  'cli',
];

/** Where Node's own modules may be used. Everything else is the core, which browsers run. */
const nodeOnly =
  /^(cli|node|data\/node|worker\/node|runtime\/node)\/|^electron\/(index|main|dialogs|training-process|host|wasm-sharp)\.ts$|^index\.ts$/;

/** Which files may import the generated module of a `.proto`. */
const messages: readonly [module: string, home: RegExp][] = [
  // It puts an output in front of an encoded model.
  ['onnx/generated/onnx.js', /^onnx\/|^runtime\/node\/unread\.ts$/],
  ['federated/flower/generated/fleet.js', /^federated\/flower\//],
  ['report/generated/event.js', /^report\/tensorboard\.ts$/],
];

/** Packages that one place only may know. */
const homes: readonly [pattern: RegExp, home: RegExp][] = [
  [/^onnxruntime-/, /^runtime\//],
  [/^protobufjs/, /^onnx\//],
  [/^long$/, /^onnx\//],
  // The doctor tries whether it loads.
  [/^sharp$/, /^data\/node\/|^node\/doctor\.ts$/],
  [/^electron$/, /^electron\//],
  [/^(csv-parse|chokidar|tinyglobby)/, /^data\/node\//],
  [/^@huggingface\/hub$/, /^node\/models\//],
  [/^@huggingface\/tokenizers$/, /^data\/text\//],
  [/^(c12|picocolors|string-width)$/, /^cli\//],
  [/^(preact|@preact\/)/, /^studio\//],
  [/^uqr$/, /^(cli|studio)\//],
  [/^open$/, /^node\/browser\.ts$/],
  [/^@noble\/hashes\//, /^digest\.ts$/],
];

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .map((file) => file.replaceAll('\\', '/'))
  .filter((file) => /\.[tj]sx?$/.test(file) && !file.includes('/generated/'));

/** What a file of a folder imports, types included; imports written in template strings (examples in a model card) are not imports. */
function importsOf(file: string, folder = 'src'): string[] {
  const code = readFileSync(`${folder}/${file}`, 'utf8').replace(/`(?:\\.|\$\{[^{}]*\}|[^`\\])*`/gs, '``');
  const statements = /^(?:import|export)\s(?:[^'";]*?\sfrom\s)?'([^']+)'/gm;
  const calls = /\bimport\('([^']+)'\)/g;
  return [...code.matchAll(statements), ...code.matchAll(calls)].map(([, specifier]) => specifier!);
}

const moduleOf = (file: string) => file.split('/')[0]!.replace(/\.ts$/, '');
const imports = files.flatMap((file) => importsOf(file).map((specifier) => ({ file, specifier })));
const between = imports
  .filter(({ specifier }) => specifier.startsWith('.'))
  .map(({ file, specifier }) => ({ file, target: posix.join(posix.dirname(file), specifier) }));
const packages = imports.filter(({ specifier }) => !/^(\.|node:)/.test(specifier));

test('there is something to look at', () => {
  expect(between.length).toBeGreaterThan(100);
  expect(packages.length).toBeGreaterThan(10);
});

/** What a file loads at once, and what that loads, itself included: no types, and nothing that waits until it is asked for. */
function loadedBy(start: string): { readonly files: ReadonlySet<string>; readonly packages: ReadonlySet<string> } {
  const loaded = new Set([start]);
  const others = new Set<string>();
  for (const file of loaded) {
    const code = readFileSync(`src/${file}`, 'utf8');
    for (const [, specifier] of code.matchAll(/^(?:import|export)\s(?!type\s)(?:[^'";]*?\sfrom\s)?'([^']+)'/gm)) {
      if (specifier.startsWith('.')) loaded.add(posix.join(posix.dirname(file), specifier));
      else if (!specifier.startsWith('node:')) others.add(specifier);
    }
  }
  return { files: loaded, packages: others };
}

test('the first words of the command line need little: everything else is loaded by the command that needs it', () => {
  const { files, packages } = loadedBy('cli/main.ts');
  expect([...packages]).toEqual([]);
  expect(files.size).toBeLessThan(12);
});

test('inspecting a model loads no other job, and nothing that reads images or tables or downloads', () => {
  const { files, packages } = loadedBy('cli/commands/inspect.ts');
  expect([...files].filter((file) => /^node\/(commands|run|models\/hub)\b/.test(file)).sort()).toEqual([
    'node/commands/environment.ts',
    'node/commands/fetch-model.ts',
    'node/commands/inspect.ts',
    'node/commands/paths.ts',
  ]);
  expect([...files].filter((file) => file.startsWith('data/node/'))).toEqual([]);
  expect([...packages].sort()).toEqual([
    '@eslint-community/regexpp',
    '@huggingface/tokenizers',
    'picocolors',
    'protobufjs/minimal.js',
    'string-width',
    'zod',
  ]);
});

test('every module has its place in the list', () => {
  expect([...new Set(files.map(moduleOf))].filter((name) => !modules.includes(name))).toEqual([]);
});

test('imports point to modules that stand before', () => {
  const wrong = between.filter(
    ({ file, target }) => modules.indexOf(moduleOf(target)) > modules.indexOf(moduleOf(file)),
  );
  expect(wrong).toEqual([]);
});

test('no script imports itself by way of others', () => {
  const scripts = readdirSync('scripts', { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => /\.[tj]s$/.test(file) && !file.includes('node_modules/'));
  const targets = (file: string) =>
    importsOf(file, 'scripts')
      .map((specifier) => posix.join(posix.dirname(file), specifier))
      .filter((target) => scripts.includes(target));
  const reached = new Map(scripts.map((file) => [file, targets(file)]));
  const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
    reached.get(from)!.some((next) => {
      if (next === to) return true;
      if (seen.has(next)) return false;
      seen.add(next);
      return reaches(next, to, seen);
    });
  expect(reached.get('bench/bench.ts')).toContain('bench/jobs.ts');
  expect(scripts.filter((file) => reaches(file, file))).toEqual([]);
});

describe('the core', () => {
  const core = files.filter((file) => !nodeOnly.test(file));

  test('imports neither Node nor the modules that do', () => {
    expect(imports.filter(({ file, specifier }) => core.includes(file) && specifier.startsWith('node:'))).toEqual([]);
    expect(between.filter(({ file, target }) => core.includes(file) && nodeOnly.test(target))).toEqual([]);
  });

  test('uses none of Node’s globals', () => {
    const globals =
      /^(?!\s*(?:\/\/|\*|\/\*)).*?(?<![\w.'"`-])(Buffer|process|require|__dirname|setImmediate)(?=[.([])/m;
    const uses = core.flatMap((file) => readFileSync(`src/${file}`, 'utf8').match(globals)?.slice(0, 1) ?? []);
    expect(uses).toEqual([]);
  });
});

describe('protobuf messages', () => {
  test('each .proto has its place in the list', () => {
    const protocols = readdirSync('src', { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.proto'))
      .map((file) => file.replaceAll('\\', '/').replace(/(\w+)\.proto$/, 'generated/$1.js'));
    expect(messages.map(([module]) => module).sort()).toEqual(protocols.sort());
  });

  test.each(messages)('%s stays in %s', (module, home) => {
    expect(between.some(({ target }) => target === module)).toBe(true);
    expect(between.filter(({ file, target }) => target === module && !home.test(file))).toEqual([]);
  });
});

describe('packages', () => {
  const { dependencies, optionalDependencies, peerDependencies, devDependencies } = JSON.parse(
    readFileSync('package.json', 'utf8'),
  );
  const declared = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
  const nameOf = (specifier: string) => specifier.match(/^(@[^/]+\/)?[^/]+/)![0];

  test.each(homes)('%s stay in %s', (pattern, home) => {
    expect(packages.filter(({ file, specifier }) => pattern.test(specifier) && !home.test(file))).toEqual([]);
  });

  test('what is imported is declared', () => {
    // The studio ships as a built page, and what only it has built into it is needed for building only.
    const ofStudio = [...declared, ...Object.keys(devDependencies)];
    const declaredFor = (file: string) => (file.startsWith('studio/') ? ofStudio : declared);
    expect(packages.filter(({ file, specifier }) => !declaredFor(file).includes(nameOf(specifier)))).toEqual([]);
  });

  test('what is declared is imported', () => {
    // The types of the generated protobuf module name it.
    const used = new Set([...packages.map(({ specifier }) => nameOf(specifier)), 'long']);
    expect(declared.filter((name) => !used.has(name))).toEqual([]);
  });
});

test('the version is that of the package', () => {
  expect(VERSION).toBe(JSON.parse(readFileSync('package.json', 'utf8')).version);
});
