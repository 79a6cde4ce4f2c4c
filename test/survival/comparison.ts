/** Compares two runs file by file, without times. Interruptions on the way must not matter. */
import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { decodeCheckpoint } from '../../src/node/run/checkpoint.ts';
import { bytesOf } from '../../src/onnx/index.ts';
import type { Checkpoint } from '../../src/training/index.ts';

const EVENTS = /^events\.out\.tfevents\.\d+\.thaw$/;
/** Values that depend on the time, the memory or the machine of a session. */
const OF_THE_SITTING = new Set(['seconds', 'times', 'created', 'environment', 'memory']);

/**
 * If a kill comes between the best checkpoint and the last one, the best is written twice. Then a previous one exists.
 */
const MAY_BE = /(^|\/)checkpoints\/best\/previous\.safetensors$/;

/** Files that contain times, or charts of them. The comparison only checks that they exist and are not empty. */
const TIMED = [
  /(report|sweep)\.html$/,
  /model\/README\.md$/,
  /(^|\/)plots\//,
  /(^|\/)events$/,
  /previous\.safetensors$/,
];

const withoutTimes = (text: string): unknown =>
  JSON.parse(text, (key, value) => (OF_THE_SITTING.has(key) ? undefined : value));

function ofCheckpoint({ progress, state, epochStart }: Checkpoint): unknown {
  return {
    progress: withoutTimes(
      JSON.stringify(progress, (_, v) => (typeof v === 'number' && !Number.isFinite(v) ? `${v}` : v)),
    ),
    state: [...state].map(([name, tensor]) => [
      name,
      tensor.type,
      tensor.shape,
      Buffer.from(bytesOf(tensor)).toString('hex'),
    ]),
    epochStart: epochStart && ofCheckpoint(epochStart),
  };
}

/** The contents of a file without times, in a comparable form. */
function contents(path: string, file: string): unknown {
  const bytes = readFileSync(path);
  if (/(^|\/)checkpoints\//.test(file) && file.endsWith('.safetensors')) {
    const { identity, rows, ...checkpoint } = decodeCheckpoint(bytes);
    return file.includes('previous')
      ? 'whole'
      : { identity, rows: rows?.count, ...(ofCheckpoint(checkpoint) as object) };
  }
  if (TIMED.some((pattern) => pattern.test(file))) return bytes.length > 0;
  if (file.endsWith('.json')) return withoutTimes(bytes.toString());
  if (/(metrics|rows)\.jsonl$/.test(file)) return bytes.toString().trimEnd().split('\n').map(withoutTimes);
  if (/(results|sweep)\.csv$/.test(file)) return csvWithoutSeconds(bytes.toString());
  return bytes.toString('hex');
}

function csvWithoutSeconds(text: string): string[][] {
  const [header, ...rows] = text.split('\n').map((line) => line.split(','));
  const place = header.indexOf('seconds');
  return [header, ...rows].map((cells) => cells.filter((_, i) => i !== place));
}

/** Files by their paths in the run. TensorBoard's file has no time in its name here. */
const filesOf = (run: string): Map<string, string> =>
  new Map(
    readdirSync(run, { recursive: true, withFileTypes: true, encoding: 'utf8' })
      .filter((entry) => entry.isFile())
      .map((entry) => {
        const path = join(entry.parentPath, entry.name);
        const file = path.slice(run.length + 1);
        return [EVENTS.test(basename(file)) ? join(dirname(file), 'events') : file, path];
      }),
  );

/** The differences between two runs, one per line. */
export function differences(run: string, expected: string): string[] {
  const [a, b] = [filesOf(run), filesOf(expected)];
  const found: string[] = [];
  for (const [file] of a) if (!b.has(file) && !MAY_BE.test(file)) found.push(`${file} is there, and should not be`);
  for (const [file, path] of b) {
    const own = a.get(file);
    if (own) found.push(...unlike(file, contents(own, file), contents(path, file)));
    else if (!MAY_BE.test(file)) found.push(`${file} is missing`);
  }
  return found;
}

/** The paths at which two values differ. */
function unlike(at: string, a: unknown, b: unknown): string[] {
  if (JSON.stringify(a) === JSON.stringify(b)) return [];
  if (typeof a === 'object' && typeof b === 'object' && a && b) {
    const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
    const inner = [...keys].flatMap((key) => unlike(`${at} ${key}`, a[key as never], b[key as never]));
    return inner.length ? inner : [`${at}: other order`];
  }
  const short = (value: unknown) => String(JSON.stringify(value)).slice(0, 100);
  return [`${at}: ${short(a)} where it should be ${short(b)}`];
}
