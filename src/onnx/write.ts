import * as $protobuf from 'protobufjs/minimal.js';
import { joined } from '../bytes.ts';
import { ThawError } from '../errors.ts';
import { bytesOf, codeOf } from './data-types.ts';
import { byteLengthOf, piecesOf } from './deferred.ts';
import { onnx } from './generated/onnx.js';
import type { Attribute, Graph, Model, Node, ValueInfo } from './model.ts';
import type { Tensor } from './tensor.ts';

/** The limit of protocol buffers: a message has at most 2 GiB. */
const MESSAGE_LIMIT = 2 ** 31 - 1;

/**
 * Encodes a model as one `ModelProto`.
 *
 * @throws ThawError `bad-model` if it would exceed the 2 GiB limit of a message
 */
export function writeModel(model: Model): Uint8Array {
  const { length, parts } = modelParts(model);
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** An encoded model, to be written part by part. A part is valid until the next is read. */
export interface ModelParts {
  readonly length: number;
  readonly parts: Iterable<Uint8Array>;
}

/**
 * `writeModel` in parts: data of large tensors are not copied, and are read from their file only when they are written.
 *
 * @throws ThawError `bad-model` if it would exceed the 2 GiB limit of a message
 */
export function modelParts(model: Model): ModelParts {
  const message = messageOf(model);
  const length = lengthOf(message);
  if (length > MESSAGE_LIMIT) {
    throw new ThawError(
      'bad-model',
      `the model takes ${length} bytes, more than fits into one ONNX file`,
      'Write it with external data',
    );
  }
  return { length, parts: { [Symbol.iterator]: () => bytesIn(message) } };
}

/** Whether a model fits into one file. @param most bytes of a file, at most the limit of a message */
export const fitsOneFile = (model: Model, most: number = MESSAGE_LIMIT): boolean => lengthOf(messageOf(model)) <= most;

/** A message's bytes, with tensors among them. */
type Message = readonly (Uint8Array | Tensor)[];

const isTensor = (part: Uint8Array | Tensor): part is Tensor => !(part instanceof Uint8Array);

const lengthOf = (message: Message): number =>
  message.reduce((all, part) => all + (isTensor(part) ? byteLengthOf(part) : part.length), 0);

/** Smaller parts are joined. */
const WORTHWHILE = 2 ** 16;

function* bytesIn(message: Message): Generator<Uint8Array> {
  let small: Uint8Array[] = [];
  for (const part of message) {
    for (const piece of isTensor(part) ? piecesOf(part) : [part]) {
      if (piece.length < WORTHWHILE) {
        // A piece is valid until the next is read.
        small.push(isTensor(part) ? piece.slice() : piece);
        continue;
      }
      if (small.length) yield joined(small);
      small = [];
      yield piece;
    }
  }
  if (small.length) yield joined(small);
}

/** The start of a field that contains a message. */
const opened = (field: number, length: number): Uint8Array =>
  new $protobuf.Writer()
    .uint32((field << 3) | 2)
    .uint32(length)
    .finish();

/** Smaller tensors are encoded with the rest. */
const APART = 4096;

/** Encodes field by field, in the order of `ModelProto.encode`. */
function messageOf(model: Model): Message {
  const graph = graphMessage(model.graph);
  return [
    onnx.ModelProto.encode(fieldsBefore(model)).finish(),
    opened(GRAPH, lengthOf(graph)),
    ...graph,
    onnx.ModelProto.encode(fieldsAfter(model)).finish(),
  ];
}

const GRAPH = 7;
const INITIALIZER = 5;
const RAW_DATA = 9;

function graphMessage(graph: Graph): Message {
  const { node, name, initializer: _, ...rest } = graphProto({ ...graph, initializers: new Map() }, tensorProto);
  const initializers = [...graph.initializers].flatMap(([name, tensor]): Message => {
    const contents = tensorMessage(name, tensor);
    return [opened(INITIALIZER, lengthOf(contents)), ...contents];
  });
  return [onnx.GraphProto.encode({ node, name }).finish(), ...initializers, onnx.GraphProto.encode(rest).finish()];
}

function tensorMessage(name: string, tensor: Tensor): Message {
  const size = byteLengthOf(tensor);
  if (size < APART) return [onnx.TensorProto.encode(tensorProto(name, tensor)).finish()];
  return [onnx.TensorProto.encode(tensorHeader(name, tensor)).finish(), opened(RAW_DATA, size), tensor];
}

export type EncodeTensor = (name: string, tensor: Tensor) => onnx.TensorProto.$Properties;

export const keyValues = (record: Readonly<Record<string, string>>) =>
  Object.entries(record).map(([key, value]) => ({ key, value }));

export const modelProto = (model: Model, initializer: EncodeTensor): onnx.ModelProto.$Properties => ({
  ...fieldsBefore(model),
  graph: graphProto(model.graph, initializer),
  ...fieldsAfter(model),
});

const fieldsBefore = (model: Model): onnx.ModelProto.$Properties => ({
  ir_version: model.irVersion,
  producer_name: model.producerName,
  producer_version: model.producerVersion,
});

const fieldsAfter = (model: Model): onnx.ModelProto.$Properties => ({
  opset_import: Object.entries(model.opsets).map(([domain, version]) => ({ domain, version })),
  metadata_props: keyValues(model.metadata),
  $unknowns: model.unknown as Uint8Array[] | undefined,
});

const graphProto = (graph: Graph, initializer: EncodeTensor): onnx.GraphProto.$Properties => ({
  node: graph.nodes.map(nodeProto),
  name: graph.name,
  initializer: [...graph.initializers].map(([name, tensor]) => initializer(name, tensor)),
  doc_string: graph.docString,
  input: graph.inputs.map(valueInfoProto),
  output: graph.outputs.map(valueInfoProto),
  value_info: graph.valueInfo.map(valueInfoProto),
  $unknowns: graph.unknown as Uint8Array[] | undefined,
});

const nodeProto = (node: Node): onnx.NodeProto.$Properties => ({
  input: [...node.inputs],
  output: [...node.outputs],
  name: node.name,
  op_type: node.op,
  domain: node.domain || undefined,
  attribute: Object.entries(node.attributes).map(([name, attribute]) => attributeProto(name, attribute)),
  $unknowns: node.unknown as Uint8Array[] | undefined,
});

// protobufjs reads only Long's low and high halves of a 64-bit integer.
const integer = (value: number | bigint): number =>
  typeof value === 'number'
    ? value
    : ({
        low: Number(value & 0xffffffffn) | 0,
        high: Number((value >> 32n) & 0xffffffffn) | 0,
        unsigned: false,
      } as unknown as number);

const utf8 = (value: string): Uint8Array => new TextEncoder().encode(value);

function attributeProto(name: string, attribute: Attribute): onnx.AttributeProto.$Properties {
  switch (attribute.kind) {
    case 'float':
      return { name, type: 1, f: attribute.value };
    case 'int':
      return { name, type: 2, i: integer(attribute.value) };
    case 'string':
      return { name, type: 3, s: utf8(attribute.value) };
    case 'tensor':
      return { name, type: 4, t: tensorProto('', attribute.value) };
    case 'graph':
      return { name, type: 5, g: graphProto(attribute.value, tensorProto) };
    case 'floats':
      return { name, type: 6, floats: [...attribute.value] };
    case 'ints':
      return { name, type: 7, ints: attribute.value.map(integer) };
    case 'strings':
      return { name, type: 8, strings: attribute.value.map(utf8) };
    case 'tensors':
      return { name, type: 9, tensors: attribute.value.map((tensor) => tensorProto('', tensor)) };
    case 'graphs':
      return { name, type: 10, graphs: attribute.value.map((graph) => graphProto(graph, tensorProto)) };
    case 'opaque':
      return reread(attribute.value, onnx.AttributeProto);
  }
}

function reread<T>(bytes: Uint8Array, type: { decode(reader: Uint8Array | $protobuf.Reader): T }): T {
  const reader = new $protobuf.Reader(bytes);
  reader.discardUnknown = false;
  return type.decode(reader);
}

export const tensorHeader = (name: string, { shape, type }: Tensor): onnx.TensorProto.$Properties => ({
  name,
  dims: [...shape],
  data_type: codeOf(type),
});

export function tensorProto(name: string, tensor: Tensor): onnx.TensorProto.$Properties {
  const header = tensorHeader(name, tensor);
  return tensor.type === 'string'
    ? { ...header, string_data: (tensor.data as readonly string[]).map(utf8) }
    : { ...header, raw_data: bytesOf(tensor) };
}

function valueInfoProto(info: ValueInfo): onnx.ValueInfoProto.$Properties {
  if (info.opaque) return reread(info.opaque, onnx.ValueInfoProto);
  if (!info.type && !info.shape) return { name: info.name };
  return {
    name: info.name,
    type: {
      tensor_type: {
        elem_type: info.type ? codeOf(info.type) : 0,
        shape: info.shape && {
          dim: info.shape.map((d) => (typeof d === 'number' ? { dim_value: d } : d === null ? {} : { dim_param: d })),
        },
      },
    },
  };
}
