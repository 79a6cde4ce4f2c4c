import { readSafetensors } from '../../src/compiler/step/index.ts';
import type { Content } from '../../src/federated/flower/index.ts';
import { readRoundState } from '../../src/federated/index.ts';

/** A message from the app that `thaw federated init` writes. */
export function askedRound(
  state: Uint8Array,
  settings: object,
  { epoch, epochs, 'server-round': round }: { epoch: number; epochs: number; 'server-round': number },
): Content {
  const { tensors, metadata } = readSafetensors(state);
  return new Map([
    ['arrays', { kind: 'arrays', arrays: tensors }],
    [
      'config',
      {
        kind: 'config',
        values: new Map<string, string | bigint>([
          ['state', JSON.stringify(metadata)],
          ['settings', JSON.stringify(settings)],
          ['epoch', BigInt(epoch)],
          ['epochs', BigInt(epochs)],
          ['server-round', BigInt(round)],
        ]),
      },
    ],
  ]);
}

export const tensorsOf = (state: Uint8Array) => readRoundState(state).tensors;

/** The metrics of an answer. */
export function metricsOf(content: Content) {
  const metrics = content.get('metrics');
  return metrics?.kind === 'metrics' ? metrics.values : undefined;
}
