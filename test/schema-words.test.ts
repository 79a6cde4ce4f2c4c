import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { nearest } from '../src/nearest.ts';
import { firstIssue, plainWords } from '../src/schema-words.ts';

const wordsFor = (schema: z.ZodType, value: unknown) => {
  const { error } = schema.safeParse(value, { error: plainWords });
  const { where, words } = firstIssue(error!);
  return where ? `${where}: ${words}` : words;
};

const options = z.strictObject({ gamma: z.number(), name: z.string().min(1).optional() });

describe('a value that a schema refuses is reported in plain words', () => {
  test.each<[words: string, schema: z.ZodType, value: unknown]>([
    ['it takes a number, not "x"', z.number(), 'x'],
    ['it takes a number, not NaN', z.number(), Number.NaN],
    ['it takes a whole number, not 1.5', z.number().int(), 1.5],
    ['it takes a number above 0, not 0', z.number().positive(), 0],
    ['it takes a number of at most 1, not 2', z.number().max(1), 2],
    ['it takes true or false, not "yes"', z.boolean(), 'yes'],
    ['it takes a text, not null', z.string(), null],
    ['it takes a list, not an object', z.array(z.string()), {}],
    ['1: it takes a text, not 3', z.array(z.string()), ['a', 3]],
    ['it is empty', z.array(z.string()).min(1), []],
    ['it takes a length of at least 2, not 1', z.array(z.string()).min(2), ['a']],
    ['it is empty', z.string().min(1), ''],
    ['it is missing', z.string(), undefined],
    ['gamma: it is missing', options, {}],
    ['it takes cat or dog, not "dgo" (did you mean dog?)', z.enum(['cat', 'dog']), 'dgo'],
    ['it takes cat or dog, not 7', z.enum(['cat', 'dog']), 7],
    ['there is no "gama". Did you mean gamma?', options, { gamma: 1, gama: 2 }],
    ['there is no "x". There are: gamma, name', options, { gamma: 1, x: 2 }],
    ['it takes a text or a list, not 5', z.union([z.string(), z.array(z.string())]), 5],
    ['it takes auto or a number, not "x"', z.union([z.literal('auto'), z.number()]), 'x'],
    ['gamma: it takes a number, not "x"', z.union([z.number(), options]), { gamma: 'x' }],
    ['it is not valid', z.string().regex(/^a/), 'b'],
    ['it is odd', z.number().refine((value) => value % 2 === 0, 'it is odd'), 3],
  ])('%s', (words, schema, value) => {
    expect(wordsFor(schema, value)).toBe(words);
  });

  test('with a long text shortened', () => {
    expect(wordsFor(z.number(), 'x'.repeat(1000)).length).toBeLessThan(100);
  });
});

test.each([
  ['learning-rate', ['lr', 'batch'], 'lr'],
  ['learningRate', ['lr', 'batch'], 'lr'],
  ['batch_size', ['lr', 'batch'], 'batch'],
  ['validation', ['train', 'val', 'test'], 'val'],
  ['grad', ['adaptive', 'gradual', 'full'], 'gradual'],
  ['adamz', ['sgd', 'adam'], 'adam'],
  ['zebra', ['sgd', 'adam'], undefined],
  ['anything', [], undefined],
  ['constructor', ['sgd', 'adam'], undefined],
])('for %s of %j, %s is meant', (name, known, meant) => {
  expect(nearest(name, known)).toBe(meant);
});
