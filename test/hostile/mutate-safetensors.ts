/** Safetensors files with invalid contents, in the valid format. */
import { createHash } from 'node:crypto';
import { readSafetensors, writeSafetensors } from '../../src/compiler/step/index.ts';
import type { Tensor } from '../../src/onnx/index.ts';
import type { Random } from '../../src/random.ts';
import { mutateJson, NAMES } from './mutate.ts';

const pick = <T>(random: Random, list: readonly T[]): T => list[random.below(list.length)];

const SIZES: readonly number[] = [0, 1, 2, 3, 7, 100];

/**
 * A file with other metadata or tensors. If it contains a checksum of itself, as checkpoints do, the checksum is
 * updated.
 */
export function mutateSafetensors(content: Uint8Array, random: Random): Uint8Array {
  const { tensors, metadata } = readSafetensors(content);
  const [told, kept] = [{ ...metadata } as Record<string, string>, new Map(tensors)];
  for (let i = random.below(2); i >= 0; i--) {
    if (random.below(3)) changeMetadata(told, random);
    else changeTensor(kept, random);
  }
  return random.below(10) ? sealed(kept, told) : writeSafetensors({ tensors: kept, metadata: told });
}

/** A file with a correct checksum, if it has one. */
export function sealed(tensors: ReadonlyMap<string, Tensor>, metadata: Readonly<Record<string, string>>): Uint8Array {
  if (!('sha256' in metadata)) return writeSafetensors({ tensors, metadata });
  const blank = '0'.repeat(64);
  const unsealed = Buffer.from(writeSafetensors({ tensors, metadata: { ...metadata, sha256: blank } }));
  const at = unsealed.indexOf(`"sha256":"${blank}`) + '"sha256":"'.length;
  unsealed.write(createHash('sha256').update(unsealed).digest('hex'), at);
  return unsealed;
}

function changeMetadata(metadata: Record<string, string>, random: Random): void {
  const keys = Object.keys(metadata).filter((name) => name !== 'sha256');
  if (!keys.length) return;
  const key = pick(random, keys);
  const value = Buffer.from(metadata[key]);
  const change = random.below(8);
  if (change === 0) delete metadata[key];
  else if (change === 1) metadata[key] = pick(random, [...NAMES, '-1', '1e99', 'NaN', 'null', '{}', '[]']);
  else metadata[key] = Buffer.from(mutateJson(value, random, [value])).toString();
}

function changeTensor(tensors: Map<string, Tensor>, random: Random): void {
  const names = [...tensors.keys()];
  if (!names.length) return;
  const name = pick(random, names);
  const value = tensors.get(name)!;
  const change = random.below(6);
  if (change === 0) tensors.delete(name);
  else if (change === 1) tensors.set(pick(random, NAMES) || 'x', value);
  else if (change === 2) tensors.set(name, { ...value, shape: [value.data.length, 1] });
  else if (change === 3) tensors.set(name, { ...value, shape: [...value.shape].reverse() });
  else if (change === 4) {
    const size = pick(random, SIZES);
    tensors.set(name, { type: 'float32', shape: [size], data: new Float32Array(size).fill(Number.NaN) });
  } else tensors.set(name, { type: 'int64', shape: [2], data: new BigInt64Array(2) });
}
