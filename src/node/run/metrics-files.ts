/** `results.csv`, `metrics.jsonl` and TensorBoard's event file: one row per epoch. */

import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJson } from '../../json.ts';
import { csvHeader, csvRow, epochScalars, eventFileHeader, jsonLine, scalarEvents } from '../../report/index.ts';
import { type EpochRow, rowSchema } from '../../training/index.ts';
import { appendFlushed, readIfThere, readTextIfThere, writeAtomically } from '../disk/index.ts';

const CSV = 'results.csv';
const JSONL = 'metrics.jsonl';
const EVENTS = 'events.out.tfevents.';

const seconds = (): number => Date.now() / 1000;

export async function appendRow(folder: string, row: EpochRow): Promise<void> {
  const events = await eventFile(folder);
  const now = seconds();
  const append = async (file: string, header: string | Uint8Array, contents: string | Uint8Array) => {
    const path = join(folder, file);
    if (!existsSync(path)) await writeAtomically(path, header);
    await appendFlushed(path, contents);
  };
  await append(CSV, csvHeader(row), csvRow(row));
  await append(JSONL, '', jsonLine(row));
  await append(events, eventFileHeader(now), scalarEvents(row.epoch, now, epochScalars(row)));
}

/** Makes the files contain exactly these rows. Keeps TensorBoard's times of existing steps. */
export async function rewriteRows(folder: string, rows: readonly EpochRow[]): Promise<void> {
  const events = await eventFile(folder);
  const times = wallTimes((await readIfThere(join(folder, events))) ?? new Uint8Array());
  const now = seconds();
  if (rows.length) await writeAtomically(join(folder, CSV), [csvHeader(rows[0]), ...rows.map(csvRow)].join(''));
  else await rm(join(folder, CSV), { force: true });
  await writeAtomically(join(folder, JSONL), rows.map(jsonLine).join(''));
  await writeAtomically(join(folder, events), [
    eventFileHeader(times.get(0) ?? now),
    ...rows.map((row) => scalarEvents(row.epoch, times.get(row.epoch) ?? now, epochScalars(row))),
  ]);
}

/**
 * The rows of `metrics.jsonl`, without a truncated last line. Numbers that JSON cannot store become NaN.
 *
 * @throws ThawError `run-directory` with the damaged line
 */
export async function readRows(folder: string): Promise<EpochRow[]> {
  const path = join(folder, JSONL);
  const text = (await readTextIfThere(path)) ?? '';
  const lines = text.slice(0, text.lastIndexOf('\n') + 1).split('\n');
  const hint = 'Resume the run: it rewrites the file';
  return lines.flatMap((line, i) =>
    line === '' ? [] : [parseJson(line, rowSchema, { what: `line ${i + 1} of ${path}`, hint })],
  );
}

async function eventFile(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(EVENTS)).sort();
  return names[0] ?? `${EVENTS}${Math.floor(seconds())}.thaw`;
}

/**
 * Wall time by step, from complete records: uint64 length, uint32 checksum, data, uint32 checksum. An `Event` starts with its wall time
 * (field 1, double). If its step is not 0, it follows (field 2, varint).
 */
function wallTimes(bytes: Uint8Array): Map<number, number> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const times = new Map<number, number>();
  for (let at = 0; at + 12 <= bytes.length; ) {
    const length = Number(view.getBigUint64(at, true));
    const data = at + 12;
    at = data + length + 4;
    if (at > bytes.length || length < 9) break;
    let step = 0;
    if (bytes[data + 9] === 0x10) {
      let factor = 1;
      for (let i = data + 10; i < data + length; i++, factor *= 128) {
        step += (bytes[i] & 0x7f) * factor;
        if (bytes[i] < 0x80) break;
      }
    }
    const time = view.getFloat64(data + 1, true);
    if (Number.isFinite(time)) times.set(step, time);
  }
  return times;
}
