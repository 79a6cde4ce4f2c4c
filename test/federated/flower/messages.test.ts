// Reads Flower's own objects (scripts/reference/flower.py), and writes the same ones.
import { createVerify } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../../src/digest.ts';
import { flower } from '../../../src/federated/flower/generated/fleet.js';
import { identityOf, newIdentity } from '../../../src/federated/flower/identity.ts';
import { readNpy, writeNpy } from '../../../src/federated/flower/npy.ts';
import { everyObject, packObject, unpackObject } from '../../../src/federated/flower/objects.ts';
import { type Content, packContent, type RecordValue, unpackContent } from '../../../src/federated/flower/records.ts';
import { type Tensor, tensor } from '../../../src/onnx/index.ts';

interface Described {
  readonly id: string;
  readonly objects: Readonly<Record<string, string>>;
}

const { asked, answered, keys } = JSON.parse(readFileSync('test/fixtures/flower.json', 'utf8')) as {
  readonly asked: Described;
  readonly answered: Described;
  readonly keys: readonly { readonly private: readonly string[]; readonly public: string }[];
};

const bytes = (encoded: string): Uint8Array => new Uint8Array(Buffer.from(encoded, 'base64'));
const objectsOf = ({ objects }: Described) => new Map(Object.entries(objects).map(([id, text]) => [id, bytes(text)]));
const rootOf = (message: Described) => unpackObject(objectsOf(message).get(message.id)!);
const contentOf = (message: Described) => unpackContent(rootOf(message).children[0], objectsOf(message));

const arrays: ReadonlyMap<string, Tensor> = new Map([
  [
    'fc.weight',
    tensor(
      'float32',
      [8, 25],
      Float32Array.from({ length: 200 }, (_, i) => Math.fround(i - 100) / 7),
    ),
  ],
  ['zeros', tensor('float32', [300], new Float32Array(300))],
  ['odd "é"/\n🐝\x7f', tensor('float32', [], Float32Array.of(0.1))],
  ['twin', tensor('float32', [300], new Float32Array(300))],
  ['counts', tensor('int64', [2, 1], BigInt64Array.of(1n, -(2n ** 40n)))],
]);

test('ids are digests of the bytes', async () => {
  for (const [id, content] of [...objectsOf(asked), ...objectsOf(answered)]) expect(await sha256(content)).toBe(id);
});

test('reads the request of a server', () => {
  const content = contentOf(asked);
  expect([...content.keys()]).toEqual(['arrays', 'config']);
  expect(content.get('arrays')).toEqual({ kind: 'arrays', arrays });
  const { values } = content.get('config') as { values: ReadonlyMap<string, RecordValue> };
  expect(Object.fromEntries(values)).toEqual({
    state: '{"format": "thaw-round", "seed": "0"}',
    epoch: 3n,
    'server-round': 2n,
    below: -(2n ** 40n),
    'proximal-mu': 0.1,
    half: 1,
    yes: true,
    no: false,
    raw: Uint8Array.of(0, 255),
  });
});

test('keeps 64-bit ids', () => {
  const { metadata } = flower.Message.decode(rootOf(asked).body);
  expect([metadata?.run_id, metadata?.dst_node_id, metadata?.src_task_id].map(String)).toEqual([
    String(2n ** 64n - 3n),
    String(2n ** 63n + 5n),
    String(2n ** 60n + 1n),
  ]);
});

test('an answer has the same bytes as in Flower, with equal chunks once', async () => {
  const values = new Map<string, number | bigint>([
    ['num-examples', 24n],
    ['loss', 0.25],
    ['accuracy', 1],
    ['none', 0],
  ]);
  const content: Content = new Map([
    ['arrays', { kind: 'arrays', arrays }],
    ['metrics', { kind: 'metrics', values }],
  ]);
  const { metadata } = flower.Message.decode(rootOf(answered).body);
  const packed = await packContent(content, 256);
  const body = flower.Message.encode({ metadata: { ...metadata } }).finish();
  const message = await packObject('Message', body, [packed]);
  const mine = Object.fromEntries(
    [...everyObject(message)].map((object) => [object.id, Buffer.from(object.content).toString('base64')]),
  );
  expect(mine).toEqual(answered.objects);
  expect(message.id).toBe(answered.id);
});

describe('objects', () => {
  const text = (words: string) => new TextEncoder().encode(words);

  test.each([
    ['nothing', ''],
    ['no divider', 'Array  0'],
    ['another length', 'ArrayChunk  3\0ab'],
    ['a child that is not an id', 'ArrayRecord abc 2\0{}'],
  ])('with %s are invalid', (_, words) => {
    expect(() => unpackObject(text(words))).toThrow(/cannot be read/);
  });

  test('with a missing child or another type are invalid', async () => {
    const objects = objectsOf(asked);
    const [content] = rootOf(asked).children;
    const [arraysId] = unpackObject(objects.get(content)!).children;
    expect(() => unpackContent(arraysId, objects)).toThrow('it is a ArrayRecord, not a RecordDict');
    objects.delete(arraysId);
    expect(() => unpackContent(content, objects)).toThrow(`${arraysId} is missing`);
    const liar = await packObject('RecordDict', text('{"a": "b"}'));
    expect(() => unpackContent(liar.id, new Map([[liar.id, liar.content]]))).toThrow('refers to a missing child');
  });
});

describe('arrays', () => {
  const header = (described: string) => {
    const words = `${described}\n`;
    return Buffer.concat([
      Buffer.from([0x93]),
      Buffer.from('NUMPY'),
      Buffer.from([1, 0, words.length, 0]),
      Buffer.from(words),
    ]);
  };

  test.each([
    ['not a file of NumPy', Buffer.from('none'), /not a .npy file/],
    ['objects', header("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"), /unsupported type \|O/],
    ['another order', header("{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }"), /Fortran order/],
    ['too few numbers', header("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"), /cannot be read/],
  ])('%s are invalid', (_, file, message) => {
    expect(() => readNpy(new Uint8Array(file))).toThrow(message);
  });

  test.each([tensor('float64', [2], Float64Array.of(1, -2)), tensor('uint8', [0, 3], new Uint8Array())])(
    'survive a round trip: $type',
    (value) => {
      expect(readNpy(writeNpy(value))).toEqual(value);
    },
  );
});

describe('a node', () => {
  const armoured = (lines: readonly string[]) =>
    ['-----BEGIN OPENSSH PRIVATE KEY-----', ...lines, '-----END OPENSSH PRIVATE KEY-----', ''].join('\n');

  test.each(keys)('derives the public key of its key', async (key) => {
    const identity = await identityOf(armoured(key.private));
    expect(new TextDecoder().decode(identity.publicKey)).toBe(key.public);
    expect(identity.registered).toBe(true);
  });

  test('signs in DER, verifiable by its public key', async () => {
    for (const identity of [
      ...(await Promise.all(keys.map((key) => identityOf(armoured(key.private))))),
      await newIdentity(),
    ])
      for (let i = 0; i < 20; i++) {
        const signature = await identity.sign(`time ${i}`);
        const verify = createVerify('SHA256').update(`time ${i}`);
        expect(verify.verify(new TextDecoder().decode(identity.publicKey), signature)).toBe(true);
      }
  });

  test.each([
    ['no key', 'abc', /not an OpenSSH/],
    ['half of a key', armoured(keys[0].private.slice(0, 2)), /damaged/],
    ['a key with a passphrase', armoured([btoa('openssh-key-v1\0\0\0\0\x0aaes256-ctr')]), /passphrase/],
  ])('refuses %s', async (_, key, message) => {
    await expect(identityOf(key)).rejects.toThrow(message);
  });
});
