/** Mutations of files as bytes, protocol buffers and texts. A seed determines them. */
import type { Random } from '../../src/random.ts';
import { encodeFields, type Field, fieldsOf, message } from './protobuf.ts';

type Change<T> = (content: T, random: Random, others: readonly T[]) => T;

const pick = <T>(random: Random, list: readonly T[]): T => list[random.below(list.length)];

const EDGES = [0x00, 0x01, 0x7f, 0x80, 0xff];

const BYTES: readonly Change<Uint8Array>[] = [
  (bytes, random) => {
    const changed = new Uint8Array(bytes);
    for (let i = random.below(8); i >= 0; i--) changed[random.below(bytes.length)] ^= 1 << random.below(8);
    return changed;
  },
  (bytes, random) => {
    const changed = new Uint8Array(bytes);
    for (let i = random.below(4); i >= 0; i--) changed[random.below(bytes.length)] = pick(random, EDGES);
    return changed;
  },
  (bytes, random) => bytes.slice(0, random.below(bytes.length)),
  (bytes, random) => {
    const [from, length] = [random.below(bytes.length), 1 + random.below(64)];
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + length)]);
  },
  (bytes, random) => {
    const [from, to] = [random.below(bytes.length), random.below(bytes.length)];
    const part = bytes.subarray(from, from + 1 + random.below(64));
    return Buffer.concat([bytes.subarray(0, to), part, bytes.subarray(to)]);
  },
  (bytes, random, others) => {
    const other = pick(random, others);
    return Buffer.concat([
      bytes.subarray(0, random.below(bytes.length)),
      other.subarray(random.below(Math.max(1, other.length))),
    ]);
  },
];

/** One to three changes of bytes. */
export function mutateBytes(bytes: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  let changed = bytes;
  for (let i = random.below(3); i >= 0 && changed.length > 0; i--)
    changed = pick(random, BYTES)(changed, random, others);
  return changed;
}

const INTEGERS = [
  0n,
  1n,
  2n,
  7n,
  127n,
  255n,
  65_536n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n,
  2n ** 40n,
  2n ** 53n,
  2n ** 62n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** Names with a meaning in JavaScript, a terminal, a file system or a page. */
export const NAMES = [
  '',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'length',
  '../secret',
  '/etc/passwd',
  'a\u0000b',
  'a\nb',
  '\u001b[2J',
  '\u202egnp',
  '<script>alert(1)</script>',
  '💥',
  'x'.repeat(5000),
];

/** Locations that a model may give for its weights. Only the first may be read. */
const LOCATIONS = [
  'weights.bin',
  'secret-link',
  'folder-link/secret',
  '../secret',
  './../secret',
  'sub/../../secret',
  '..\\secret',
  'C:\\secret',
  '/etc/passwd',
  '/dev/zero',
  'file:///etc/passwd',
  'pipe',
  'sub',
  '.',
  '',
  'weights.bin\u0000',
  'model.onnx',
];

/** Every list of fields in a message, and the fields in it. */
function* listsOf(fields: Field[], depth = 0): Generator<Field[]> {
  yield fields;
  if (depth > 20) return;
  for (const { value } of fields) if (Array.isArray(value)) yield* listsOf(value, depth + 1);
}

const graphOf = (fields: readonly Field[]) => fields.find(({ number }) => number === 7)?.value;

/** Nests a field inside copies of itself. */
function nested(field: Field, depth: number): Field {
  let inner = encodeFields([{ ...field, value: Array.isArray(field.value) ? field.value.slice(0, 2) : field.value }]);
  for (let i = 0; i < depth; i++) inner = encodeFields([{ number: field.number, wire: 2, value: inner }]);
  return { number: field.number, wire: 2, value: inner };
}

/** Graphs nested as the format allows: a graph's nodes, a node's attributes. */
function nestedGraphs(depth: number): Uint8Array {
  let graph: Uint8Array = encodeFields([message(2, 'inmost')]);
  for (let i = 0; i < depth; i++) {
    const attribute = encodeFields([message(1, 'body'), message(6, graph), message(20, 5n)]);
    graph = encodeFields([message(1, encodeFields([message(4, 'If'), message(5, attribute)]))]);
  }
  return graph;
}

type Edit = (list: Field[], at: number, random: Random, others: readonly Field[][]) => void;

const EDITS: readonly Edit[] = [
  (list, at, random) => {
    const field = list[at];
    field.value = typeof field.value === 'bigint' ? pick(random, INTEGERS) : Buffer.from(pick(random, NAMES));
    if (typeof field.value !== 'bigint') field.wire = 2;
  },
  (list, at) => list.splice(at, 1),
  (list, at) => list.splice(at, 0, list[at]),
  (list, at, random) => {
    const other = random.below(list.length);
    [list[at], list[other]] = [list[other], list[at]];
  },
  (list, at, random) => {
    list[at].number = 1 + random.below(24);
  },
  (list, at, random, others) => {
    const lists = [...listsOf(pick(random, others))].filter(({ length }) => length > 0);
    if (lists.length) list[at] = pick(random, pick(random, lists));
  },
  (list, at, random) => {
    if (list[at].wire === 2) list[at] = nested(list[at], pick(random, [1, 30, 101, 3000]));
  },
  (list, at, random) => list.splice(at, 0, ...Array<Field>(pick(random, [3, 1000])).fill(list[at])),
];

/** Mutations of a model that random bytes alone would rarely produce. */
const MODEL_EDITS: readonly ((fields: Field[], random: Random) => void)[] = [
  // The shape of a weight
  (fields, random) => {
    const weight = weightOf(fields, random);
    const dims = Array.from({ length: 1 + random.below(4) }, () => message(1, pick(random, INTEGERS)));
    weight?.splice(0, weight.length, ...dims, ...weight.filter(({ number }) => number !== 1));
  },
  // The location of a weight
  (fields, random) => {
    const weight = weightOf(fields, random);
    if (!weight) return;
    const said: [string, string][] = [['location', pick(random, LOCATIONS)]];
    if (random.below(2)) said.push(['offset', pick(random, ['0', '8', '-1', '1e3', '9007199254740993', 'NaN', ''])]);
    if (random.below(2)) said.push(['length', pick(random, ['0', '64', '-1', '1e15', '4611686018427387904', '0x10'])]);
    const outside = said.map(([key, value]) => message(13, [message(1, key), message(2, value)]));
    const kept = weight.filter(({ number }) => number === 1 || number === 2 || number === 8);
    weight.splice(0, weight.length, ...kept, ...outside, message(14, 1n));
  },
  (fields, random) => {
    const depth = pick(random, [3, 20, 60, 1000]);
    fields.splice(0, fields.length, ...fields.filter(({ number }) => number !== 7), message(7, nestedGraphs(depth)));
  },
  // A node's operator or domain
  (fields, random) => {
    const graph = graphOf(fields);
    const nodes = Array.isArray(graph) ? graph.filter(({ number }) => number === 1) : [];
    const node = nodes.length ? pick(random, nodes).value : undefined;
    if (Array.isArray(node)) node.push(message(pick(random, [1, 2, 4, 7]), pick(random, NAMES)));
  },
];

function weightOf(fields: Field[], random: Random): Field[] | undefined {
  const graph = graphOf(fields);
  const weights = Array.isArray(graph) ? graph.filter(({ number, value }) => number === 5 && Array.isArray(value)) : [];
  return weights.length ? (pick(random, weights).value as Field[]) : undefined;
}

/** A model with a mutation inside its structure, sometimes followed by one of its bytes. */
export function mutateModel(bytes: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  const fields = fieldsOf(bytes);
  if (!fields || random.below(3) === 0) return mutateBytes(bytes, random, others);
  const donors = () => fieldsOf(pick(random, others)) ?? fields;
  for (let i = random.below(3); i >= 0; i--) {
    if (random.below(3) === 0) {
      pick(random, MODEL_EDITS)(fields, random);
      continue;
    }
    const lists = [...listsOf(fields)].filter(({ length }) => length > 0);
    const list = lists.length ? pick(random, lists) : undefined;
    if (list) pick(random, EDITS)(list, random.below(list.length), random, [donors()]);
  }
  const whole = encodeFields(fields);
  return random.below(8) === 0 ? mutateBytes(whole, random, others) : whole;
}

const TOKENS = [
  ...NAMES,
  '{',
  '}',
  '[',
  ']',
  '[[[[',
  '"',
  ',',
  ':',
  '\n',
  '\t',
  '- ',
  'null',
  'true',
  '-1',
  '0',
  '1e999',
  'NaN',
  '.inf',
  '1e-400',
  '9007199254740993',
  '&a',
  '*a',
  '<<: *a',
  '!!js/function "x"',
  '!!binary x',
  '? ',
  '---',
  '%YAML 9.9',
  '[]',
  '{}',
  '{"a":'.repeat(300),
  '['.repeat(5000),
  '\ufeff',
  '\u2028',
];

/** A text with one to three words replaced, removed or doubled, usually one, or with a mutation of its bytes. */
export function mutateText(bytes: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  if (random.below(8) === 0) return mutateBytes(bytes, random, others);
  const words = Buffer.from(bytes)
    .toString('utf8')
    .split(/(\b|(?=[^\w\s])|\n)/);
  for (let i = random.below(1 + random.below(3)); i >= 0; i--) {
    const at = random.below(words.length);
    const change = random.below(4);
    if (change === 0) words.splice(at, 1 + random.below(5));
    else if (change === 1) words.splice(at, 0, pick(random, TOKENS));
    else if (change === 2) words[at] = pick(random, TOKENS);
    else words.splice(at, 0, ...words.slice(random.below(words.length)).slice(0, 8));
  }
  return Buffer.from(words.join(''));
}

const VALUES: readonly unknown[] = [
  ...NAMES,
  null,
  true,
  -1,
  0,
  0.5,
  1e300,
  2 ** 53,
  1_000_000,
  [],
  {},
  [[]],
  [null],
  ['a', 'a'],
];

/** Every object and list in a value. */
function* holdersOf(value: unknown): Generator<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null) return;
  yield value as Record<string, unknown>;
  // Only the first entries of a long list (a vocabulary).
  for (const inner of Object.values(value).slice(0, 50)) yield* holdersOf(inner);
}

/** JSON with values replaced, removed, moved or renamed. Sometimes the result is not JSON. */
export function mutateJson(bytes: Uint8Array, random: Random, others: readonly Uint8Array[]): Uint8Array {
  if (random.below(10) === 0) return mutateText(bytes, random, others);
  let root: unknown;
  try {
    root = JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return mutateText(bytes, random, others);
  }
  for (let i = random.below(3); i >= 0; i--) {
    const holders = [...holdersOf(root)].filter((holder) => Object.keys(holder).length > 0);
    if (!holders.length) break;
    const holder = pick(random, holders);
    const key = pick(random, Object.keys(holder));
    const change = random.below(4);
    if (change === 0) delete holder[key];
    else if (change === 1) holder[key] = structuredClone(pick(random, VALUES));
    else if (change === 2) holder[key] = structuredClone(pick(random, Object.values(pick(random, holders))));
    else if (!Array.isArray(holder))
      Object.defineProperty(holder, pick(random, NAMES), {
        value: holder[key],
        enumerable: true,
        configurable: true,
        writable: true,
      });
  }
  return Buffer.from(JSON.stringify(root));
}
