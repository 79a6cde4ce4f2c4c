// The core runs where there is no Node: bundled as a browser would get it, and run without Node's globals.
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { createContext, runInContext } from 'node:vm';
import { type BuildResult, build, type PluginBuild } from 'esbuild';
import { beforeAll, expect, test } from 'vitest';

const forbidden = new Set([...builtinModules, 'sharp', 'onnxruntime-node']);

let bundle: BuildResult<{ write: false; metafile: true }>;

beforeAll(async () => {
  bundle = await build({
    entryPoints: ['src/core.ts'],
    bundle: true,
    write: false,
    metafile: true,
    platform: 'browser',
    format: 'iife',
    globalName: 'thaw',
    target: 'es2022',
    logLevel: 'silent',
    plugins: [
      {
        name: 'name what browsers lack',
        setup: ({ onResolve }: PluginBuild) =>
          onResolve({ filter: /^[^./]/ }, ({ path, importer }) =>
            path.startsWith('node:') || forbidden.has(path)
              ? { errors: [{ text: `${importer} imports ${path}, which browsers don't have` }] }
              : undefined,
          ),
      },
    ],
  });
});

test('bundles for a browser, without loose ends', () => {
  expect(bundle.warnings).toEqual([]);
  const output = Object.values(bundle.metafile.outputs)[0]!;
  expect(output.imports).toEqual([]);
  expect(output.bytes).toBeLessThan(2_000_000);
});

test('reads and writes a model where Node’s globals are missing', () => {
  // What a page has, and no more.
  const context = createContext({ TextEncoder, TextDecoder });
  runInContext(`${bundle.outputFiles[0]!.text}; globalThis.thaw = thaw;`, context);
  context.file = [...readFileSync('test/fixtures/networks/mobilenet_v2-folded.onnx')];
  const result = runInContext(
    `(() => {
      const bytes = Uint8Array.from(file);
      const model = thaw.readModel(bytes);
      const again = thaw.readModel(thaw.writeModel(model));
      const operators = ({ graph }) => graph.nodes.map(({ op }) => op).join();
      return { same: operators(model) === operators(again), nodes: model.graph.nodes.length, node: typeof process + typeof Buffer };
    })()`,
    context,
  );
  expect(result).toEqual({ same: true, nodes: expect.any(Number), node: 'undefinedundefined' });
  expect(result.nodes).toBeGreaterThan(50);
});
