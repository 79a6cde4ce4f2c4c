import { join } from 'node:path';
import * as z from 'zod';
import { ThawError } from '../../../errors.ts';
import { parseJson } from '../../../json.ts';
import { readTextIfThere } from '../../disk/index.ts';

const scores = z.record(z.string(), z.number().nullable());
const amount = z.number().nonnegative();
const time = z.string().refine((text) => Number.isFinite(Date.parse(text)), 'it is not a time');

/** A client in a round: its scores and bytes, or why it has none. `val` measures the state that it received. */
const clientSchema = z.object({
  client: z.string(),
  name: z.string().optional(),
  examples: amount.optional(),
  train: scores.optional(),
  val: scores.optional(),
  down: amount.default(0),
  up: amount.default(0),
  dropped: z.string().optional(),
});

const stageSchema = z.looseObject({
  train: z.union([z.string(), z.array(z.string())]),
  epochs: z.number().int().positive(),
  lr: z.number().positive(),
});

const lineSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('sitting'),
    time,
    model: z.string(),
    strategy: z.looseObject({ name: z.string() }),
    flower: z.string(),
    rounds: z.number().int().nonnegative(),
  }),
  z.object({
    type: z.literal('round'),
    time,
    round: z.number().int().positive(),
    stage: z.number().int().positive(),
    settings: z.looseObject({ stages: z.tuple([stageSchema]) }),
    seconds: amount,
    clients: z.array(clientSchema),
  }),
  z.object({
    type: z.literal('evaluation'),
    time,
    round: z.number().int().positive(),
    seconds: amount,
    clients: z.array(clientSchema),
  }),
]);

type Line = z.output<typeof lineSchema>;
export type RecordedClient = z.output<typeof clientSchema>;
export type RecordedRound = Extract<Line, { type: 'round' }>;

/** The record of a federation's server: its starts, its rounds, and the last evaluation. */
export interface FederationRecord {
  readonly sittings: readonly Extract<Line, { type: 'sitting' }>[];
  /** In order, from 1. */
  readonly rounds: readonly RecordedRound[];
  /** Evaluation of the last round's state. Absent if the server ended before it. */
  readonly evaluation?: Extract<Line, { type: 'evaluation' }>;
}

export const RECORD = 'record.jsonl';

/**
 * @param folder folder with `record.jsonl`
 * @param done number of rounds in the state; later ones are ignored
 * @throws ThawError `bad-data` if a line is damaged or a round is missing, `not-found` if there is no record
 */
export async function readFederationRecord(folder: string, done: number): Promise<FederationRecord> {
  const file = join(folder, RECORD);
  const text = await readTextIfThere(file);
  if (text === undefined) {
    throw new ThawError('not-found', `${file} does not exist`, 'Give the folder that the federation wrote');
  }
  const lines = text
    .split('\n')
    .flatMap((line, i) => (line === '' ? [] : [readLine(line, `line ${i + 1} of ${file}`)]));
  const all = lines.filter((line) => line.type === 'round');
  const rounds = all.filter(({ round }) => round <= done);
  const missing = Array.from({ length: done }, (_, i) => i + 1).find((n) => rounds[n - 1]?.round !== n);
  if (missing !== undefined || !done) {
    const what = done ? `${file} does not have the rounds 1 to ${done}, once each` : 'no round is finished';
    throw new ThawError('bad-data', what, 'Continue the federation: flwr run APP');
  }
  return {
    sittings: lines.filter((line) => line.type === 'sitting'),
    rounds,
    evaluation:
      lines.filter((line) => line.type === 'evaluation').findLast(({ round }) => round === done) ??
      measuredNext(all.find(({ round }) => round === done + 1)),
  };
}

/** The clients' measurements of a state at the start of the next round, used as its evaluation. */
const measuredNext = (next: RecordedRound | undefined): FederationRecord['evaluation'] =>
  next && {
    type: 'evaluation',
    time: next.time,
    round: next.round - 1,
    seconds: 0,
    clients: next.clients.flatMap(({ train: _, dropped, ...client }) => (dropped ? [] : { ...client, down: 0, up: 0 })),
  };

const readLine = (text: string, what: string): Line =>
  parseJson(text, lineSchema, { what, hint: 'Remove the line, or restore the file', code: 'bad-data' });
