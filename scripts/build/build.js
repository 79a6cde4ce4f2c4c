// Builds dist/: the generated protobuf module, TypeScript's output, and what tsc leaves behind.
import { spawnSync } from 'node:child_process';
import { chmodSync, cpSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import './generate-protobuf.js';

const typescript = createRequire(import.meta.url).resolve('typescript/package.json');

rmSync('dist', { recursive: true, force: true });
const { status } = spawnSync(process.execPath, [join(dirname(typescript), 'bin/tsc'), '-p', 'tsconfig.build.json'], {
  stdio: 'inherit',
});
if (status !== 0) process.exit(status ?? 1);
// The module's types are a .d.ts beside it, which tsc takes for already built.
cpSync('src/onnx/generated', 'dist/onnx/generated', { recursive: true });
chmodSync('dist/cli/main.js', 0o755);
