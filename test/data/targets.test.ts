import { describe, expect, it } from 'vitest';
import { type LabelReading, splitByLabels } from '../../src/data/index.ts';
import { openDataset } from '../../src/data/node/index.ts';
import { ThawError } from '../../src/errors.ts';
import { Random } from '../../src/random.ts';
import { image, temporaryFolder, write } from './images.ts';

async function opened(name: string, text: string, labels: LabelReading, options = {}) {
  const root = temporaryFolder();
  for (const i of [1, 2, 3, 4]) write(root, `${i}.png`, await image(i));
  return openDataset(write(root, name, text), { labels, valFraction: 0, ...options });
}

const labels: LabelReading = { kind: 'labels' };
const numbers: LabelReading = { kind: 'numbers' };

describe('several labels per image', () => {
  it('can be in one column, separated by | or ;, quoted or not, or empty', async () => {
    const text = 'file_name,labels,split\n1.png,"b | a",train\n2.png,,train\n3.png,c;b,val\n4.png,a,test\n';
    const { classes, train, val, test } = await opened('a.csv', text, labels);
    expect(classes).toEqual(['a', 'b', 'c']);
    expect([train, val, test].map((split) => split.map(({ label, targets }) => [label, targets]))).toEqual([
      [
        [-1, [1, 1, 0]],
        [-1, [0, 0, 0]],
      ],
      [[-1, [0, 1, 1]]],
      [[-1, [1, 0, 0]]],
    ]);
  });

  it('can be lists in JSON lines, or columns of 0 and 1', async () => {
    const lines = [
      { file: '1.png', labels: ['sun', 'sea'] },
      { file: '2.png', labels: [] },
    ];
    const listed = await opened('a.jsonl', lines.map((line) => JSON.stringify(line)).join('\n'), labels);
    expect([listed.classes, listed.train.map(({ targets }) => targets)]).toEqual([
      ['sea', 'sun'],
      [
        [1, 1],
        [0, 0],
      ],
    ]);
    const text = 'path,sun,sea,note\n1.png,1,0,x\n2.png,true,yes,y\n';
    const columns = await opened('a.csv', text, { kind: 'labels', columns: ['sun', 'sea'] });
    expect([columns.classes, columns.train.map(({ targets }) => targets)]).toEqual([
      ['sun', 'sea'],
      [
        [1, 0],
        [1, 1],
      ],
    ]);
    // A finished model defines the names.
    const known = await opened('a.csv', text, { kind: 'labels', known: ['sea', 'sun'] }, { classes: ['sea', 'sun'] });
    expect(known.train.map(({ targets }) => targets)).toEqual([
      [0, 1],
      [1, 1],
    ]);
  });

  it.each<[string, string, LabelReading, object, RegExp]>([
    [
      'a.csv',
      'file_name,sun\n1.png,1\n2.png,maybe\n',
      { kind: 'labels', columns: ['sun'] },
      {},
      /line 3: sun is "maybe"/,
    ],
    [
      'a.csv',
      'file_name,sun\n1.png,1\n',
      { kind: 'labels', columns: ['moon'] },
      {},
      /no column moon, only file_name, sun/,
    ],
    ['a.csv', 'file_name,sun\n1.png,1\n', labels, {}, /no column labels/],
    ['a.jsonl', '{"file_name": "1.png", "labels": ["a", 3]}', labels, {}, /line 1: labels contains 3/],
    ['a.csv', 'file_name,labels\n1.png,a|b\n', labels, { classes: ['a'] }, /the model has no class b/],
    ['a.csv', 'labels\na\n', labels, {}, /no column file_name/],
    ['a.csv', 'file_name,labels,labels\n1.png,a,b\n', labels, {}, /two columns labels/],
  ])('refuses %s %j', async (name, text, reading, options, message) => {
    const error = await opened(name, text, reading, options).catch((e) => e);
    expect(error).toBeInstanceOf(ThawError);
    expect(error.message).toMatch(message);
    expect(error.hint).toBeTruthy();
  });

  it('are held out with a fraction of every label', () => {
    const random = new Random(5);
    const chances = [0.5, 0.3, 0.1, 0.05];
    const samples = Array.from({ length: 400 }, (_, i) => ({
      file: `${i}`,
      label: -1,
      targets: chances.map((chance) => Number(random.chance(chance))),
    }));
    const { train, val } = splitByLabels(samples, 0.25, 1);
    expect([...train, ...val].map(({ file }) => file).sort()).toEqual(samples.map(({ file }) => file).sort());
    expect(val.length).toBeGreaterThan(90);
    expect(val.length).toBeLessThan(110);
    for (const label of chances.keys()) {
      const count = (some: typeof samples) => some.filter(({ targets }) => targets[label]).length;
      expect(Math.abs(count(val as typeof samples) - 0.25 * count(samples)), `label ${label}`).toBeLessThanOrEqual(2);
    }
    expect(splitByLabels(samples, 0.25, 1)).toEqual({ train, val });
  });
});

describe('numbers', () => {
  it('are all columns except file and split, or the named ones, in their order', async () => {
    const text = 'image,weight,age,split\n1.png,1.5,-2,train\n2.png,2e3,0,val\n';
    const all = await opened('a.csv', text, numbers);
    expect([all.classes, all.train[0].targets, all.val[0].targets]).toEqual([
      ['weight', 'age'],
      [1.5, -2],
      [2000, 0],
    ]);
    const one = await opened('a.csv', text, { kind: 'numbers', columns: ['age'] });
    expect([one.classes, one.train[0].targets]).toEqual([['age'], [-2]]);
  });

  it.each([
    ['a.csv', 'file_name,weight\n1.png,1\n2.png,\n', /line 3: weight is ""/],
    ['a.csv', 'file_name,weight,name\n1.png,1,cow\n', /line 2: name is "cow"/],
    ['a.csv', 'file_name,weight\n1.png,Infinity\n', /weight is "Infinity"/],
    ['a.csv', 'file_name,split\n1.png,train\n', /no column of numbers/],
    ['a.jsonl', '{"file_name": "1.png", "weight": null}', /line 1: weight is ""/],
  ])('refuses %s %j', async (name, text, message) => {
    await expect(opened(name, text, numbers)).rejects.toThrow(message);
  });

  it('need a table', async () => {
    await expect(openDataset(temporaryFolder(), { labels: numbers })).rejects.toThrow(/has no table/);
  });
});
