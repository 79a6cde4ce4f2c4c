import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type JobEvent, resume, train } from '../../../src/node/commands/index.ts';
import { makeProject, type Project } from './project.ts';

let project: Project;
beforeAll(async () => {
  project = await makeProject({ train: 4, val: 2 });
});
afterAll(() => project.remove());

test('setbacks are reported, recorded and in the report', async () => {
  const out = join(project.folder, 'run');
  const told: string[] = [];
  const onEvent = (event: JobEvent) => {
    if (event.type === 'rollback' || event.type === 'finding') told.push(event.message);
  };
  const settings = {
    trainable: 'all',
    epochs: 2,
    batch: 4,
    lr: 5e28,
    optimizer: 'sgd',
    rollbacks: { factor: 1e-30 },
    device: 'cpu',
  } as const;
  const outcome = await train({ model: project.model, data: project.data, out, settings }, { onEvent });
  expect(outcome.status).toBe('finished');
  expect(told[0]).toMatch(/^the loss is no longer a number in step 2: back to the start of epoch 1/);
  const record = JSON.parse(readFileSync(join(out, 'record.json'), 'utf8'));
  expect([...record.rollbacks, ...record.findings].map(({ message }) => message).sort()).toEqual([...told].sort());
  expect(readFileSync(join(out, 'report.html'), 'utf8')).toContain(`Epoch 1: ${told[0]}`);
});

test('a run killed between its model and its report is unfinished; a resume writes the report', async () => {
  const out = join(project.folder, 'killed');
  await train({ model: project.model, data: project.data, out, settings: { epochs: 1, device: 'cpu' } });
  const shipped = () => readFileSync(join(out, 'model', 'onnx', 'model.onnx'));
  const whole = shipped();
  await expect(resume(out)).rejects.toThrow('is finished');
  const { task, ...record } = JSON.parse(readFileSync(join(out, 'record.json'), 'utf8'));
  expect(task).toBeDefined();
  const environment = { ...record.environment, 'ONNX Runtime': '1.0.0', threads: '999', libvips: '8.0.0' };
  writeFileSync(join(out, 'record.json'), JSON.stringify({ ...record, environment }));
  rmSync(join(out, 'report.html'));
  const notices: string[] = [];
  const onEvent = (event: JobEvent) => event.type === 'notice' && notices.push(event.message);
  expect((await resume(out, { onEvent })).status).toBe('finished');
  expect(notices).toEqual([
    expect.stringMatching(
      /last bits .*: ONNX Runtime was 1\.0\.0, now [\d.]+; threads was 999, now \d+; libvips was 8\.0\.0, now [\d.]+$/,
    ),
  ]);
  expect(existsSync(join(out, 'report.html'))).toBe(true);
  expect(shipped().equals(whole)).toBe(true);
});
