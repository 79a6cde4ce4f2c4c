import { parse as parseCsv } from 'csv-parse/sync';
import { describe, expect, it, test } from 'vitest';
import { crc32c } from '../../src/report/crc32c.ts';
import { compact, count, date, decimal, duration, interval, percent, points, score } from '../../src/report/format.ts';
import {
  csvHeader,
  csvRow,
  epochScalars,
  eventFileHeader,
  jsonLine,
  renderSweep,
  type SweepTable,
  scalarEvents,
  sweepCsv,
} from '../../src/report/index.ts';
import { fixture } from './fixture.ts';

const [row] = fixture().rows;

describe('results.csv and metrics.jsonl', () => {
  it('has a column for each value, in full precision', () => {
    const [read] = parseCsv(csvHeader(row) + csvRow(row), { columns: true }) as Record<string, string>[];
    expect(Object.fromEntries(Object.entries(read).map(([key, value]) => [key, Number(value)]))).toEqual({
      epoch: row.epoch,
      stage: row.stage,
      trainable: row.trainable,
      lr: row.lr,
      train_loss: row.train.loss,
      train_accuracy: row.train.accuracy,
      val_loss: row.val.loss,
      val_accuracy: row.val.accuracy,
      seconds: row.seconds,
    });
  });

  it('keeps its columns if a loss is not finite', () => {
    const line = csvRow({
      ...row,
      train: { loss: Number.NaN, accuracy: 0 },
      val: { loss: Number.POSITIVE_INFINITY, accuracy: 0 },
    });
    expect(line.split(',').slice(4)).toEqual(['NaN', '0', 'Infinity', '0', `${row.seconds}\n`]);
  });

  it('writes exactly the documented fields, one line per row', () => {
    const event = { type: 'epoch', best: true, ...row, extra: 1 };
    expect(jsonLine(event)).toBe(`${JSON.stringify(row)}\n`);
    expect(Object.keys(JSON.parse(jsonLine(event)))).toEqual([
      'epoch',
      'stage',
      'trainable',
      'lr',
      'train',
      'val',
      'seconds',
    ]);
    expect(JSON.parse(jsonLine({ ...row, val: { loss: Number.NaN, accuracy: 1 } })).val).toEqual({
      loss: null,
      accuracy: 1,
    });
  });
});

test('sweep.csv escapes names and values of any kind', () => {
  const names = ['a,b', '"a"', 'a\nb', 'a\rb', 'a;b', ' a'];
  const values = Object.fromEntries(names.map((name) => [name, name]));
  const row = {
    rank: 1,
    number: 1,
    values,
    status: 'finished',
    epochs: 1,
    metric: 0.5,
    std: null,
    seconds: 2,
    paths: ['p'],
  };
  const written = sweepCsv({ model: 'm', data: 'd', metric: null, settings: names, scales: {}, rows: [row] });
  expect(parseCsv(written, { columns: true, record_delimiter: '\n' })).toEqual([expect.objectContaining(values)]);
});

describe('the charts of a sweep', () => {
  const metric = { key: 'accuracy', title: 'accuracy', better: 'higher', form: 'share' } as const;
  const page = (values: unknown[], scales: SweepTable['scales'] = {}) =>
    renderSweep({
      ...{ model: 'm', data: 'd', metric, settings: ['lr'], scales },
      rows: values.map((lr, i) => ({
        ...{ rank: i + 1, number: i + 1, values: { lr }, status: 'finished', epochs: 1, metric: 0.5 + i / 100 },
        ...{ std: null, seconds: 1, paths: ['p'] },
      })),
    });

  test('are logarithmic on request, and for lists that span powers of ten', () => {
    expect(page([2e-3, 4e-3], { lr: 'log' })).toContain('log scale');
    expect(page([1e-4, 1e-2], { lr: 'linear' })).not.toContain('log scale');
    expect(page([1e-4, 1e-2])).toContain('log scale');
    expect(page([2e-3, 4e-3])).not.toContain('log scale');
  });

  test('shorten names that do not fit, and keep them whole in a tooltip', () => {
    const names = Array.from({ length: 8 }, (_, i) => `a schedule with a long name ${i}`);
    const labels = [...page(names).matchAll(/text-anchor="middle">([^<]*)<title>([^<]*)</g)];
    expect(labels.map(([, , whole]) => whole)).toEqual(names);
    expect(Math.max(...labels.map(([, short]) => short.length))).toBeLessThan(8);
  });
});

test('an interval has as many digits as it needs', () => {
  expect(interval([0.915, 0.982], percent)).toBe('91.5% to 98.2%');
  expect(interval([0.99987, 1], percent)).toBe('99.99% to 100.00%');
  expect(interval([0.99987, 1], score)).toBe('0.9999 to 1.0000');
  expect(interval([1, 1], score)).toBe('1.000 to 1.000');
});

describe('crc32c', () => {
  // RFC 3720, appendix B.4, and the standard check value.
  it.each([
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 ones', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['0 to 31', Uint8Array.from({ length: 32 }, (_, i) => i), 0x46dd794e],
    ['31 to 0', Uint8Array.from({ length: 32 }, (_, i) => 31 - i), 0x113fdb5c],
    ['123456789', new TextEncoder().encode('123456789'), 0xe3069283],
    ['nothing', new Uint8Array(0), 0],
  ])('of %s', (_, bytes, expected) => {
    expect(crc32c(bytes)).toBe(expected);
  });
});

/** Reads a TFRecord file, and checks both checksums of each record. */
function records(file: Uint8Array): Uint8Array[] {
  const view = new DataView(file.buffer, file.byteOffset);
  const check = (from: number, length: number) => {
    const masked = view.getUint32(from + length, true);
    const rotated = (masked - 0xa282ead8) >>> 0;
    expect(((rotated >>> 17) | (rotated << 15)) >>> 0).toBe(crc32c(file.subarray(from, from + length)));
  };
  const found: Uint8Array[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(view.getBigUint64(at, true));
    check(at, 8);
    check(at + 12, length);
    found.push(file.subarray(at + 12, at + 12 + length));
    at += 12 + length + 4;
  }
  return found;
}

type Field = { field: number; value: number | Uint8Array };

/** Fields of a protobuf message, with floats and doubles as numbers. */
function fields(message: Uint8Array): Field[] {
  const view = new DataView(message.buffer, message.byteOffset, message.length);
  let at = 0;
  const varint = (): number => {
    for (let value = 0, scale = 1; ; scale *= 128) {
      const byte = message[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  const found: Field[] = [];
  while (at < message.length) {
    const key = varint();
    const field = Math.floor(key / 8);
    const wire = key % 8;
    const length = wire === 2 ? varint() : wire === 1 ? 8 : 4;
    if (wire === 0) {
      found.push({ field, value: varint() });
      continue;
    }
    if (wire === 1) found.push({ field, value: view.getFloat64(at, true) });
    else if (wire === 5) found.push({ field, value: view.getFloat32(at, true) });
    else found.push({ field, value: message.subarray(at, at + length) });
    at += length;
  }
  return found;
}

const get = (message: Uint8Array, field: number) => fields(message).find((entry) => entry.field === field)?.value;
const string = (value: number | Uint8Array | undefined) => new TextDecoder().decode(value as Uint8Array);

describe('event file', () => {
  it('reads back record by record', () => {
    const parts = [
      eventFileHeader(1_795_000_000.25),
      scalarEvents(3, 1_795_000_001.5, epochScalars(row)),
      scalarEvents(2 ** 40, 1_795_000_002, { loss: Number.NaN, 'größe/λ': -0.5 }),
    ];
    const file = Uint8Array.from(parts.flatMap((part) => [...part]));
    const [version, first, second] = records(file);

    expect(get(version, 1)).toBe(1_795_000_000.25);
    expect(string(get(version, 3))).toBe('brain.Event:2');

    const scalars = (event: Uint8Array) =>
      fields(get(event, 5) as Uint8Array).map(({ value }) => [
        string(get(value as Uint8Array, 1)),
        get(value as Uint8Array, 2),
      ]);
    expect(get(first, 1)).toBe(1_795_000_001.5);
    expect(get(first, 2)).toBe(3);
    expect(scalars(first)).toEqual([
      ['train/loss', Math.fround(row.train.loss)],
      ['train/accuracy', Math.fround(row.train.accuracy)],
      ['val/loss', Math.fround(row.val.loss)],
      ['val/accuracy', Math.fround(row.val.accuracy)],
      ['lr', Math.fround(row.lr)],
      ['stage', 1],
      ['trainable', row.trainable],
      ['seconds', Math.fround(row.seconds)],
    ]);
    expect(get(second, 2)).toBe(2 ** 40);
    expect(scalars(second)).toEqual([
      ['loss', Number.NaN],
      ['größe/λ', -0.5],
    ]);
  });

  it('also writes zero and empty fields, byte for byte', () => {
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
    expect(hex(eventFileHeader(0.5))).toBe(
      '1800000000000000a37f4b2209000000000000e03f1a0d627261696e2e4576656e743a3266f7e1a8',
    );
    expect(hex(scalarEvents(0, 0, { λ: 0 }))).toBe(
      '1800000000000000a37f4b2209000000000000000010002a0b0a090a02cebb150000000016eb73a6',
    );
  });
});

describe('number formats', () => {
  it.each([
    [percent(0.9673), '96.7%'],
    [percent(Number.NaN), 'not finite'],
    [points(0.0134), '+1.3'],
    [points(-0.0134), '−1.3'],
    [points(-0.0001), '±0.0'],
    [count(4_652_008), '4,652,008'],
    [compact(4_652_008), '4.65 M'],
    [compact(2_562), '2,562'],
    [compact(86_567_656), '86.6 M'],
    [decimal(0.00003), '3e-5'],
    [decimal(0.123456), '0.123'],
    [decimal(1e-10), '1e-10'],
    [decimal(Number.POSITIVE_INFINITY), 'not finite'],
    [duration(0.84), '840\u00a0ms'],
    [duration(59.96), '1\u00a0min\u00a00\u00a0s'],
    [duration(185), '3\u00a0min\u00a05\u00a0s'],
    [duration(7_825), '2\u00a0h\u00a010\u00a0min'],
    [date('2026-11-24T08:12:30.000Z'), '24 November 2026, 08:12 UTC'],
    [date('yesterday'), 'yesterday'],
  ])('%s', (written, expected) => {
    expect(written).toBe(expected);
  });
});
