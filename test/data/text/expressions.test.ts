import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { refuseCostly } from '../../../src/data/text/expressions.ts';
import { TextTokenizer } from '../../../src/data/text/index.ts';
import { ThawError } from '../../../src/errors.ts';

const GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
const LLAMA3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const [UPPER, LOWER] = ['[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]', '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]'];
const GPT4O = `[^\\r\\n\\p{L}\\p{N}]?${UPPER}*${LOWER}+(?:'[sS]|'[tT])?|[^\\r\\n\\p{L}\\p{N}]?${UPPER}+${LOWER}*(?:'[sS]|'[tT])?|\\p{N}{1,3}|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

/** A tokenizer of letters that splits texts by an expression. */
const tokenizerWith = (more: object) => {
  const letters = [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ ĠĊ0123456789!?.'];
  return new TextTokenizer({
    kind: 'text',
    maxLength: 1000,
    inputs: ['input_ids'],
    type: 'int64',
    tokenizer: {
      version: '1.0',
      added_tokens: [],
      normalizer: null,
      pre_tokenizer: null,
      post_processor: null,
      decoder: null,
      model: { type: 'BPE', vocab: Object.fromEntries(letters.map((letter, i) => [letter, i])), merges: [] },
      ...more,
    },
    tokenizerConfig: {},
  });
};
const split = (Regex: string) => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false });

describe('accepts expressions of real tokenizers', () => {
  test.each([
    ['GPT-2 and RoBERTa', GPT2],
    ['Llama 3', LLAMA3],
    ['GPT-4o', GPT4O],
    ['CLIP', "'s|'t|'re|'ve|'m|'ll|'d|[\\p{L}]+|[\\p{N}]|[^\\s\\p{L}\\p{N}]+"],
    ['BLOOM', ' ?[^(\\s|[.,!?…。，、।۔،])]+'],
    ['Falcon', '[0-9][0-9][0-9]'],
    ['T5 and XLM-RoBERTa', ' {2,}'],
    ['digits from the right', '\\d{1,3}(?=(?:\\d{3})*\\b)'],
  ])('%s', (_, expression) => {
    const tokenizer = tokenizerWith({
      pre_tokenizer: {
        type: 'Sequence',
        pretokenizers: [
          split(expression),
          { type: 'ByteLevel', add_prefix_space: false, use_regex: false, trim_offsets: true },
        ],
      },
    });
    expect(tokenizer.encode('a fine DAY!').ids.length).toBeGreaterThan(9);
  });

  test.each(['bert', 'roberta'])('those of %s', (name) => {
    const tokenizer = JSON.parse(readFileSync(`test/fixtures/texts/${name}/tokenizer.json`, 'utf8'));
    const format = { kind: 'text', maxLength: 32, inputs: ['input_ids'], type: 'int64', tokenizerConfig: {} } as const;
    expect(new TextTokenizer({ ...format, tokenizer }).encode('fine').ids.length).toBeGreaterThan(1);
  });
});

const COSTLY: readonly (readonly [string, RegExp])[] = [
  ['(a+)+$', /repeats a part that can match in several ways/],
  ['(a|a)*$', /repeats a part that can match in several ways/],
  ['(\\w*\\s*)*x', /repeats/],
  ['(.|\\s)+Q', /repeats/],
  ['(?:a?b)*c', /repeats/],
  ['a*a*a*a*b', /two of its repeats can match the same characters/],
  ['\\s+[\\t ]+x', /two of its repeats/],
  ['.*=.*;', /two of its repeats/],
  ['(?=(a+)+b)', /repeats/],
  ['(?!(.|\\s)+Q)\\p{L}+', /repeats/],
  ['(?<=a*a*b)c', /two of its repeats/],
  ['(a*)\\1b', /backreference/],
  ['(?:(?:a{1,100}){1,100}){1,100}b', /more than 1000 ways/],
  ['(a?){60}a{60}', /more than 1000 ways/],
  [`${'a?'.repeat(60)}${'a'.repeat(60)}`, /more than 1000 ways/],
];

describe('refuses expressions that could run forever, before running them', () => {
  test.each(COSTLY)('%s', (source, why) => {
    const error = errorOf(() => refuseCostly(new RegExp(source, 'gu')));
    expect(error.message).toMatch(why);
    expect(error.message).toMatch(/^tokenizer.json has the expression \//);
  });

  test.each([
    ['a normalizer', { normalizer: { type: 'Replace', pattern: { Regex: '(a|a)*b' }, content: '' } }],
    ['one in a sequence', { pre_tokenizer: { type: 'Sequence', pretokenizers: [split('(a|a)*b')] } }],
    ['a decoder', { decoder: { type: 'Replace', pattern: { Regex: '(a|a)*b' }, content: '' } }],
  ])('in %s, even if an added token uses it', (_, more) => {
    const token = { id: 1, content: 'a'.repeat(60), normalized: true, special: false };
    expect(errorOf(() => tokenizerWith({ added_tokens: [token], ...more })).message).toMatch(/could run forever/);
  });
});

test('accepted expressions take at most quadratic time', () => {
  const text = `${' '.repeat(3000)}${'a'.repeat(3000)}${'語'.repeat(3000)}${'1'.repeat(3000)}`;
  const began = process.cpuUsage();
  for (const source of [GPT2, GPT4O, '\\d{1,3}(?=(?:\\d{3})*\\b)']) {
    const expression = new RegExp(source, 'gu');
    refuseCostly(expression);
    expect(text.match(expression)?.length).toBeGreaterThan(0);
  }
  const { user } = process.cpuUsage(began);
  expect(user).toBeLessThan(20e6);
});

function errorOf(f: () => unknown): ThawError {
  try {
    f();
  } catch (error) {
    if (error instanceof ThawError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
