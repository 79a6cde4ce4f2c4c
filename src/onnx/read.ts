import * as $protobuf from 'protobufjs/minimal.js';
import { ThawError } from '../errors.ts';
import { checkGraph } from './check.ts';
import { arrayFrom, arrayOf, dataTypeOf, elementCount, entryCount, tensorFromBytes } from './data-types.ts';
import { type ByteRange, deferredTensor } from './deferred.ts';
import { onnx } from './generated/onnx.js';
import { checkLimits } from './limits.ts';
import type { Attribute, Graph, Model, Node, ValueInfo } from './model.ts';
import { inOrder } from './order.ts';
import type { DataType, Tensor } from './tensor.ts';

/**
 * Returns the bytes of a tensor in a file next to the model, or a way to read them later. Sizes are in bytes; no `length` means to
 * the end.
 */
export type ReadExternal = (location: string, offset: number, length: number | undefined) => Uint8Array | ByteRange;

type Integer = number | { toNumber(): number; toString(): string };

const number = (value: Integer): number => (typeof value === 'number' ? value : value.toNumber());

function integer(value: Integer): number | bigint {
  const plain = number(value);
  return Number.isSafeInteger(plain) ? plain : BigInt(value.toString());
}

const text = (bytes: Uint8Array): string => new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);

export interface ReadOptions {
  /**
   * Whether the reader may overwrite the bytes: it then moves tensors to aligned positions within them, and the bytes are no longer a valid
   * model. Otherwise it copies the unaligned tensors, three in four.
   */
  readonly consume?: boolean;
}

/**
 * Reads an ONNX model of any operator set.
 *
 * @param bytes an encoded `ModelProto`; tensors of the result may be views of it
 * @param external reads tensors stored next to the model; without it such a model is refused
 * @throws ThawError `bad-model` if the bytes are not an ONNX model, end too early, or are inconsistent
 */
export function readModel(bytes: Uint8Array, external?: ReadExternal, { consume = false }: ReadOptions = {}): Model {
  const proto = decode(bytes);
  if (!proto.graph || !proto.opset_import.length) {
    throw new ThawError('bad-model', 'this is not an ONNX model: it holds no graph or no operator set', NOT_ONNX);
  }
  const graph = new GraphReader(external, consume ? bytes : undefined).graph(proto.graph);
  checkGraph(graph);
  return {
    irVersion: number(proto.ir_version),
    opsets: Object.fromEntries(proto.opset_import.map((o) => [standardDomain(o.domain ?? ''), versionOf(o)])),
    producerName: proto.producer_name,
    producerVersion: proto.producer_version,
    graph,
    metadata: Object.fromEntries(proto.metadata_props.map(({ key, value }) => [key ?? '', value ?? ''])),
    unknown: proto.$unknowns,
  };
}

function versionOf({ domain, version }: onnx.OperatorSetIdProto.$Properties): number {
  const found = number(version ?? 0);
  if (Number.isSafeInteger(found) && found >= 1) return found;
  throw new ThawError(
    'bad-model',
    `the model declares operators of set ${found}${domain ? ` of "${domain}"` : ''}`,
    'The file is damaged: export the model again',
  );
}

const NOT_ONNX = 'Give a model exported to ONNX (a file that ends in .onnx)';

const standardDomain = (domain: string): string => (domain === 'ai.onnx' ? '' : domain);

function decode(bytes: Uint8Array) {
  if (bytes.length === 0) throw new ThawError('bad-model', 'the model is empty (0 bytes)', NOT_ONNX);
  const reader = new $protobuf.Reader(bytes);
  reader.discardUnknown = false;
  try {
    checkLimits(bytes);
    return onnx.ModelProto.decode(reader);
  } catch (cause) {
    if (cause instanceof ThawError) throw cause;
    const why =
      cause instanceof RangeError
        ? 'it ends too early, so it is truncated or not an ONNX file'
        : 'it is not an ONNX file';
    throw new ThawError('bad-model', `the model cannot be read: ${why}`, NOT_ONNX, { cause });
  }
}

class GraphReader {
  /** @param own bytes within which tensors may be moved */
  constructor(
    private readonly external: ReadExternal | undefined,
    private readonly own: Uint8Array | undefined,
  ) {}

  graph(proto: onnx.GraphProto.$Properties): Graph {
    const initializers = new Map<string, Tensor>();
    for (const initializer of proto.initializer ?? []) {
      const name = initializer.name ?? '';
      if (initializers.has(name)) throw twice(`initializers are called "${name}"`);
      initializers.set(name, this.tensor(initializer, name));
    }
    return {
      name: proto.name ?? '',
      // Some tools append nodes that belong in front, and ONNX Runtime accepts that.
      nodes: inOrder((proto.node ?? []).map((node) => this.node(node))),
      inputs: (proto.input ?? []).map(valueInfo).map(withOpenSizes),
      outputs: (proto.output ?? []).map(valueInfo),
      initializers,
      valueInfo: (proto.value_info ?? []).map(valueInfo),
      // A field that is not set still has a value on the prototype: ''.
      docString: proto.doc_string || undefined,
      unknown: proto.$unknowns,
    };
  }

  private node(proto: onnx.NodeProto.$Properties): Node {
    const name = proto.name ?? '';
    return {
      name,
      op: proto.op_type ?? '',
      domain: standardDomain(proto.domain ?? ''),
      inputs: proto.input ?? [],
      outputs: proto.output ?? [],
      attributes: this.attributes(proto.attribute ?? [], `${proto.op_type} node "${name}"`),
      unknown: proto.$unknowns,
    };
  }

  private attributes(protos: readonly onnx.AttributeProto.$Properties[], where: string): Record<string, Attribute> {
    const attributes = Object.fromEntries(protos.map((a) => [a.name ?? '', this.attribute(a, where)]));
    if (Object.keys(attributes).length === protos.length) return attributes;
    throw twice(`attributes of ${where} have one name`);
  }

  private attribute(proto: onnx.AttributeProto.$Properties, where: string): Attribute {
    const opaque = (): Attribute => ({ kind: 'opaque', value: onnx.AttributeProto.encode(proto).finish() });
    if (proto.$unknowns?.length) return opaque();
    const label = `attribute "${proto.name}" of ${where}`;
    switch (proto.type ?? guessAttributeType(proto)) {
      case 1:
        return { kind: 'float', value: proto.f ?? 0 };
      case 2:
        return { kind: 'int', value: integer(proto.i ?? 0) };
      case 3:
        return stringAttribute(proto.s ?? new Uint8Array()) ?? opaque();
      case 4:
        return { kind: 'tensor', value: this.tensor(proto.t ?? {}, label) };
      case 5:
        return { kind: 'graph', value: this.graph(proto.g ?? {}) };
      case 6:
        return { kind: 'floats', value: proto.floats ?? [] };
      case 7:
        return { kind: 'ints', value: (proto.ints ?? []).map(integer) };
      case 8:
        return stringsAttribute(proto.strings ?? []) ?? opaque();
      case 9:
        return { kind: 'tensors', value: (proto.tensors ?? []).map((t) => this.tensor(t, label)) };
      case 10:
        return { kind: 'graphs', value: (proto.graphs ?? []).map((g) => this.graph(g)) };
      default:
        return opaque();
    }
  }

  private tensor(proto: onnx.TensorProto.$Properties, name: string): Tensor {
    const type = dataTypeOf(proto.data_type ?? 0);
    if (!type) {
      throw new ThawError(
        'bad-model',
        `tensor "${name}" has element type ${proto.data_type ?? 0}, which ONNX does not define`,
        'The file is damaged, or newer than this version of Thaw',
      );
    }
    const shape = (proto.dims ?? []).map(number);
    try {
      if (shape.some((d) => !Number.isSafeInteger(d) || d < 0)) throw new Error(`it has the shape [${shape}]`);
      return this.contents(proto, type, shape);
    } catch (cause) {
      if (cause instanceof ThawError) throw cause;
      throw new ThawError(
        'bad-model',
        `tensor "${name}" is damaged: ${(cause as Error).message}`,
        'Export or download the model again',
        { cause },
      );
    }
  }

  private contents(proto: onnx.TensorProto.$Properties, type: DataType, shape: readonly number[]): Tensor {
    if (proto.data_location === 1) {
      const bytes = this.externalBytes(proto);
      return bytes instanceof Uint8Array ? tensorFromBytes(type, shape, bytes) : deferredTensor(type, shape, bytes);
    }
    if (type === 'string') return strings(proto, shape);
    if (proto.raw_data?.length) return tensorFromBytes(type, shape, this.placed(proto.raw_data, type));
    const values =
      [proto.float_data, proto.int32_data, proto.int64_data, proto.double_data, proto.uint64_data].find(
        (v) => v?.length,
      ) ?? [];
    const entries = entryCount(type, shape);
    if (values.length !== entries) throw new Error(`it holds ${values.length} of ${entries} numbers`);
    if (type === 'int64' || type === 'uint64') {
      const bigints = (values as Integer[]).map((v) => BigInt(v.toString()));
      return { type, shape, data: type === 'int64' ? BigInt64Array.from(bigints) : BigUint64Array.from(bigints) };
    }
    // Half types store their bits in int32_data, which a Uint16Array can hold.
    if (type === 'float16' || type === 'bfloat16') return { type, shape, data: Uint16Array.from(values as number[]) };
    return { type, shape, data: arrayFrom(type, (values as Integer[]).map(number)) };
  }

  /**
   * A message's contents, moved back over its field's tag and length to an aligned position; unchanged if this is not allowed, or not
   * far enough.
   */
  private placed(contents: Uint8Array, type: DataType): Uint8Array {
    if (contents.buffer !== this.own?.buffer) return contents;
    const back = contents.byteOffset % (arrayOf(type)?.BYTES_PER_ELEMENT ?? 1);
    const lengthBytes = Math.ceil(Math.log2(contents.length + 1) / 7);
    if (back === 0 || back > 1 + lengthBytes) return contents;
    const to = contents.byteOffset - back;
    const target = new Uint8Array(contents.buffer, to, contents.length);
    target.set(contents);
    return target;
  }

  private externalBytes(proto: onnx.TensorProto.$Properties): Uint8Array | ByteRange {
    const entries = Object.fromEntries((proto.external_data ?? []).map(({ key, value }) => [key ?? '', value ?? '']));
    if (!this.external) {
      throw new ThawError(
        'bad-model',
        `the model keeps its weights in another file, "${entries.location}", which is not here`,
        'Give the model as a path, with that file next to it',
      );
    }
    const offset = Number(entries.offset ?? 0);
    const length = entries.length === undefined ? undefined : Number(entries.length);
    if (![offset, length ?? 0].every((n) => Number.isSafeInteger(n) && n >= 0)) {
      throw new Error(`it lies at offset ${entries.offset}, length ${entries.length} of its file`);
    }
    return this.external(entries.location ?? '', offset, length);
  }
}

const twice = (what: string): ThawError =>
  new ThawError('bad-model', `two ${what}`, 'The model is damaged, or was built incorrectly: export it again');

function strings(proto: onnx.TensorProto.$Properties, shape: readonly number[]): Tensor {
  const data = (proto.string_data ?? []).map(text);
  if (data.length !== elementCount(shape)) throw new Error(`it holds ${data.length} of ${elementCount(shape)} strings`);
  return { type: 'string', shape, data };
}

function stringAttribute(bytes: Uint8Array): Attribute | undefined {
  try {
    return { kind: 'string', value: text(bytes) };
  } catch {
    return undefined; // Not UTF-8: kept in its encoded form.
  }
}

function stringsAttribute(all: readonly Uint8Array[]): Attribute | undefined {
  try {
    return { kind: 'strings', value: all.map(text) };
  } catch {
    return undefined;
  }
}

/** Models of IR version 1 have no types in their attributes. */
function guessAttributeType(proto: onnx.AttributeProto.$Properties): number {
  const has = (key: keyof onnx.AttributeProto.$Properties) => Object.hasOwn(proto, key);
  if (has('f')) return 1;
  if (has('i')) return 2;
  if (has('s')) return 3;
  if (has('t')) return 4;
  if (has('g')) return 5;
  if (proto.floats?.length) return 6;
  if (proto.ints?.length) return 7;
  if (proto.strings?.length) return 8;
  return 0;
}

function valueInfo(proto: onnx.ValueInfoProto.$Properties): ValueInfo {
  const name = proto.name ?? '';
  const tensorType = proto.type?.tensor_type;
  if (!tensorType) return { name, opaque: onnx.ValueInfoProto.encode(proto).finish() };
  return {
    name,
    type: dataTypeOf(tensorType.elem_type ?? 0),
    shape: tensorType.shape
      ? // A field that is not set still has a value on the prototype: 0.
        (tensorType.shape.dim ?? []).map((d) =>
          Object.hasOwn(d, 'dim_value') ? sizeOf(number(d.dim_value ?? 0), name) : d.dim_param || null,
        )
      : undefined,
  };
}

/** Some exporters write -1 for a size that is open. */
function sizeOf(size: number, name: string): number | null {
  if (!Number.isSafeInteger(size))
    throw new ThawError(
      'bad-model',
      `the value "${name}" has a dimension of ${size}`,
      'The model is damaged: export it again',
    );
  return size < 0 ? null : size;
}

/** For an input, a size of 0 also means an open one: otherwise it would accept no data. */
const withOpenSizes = (input: ValueInfo): ValueInfo =>
  input.shape?.includes(0) ? { ...input, shape: input.shape.map((d) => d || null) } : input;
