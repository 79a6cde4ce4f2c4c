// Whatever fails at the end of a training, the model is there.
import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import * as images from '../../../src/data/node/index.ts';
import * as exporting from '../../../src/export/index.ts';
import { exportRun, type JobEvent, resume, train } from '../../../src/node/commands/index.ts';
import { evaluate, predict } from '../../../src/node/library/index.ts';
import type { TrainingSettings } from '../../../src/session/index.ts';
import { makeProject, type Project } from './project.ts';

vi.mock('../../../src/export/index.ts', { spy: true });
vi.mock('../../../src/data/node/index.ts', { spy: true });
afterEach(() => {
  vi.mocked(exporting.verifyExport).mockReset();
  vi.mocked(images.drawPng).mockReset();
});

const SETTINGS: TrainingSettings = { device: 'cpu', batch: 6, epochs: 2, trainable: 'head', augment: 'none' };

const projects: Project[] = [];
const fresh = async (): Promise<Project> => {
  const project = await makeProject({ train: 6, val: 4 });
  projects.push(project);
  return project;
};
afterAll(() => Promise.all(projects.map((project) => project.remove())));

/** Trains, and calls a function at each event. */
async function trained(project: Project, at: (event: JobEvent) => void = () => {}, signal?: AbortSignal) {
  const events: JobEvent[] = [];
  const onEvent = (event: JobEvent) => {
    events.push(event);
    at(event);
  };
  const out = join(project.folder, 'run');
  const outcome = await train(
    { model: project.model, data: project.data, out, settings: SETTINGS },
    { onEvent, signal },
  );
  const notices = events.flatMap((event) => (event.type === 'notice' ? [event.message] : []));
  return { out, outcome, events, notices };
}

const imagesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

test('a model with outputs that differ from training is written, and the difference is reported', async () => {
  const project = await fresh();
  vi.mocked(exporting.verifyExport).mockResolvedValue({
    samples: 12,
    maxDifference: 0.7,
    agreement: 0.5,
    holds: false,
  });
  const { out, outcome, events } = await trained(project);
  expect(outcome.status).toBe('finished');
  expect(events).toContainEqual(expect.objectContaining({ type: 'verified', holds: false, maxDifference: 0.7 }));
  expect(existsSync(join(out, 'model', 'onnx', 'model.onnx'))).toBe(true);
  expect(readFileSync(join(out, 'model', 'README.md'), 'utf8')).toContain('differ from training by up to 0.7');
});

test('a failed report leaves the model, and a resume writes the report', async () => {
  const project = await fresh();
  vi.mocked(images.drawPng).mockRejectedValueOnce(new Error('no font'));
  const { out, outcome, notices } = await trained(project);
  expect(outcome).toMatchObject({ status: 'finished', report: null });
  expect(notices).toContainEqual(expect.stringMatching(/could not write the report \(no font\).*thaw resume/));
  expect(existsSync(join(out, 'report.html'))).toBe(false);
  const before = readFileSync(join(out, 'model', 'onnx', 'model.onnx'));
  expect((await resume(out)).report).not.toBeNull();
  expect(readFileSync(join(out, 'model', 'onnx', 'model.onnx'))).toEqual(before);
});

test('class names can have any character', async () => {
  const project = await fresh();
  for (const split of ['train', 'val'])
    renameSync(join(project.data, split, 'red'), join(project.data, split, 'r\u0001e\u000bd\u001b[8m\ufffe<&"'));
  const { outcome, notices } = await trained(project);
  expect(notices.filter((message) => message.includes('report'))).toEqual([]);
  expect(outcome.report).not.toBeNull();
});

describe('images that disappear', () => {
  test.each(['evaluating', 'exporting', 'reporting'] as const)('some, while %s', async (phase) => {
    const project = await fresh();
    const { outcome } = await trained(project, (event) => {
      if (event.type !== 'phase' || event.phase !== phase) return;
      for (const file of imagesOf(project.data).filter((_, i) => i % 3 === 0)) rmSync(file);
    });
    expect(outcome).toMatchObject({ status: 'finished', report: expect.any(String), model: expect.any(String) });
  });

  test.each(['evaluating', 'exporting', 'reporting'] as const)('all, while %s', async (phase) => {
    const project = await fresh();
    const { out, outcome } = await trained(project, (event) => {
      if (event.type === 'phase' && event.phase === phase) rmSync(project.data, { recursive: true });
    });
    expect(outcome).toMatchObject({ status: 'finished', model: expect.any(String) });
    expect(existsSync(join(out, 'model', 'onnx', 'model.onnx'))).toBe(true);
    expect(existsSync(join(out, 'model', 'README.md'))).toBe(true);
  });

  test('some, while training', async () => {
    const project = await fresh();
    const { outcome, notices } = await trained(project, (event) => {
      if (event.type === 'plan') for (const file of imagesOf(project.data).filter((_, i) => i % 4 === 0)) rmSync(file);
    });
    expect(outcome.status).toBe('finished');
    expect(notices.some((message) => message.includes('skipped'))).toBe(true);
  });
});

describe('an unfinished run', () => {
  let project: Project;
  let out: string;
  beforeAll(async () => {
    project = await fresh();
    const controller = new AbortController();
    ({ out } = await trained(
      project,
      (event) => event.type === 'phase' && event.phase === 'evaluating' && controller.abort(),
      controller.signal,
    ));
    expect(existsSync(join(out, 'model'))).toBe(false);
  });

  test('is not used for predictions, and the error gives the fix', async () => {
    const [image] = imagesOf(project.data);
    await expect(predict({ model: out, images: [image] })).rejects.toThrow(
      expect.objectContaining({ line: expect.stringMatching(/no finished model.*thaw resume.*thaw export/) }),
    );
  });

  test.each([undefined, 'int8'] as const)(
    'is exported from its checkpoint (%s), also without its data',
    async (form) => {
      const notices: string[] = [];
      const away = `${project.data} away`;
      renameSync(project.data, away);
      const { file, verification } = await exportRun(
        { run: out, form },
        { onEvent: (event) => event.type === 'notice' && notices.push(event.message) },
      );
      renameSync(away, project.data);
      expect(verification).toBeNull();
      expect(notices).toContainEqual(expect.stringMatching(/is not finished: .* best epoch so far/));
      const { accuracy } = await evaluate({ model: join(file), data: join(project.data, 'val') });
      expect(accuracy).toBeGreaterThan(0.3);
    },
  );
});

test.each(['stage', 'epoch'] as const)('a run folder deleted at %s is an error', async (type) => {
  const project = await fresh();
  const out = join(project.folder, 'run');
  const run = trained(project, (event) => {
    if (event.type === type) rmSync(out, { recursive: true, force: true });
  });
  await expect(run).rejects.toThrow(
    expect.objectContaining({ code: 'run-directory', message: expect.stringContaining('was deleted') }),
  );
  expect(existsSync(out)).toBe(false);
});
