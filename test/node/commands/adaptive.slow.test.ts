import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { type JobEvent, resume, type TrainingResult, train } from '../../../src/node/commands/index.ts';
import type { TrainingSettings } from '../../../src/session/index.ts';
import { makeProject, type Project } from './project.ts';

let project: Project;
beforeAll(async () => {
  project = await makeProject();
});
afterAll(() => project.remove());

const settings: TrainingSettings = { device: 'cpu', batch: 6, seed: 7, lr: 0.004, epochs: 12, artifacts: false };

const told = (events: readonly JobEvent[]) =>
  events.flatMap((event) => (event.type === 'decision' ? [event.message] : []));
const modelOf = ({ run }: TrainingResult) => readFileSync(join(run, 'model/onnx/model.onnx'));

test('a run tells its decisions, keeps the resulting plan, and continues and repeats with it', async () => {
  const request = { model: project.model, data: project.data, settings };
  const events: JobEvent[] = [];
  const out = join(project.folder, 'whole');
  const whole = await train({ ...request, out }, { onEvent: (event) => events.push(event) });

  const record = JSON.parse(readFileSync(join(out, 'record.json'), 'utf8'));
  const messages = record.decisions.map(({ message }: { message: string }) => message);
  expect(told(events)).toEqual(messages);
  expect(messages.length).toBeGreaterThanOrEqual(2);
  const report = readFileSync(join(out, 'report.html'), 'utf8');
  for (const message of messages) expect(report).toContain(message);
  expect(report).toContain('class="decision"');

  const { model, data, ...config } = parse(readFileSync(join(out, 'config.yaml'), 'utf8'));
  expect(config.stages).toHaveLength(record.stages.length);
  expect(config.stages.reduce((all: number, { epochs }: { epochs: number }) => all + epochs, 0)).toBe(whole.epochs);
  const again: JobEvent[] = [];
  const repeated = await train(
    { model, data, out: join(project.folder, 'again'), settings: config },
    { onEvent: (event) => again.push(event) },
  );
  expect(told(again)).toEqual([]);
  expect(modelOf(repeated).equals(modelOf(whole))).toBe(true);

  // Stopped after its first decision, it decides the rest as before.
  const stop = new AbortController();
  const partial = await train(
    { ...request, out: join(project.folder, 'partial') },
    { onEvent: (event) => event.type === 'decision' && stop.abort(), signal: stop.signal },
  );
  expect(partial.status).toBe('interrupted');
  const resumed = await resume(partial.run);
  expect(modelOf(resumed).equals(modelOf(whole))).toBe(true);
  const { decisions } = JSON.parse(readFileSync(join(partial.run, 'record.json'), 'utf8'));
  expect(decisions).toEqual(record.decisions);
});
