import { describe, expect, expectTypeOf, test } from 'vitest';
import { defineCommand, parseArguments } from '../../src/cli/command.ts';
import type { Values } from '../../src/cli/flags.ts';
import type { TRAIN_FLAGS } from '../../src/cli/train-flags.ts';
import type { Dimension } from '../../src/onnx/index.ts';
import type { TrainSettingsInput } from '../../src/session/index.ts';

const command = defineCommand({
  name: 'try',
  summary: 'for this test',
  positionals: [
    { name: 'model', description: 'first' },
    { name: 'images', description: 'more', optional: true, many: true },
  ],
  flags: {
    out: { kind: 'text', value: 'DIR', description: 'a folder' },
    lr: { kind: 'number', description: 'a rate' },
    mean: { kind: 'numbers', description: 'several' },
    'max-length': { kind: 'number', description: 'of two words' },
    labels: { kind: 'names', description: 'names' },
    device: { kind: 'one', of: ['auto', 'cpu', 'cuda'], description: 'a device' },
    input: { kind: 'shapes', description: 'shapes' },
    loss: { kind: 'setting', description: 'a name or JSON' },
    artifacts: { kind: 'switch', description: 'on or off' },
    host: { kind: 'text', value: '[ADDRESS]', alone: 'everywhere', description: 'with or without a value' },
  },
  async run() {
    return 0;
  },
});

const read = (...given: string[]) => parseArguments(command, given);
const valuesOf = (...given: string[]) => read('model', ...given).values;

test('the types of values follow from the flags', () => {
  type Read = Values<typeof command.flags>;
  expectTypeOf<Read['out']>().toEqualTypeOf<string | undefined>();
  expectTypeOf<Read['maxLength']>().toEqualTypeOf<number | undefined>();
  expectTypeOf<Read['mean']>().toEqualTypeOf<number[] | undefined>();
  expectTypeOf<Read['labels']>().toEqualTypeOf<string[] | undefined>();
  expectTypeOf<Read['device']>().toEqualTypeOf<'auto' | 'cpu' | 'cuda' | undefined>();
  expectTypeOf<Read['input']>().toEqualTypeOf<Record<string, Dimension[]> | undefined>();
  expectTypeOf<Read['artifacts']>().toEqualTypeOf<boolean | undefined>();
  expectTypeOf<Values<typeof TRAIN_FLAGS>>().toExtend<TrainSettingsInput>();
});

describe('arguments', () => {
  test.each<[given: string[], positionals: string[], values: object]>([
    [['m'], ['m'], {}],
    [['--lr', '3', 'm', '--artifacts', 'a', 'b'], ['m', 'a', 'b'], { lr: 3, artifacts: true }],
    [['m', '--no-artifacts', 'a'], ['m', 'a'], { artifacts: false }],
    [['m', '--lr', '-1'], ['m'], { lr: -1 }],
    [['m', '--lr=-1e-3', '--max-length=8'], ['m'], { lr: -0.001, maxLength: 8 }],
    [['m', '--out', '-x=y', '--loss=a=b'], ['m'], { out: '-x=y', loss: 'a=b' }],
    [['-5.jpg', '-.5 degrees', '-', '-1'], ['-5.jpg', '-.5 degrees', '-', '-1'], {}],
    [['m', '--', '--lr', '-h', '--'], ['m', '--lr', '-h', '--'], {}],
    [['__proto__', 'constructor'], ['__proto__', 'constructor'], {}],
    [['m', '--input', 'a:1x2', '--input=b:Nx3'], ['m'], { input: { a: [1, 2], b: ['N', 3] } }],
    [['m', '--mean', '1,2.5', '--labels=a, b'], ['m'], { mean: [1, 2.5], labels: ['a', 'b'] }],
    [['m', '--host'], ['m'], { host: 'everywhere' }],
    [['m', '--host', '--artifacts'], ['m'], { host: 'everywhere', artifacts: true }],
    [['--host', 'here', 'm', '--lr=1'], ['m'], { host: 'here', lr: 1 }],
    [['m', '--host=here'], ['m'], { host: 'here' }],
    [['m', '--', '--host'], ['m', '--host'], {}],
    [['m', '--loss', ' {"name": "focal"}', '--device=cuda'], ['m'], { loss: { name: 'focal' }, device: 'cuda' }],
  ])('%j', (given, positionals, values) => {
    expect(read(...given)).toEqual({ positionals, values, json: false });
  });

  test('every command has json', () => {
    expect(read('m', '--json')).toEqual({ positionals: ['m'], values: {}, json: true });
    expect(read('m', '--no-json').json).toBe(false);
  });

  test.each<[given: string[], message: string]>([
    [['--lrr', '1'], 'unknown flag --lrr. Did you mean --lr?'],
    [['--lrr=1'], 'unknown flag --lrr. Did you mean --lr?'],
    [['-lr', '1'], 'unknown flag -lr. Did you mean --lr?'],
    [['-l'], 'unknown flag -l. Did you mean --lr?'],
    [['--no-lr'], 'unknown flag --no-lr. See --help for all flags'],
    [['--__proto__=1'], 'unknown flag --__proto__. See --help for all flags'],
    [['--constructor'], 'unknown flag --constructor. See --help for all flags'],
    [['--lr', '1', '--lr=2'], '--lr is given twice. Give it once'],
    [['--artifacts', '--no-artifacts'], '--artifacts is given twice. Give it once'],
    [['--artifacts=yes'], '--artifacts takes no value. Write --artifacts or --no-artifacts'],
    [['--out'], '--out needs a value (a folder). Write --out DIR'],
    [['--out='], '--out needs a value (a folder). Write --out DIR'],
    [['--out', '--lr'], '--out needs a value (a folder). Write --out DIR'],
    [['--out', '--', 'a'], '--out needs a value (a folder). Write --out DIR'],
    [['--lr', 'fast'], '--lr takes a number, not "fast". See --help'],
    [['--lr', ' '], '--lr takes a number, not " ". See --help'],
    [['--mean', '1,,2'], '--mean takes a number, not "". See --help'],
    [['--device', 'gpu'], '--device takes auto, cpu or cuda, not "gpu". Did you mean cuda?'],
    [['--device', 'accelerator'], '--device takes auto, cpu or cuda, not "accelerator". See --help'],
    [['--input', 'x'], '--input takes NAME:SHAPE, not "x". For example pixels:batchx3x224x224'],
  ])('%j is refused', (given, message) => {
    expect(() => valuesOf(...given)).toThrow(expect.objectContaining({ code: 'bad-config', line: message }));
  });
});
