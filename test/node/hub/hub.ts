import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { vi } from 'vitest';
import { needs } from '../../needs.ts';
import { HUB_VARIABLES } from '../models/server.ts';
import { FakeHub } from './fake-hub.ts';

/** A hub on this machine with an empty cache, as the environment of Thaw names them. The token is that of `ann`. */
export async function openHub() {
  const home = mkdtempSync(join(tmpdir(), 'thaw-hub-'));
  const hub = new FakeHub();
  for (const name of HUB_VARIABLES) vi.stubEnv(name, undefined);
  vi.stubEnv('HF_ENDPOINT', await hub.start());
  vi.stubEnv('HF_HOME', home);
  vi.stubEnv('HF_TOKEN', 'hf_ann');
  const close = async () => {
    vi.unstubAllEnvs();
    await hub.stop();
    rmSync(home, { recursive: true, force: true });
  };
  return { hub, home, close };
}

/** A Python with the hub's library, if there is one. */
const PYTHON = [process.env.THAW_PYTHON, 'python3'].find(
  (name) => name && spawnSync(name, ['-c', 'import huggingface_hub, onnxruntime']).status === 0,
);

export const HUB_PYTHON = needs(
  PYTHON,
  'huggingface_hub and onnxruntime of Python: set THAW_PYTHON to an interpreter that has them',
);

/** Runs Python code, which prints one JSON document. */
export async function python(code: string): Promise<unknown> {
  const { promisify } = await import('node:util');
  const { execFile } = await import('node:child_process');
  const { stdout } = await promisify(execFile)(PYTHON!, ['-c', code], {
    env: { ...process.env, HF_HUB_DISABLE_PROGRESS_BARS: '1', HF_HUB_DISABLE_TELEMETRY: '1' },
  });
  return JSON.parse(stdout);
}
