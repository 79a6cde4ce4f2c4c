import * as $protobuf from 'protobufjs/minimal.js';
import { ThawError } from '../errors.ts';
import { bytesOf, codeOf } from './data-types.ts';
import { onnx } from './generated/onnx.js';
import type { Attribute, Graph, Model, Node, ValueInfo } from './model.ts';
import type { Tensor } from './tensor.ts';

/** Protocol buffers end here: a message has at most 2 GiB. */
const MESSAGE_LIMIT = 2 ** 31 - 1;

export interface WriteOptions {
  /** Name of the file beside the model that takes the large tensors' data. */
  readonly location: string;
  /** Tensors of at least this many bytes go there; 1024 by default, as in ONNX's own tools. */
  readonly threshold?: number;
}

export interface ModelWithExternalData {
  readonly model: Uint8Array;
  /** The external file's parts, to be written one after the other. */
  readonly data: readonly Uint8Array[];
}

/**
 * Encodes a model as one `ModelProto`.
 *
 * @throws ThawError `bad-model` when it would pass the 2 GiB that such a message can have
 */
export function writeModel(model: Model): Uint8Array {
  const size = [...model.graph.initializers.values()].reduce(
    (all, { data }) => all + (ArrayBuffer.isView(data) ? data.byteLength : 0),
    0,
  );
  if (size > MESSAGE_LIMIT) {
    throw new ThawError(
      'bad-model',
      `the weights take ${size} bytes, more than one ONNX file can hold`,
      'Write it with external data',
    );
  }
  return onnx.ModelProto.encode(modelProto(model, tensorProto)).finish();
}

/** Encodes a model whose large initializers lie in a second file. */
export function writeModelWithExternalData(model: Model, options: WriteOptions): ModelWithExternalData {
  const { location, threshold = 1024 } = options;
  const data: Uint8Array[] = [];
  let offset = 0;
  const encode = (name: string, tensor: Tensor) => {
    if (tensor.type === 'string' || bytesOf(tensor).length < threshold) return tensorProto(name, tensor);
    const bytes = bytesOf(tensor);
    const entries = { location, offset: String(offset), length: String(bytes.length) };
    data.push(bytes);
    offset += bytes.length;
    return {
      name,
      dims: [...tensor.shape],
      data_type: codeOf(tensor.type),
      data_location: 1,
      external_data: keyValues(entries),
    };
  };
  return { model: onnx.ModelProto.encode(modelProto(model, encode)).finish(), data };
}

type EncodeTensor = (name: string, tensor: Tensor) => onnx.TensorProto.$Properties;

const keyValues = (record: Readonly<Record<string, string>>) =>
  Object.entries(record).map(([key, value]) => ({ key, value }));

const modelProto = (model: Model, initializer: EncodeTensor): onnx.ModelProto.$Properties => ({
  ir_version: model.irVersion,
  producer_name: model.producerName,
  producer_version: model.producerVersion,
  graph: graphProto(model.graph, initializer),
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

// Long's low and high halves are all that protobufjs reads of a 64-bit integer.
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

function tensorProto(name: string, tensor: Tensor): onnx.TensorProto.$Properties {
  const header = { name, dims: [...tensor.shape], data_type: codeOf(tensor.type) };
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
