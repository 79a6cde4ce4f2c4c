import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { readOptions } from '../../scripts/bench/command-line.ts';
import { CONTENDERS } from '../../scripts/bench/contenders.ts';
import { jobTable } from '../../scripts/bench/jobs.ts';
import type { Measured } from '../../scripts/bench/measure.ts';
import { median, quantile } from '../../scripts/bench/statistics.ts';
import { modelTable, replaceSection } from '../../scripts/bench/tables.ts';
import { Worker } from '../../scripts/bench/worker.ts';

describe('statistics', () => {
  test('a quantile is interpolated between its neighbours', () => {
    expect(quantile([4, 1, 3, 2], 0.25)).toBe(1.75);
    expect(median([3, 1, 2])).toBe(2);
    expect(median([1, 2])).toBe(1.5);
    expect(median([7])).toBe(7);
    expect(median([])).toBeNaN();
  });
});

describe('a worker', () => {
  const command = {
    command: process.execPath,
    args: ['--import', 'tsx', fileURLToPath(new URL('fake-contender.ts', import.meta.url))],
  };
  let worker: Worker;
  afterEach(() => worker.end());

  test('answers, reports its memory, and continues after an error', async () => {
    worker = new Worker(command, 2);
    expect(await worker.ask('step', 2)).toMatchObject({ seconds: [0.25, 0.25] });
    await expect(worker.ask('fail', 'no such operator')).rejects.toThrow(/^no such operator$/);
    expect(await worker.ask('step', 1)).toMatchObject({ seconds: [0.25] });
    const bytes = await worker.peakMemory();
    expect(bytes).toBeGreaterThan(10 * 2 ** 20);
    expect(bytes).toBeLessThan(2 ** 30);
  });

  test('that ends reports the reason, also on later calls', async () => {
    worker = new Worker(command, 2);
    await expect(worker.ask('end', {})).rejects.toThrow('exit code 7): out of memory');
    await expect(worker.ask('step', 1)).rejects.toThrow('it had ended: out of memory');
  });

  test('that cannot start reports the reason', async () => {
    worker = new Worker({ command: './no-such-interpreter', args: [] }, 2);
    await expect(worker.ask('step', 1)).rejects.toThrow('ENOENT');
  });
});

describe('options', () => {
  test('measure steps by default, and images if there are any', () => {
    expect(readOptions([])).toMatchObject({ cases: ['head', 'last:3', 'all'], batch: 16, rounds: 5 });
    expect(readOptions(['--data', 'images'])).toMatchObject({
      cases: ['head', 'last:3', 'all', 'plan', 'head-epochs', 'last-epochs-resnet18', 'last-epochs-mobilenet_v2'],
    });
    const options = readOptions([]);
    expect(options !== 'help' && options.contenders).not.toContain('pytorch-compile');
  });

  test.each([
    [['--models', 'lenet'], '--models: there is no "lenet"'],
    [['--contenders', 'thaw,caffe'], '--contenders: there is no "caffe"'],
    [['--rounds', '0'], '--rounds takes a whole number from 1, not "0"'],
    [['--cases', 'plan'], '--cases plan reads images: give their folder with --data'],
  ])('%j are refused', (args, message) => {
    expect(() => readOptions(args)).toThrow(message);
  });
});

test('a contender that is not installed gives the install command', () => {
  const interpreters = { python: './no-such/bin/python', ortTraining: './none/bin/python' };
  expect(CONTENDERS.pytorch.missing(interpreters)).toBe(
    './no-such/bin/python does not run; python3 -m venv ./no-such && ./no-such/bin/python -m pip install -r scripts/bench/python/requirements.txt',
  );
  expect(CONTENDERS['ort-training'].missing(interpreters)).toContain('ort-training-requirements.txt');
  expect(CONTENDERS.thaw.missing(interpreters)).toBeUndefined();
});

describe('tables', () => {
  const measured = (contender: string, seconds: number): Measured => ({
    contender,
    version: '1.0',
    trainable: 10,
    median: seconds,
    quartiles: [seconds * 0.9, seconds * 1.1],
    steps: 10,
    cpu: seconds * 1.5,
    disturbance: 0.02,
    memory: 300 * 2 ** 20,
  });

  test('compare with PyTorch, and list the missing contenders', () => {
    const table = modelTable(
      {
        model: 'resnet18',
        machine: 'MACHINE',
        command: 'COMMAND',
        cases: {
          head: {
            measured: [measured('thaw', 0.1), measured('pytorch', 0.2)],
            failed: [{ contender: 'onnxsim', reason: 'no rule' }],
          },
        },
      },
      ['thaw', 'pytorch', 'onnxsim'],
    );
    const rows = table.split('\n').filter((line) => line.startsWith('|'));
    expect(rows[0]).toBe('| a step | `head` |');
    expect(rows[2]).toContain('100 ms (90 to 110) · **0.50** · 300 MB');
    expect(rows[7]).toContain('150 ms · **0.50**');
    expect(rows[4]).toMatch(/\| – \|$/);
    expect(table).toContain('- `onnxsim` at `head`: no rule');
    expect(table).toContain(
      'MACHINE. Thaw 1.0, PyTorch 1.0. Other processes took 2 % of the processors (at most 2 %).',
    );
  });

  test('mark measurements that other work on the machine disturbed', () => {
    const disturbed = { ...measured('thaw', 0.1), disturbance: 0.5 };
    const cases = { head: { measured: [disturbed, measured('pytorch', 0.2)], failed: [] } };
    const table = modelTable({ model: 'resnet18', machine: '', command: '', cases }, ['thaw', 'pytorch']);
    expect(table).toContain('· **0.50** † · 300 MB');
    expect(table).not.toContain('· **1.00** †');
    expect(table).toContain('(at most 50 %): results with † are unreliable, measure them again.');
  });

  test('separate the epochs of each stage', () => {
    const run = (scale: number) => ({
      seconds: 10 * scale,
      accuracy: 0.9,
      memory: 2 ** 20,
      version: '1.0',
      epochs: [3, 1, 0.5].map((train, i) => ({
        stage: i < 2 ? 1 : 2,
        train: train * scale,
        val: 0.5 * scale,
        accuracy: 0.9,
      })),
    });
    const [, , thaw, pytorch, ratios] = jobTable({ thaw: [run(1)], pytorch: [run(2)] }).split('\n');
    expect(thaw).toBe('| Thaw | 10.0 s | 3.00, 1.00 s | 0.50 s | 0.50 s | 0.9000 | 1 MB |');
    expect(pytorch).toContain('| 20.0 s | 6.00, 2.00 s | 1.00 s |');
    expect(ratios).toContain('| **0.50** | **0.50**, **0.50** | **0.50** | **0.50** |');
    const long = { ...run(1), epochs: Array.from({ length: 6 }, () => run(1).epochs[0]) };
    const others = [0.9, 0.93, 0.96].map((accuracy) => ({ ...run(1), accuracy }));
    expect(jobTable({ thaw: others, pytorch: [run(2)] })).toContain('0.9300 (0.9000 to 0.9600)');
    const [, , six, , same] = jobTable({ thaw: [long], pytorch: [long] }).split('\n');
    expect(six).toContain('| 3.00, 3.00, 3.00, 3.00, 3.00, 3.00 s; 3.00 s on average |');
    expect(same).toContain(', **1.00**; **1.00** on average |');
  });

  test('replace their own sections of a document, and no others', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'thaw-bench-')), 'benchmarks.md');
    const place = (name: string, table: string) => `## ${name}\n<!-- bench ${name} -->${table}<!-- /bench -->\n`;
    writeFileSync(file, `# Title\n${place('a', 'old')}${place('b', '')}`);
    await replaceSection(file, 'a', 'new');
    expect(readFileSync(file, 'utf8')).toBe(`# Title\n${place('a', '\nnew\n')}${place('b', '')}`);
    await expect(replaceSection(file, 'c', 'new')).rejects.toThrow('has no place for c');
  });
});
