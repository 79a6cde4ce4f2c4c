import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { explainProcessEnd } from '../../../src/cli/process-end.ts';
import { Terminal } from '../../../src/cli/terminal/terminal.ts';
import { TrainingDisplay } from '../../../src/cli/terminal/training.ts';
import { readSafetensors, writeSafetensors } from '../../../src/compiler/step/index.ts';
import { readRoundState } from '../../../src/federated/index.ts';
import { finishFederation, firstState, type JobEvent, resume, round, train } from '../../../src/node/commands/index.ts';
import { quoted } from '../../../src/node/commands/paths.ts';
import { evaluate } from '../../../src/node/library/index.ts';
import { openRun, unfinishedIn } from '../../../src/node/run/index.ts';
import { bytesOf } from '../../../src/onnx/index.ts';
import { thaw } from '../../cli/streams.ts';
import { makeProject, type Project, pretrained, saveModel } from './project.ts';

/** Output of the server of `thaw federated init` after rounds with one client: two of the head, one with one more layer. */
let project: Project;
let folder: string;
const STAGES = [
  { train: 'head', epochs: 2, lr: 0.02 },
  { train: 'last:2', epochs: 1, lr: 0.004 },
];
const settingsOf = (stage: number) => ({
  device: 'cpu' as const,
  batch: 6,
  schedule: 'constant' as const,
  stages: [STAGES[stage - 1]],
});

const near = (round: number) => ({
  ...{ client: '77', name: 'near', examples: 16, down: 1000 + round, up: 900 + round },
  train: { loss: 1 / round, accuracy: 0.5 },
  val: { examples: 6, loss: 2 / round, accuracy: round / 6 },
});
const far = (round: number) => ({
  ...{ client: '12345678901234567890', examples: 4, down: 1000, up: 900 },
  train: { loss: 2, accuracy: 0.25 },
  val: { examples: 2, loss: 1, accuracy: round / 12 },
});
const gone = { client: '12345678901234567890', down: 1000, dropped: 'it broke <here>' };

const lines = (model: string) => [
  {
    type: 'sitting',
    time: '2026-01-02T03:04:05+00:00',
    model,
    strategy: { name: 'fedprox', 'proximal-mu': 0.1 },
    flower: '1.42.0',
    rounds: 0,
  },
  ...[1, 2, 3].map((round) => ({
    ...{ type: 'round', time: '2026-01-02T03:05:00+00:00', round, stage: round < 3 ? 1 : 2, seconds: 10 },
    settings: settingsOf(round < 3 ? 1 : 2),
    clients: [near(round), round === 2 ? gone : far(round)],
  })),
  {
    type: 'evaluation',
    time: '2026-01-02T03:06:00+00:00',
    round: 3,
    seconds: 4,
    clients: [near(4), far(4)].map(({ train: _, ...rest }) => rest),
  },
];

beforeAll(async () => {
  project = await makeProject();
  folder = join(project.folder, 'federation');
  mkdirSync(folder);
  const { model, data } = project;
  let state: Uint8Array | undefined;
  for (const stage of [1, 2]) {
    const settings = settingsOf(stage);
    state = await firstState({
      model,
      state,
      settings: { ...settings, ...(state ? {} : { labels: ['blue', 'green', 'red'] }) },
    });
    for (let i = 0; i < 3 - stage; i++)
      state = (await round({ model, data, state, settings: { ...settings, cache: 'memory' } })).state!;
  }
  const { tensors, metadata } = readSafetensors(state!);
  writeFileSync(
    join(folder, 'state.safetensors'),
    writeSafetensors({ tensors, metadata: { ...metadata, rounds: '3' } }),
  );
  writeFileSync(
    join(folder, 'record.jsonl'),
    lines(model)
      .map((line) => `${JSON.stringify(line)}\n`)
      .join(''),
  );
});
afterAll(() => project.remove());

const copy = (name: string): string => {
  const to = join(project.folder, name);
  cpSync(folder, to, { recursive: true });
  rmSync(join(to, 'run'), { recursive: true, force: true });
  return to;
};

describe('a federation finishes like any run', () => {
  test('with data on the server: evaluation, export, report', async () => {
    const out = join(project.folder, 'measured');
    const outcome = await finishFederation({ folder, data: project.data, out });
    expect(outcome).toMatchObject({
      status: 'finished',
      epochs: 3,
      bestEpoch: 3,
      report: expect.stringMatching(/report\.html$/),
    });
    const own = await evaluate({ model: out, data: project.data });
    expect(outcome.after).toMatchObject({ accuracy: own.accuracy });
    const run = await openRun(out);
    const { state } = await run.checkpoint('last');
    const given = readRoundState(readFileSync(join(folder, 'state.safetensors'))).tensors;
    for (const [name, tensor] of given) expect(bytesOf(state.get(name)!)).toEqual(bytesOf(tensor));
    const rows = await run.rows();
    expect(rows.map(({ epoch, stage, lr }) => [epoch, stage, lr])).toEqual([
      [1, 1, 0.02],
      [2, 1, 0.02],
      [3, 2, 0.004],
    ]);
    expect(rows[0].train.loss).toBeCloseTo((16 * 1 + 4 * 2) / 20, 12);
    // A round's state is measured at the start of the next one.
    expect(rows[0].val.accuracy).toBeCloseTo(2 / 6, 12);
    expect(rows[1].val.accuracy).toBeCloseTo((6 * (3 / 6) + 2 * (3 / 12)) / 8, 12);
    expect(rows[2].val.accuracy).toBeCloseTo((6 * (4 / 6) + 2 * (4 / 12)) / 8, 12);
    expect(rows[2].trainable).toBeGreaterThan(rows[0].trainable);
    const report = readFileSync(join(out, 'report.html'), 'utf8');
    for (const words of [
      ...[
        'by 2 clients',
        'near',
        'client 2',
        'FedProx (proximal-mu 0.1)',
        'Accuracy, by client',
        'Training loss, by client',
      ],
      ...[
        'Bytes, all clients',
        'Round 2 without <b>client 2</b>: it broke &lt;here&gt;',
        '2 of 3',
        'of the server',
        'Confusion',
      ],
    ])
      expect(report).toContain(words);
    // 1001 + 1002 + 1003 for the rounds, 1004 for the evaluation.
    expect(report).toContain('4,010 B');
    expect(report).not.toContain('thaw train');
    const card = readFileSync(join(out, 'model', 'README.md'), 'utf8');
    expect(card).toContain('by 2 clients, on 20 samples of their own');
    expect(card).toContain('those of the last round, 3');
    expect(card).not.toContain('12345678901234567890');
  });

  test("without data: the clients' measurements count, and the export is checked on noise", async () => {
    const place = copy('unmeasured');
    const { code, out } = await thaw(['federated', 'finish', place, '--json']);
    expect(code).toBe(0);
    const events = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(events.find(({ type }) => type === 'verified')).toMatchObject({ samples: 8, synthetic: true });
    expect(events.at(-1)).toMatchObject({ type: 'done', after: null, calibration: null });
    const report = readFileSync(join(place, 'run', 'report.html'), 'utf8');
    expect(report).toMatch(/On 8 samples held out by the clients, its accuracy is <strong>58\.3%/);
    expect(report).not.toMatch(/NaN|undefined/);
    expect(readFileSync(join(place, 'run', 'model', 'README.md'), 'utf8')).toContain("pipeline('image-classification'");
    expect(JSON.parse(readFileSync(join(place, 'run', 'model', 'config.json'), 'utf8')).temperature).toBeUndefined();
    await finishFederation({ folder: place });
    expect(existsSync(join(place, 'run-2', 'model', 'onnx', 'model.onnx'))).toBe(true);
  });

  test('also if the server ended before the last evaluation', async () => {
    const place = copy('cut');
    writeFileSync(
      join(place, 'record.jsonl'),
      lines(project.model)
        .slice(0, -1)
        .map((line) => `${JSON.stringify(line)}\n`)
        .join(''),
    );
    await finishFederation({ folder: place });
    const report = readFileSync(join(place, 'run', 'report.html'), 'utf8');
    expect(report).toContain('No client has evaluated the last state');
    expect(report).not.toMatch(/NaN|undefined/);
  });
});

describe('an interrupted finish', () => {
  const about =
    /contains the finished model of a federation, .* unfinished\. Run again: thaw federated finish .*--out /;

  test.each([
    ['once the directory exists', 'run'],
    ['before the model is exported', 'exporting'],
    ['before the report is written', 'reporting'],
  ])('%s is reported, and repeated in the same place', async (name, when) => {
    const place = copy(`cut ${name}`);
    const onEvent = (event: JobEvent) => {
      if (event.type === when || (event.type === 'phase' && event.phase === when)) throw new Error('killed');
    };
    await expect(finishFederation({ folder: place }, { onEvent })).rejects.toThrow('killed');
    const run = join(place, 'run');
    expect(existsSync(join(run, 'report.html'))).toBe(false);
    for (const go of [
      () => resume(run),
      () => openRun(run),
      () => train({ model: project.model, data: project.data, out: run }),
    ])
      await expect(go()).rejects.toMatchObject({ line: expect.stringMatching(about) });
    const ended = { code: null, signal: 'SIGKILL', output: '', run, killed: false } as const;
    expect((await explainProcessEnd(ended)).line).toMatch(/Run again: thaw federated finish/);
    const outcome = await finishFederation({ folder: place });
    expect(resolve(outcome.run)).toBe(run);
    for (const file of ['model/onnx/model.onnx', 'report.html']) expect(existsSync(join(run, file))).toBe(true);
    expect(readdirSync(run).filter((file) => /unfinished|lock|tmp/.test(file))).toEqual([]);
    await expect(resume(run)).rejects.toThrow(/is finished/);
    // A complete run stays.
    await expect(finishFederation({ folder: place, out: run })).rejects.toThrow(/already contains a run/);
  });

  test('before its directory has content leaves the path free', async () => {
    const place = copy('nothing yet');
    mkdirSync(join(place, 'run'));
    writeFileSync(join(place, 'run', '.config.yaml.1.tmp'), '');
    const outcome = await finishFederation({ folder: place });
    expect(resolve(outcome.run)).toBe(join(place, 'run'));
  });

  test('by Ctrl-C prints the command that repeats it', async () => {
    const place = copy('stopped');
    const stop = new AbortController();
    let printed = '';
    const sink = {
      write: (text: string) => {
        printed += text;
      },
    };
    const display = new TrainingDisplay(new Terminal({ json: false, stdout: sink, stderr: sink, env: {} }));
    const outcome = await finishFederation(
      { folder: place, data: project.data, round: 3 },
      {
        signal: stop.signal,
        onEvent: (event) => event.type === 'phase' && event.phase === 'exporting' && stop.abort(),
      },
    );
    expect(outcome.status).toBe('interrupted');
    const command = (await unfinishedIn(outcome.run))!.command;
    expect(command).toBe(
      `thaw federated finish ${quoted(place)} ${quoted(project.data)} --round 3 --out ${quoted(join(place, 'run'))}`,
    );
    display.finish(outcome, command);
    expect(printed).toContain(command);
    expect(printed).not.toContain('thaw resume');
  });
});

describe('an earlier round', () => {
  test('can be finished, with measurements of that state by clients', async () => {
    const place = copy('earlier');
    const { tensors, metadata } = readSafetensors(readFileSync(join(place, 'state.safetensors')));
    mkdirSync(join(place, 'states'));
    const earlier = writeSafetensors({ tensors, metadata: { ...metadata, rounds: '2', epoch: '2' } });
    writeFileSync(join(place, 'states', 'round-2.safetensors'), earlier);
    const { code, err } = await thaw(['federated', 'finish', place, '--round', '1']);
    expect([code, err]).toEqual([
      2,
      expect.stringMatching(/does not have the state of round 1\. Choose one of the rounds 2/),
    ]);
    expect(await thaw(['federated', 'finish', place, '--round', '0.5'])).toMatchObject({ code: 2 });
    const outcome = await finishFederation({ folder: place, round: 2 });
    const rows = await (await openRun(outcome.run)).rows();
    expect(rows.map(({ epoch }) => epoch)).toEqual([1, 2]);
    expect(rows[1].val.accuracy).toBeCloseTo((6 * (3 / 6) + 2 * (3 / 12)) / 8, 12);
    expect((await finishFederation({ folder: place, round: 3 })).epochs).toBe(3);
  });
});

describe('the scores of one client', () => {
  test('do not hide those of the others', async () => {
    const place = copy('scores');
    const spoilt = lines(project.model).map((line) =>
      'clients' in line
        ? {
            ...line,
            clients: [
              { client: '5', examples: 1, train: { odd: 7 }, val: { odd: 7 }, down: 0, up: 0 },
              ...(line.clients ?? []),
            ],
          }
        : line,
    );
    writeFileSync(join(place, 'record.jsonl'), spoilt.map((line) => `${JSON.stringify(line)}\n`).join(''));
    const outcome = await finishFederation({ folder: place });
    const rows = await (await openRun(outcome.run)).rows();
    expect(rows[0].train.loss).toBeCloseTo((16 * 1 + 4 * 2) / 20, 12);
    expect(rows[0].val.accuracy).toBeCloseTo(2 / 6, 12);
    expect(Object.keys(rows[2].val)).not.toContain('odd');
  });
});

describe('refuses a folder', () => {
  test.each<[string, (place: string) => unknown, RegExp]>([
    ['without a state', (place) => rmSync(join(place, 'state.safetensors')), /has no state\.safetensors/],
    ['without a record', (place) => rmSync(join(place, 'record.jsonl')), /record\.jsonl does not exist/],
    [
      'with a damaged line',
      (place) => appendFileSync(join(place, 'record.jsonl'), '{"type":"round"}\n'),
      /line 6 .* is damaged/,
    ],
    [
      'with a missing round',
      (place) => {
        const file = join(place, 'record.jsonl');
        writeFileSync(
          file,
          readFileSync(file, 'utf8')
            .split('\n')
            .filter((line) => !line.includes('"round":2'))
            .join('\n'),
        );
      },
      /does not have the rounds 1 to 3/,
    ],
    ['with another model', () => ({ model: saveModel(project, 'other', pretrained({ softmax: true })) }), /SHA-256/],
  ])('%s', async (name, spoil, message) => {
    const place = copy(name);
    const more = (spoil(place) ?? {}) as object;
    await expect(finishFederation({ folder: place, ...more })).rejects.toMatchObject({
      line: expect.stringMatching(message),
    });
    expect(existsSync(join(place, 'run'))).toBe(false);
  });
});
