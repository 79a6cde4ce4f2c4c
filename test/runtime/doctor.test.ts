import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { renderDoctor } from '../../src/cli/terminal/doctor.ts';
import { type Doctor, diagnose } from '../../src/node/doctor.ts';
import { devices } from '../../src/runtime/devices.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));

test('this machine, as data and as text', async () => {
  const doctor = await diagnose();
  expect(doctor).toMatchObject({ thaw: version, node: process.versions.node, arch: process.arch });
  expect(doctor.onnxruntime['onnxruntime-node']).toMatch(/^\d+\.\d+\.\d+/);
  expect(doctor.onnxruntime['onnxruntime-common']).toMatch(/^\d+\.\d+\.\d+/);
  const formats = ['jpeg', 'png', 'webp', 'gif', 'tiff', 'avif', 'heic'];
  expect(doctor.images).toEqual(formats.map((format) => ({ format, reads: true })));
  expect(doctor.devices.map(({ device }) => device)).toEqual([...devices]);
  expect(doctor.memory.free).toBeLessThanOrEqual(doctor.memory.total);
  expect(JSON.parse(JSON.stringify(doctor))).toEqual(doctor);
  const text = renderDoctor(doctor);
  for (const { device } of doctor.devices)
    expect(text).toMatch(new RegExp(`^  ${device} +(works|not available): `, 'm'));
  expect(text).toMatch(/^ {2}images +reads jpeg png webp gif tiff avif heic$/m);
});

test('a broken part is a problem with a fix, not an error', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'thaw-doctor-'));
  try {
    await writeFile(join(folder, 'crash.mjs'), 'process.abort()');
    vi.stubEnv('THAW_CACHE', join(folder, 'cache'));
    const doctor = await diagnose({ script: join(folder, 'crash.mjs') });
    expect(doctor.cache).toEqual({ folder: join(folder, 'cache'), writable: true });
    expect(doctor.problems).toContainEqual({
      what: expect.stringContaining("ONNX Runtime doesn't work here"),
      howToMend: expect.stringContaining('npm install thaw'),
    });
    expect(renderDoctor(doctor)).toMatch(/Problems:\n {2}ONNX Runtime doesn't work here: .*SIGABRT|exit code/);
  } finally {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true, force: true });
  }
});

test('the text lists missing packages', async () => {
  const doctor: Doctor = {
    ...(await diagnose()),
    sharp: null,
    images: [
      { format: 'jpeg', reads: true },
      { format: 'heic', reads: false, howToGetIt: 'npm install heic-decode' },
    ],
    onnxruntime: { 'onnxruntime-node': null },
    problems: [{ what: 'a', howToMend: 'b' }],
  };
  const text = renderDoctor(doctor);
  expect(text).toMatch(/onnxruntime-node +not installed/);
  expect(text).toMatch(/sharp +not installed/);
  expect(text).toMatch(/images +reads jpeg; not heic \(npm install heic-decode\)$/m);
  expect(text).toContain('Problems:\n  a. b');
});
