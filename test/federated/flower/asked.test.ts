// Requests from another run to a node.
import { describe, expect, test } from 'vitest';
import { type Content, type RecordValue, readAskedRound } from '../../../src/federated/flower/index.ts';
import { readRoundState } from '../../../src/federated/index.ts';
import { tensor } from '../../../src/onnx/index.ts';

const STATE = {
  format: 'thaw-round',
  version: '1',
  source: 'a'.repeat(64),
  task: '{"task":"classification","classes":["a","b"]}',
  seed: '0',
};
const VALUES: Readonly<Record<string, RecordValue>> = {
  state: JSON.stringify(STATE),
  settings: '{"stages":[{"train":"head","epochs":1,"lr":0.1}]}',
  epoch: 0n,
  epochs: 1n,
  'server-round': 1n,
};
const w = tensor('float32', [2], Float32Array.of(1, 2));

function asked(changes: Readonly<Record<string, RecordValue>>, type = 'train') {
  const content: Content = new Map([
    ['arrays', { kind: 'arrays', arrays: new Map([['w', w]]) }],
    ['config', { kind: 'config', values: new Map(Object.entries({ ...VALUES, ...changes })) }],
  ]);
  return readAskedRound({ type, run: '7', group: '1', content });
}
const withSettings = (settings: unknown) => asked({ settings: JSON.stringify(settings) });

test('reads a round', () => {
  const { state, settings } = asked({});
  expect(readRoundState(state)).toMatchObject({ epoch: 0, seed: 0 });
  expect(settings).toEqual({ stages: [{ train: 'head', epochs: 1, lr: 0.1 }] });
});

describe('refuses in one line', () => {
  test.each<[string, () => unknown, RegExp]>([
    ['another kind of message', () => asked({}, 'query.\x1b[2J'), /it requests/],
    ['epochs that are not a number', () => asked({ epochs: 'many' }), /it has no epochs/],
    ['an infinite number', () => asked({ epoch: Number.POSITIVE_INFINITY }), /it has no epoch/],
    ['settings that are bytes', () => asked({ settings: Uint8Array.of(1, 2) }), /not JSON/],
    ['settings that are a list', () => withSettings([1]), /are not an object/],
    ['settings that are null', () => withSettings(null), /are not an object/],
    ['a huge batch', () => withSettings({ batch: 1e12 }), /requests batch 1000000000000\. A node accepts at most 4096/],
    ['huge images', () => withSettings({ size: 8000, batch: 64 }), /batches of 64 images of 8000 x 8000/],
    ['endless epochs', () => withSettings({ stages: [{ train: 'head', epochs: 1e9 }] }), /stages\.epochs 1000000000/],
    ['endless stages', () => withSettings({ stages: Array(101).fill({}) }), /stages\.length 101/],
    ['a huge rank', () => withSettings({ lora: { rank: 1e9 } }), /lora\.rank 1000000000/],
    [
      'a regular expression',
      () => withSettings({ stages: [{ train: '/(a+)+$/' }] }),
      /selects layers by \/\(a\+\)\+\$\//,
    ],
    ['one among others', () => withSettings({ trainable: ['head', 'x,/(.*)*y/'] }), /selects layers by/],
    ['one as a key', () => withSettings({ dropout: { '/(a|a)*b/': 0.1 } }), /selects layers by/],
    ['a glob with many stars', () => withSettings({ lora: { targets: 'a*a*a*a*a*b' } }), /selects layers by a\*a\*/],
  ])('%s', (_, ask, message) => {
    expect(ask).toThrowError(expect.objectContaining({ line: expect.stringMatching(message) }));
  });

  test.each<[string, Readonly<Record<string, RecordValue>>, RegExp]>([
    ['an absurd epoch', { epoch: 10n ** 15n }, /metadata is damaged/],
    ['epochs that add up to an absurd one', { epochs: 1e300, 'server-round': 3n }, /metadata is damaged/],
    ['a fraction of an epoch', { epochs: 0.5, 'server-round': 2n }, /metadata is damaged/],
    ['metadata that is not strings', { state: '{"task":{"a":1}}' }, /metadata are not strings/],
    ['metadata that is a list', { state: '[1]' }, /not strings|no state/],
    ['metadata that is text', { state: '"abc"' }, /not the state of a round/],
  ])('a state with %s', (_, changes, message) => {
    const { state } = asked(changes);
    expect(() => readRoundState(state)).toThrowError(expect.objectContaining({ line: expect.stringMatching(message) }));
  });
});

test('accepts names and short globs', () => {
  const settings = { stages: [{ train: ['last:2', 'layer4.*', '*.norm*.bias'], epochs: 2 }], size: 224, batch: 64 };
  expect(withSettings(settings).settings).toEqual(settings);
});

test('each machine keeps its own limits for memory and disk', () => {
  const { settings } = withSettings({
    cacheDisk: 1e9,
    cacheMemory: 1e9,
    memory: 'off',
    threads: 64,
    cache: 'disk',
    batch: 8,
  });
  expect(settings).toEqual({ cache: 'disk', batch: 8 });
});
