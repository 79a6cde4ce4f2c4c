import type { DataType, Tensor } from './tensor.ts';

/** Encoded fields that Thaw never decodes, and copies from reading to writing. */
export type UnknownFields = readonly Uint8Array[];

/** An attribute with its type, since `1` and `1.0` are different in ONNX. Integers beyond 2^53 are bigints. */
export type Attribute =
  | { readonly kind: 'int'; readonly value: number | bigint }
  | { readonly kind: 'float'; readonly value: number }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'tensor'; readonly value: Tensor }
  | { readonly kind: 'graph'; readonly value: Graph }
  | { readonly kind: 'ints'; readonly value: readonly (number | bigint)[] }
  | { readonly kind: 'floats'; readonly value: readonly number[] }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'tensors'; readonly value: readonly Tensor[] }
  | { readonly kind: 'graphs'; readonly value: readonly Graph[] }
  /** Kinds that Thaw never decodes (sparse tensors, type protos), kept as their encoded `AttributeProto`. */
  | { readonly kind: 'opaque'; readonly value: Uint8Array };

export interface Node {
  readonly name: string;
  readonly op: string;
  /** '' is the ONNX standard (`ai.onnx` is read as ''). */
  readonly domain: string;
  /** '' for an omitted optional input or output. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
  readonly unknown?: UnknownFields;
}

/** A graph's input or output, or a value with a declared type. Dimensions: a size, a symbol, or null if unknown. */
export interface ValueInfo {
  readonly name: string;
  /** Undefined if the value is not a dense tensor or has no declared type. */
  readonly type?: DataType;
  readonly shape?: readonly (number | string | null)[];
  /** The encoded `ValueInfoProto` of a value that is not a dense tensor (a sequence or an optional). */
  readonly opaque?: Uint8Array;
}

export interface Graph {
  name: string;
  nodes: Node[];
  inputs: ValueInfo[];
  outputs: ValueInfo[];
  initializers: Map<string, Tensor>;
  /** Declared types of intermediate values. */
  valueInfo: ValueInfo[];
  docString?: string;
  /** Sparse initializers, quantization annotations, … */
  unknown?: UnknownFields;
}

/** An ONNX model: `ModelProto` as plain data. */
export interface Model {
  irVersion: number;
  /** Operator set version by domain; '' is the ONNX standard. */
  opsets: Record<string, number>;
  producerName: string;
  producerVersion: string;
  graph: Graph;
  metadata: Record<string, string>;
  /** Functions, doc string, domain, model version, training information, … */
  unknown?: UnknownFields;
}
