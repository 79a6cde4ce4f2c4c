import { writeSafetensors } from '../../compiler/step/index.ts';
import { ThawError } from '../../errors.ts';
import type { TrainSettingsInput } from '../../session/index.ts';
import { type RoundMode, type RoundOutcome, readRoundState } from '../index.ts';
import type { AppMessage } from './events.ts';
import type { Content, FlowerRecord, RecordValue } from './records.ts';
import { readRequestedSettings } from './requested-settings.ts';

/** A request of the app of `thaw federated init` to a client: a round from a state, with settings. */
export interface AskedRound extends RoundMode {
  /** A safetensors file for `round`. */
  readonly state: Uint8Array;
  readonly settings: TrainSettingsInput;
}

/** @throws ThawError `bad-data` for a message of another app, `bad-config` for settings beyond the limits */
export function readAskedRound({ type, content }: AppMessage): AskedRound {
  const arrays = content.get('arrays');
  const config = content.get('config');
  const foreign = (why: string): ThawError =>
    new ThawError(
      'bad-data',
      `the message does not come from an app of this version of Thaw: ${why}`,
      'Run the app of thaw federated init, with the same version on all machines',
    );
  if (type !== 'train' && type !== 'evaluate') throw foreign(`it requests "${type}"`);
  if (arrays?.kind !== 'arrays' || config?.kind !== 'config') throw foreign('it has no state or no config');
  const { values } = config;
  const text = (name: string): unknown => {
    try {
      return JSON.parse(String(values.get(name)));
    } catch {
      throw foreign(`"${name}" is not JSON`);
    }
  };
  const number = (name: string): number => {
    const value = Number(values.get(name) ?? Number.NaN);
    if (Number.isFinite(value)) return value;
    throw foreign(`it has no ${name}`);
  };
  const finished = number('epochs') * (number('server-round') - 1);
  const metadata = { ...(text('state') as Record<string, unknown>), epoch: String(number('epoch') + finished) };
  return {
    state: writeSafetensors({ tensors: arrays.arrays, metadata: metadata as Record<string, string> }),
    settings: readRequestedSettings(text('settings')),
    evaluateOnly: type === 'evaluate',
    measure: true,
    proximal: values.has('proximal-mu') ? number('proximal-mu') : undefined,
  };
}

/** The answer to the app: the new state, examples and scores; those with `val-` measure the received state. */
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
