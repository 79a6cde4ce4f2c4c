import { writeSafetensors } from '../../compiler/step/index.ts';
import { ThawError } from '../../errors.ts';
import type { TrainSettingsInput } from '../../session/index.ts';
import { type RoundMode, type RoundOutcome, readRoundState } from '../index.ts';
import { readAskedSettings } from './asked.ts';
import type { AppMessage } from './events.ts';
import type { Content, FlowerRecord, RecordValue } from './records.ts';

/** What the app that `thaw federated init` writes asks of a client: a round from a state, with settings. */
export interface AskedRound extends RoundMode {
  /** A safetensors file, as `round` takes it. */
  readonly state: Uint8Array;
  readonly settings: TrainSettingsInput;
}

/** @throws ThawError `bad-data` for a message of another app, `bad-config` for settings that ask for too much */
export function readAskedRound({ type, content }: AppMessage): AskedRound {
  const arrays = content.get('arrays');
  const config = content.get('config');
  const stranger = (why: string): ThawError =>
    new ThawError(
      'bad-data',
      `the message is not of an app of this Thaw: ${why}`,
      'Run the app that thaw federated init writes, on all machines of the same version',
    );
  if (type !== 'train' && type !== 'evaluate') throw stranger(`"${type}" is asked for`);
  if (arrays?.kind !== 'arrays' || config?.kind !== 'config') throw stranger('it has no state or no config');
  const { values } = config;
  const text = (name: string): unknown => {
    try {
      return JSON.parse(String(values.get(name)));
    } catch {
      throw stranger(`its ${name} are no JSON`);
    }
  };
  const number = (name: string): number => {
    const value = Number(values.get(name) ?? Number.NaN);
    if (Number.isFinite(value)) return value;
    throw stranger(`it has no ${name}`);
  };
  const finished = number('epochs') * (number('server-round') - 1);
  const metadata = { ...(text('state') as Record<string, unknown>), epoch: String(number('epoch') + finished) };
  return {
    state: writeSafetensors({ tensors: arrays.arrays, metadata: metadata as Record<string, string> }),
    settings: readAskedSettings(text('settings')),
    evaluateOnly: type === 'evaluate',
    measure: true,
    proximal: values.has('proximal-mu') ? number('proximal-mu') : undefined,
  };
}

/** The app's answer: what was learned, of how many examples, how well, and with `val-` how good the state was that was sent. */
export function answerOf({ state, examples, train, before, val, held }: RoundOutcome): Content {
  const sent = Object.entries(before ?? val).map(([name, value]) => [`val-${name}`, value] as const);
  const metrics = {
    kind: 'metrics',
    values: new Map<string, RecordValue>([
      ['num-examples', BigInt(examples)],
      ...Object.entries(train ?? {}),
      ['val-examples', BigInt(held)],
      ...sent,
    ]),
  } as const;
  if (!state) return new Map([['metrics', metrics]]);
  return new Map<string, FlowerRecord>([
    ['arrays', { kind: 'arrays', arrays: readRoundState(state).tensors }],
    ['metrics', metrics],
  ]);
}
