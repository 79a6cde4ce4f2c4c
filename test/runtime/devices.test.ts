import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ThawError } from '../../src/errors.ts';
import { devices } from '../../src/runtime/devices.ts';
import {
  chooseDevice,
  deviceOptions,
  executionProviders,
  probeDevice,
  probeDevices,
} from '../../src/runtime/node/devices.ts';
import { needs } from '../needs.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thaw-devices-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A script that replaces the probe and imitates a broken provider. */
async function script(name: string, source: string): Promise<string> {
  const file = join(folder, `${name}.mjs`);
  await writeFile(file, source);
  return file;
}

test('the CPU runs a model', async () => {
  expect(await probeDevice('cpu')).toEqual({ device: 'cpu', available: true, reason: 'a small model ran on it' });
});

test('every device has a status; a missing one has a reason and a fix', async () => {
  const found = await probeDevices();
  expect(found.map(({ device }) => device)).toEqual([...devices]);
  for (const { available, reason, howToGetIt } of found) {
    expect(reason).not.toBe('');
    expect(reason).not.toContain('\n');
    if (available) expect(howToGetIt).toBeUndefined();
  }
  expect(found[0].available).toBe(true);
});

describe('a failed probe is reported', () => {
  test.each([
    ['abort', 'process.abort()', /ended by SIGABRT|exit code/],
    ['exit', 'process.exit(3)', /exit code 3/],
    ['silence', '', /exit code 0 and no answer/],
    ['noise', 'console.log("[W:onnxruntime] {}"); process.kill(process.pid, "SIGSEGV")', /ended by SIGSEGV|exit code/],
    [
      'library',
      'console.error("E: libcublasLt.so.12: cannot open shared object file"); ' +
        'console.log(JSON.stringify({ probe: "failed", message: "Failed to load shared library" }))',
      /^its libraries could not be loaded: libcublasLt\.so\.12 is missing$/,
    ],
    ['wrong', 'console.log(JSON.stringify({ probe: "failed", message: "a\\nb" }))', /^a b$/],
  ])('%s', async (name, source, reason) => {
    const status = await probeDevice('webgpu', { script: await script(name, source) });
    expect(status).toMatchObject({ device: 'webgpu', available: false, reason: expect.stringMatching(reason) });
    expect(status.howToGetIt).toContain('Vulkan');
  });

  test('a hang', async () => {
    const hang = await script('hang', 'setInterval(() => {}, 1000)');
    expect(await probeDevice('cuda', { script: hang, timeout: 300 })).toMatchObject({
      available: false,
      reason: 'the probe did not end within 0.3 s',
    });
  });
});

test('an answer counts, even if the process crashes after it', async () => {
  const late = await script(
    'late',
    'process.stdout.write(\'{"probe":"ok"}\\n\', () => process.kill(process.pid, "SIGKILL"))',
  );
  expect((await probeDevice('webgpu', { script: late })).available).toBe(true);
});

test('cpu needs no probe', async () => {
  const never = await script('never', 'process.exit(1)');
  expect(await chooseDevice('cpu', { script: never })).toEqual({ device: 'cpu', reason: 'as requested' });
});

test('auto takes the best device with a reason, but never WebGPU', async () => {
  const works = await script('works', 'console.log(JSON.stringify({ probe: "ok" }))');
  const { device, reason } = await chooseDevice('auto', { script: works });
  expect(['cpu', 'cuda', 'coreml', 'dml']).toContain(device);
  expect(reason).toMatch(/^(the best available|no (cuda|coreml|dml): .+)$/);
  const broken = await script('broken', 'process.exit(1)');
  expect((await chooseDevice('auto', { script: broken })).device).toBe('cpu');
});

test('a device requested by name is used, or gives an error with a hint', async () => {
  const broken = await script('broken-too', 'process.exit(1)');
  for (const device of ['cuda', 'webgpu', 'coreml', 'dml'] as const) {
    const error = await chooseDevice(device, { script: broken }).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(ThawError);
    expect(error).toMatchObject({ code: 'device', hint: expect.stringContaining('--device auto or cpu') });
    expect((error as ThawError).message).toContain(`device ${device} is not available`);
  }
});

test(
  'the hint for CUDA explains the installation',
  needs(process.platform === 'linux' && process.arch === 'x64', 'Linux on x64, where ONNX Runtime has CUDA'),
  async () => {
    const broken = await script('no-cuda', 'process.exit(1)');
    await expect(chooseDevice('cuda', { script: broken })).rejects.toMatchObject({
      hint: expect.stringMatching(/NVIDIA driver.*--onnxruntime-node-install=cuda12/),
    });
  },
);

test('a session gets only the requested device, so that it fails instead of falling back', () => {
  for (const device of devices) {
    const providers = executionProviders(device) ?? [];
    expect(providers.map((provider) => (typeof provider === 'string' ? provider : provider.name))).toEqual([device]);
  }
  expect(deviceOptions('dml')).toMatchObject({ enableMemPattern: false, executionMode: 'sequential' });
});
