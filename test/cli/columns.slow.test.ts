import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { COMMANDS } from '../../src/cli/commands/index.ts';
import { columnsOf } from '../../src/cli/terminal/styled.ts';
import { makeProject, type Project } from '../node/commands/project.ts';
import { thaw } from './streams.ts';

const COLUMNS = 80;

let project: Project;
let folder: string;
beforeAll(async () => {
  project = await makeProject({ train: 6, val: 3 });
  folder = process.cwd();
  process.chdir(project.folder);
});
afterAll(() => {
  process.chdir(folder);
  project.remove();
});

/** The lines of a terminal, without what was drawn over. */
const linesOf = (text: string): string[] => stripVTControlCharacters(text).split(/[\r\n]/);

const tooWide = (lines: readonly string[]): string[] => lines.filter((line) => columnsOf(line) > COLUMNS);

const MODEL = 'model';
const QUICK = ['--device', 'cpu', '--epochs', '2', '--batch', '6', '--lr', '0.03'];

/** In an order in which later commands find the results of earlier ones. */
const CALLS: readonly (readonly string[])[] = [
  ['models'],
  ['doctor'],
  ['inspect', MODEL],
  ['inspect', MODEL, 'images'],
  ['preview', MODEL, 'images', '--out', 'sheet.jpg'],
  ['clean', 'images', '--model', MODEL, '--table', 'cleaned.csv', '--accept', 'all'],
  ['find-lr', MODEL, 'images', '--device', 'cpu', '--batch', '6', '--steps', '30'],
  ['artifacts', MODEL, '--out', 'artifacts', '--classes', '3', '--trainable', 'all'],
  ['train', MODEL, 'images', '--out', 'runs/my-first-training', ...QUICK, '--trainable', 'all', '--lora', '2'],
  ['train', MODEL, 'images', '--out', 'runs/a', ...QUICK],
  ['eval', 'runs/a', 'images'],
  ['predict', 'runs/a', 'images/val'],
  ['calibrate', 'runs/a', 'images'],
  ['export', 'runs/a', '--quantize'],
  ['merge', MODEL, 'runs/my-first-training'],
  ['sweep', MODEL, 'images', ...QUICK, '--trials', '2', '--try', 'lr=1e-3..1e-2:log', '--try', 'dropout=0,0.25'].concat(
    ['--try', 'optimizer.weightDecay=0.001,0.01', '--try', 'schedule.name=cosine,one-cycle'],
  ),
  ['round', MODEL, '--init', '--labels', 'blue,green,red', '--trainable', 'head', '--out', '0.safetensors'],
  ['round', MODEL, 'images', '--in', '0.safetensors', '--out', '1.safetensors', '--trainable', 'head', ...QUICK],
  ['federated', 'init', 'app', '--model', MODEL, '--labels', 'blue,green,red'],
];

describe(`no line is wider than a terminal of ${COLUMNS} columns`, () => {
  test.each(COMMANDS.map(({ name }) => name))('thaw %s --help', async (name) => {
    const { out } = await thaw([name, '--help'], COLUMNS);
    const examples = linesOf(out).indexOf('Examples');
    // Examples are commands to copy.
    expect(tooWide(linesOf(out).slice(0, examples < 0 ? undefined : examples))).toEqual([]);
  });

  test('thaw --help', async () => {
    expect(tooWide(linesOf((await thaw(['--help'], COLUMNS)).out))).toEqual([]);
  });

  test.each(CALLS)('thaw %s %s %s', async (...words) => {
    const { code, out, err } = await thaw(words, COLUMNS);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).not.toMatch(/NaN|undefined/);
    expect(tooWide(linesOf(out))).toEqual([]);
  });
});
