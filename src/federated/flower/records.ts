import { joined } from '../../bytes.ts';
import { unicodeEscaped } from '../../escapes.ts';
import type { Tensor } from '../../onnx/index.ts';
import { flower } from './generated/fleet.js';
import { dtypeOf, readNpy, writeNpy } from './npy.ts';
import { damaged, type FlowerObject, type PackedObject, packObject, unpackObject } from './objects.ts';

/** Integers are bigints, because Flower distinguishes 1 from 1.0. */
export type RecordValue = number | bigint | boolean | string | Uint8Array;

/** A part of a message: tensors (ArrayRecord), numbers (MetricRecord) or settings (ConfigRecord) by name. */
export type FlowerRecord =
  | { readonly kind: 'arrays'; readonly arrays: ReadonlyMap<string, Tensor> }
  | { readonly kind: 'metrics' | 'config'; readonly values: ReadonlyMap<string, RecordValue> };

/** Contents of a message, by the names of its records. */
export type Content = ReadonlyMap<string, FlowerRecord>;

/** Bytes of an array per object. */
const CHUNK = 5 * 2 ** 20;

/** Maximum bytes of a record of numbers or settings, and maximum entries of a list. */
const MOST_VALUES = 2 ** 21;
const MOST_ENTRIES = 30_000;

export async function packContent(content: Content, chunk = CHUNK): Promise<PackedObject> {
  const records = await Promise.all([...content.values()].map((record) => packRecord(record, chunk)));
  return packReferences('RecordDict', [...content.keys()], records);
}

async function packRecord(record: FlowerRecord, chunk: number): Promise<PackedObject> {
  if (record.kind === 'arrays') {
    const arrays: PackedObject[] = [];
    // Sequential, because each array is in memory twice meanwhile.
    for (const tensor of record.arrays.values()) arrays.push(await packArray(tensor, chunk));
    return packReferences('ArrayRecord', [...record.arrays.keys()], arrays);
  }
  const items = [...record.values].map(([key, value]) => ({ key, value: packedValue(value) }));
  const type = record.kind === 'metrics' ? 'MetricRecord' : 'ConfigRecord';
  return packObject(type, flower.Values.encode({ items }).finish());
}

/** An object whose body lists its children by name. */
const packReferences = (type: string, names: readonly string[], children: readonly PackedObject[]) => {
  const pairs = names.map((name, i) => `${asPython(name)}: ${asPython(children[i].id)}`);
  return packObject(type, new TextEncoder().encode(`{${pairs.join(', ')}}`), children);
};

async function packArray(tensor: Tensor, chunk: number): Promise<PackedObject> {
  const data = writeNpy(tensor);
  const count = Math.ceil(data.length / chunk);
  const chunks = await Promise.all(
    Array.from({ length: count }, (_, i) => packObject('ArrayChunk', data.subarray(i * chunk, (i + 1) * chunk))),
  );
  const unique = [...new Set(chunks.map(({ id }) => id))];
  const places = chunks.map(({ id }) => unique.indexOf(id));
  const body = `{"dtype": "${dtypeOf(tensor)}", "shape": [${tensor.shape.join(', ')}], "stype": "numpy.ndarray", "arraychunk_ids": [${places.join(', ')}]}`;
  return packObject('Array', new TextEncoder().encode(body), chunks);
}

/** A string in the format of Python's `json.dumps`, with non-ASCII characters as `\uXXXX`. */
const asPython = (text: string): string => unicodeEscaped(JSON.stringify(text), /[\u007f-\uffff]/g);

function packedValue(value: RecordValue): flower.Value.$Properties {
  if (typeof value === 'number') return { double: value };
  if (typeof value === 'bigint') return { sint64: Number(value) };
  if (typeof value === 'boolean') return { bool: value };
  return typeof value === 'string' ? { string: value } : { bytes: value };
}

/**
 * @param root id of a RecordDict
 * @param objects its descendants, by id
 * @param limit maximum bytes of all arrays together, because one object can be referenced many times
 * @throws ThawError `bad-data` if something is missing, invalid or too large
 */
export function unpackContent(
  root: string,
  objects: ReadonlyMap<string, Uint8Array>,
  limit = Number.POSITIVE_INFINITY,
): Content {
  let left = limit;
  const at = (id: string, ...types: readonly string[]): FlowerObject => {
    const content = objects.get(id);
    if (!content) throw damaged(`${id} is missing`);
    const object = unpackObject(content);
    if (!types.includes(object.type)) throw damaged(`it is a ${object.type}, not a ${types.join(' or ')}`);
    return object;
  };
  const record = (id: string): FlowerRecord => {
    const object = at(id, 'ArrayRecord', 'MetricRecord', 'ConfigRecord');
    if (object.type !== 'ArrayRecord')
      return { kind: object.type === 'MetricRecord' ? 'metrics' : 'config', values: unpackValues(object) };
    return { kind: 'arrays', arrays: new Map(references(object).map(([name, child]) => [name, array(child)])) };
  };
  const array = (id: string): Tensor => {
    const object = at(id, 'Array');
    const { stype, arraychunk_ids: places } = jsonOf(object);
    if (stype !== 'numpy.ndarray' || !Array.isArray(places) || places.length > MOST_ENTRIES)
      throw damaged(`its array has the format ${String(stype).slice(0, 40)}, or too many chunks`);
    const chunks = places.map((place: unknown) => at(object.children[Number(place)], 'ArrayChunk').body);
    left -= chunks.reduce((all, { length }) => all + length, 0);
    if (left < 0) throw damaged(`its arrays have more than ${limit} bytes`);
    return readNpy(joined(chunks));
  };
  return new Map(references(at(root, 'RecordDict')).map(([name, child]) => [name, record(child)]));
}

function references(object: FlowerObject): [name: string, id: string][] {
  const entries = Object.entries(jsonOf(object));
  if (entries.length > MOST_ENTRIES) throw damaged(`it has more than ${MOST_ENTRIES} entries`);
  const own = new Set(object.children);
  if (entries.some(([, id]) => !own.has(id as string))) throw damaged('it refers to a missing child');
  return entries as [string, string][];
}

function jsonOf({ body }: FlowerObject): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(body));
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Reported below.
  }
  throw damaged('its body is not a JSON object');
}

function unpackValues({ body }: FlowerObject): Map<string, RecordValue> {
  if (body.length > MOST_VALUES) throw damaged(`one of its records has more than ${MOST_VALUES} bytes`);
  try {
    const { items } = flower.Values.decode(body);
    const values = items.map(({ key, value }) => [key ?? '', value && unpackedValue(value)] as const);
    // Thaw's app sends no lists.
    return new Map(values.filter((entry): entry is [string, RecordValue] => entry[1] !== undefined));
  } catch (cause) {
    throw damaged((cause as Error).message);
  }
}

function unpackedValue(value: flower.Value.$Properties): RecordValue | undefined {
  const { value: which } = value as flower.Value;
  if (which === 'sint64' || which === 'uint64') return BigInt(String(value[which]));
  return which && (value[which] ?? undefined);
}
