import { describe, expect, it } from 'vitest';
import { readSafetensors, type Safetensors, writeSafetensors } from '../../../src/compiler/step/index.ts';
import { ThawError } from '../../../src/errors.ts';
import { bytesOf, type DataType, type Tensor } from '../../../src/onnx/index.ts';
import { tensor } from '../../small-models.ts';

const types: DataType[] = [
  'float32',
  'float64',
  'int8',
  'int16',
  'int32',
  'int64',
  'uint8',
  'uint16',
  'uint32',
  'uint64',
  'bool',
];
const bits = (type: 'float16' | 'bfloat16'): Tensor => ({
  type,
  shape: [3],
  data: Uint16Array.of(0x3c00, 0x8000, 0x7fff),
});
const file: Safetensors = {
  tensors: new Map<string, Tensor>([
    ['odd', tensor('uint8', [3], (i) => i)], // so that what follows is not aligned
    ...types.map((type): [string, Tensor] => [`a ${type}`, tensor(type, [2, 3], (i) => i % 2)]),
    ['half', bits('float16')],
    ['brain', bits('bfloat16')],
    ['scalar', tensor('float32', [], () => Math.PI)],
    ['nothing', tensor('float32', [0, 5], () => 0)],
    ['10', tensor('float32', [1], () => 10)],
    ['9', tensor('float32', [2], () => 9)],
    ['__proto__', tensor('float32', [1], () => 1)],
    ['ä/名前', tensor('float32', [1], () => 2)],
  ]),
  metadata: { step: '12', note: '{"quoted": "ü"}' },
};

const reread = (bytes: Uint8Array) => readSafetensors(bytes);

/** A file with any header and data. */
function assembled(header: string, data: Uint8Array = new Uint8Array()): Uint8Array {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + json.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}
const entry = (offsets: unknown, shape: unknown = [1], dtype = 'F32') => ({ dtype, shape, data_offsets: offsets });
const withEntries = (entries: object, length = 8) => assembled(JSON.stringify(entries), new Uint8Array(length));

describe('safetensors', () => {
  it('survive a round trip with every type and name', () => {
    const { tensors, metadata } = reread(writeSafetensors(file));
    expect(new Set(tensors.keys())).toEqual(new Set(file.tensors.keys()));
    for (const [name, expected] of file.tensors) {
      expect(tensors.get(name)!.type, name).toBe(expected.type);
      expect(tensors.get(name)!.shape, name).toEqual(expected.shape);
      expect(bytesOf(tensors.get(name)!), name).toEqual(bytesOf(expected));
    }
    expect(metadata).toEqual(file.metadata);
  });

  it('can be read from the middle of a buffer', () => {
    const bytes = writeSafetensors(file);
    const buffer = new Uint8Array(bytes.length + 6);
    buffer.set(bytes, 3);
    expect(reread(buffer.subarray(3, 3 + bytes.length)).tensors.get('scalar')).toEqual(file.tensors.get('scalar'));
  });

  it('start their data at a multiple of eight', () => {
    for (let i = 0; i < 8; i++) {
      const bytes = writeSafetensors({
        tensors: new Map([['x'.repeat(i + 1), tensor('float32', [1], () => 1)]]),
        metadata: {},
      });
      expect(new DataView(bytes.buffer).getBigUint64(0, true) % 8n).toBe(0n);
    }
  });

  it('can be empty', () => {
    expect(reread(writeSafetensors({ tensors: new Map(), metadata: {} }))).toEqual({
      tensors: new Map(),
      metadata: {},
    });
  });

  it('can list entries in any order', () => {
    const data = new Uint8Array(bytesOf(tensor('float32', [2], (i) => i + 1)));
    const { tensors } = reread(assembled(JSON.stringify({ b: entry([4, 8]), a: entry([0, 4]) }), data));
    expect([tensors.get('a')!.data, tensors.get('b')!.data]).toEqual([Float32Array.of(1), Float32Array.of(2)]);
  });

  it('are refused if they are cut off anywhere', () => {
    const bytes = writeSafetensors({
      tensors: new Map([
        ['w', tensor('float32', [2], (i) => i)],
        ['b', tensor('int64', [1], () => 3)],
      ]),
      metadata: { step: '1' },
    });
    for (let length = 0; length < bytes.length; length++) {
      expect(() => reread(bytes.subarray(0, length)), `${length} bytes`).toThrow(ThawError);
    }
    expect(() => reread(new Uint8Array([...bytes, 0]))).toThrow(/bytes that belong to no tensor/);
  });

  it.each<[string, Uint8Array]>([
    ['a header that is no JSON', assembled('{"a": ', new Uint8Array(4))],
    ['a header that is no UTF-8', Uint8Array.of(2, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xfe)],
    ['null for a header', assembled('null')],
    ['a list for a header', assembled('[]')],
    ['a number for a header', assembled('12')],
    ['a length beyond all memory', Uint8Array.of(255, 255, 255, 255, 255, 255, 255, 255, 0)],
    ['an entry that is null', withEntries({ a: null })],
    ['an entry without offsets', withEntries({ a: { dtype: 'F32', shape: [2] } })],
    ['an unknown type', withEntries({ a: entry([0, 8], [2], 'F31') })],
    ['a type that needs other bytes', withEntries({ a: entry([0, 8], [2], 'F64') })],
    ['a shape that needs other bytes', withEntries({ a: entry([0, 8], [3]) })],
    ['a negative dimension', withEntries({ a: entry([0, 8], [-2]) })],
    ['a broken dimension', withEntries({ a: entry([0, 8], [1.5]) })],
    ['a shape that is no list', withEntries({ a: entry([0, 8], 2) })],
    ['one offset', withEntries({ a: entry([0], [2]) })],
    ['three offsets', withEntries({ a: entry([0, 8, 9], [2]) })],
    ['offsets backwards', withEntries({ a: entry([8, 0], [2]) })],
    ['offsets of text', withEntries({ a: entry(['0', '8'], [2]) })],
    ['an end beyond the data', withEntries({ a: entry([0, 12], [3]) })],
    ['overlapping tensors', withEntries({ a: entry([0, 8], [2]), b: entry([4, 8]) })],
    ['the same bytes twice', withEntries({ a: entry([0, 8], [2]), b: entry([0, 8], [2]) })],
    ['a gap', withEntries({ a: entry([0, 4]), b: entry([8, 12]) }, 12)],
    ['data of no tensor', withEntries({})],
    ['metadata of numbers', withEntries({ __metadata__: { step: 1 } }, 0)],
    ['metadata of null', withEntries({ __metadata__: null }, 0)],
  ])('are refused with %s', (_, bytes) => {
    expect(() => reread(bytes)).toThrow(ThawError);
    expect(() => reread(bytes)).toThrow(/safetensors file is damaged/);
  });

  it('cannot hold strings, nor a tensor called __metadata__', () => {
    const strings: Tensor = { type: 'string', shape: [1], data: ['a'] };
    expect(() => writeSafetensors({ tensors: new Map([['s', strings]]), metadata: {} })).toThrow(
      /"s", which is string/,
    );
    const plain = tensor('float32', [1], () => 0);
    expect(() => writeSafetensors({ tensors: new Map([['__metadata__', plain]]), metadata: {} })).toThrow(
      /__metadata__/,
    );
  });
});
