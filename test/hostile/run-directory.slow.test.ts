// Damaged folders that Thaw wrote. Every command either works, or names the damaged file and gives a fix.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ThawError } from '../../src/errors.ts';
import { attempt, type Change, changedText, corpus } from './run-directory.ts';

let folder: string;
let unchanged: readonly Uint8Array[];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'thaw-run-directory-'));
  unchanged = await corpus();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const outcome = (content: Uint8Array) =>
  attempt(content, folder).catch((error: unknown) => {
    expect(error).toBeInstanceOf(ThawError);
    return (error as ThawError).line.replaceAll(join(folder, 'trial', 'run'), 'RUN');
  });

const mutant = (command: string, ...changes: readonly Change[]): Uint8Array =>
  Buffer.from(JSON.stringify({ command, changes }));

test('every command works on an unchanged folder', async () => {
  const outcomes: string[] = [];
  for (const content of unchanged) outcomes.push(await outcome(content));
  expect(outcomes).toEqual([
    'resume: finished',
    'resume, without a report: finished',
    'train into it: it contains a run',
    'eval: number',
    'predict: red',
    // Null: there are too few samples.
    'calibrate: temperature: object',
    'export, stopped: exported',
    'export, float16: exported',
    'export, int8: exported',
    'train from it: finished',
    'merge: exported',
    'resume, adapters: finished',
    'rows: 2 rows',
    expect.stringMatching(/^death: .*The last checkpoint \(after 1 epoch\) is intact/),
    'resume, sweep: finished',
    'federated finish: unmeasured',
    'federated finish, measured: finished',
  ]);
});

/** Replaces a value in a JSON file, by its path. */
const at = (file: string, path: string, value: unknown) => ({ file, path, value });

const CHECKPOINT = 'checkpoints/last/checkpoint.safetensors';
const PREVIOUS: Change = { file: 'checkpoints/last/previous.safetensors', put: 'nothing' };
const BEST: Change = { file: 'checkpoints/best', put: 'nothing' };

test.each<[command: string, change: Change | ReturnType<typeof at>, line: RegExp]>([
  ['resume', { file: '.lock', put: 'folder' }, /^RUN\/\.lock is a folder, not a file\. Remove it/],
  ['resume', { file: '.lock', put: 'pipe' }, /^RUN\/\.lock is not a regular file\. Remove it/],
  ['resume', { file: 'record.json', put: 'folder' }, /^RUN\/record\.json is a folder, not a file/],
  ['resume', { file: 'config.yaml', put: 'pipe' }, /^RUN\/config\.yaml is not a regular file/],
  ['resume', { file: 'config.yaml', put: 'huge' }, /^RUN\/config\.yaml has 3221225472 bytes, more than/],
  ['resume', { file: CHECKPOINT, put: 'huge' }, /^resume: finished$/],
  ['resume', { file: 'artifacts', put: 'empty' }, /^cannot write RUN\/artifacts.*is a file/],
  [
    'resume',
    { file: 'metrics.jsonl', put: 'full folder' },
    /^cannot write RUN\/metrics\.jsonl: a folder has the same name/,
  ],
  [
    'resume',
    at('record.json', 'stages', 5),
    /^RUN\/record\.json is damaged: stages: it takes a list, not 5\. Remove it/,
  ],
  ['resume', at('record.json', 'stages.0.groups', null), /record\.json is damaged: stages\.0\.groups/],
  ['resume', at('record.json', 'before', { loss: 1 }), /^RUN\/record\.json is damaged: accuracy: it is missing/],
  ['resume', at('record.json', 'created', 'once'), /record\.json is damaged: created: it is not a time/],
  [
    'resume',
    at('checkpoints/source.json', 'about.preprocessing', null),
    /source of the run RUN is damaged: preprocessing/,
  ],
  ['resume', at('checkpoints/source.json', 'about.task.classes', 'a'), /is damaged: task\.classes: it takes a list/],
  ['resume', at('checkpoints/source.json', 'about.preprocessing.mean', [1]), /^preprocessing: mean is \[1\]/],
  ['resume', at('checkpoints/source.json', 'files', {}), /source\.json is damaged: files\.source\.onnx/],
  ['resume', at('config.yaml', 'constructor', 1), /^there is no setting "constructor"/],
  ['resume', at('config.yaml', 'lr', 'fast'), /^setting lr: it takes a number, not "fast"/],
  [
    'resume',
    at(CHECKPOINT, 'progress.rows', null),
    /the progress of the checkpoint is damaged: rows: it takes a list, not null/,
  ],
  ['resume', at(CHECKPOINT, 'rows.count', 0), /rows\.jsonl is damaged: it does not have the 0 rows of the checkpoint/],
  ['resume', at(CHECKPOINT, 'rows.count', -1), /the note of its rows is damaged: count/],
  [
    'resume',
    { file: 'checkpoints/rows.jsonl', put: 'nothing' },
    /rows\.jsonl is damaged: it does not have the \d rows? of the checkpoint/,
  ],
  [
    'resume',
    at(CHECKPOINT, 'progress.epoch', 2),
    /does not belong to this run: it stands after 2 epochs, and its rows/,
  ],
  ['resume', at(CHECKPOINT, 'progress.stage', 9), /does not belong to this run: it stands in stage 10 of 2/],
  [
    'resume',
    at(CHECKPOINT, 'progress.batch', 9e9),
    /does not belong to this run: it stands after 9000000000 of 2 batches/,
  ],
  ['resume', at(CHECKPOINT, 'progress.thawedAt', { nowhere: 1 }), /it lacks "nowhere", which has trained/],
  ['resume', at(CHECKPOINT, 'progress.step', -1), /progress of the checkpoint is damaged: step/],
  ['resume', at(CHECKPOINT, 'identity.classes', 3), /identity of the checkpoint is damaged: classes/],
  [
    'rows',
    at('metrics.jsonl', 'train', 3),
    /^line 1 of RUN\/metrics\.jsonl is damaged: train: it takes an object, not 3/,
  ],
  ['merge', at('adapters/adapter_model.safetensors', 'thaw.preprocessing', null), /^the preprocessing is damaged/],
  [
    'predict',
    { file: 'model/onnx/model.onnx', put: 'folder' },
    /the run RUN has no finished model yet|contains no ONNX model/,
  ],
  [
    'resume, sweep',
    at('sweep.json', 'trials.0.runs.0.path', '../outside'),
    /sweep\.json is damaged: trials\.0\.runs\.0\.path: it must be the folder of a trial/,
  ],
  ['resume, sweep', at('sweep.json', 'trials', {}), /sweep\.json is damaged: trials: it takes a list/],
  ['resume, sweep', at('sweep.json', 'metric', 'accuracy'), /sweep\.json is damaged: metric: it takes an object/],
  [
    'federated finish',
    at('record.jsonl', 'time', 'once'),
    /^line 1 of RUN\/record\.jsonl is damaged: time: it is not a time/,
  ],
  ['federated finish', { file: 'record.jsonl', put: 'folder' }, /^RUN\/record\.jsonl is a folder, not a file/],
  ['federated finish', { file: 'state.safetensors', put: 'folder' }, /state\.safetensors is not a file/],
])('%s: %j', async (command, change, line) => {
  const changes = 'put' in change ? [change] : [changedText(command, change)];
  const crafted = 'path' in change && change.file === CHECKPOINT ? [PREVIOUS, BEST] : [];
  expect(await outcome(mutant(command, ...changes, ...crafted))).toMatch(line);
});
